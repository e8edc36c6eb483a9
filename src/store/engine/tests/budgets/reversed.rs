//! Entries that are reversed, of accounts with an allowance.

use super::*;

#[test]
fn an_entry_is_reversed_once() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    let paid = Operation {
        id: Id::new("paid").ok(),
        ..operation(Kind::Withdraw, None, "a", 300)
    };
    shells.ask(0, Request::Execute(paid));
    let by_id = || Request::Reverse(EntryKey::Id(Id::new("paid").expect("an id")));
    let reversed = shells.ask(0, by_id());
    assert!(matches!(reversed.outcome, Outcome::Posted { seq: 3, .. }) && !reversed.duplicate);
    for request in [by_id(), Request::Reverse(EntryKey::Seq(2))] {
        let again = shells.ask(1, request);
        assert_eq!((again.outcome, again.duplicate), (reversed.outcome, true));
    }
    let mut refused = |seq| shells.ask(1, Request::Reverse(EntryKey::Seq(seq))).outcome;
    for (seq, why) in [
        (1, Rejection::NotReversible),
        (3, Rejection::NotReversible),
        (9, Rejection::UnknownEntry),
        (0, Rejection::UnknownEntry),
    ] {
        let said = refused(seq);
        assert!(
            matches!(said, Outcome::Refused { rejection, .. } if rejection == why),
            "{seq}: {said:?}"
        );
    }
    let entries = shells.entries();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.operation.reverses(), entry.reversed_by))
        .collect();
    assert_eq!(told, [(None, None), (None, Some(3)), (Some(2), None)]);
    shells.verify();
}

#[test]
fn a_reversal_obeys_funds_and_that_refusal_is_not_remembered() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    shells.ask(
        0,
        Request::Execute(operation(Kind::Deposit, None, "a", 100)),
    );
    shells.withdraw(550);
    let reverse = || Request::Reverse(EntryKey::Seq(2));
    let refused = shells.ask(0, reverse());
    assert!(matches!(
        refused.outcome,
        Outcome::Refused {
            rejection: Rejection::InsufficientFunds,
            ..
        }
    ));
    assert!(refused.budget.is_some());
    shells.pass(DAY);
    assert!(matches!(
        shells.ask(0, reverse()).outcome,
        Outcome::Posted { .. }
    ));
    assert!(shells.ask(0, reverse()).duplicate);
    shells.verify();
}
