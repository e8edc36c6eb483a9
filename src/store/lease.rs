//! The lease of a run: the run lives for as long as a process has it or a share of it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::byte_lock::{self, LockKind};

/// Where the locks of runs begin. SQLite's own end before 2^30 and 1,000 more.
const FIRST: u64 = 1 << 40;

/// The byte of a ledger's file that stands for a run. Runs are numbered from 1.
pub(super) fn byte_of(run: u32) -> u64 {
    FIRST + u64::from(run)
}

/// The byte that stands for the opening of a ledger that was not closed in order.
pub(super) const RECOVERY: u64 = FIRST;

/// A run that is this process's own until this is dropped, or the process ends, however it ends.
pub(crate) struct Lease {
    _held: Box<dyn Send>,
    share: Option<LeaseShare>,
}

impl Lease {
    /// A lease that ends when `held` is dropped, and of which other processes may take this share.
    pub(super) fn new(held: impl Send + 'static, share: Option<LeaseShare>) -> Self {
        Lease {
            _held: Box::new(held),
            share,
        }
    }

    /// What the run's own processes take their share of the lease by, if they need one.
    pub(super) fn share(&self) -> Option<LeaseShare> {
        self.share.clone()
    }
}

/// What a process that works for a run takes its share of the run's lease by. It travels to that process
/// with what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseShare(OsString);

/// A share of a run's lease. The kernel takes it away when its process ends, however it ends.
pub struct HeldShare {
    _file: File,
}

impl LeaseShare {
    /// The lock of a run on a byte of a ledger's file: the file, and the run's number behind it.
    pub(super) fn of_file(ledger: &Path, run: u32) -> Self {
        LeaseShare(ledger.join(run.to_string()).into())
    }

    /// Takes the share. The process that began the run must have its lease. This process must not open
    /// the ledger otherwise, since SQLite's locks end when this share is dropped.
    ///
    /// # Errors
    ///
    /// The run has ended, or the operating system said no.
    pub fn take(&self) -> io::Result<HeldShare> {
        let place = Path::new(&self.0);
        let run = place.file_name().and_then(|run| run.to_str()?.parse().ok());
        let (Some(ledger), Some(run)) = (place.parent(), run) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let file = File::open(ledger)?;
        match byte_lock::try_lock(&file, byte_of(run), LockKind::Shared)? {
            true => Ok(HeldShare { _file: file }),
            false => Err(io::Error::other("its run has ended")),
        }
    }
}

impl From<OsString> for LeaseShare {
    fn from(told: OsString) -> Self {
        LeaseShare(told)
    }
}
