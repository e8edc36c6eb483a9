//! The file decides as the ledger state in memory does, also while other processes write to it.

mod expiry;
mod lines;
mod one_batch;
mod rollback;
pub(super) mod verify;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::bank::{
    Amount, Answer, Asked, Balance, Id, Kind, LedgerState, Line, Name, Operation, Outcome,
    Rejection, Request, RequestContext, Unkept, View, WorkEnd,
};
use crate::store::engine::Engine;
use crate::store::{EntryQuery, Ledger, SkippedLine};

/// A ledger in a file.
pub(super) type FileLedger = Engine<Sqlite>;

fn open(path: &Path) -> FileLedger {
    Engine::new(Sqlite::open(path, Access::Create).expect("a ledger"))
}

fn operation(kind: Kind, id: Option<&str>, account: &str, minor: i64) -> Operation {
    let id = id.map(|id| Id::new(id).expect("an id"));
    let account = Name::user(account).expect("a name");
    let amount = Amount::new(minor).filter(|_| kind != Kind::Balance);
    Operation::new(kind, id, account, None, amount).expect("an operation")
}

fn asked(number: u64, request: Request) -> Asked {
    let caller = RequestContext {
        run: 1,
        number,
        ..RequestContext::default()
    };
    Asked { caller, request }
}

fn ask(ledger: &mut FileLedger, number: u64, request: Request) -> Option<Answer> {
    let answers = ledger.transact(&[asked(number, request)]);
    answers.expect("an answer").pop().expect("one answer")
}

fn execute(ledger: &mut FileLedger, kind: Kind, id: Option<&str>, minor: i64) -> Answer {
    let request = Request::Execute(operation(kind, id, "a", minor));
    ask(ledger, 0, request).expect("decided")
}

fn view(posted: i64, available: i64) -> View {
    View {
        posted: Balance::new(posted),
        available: Balance::new(available),
    }
}

fn posted(seq: u64, amount: i64, posted: i64) -> Outcome {
    Outcome::Posted {
        seq,
        amount: Amount::new(amount).expect("positive"),
        view: view(posted, posted),
    }
}

#[test]
fn what_was_decided_is_there_after_opening_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let first = execute(&mut open(&path), Kind::Deposit, Some("x"), 500);
    assert_eq!((first.outcome, first.decided), (posted(1, 500, 500), 1));
    let mut again = open(&path);
    let repeat = execute(&mut again, Kind::Deposit, Some("x"), 500);
    assert_eq!((repeat.outcome, repeat.duplicate), (first.outcome, true));
    assert_eq!((repeat.decided, repeat.other_side), (1, None));
    let conflict = execute(&mut again, Kind::Deposit, Some("x"), 501);
    let Outcome::Refused { rejection, .. } = conflict.outcome else {
        panic!("{conflict:?}");
    };
    assert_eq!(rejection, Rejection::IdConflict);
    let seen = again.look_up(&[Name::user("a").expect("a name"), Name::default()]);
    let seen: Vec<_> = seen
        .expect("an answer")
        .into_iter()
        .map(|found| found.map(|a| a.view))
        .collect();
    assert_eq!(seen, [Some(view(500, 500)), None]);
}

#[test]
fn two_that_write_in_turn_see_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let (mut one, mut other) = (open(&path), open(&path));
    for round in 0..10 {
        let first = execute(&mut one, Kind::Deposit, None, 3);
        assert_eq!(
            first.outcome,
            posted(round * 2 + 1, 3, round as i64 * 2 + 3)
        );
        let second = execute(&mut other, Kind::Withdraw, None, 1);
        assert_eq!(
            second.outcome,
            posted(round * 2 + 2, 1, round as i64 * 2 + 2)
        );
    }
}

fn hold(id: &str, lasts: Option<Duration>) -> Request {
    Request::Hold {
        operation: operation(Kind::Withdraw, Some(id), "a", 30),
        lasts,
    }
}

#[test]
fn a_hold_ends_once_whoever_comes_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let (mut one, mut other) = (open(&path), open(&path));
    execute(&mut one, Kind::Deposit, None, 100);
    let id = || Id::new("h").expect("an id");
    let held = ask(&mut one, 0, hold("h", None)).expect("decided");
    assert_eq!(
        held.outcome,
        Outcome::Held {
            view: view(100, 70)
        }
    );
    let repeat = ask(&mut other, 0, hold("h", None)).expect("decided");
    assert_eq!((repeat.outcome, repeat.duplicate), (held.outcome, true));
    let less = Amount::new(10);
    let part = ask(
        &mut other,
        0,
        Request::PostHold {
            id: id(),
            amount: less,
        },
    )
    .expect("decided");
    assert_eq!((part.outcome, part.decided), (posted(2, 10, 90), 3));
    assert_eq!(part.other_side, Some(view(-90, -90)));
    let late = ask(&mut one, 0, Request::VoidHold { id: id() }).expect("decided");
    assert!(
        matches!(
            late.outcome,
            Outcome::Refused {
                rejection: Rejection::AlreadyPosted,
                ..
            }
        ),
        "{late:?}"
    );
    let same = ask(
        &mut one,
        0,
        Request::PostHold {
            id: id(),
            amount: less,
        },
    )
    .expect("decided");
    assert_eq!((same.outcome, same.duplicate), (part.outcome, true));
    // Nothing is held under it any more.
    let repeat = ask(&mut one, 0, hold("h", None)).expect("decided");
    assert!(
        matches!(
            repeat.outcome,
            Outcome::Refused {
                rejection: Rejection::AlreadyPosted,
                ..
            }
        ),
        "{repeat:?}"
    );
    assert_eq!(one.holds(0).expect("an answer"), []);
}

#[test]
fn a_hold_whose_time_is_over_is_given_back_before_anything_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let mut ledger = open(&path);
    execute(&mut ledger, Kind::Deposit, None, 30);
    ask(&mut ledger, 0, hold("h", Some(Duration::from_micros(1))));
    while !ledger.holds(0).expect("holds").is_empty() {}
    let posted = execute(&mut ledger, Kind::Withdraw, None, 30);
    assert!(
        matches!(posted.outcome, Outcome::Posted { seq: 2, .. }),
        "{posted:?}"
    );
    let id = Id::new("h").expect("an id");
    let late = ask(&mut ledger, 0, Request::PostHold { id, amount: None }).expect("decided");
    assert!(
        matches!(
            late.outcome,
            Outcome::Refused {
                rejection: Rejection::Expired,
                ..
            }
        ),
        "{late:?}"
    );
}

#[test]
fn what_a_dead_run_had_begun_is_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let mut ledger = open(&path);
    execute(&mut ledger, Kind::Deposit, None, 30);
    let name = "november".parse().expect("a name");
    let mut other = open(&path);
    let run = other.begin_run(Some(&name)).expect("a run").number;
    let begin = || {
        let caller = RequestContext {
            run,
            number: 7,
            ..RequestContext::default()
        };
        let request = Request::Begin(operation(Kind::Withdraw, None, "a", 30));
        Asked { caller, request }
    };
    other.transact(&[begin()]).expect("begun");
    assert!(matches!(
        ledger.begin_run(Some(&name)),
        Err(LedgerError::RunIsLive { .. })
    ));
    let a = [Name::user("a").expect("a name")];
    let available = |ledger: &mut FileLedger| {
        let seen = ledger.look_up(&a).expect("an answer");
        seen[0].as_ref().expect("an account").view.available.minor()
    };
    assert_eq!(available(&mut ledger), 0);
    drop(other);
    assert_eq!(available(&mut ledger), 30);
    let again = ledger.begin_run(Some(&name)).expect("a run");
    assert_eq!((again.number, again.is_new), (run, false));
    ledger.end_run(run).expect("closed");
    drop(ledger);
    let left = std::fs::read_dir(folder.path()).expect("a folder");
    let left: Vec<_> = left.map(|file| file.expect("a file").path()).collect();
    assert_eq!(left, [path]);
}

/// A step of some run, also one that no run of ours takes: what, about which of its operations, on which terms, and whether another
/// connection asks it.
fn step() -> impl Strategy<Value = (Request, u64, [bool; 3], bool)> {
    let id = proptest::option::of(select(vec!["i", "j", "k"]));
    let account = select(vec!["a", "b"]);
    let kinds = select(Kind::ALL.to_vec());
    let drawn = (kinds, id, account, 1i64..9)
        .prop_map(|(kind, id, account, minor)| operation(kind, id, account, minor));
    let id = || select(vec!["i", "j", "k"]).prop_map(|id| Id::new(id).expect("an id"));
    let less = || proptest::option::of((1i64..15).prop_map(|m| Amount::new(m).expect("positive")));
    let two_steps = (id(), 1i64..9).prop_map(|(id, minor)| Request::Hold {
        operation: operation(Kind::Withdraw, Some(id.as_str()), "a", minor),
        lasts: None,
    });
    let request = prop_oneof![
        4 => drawn.clone().prop_map(Request::Execute),
        2 => drawn.prop_map(Request::Begin),
        1 => less().prop_map(|amount| Request::End(WorkEnd::Post { amount })),
        1 => select(vec![
            Request::End(WorkEnd::Void),
            Request::End(WorkEnd::Unspent),
            Request::End(WorkEnd::Decline),
            Request::End(WorkEnd::Doubt),
            Request::End(WorkEnd::Keep { lasts: None }),
            Request::End(WorkEnd::Keep { lasts: Some(Duration::ZERO) }),
        ]),
        2 => two_steps,
        2 => (id(), less()).prop_map(|(id, amount)| Request::PostHold { id, amount }),
        1 => id().prop_map(|id| Request::VoidHold { id }),
        1 => (0i64..9).prop_map(|minor| Request::Open {
            account: Name::user("a").expect("a name"),
            overdraft: Some(Balance::new(minor)),
        }),
    ];
    (request, 0u64..4, any::<[bool; 3]>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_file_decides_as_the_ledger_state_does(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bank.db");
        let (mut one, mut other) = (open(&path), open(&path));
        // What is asked below is asked by a run.
        prop_assert_eq!(one.begin_run(None).expect("a run").number, 1);
        let mut ledger_state = LedgerState::new(Balance::default());
        ledger_state.lines().watch(1);
        for (place, (request, number, terms, by_other)) in (1..).zip(steps) {
            let [has_side_effects, retry_in_doubt, has_line] = terms;
            let mut asked = asked(number, request);
            asked.caller.has_side_effects = has_side_effects;
            asked.caller.retry_in_doubt = retry_in_doubt;
            // The same line comes again, and at what is no begin too.
            let number = place % 7;
            asked.caller.line = has_line.then_some(Line { number, digest: place });
            // What a run has begun only its own process ends.
            let others = match asked.request {
                Request::Execute(_) | Request::PostHold { .. } => true,
                Request::VoidHold { .. } | Request::Open { .. } => true,
                Request::Hold { .. } => !has_side_effects,
                _ => false,
            };
            let ledger = if by_other && others { &mut other } else { &mut one };
            let expected = ledger_state.decide(&asked, &mut Unkept);
            let answers = ledger.transact(std::slice::from_ref(&asked)).expect("an answer");
            prop_assert_eq!(answers, vec![expected], "{:?}", asked);
        }
        prop_assert_eq!(other.verify(None).expect("checked").violation, None);
    }
}
