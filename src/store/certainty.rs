//! What is known of a request that a ledger did not answer. Runs, single operations and servers all go
//! by what is said here.

use super::LedgerError;

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
            | LedgerError::NotServed { .. } => Certainty::NotDone,
            LedgerError::Damaged { .. } => Certainty::Damaged,
            LedgerError::Unknown { .. }
            | LedgerError::Failed { .. }
            | LedgerError::Server { .. } => Certainty::Unknown,
        }
    }

    /// Whether the same request, asked again later, may be done: what is in the way may go away by
    /// itself, or somebody may see to it.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            LedgerError::Locked { .. }
                | LedgerError::Unwritable { .. }
                | LedgerError::NotServed { .. }
        )
    }

    /// Whether nothing can be asked any more before the ledger is opened anew.
    pub fn is_final(&self) -> bool {
        self.certainty() == Certainty::Unknown || matches!(self, LedgerError::Replaced { .. })
    }
}
