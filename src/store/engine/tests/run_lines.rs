//! What is told of the lines of a named run.

use super::tables::InMemory;
use super::*;
use crate::bank::{Line, WorkEnd};
use crate::store::{MAX_PAGE, SkippedLine};

/// A ledger with one run, which goes on.
fn begun() -> Engine<InMemory> {
    let mut ledger = Engine::new(Shared::new().open());
    let november = "november".parse().expect("a name");
    let run = ledger.begin_run(Some(&november)).expect("a run").number;
    assert_eq!(run, 1);
    ledger
}

fn of_line(number: u64, request: Request) -> Asked {
    let caller = RequestContext {
        run: 1,
        number,
        line: Some(Line {
            number,
            digest: number,
        }),
        retry: true,
        has_side_effects: true,
        ..RequestContext::default()
    };
    Asked { caller, request }
}

fn deposit(minor: i64) -> Request {
    Request::Execute(operation(Kind::Deposit, None, "a", minor))
}

#[test]
fn lines_that_are_done_are_listed_from_wherever_it_is_asked() {
    let mut ledger = begun();
    let refused = MAX_PAGE as u64 + 2;
    let mut asked: Vec<Asked> = (1..=refused)
        .map(|line| of_line(line, withdraw(1)))
        .collect();
    let count = refused + 2;
    asked.extend((refused + 1..=count).map(|line| of_line(line, deposit(1))));
    ledger.transact(&asked).expect("decided");
    for after in [0, 0, 1, MAX_PAGE as u64 - 1, refused + 1, count, 0] {
        let mut lines = Vec::new();
        loop {
            let page = ledger.done_lines(1, after + lines.len() as u64);
            let page = page.expect("lines");
            if page.is_empty() {
                break;
            }
            lines.extend(page.iter().map(|done| done.line));
        }
        assert_eq!(lines, (after + 1..=count).collect::<Vec<_>>(), "{after}");
    }
}

#[test]
fn a_line_counts_as_what_became_of_it_last() {
    let mut ledger = begun();
    let mut counts = |line, request| {
        ledger.transact(&[of_line(line, request)]).expect("decided");
        let runs = ledger.runs(0).expect("runs");
        let [run] = runs.as_slice() else {
            panic!("{runs:?}")
        };
        assert!(run.is_live);
        (run.done, run.refused, run.failed, run.begun)
    };
    let begin = || Request::Begin(operation(Kind::Withdraw, Some("work"), "a", 1));
    let view = || Request::Execute(operation(Kind::Balance, None, "a", 0));
    assert_eq!(counts(1, withdraw(5)), (0, 1, 0, 0));
    assert_eq!(counts(2, withdraw(5)), (0, 2, 0, 0));
    assert_eq!(counts(3, deposit(10)), (1, 2, 0, 0));
    assert_eq!(counts(1, withdraw(5)), (2, 1, 0, 0), "it is posted now");
    assert_eq!(counts(2, view()), (3, 0, 0, 0), "it is another one now");
    assert_eq!(counts(4, begin()), (3, 0, 0, 1));
    assert_eq!(counts(4, Request::End(WorkEnd::Void)), (3, 0, 1, 0));
    assert_eq!(counts(4, begin()), (3, 0, 0, 1), "it is begun again");
    assert_eq!(counts(4, Request::End(WorkEnd::Unspent)), (4, 0, 0, 0));
}

#[test]
fn a_line_of_a_run_that_has_just_died_is_given_up_if_no_work_was_begun_for_it() {
    let rows = Shared::new();
    let mut ledger = Engine::new(rows.open());
    execute(&mut ledger, Kind::Deposit, None, 50);
    ask(&mut ledger, 0, hold("of no line", None));
    let [december, november] = ["december", "november"].map(|name| name.parse().expect("a name"));
    ledger.begin_run(Some(&december)).expect("a run");
    // Dead runs were looked for just now.
    let mut dead = Engine::new(rows.open());
    let run = dead.begin_run(Some(&november)).expect("a run").number;
    let begin = Request::Begin(operation(Kind::Withdraw, Some("work"), "a", 1));
    let mut begin = of_line(1, begin);
    begin.caller.run = run;
    dead.transact(&[begin]).expect("begun");
    drop(dead);
    let runs = |ledger: &mut Engine<InMemory>| {
        let runs = ledger.runs(0).expect("runs");
        let [one, two] = runs.as_slice() else {
            panic!("{runs:?}")
        };
        assert_eq!((one.is_live, two.is_live), (true, false));
        (two.begun, two.in_doubt, two.skipped)
    };
    assert_eq!(runs(&mut ledger), (1, 0, 0));
    let mut skip = |line| ledger.skip(&november, line, "paid by hand").expect("told");
    let in_doubt = true;
    assert_eq!(skip(1), SkippedLine::Begun { in_doubt });
    assert_eq!(skip(2), SkippedLine::Skipped);
    assert_eq!(runs(&mut ledger), (0, 1, 1));
}
