//! What is told of the allowance of an account.

use serde::{Deserialize, Serialize};

use super::EventFields;
use super::fields::{Micros, moment};
use crate::bank::{Answer, Balance, BudgetView, Moment, Name, Outcome};

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
