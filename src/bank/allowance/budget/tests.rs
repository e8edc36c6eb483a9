//! How an allowance stands, one step after another.

use super::*;
use crate::bank::{Percent, Period, Zone};

const DAY: i64 = 86_400_000_000;

fn allowance(minor: i64, rollover: bool) -> Allowance {
    Allowance {
        amount: Amount::new(minor).expect("positive"),
        period: Period::Day,
        rollover,
        warn: Percent::try_from(50).ok(),
        zone: Zone::default(),
    }
}

fn window(day: i64) -> (Moment, Moment) {
    (Moment::new(day * DAY), Moment::new((day + 1) * DAY))
}

/// An account with an allowance, whose postings are made as they are told.
struct Course {
    budget: Budget,
    sides: Sides,
    record: u64,
}

impl Course {
    fn begin(minor: i64, rollover: bool) -> Self {
        let sides = Sides {
            debit: Account::the_banks(),
            credit: Account::new(Balance::default()),
        };
        let allowance = allowance(minor, rollover);
        let (budget, moved) = Budget::changed(None, allowance, window(0), &sides, 1);
        let mut course = Course {
            budget,
            sides,
            record: 1,
        };
        course.moves(moved, (0, minor));
        course
    }

    #[track_caller]
    fn moves(&mut self, moved: Postings, (lapse, refill): (i64, i64)) {
        assert_eq!(moved, postings(lapse, refill));
        self.sides.credit.posted += refill - lapse;
        self.sides.debit.posted -= refill - lapse;
    }

    /// Changes the limit, and tells what went back and what came.
    #[track_caller]
    fn change(&mut self, minor: i64, day: i64, moves: (i64, i64)) {
        self.record += 1;
        let (known, allowance) = (Some(&self.budget), allowance(minor, false));
        let (budget, moved) =
            Budget::changed(known, allowance, window(day), &self.sides, self.record);
        self.budget = budget;
        self.moves(moved, moves);
    }

    #[track_caller]
    fn enter(&mut self, day: i64, moves: (i64, i64)) {
        self.record += 1;
        let entered = EnteredWindow {
            window: window(day),
            is_refilled: false,
            record: self.record,
        };
        let moved = self.budget.enter(entered, &self.sides);
        self.moves(moved, moves);
    }

    /// Spends, and tells whether the warning is due.
    fn spend(&mut self, minor: i64) -> bool {
        self.sides.credit.posted -= minor;
        self.budget.spend(&self.sides.credit)
    }

    /// The limit, what was spent, and what is left.
    fn stands(&self) -> (i64, i64, i64) {
        let view = self.budget.view(&self.sides.credit);
        (view.limit.minor(), view.spent.minor(), view.left.minor())
    }
}

#[test]
fn what_was_spent_stays_spent_where_the_limit_changes() {
    let mut course = Course::begin(500, false);
    assert!(!course.spend(200));
    assert_eq!(course.stands(), (500, 200, 300));
    course.change(800, 0, (0, 300));
    assert_eq!(course.stands(), (800, 200, 600));
    // Of 700 less, 600 are there; the rest is owed, and no later change forgets it.
    course.change(100, 0, (600, 0));
    assert_eq!(course.stands(), (100, 200, 0));
    course.change(150, 0, (0, 0));
    course.change(400, 0, (0, 200));
    assert_eq!(course.stands(), (400, 200, 200));
    // No more goes back than was given, whatever else is there.
    course.sides.credit.posted += 1_000;
    course.change(1, 0, (399, 0));
}

#[test]
fn a_changed_allowance_has_the_window_and_the_warning_of_its_own_calendar() {
    let mut course = Course::begin(500, false);
    let told = [200, 100, 1].map(|minor| course.spend(minor));
    assert_eq!(told, [false, true, false]);
    course.change(500, 3, (0, 0));
    assert!(course.spend(1), "it is told again");
    let (start, next) = window(3);
    assert_eq!(course.budget.start(), start);
    assert_eq!(course.budget.view(&course.sides.credit).next, next);
    let is_due = |moment: Moment, more| course.budget.is_due(Moment::new(moment.micros() + more));
    assert_eq!([is_due(start, -1), is_due(start, 0)], [true, false]);
    assert_eq!([is_due(next, -1), is_due(next, 0)], [false, true]);
}

#[test]
fn money_that_comes_in_is_nothing_that_was_spent() {
    let mut course = Course::begin(500, false);
    course.spend(100);
    course.sides.credit.posted += 50;
    course.budget.receive(Amount::new(50).expect("positive"));
    assert_eq!(course.stands(), (500, 100, 450));
    course.sides.credit.posted += 900;
    assert_eq!(course.stands(), (500, 0, 1_350), "never less than nothing");
}

#[test]
fn a_window_that_comes_again_knows_what_was_spent_in_it() {
    let mut course = Course::begin(500, false);
    course.spend(400);
    course.enter(1, (0, 400));
    assert_eq!(course.stands(), (500, 0, 500));
    course.spend(50);
    // The clock was ahead: its window's refill goes back, and the first window is as it was, with 50 less.
    course.enter(0, (400, 0));
    assert_eq!(course.stands(), (500, 400, 50));
    course.enter(1, (0, 400));
    assert_eq!(course.stands(), (500, 50, 450));
}

#[test]
fn what_is_left_is_kept_only_where_that_is_said() {
    for (rollover, refill) in [(false, 100), (true, 500)] {
        let mut course = Course::begin(500, rollover);
        course.spend(100);
        course.enter(1, (0, refill));
        assert_eq!(course.stands(), (500, 0, 400 + refill));
    }
}

#[test]
fn no_refill_goes_beyond_the_end_of_the_integers() {
    let mut course = Course::begin(500, true);
    let room = |debit, credit| {
        let mut sides = course.sides;
        (sides.debit.posted, sides.credit.posted) = (debit, credit);
        room(&sides)
    };
    assert_eq!(room(0, i64::MAX - 10), 10);
    assert_eq!(room(i64::MIN + 7, -5), 7);
    assert_eq!(room(0, -5), i64::MAX);
    course.sides.credit.posted = i64::MAX - 10;
    course.enter(1, (0, 10));
}

#[test]
fn a_text_is_read_only_as_it_was_written() {
    let mut course = Course::begin(500, false);
    course.spend(100);
    course.enter(1, (0, 100));
    let text = course.budget.to_text();
    let read = Budget::read(&text).map(|read| read.to_text());
    assert_eq!(read.as_ref(), Some(&text));
    let negative = text.replace("\"granted\":", "\"granted\":-");
    for other in [text.replacen(',', ", ", 1), negative, format!("{text} ")] {
        assert!(other != text && Budget::read(&other).is_none(), "{other}");
    }
}

impl Course {
    /// Sets money aside, and tells the number of that.
    fn hold(&mut self, minor: i64) -> EndedHold {
        self.record += 1;
        self.sides.credit.held += minor;
        self.budget.spend(&self.sides.credit);
        EndedHold {
            hold: self.record,
            held: Amount::new(minor).expect("positive"),
            posted: None,
        }
    }

    /// Gives back what was set aside, and tells how much of it goes on to the budget.
    fn give_back(&mut self, hold: EndedHold) -> Option<i64> {
        self.sides.credit.held -= hold.held.minor();
        let lapse = self.budget.end_hold(hold).map(Amount::minor);
        self.sides.credit.posted -= lapse.unwrap_or(0);
        lapse
    }
}

#[test]
fn what_an_earlier_hold_gives_back_was_not_spent_in_this_window() {
    for rollover in [false, true] {
        let mut course = Course::begin(500, rollover);
        course.sides.credit.posted += 300;
        course.budget.receive(Amount::new(300).expect("positive"));
        let earlier = course.hold(200);
        course.enter(1, (0, if rollover { 500 } else { 0 }));
        let there = if rollover { 1_100 } else { 600 };
        let later = course.hold(100);
        assert_eq!(course.stands(), (500, 100, there - 100));
        assert_eq!(course.give_back(later), None);
        assert_eq!(course.stands(), (500, 0, there));
        assert_eq!(course.give_back(earlier), None);
        course.spend(50);
        assert_eq!(course.stands(), (500, 50, there + 150));
        // A higher limit fills up to it, what came back included.
        let (limit, refill) = if rollover { (600, 100) } else { (900, 100) };
        course.change(limit, 1, (0, refill));
    }
}

#[test]
fn a_refill_that_stands_in_for_a_hold_goes_back_with_it() {
    let mut course = Course::begin(500, false);
    let hold = course.hold(200);
    course.enter(1, (0, 200));
    assert_eq!(course.give_back(hold), Some(200));
    assert_eq!(course.stands(), (500, 0, 500));
}

#[test]
fn what_a_forgotten_window_stands_in_for_goes_on_to_the_one_that_is_entered() {
    let mut course = Course::begin(500, false);
    for day in 1..=7 {
        course.enter(day, (0, 0));
    }
    let hold = course.hold(200);
    // The clock was wrong: all windows that are remembered are ahead of this one, and their refills do not stand.
    course.enter(-1, (0, 200));
    course.enter(1, (0, 0));
    assert_eq!(course.give_back(hold), Some(200));
}

#[test]
fn no_more_of_a_refill_goes_back_than_was_given() {
    let mut sides = Course::begin(1, false).sides;
    sides.credit.posted = 300;
    let (budget, moved) = Budget::changed(None, allowance(500, false), window(0), &sides, 1);
    let record = 1;
    let mut course = Course {
        budget,
        sides,
        record,
    };
    course.moves(moved, (0, 200));
    course.change(400, 0, (100, 0));
    course.change(100, 0, (100, 0));
}

#[test]
fn windows_are_remembered_until_the_calendar_is_another() {
    let remembers = |course: &Course, day| course.budget.remembers(window(day).0);
    let mut course = Course::begin(500, false);
    course.enter(1, (0, 0));
    course.spend(50);
    course.enter(0, (0, 0));
    let known = [0, 1, 2].map(|day| remembers(&course, day));
    assert_eq!(known, [true, true, false]);
    // Another limit in the same window forgets none of them.
    course.change(450, 0, (50, 0));
    course.enter(1, (0, 0));
    assert_eq!(course.stands(), (450, 50, 400));
    course.change(450, 7, (0, 0));
    let known = [0, 1, 7].map(|day| remembers(&course, day));
    assert_eq!(known, [false, false, true]);
}

#[test]
fn a_window_that_comes_again_is_filled_up_to_what_is_left_of_it() {
    let mut course = Course::begin(500, false);
    course.spend(400);
    course.enter(1, (0, 400));
    course.spend(50);
    course.enter(0, (400, 0));
    course.sides.credit.posted += 100;
    course.budget.receive(Amount::new(100).expect("positive"));
    course.enter(1, (0, 300));
    assert_eq!(course.stands(), (500, 50, 450));
}
