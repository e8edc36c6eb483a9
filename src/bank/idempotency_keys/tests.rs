//! What is known of an id follows from the last thing that happened under it.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::bank::{Balance, Kind, Name};

fn operation() -> impl Strategy<Value = Operation> {
    let id = proptest::option::of(select(vec!["i", "j"]));
    let kinds = select(vec![Kind::Deposit, Kind::Withdraw]);
    (id, kinds, select(vec!["a", "b"]), 1i64..3).prop_map(|(id, kind, account, minor)| {
        let id = id.map(|id| Id::new(id).expect("an id"));
        let account = Name::user(account).expect("a name");
        Operation::new(kind, id, account, None, Amount::new(minor)).expect("an operation")
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let view = View {
        posted: Balance::new(7),
        available: Balance::new(5),
    };
    prop_oneof![
        (1u64..99, 1i64..9).prop_map(move |(seq, minor)| Outcome::Posted {
            seq,
            amount: Amount::new(minor).expect("positive"),
            view,
        }),
        Just(Outcome::Unspent { view }),
        (1u64..99).prop_map(move |seq| Outcome::Viewed { seq, view }),
        Just(Outcome::Voided { view }),
        Just(Outcome::Refused {
            rejection: Rejection::InsufficientFunds,
            view: Some(view),
        }),
    ]
}

/// What the log of everything that was noted says of an operation.
fn expected(log: &[(Operation, Option<Outcome>)], asked: &Operation) -> Option<Answer> {
    let id = asked.id.as_ref()?;
    let of_id = |(operation, _): &&(Operation, _)| operation.id.as_ref() == Some(id);
    let (last, outcome) = log.iter().rev().find(of_id)?;
    if matches!(outcome, Some(Outcome::Voided { .. })) {
        return None;
    }
    let same = (&last.account, &last.action) == (&asked.account, &asked.action);
    Some(match outcome {
        _ if !same => refused(Rejection::IdConflict),
        None => refused(Rejection::InProgress),
        Some(outcome) => Answer::repeated(*outcome),
    })
}

#[test]
fn ids_are_counted_once_and_forgotten_together() {
    let mut keys = IdempotencyKeys::default();
    for id in ["x", "y", "x"] {
        let amount = Amount::new(1);
        let id = Id::new(id).ok();
        let operation = Operation::new(Kind::Deposit, id, Name::default(), None, amount);
        keys.put(&operation.expect("an operation"), State::UnderWay);
    }
    assert_eq!(keys.count(), 2);
    keys.forget();
    assert_eq!(keys.count(), 0);
}

proptest! {
    #[test]
    fn the_last_word_about_an_id_counts(
        log in prop::collection::vec((operation(), proptest::option::of(outcome())), 0..20),
        asked in prop::collection::vec(operation(), 1..9),
    ) {
        let mut claims = IdempotencyKeys::default();
        for (operation, outcome) in &log {
            match outcome {
                None => claims.put(operation, State::UnderWay),
                Some(Outcome::Voided { .. }) => {
                    claims.put(operation, State::Released(VoidReason::Voided));
                }
                Some(outcome) => claims.settle(operation, *outcome),
            }
            // Asking changes nothing: neither a conflict nor an id under way is remembered.
            for asked in &asked {
                claims.known(asked, false, false);
            }
        }
        for asked in &asked {
            prop_assert_eq!(claims.known(asked, false, false), expected(&log, asked));
        }
    }
}
