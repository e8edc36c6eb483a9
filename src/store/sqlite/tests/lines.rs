//! A line of a run is decided once, whatever became of the run's lock.

use super::*;

#[test]
fn a_batch_that_did_not_count_leaves_no_line_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let mut ledger = open(&path);
    execute(&mut ledger, Kind::Deposit, None, 100);
    ledger.begin_run(None).expect("a run");
    // The file takes no more entries for a moment.
    let stop = "CREATE TEMP TRIGGER stop BEFORE INSERT ON main.entries BEGIN SELECT raise(ABORT, 'no'); END";
    ledger
        .backend
        .connection
        .execute_batch(stop)
        .expect("stopped");
    let caller = RequestContext {
        run: 1,
        line: Some(Line {
            number: 1,
            digest: 1,
        }),
        ..RequestContext::default()
    };
    let request = withdraw(1);
    let failed = ledger.transact(&[Asked { caller, request }]);
    assert!(failed.is_err(), "{failed:?}");
    let go_on = "DROP TRIGGER stop";
    ledger
        .backend
        .connection
        .execute_batch(go_on)
        .expect("going on");
    let posted = line(&mut ledger, 1, withdraw(1), false);
    assert!(matches!(posted, Outcome::Posted { .. }), "{posted:?}");
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}
