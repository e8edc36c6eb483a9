//! Reading a ledger that this process may not write: without permission, or on a medium that is read only.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::Access as Permission;
use rustix::io::Errno;

use super::ledger_file::LedgerFile;
use super::log::{self, LogMatch};
use super::side_files::{LOG, beside};
use super::{Sqlite, faults, opening, recovery};
use crate::store::LedgerError;

/// How a ledger is read that may not be written.
pub(super) enum Reading {
    /// Beside processes that write to it, by SQLite's locks.
    Shared,
    /// Without any lock, since no process uses it: it must stay as it was when it was opened.
    Alone(Stamp),
}

/// What changes when a file is written to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(about: &Metadata) -> Self {
        Stamp {
            length: about.len(),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

/// Why this process may not write to the ledger, if it may not: for that it needs the file and, since a
/// log comes and goes beside it, the folder.
pub(super) fn may_not_write(ledger: &Path, file: &LedgerFile) -> Option<io::Error> {
    let folder = ledger.parent().unwrap_or(Path::new("/"));
    let refused = rustix::fs::access(folder, Permission::WRITE_OK).err();
    let refused = refused.filter(|error| matches!(*error, Errno::ACCESS | Errno::ROFS));
    match refused {
        // Others have put the log there.
        Some(_) if file.may_write() && beside(ledger, LOG).exists() => None,
        Some(error) => Some(error.into()),
        None if file.may_write() => None,
        None => Some(Errno::ACCESS.into()),
    }
}

/// Opens the ledger to read it.
pub(super) fn open(ledger: &Path, file: &LedgerFile) -> Result<(Connection, Reading), LedgerError> {
    let failed = |cause| LedgerError::Io {
        ledger: ledger.display().to_string(),
        doing: "open",
        cause,
    };
    let stamp = Stamp::of(&file.file().metadata().map_err(failed)?);
    if recovery::is_used(file).map_err(failed)? {
        return Ok((connect(ledger, "mode=ro")?, Reading::Shared));
    }
    let log = beside(ledger, LOG);
    match log::compare(&log, file.file()).map_err(failed)? {
        LogMatch::Empty => Ok((
            connect(ledger, "mode=ro&immutable=1")?,
            Reading::Alone(stamp),
        )),
        LogMatch::Yes | LogMatch::No => Err(LedgerError::OtherLog {
            ledger: ledger.to_owned(),
            log,
            what: "holds entries that must be copied back first, which takes the permission to write: run `bank-par balance` as a user who has it, or copy both files to a folder of your own and read them there",
        }),
    }
}

fn connect(ledger: &Path, how: &str) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let open = || {
        let uri = format!("file:{}?{how}", escaped(ledger));
        opening::set_up(Connection::open_with_flags(uri, flags)?)
    };
    open().map_err(|error| faults::database(ledger, "open", &error))
}

/// A path as a URI has it: all but letters, digits and a few signs by their numbers.
fn escaped(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            byte => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

impl Reading {
    /// Whether what is read is still right: the file is as it was where it is read without a lock.
    pub(super) fn is_current(&self, ledger: &Path) -> bool {
        match self {
            Reading::Shared => true,
            Reading::Alone(stamp) => {
                fs::metadata(ledger).is_ok_and(|about| Stamp::of(&about) == *stamp)
            }
        }
    }
}

impl Sqlite {
    /// Opens a ledger anew that may not be written, once it was changed.
    pub(super) fn reopen_changed(&mut self) -> Result<(), LedgerError> {
        if !self.is_current() {
            let (connection, reading) = open(&self.path, &self.file)?;
            self.connection = connection;
            (self.reading, self.version) = (Some(reading), None);
        }
        Ok(())
    }

    /// What was read is right only if the file was not changed meanwhile.
    pub(super) fn check_current(&self) -> Result<(), LedgerError> {
        match self.is_current() {
            true => Ok(()),
            false => Err(LedgerError::Database {
                ledger: self.path.display().to_string(),
                doing: "read",
                cause: "another process wrote to it meanwhile: repeat this".to_string(),
            }),
        }
    }

    fn is_current(&self) -> bool {
        let reading = self.reading.as_ref();
        reading.is_none_or(|reading| reading.is_current(&self.path))
    }
}
