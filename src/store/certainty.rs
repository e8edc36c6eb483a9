//! What is known of a request that a ledger did not answer. Runs, single operations and servers all go
//! by what is said here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::retry::{TAKEOVER_WAIT, lock_wait};

/// What comes into doubt if a ledger is not told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStake {
    /// Nothing: what was not done can be asked for again another time.
    Nothing,
    /// How commands ended.
    Work,
    /// Nothing, and a person or a script waits for one answer: only a database without a primary is waited for.
    OneAnswer,
}

/// What became of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certainty {
    /// None of it was done.
    NotDone,
    /// It may count or not, until the ledger is opened anew or the same id is asked again.
    Unknown,
    /// None of it was done, since what is stored is not what was written.
    Damaged,
}

impl LedgerError {
    /// What became of what was asked.
    pub fn certainty(&self) -> Certainty {
        match self {
            LedgerError::Io { .. }
            | LedgerError::Missing { .. }
            | LedgerError::Database { .. }
            | LedgerError::Foreign { .. }
            | LedgerError::Beside { .. }
            | LedgerError::OtherLog { .. }
            | LedgerError::Apart { .. }
            | LedgerError::NoPlace { .. }
            | LedgerError::Network { .. }
            | LedgerError::Locked { .. }
            | LedgerError::Conflict { .. }
            | LedgerError::Unwritable { .. }
            | LedgerError::Replaced { .. }
            | LedgerError::RunIsLive { .. }
            | LedgerError::LeaseLost { .. }
            | LedgerError::NotServed { .. }
            | LedgerError::Unreachable { .. } => Certainty::NotDone,
            LedgerError::Answered { certainty, .. } => *certainty,
            LedgerError::Damaged { .. } => Certainty::Damaged,
            LedgerError::Unknown { .. }
            | LedgerError::Failed { .. }
            | LedgerError::Interrupted { .. }
            | LedgerError::Server { .. } => Certainty::Unknown,
        }
    }

    /// Whether the same request may be done when it is asked again: what is in the way may go away by
    /// itself, or a person may mend it.
    pub fn may_pass(&self) -> bool {
        self.patience(AtStake::Nothing).is_some()
    }

    /// For how long it is asked again, if that can help.
    pub fn patience(&self, at_stake: AtStake) -> Option<Duration> {
        let seconds = match (self, at_stake) {
            // Till a standby has taken over.
            (
                LedgerError::Unreachable { .. } | LedgerError::Conflict { .. },
                AtStake::OneAnswer | AtStake::Nothing,
            ) => return Some(lock_wait(TAKEOVER_WAIT)),
            (_, AtStake::OneAnswer) => return None,
            // The process that has it locked, or the full disk, has that long before what was done is in doubt.
            (
                LedgerError::Locked { .. }
                | LedgerError::Conflict { .. }
                | LedgerError::Unreachable { .. }
                | LedgerError::Unwritable { .. }
                | LedgerError::Answered { may_pass: true, .. },
                AtStake::Work,
            ) => 600,
            (
                LedgerError::Locked { .. } | LedgerError::Answered { may_pass: true, .. },
                AtStake::Nothing,
            ) => 60,
            (LedgerError::Unwritable { .. }, AtStake::Nothing) => 3,
            // A server that is gone.
            (LedgerError::NotServed { .. } | LedgerError::Interrupted { .. }, _) => 30,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    /// Whether nothing can be asked any more before the ledger is opened anew.
    pub fn is_final(&self) -> bool {
        match self {
            LedgerError::Replaced { .. } | LedgerError::LeaseLost { .. } => true,
            error => error.certainty() == Certainty::Unknown && !error.may_pass(),
        }
    }
}
