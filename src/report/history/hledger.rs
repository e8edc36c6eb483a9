//! Entries as a journal of hledger, a program for plain-text accounting.

use std::io::Write;

use crate::bank::{BUDGET, Id, LOANS, Name, Unit, WORLD};
use crate::event::rfc3339;
use crate::store::Entry;

/// What stands before the first entry: how amounts are written, exactly as the ledger counts them.
pub(super) fn begin(out: &mut Vec<u8>) {
    let decimals = usize::from(Unit::current().decimals());
    let zeros = "0".repeat(decimals);
    // Memory takes every byte, so nothing fails.
    let _ = writeln!(
        out,
        "decimal-mark .\ncommodity {}",
        money(&format!("1000.{zeros}"))
    );
}

/// A transaction of two postings.
pub(super) fn entry(entry: &Entry, out: &mut Vec<u8>) {
    let Some(movement) = entry.operation.movement() else {
        return;
    };
    let at = rfc3339(entry.at);
    let day = at.split('T').next().unwrap_or_default();
    let added = entry.operation.annotations();
    let words = added.memo.as_deref().unwrap_or(entry.kind().word());
    let amount = movement.amount.to_string();
    let (debit, credit) = (account(movement.debit), account(movement.credit));
    let _ = write!(
        out,
        "\n{day} {}\n    ; seq:{}, at:{at}, op:{}\n",
        plain(words),
        entry.seq,
        entry.kind().word()
    );
    let mut tag = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(out, "    ; {name}:{}", plain(value));
        }
    };
    tag("id", entry.id().as_ref().map(Id::as_str));
    tag("run", entry.run.as_ref().map(|run| run.as_str()));
    tag("happened", added.date.as_deref());
    let _ = write!(
        out,
        "    {credit}  {}\n    {debit}  {}\n",
        money(&amount),
        money(&format!("-{amount}"))
    );
}

/// An account's name as hledger groups accounts by: those of users are assets.
fn account(name: &Name) -> String {
    match name {
        _ if *name == WORLD => "equity:world".to_string(),
        _ if *name == LOANS => "liabilities:loans".to_string(),
        _ if *name == BUDGET => "equity:budget".to_string(),
        _ => format!("assets:{name}"),
    }
}

/// An amount with what it counts, which is quoted where it is no word.
fn money(amount: &str) -> String {
    let unit = Unit::current().name();
    let is_word = !unit.is_empty() && unit.chars().all(|c| c.is_ascii_alphabetic());
    match unit {
        "$" => format!("{amount} $"),
        _ if is_word => format!("{amount} {unit}"),
        _ => format!("{amount} \"{unit}\""),
    }
}

/// A text on one line, without what begins a comment or ends a value.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        ';' | ',' | '|' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(plain).collect()
}
