//! What is tried over each backend.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::bank::{Group, LedgerState, NullJournal, Rejection, WorkEnd};
use crate::store::SkippedLine;

fn view_of_it() -> Request {
    Request::Execute(operation(Kind::Balance, None, "a", 0))
}

#[track_caller]
pub(super) fn refused(outcome: Outcome, expected: Rejection) {
    let rejection = match outcome {
        Outcome::Refused { rejection, .. } => Some(rejection),
        _ => None,
    };
    assert_eq!(rejection, Some(expected), "{outcome:?}");
}

pub(super) fn what_was_decided_is_there_after_opening_anew(place: &dyn LedgerPlace) {
    let first = execute(place.open().as_mut(), Kind::Deposit, Some("x"), 500);
    assert_eq!((first.outcome, first.decided), (posted(1, 500, 500), 1));
    let mut again = place.open();
    let repeat = execute(again.as_mut(), Kind::Deposit, Some("x"), 500);
    assert_eq!((repeat.outcome, repeat.duplicate), (first.outcome, true));
    assert_eq!((repeat.decided, repeat.other_side), (1, None));
    let conflict = execute(again.as_mut(), Kind::Deposit, Some("x"), 501);
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

pub(super) fn an_id_of_any_characters_is_known_again(place: &dyn LedgerPlace) {
    let ids = [
        "\"quoted\"",
        "a\\b",
        "[1,2]",
        "null",
        "7",
        "ä€😀",
        "%_'",
        " ",
    ];
    for duplicate in [false, true] {
        let mut ledger = place.open();
        let batch: Vec<Asked> = ids
            .iter()
            .map(|id| {
                asked(
                    0,
                    Request::Execute(operation(Kind::Deposit, Some(id), "a", 5)),
                )
            })
            .collect();
        let answers = ledger.transact(&batch).expect("answers");
        let known =
            |answer: &Option<Answer>| answer.as_ref().expect("decided").duplicate == duplicate;
        assert!(answers.iter().all(known), "{answers:?}");
        assert_eq!(ledger.verify(None).expect("checked").violation, None);
    }
}

pub(super) fn two_that_write_in_turn_see_each_other(place: &dyn LedgerPlace) {
    let (mut one, mut other) = (place.open(), place.open());
    for round in 0..10 {
        let first = execute(one.as_mut(), Kind::Deposit, None, 3);
        assert_eq!(
            first.outcome,
            posted(round * 2 + 1, 3, round as i64 * 2 + 3)
        );
        let second = execute(other.as_mut(), Kind::Withdraw, None, 1);
        assert_eq!(
            second.outcome,
            posted(round * 2 + 2, 1, round as i64 * 2 + 2)
        );
    }
}

pub(super) fn a_hold_ends_once_and_the_first_request_counts(place: &dyn LedgerPlace) {
    let (mut one, mut other) = (place.open(), place.open());
    execute(one.as_mut(), Kind::Deposit, None, 100);
    let id = || Id::new("h").expect("an id");
    let held = ask(one.as_mut(), 0, hold("h", None)).expect("decided");
    assert_eq!(
        held.outcome,
        Outcome::Held {
            view: view(100, 70)
        }
    );
    let repeat = ask(other.as_mut(), 0, hold("h", None)).expect("decided");
    assert_eq!((repeat.outcome, repeat.duplicate), (held.outcome, true));
    let less = Amount::new(10);
    let part = ask(
        other.as_mut(),
        0,
        Request::PostHold {
            id: id(),
            amount: less,
        },
    )
    .expect("decided");
    assert_eq!((part.outcome, part.decided), (posted(2, 10, 90), 3));
    assert_eq!(part.other_side, Some(view(-90, -90)));
    let late = ask(one.as_mut(), 0, Request::VoidHold { id: id() }).expect("decided");
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
        one.as_mut(),
        0,
        Request::PostHold {
            id: id(),
            amount: less,
        },
    )
    .expect("decided");
    assert_eq!((same.outcome, same.duplicate), (part.outcome, true));
    // Nothing is held under it any more.
    let repeat = ask(one.as_mut(), 0, hold("h", None)).expect("decided");
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

pub(super) fn a_hold_whose_time_is_over_is_given_back_before_anything_else(
    place: &dyn LedgerPlace,
) {
    let mut ledger = place.open();
    execute(ledger.as_mut(), Kind::Deposit, None, 30);
    ask(
        ledger.as_mut(),
        0,
        hold("h", Some(Duration::from_micros(1))),
    );
    while !ledger.holds(0).expect("holds").is_empty() {}
    let posted = execute(ledger.as_mut(), Kind::Withdraw, None, 30);
    assert!(
        matches!(posted.outcome, Outcome::Posted { seq: 2, .. }),
        "{posted:?}"
    );
    let id = Id::new("h").expect("an id");
    let late = ask(ledger.as_mut(), 0, Request::PostHold { id, amount: None }).expect("decided");
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

pub(super) fn what_a_dead_run_had_begun_is_given_back(place: &dyn LedgerPlace) {
    let mut ledger = place.open();
    execute(ledger.as_mut(), Kind::Deposit, None, 30);
    let name = "november".parse().expect("a name");
    let mut other = place.open();
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
    let available = |ledger: &mut dyn Ledger| {
        let seen = ledger.look_up(&a).expect("an answer");
        seen[0].as_ref().expect("an account").view.available.minor()
    };
    assert_eq!(available(ledger.as_mut()), 0);
    drop(other);
    assert_eq!(available(ledger.as_mut()), 30);
    let again = ledger.begin_run(Some(&name)).expect("a run");
    assert_eq!((again.number, again.is_new), (run, false));
    ledger.end_run(run).expect("closed");
}

pub(super) fn a_line_that_a_dead_run_had_begun_is_begun_again(place: &dyn LedgerPlace) {
    let name = "november".parse().expect("a name");
    let mut dead = place.open();
    execute(dead.as_mut(), Kind::Deposit, None, 30);
    dead.begin_run(Some(&name)).expect("a run");
    let begin = || Request::Begin(operation(Kind::Withdraw, None, "a", 30));
    for number in 1..3 {
        let held = line(dead.as_mut(), 1, begin(), false);
        assert!(matches!(held, Outcome::Held { .. }), "{number}: {held:?}");
        let mut next = place.open();
        drop(dead);
        next.begin_run(Some(&name)).expect("the same run");
        dead = next;
    }
    let posted = line(dead.as_mut(), 1, withdraw(30), false);
    assert!(matches!(posted, Outcome::Posted { .. }), "{posted:?}");
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
        2 => groups().prop_map(Request::Execute),
        2 => groups().prop_map(Request::Begin),
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
        1 => id().prop_map(|id| Request::DeclineHold { id }),
        1 => (0i64..9).prop_map(|minor| Request::Open {
            account: Name::user("a").expect("a name"),
            overdraft: Some(Balance::new(minor)),
            allowance: None,
        }),
    ];
    (request, 0u64..4, any::<[bool; 3]>(), any::<bool>())
}

/// One or several operations in one.
fn groups() -> impl Strategy<Value = Operation> {
    let kinds = select(vec![Kind::Withdraw, Kind::Deposit, Kind::Transfer]);
    let part = (kinds, select(vec!["a", "b"]), 1i64..9)
        .prop_map(|(kind, account, minor)| operation(kind, None, account, minor));
    let id = proptest::option::of(select(vec!["i", "j", "k"]));
    (prop::collection::vec(part, 1..4), id).prop_map(|(parts, id)| {
        let id = id.map(|id| Id::new(id).expect("an id"));
        Group::new(parts).expect("a group").operation(id)
    })
}

pub(super) fn it_decides_as_the_ledger_state_does(place: &dyn LedgerPlace) {
    let config = ProptestConfig::with_cases(place.histories());
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        place.clear();
        let (mut one, mut other) = (place.open(), place.open());
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
                Request::Begin(_) | Request::End(_) => false,
                Request::Hold { .. } => !has_side_effects,
                _ => true,
            };
            let ledger = if by_other && others { other.as_mut() } else { one.as_mut() };
            let expected = ledger_state.decide(&asked, &mut NullJournal);
            let answers = ledger.transact(std::slice::from_ref(&asked)).expect("an answer");
            prop_assert_eq!(answers, vec![expected], "{:?}", asked);
        }
        prop_assert_eq!(other.verify(None).expect("checked").violation, None);
    });
}

pub(super) fn what_one_process_did_of_a_line_no_other_does_again(place: &dyn LedgerPlace) {
    // Both act for the run, as if its lock had been lost.
    let (mut one, mut other) = (place.open(), place.open());
    execute(one.as_mut(), Kind::Deposit, None, 100);
    one.begin_run(Some(&"november".parse().expect("a name")))
        .expect("a run");

    let posted = line(one.as_mut(), 1, withdraw(1), false);
    assert!(matches!(posted, Outcome::Posted { .. }), "{posted:?}");
    let viewed = line(other.as_mut(), 2, view_of_it(), false);
    assert!(matches!(viewed, Outcome::Viewed { .. }), "{viewed:?}");
    let poor = line(other.as_mut(), 3, withdraw(1_000), false);
    refused(poor, Rejection::InsufficientFunds);
    let begin = || Request::Begin(operation(Kind::Withdraw, None, "a", 5));
    let held = line(other.as_mut(), 4, begin(), false);
    assert!(matches!(held, Outcome::Held { .. }), "{held:?}");

    let end = one.verify(None).expect("checked").end;
    let mut third = place.open();
    for ledger in [one.as_mut(), other.as_mut(), third.as_mut()] {
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
    let anew = line(one.as_mut(), 3, withdraw(2), true);
    assert!(matches!(anew, Outcome::Posted { .. }), "{anew:?}");
    refused(
        line(other.as_mut(), 3, withdraw(2), true),
        Rejection::LineDone,
    );
    // What was given back may be tried again.
    let voided = line(other.as_mut(), 4, Request::End(WorkEnd::Void), false);
    assert!(matches!(voided, Outcome::Voided { .. }), "{voided:?}");
    let again = line(one.as_mut(), 4, withdraw(5), false);
    assert!(matches!(again, Outcome::Posted { .. }), "{again:?}");
    refused(
        line(third.as_mut(), 4, withdraw(5), false),
        Rejection::LineDone,
    );
    assert_eq!(one.verify(None).expect("checked").violation, None);
}

pub(super) fn a_line_that_was_given_up_is_never_decided(place: &dyn LedgerPlace) {
    let november = "november".parse().expect("a name");
    let mut ledger = place.open();
    execute(ledger.as_mut(), Kind::Deposit, None, 100);
    let run = ledger.begin_run(Some(&november)).expect("a run").number;
    ledger.end_run(run).expect("closed");
    let skipped = place.open().skip(&november, 7, "paid by hand");
    assert_eq!(skipped.expect("told"), SkippedLine::Skipped);
    ledger.begin_run(Some(&november)).expect("a run");
    refused(
        line(ledger.as_mut(), 7, withdraw(1), true),
        Rejection::LineDone,
    );
    let next = line(ledger.as_mut(), 8, withdraw(1), false);
    assert!(matches!(next, Outcome::Posted { .. }), "{next:?}");
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}
