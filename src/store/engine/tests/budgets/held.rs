//! Holds beside an allowance.

use super::*;

#[test]
fn a_refill_stands_in_for_a_hold_until_that_is_posted() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    shells.ask(0, hold("one", None));
    shells.pass(DAY);
    // The refill stands in for the first hold, which is spent then. The second hold is set aside after it.
    shells.ask(0, hold("two", None));
    let id = Id::new("one").expect("an id");
    let amount = None;
    shells.ask(1, Request::PostHold { id, amount });
    shells.pass(DAY);
    assert_eq!(shells.available(), LIMIT);
    shells.withdraw(1);
    let id = Id::new("two").expect("an id");
    shells.ask(1, Request::VoidHold { id });
    assert_eq!(shells.available(), LIMIT - 1, "no more than the limit");
    shells.verify();
}

#[test]
fn what_an_earlier_hold_gives_back_goes_to_the_budget() {
    for rollover in [false, true] {
        let mut shells = Shells::new(2, allowance(Period::Day, rollover));
        shells.ask(0, hold("one", None));
        shells.ask(0, hold("two", None));
        shells.withdraw(440);
        shells.pass(DAY);
        assert_eq!(
            shells.available(),
            LIMIT,
            "as much as was there is set aside"
        );
        shells.withdraw(LIMIT);
        let id = |id| Id::new(id).expect("an id");
        shells.ask(1, Request::VoidHold { id: id("one") });
        let amount = Amount::new(10);
        shells.ask(
            1,
            Request::PostHold {
                id: id("two"),
                amount,
            },
        );
        let left = if rollover { 50 } else { 0 };
        assert_eq!(shells.available(), left);
        shells.verify();
    }
}

#[test]
fn what_holds_give_back_beyond_the_refill_is_the_users() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    for id in ["one", "two"] {
        shells.ask(0, hold(id, None));
    }
    let deposit = operation(Kind::Deposit, None, "a", 50);
    shells.ask(0, Request::Execute(deposit));
    shells.pass(DAY);
    assert_eq!(
        shells.available(),
        LIMIT,
        "10 stand in for 60 that are held"
    );
    for (id, available) in [("one", LIMIT + 20), ("two", LIMIT + 50)] {
        let id = Id::new(id).expect("an id");
        shells.ask(0, Request::VoidHold { id });
        assert_eq!(shells.available(), available);
    }
    shells.verify();
}

#[test]
fn what_two_operations_in_one_set_aside_is_warned_of() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    let parts = [200, 201].map(|minor| operation(Kind::Withdraw, None, "a", minor));
    let group = Group::new(parts.to_vec()).expect("a group");
    let operation = group.operation(Id::new("both").ok());
    let lasts = None;
    let held = shells.ask(0, Request::Hold { operation, lasts });
    assert!(held.budget.is_some(), "{held:?}");
    assert!(shells.withdraw(1).budget.is_none(), "it was told");
    shells.verify();
}

#[test]
fn a_higher_limit_stands_in_for_earlier_holds_too() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    for id in ["one", "two"] {
        shells.ask(0, hold(id, None));
    }
    shells.set(limit(30));
    shells.pass(DAY);
    // The refill stands in for 30 of the 60 that are held, and what the new limit adds for the rest.
    shells.set(limit(LIMIT));
    for id in ["one", "two"] {
        let id = Id::new(id).expect("an id");
        shells.ask(0, Request::VoidHold { id });
        assert_eq!(shells.available(), LIMIT);
    }
    shells.verify();
}
