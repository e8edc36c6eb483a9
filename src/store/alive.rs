//! The lock that says that a run lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A share of a run's lock: the run lives for as long as anybody has one. The kernel takes it away when
/// its process ends, however it ends.
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes a share of the lock that is kept in this file, which whoever began the run must hold.
    ///
    /// # Errors
    ///
    /// The run has ended, or the operating system said no.
    pub fn share(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::Error::other("its run has ended")),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
