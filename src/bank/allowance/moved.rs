//! What an allowance moved, as an answer tells it.

use serde::{Deserialize, Serialize};

use crate::bank::{Amount, Moment, Name, View};

/// What an allowance moved along with what was decided. Where its account entered a window that was in front of
/// it; where the allowance was changed, or an earlier hold gave something back, behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceMove {
    /// Whose allowance.
    pub account: Name,
    /// The window that it is about; none where a hold gave something back.
    pub window: Option<AllowanceWindow>,
    /// What went back to the budget, first.
    pub lapse: Option<Amount>,
    /// What came from the budget.
    pub refill: Option<Amount>,
    /// The account after it.
    pub view: View,
    /// The number of its last entry, or of the last one before it.
    pub seq: u64,
    /// The number of its last change, counted as [`Answer::decided`](crate::bank::Answer::decided) is.
    pub decided: u64,
}

/// The window of an account's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceWindow {
    /// When it began.
    pub start: Moment,
    /// What may be spent in it.
    pub limit: Amount,
    /// What is left is kept.
    pub rollover: bool,
    /// How the account came into it.
    pub entry: WindowEntry,
}

/// How an account came into a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowEntry {
    /// It was never refilled for it before.
    New,
    /// It was in it before: a clock went back.
    Again,
    /// The allowance was changed in it.
    Changed,
}
