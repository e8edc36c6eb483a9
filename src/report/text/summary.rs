//! The end of a run, in lines for people.

use std::fmt::{self, Display};
use std::io::{self, Write};

use super::{Count, Dollars, Grouped, Seconds, one_line};
use crate::bank::Balance;
use crate::event::{AccountSummary, Summary};
use crate::report::operations;

/// The accounts that a summary shows; people read no more.
const ACCOUNTS_SHOWN: usize = 10;

pub(super) fn ended(summary: &Summary, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out)?;
    counts(summary, out)?;
    if summary.processes > 0 {
        let processes = Count(summary.processes, "process", "processes");
        writeln!(out, "{processes} started")?;
    }
    write!(out, "Elapsed: {} s", Seconds(summary.elapsed))?;
    if !summary.sequential.is_zero() {
        let sequential = Seconds(summary.sequential);
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
    let counts = summary.counts;
    let all = Count(operations(counts), "operation", "operations");
    write!(out, "{all}: {} completed", Grouped(counts.completed.into()))?;
    for (count, what) in [
        (counts.refused, "refused"),
        (counts.failed, "failed"),
        (counts.in_doubt, "in doubt"),
    ] {
        if count > 0 {
            write!(out, ", {} {what}", Grouped(count.into()))?;
        }
    }
    for (count, one, many) in [
        (counts.duplicates, "duplicate", "duplicates"),
        (counts.invalid, "invalid line", "invalid lines"),
        (counts.skipped, "skipped line", "skipped lines"),
    ] {
        if count > 0 {
            write!(out, "; {}", Count(count, one, many))?;
        }
    }
    writeln!(out)
}

/// The users' accounts before the bank's own, and among them first those that are wrong.
fn accounts(summary: &Summary, out: &mut Vec<u8>) -> io::Result<()> {
    let mut accounts: Vec<&AccountSummary> = summary.accounts.iter().collect();
    accounts.sort_by_key(|account| (account.name.is_the_banks(), is_right(account)));
    for account in accounts.iter().take(ACCOUNTS_SHOWN) {
        let (name, posted) = (&account.name, Dollars::of(account.view.posted));
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
    let Some(check) = summary.check else {
        return Ok(());
    };
    if check.wrong_accounts > 0 {
        let wrong = Count(check.wrong_accounts, "account", "accounts");
        writeln!(out, "Wrong: {wrong}")?;
    }
    let verdict = if check.sum == 0 {
        ""
    } else {
        " (must be $0.00)"
    };
    writeln!(
        out,
        "Sum over all accounts: {}{verdict}",
        Dollars(check.sum)
    )
}

fn is_right(account: &AccountSummary) -> bool {
    let expected = account.expected.unwrap_or(account.view.posted);
    account.view.posted == expected && account.lost_updates == 0
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
        match (account.view.posted == expected, account.lost_updates) {
            (true, 0) => f.write_str("as it must be"),
            (true, _) => write!(f, "right by luck: {lost} lost"),
            (false, 0) => write!(f, "must be {}", Dollars::of(expected)),
            (false, _) => write!(f, "must be {}: {lost} lost", Dollars::of(expected)),
        }
    }
}
