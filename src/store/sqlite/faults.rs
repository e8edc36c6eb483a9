//! What goes wrong in the file, in words.

use std::io;
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
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => {
            LedgerError::Unwritable {
                ledger,
                doing,
                cause: error.to_string(),
            }
        }
        _ => LedgerError::Database {
            ledger,
            doing,
            cause: error.to_string(),
        },
    }
}

/// What an error means that came while the ledger was read: most come from what the file holds, and not
/// from those who read it.
pub(super) fn unread(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let is_damage = !matches!(
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
    );
    match is_damage {
        true => damaged(path, &format!("the file cannot be read: {error}")),
        false => database(path, "read", error),
    }
}

/// The lock of a run could not be asked for.
pub(super) fn no_lock(path: &Path, cause: io::Error) -> LedgerError {
    LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "lock a run of",
        cause,
    }
}

/// Whether a commit that failed with this was certainly not done: nothing was written, or not all of
/// the last frame of the log, without whose checksum the frames before it do not count. A sync that
/// failed says nothing of what is on the disk.
pub(super) fn is_certain(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_WRITE, SQLITE_READONLY};
    let code = error.sqlite_error_code();
    let extended = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
    ) || matches!(extended, Some(SQLITE_IOERR_WRITE | SQLITE_READONLY))
}

/// What a commit that failed leaves known.
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
    /// The kernel tells it in parts, between which locks come and go: one reading may pass over a lock.
    const READINGS: usize = 5;
    let shared = super::side_files::beside(path, super::side_files::SHARED);
    let pid = std::fs::metadata(shared).ok().and_then(|about| {
        let inode = std::os::unix::fs::MetadataExt::ino(&about).to_string();
        (0..READINGS).find_map(|_| writer(&std::fs::read_to_string("/proc/locks").ok()?, &inode))
    });
    pid.map_or_else(
        || "another process".to_string(),
        |pid| format!("the process {pid}{}", command_of(&pid)),
    )
}

/// The process that has the write lock in the file of this inode, by what the kernel tells of all locks, in lines such
/// as `1: POSIX  ADVISORY  WRITE 1234 00:2f:5678 120 120`.
fn writer(locks: &str, inode: &str) -> Option<String> {
    const WRITE_LOCK: u64 = 120;
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "POSIX", _, "WRITE", pid, file, first, last] = words[..] else {
            return None;
        };
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        let same = file.rsplit(':').next() == Some(inode);
        (same && first <= WRITE_LOCK && WRITE_LOCK <= last).then(|| pid.to_string())
    })
}

/// The words that a process was started with, if the kernel tells: ` (\`sqlite3 bank.db\`)`.
fn command_of(pid: &str) -> String {
    /// The most characters of them.
    const MOST: usize = 80;
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    match words.trim_end() {
        "" => String::new(),
        words => format!(" (`{}`)", words.chars().take(MOST).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_who_has_the_write_lock_of_this_file() {
        let locks = "1: POSIX  ADVISORY  READ  11 00:2f:56 120 120\n\
                     2: POSIX  ADVISORY  WRITE 12 00:2f:57 120 120\n\
                     3: POSIX  ADVISORY  WRITE 13 00:2f:56 121 127\n\
                     4: POSIX  ADVISORY  WRITE 14 00:2f:56 100 119\n\
                     5: FLOCK  ADVISORY  WRITE 15 00:2f:56 0 EOF\n";
        assert_eq!(writer(locks, "56"), None);
        let more = format!("{locks}6: POSIX  ADVISORY  WRITE 16 00:2f:56 120 123\n");
        assert_eq!(writer(&more, "56").as_deref(), Some("16"));
    }
}
