//! A transaction that was rolled back leaves nothing behind, in memory neither.

use super::*;

/// Has every change of this kind fail until it is allowed again.
pub(super) fn forbid(ledger: &FileLedger, change: &str) {
    let trigger = format!(
        "CREATE TEMP TRIGGER forbidden BEFORE {change} BEGIN SELECT RAISE(ABORT, 'no'); END"
    );
    ledger
        .backend
        .connection
        .execute_batch(&trigger)
        .expect("set");
}

pub(super) fn allow(ledger: &FileLedger) {
    let sql = "DROP TRIGGER forbidden";
    ledger
        .backend
        .connection
        .execute_batch(sql)
        .expect("dropped");
}

/// Asks once in vain and once more.
fn ask_twice(ledger: &mut FileLedger, change: &str, number: u64, request: Request) -> Outcome {
    forbid(ledger, change);
    let failed = ledger.transact(&[asked(number, request.clone())]);
    assert!(failed.is_err(), "{failed:?}");
    allow(ledger);
    ask(ledger, number, request).expect("decided").outcome
}

#[test]
fn what_was_rolled_back_can_be_asked_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(&folder.path().join("bank.db"));
    execute(&mut ledger, Kind::Deposit, None, 100);
    assert_eq!(ledger.begin_run(None).expect("a run").number, 1);
    let begin = |id| Request::Begin(operation(Kind::Withdraw, Some(id), "a", 30));
    let post = Request::End(WorkEnd::Post { amount: None });
    let held = ask_twice(&mut ledger, "INSERT ON main.holds", 1, begin("x"));
    assert!(matches!(held, Outcome::Held { .. }), "{held:?}");
    let posted = ask_twice(&mut ledger, "INSERT ON main.entries", 1, post);
    assert_eq!(posted, super::posted(2, 30, 70));
    ask(&mut ledger, 2, begin("y")).expect("decided");
    let void = Request::End(WorkEnd::Void);
    let voided = ask_twice(&mut ledger, "DELETE ON main.holds", 2, void);
    assert_eq!(voided, Outcome::Voided { view: view(70, 70) });
    let violation = ledger.verify(None).expect("checked").violation;
    assert_eq!(violation, None);
}
