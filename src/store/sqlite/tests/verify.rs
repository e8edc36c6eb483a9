//! A sound ledger has no violation; whatever is changed in it, the first wrong row is named.

mod budgets;
mod changes;
mod forged;
pub(in crate::store::sqlite) mod full;
mod groups;
mod impossible;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::bank::Kind;
use crate::store::ChainEnd;
use full::{Full, execute, open, operation};

/// What `verify` finds; in small pages it finds the same.
fn violation(ledger: &mut FileLedger) -> Option<String> {
    let mut in_pages = |page| ledger.check_in_pages(page, None).expect("checked");
    let verified = in_pages(20_000);
    assert_eq!(in_pages(2), verified);
    verified.violation
}

fn expecting(ledger: &mut FileLedger, end: ChainEnd) -> Option<String> {
    ledger.verify(Some(&end)).expect("checked").violation
}

#[test]
fn a_ledger_with_everything_in_it_is_sound() {
    let mut full = Full::new();
    assert_eq!(violation(&mut full.ledger), None);
    let verified = full.ledger.check_all(None).expect("checked");
    let Verified {
        entries,
        records,
        accounts,
        holds,
        end,
        violation: _,
    } = verified;
    assert_eq!((entries, records, accounts, holds), (8, 19, 6, 3));
    assert_eq!((end.seq, end.record), (8, 19));
    // A hold whose time is over and that was not given back yet is no violation, and stays.
    let mut copy = full.copy();
    assert_eq!(copy.check_all(None).expect("checked").end, end);
}

#[test]
fn a_ledger_with_doubts_is_sound() {
    let mut full = Full::with_doubts();
    assert_eq!(violation(&mut full.ledger), None);
    let mut lines = full.ledger.done_lines(full.run, 0).expect("lines");
    lines.extend(
        full.ledger
            .done_lines(full.run, lines.len() as u64)
            .expect("lines"),
    );
    let mut done: Vec<u64> = lines.iter().map(|done| done.line).collect();
    done.retain(|line| *line > 20);
    done.sort_unstable();
    // No matter which caller ended them, they are done for the lines that they were begun for.
    assert_eq!(done, [21, 22, 23, 24]);
}

#[test]
fn an_empty_ledger_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("bank.db"));
    let end = ChainEnd {
        seq: 0,
        record: 0,
        hash: [0; 32],
    };
    let verified = ledger.verify(Some(&end)).expect("checked");
    assert_eq!((verified.end, verified.violation), (end, None));
}

#[test]
fn a_grown_ledger_contains_its_older_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("bank.db"));
    let mut other = open(&folder.path().join("other.db"));
    let mut ends = Vec::new();
    for minor in 1..8 {
        execute(
            &mut ledger,
            operation(Kind::Deposit, None, "a", None, minor),
        );
        execute(
            &mut ledger,
            operation(Kind::Withdraw, Some("i"), "b", None, 1),
        );
        execute(&mut other, operation(Kind::Deposit, None, "a", None, 9));
        execute(
            &mut other,
            operation(Kind::Withdraw, Some("i"), "b", None, 1),
        );
        ends.push(ledger.verify(None).expect("checked").end);
    }
    for end in &ends {
        assert_eq!(expecting(&mut ledger, *end), None);
        let why = expecting(&mut other, *end).expect("a violation");
        assert!(why.starts_with("this is another history"), "{why}");
    }
    let last = ends[ends.len() - 1];
    let longer = ChainEnd {
        seq: last.seq + 1,
        ..last
    };
    let why = expecting(&mut ledger, longer).expect("a violation");
    assert!(why.starts_with("the tail was cut off"), "{why}");
    let never = ChainEnd { record: 0, ..last };
    let why = expecting(&mut ledger, never).expect("a violation");
    assert!(why.contains("it never was at"), "{why}");
}

#[test]
fn a_cut_tail_shows_only_against_an_end_that_was_kept() {
    let mut full = Full::new();
    let end = full.ledger.check_all(None).expect("checked").end;
    let mut cut = full.copy();
    let sql = "DELETE FROM records WHERE record >= 19; DELETE FROM holds WHERE hold = 19; UPDATE accounts SET held = 0 WHERE account = 1";
    cut.backend.connection.execute_batch(sql).expect("cut");
    forged::reseal(&cut.backend.connection);
    assert_eq!(violation(&mut cut), None);
    let why = expecting(&mut cut, end).expect("a violation");
    assert!(why.starts_with("the tail was cut off"), "{why}");
}

#[test]
fn those_who_write_meanwhile_disturb_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let mut reader = open(&path);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = open(&path);
            for minor in 1.. {
                execute(
                    &mut writer,
                    operation(Kind::Deposit, None, "a", None, minor),
                );
                execute(
                    &mut writer,
                    operation(Kind::Withdraw, Some("no"), "b", None, 1),
                );
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let mut seen = 0;
        while seen < 300 {
            let verified = reader.check_in_pages(7, None).expect("checked");
            if verified.violation.is_some() {
                is_over.store(true, Ordering::Relaxed);
            }
            assert_eq!(verified.violation, None);
            assert!(verified.entries >= seen);
            seen = verified.entries;
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
