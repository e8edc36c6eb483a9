//! What is known of a request that a ledger did not answer. Runs, single operations and servers all go
//! by what is said here.

use std::time::Duration;

use super::LedgerError;

/// How long a ledger is asked again where work is under way whose end it does not know yet. Whoever
/// keeps it locked, or its disk full, has that long before what was done is in doubt.
pub const WORK_PATIENCE: Duration = Duration::from_secs(600);
/// How long a server that is gone is looked for then.
const SERVER_PATIENCE: Duration = Duration::from_secs(30);

/// What became of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            | LedgerError::Network { .. }
            | LedgerError::Locked { .. }
            | LedgerError::Unwritable { .. }
            | LedgerError::Replaced { .. }
            | LedgerError::RunIsLive { .. }
            | LedgerError::PutOff { .. }
            | LedgerError::NotServed { .. } => Certainty::NotDone,
            LedgerError::Damaged { .. } => Certainty::Damaged,
            LedgerError::Unknown { .. }
            | LedgerError::Failed { .. }
            | LedgerError::Interrupted { .. }
            | LedgerError::Server { .. } => Certainty::Unknown,
        }
    }

    /// For how long the same request may be asked again, if that can help: what is in the way may go
    /// away by itself, or somebody may see to it.
    pub fn patience(&self) -> Option<Duration> {
        match self {
            LedgerError::Locked { .. }
            | LedgerError::Unwritable { .. }
            | LedgerError::PutOff { .. } => Some(WORK_PATIENCE),
            LedgerError::NotServed { .. } | LedgerError::Interrupted { .. } => {
                Some(SERVER_PATIENCE)
            }
            _ => None,
        }
    }

    /// Whether nothing can be asked any more before the ledger is opened anew.
    pub fn is_final(&self) -> bool {
        match self {
            LedgerError::Replaced { .. } => true,
            error => error.certainty() == Certainty::Unknown && error.patience().is_none(),
        }
    }
}
