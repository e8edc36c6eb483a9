//! The limit of an allowance changes.

use super::*;

#[test]
fn an_allowance_changes_by_the_difference_and_ends() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    shells.withdraw(200);
    for (minor, left) in [(800, 600), (800, 600), (300, 100), (100, 0), (500, 300)] {
        let answer = shells.set(limit(minor));
        assert_eq!(shells.available(), left, "{minor}: {answer:?}");
    }
    shells.set(Some(AllowanceChange::Removed));
    shells.pass(DAY);
    assert_eq!(shells.available(), 300);
    assert!(shells.set(Some(AllowanceChange::Removed)).duplicate);
    shells.set(limit(400));
    assert_eq!(shells.available(), 400);
    shells.verify();
}

#[test]
fn a_higher_limit_gives_no_more_than_is_missing() {
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
    shells.set(limit(LIMIT + 100));
    assert_eq!(shells.available(), LIMIT + 100);
    shells.verify();
}
