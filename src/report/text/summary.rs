//! The end of a run, in lines for people.

use std::fmt::{self, Display};
use std::io::{self, Write};

use super::{Count, Grouped, Seconds, one_line};
use crate::bank::Balance;
use crate::event::{AccountSummary, Micros, Summary, Total};
use crate::report::money::MoneyText;

/// The accounts that a summary shows; people read no more.
const ACCOUNTS_SHOWN: usize = 10;

pub(super) fn ended(summary: &Summary, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out)?;
    counts(summary, out)?;
    if summary.processes > 0 {
        let processes = Count(summary.processes, "process", "processes");
        writeln!(out, "{processes} started")?;
    }
    write!(out, "Elapsed: {} s", Seconds(summary.elapsed_us))?;
    if summary.sequential_us > Micros::default() {
        let sequential = Seconds(summary.sequential_us);
        write!(out, " (one after another: {sequential} s)")?;
    }
    writeln!(out)?;
    accounts(summary, out)?;
    if let Some(why) = &summary.ended_early {
        writeln!(out, "Ended early: {}", one_line(why))?;
    }
    Ok(())
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
    accounts.sort_by_key(|account| (account.account.is_the_banks(), is_right(account)));
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
