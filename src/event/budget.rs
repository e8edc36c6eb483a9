//! What is told of the allowance of an account.

use serde::{Deserialize, Serialize};

use super::EventFields;
use super::fields::{Micros, is_zero, moment};
use crate::bank::{
    AllowanceMove, AllowanceWindow, Answer, Balance, BudgetView, Moment, Name, Outcome, WindowEntry,
};

/// So much of an account's allowance is spent that a warning was asked for. Told once in each window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetEvent {
    /// Whose allowance.
    pub account: Name,
    /// What may be spent in a window.
    pub limit: Balance,
    /// What was spent or set aside in this one.
    pub spent: Balance,
    /// What is left.
    pub left: Balance,
    /// When the next window begins.
    #[serde(with = "moment")]
    pub refills: Moment,
    /// Since the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<Micros>,
}

impl BudgetEvent {
    /// The warning that an answer about this account comes with, if it does.
    pub fn warned(account: &Name, answer: &Answer) -> Option<Self> {
        let is_refused = matches!(answer.outcome, Outcome::Refused { .. });
        let view = answer.budget.as_deref().filter(|_| !is_refused)?;
        Some(BudgetEvent::new(account.clone(), view))
    }

    fn new(account: Name, view: &BudgetView) -> Self {
        BudgetEvent {
            account,
            limit: view.limit.into(),
            spent: view.spent,
            left: view.left,
            refills: view.next,
            at_us: None,
        }
    }
}

impl EventFields for BudgetEvent {
    fn at_mut(&mut self) -> Option<&mut Micros> {
        Some(self.at_us.get_or_insert_default())
    }
}

/// What the allowance of an account moved along with an operation. What does not apply is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllowanceEvent {
    /// Whose allowance.
    pub account: Name,
    /// The window that it is about; none where an earlier hold gave something back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowEvent>,
    /// What went back to the budget, first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse: Option<Balance>,
    /// What came from the budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refill: Option<Balance>,
    /// What is posted on the account after it.
    pub balance: Balance,
    /// What of it is not set aside.
    pub available: Balance,
    /// The number of its last entry, or of the last one before it.
    pub seq: u64,
    /// The number of its last change.
    pub decided: u64,
}

/// The window of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WindowEvent {
    /// When it began.
    #[serde(with = "moment")]
    pub start: Moment,
    /// How the account came into it.
    pub entry: WindowEntry,
    /// What may be spent in it.
    pub limit: Balance,
    /// What is left is kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rollover: bool,
}

impl AllowanceEvent {
    /// What an answer tells of what allowances moved, in its order.
    pub fn all(answer: &Answer) -> Option<Box<[AllowanceEvent]>> {
        let moved = answer.allowances.as_deref()?;
        Some(moved.iter().map(AllowanceEvent::new).collect())
    }

    fn new(moved: &AllowanceMove) -> Self {
        AllowanceEvent {
            account: moved.account.clone(),
            window: moved.window.map(WindowEvent::new),
            lapse: moved.lapse.map(Balance::from),
            refill: moved.refill.map(Balance::from),
            balance: moved.view.posted,
            available: moved.view.available,
            seq: moved.seq,
            decided: moved.decided,
        }
    }

    /// Whether it moved in front of its operation.
    pub fn is_in_front(&self) -> bool {
        let is_entered = |window: &WindowEvent| window.entry != WindowEntry::Changed;
        self.window.as_ref().is_some_and(is_entered)
    }
}

impl WindowEvent {
    fn new(window: AllowanceWindow) -> Self {
        WindowEvent {
            start: window.start,
            entry: window.entry,
            limit: window.limit.into(),
            rollover: window.rollover,
        }
    }
}
