//! The end of a run, in lines for people.

use std::fmt::{self, Display};
use std::io::{self, Write};

use super::{Count, Grouped, Seconds, one_line};
use crate::bank::Balance;
use crate::event::{AccountSummary, Micros, Summary, Total};
use crate::report::money::MoneyText;

/// The accounts that a summary shows; people read no more.
const ACCOUNTS_SHOWN: usize = 10;

/// A person is also told how much money moved, and how much faster it went than one after another.
pub(super) fn ended(summary: &Summary, is_for_person: bool, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out)?;
    counts(summary, out)?;
    if summary.processes > 0 {
        let processes = Count(summary.processes, "process", "processes");
        writeln!(out, "{processes} started")?;
    }
    write!(out, "Elapsed: {} s", Seconds(summary.elapsed_us))?;
    if summary.sequential_us > Micros::default() {
        let sequential = Seconds(summary.sequential_us);
        write!(out, " (one after another: {sequential} s")?;
        if let Some(speed_up) = SpeedUp::of(summary).filter(|_| is_for_person) {
            write!(out, ", {speed_up}")?;
        }
        write!(out, ")")?;
    }
    writeln!(out)?;
    if is_for_person && summary.moved != Total(0) {
        writeln!(out, "Moved: {}", MoneyText(summary.moved.0))?;
    }
    accounts(summary, out)?;
    if let Some(why) = &summary.ended_early {
        writeln!(out, "Ended early: {}", one_line(why))?;
    }
    Ok(())
}

/// How many times as fast a run was as its work one after another, in tenths.
struct SpeedUp(u64);

impl SpeedUp {
    fn of(summary: &Summary) -> Option<Self> {
        let Micros(elapsed) = summary.elapsed_us;
        let tenths = summary.sequential_us.0.saturating_mul(10);
        tenths.checked_div(elapsed).map(SpeedUp)
    }
}

impl Display for SpeedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} times as fast", self.0 / 10, self.0 % 10)
    }
}

fn counts(summary: &Summary, out: &mut Vec<u8>) -> io::Result<()> {
    let all = Count(summary.operations, "operation", "operations");
    write!(
        out,
        "{all}: {} completed",
        Grouped(summary.completed.into())
    )?;
    for (count, what) in [
        (summary.refused, "refused"),
        (summary.failed, "failed"),
        (summary.in_doubt, "in doubt"),
    ] {
        if count > 0 {
            write!(out, ", {} {what}", Grouped(count.into()))?;
        }
    }
    for (count, one, many) in [
        (summary.duplicates, "duplicate", "duplicates"),
        (summary.invalid, "invalid line", "invalid lines"),
        (summary.skipped, "skipped line", "skipped lines"),
    ] {
        if count > 0 {
            write!(out, "; {}", Count(count, one, many))?;
        }
    }
    writeln!(out)
}

/// The users' accounts before the bank's own, and among them first those that are wrong.
fn accounts(summary: &Summary, out: &mut Vec<u8>) -> io::Result<()> {
    let mut accounts: Vec<&AccountSummary> = summary.balances.iter().collect();
    accounts.sort_by(|one, other| {
        let group = |one: &AccountSummary| (one.account.is_the_banks(), is_right(one));
        let by_name = || one.account.cmp_as_read(&other.account);
        group(one).cmp(&group(other)).then_with(by_name)
    });
    for account in accounts.iter().take(ACCOUNTS_SHOWN) {
        let (name, posted) = (&account.account, MoneyText::of(account.balance));
        write!(out, "Balance of {name}: {posted}")?;
        if let Some(expected) = account.expected {
            write!(out, " ({})", Verdict { account, expected })?;
        }
        writeln!(out)?;
    }
    let unseen = accounts.len().saturating_sub(ACCOUNTS_SHOWN) as u64;
    let unseen = unseen.saturating_add(summary.accounts_omitted);
    if unseen > 0 {
        let unseen = Count(unseen, "more account", "more accounts");
        writeln!(out, "and {unseen}")?;
    }
    if let Some(wrong @ 1..) = summary.wrong_accounts {
        let wrong = Count(wrong, "account", "accounts");
        writeln!(out, "Wrong: {wrong}")?;
    }
    let Some(Total(sum)) = summary.sum else {
        return Ok(());
    };
    let verdict = if sum == 0 { "" } else { " (must be $0.00)" };
    writeln!(out, "Sum over all accounts: {}{verdict}", MoneyText(sum))
}

fn is_right(account: &AccountSummary) -> bool {
    let expected = account.expected.unwrap_or(account.balance);
    account.balance == expected && account.lost_updates == 0 && !account.overdrawn
}

/// An account's balance against what it must be.
struct Verdict<'a> {
    account: &'a AccountSummary,
    expected: Balance,
}

impl Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { account, expected } = *self;
        let lost = Count(account.lost_updates, "update", "updates");
        match (account.balance == expected, account.lost_updates) {
            (true, 0) if account.overdrawn => {
                f.write_str("as it must be, and below its limit: no funds were checked")
            }
            (true, 0) => f.write_str("as it must be"),
            (true, _) => {
                let were = if account.lost_updates == 1 {
                    "was"
                } else {
                    "were"
                };
                write!(f, "the right total, although {lost} {were} lost")
            }
            (false, 0) => write!(f, "must be {}", MoneyText::of(expected)),
            (false, _) => write!(f, "must be {}: {lost} lost", MoneyText::of(expected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::Name;
    use crate::report::samples;

    fn lines(summary: &Summary, is_for_person: bool) -> String {
        let mut out = Vec::new();
        ended(summary, is_for_person, &mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_person_is_told_what_moved_and_how_much_faster_and_a_script_what_it_knows() {
        let summary = samples::summary();
        let (person, script) = (lines(&summary, true), lines(&summary, false));
        assert!(
            person.contains(
                "Elapsed: 4.004 s (one after another: 10.004 s, 2.4 times as fast)\nMoved: $2000.00\n"
            ),
            "{person}"
        );
        let more = [", 2.4 times as fast", "Moved: $2000.00\n"];
        let without = more
            .iter()
            .fold(person, |text, more| text.replace(more, ""));
        assert_eq!(without, script);
    }

    #[test]
    fn accounts_stand_in_the_order_in_which_they_are_read() {
        let account = |name: &str| AccountSummary {
            account: Name::other_side(name).expect("a name"),
            ..samples::summary().balances[2].clone()
        };
        let names = ["@world", "acct-10", "acct-2", "acct-1", "b"];
        let summary = Summary {
            balances: names.map(account).to_vec(),
            ..samples::summary()
        };
        let told = lines(&summary, false);
        let told: Vec<&str> = told
            .lines()
            .filter_map(|line| line.strip_prefix("Balance of "))
            .filter_map(|line| line.split(':').next())
            .collect();
        assert_eq!(told, ["acct-1", "acct-2", "acct-10", "b", "@world"]);
    }
}
