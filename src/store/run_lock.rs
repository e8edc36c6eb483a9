//! The lock that says that a run lives: one byte of the ledger's file, far beyond its end.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::byte_lock::{self, Kind};

/// Where the locks of runs begin. SQLite's own end before 2^30 and 1,000 more.
const FIRST: u64 = 1 << 40;

/// The byte that stands for a run. Runs are numbered from 1.
pub(super) fn byte_of(run: u32) -> u64 {
    FIRST + u64::from(run)
}

/// The byte that stands for the opening of a ledger that was not closed in order.
pub(super) const RECOVERY: u64 = FIRST;

/// A share of a run's lock: the run lives for as long as any process has one. The kernel takes it away
/// when its process ends, however it ends.
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// The place of a run's lock, for those who take a share of it: the ledger's file, and the run's
    /// number behind it.
    pub(super) fn place(ledger: &Path, run: u32) -> PathBuf {
        ledger.join(run.to_string())
    }

    /// Takes a share of the lock at this place. The process that began the run must hold it. This process
    /// must not open the ledger otherwise, since SQLite's locks end when this share is dropped.
    ///
    /// # Errors
    ///
    /// The run has ended, or the operating system said no.
    pub fn share(place: &Path) -> io::Result<Self> {
        let run = place.file_name().and_then(|run| run.to_str()?.parse().ok());
        let (Some(ledger), Some(run)) = (place.parent(), run) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let file = File::open(ledger)?;
        match byte_lock::try_lock(&file, byte_of(run), Kind::Shared)? {
            true => Ok(RunLock { _file: file }),
            false => Err(io::Error::other("its run has ended")),
        }
    }
}
