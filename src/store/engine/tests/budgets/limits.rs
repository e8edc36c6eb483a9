//! The limit of an allowance changes.

use super::*;

#[test]
fn an_allowance_changes_by_the_difference_and_ends() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    shells.withdraw(200);
    let set = |shells: &mut Shells, minor: i64| {
        let amount = Amount::new(minor).expect("positive");
        let allowance = Allowance {
            amount,
            ..allowance(Period::Day, false)
        };
        shells.set(Some(AllowanceChange::Set(allowance)))
    };
    for (minor, left) in [(800, 600), (800, 600), (300, 100), (100, 0), (500, 300)] {
        let answer = set(&mut shells, minor);
        assert_eq!(shells.available(), left, "{minor}: {answer:?}");
    }
    shells.set(Some(AllowanceChange::Removed));
    shells.pass(DAY);
    assert_eq!(shells.available(), 300);
    assert!(shells.set(Some(AllowanceChange::Removed)).duplicate);
    set(&mut shells, 400);
    assert_eq!(shells.available(), 400);
    shells.verify();
}

#[test]
fn a_higher_limit_gives_no_more_than_is_missing() {
    let limit = |minor| {
        let amount = Amount::new(minor).expect("positive");
        let period = allowance(Period::Day, false);
        Some(AllowanceChange::Set(Allowance { amount, ..period }))
    };
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    shells.pass(DAY);
    // What an earlier window has left is not taken back.
    shells.set(limit(200));
    assert_eq!(shells.available(), LIMIT);
    shells.pass(DAY);
    for (minor, available) in [(400, LIMIT), (LIMIT + 100, LIMIT + 100), (400, LIMIT)] {
        shells.set(limit(minor));
        assert_eq!(shells.available(), available, "a limit of {minor}");
    }
    shells.verify();
}

#[test]
fn a_changed_limit_is_that_of_a_window_that_has_begun() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    shells.withdraw(400);
    shells.pass(DAY);
    let amount = Amount::new(LIMIT + 100).expect("positive");
    let more = Allowance {
        amount,
        ..allowance(Period::Day, false)
    };
    shells.set(Some(AllowanceChange::Set(more)));
    assert_eq!(shells.available(), LIMIT + 100);
    shells.verify();
}
