//! Holds that any caller may end, and what no caller may ask.

use core::time::Duration;

use super::*;
use crate::bank::Group;

fn id(text: &str) -> Id {
    Id::new(text).expect("an id")
}

fn withdraw(minor: i64, id: Option<&str>) -> Operation {
    let amount = Amount::new(minor).expect("positive");
    Operation {
        action: Action::Withdraw(amount),
        ..deposit(minor, id)
    }
}

fn funded(minor: i64) -> LedgerState {
    let mut state = LedgerState::new(Balance::default());
    decide(&mut state, 1, Request::Execute(deposit(minor, None)));
    state
}

fn hold(operation: Operation) -> Request {
    Request::Hold {
        operation,
        lasts: None,
    }
}

fn post(text: &str, minor: Option<i64>) -> Request {
    Request::PostHold {
        id: id(text),
        amount: minor.and_then(Amount::new),
    }
}

#[track_caller]
fn rejection(answer: Option<Answer>) -> Rejection {
    match answer.expect("an answer").outcome {
        Outcome::Refused { rejection, .. } => rejection,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_posted(answer: Option<Answer>, minor: i64) -> bool {
    let answer = answer.expect("an answer");
    match answer.outcome {
        Outcome::Posted { amount, .. } => {
            assert_eq!(amount.minor(), minor);
            answer.duplicate
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_than_was_held_is_posted_by_hand_only_where_it_is_available() {
    let mut state = funded(150);
    decide(&mut state, 2, hold(withdraw(100, Some("h"))));
    let refused = decide(&mut state, 3, post("h", Some(151)));
    assert_eq!(rejection(refused), Rejection::InsufficientFunds);
    let posted = decide(&mut state, 3, post("h", Some(150)));
    let outcome = posted.as_ref().expect("an answer").outcome;
    let excess = withdraw(100, None).excess(&outcome).map(Amount::minor);
    assert_eq!(excess, Some(50));
    assert!(!is_posted(posted, 150));
}

#[test]
fn a_post_is_repeated_only_with_the_amount_that_was_posted() {
    let mut state = funded(150);
    decide(&mut state, 2, hold(withdraw(100, Some("h"))));
    assert!(!is_posted(decide(&mut state, 3, post("h", Some(40))), 40));
    assert!(is_posted(decide(&mut state, 3, post("h", Some(40))), 40));
    for other in [Some(41), Some(100), None] {
        let refused = decide(&mut state, 3, post("h", other));
        assert_eq!(rejection(refused), Rejection::AlreadyPosted, "{other:?}");
    }
}

#[test]
fn the_first_of_two_steps_and_the_whole_are_told_apart() {
    let mut state = funded(150);
    let asked = withdraw(100, Some("h"));
    let mut ask = |request| decide(&mut state, 2, request);
    ask(hold(asked.clone()));
    let again = ask(hold(asked.clone())).expect("an answer");
    assert!(again.duplicate && matches!(again.outcome, Outcome::Held { .. }));
    let whole = ask(Request::Execute(asked.clone()));
    assert_eq!(rejection(whole), Rejection::InProgress);
    ask(post("h", None));
    assert_eq!(
        rejection(ask(hold(asked.clone()))),
        Rejection::AlreadyPosted
    );
    assert!(is_posted(ask(Request::Execute(asked)), 100));
}

#[test]
fn what_is_kept_any_caller_may_end_if_it_has_an_id() {
    let keep = |lasts| Request::End(WorkEnd::Keep { lasts });
    let mut state = funded(150);
    decide(&mut state, 2, Request::Begin(withdraw(10, None)));
    assert_eq!(decide(&mut state, 2, keep(None)), None);
    decide(&mut state, 3, Request::Begin(withdraw(20, Some("h"))));
    assert_eq!(decide(&mut state, 3, keep(Some(Duration::ZERO))), None);
    let kept = decide(&mut state, 3, keep(Some(Duration::from_secs(1))));
    assert!(matches!(kept, Some(answer) if matches!(answer.outcome, Outcome::Held { .. })));
    assert!(!is_posted(decide(&mut state, 4, post("h", None)), 20));
}

#[test]
fn only_a_caller_with_lasting_work_takes_over_and_only_the_very_operation() {
    let mut state = funded(150);
    let mut ask = |number, request, has_side_effects, retry_in_doubt| {
        let caller = RequestContext {
            number,
            has_side_effects,
            retry_in_doubt,
            ..RequestContext::default()
        };
        state.decide(&Asked { caller, request }, &mut NullJournal)
    };
    let begin = |minor| Request::Begin(withdraw(minor, Some("h")));
    ask(2, begin(100), true, false);
    ask(2, Request::End(WorkEnd::Doubt), true, false);
    assert_eq!(
        rejection(ask(3, begin(100), true, false)),
        Rejection::InDoubt
    );
    assert_eq!(
        rejection(ask(3, begin(100), false, true)),
        Rejection::InDoubt
    );
    assert_eq!(
        rejection(ask(3, begin(99), true, true)),
        Rejection::IdConflict
    );
    let taken = ask(3, begin(100), true, true).expect("an answer");
    assert!(taken.duplicate && matches!(taken.outcome, Outcome::Held { .. }));
    let spent = Request::End(WorkEnd::Unspent);
    let unspent = ask(3, spent, true, false).expect("an answer").outcome;
    assert!(matches!(unspent, Outcome::Unspent { .. }));
    let again = ask(4, begin(100), true, false).expect("an answer");
    assert_eq!((again.outcome, again.duplicate), (unspent, true));
}

#[test]
fn what_no_caller_may_ask_has_no_answer() {
    let mut state = funded(150);
    let lasts = Some(Duration::ZERO);
    let operation = withdraw(1, None);
    let open = Operation {
        action: Action::Open {
            overdraft: None,
            allowance: None,
        },
        ..deposit(1, None)
    };
    for request in [
        Request::Execute(withdraw(1, Some("reverse:1"))),
        Request::Begin(withdraw(1, Some("allowance:main:x"))),
        Request::Hold { operation, lasts },
        Request::Begin(open.clone()),
        hold(open),
    ] {
        assert_eq!(decide(&mut state, 2, request.clone()), None, "{request:?}");
    }
}

#[test]
fn a_group_that_is_held_is_posted_as_a_whole() {
    let mut state = funded(150);
    let parts = vec![withdraw(10, None), withdraw(20, None)];
    let group = Group::new(parts).expect("a group").operation(Some(id("g")));
    decide(&mut state, 2, hold(group));
    let part = decide(&mut state, 3, post("g", Some(10)));
    assert_eq!(rejection(part), Rejection::WholeOnly);
    let posted = decide(&mut state, 3, post("g", None)).expect("an answer");
    assert_eq!(posted.parts().len(), 2);
}

#[test]
fn a_strict_group_moves_money_of_opened_accounts_alone() {
    let name = |text| Name::user(text).expect("a name");
    let open = |account| Request::Open {
        account,
        overdraft: None,
        allowance: None,
    };
    let mut state = funded(150);
    let amount = Amount::new(10).expect("positive");
    let to_rent = Operation {
        action: Action::Transfer {
            amount,
            to: name("rent"),
        },
        ..deposit(10, None)
    };
    let group = Group::new(vec![withdraw(1, None), to_rent]).expect("a group");
    let group = group.operation(None);
    let mut strict = |request| {
        let (strict, has_side_effects) = (true, false);
        let terms = Terms {
            strict,
            has_side_effects,
        };
        decide_on(&mut state, 2, request, terms)
    };
    for (part, opened) in [(1, Name::default()), (2, name("rent"))] {
        let answer = strict(Request::Execute(group.clone()));
        assert_eq!(answer.as_ref().map(Answer::part), Some(part));
        assert_eq!(rejection(answer), Rejection::UnknownAccount);
        strict(open(opened));
    }
    let posted = strict(Request::Execute(group.clone())).expect("an answer");
    assert_eq!(posted.parts().len(), 2);
}

#[test]
fn what_a_run_has_begun_is_told_in_its_order() {
    let mut state = funded(1_000);
    for number in 1..=50 {
        decide(&mut state, number, Request::Begin(withdraw(1, None)));
    }
    let begun = state.begun_by(RequestContext::default().run);
    assert_eq!(begun.len(), 50);
    assert!(begun.is_sorted(), "{begun:?}");
}
