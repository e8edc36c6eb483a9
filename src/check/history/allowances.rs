//! What allowances moved: each entry and each window is something that happened, in front of the operation that
//! tells of it or behind it.

use std::collections::HashMap;

use super::reading::{LineFault, LinePlace};
use super::{NO_TEXT, Observed, ObservedEvent, ObservedHistory};
use crate::bank::{Balance, Kind};
use crate::event::{AllowanceEvent, OperationEvent, WindowEvent};

/// What is told of a window, and of what that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ToldWindow {
    /// The window.
    pub window: WindowEvent,
    /// What went back to the budget, first.
    pub lapse: i64,
    /// What came from the budget.
    pub refill: i64,
}

/// Each of them once, so that what is told twice is the same.
#[derive(Debug, Default)]
pub(super) struct ToldWindows {
    told: Vec<ToldWindow>,
    numbers: HashMap<ToldWindow, u32>,
}

impl ToldWindows {
    /// Its number, from 1.
    fn number(&mut self, told: ToldWindow) -> u32 {
        let next = self.told.len() as u32 + 1;
        let number = *self.numbers.entry(told).or_insert(next);
        if number == next {
            self.told.push(told);
        }
        number
    }
}

impl ObservedHistory {
    /// What an account's allowance did there, if it did something.
    pub fn window(&self, one: &Observed) -> Option<&ToldWindow> {
        let place = (one.window as usize).checked_sub(1)?;
        self.windows.told.get(place)
    }

    /// Takes what happened to an operation, and what allowances moved along with it.
    pub(super) fn add_among_allowances(
        &mut self,
        place: LinePlace,
        event: ObservedEvent,
        mut told: OperationEvent,
    ) -> Result<(), LineFault> {
        let moved = told.allowances.take().unwrap_or_default();
        let (front, behind): (Vec<_>, Vec<_>) = moved.iter().partition(|one| one.is_in_front());
        for one in front {
            self.add_moved(place, &told, one)?;
        }
        if let Some(first) = behind.first() {
            told.decided = first.decided.saturating_sub(first.entries());
            // These tell of the account as it is after all of it.
            if matches!(event, ObservedEvent::Opened | ObservedEvent::Refused) {
                (told.balance, told.available) = (None, None);
            }
        }
        self.add_operation(place, event, &told)?;
        let mut behind = behind.into_iter();
        behind.try_for_each(|one| self.add_moved(place, &told, one))
    }

    fn add_moved(
        &mut self,
        place: LinePlace,
        told: &OperationEvent,
        one: &AllowanceEvent,
    ) -> Result<(), LineFault> {
        let minor = |amount: Option<Balance>| amount.map_or(0, Balance::minor);
        let (lapse, refill) = (minor(one.lapse), minor(one.refill));
        if let Some(window) = one.window {
            let mut entered =
                self.observe(place, ObservedEvent::Entered, &of_account(told, one))?;
            let window = ToldWindow {
                window,
                lapse,
                refill,
            };
            entered.window = self.windows.number(window);
            entered.decided = one.decided.saturating_sub(one.entries());
            self.keep_moved(entered)?;
        }
        let before = |balance: Balance| Balance::new(balance.minor().saturating_sub(refill));
        let entries = [
            one.lapse.map(|amount| {
                let later = u64::from(one.refill.is_some());
                let (balance, available) = (before(one.balance), before(one.available));
                (Kind::Lapse, amount, later, (balance, available))
            }),
            one.refill
                .map(|amount| (Kind::Refill, amount, 0, (one.balance, one.available))),
        ];
        for (kind, amount, later, (balance, available)) in entries.into_iter().flatten() {
            let entry = OperationEvent {
                op: Some(kind),
                amount: Some(amount),
                balance: Some(balance),
                available: Some(available),
                seq: Some(one.seq.saturating_sub(later)),
                decided: one.decided.saturating_sub(later),
                ..of_account(told, one)
            };
            let entry = self.observe(place, ObservedEvent::Completed, &entry)?;
            self.keep_moved(entry)?;
        }
        Ok(())
    }

    fn keep_moved(&mut self, one: Observed) -> Result<(), LineFault> {
        self.keep(Observed {
            is_part: true,
            operation: 0,
            id: NO_TEXT,
            ..one
        })
    }
}

/// What is told of the account alone, when its operation was.
fn of_account(told: &OperationEvent, one: &AllowanceEvent) -> OperationEvent {
    OperationEvent {
        account: Some(one.account.clone()),
        pid: told.pid,
        at_us: told.at_us,
        elapsed_us: told.elapsed_us,
        ..OperationEvent::default()
    }
}

impl AllowanceEvent {
    /// How many entries it is.
    fn entries(&self) -> u64 {
        u64::from(self.lapse.is_some()) + u64::from(self.refill.is_some())
    }
}
