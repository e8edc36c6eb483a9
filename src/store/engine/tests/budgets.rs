//! Accounts with an allowance.

mod held;
mod limits;
mod lists;
mod long_over;
mod reversed;
mod simulated;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::tables::{CommitFate, InMemory, Shared};
use super::*;
use crate::bank::{
    Allowance, AllowanceChange, BUDGET, EntryKey, Group, Moment, Period, Rejection, Zone,
};
use crate::store::clock::{Clock, ClockTime};
use crate::store::{Entry, EntryQuery};

const MINUTE: i64 = 60_000_000;
/// 2026-03-27T22:00:00Z: two days before Berlin's clocks are set to summer time.
const BEGIN: i64 = 1_774_648_800_000_000;
const LIMIT: i64 = 500;

/// Some processes that share a ledger and a clock.
struct Shells {
    rows: Shared,
    clock: Arc<Mutex<ClockTime>>,
    open: Vec<Engine<InMemory>>,
}

impl Shells {
    fn new(count: usize, allowance: Allowance) -> Self {
        let (wall, boot_time) = (Moment::new(BEGIN), None);
        let clock = Arc::new(Mutex::new(ClockTime { wall, boot_time }));
        let mut shells = Shells {
            rows: Shared::new(),
            clock,
            open: Vec::new(),
        };
        for _ in 0..count {
            let shell = shells.start();
            shells.open.push(shell);
        }
        shells.set(Some(AllowanceChange::Set(allowance)));
        shells
    }

    fn start(&self) -> Engine<InMemory> {
        let mut shell = Engine::new(self.rows.open());
        shell.clock = Clock::Set(self.clock.clone());
        shell
    }

    fn set(&mut self, allowance: Option<AllowanceChange>) -> Answer {
        let account = Name::user("a").expect("a name");
        let overdraft = None;
        self.ask(
            0,
            Request::Open {
                account,
                overdraft,
                allowance,
            },
        )
    }

    fn pass(&self, micros: i64) {
        let mut clock = self.clock.lock().expect("a clock");
        clock.wall = Moment::new(clock.wall.micros() + micros);
    }

    fn now(&self) -> Moment {
        self.clock.lock().expect("a clock").wall
    }

    fn ask(&mut self, shell: usize, request: Request) -> Answer {
        let count = self.open.len();
        let asked = Asked {
            caller: RequestContext::default(),
            request,
        };
        let answers = self.open[shell % count].transact(&[asked]);
        answers.expect("an answer").remove(0).expect("decided")
    }

    fn withdraw(&mut self, minor: i64) -> Answer {
        self.ask(0, withdraw(minor))
    }

    fn available(&mut self) -> i64 {
        let names = [Name::user("a").expect("a name")];
        let seen = self.open[0].look_up(&names).expect("an answer").remove(0);
        seen.expect("an account").view.available.minor()
    }

    /// What `@budget` has given.
    fn paid(&mut self) -> i64 {
        let seen = self.open[0]
            .look_up(std::slice::from_ref(&BUDGET))
            .expect("an answer");
        seen[0]
            .as_ref()
            .map_or(0, |budget| -budget.view.posted.minor())
    }

    fn entries(&mut self) -> Vec<Entry> {
        let query = EntryQuery {
            limit: 500,
            with_reversals: true,
            ..EntryQuery::default()
        };
        self.open[0].entries(&query).expect("entries").entries
    }

    #[track_caller]
    fn verify(&mut self) {
        let verified = self.open[0].verify(None).expect("verified");
        assert_eq!(verified.violation, None);
    }
}

fn allowance(period: Period, rollover: bool) -> Allowance {
    Allowance {
        amount: Amount::new(LIMIT).expect("positive"),
        period,
        rollover,
        warn: "80%".parse().ok(),
        zone: Zone::new("Europe/Berlin").expect("a zone"),
    }
}

/// Another limit of an account's daily allowance.
fn limit(minor: i64) -> Option<AllowanceChange> {
    let amount = Amount::new(minor).expect("positive");
    let allowance = allowance(Period::Day, false);
    Some(AllowanceChange::Set(Allowance {
        amount,
        ..allowance
    }))
}

const DAY: i64 = 1_440 * MINUTE;

#[test]
fn the_first_touch_in_a_window_refills_once() {
    let mut shells = Shells::new(3, allowance(Period::Day, false));
    assert_eq!(shells.available(), LIMIT);
    shells.withdraw(400);
    assert_eq!(shells.available(), 100);
    shells.pass(DAY);
    // Nothing is written by looking.
    assert_eq!((shells.available(), shells.entries().len()), (LIMIT, 2));
    assert!(matches!(
        shells.withdraw(450).outcome,
        Outcome::Posted { seq: 4, .. }
    ));
    for shell in 0..3 {
        let refused = shells.ask(shell, withdraw(51));
        let Outcome::Refused {
            rejection: Rejection::InsufficientFunds,
            ..
        } = refused.outcome
        else {
            panic!("not refused: {refused:?}");
        };
        let next = refused.budget.expect("when it is refilled").next;
        assert_eq!(next, allowance(Period::Day, false).window(shells.now()).1);
    }
    let refills: Vec<(u64, Option<String>)> = shells
        .entries()
        .iter()
        .filter(|entry| entry.kind() == Kind::Refill)
        .map(|entry| (entry.seq, entry.id().map(|id| id.as_str().to_string())))
        .collect();
    let id = |start: &str| Some(format!("allowance:a:{start}"));
    assert_eq!(
        refills,
        [
            (1, id("2026-03-26T23:00:00Z")),
            (3, id("2026-03-27T23:00:00Z"))
        ]
    );
    shells.verify();
}

#[test]
fn a_warning_is_told_once_in_each_window() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    let mut warned = Vec::new();
    for minor in [399, 1, 50] {
        warned.push(shells.withdraw(minor).budget.is_some());
    }
    shells.pass(DAY);
    for minor in [100, 300, 10] {
        warned.push(shells.withdraw(minor).budget.is_some());
    }
    assert_eq!(warned, [false, true, false, false, true, false]);
    shells.verify();
}

#[test]
fn a_refill_of_a_window_that_is_still_ahead_is_taken_back() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    shells.withdraw(400);
    // A clock is a year ahead for a while.
    shells.pass(365 * DAY);
    shells.withdraw(100);
    assert_eq!(shells.available(), 400);
    shells.pass(-365 * DAY);
    assert_eq!(shells.available(), 0);
    assert!(matches!(
        shells.withdraw(1).outcome,
        Outcome::Refused { .. }
    ));
    // A clock flickers at midnight.
    shells.pass(DAY);
    for _ in 0..3 {
        shells.withdraw(100);
        shells.pass(-DAY);
        shells.withdraw(1);
        shells.pass(DAY);
    }
    assert_eq!(shells.available(), 200);
    shells.verify();
}

#[test]
fn a_window_is_refilled_once_though_the_clock_was_wrong_backwards_twice() {
    let mut shells = Shells::new(1, allowance(Period::Day, true));
    let day = |shells: &Shells| allowance(Period::Day, true).window(shells.now()).0;
    let mut entered = BTreeSet::from([day(&shells)]);
    // How many minutes have passed, by how many the clock is wrong for a moment, and what is asked for then.
    for (passed, wrong, minor) in [
        (59, 0, 1),
        (363, 0, 1),
        (498, 0, 1),
        (376, 0, 1),
        (516, 0, 1),
        (583, 0, 1),
        (320, 0, 1),
        (139, -2_795, 1),
        (372, 0, 1),
        (99, -816, 365),
        (25, 0, 721),
    ] {
        shells.pass((passed + wrong) * MINUTE);
        let seen = shells.available();
        shells.withdraw(minor);
        assert!(
            shells.available() <= seen,
            "what is due is shown as it is posted"
        );
        entered.insert(day(&shells));
        let begun = entered.range(..=day(&shells)).count() as i64;
        assert_eq!(shells.paid(), LIMIT * begun);
        shells.pass(-wrong * MINUTE);
    }
    shells.verify();
}

#[test]
fn windows_that_are_long_over_are_not_refilled_again() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    for _ in 0..30 {
        shells.withdraw(LIMIT);
        shells.pass(DAY);
    }
    shells.withdraw(LIMIT);
    let paid = shells.paid();
    shells.pass(-30 * DAY);
    for shell in 0..31 {
        assert!(shells.available() <= 0);
        let asked = shells.ask(shell, withdraw(1));
        assert!(
            matches!(asked.outcome, Outcome::Refused { .. }),
            "{asked:?}"
        );
        assert!(shells.paid() <= paid);
        shells.pass(DAY);
    }
    assert_eq!(shells.available(), LIMIT, "the first day that is new");
    shells.verify();
}

#[test]
fn deposits_are_never_taken_back() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    let deposit = Request::Execute(operation(Kind::Deposit, None, "a", 10_000));
    shells.ask(0, deposit);
    shells.ask(0, hold("one", None));
    shells.withdraw(600);
    shells.pass(DAY);
    assert_eq!(shells.available(), 9_870);
    shells.ask(
        0,
        Request::VoidHold {
            id: Id::new("one").expect("an id"),
        },
    );
    assert_eq!(shells.available(), 9_900);
    shells.withdraw(9_700);
    shells.pass(DAY);
    assert_eq!(shells.available(), LIMIT);
    shells.verify();
}

#[test]
fn accounts_without_an_allowance_cost_no_look_up() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    let mut plain = shells.start();
    let of_b = |minor| Asked {
        caller: RequestContext::default(),
        request: Request::Execute(operation(Kind::Deposit, None, "b", minor)),
    };
    plain.transact(&[of_b(1)]).expect("an answer");
    let before = plain.backend.calls;
    plain.transact(&[of_b(1), of_b(2)]).expect("an answer");
    let after = plain.backend.calls;
    assert_eq!(
        after.loads - before.loads,
        1,
        "what is due is looked for, and nothing else"
    );
    shells.verify();
}
