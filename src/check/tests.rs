//! Histories that are right, and faults planted in them.

mod allowances;
mod faults;
mod generated;
mod groups;
mod smallest;

use serde_json::{Value, json};

use super::order::ClaimedOrder;
use super::rules::RuleReplay;
use super::*;

/// The history of these lines, all of one file.
pub(super) fn history(lines: &[Value]) -> ObservedHistory {
    histories(&[lines])
}

/// The history of the lines of several files.
pub(super) fn histories(files: &[&[Value]]) -> ObservedHistory {
    let mut history = ObservedHistory::default();
    for (file, lines) in files.iter().enumerate() {
        history.next_file();
        for (number, line) in (1..).zip(lines.iter()) {
            let text = line.to_string();
            let added = history.add(file, number, &text);
            added.unwrap_or_else(|fault| panic!("line {number}: {fault}: {text}"));
        }
    }
    history.finish();
    history
}

/// What is found about these lines.
pub(super) fn checked(lines: &[Value]) -> CheckedHistory {
    check(&history(lines))
}

/// The first contradiction, if there is one.
pub(super) fn contradiction(checked: &CheckedHistory) -> Option<&Contradiction> {
    checked
        .tiers
        .iter()
        .find_map(|tier| tier.contradiction.as_ref())
}

/// The first line of a run in memory.
pub(super) fn run_started(balance: &str) -> Value {
    json!({
        "v": 1, "type": "run_started", "mode": "parallel", "mechanism": "m", "pid": 1, "jobs": 1,
        "started_at": "2026-11-26T04:10:00.000000Z", "clock_us": 1_000, "account": "main",
        "balance": balance,
    })
}

/// The line of a completed operation on `main`, some time after the one before it.
pub(super) fn completed(op: &str, amount: &str, balance: &str, seq: u64, decided: u64) -> Value {
    json!({
        "v": 1, "type": "completed", "op": op, "account": "main", "amount": amount,
        "balance": balance, "available": balance, "seq": seq, "decided": decided, "operation": decided,
        "at_us": decided * 100, "elapsed_us": 10,
    })
}
