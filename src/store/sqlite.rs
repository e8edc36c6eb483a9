//! Rows in a file: SQLite in WAL mode.
//!
//! All that durability and sharing rest on is here: how the file is opened and created, what may lie
//! beside it, who has its locks, and what its errors mean.

mod apply;
mod backup;
mod check;
mod columns;
mod creation;
mod faults;
mod ledger_file;
mod load;
mod log;
mod mark;
mod opening;
mod reading;
mod recovery;
mod rollback;
mod schema;
mod side_files;
mod transaction;
mod upgrade;
mod write_queue;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::Access;
use super::engine::backend::{Backend, Tx, TxMode};
use super::engine::rows::Head;
use super::{LedgerError, Verified};
pub(super) use backup::new_file;
use ledger_file::{Identity, LedgerFile, identity};
use mark::Mark;
use opening::Opened;
use reading::Reading;
use transaction::Transaction;

/// The rows of a ledger in a file.
pub(super) struct Sqlite {
    path: PathBuf,
    connection: Connection,
    /// Taken away once the connection is closed.
    mark: Option<Mark>,
    /// Closed after the connection: closing it drops SQLite's locks.
    file: Arc<LedgerFile>,
    /// Which file its log is, where it may be written.
    log: Option<Identity>,
    /// How it is read, where it may not be written.
    reading: Option<Reading>,
    /// SQLite's count of other connections' commits at the last transaction.
    version: Option<i64>,
    /// The head as it was read or written last.
    head: Option<Head>,
}

impl Sqlite {
    /// Opens the ledger in this file.
    pub(super) fn open(path: &Path, access: Access<'_>) -> Result<Self, LedgerError> {
        let Opened {
            path,
            connection,
            file,
            log,
            mark,
            reading,
        } = opening::open(path, access)?;
        Ok(Sqlite {
            path,
            connection,
            mark,
            file,
            log,
            reading,
            version: None,
            head: None,
        })
    }

    /// Tells a copy that it may lack what is committed now.
    fn set_mark(&self) -> Result<(), LedgerError> {
        let set = self.mark.as_ref().map_or(Ok(()), Mark::set);
        set.map_err(|cause| LedgerError::Unwritable {
            ledger: self.path.display().to_string(),
            doing: "write",
            cause: cause.to_string(),
        })
    }

    /// Refuses everything once a transaction could not be taken back.
    fn check_usable(&self) -> Result<(), LedgerError> {
        match self.connection.is_autocommit() {
            true => Ok(()),
            false => Err(LedgerError::Failed {
                ledger: self.path.display().to_string(),
            }),
        }
    }

    /// What is written into a file, or a log, that others no longer find would be lost to them, and what is
    /// read there may be old.
    fn check_place(&self) -> Result<(), LedgerError> {
        let is = |path: &Path, file| fs::metadata(path).is_ok_and(|found| identity(&found) == file);
        let log = side_files::beside(&self.path, side_files::LOG);
        if is(&self.path, self.file.identity()) && self.log.is_none_or(|file| is(&log, file)) {
            return Ok(());
        }
        Err(LedgerError::Replaced {
            ledger: self.path.display().to_string(),
        })
    }

    fn execute(&self, doing: &'static str, sql: &str) -> Result<(), LedgerError> {
        let statement = self.connection.prepare_cached(sql);
        let done = statement.and_then(|mut statement| statement.execute([]));
        done.map(drop).map_err(|error| self.fault(doing, &error))
    }

    fn fault(&self, doing: &'static str, error: &rusqlite::Error) -> LedgerError {
        faults::database(&self.path, doing, error)
    }
}

impl Backend for Sqlite {
    fn begin(&mut self, mode: TxMode) -> Result<Box<dyn Tx + '_>, LedgerError> {
        Ok(Box::new(Transaction::begin(self, mode)?))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError> {
        self.copy_to(path)
    }
}

#[cfg(test)]
mod tests;
