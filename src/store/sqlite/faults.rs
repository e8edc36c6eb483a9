//! What goes wrong in the file, in words.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::store::LedgerError;

/// What SQLite's error means for a ledger.
pub(super) fn database(path: &Path, doing: &'static str, error: &rusqlite::Error) -> LedgerError {
    let ledger = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(path, &error.to_string())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Locked {
            holder: holder(path),
            ledger,
            waited: Duration::ZERO,
        },
        _ => LedgerError::Database {
            ledger,
            doing,
            cause: error.to_string(),
        },
    }
}

/// The same error, and how long was waited where others kept the ledger locked.
pub(super) fn after(mut error: LedgerError, time: Duration) -> LedgerError {
    if let LedgerError::Locked { waited, .. } = &mut error {
        *waited = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }
    error
}

/// A commit failed.
pub(super) fn unknown(path: &Path, error: &rusqlite::Error) -> LedgerError {
    LedgerError::Unknown {
        ledger: path.display().to_string(),
        cause: error.to_string(),
    }
}

/// A row or a table is not what was written.
pub(super) fn damaged(path: &Path, what: &str) -> LedgerError {
    LedgerError::Damaged {
        ledger: path.display().to_string(),
        what: what.to_string(),
    }
}

/// Who has the write lock, as far as the kernel tells.
///
/// SQLite's writers lock byte 120 of the shared-memory file beside the ledger ("WAL-Index Locks" in
/// SQLite's file format). `/proc/locks` is read and not asked through `fcntl`, since closing another
/// handle of that file would drop SQLite's own locks.
fn holder(path: &Path) -> String {
    const WRITE_LOCK: u64 = 120;
    let unknown = || "another process".to_string();
    let shared = super::turnstile::beside(path, "-shm");
    let Ok(about) = std::fs::metadata(shared) else {
        return unknown();
    };
    let inode = std::os::unix::fs::MetadataExt::ino(&about).to_string();
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
        return unknown();
    };
    // `1: POSIX  ADVISORY  WRITE 1234 00:2f:5678 120 120`
    let pid = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "POSIX", _, "WRITE", pid, file, first, last] = words[..] else {
            return None;
        };
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        let same = file.rsplit(':').next() == Some(inode.as_str());
        (same && first <= WRITE_LOCK && WRITE_LOCK <= last).then_some(pid)
    });
    pid.map_or_else(unknown, |pid| format!("the process {pid}"))
}
