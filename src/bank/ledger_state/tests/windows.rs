//! However a clock jumps, the budget pays for each window once, and only for those that have begun.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::bank::{Allowance, AllowanceChange, BUDGET, Period, Zone};

const DAY: i64 = 86_400_000_000;
const LIMIT: i64 = 500;
/// Of so many windows it is remembered how much was given, and the ids of refills tell of the others.
const REMEMBERED: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    /// The clock shows this day.
    Day(i64),
    Withdraw(i64),
    Deposit(i64),
    Hold(i64),
    Post(Index, i64),
    Void(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let day = prop_oneof![3 => 0i64..6, 2 => 0i64..12, 1 => -40i64..400];
    let step = prop_oneof![
        4 => day.prop_map(Step::Day),
        4 => (1i64..700).prop_map(Step::Withdraw),
        1 => (1i64..300).prop_map(Step::Deposit),
        2 => (1i64..400).prop_map(Step::Hold),
        1 => (any::<Index>(), 1i64..400).prop_map(|(hold, minor)| Step::Post(hold, minor)),
        1 => any::<Index>().prop_map(Step::Void),
    ];
    prop::collection::vec(step, 1..60)
}

/// A bank with one account whose allowance is for each day.
struct Bank {
    state: LedgerState,
    day: i64,
    /// The windows that the account has entered.
    entered: BTreeSet<Moment>,
    open: Vec<Id>,
    rollover: bool,
}

impl Bank {
    fn new(rollover: bool) -> Self {
        let mut bank = Bank {
            state: LedgerState::new(Balance::default()),
            day: 0,
            entered: BTreeSet::new(),
            open: Vec::new(),
            rollover,
        };
        let allowance = Allowance {
            amount: Amount::new(LIMIT).expect("positive"),
            period: Period::Day,
            rollover,
            warn: None,
            zone: Zone::default(),
        };
        bank.ask(Request::Open {
            account: Name::default(),
            overdraft: None,
            allowance: Some(AllowanceChange::Set(allowance)),
        });
        bank
    }

    fn ask(&mut self, request: Request) {
        let wall = Moment::new(self.day * DAY + DAY / 2);
        let (label, boot_time) = (wall, None);
        let now = Now {
            label,
            wall,
            boot_time,
        };
        self.state.resume(self.state.last(), now);
        let caller = RequestContext::default();
        let asked = Asked { caller, request };
        self.state
            .decide(&asked, &mut NullJournal)
            .expect("decided");
        self.check();
    }

    /// When the window begins that was entered last.
    fn window(&self) -> Moment {
        let slot = self.state.place(&Name::default());
        let budget = slot.and_then(|slot| self.state.budget(slot));
        budget.expect("an allowance").start()
    }

    fn step(&mut self, step: Step) {
        let operation = |kind, id, minor| {
            let amount = Amount::new(minor);
            Operation::new(kind, id, Name::default(), None, amount).expect("an operation")
        };
        let ended = |open: &[Id], index: Index| (!open.is_empty()).then(|| index.index(open.len()));
        match step {
            Step::Day(day) => self.day = day,
            Step::Withdraw(minor) => {
                self.ask(Request::Execute(operation(Kind::Withdraw, None, minor)));
            }
            Step::Deposit(minor) => {
                self.ask(Request::Execute(operation(Kind::Deposit, None, minor)));
            }
            Step::Hold(minor) => {
                let record = self.state.last().record;
                let id = Id::new(&format!("hold-{record}")).expect("an id");
                let operation = operation(Kind::Withdraw, Some(id.clone()), minor);
                self.ask(Request::Hold {
                    operation,
                    lasts: None,
                });
                self.open.push(id);
            }
            Step::Post(index, minor) => {
                if let Some(place) = ended(&self.open, index) {
                    let (id, amount) = (self.open.remove(place), Amount::new(minor));
                    self.ask(Request::PostHold { id, amount });
                }
            }
            Step::Void(index) => {
                if let Some(place) = ended(&self.open, index) {
                    let id = self.open.remove(place);
                    self.ask(Request::VoidHold { id });
                }
            }
        }
    }

    fn check(&mut self) {
        self.entered.insert(self.window());
        let paid = self
            .state
            .account(&BUDGET)
            .map_or(0, |budget| -budget.posted);
        let entered = self.entered.len() as i64;
        assert!(paid <= LIMIT * entered, "{paid} for {entered} windows");
        if self.entered.len() > REMEMBERED {
            return;
        }
        let begun = self.entered.range(..=self.window()).count() as i64;
        match self.rollover {
            true => assert_eq!(paid, LIMIT * begun),
            false => assert!(paid <= LIMIT * begun, "{paid} for {begun} windows"),
        }
    }
}

proptest! {
    #[test]
    fn each_window_is_paid_once(steps in steps(), rollover in any::<bool>()) {
        let mut bank = Bank::new(rollover);
        steps.into_iter().for_each(|step| bank.step(step));
    }
}

#[test]
#[cfg_attr(miri, ignore)] // It would take Miri minutes.
fn more_windows_than_are_remembered_are_paid_once_too() {
    for rollover in [false, true] {
        let mut bank = Bank::new(rollover);
        for _ in 0..3 {
            for day in 0..40 {
                bank.step(Step::Day(day));
                bank.step(Step::Withdraw(LIMIT));
            }
        }
        let paid = bank.state.account(&BUDGET).map(|budget| -budget.posted);
        assert_eq!(paid, Some(40 * LIMIT));
    }
}

#[test]
fn days_are_refilled_that_come_after_a_clock_was_ahead_for_long() {
    let mut bank = Bank::new(false);
    for day in (1_000..1_020).chain(1..20) {
        bank.step(Step::Day(day));
        bank.step(Step::Withdraw(LIMIT));
    }
    // What was spent of the refills that were taken back was missing for some days.
    let account = bank.state.account(&Name::default()).expect("an account");
    assert_eq!(account.posted, 0);
}
