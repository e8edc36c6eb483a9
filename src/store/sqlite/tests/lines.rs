//! A line of a run is decided once, whatever became of the run's lock.

use super::*;

/// Asks about a line of the first run.
fn line(ledger: &mut FileLedger, line: u64, request: Request, retry: bool) -> Outcome {
    let caller = RequestContext {
        run: 1,
        number: line,
        line: Some(Line {
            number: line,
            digest: line,
        }),
        retry,
        ..RequestContext::default()
    };
    let answers = ledger.transact(&[Asked { caller, request }]);
    answers.expect("an answer")[0].expect("decided").outcome
}

fn withdraw(minor: i64) -> Request {
    Request::Execute(operation(Kind::Withdraw, None, "a", minor))
}

fn view_of_it() -> Request {
    Request::Execute(operation(Kind::Balance, None, "a", 0))
}

#[track_caller]
fn refused(outcome: Outcome, expected: Rejection) {
    let rejection = match outcome {
        Outcome::Refused { rejection, .. } => Some(rejection),
        _ => None,
    };
    assert_eq!(rejection, Some(expected), "{outcome:?}");
}

#[test]
fn what_one_process_did_of_a_line_no_other_does_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    // Both act for the run, as if its lock had been lost.
    let (mut one, mut other) = (open(&path), open(&path));
    execute(&mut one, Kind::Deposit, None, 100);
    one.begin_run(Some(&"november".parse().expect("a name")))
        .expect("a run");

    let posted = line(&mut one, 1, withdraw(1), false);
    assert!(matches!(posted, Outcome::Posted { .. }), "{posted:?}");
    let viewed = line(&mut other, 2, view_of_it(), false);
    assert!(matches!(viewed, Outcome::Viewed { .. }), "{viewed:?}");
    let poor = line(&mut other, 3, withdraw(1_000), false);
    refused(poor, Rejection::InsufficientFunds);
    let begin = || Request::Begin(operation(Kind::Withdraw, None, "a", 5));
    let held = line(&mut other, 4, begin(), false);
    assert!(matches!(held, Outcome::Held { .. }), "{held:?}");

    let end = one.verify(None).expect("checked").end;
    let mut third = open(&path);
    for ledger in [&mut one, &mut other, &mut third] {
        for number in 1..4 {
            for request in [withdraw(1), withdraw(1_000), view_of_it(), begin()] {
                refused(line(ledger, number, request, false), Rejection::LineDone);
            }
        }
        refused(line(ledger, 4, withdraw(1), false), Rejection::InProgress);
        refused(line(ledger, 1, withdraw(1), true), Rejection::LineDone);
    }
    // Nothing of that was written down.
    assert_eq!(one.verify(None).expect("checked").end, end);

    // What was refused is decided anew where that is asked for, and then it is done.
    let anew = line(&mut one, 3, withdraw(2), true);
    assert!(matches!(anew, Outcome::Posted { .. }), "{anew:?}");
    refused(line(&mut other, 3, withdraw(2), true), Rejection::LineDone);
    // What was given back may be tried again.
    let voided = line(&mut other, 4, Request::End(WorkEnd::Void), false);
    assert!(matches!(voided, Outcome::Voided { .. }), "{voided:?}");
    let again = line(&mut one, 4, withdraw(5), false);
    assert!(matches!(again, Outcome::Posted { .. }), "{again:?}");
    refused(line(&mut third, 4, withdraw(5), false), Rejection::LineDone);
    assert_eq!(one.verify(None).expect("checked").violation, None);
}

#[test]
fn a_line_that_was_given_up_is_never_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let november = "november".parse().expect("a name");
    let mut ledger = open(&path);
    execute(&mut ledger, Kind::Deposit, None, 100);
    let run = ledger.begin_run(Some(&november)).expect("a run").number;
    ledger.end_run(run).expect("closed");
    let skipped = open(&path).skip(&november, 7, "paid by hand");
    assert_eq!(skipped.expect("told"), SkippedLine::Skipped);
    ledger.begin_run(Some(&november)).expect("a run");
    refused(line(&mut ledger, 7, withdraw(1), true), Rejection::LineDone);
    let next = line(&mut ledger, 8, withdraw(1), false);
    assert!(matches!(next, Outcome::Posted { .. }), "{next:?}");
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}

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
