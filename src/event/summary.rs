//! The counts and balances of a run.

use serde::{Deserialize, Serialize};

use super::fields::{Micros, Total, is_zero};
use super::{EventFields, Mode};
use crate::bank::{Balance, Name};
use crate::status::Status;

/// The counts and balances of a run. What other programs leave out is read as nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Which mode.
    pub mode: Mode,
    /// The ledger, if it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// The run's exit status.
    pub status: Status,
    /// How many operations came to an end, whichever it was.
    pub operations: u64,
    /// Posted or viewed.
    pub completed: u64,
    /// Refused by the bank.
    pub refused: u64,
    /// Ended by a fault.
    pub failed: u64,
    /// It is not known what their work did, so that their money stays set aside.
    pub in_doubt: u64,
    /// Lines that are no operation.
    pub invalid: u64,
    /// Lines that were given up.
    pub skipped: u64,
    /// Of those completed and refused, how many were answered with a stored outcome.
    pub duplicates: u64,
    /// The money of all operations that were posted in this run, and not before.
    #[serde(skip_serializing_if = "is_zero")]
    pub moved: Total,
    /// Worker processes started.
    pub processes: u64,
    /// From start to end.
    pub elapsed_us: Micros,
    /// The work that was done, summed: what it would take one after another.
    pub sequential_us: Micros,
    /// The first accounts by name, the bank's own first; of a ledger that lasts, those that the run
    /// dealt with and that are not the bank's own.
    pub balances: Vec<AccountSummary>,
    /// How many accounts there are beyond those.
    pub accounts_omitted: u64,
    /// The sum over all accounts; anything but zero is a violation. This and the next two are told of runs
    /// in memory alone, since others may write to a ledger that lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<Total>,
    /// The accounts whose balance is not what the completed operations add up to, or where money is
    /// still set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_accounts: Option<u64>,
    /// The operations whose update was lost, on whichever account, each counted once; in shared memory the
    /// fewest that explain what its accounts lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_updates: Option<u64>,
    /// The accounts that are below their limit, as money went out without a check; each is a violation.
    #[serde(skip_serializing_if = "is_zero")]
    pub overdrawn_accounts: u64,
    /// Why the run ended before its work did, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
}

/// One account at the end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountSummary {
    /// Its name.
    pub account: Name,
    /// What is posted on it.
    pub balance: Balance,
    /// What of it is not set aside.
    #[serde(default)]
    pub available: Balance,
    /// What must be posted on it, added up from the completed operations, if no other process writes to
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Balance>,
    /// Of the updates of its shared cell, how many were lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_updates: u64,
    /// It is below its limit, as money went out without a check.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overdrawn: bool,
}

impl EventFields for Box<Summary> {}
