//! Holds everything in the file against everything else.
//!
//! The entries and records are walked in the chain's order, and the ledger is added up anew from them:
//! every row must be what the bank's rules make of the rows before it. At the end the rows that are
//! kept beside them (accounts, holds, head) must say the same.
//!
//! The walk goes in pages, each a short read transaction of its own, since a long one would let the
//! log of those who write meanwhile grow. What was walked never changes, so the pages fit together; the
//! rest of the tail and what is kept beside it are read in one transaction, as of one moment.

mod lookups;
mod recount;
mod shape;
mod tables;
mod walk;
mod words;

use std::fmt::Display;

use rusqlite::ErrorCode;

use super::Sqlite;
use crate::store::{ChainEnd, LedgerError, Verified};
use walk::Walk;

/// The rows of one page.
const PAGE: u64 = 20_000;

/// What a check comes to.
type Checked<T = ()> = Result<T, Stop>;

/// A row is right, or why it is not.
type Said<T = ()> = Result<T, String>;

/// Why the checking ends before all is checked.
enum Stop {
    /// Something is wrong: what it says, and what it must be.
    Wrong(String),
    /// SQLite cannot go on.
    Database(rusqlite::Error),
}

impl Stop {
    /// The same, said of something.
    fn of(self, what: impl Display) -> Self {
        match self {
            Stop::Wrong(why) => Stop::Wrong(format!("{what} {why}")),
            Stop::Database(error) if is_damage(&error) => {
                Stop::Wrong(format!("{what} cannot be read: {error}"))
            }
            stop => stop,
        }
    }
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Stop::Wrong(why)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Database(error)
    }
}

fn wrong<T>(why: impl Into<String>) -> Checked<T> {
    Err(Stop::Wrong(why.into()))
}

/// Whether an error comes from what the file holds, and not from whoever reads it.
fn is_damage(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::ApiMisuse
        )
    )
}

impl Sqlite {
    /// Checks everything, and writes nothing.
    pub(super) fn check_all(&self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        self.check_in_pages(PAGE, expect)
    }

    /// The same, in pages of so many rows.
    fn check_in_pages(
        &self,
        page: u64,
        expect: Option<&ChainEnd>,
    ) -> Result<Verified, LedgerError> {
        let mut walk = Walk::new(&self.connection, expect.copied());
        let violation = match self.check(&mut walk, page) {
            Ok(()) => None,
            Err(Stop::Wrong(why)) => Some(why),
            Err(Stop::Database(error)) if is_damage(&error) => {
                Some(format!("the file cannot be read: {error}"))
            }
            Err(Stop::Database(error)) => return Err(self.fault("read", &error)),
        };
        Ok(walk.verified(violation))
    }

    fn check(&self, walk: &mut Walk<'_>, page: u64) -> Checked {
        walk.hold_against_expected()?;
        self.catch_up(walk, page)?;
        let reading = self.connection.unchecked_transaction()?;
        walk.page(u64::MAX)?;
        walk.check_tables()?;
        walk.check_expected_was_met()?;
        drop(reading);
        self.check_structure()
    }

    /// Walks in pages until little is left, or until those who write are about as fast.
    fn catch_up(&self, walk: &mut Walk<'_>, page: u64) -> Checked {
        let mut left = walk.left()?;
        while left > page {
            let goal = walk.walked().saturating_add(left);
            while walk.walked() < goal {
                let reading = self.connection.unchecked_transaction()?;
                let is_end = walk.page(page)?;
                drop(reading);
                if is_end {
                    return Ok(());
                }
            }
            let more = walk.left()?;
            if more > left / 2 {
                return Ok(());
            }
            left = more;
        }
        Ok(())
    }

    /// Whether the file's pages hang together. All that a ledger says was read by now; this finds what
    /// would go wrong later, such as a page that is in use and free at the same time.
    fn check_structure(&self) -> Checked {
        let said: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        match said.as_str() {
            "ok" => Ok(()),
            said => wrong(format!("the file's structure is damaged: {said}")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
