//! Budgets that refill: how much, in which windows, in whose days.

mod budget;
mod moved;
mod text;
mod window;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Amount, Id, Moment, Name};

pub use budget::{Budget, BudgetView, EndedHold, EnteredWindow, Postings};
pub use moved::{AllowanceMove, AllowanceWindow, WindowEntry};
pub use text::{AllowanceError, Percent};
pub use window::{Period, Zone};

/// What an account is filled up to in each window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// What it may spend in a window.
    pub amount: Amount,
    /// How long a window is.
    pub period: Period,
    /// What is left is kept, and the amount is added to it; else the account is filled up to the amount.
    pub rollover: bool,
    /// From so much on that is spent, a warning is told, once in each window.
    pub warn: Option<Percent>,
    /// Where the days of the windows begin.
    pub zone: Zone,
}

/// What becomes of an account's allowance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowanceChange {
    /// It has this one from now on.
    Set(Allowance),
    /// It has none any more; the money that is there stays.
    Removed,
}

/// The id under which an account is refilled for the window that begins then. Where that is taken, by a refill
/// that was taken back or by a user, the number of the entry tells them apart.
pub fn refill_id(account: &Name, start: Moment, seq: Option<u64>) -> Option<Id> {
    let start = Timestamp::from_microsecond(start.micros())
        .map_or_else(|_| start.micros().to_string(), |start| start.to_string());
    let again = seq.map_or_else(String::new, |seq| format!(":{seq}"));
    Id::new(&format!("allowance:{account}:{start}{again}")).ok()
}

/// The most that an account may spend in a window, in minor units: so little that a million full refills find
/// room in `@budget`.
const MOST: i64 = 10_000_000_000_000 - 1;

impl Allowance {
    /// Refuses what no allowance can be.
    pub fn check(amount: Amount) -> Result<Amount, AllowanceError> {
        match amount.minor() <= MOST {
            true => Ok(amount),
            false => Err(AllowanceError::TooMuch),
        }
    }

    /// The least that is left while no warning is due.
    fn warn_below(&self) -> Option<i64> {
        let percent = i128::from(self.warn?.get());
        let left = i128::from(self.amount.minor()) * (100 - percent);
        // It is at most the amount.
        i64::try_from(left / 100).ok()
    }
}
