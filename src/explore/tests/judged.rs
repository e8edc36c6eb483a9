//! Which account is judged, and what is wrong on the others.

use super::*;
use crate::explore::taken::StepSeen;

fn on(account: &str, kind: Kind, minor: i64) -> Operation {
    let account = Name::user(account).expect("a name");
    Operation::new(kind, None, account, None, Amount::new(minor)).expect("an operation")
}

fn of(starts: &[(&str, i64)], operations: Vec<Operation>) -> Scenario {
    let start =
        |(name, start): &(&str, i64)| (Name::user(name).expect("a name"), Balance::new(*start));
    let starts = starts.iter().map(start).collect();
    let method = SharingMethod::of(Sharing::Unguarded);
    Scenario::new(method, starts, Balance::default(), operations).expect("a scenario")
}

#[test]
fn the_account_that_is_given_is_judged_if_an_operation_touches_it() {
    let deposits = || vec![on("a", Kind::Deposit, 1), on("b", Kind::Deposit, 1)];
    let judged = |start: &str| of(&[(start, 5)], deposits()).places[0].name.to_string();
    assert_eq!(judged("b"), "b");
    assert_eq!(judged("c"), "a", "no operation touches it");
}

#[test]
fn an_order_that_is_wrong_elsewhere_is_constructed_and_the_account_with_one_operation_is_right() {
    // More than the search tries, and one alone on the account that is judged.
    let mut operations = vec![on("a", Kind::Deposit, 1)];
    operations.extend((0..30).map(|_| on("b", Kind::Deposit, 1)));
    let scenario = of(&[("a", 5)], operations);
    let found = explore(&scenario, BOUNDS, None);
    assert!(matches!(found.method, Method::ClosedForm));
    assert_eq!(found.tally.first_wrong, None);
    assert!(found.tally.first_elsewhere.is_some());
    let example = found.example.expect("an order");
    let ends = |place: usize| example.verdict.ends[place];
    assert_eq!(ends(0).0, ends(0).1);
    assert!((1..scenario.places.len()).any(|place| ends(place).0 != ends(place).1));
}

#[test]
fn a_step_that_was_seen_has_both_balances_that_were_expected() {
    let scenario = of(&[("a", 5)], vec![on("a", Kind::Deposit, 1)]);
    let played = play(&scenario, &[0, 0]).expect("an order");
    let step = &played.steps[0];
    let seen = StepSeen::from(step);
    assert!(seen.is(step));
    for side in 0..2 {
        let mut other = seen.clone();
        other.sides[side] = other.sides[side].map(|minor| minor + 1);
        assert!(!other.is(step), "side {side}");
        other.sides[side] = None;
        assert!(other.is(step), "it was not told");
    }
}

#[test]
fn an_order_has_a_verdict_when_it_has_ended() {
    let scenario = of(&[("a", 5)], vec![on("a", Kind::Deposit, 1)]);
    let verdict = |order: &[usize]| walk(&scenario, order).expect("an order").verdict;
    assert!(verdict(&[0]).is_none());
    assert!(verdict(&[0, 0]).is_some());
}
