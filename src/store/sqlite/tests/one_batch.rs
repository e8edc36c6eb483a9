//! A run that begins with its first request and ends with its last, each in one batch.

use super::rollback::{allow, forbid};
use super::*;
use crate::store::{LedgerAnswer, LedgerError, LedgerRequest, NEW_RUN};

/// A ledger in which an account has 30, and where it is.
pub(super) fn with_money() -> (tempfile::TempDir, std::path::PathBuf, FileLedger) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let mut ledger = open(&path);
    execute(&mut ledger, Kind::Deposit, None, 30);
    (folder, path, ledger)
}

/// Begins to withdraw so much in a new run.
fn begin(
    ledger: &mut FileLedger,
    has_side_effects: bool,
    minor: i64,
) -> Result<Vec<LedgerAnswer>, LedgerError> {
    let request = Request::Begin(operation(Kind::Withdraw, Some("i"), "a", minor));
    let mut begin = asked(1, request);
    begin.caller.run = NEW_RUN;
    begin.caller.has_side_effects = has_side_effects;
    ledger.submit(&[
        LedgerRequest::BeginRun(None),
        LedgerRequest::Decide(begin),
        LedgerRequest::EndRun {
            run: NEW_RUN,
            if_idle: true,
        },
    ])
}

/// The run that has begun and goes on, with its money set aside.
fn begun(answers: Result<Vec<LedgerAnswer>, LedgerError>) -> u32 {
    let answers = answers.expect("an answer");
    let [
        LedgerAnswer::RunBegun(run),
        LedgerAnswer::Decided(Some(answer)),
        LedgerAnswer::RunGoesOn,
    ] = answers.as_slice()
    else {
        panic!("{answers:?}");
    };
    assert!(matches!(answer.outcome, Outcome::Held { .. }), "{answer:?}");
    run.number
}

/// Asks this in the run, and ends it.
fn end(
    ledger: &mut FileLedger,
    run: u32,
    request: Request,
) -> Result<Vec<LedgerAnswer>, LedgerError> {
    let mut last = asked(1, request);
    last.caller.run = run;
    let if_idle = false;
    ledger.submit(&[
        LedgerRequest::Decide(last),
        LedgerRequest::EndRun { run, if_idle },
    ])
}

/// The runs that are marked as live.
fn live(ledger: &FileLedger) -> Vec<u32> {
    let connection = &ledger.backend.connection;
    let mut query = connection
        .prepare("SELECT run FROM runs WHERE live = 1")
        .expect("a query");
    let runs = query.query_map([], |row| row.get(0)).expect("rows");
    runs.map(|run| run.expect("a run")).collect()
}

/// What another process finds, which looks for dead runs first.
fn available(path: &Path) -> i64 {
    let balance = Request::Execute(operation(Kind::Balance, None, "a", 0));
    match ask(&mut open(path), 0, balance).expect("decided").outcome {
        Outcome::Viewed { view, .. } => view.available.minor(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_lives_from_what_it_sets_aside_to_what_becomes_of_that() {
    let ends = [
        (Request::End(WorkEnd::Post { amount: None }), 20),
        (Request::End(WorkEnd::Void), 30),
        (Request::End(WorkEnd::Unspent), 30),
        (Request::End(WorkEnd::Doubt), 20),
        // Whatever it asks last, no hold stays its own: this one is in doubt.
        (
            Request::Open {
                account: Name::user("b").expect("a name"),
                overdraft: None,
                allowance: None,
            },
            20,
        ),
    ];
    for (request, left) in ends {
        let (_folder, path, mut ledger) = with_money();
        let run = begun(begin(&mut ledger, true, 10));
        assert_eq!((available(&path), live(&ledger)), (20, vec![run]));
        let answers = end(&mut ledger, run, request).expect("an answer");
        assert!(
            matches!(answers[..], [LedgerAnswer::Decided(Some(_)), LedgerAnswer::RunEnded(ended)] if ended == run),
            "{answers:?}"
        );
        assert_eq!((available(&path), live(&ledger)), (left, Vec::new()));
        let holds = ledger.holds(0).expect("holds");
        assert!(holds.iter().all(|hold| hold.in_doubt), "{holds:?}");
        assert_eq!(ledger.verify(None).expect("checked").violation, None);
    }
}

#[test]
fn a_run_that_sets_nothing_aside_has_ended_with_its_answer() {
    let (_folder, _, mut ledger) = with_money();
    for duplicate in [false, true] {
        let answers = begin(&mut ledger, true, 40).expect("an answer");
        let [
            _,
            LedgerAnswer::Decided(Some(answer)),
            LedgerAnswer::RunEnded(run),
        ] = answers.as_slice()
        else {
            panic!("{answers:?}");
        };
        let is_refused = matches!(answer.outcome, Outcome::Refused { .. });
        assert!(is_refused && answer.duplicate == duplicate, "{answer:?}");
        assert!(live(&ledger).is_empty());
        assert!(ledger.share_of_run(*run).is_none());
    }
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}

#[test]
fn a_run_whose_process_is_gone_is_abandoned() {
    for (has_side_effects, left) in [(false, 30), (true, 20)] {
        let (_folder, path, mut ledger) = with_money();
        let mut dying = open(&path);
        let run = begun(begin(&mut dying, has_side_effects, 10));
        drop(dying);
        assert_eq!((available(&path), live(&ledger)), (left, Vec::new()));
        let answers = end(&mut ledger, run, Request::End(WorkEnd::Void)).expect("an answer");
        assert!(
            matches!(
                answers[..],
                [LedgerAnswer::Decided(None), LedgerAnswer::RunEnded(_)]
            ),
            "{answers:?}"
        );
    }
}

#[test]
fn many_runs_begin_and_end_in_one_batch() {
    let (_folder, path, mut ledger) = with_money();
    let mut batch = Vec::new();
    for number in 1..=3 {
        let id = format!("i{number}");
        let operation = operation(Kind::Withdraw, Some(&id), "a", 10);
        let mut begin = asked(number, Request::Begin(operation));
        begin.caller.run = NEW_RUN;
        batch.push(LedgerRequest::BeginRun(None));
        batch.push(LedgerRequest::Decide(begin));
        batch.push(LedgerRequest::EndRun {
            run: NEW_RUN,
            if_idle: number != 2,
        });
    }
    let answers = ledger.submit(&batch).expect("answers");
    let runs: Vec<u32> = answers
        .iter()
        .filter_map(|answer| match answer {
            LedgerAnswer::RunBegun(run) => Some(run.number),
            _ => None,
        })
        .collect();
    assert_eq!(live(&ledger), [runs[0], runs[2]]);
    // The second one has given back at once what it had set aside.
    assert_eq!(answers[5], LedgerAnswer::RunEnded(runs[1]));
    assert_eq!(available(&path), 10);
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}

#[test]
fn a_named_run_that_is_live_is_no_error_for_others_in_the_batch() {
    let (_folder, path, mut ledger) = with_money();
    let name: crate::store::RunName = "november".parse().expect("a name");
    let mut owner = open(&path);
    owner.begin_run(Some(&name)).expect("a run");
    let mut in_it = asked(1, Request::Begin(operation(Kind::Withdraw, None, "a", 1)));
    in_it.caller.run = NEW_RUN;
    let deposit = asked(0, Request::Execute(operation(Kind::Deposit, None, "a", 1)));
    let answers = ledger.submit(&[
        LedgerRequest::BeginRun(Some(name.clone())),
        LedgerRequest::Decide(in_it),
        LedgerRequest::Decide(deposit),
    ]);
    let answers = answers.expect("answers");
    assert_eq!(answers[0], LedgerAnswer::RunIsLive(name));
    assert_eq!(answers[1], LedgerAnswer::Decided(None));
    assert!(matches!(answers[2], LedgerAnswer::Decided(Some(_))));
}

#[test]
fn no_run_is_leased_that_did_not_begin() {
    let (_folder, path, mut ledger) = with_money();
    forbid(&ledger, "INSERT ON main.records");
    begin(&mut ledger, true, 10).expect_err("no");
    assert!(live(&ledger).is_empty());
    assert!(ledger.share_of_run(1).is_none());
    allow(&ledger);
    let run = begun(begin(&mut ledger, true, 10));
    assert_eq!(live(&ledger), [run]);
    // A run that cannot be ended is left, and the next process ends it.
    forbid(&ledger, "INSERT ON main.records");
    end(&mut ledger, run, Request::End(WorkEnd::Void)).expect_err("no");
    allow(&ledger);
    assert!(ledger.share_of_run(run).is_none());
    assert_eq!((available(&path), live(&ledger)), (20, Vec::new()));
}
