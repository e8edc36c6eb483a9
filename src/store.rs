//! Where balances live: the bank's own state in memory, the cells that `server-share` shares, the
//! memory of `shared-memory`, or a ledger that lasts.

mod byte_lock;
mod cells;
mod certainty;
mod claimed_ids;
mod clock;
mod copy;
mod engine;
mod error;
mod lease;
mod ledger;
mod mapped;
mod memory;
mod owner;
#[cfg(feature = "postgres")]
mod postgres;
mod remote;
mod retry;
mod shared_data;
mod sqlite;

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use engine::tests::tables::{
    CommitFate, Flaw, HostClock, LeaseKind, Shared as SharedRows,
};

pub use cells::Cells;
pub use certainty::{AtStake, Certainty};
pub use error::LedgerError;
pub use lease::{HeldShare, LeaseHolder, LeaseShare};
pub use ledger::{
    BegunLine, ChainEnd, DoneLine, Entries, Entry, EntryQuery, Ledger, LedgerAnswer, LedgerRequest,
    LineDigests, LineEnd, MAX_PAGE, MAX_REASON, MAX_TEXT, NEW_RUN, OpenHold, OpenedRun, RunName,
    RunNameError, RunTotals, SkippedLine, Verified, open_holds,
};
pub use mapped::MappedCells;
pub use memory::Memory;
pub use owner::{
    ClientAnswers, ClientRequests, LedgerQuery, MAX_BATCH, OwnedFor, OwnerEvent, OwnerThread,
};
#[cfg(feature = "postgres")]
pub use postgres::PostgresAddress;
#[cfg(all(feature = "postgres", any(test, fuzzing)))]
pub(crate) use postgres::untrusted::postgres_address;
#[cfg(test)]
pub(crate) use remote::{ByteStream, Remote};
pub use retry::until_done;
pub use shared_data::{Abandoned, CellReply, SharedData};

use std::fmt;
use std::path::PathBuf;

use engine::Engine;
use lease::Lease;
use sqlite::Sqlite;

use crate::bank::{Account, Allowance, Balance, Budget, BudgetView, Name, Unit, View};

/// Where a ledger that lasts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// Behind a server process that listens on this socket.
    Server(PathBuf),
    /// In a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresAddress),
}

/// Whether a ledger's file may be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access<'a> {
    /// A missing file is created, for a ledger of this unit.
    Create(&'a Unit),
    /// The file must be there.
    Existing,
    /// The file must be there, and it is enough if it may be read.
    Read,
}

impl Place {
    /// Opens the ledger; with [`Access::Create`] a file that does not exist is created.
    pub fn open(&self, access: Access<'_>) -> Result<Box<dyn Ledger>, LedgerError> {
        match self {
            Place::File(path) => Ok(Box::new(Engine::new(Sqlite::open(path, access)?))),
            Place::Server(path) => Ok(Box::new(remote::Remote::connect(path)?)),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => {
                let backend = postgres::Postgres::open(address, access)?;
                Ok(Box::new(Engine::new(backend)))
            }
        }
    }
}

impl Place {
    /// The settings of its server on which durability rests; `None` where it has no such server.
    pub fn settings(&self) -> Result<Option<Vec<ServerSetting>>, LedgerError> {
        match self {
            Place::File(_) | Place::Server(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => postgres::Postgres::settings(address).map(Some),
        }
    }

    /// The statements by which its owner lets others use the ledger; none where the system's permissions do.
    pub fn grants(&self) -> Result<Vec<String>, LedgerError> {
        match self {
            Place::File(_) | Place::Server(_) => Ok(Vec::new()),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => address.grants(),
        }
    }
}

/// A setting of a server on which durability rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSetting {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: String,
    /// What may happen, where it is not as it must be.
    pub danger: Option<String>,
    /// What else may be asked about it.
    pub note: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Server(path) => write!(f, "unix:{}", path.display()),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => address.fmt(f),
        }
    }
}

/// One account of a store, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose money it is.
    pub name: Name,
    /// The money.
    pub view: View,
    /// How far below zero it may go; `None`: the bank's own, which have no limit.
    pub overdraft: Option<Balance>,
    /// How its allowance stands, if it has one.
    pub allowance: Option<StandingAllowance>,
    /// Of the updates written to it, how many its money does not include.
    pub lost_updates: u64,
    /// How many of those are counted as operations: one of which updates were lost on two accounts counts on
    /// one of them. It is not told to clients.
    #[serde(skip)]
    pub lost_operations: u64,
    /// Additions that check no funds took it below its limit. It is not told to clients: no ledger that
    /// lasts has such.
    #[serde(skip)]
    pub overdrawn: bool,
}

impl Standing {
    /// How an account stands of which no update was lost.
    pub fn of(name: &Name, account: &Account) -> Self {
        Standing {
            name: name.clone(),
            view: account.view(),
            overdraft: (!name.is_the_banks()).then(|| account.overdraft()),
            allowance: None,
            lost_updates: 0,
            lost_operations: 0,
            overdrawn: false,
        }
    }

    /// How an account with an allowance stands.
    pub fn with_budget(name: &Name, account: &Account, budget: Option<&Budget>) -> Self {
        let allowance = budget.map(|budget| StandingAllowance {
            allowance: budget.allowance().clone(),
            view: budget.view(account),
        });
        Standing {
            allowance,
            ..Standing::of(name, account)
        }
    }
}

/// An allowance, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingAllowance {
    /// What the account is filled up to in each window.
    pub allowance: Allowance,
    /// What was spent and what is left in this one.
    pub view: BudgetView,
}
