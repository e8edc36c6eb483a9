//! A log that was left beside a ledger: by a process that was killed, by a commit that failed, by
//! another file that was at this path; and a log that lies elsewhere than its users believe.
//!
//! The process that opens a ledger alone and finds a log first checks that it belongs to the file, and
//! then copies it back into the file and begins it anew. After a failed sync the system still shows what
//! is not on the disk and never will be. Since a log is read up to its first gap, what came after it
//! would be lost with it; so nothing ever comes after what another process left.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::faults;
use super::ledger_file::LedgerFile;
use super::log::{self, LogMatch};
use super::side_files::{self, LOG, LOOKS, PAUSE, SHARED, beside};
use crate::store::LedgerError;
use crate::store::byte_lock::{self, LockKind, holder};
use crate::store::lease::RECOVERY;

/// The bytes of the ledger's file on which each of its users has a lock of SQLite's (`SHARED_FIRST`).
const USERS: (u64, u64) = (0x4000_0002, 510);
/// The byte of the shared memory on which each of its users has one (`UNIX_SHM_DMS`).
const SHARED_USERS: (u64, u64) = (128, 1);
/// How long another process is waited for that copies a log back.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(1);

/// The right to open a ledger with a log that was left, which other processes wait for.
pub(super) struct Recovering {
    file: Arc<LedgerFile>,
}

/// Whether another process uses the ledger.
pub(super) fn is_used(file: &LedgerFile) -> io::Result<bool> {
    Ok(holder(file.file(), USERS.0, USERS.1)?.is_some())
}

/// Looks for a log that was left, before SQLite does; `None` if there is none, or if other processes
/// use it.
pub(super) fn begin(
    ledger: &Path,
    file: &Arc<LedgerFile>,
) -> Result<Option<Recovering>, LedgerError> {
    let failed = |cause| failed(ledger, cause);
    check_users(ledger, file)?;
    let log = beside(ledger, LOG);
    let began = Instant::now();
    loop {
        let about = side_files::about(&log).map_err(failed)?;
        if about.is_none_or(|about| about.len() == 0) {
            return Ok(None);
        }
        // In this order: a process that recovers has its right before it becomes a user.
        let used = is_used(file).map_err(failed)?;
        let is_recovered = holder(file.file(), RECOVERY, 1).map_err(failed)?.is_some();
        if used && !is_recovered {
            return Ok(None);
        }
        if !used
            && byte_lock::try_lock(file.file(), RECOVERY, LockKind::Exclusive).map_err(failed)?
        {
            let recovering = Recovering {
                file: Arc::clone(file),
            };
            if !is_used(file).map_err(failed)? {
                check_log(ledger, file)?;
                return Ok(Some(recovering));
            }
        }
        if began.elapsed() > PATIENCE {
            return Err(LedgerError::Locked {
                ledger: ledger.display().to_string(),
                holder: "a process that copies its log back".to_string(),
                waited: began.elapsed(),
            });
        }
        thread::sleep(STEP);
    }
}

/// Refuses what lies beside the ledger while a process uses it for another file, which was at this path
/// before.
fn check_users(ledger: &Path, file: &LedgerFile) -> Result<(), LedgerError> {
    let failed = |cause| failed(ledger, cause);
    let shared = beside(ledger, SHARED);
    let elsewhere = || {
        let used = match File::open(&shared) {
            Ok(shared) => holder(&shared, SHARED_USERS.0, SHARED_USERS.1)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(used.is_some() && !is_used(file)?)
    };
    if is_used(file).map_err(failed)? || !stays(elsewhere).map_err(failed)? {
        return Ok(());
    }
    Err(LedgerError::OtherLog {
        ledger: ledger.to_owned(),
        log: beside(ledger, LOG),
        what: "is in use by a process that opened another file at this path: end that process, then repeat this",
    })
}

/// Refuses a log that belongs to another history.
fn check_log(ledger: &Path, file: &LedgerFile) -> Result<(), LedgerError> {
    let failed = |cause| failed(ledger, cause);
    let log = beside(ledger, LOG);
    match log::compare(&log, file.file()).map_err(failed)? {
        LogMatch::Empty | LogMatch::Yes => Ok(()),
        LogMatch::No => Err(LedgerError::OtherLog {
            ledger: ledger.to_owned(),
            log,
            what: "belongs to another state of it, as when a copy was put in its place: put back the file that this log belongs to, or move the log away to use the file as it is",
        }),
    }
}

/// Refuses a ledger whose other users have their log elsewhere: at another path of the same file (a
/// mount), or removed from here. To be asked once this process uses the ledger itself.
pub(super) fn check_place(ledger: &Path, file: &LedgerFile) -> Result<(), LedgerError> {
    let apart = || {
        if !is_used(file)? {
            return Ok(false);
        }
        let users = file.with_shared(&beside(ledger, SHARED), |shared| {
            holder(shared, SHARED_USERS.0, SHARED_USERS.1)
        });
        match users {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            users => Ok(users?.is_none()),
        }
    };
    if !stays(apart).map_err(|cause| failed(ledger, cause))? {
        return Ok(());
    }
    let user = holder(file.file(), USERS.0, USERS.1);
    let user = match user {
        Ok(Some(byte_lock::Holder::Process(pid))) if pid > 0 => format!("the process {pid}"),
        _ => "another process".to_string(),
    };
    Err(LedgerError::Apart {
        ledger: ledger.to_owned(),
        user,
    })
}

/// Whether something is so each time that it is looked at: what others just begin or end shows for a
/// moment only, which is a long one on a busy machine.
pub(super) fn stays(mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    for look in 0..LOOKS {
        if look > 0 {
            thread::sleep(PAUSE * look);
        }
        if !is_so()? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Recovering {
    /// Copies the log back into the file, makes that durable, and begins the log anew.
    pub(super) fn fold_in(self, ledger: &Path, connection: &Connection) -> Result<(), LedgerError> {
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        match connection.query_row(truncate, [], |row| row.get::<_, bool>(0)) {
            Ok(false) => Ok(()),
            Ok(true) => Err(LedgerError::Locked {
                ledger: ledger.display().to_string(),
                holder: "another process".to_string(),
                waited: Duration::ZERO,
            }),
            Err(error) => Err(faults::database(ledger, "recover", &error)),
        }
    }
}

impl Drop for Recovering {
    fn drop(&mut self) {
        // It ends with the process at the latest.
        let _ = byte_lock::unlock(self.file.file(), RECOVERY);
    }
}

fn failed(ledger: &Path, cause: io::Error) -> LedgerError {
    LedgerError::Io {
        ledger: ledger.display().to_string(),
        doing: "open",
        cause,
    }
}
