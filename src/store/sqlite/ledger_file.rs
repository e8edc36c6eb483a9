//! The ledger's file, as this process has it open.
//!
//! SQLite's locks are POSIX locks, and the kernel drops all of a process's POSIX locks on a file when
//! the process closes any descriptor of that file. So a process has one descriptor of each ledger, which
//! all that is not SQLite uses, and closes it only when SQLite has closed its own. The locks on it belong
//! to the open file and not to the process, so they and SQLite's do not see each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;

use crate::store::byte_lock::{self, LockKind};
use crate::store::lease::byte_of;

/// What tells a file from any other that comes to its place: its device and its number there.
pub(super) type Identity = (u64, u64);

/// The ledgers that this process has open. One that is no longer used is closed when the next is opened,
/// under this lock, so that no connection can have come to it meanwhile.
static OPEN: Mutex<BTreeMap<Identity, Arc<LedgerFile>>> = Mutex::new(BTreeMap::new());

/// A ledger's open file, of which a process has one however often it opens the ledger.
pub(super) struct LedgerFile {
    file: File,
    identity: Identity,
    may_write: bool,
    /// The runs of this process: a lock on an open file keeps out other processes only.
    runs: Mutex<BTreeSet<u32>>,
    /// Open files of the shared memory beside it, which stay open for the same reason.
    shared: Mutex<BTreeMap<Identity, File>>,
}

/// A ledger's open file, and whether this process has the ledger open already.
pub(super) struct Found {
    pub(super) file: Arc<LedgerFile>,
    pub(super) is_open: bool,
}

impl LedgerFile {
    /// Opens the file, to read and write it where that is allowed and else to read it.
    pub(super) fn open(path: &Path) -> io::Result<Found> {
        let mut open = lock(&OPEN);
        open.retain(|_, file| Arc::strong_count(file) > 1);
        let found = |file: &Arc<LedgerFile>| Found {
            file: Arc::clone(file),
            is_open: true,
        };
        if !open.is_empty()
            && let Some(file) = open.get(&identity(&fs::metadata(path)?))
        {
            return Ok(found(file));
        }
        let (file, may_write) = open_file(path)?;
        let identity = identity(&file.metadata()?);
        if let Some(known) = open.get(&identity) {
            // Since the look at it, the path has come to lead to a file that is open. Closing this
            // descriptor would drop SQLite's locks on that.
            std::mem::forget(file);
            return Ok(found(known));
        }
        let file = Arc::new(LedgerFile {
            file,
            identity,
            may_write,
            runs: Mutex::default(),
            shared: Mutex::default(),
        });
        open.insert(identity, Arc::clone(&file));
        Ok(Found {
            file,
            is_open: false,
        })
    }

    /// Which file it is.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether this process may write to it.
    pub(super) fn may_write(&self) -> bool {
        self.may_write
    }

    /// The open file. Closing a duplicate of it drops SQLite's locks.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Locks a run for this process and those that take a share of it, until what is returned is
    /// dropped; `None` if it is locked. To be called in a write transaction, so that no other process
    /// asks between the two steps.
    pub(super) fn lock_run(this: &Arc<Self>, run: u32) -> io::Result<Option<LockedRun>> {
        let mut runs = lock(&this.runs);
        if runs.contains(&run) || !this.take(run)? {
            return Ok(None);
        }
        byte_lock::try_lock(&this.file, byte_of(run), LockKind::Shared)?;
        runs.insert(run);
        let file = Arc::clone(this);
        Ok(Some(LockedRun { file, run }))
    }

    /// Whether no process has this run locked.
    pub(super) fn is_free(&self, run: u32) -> io::Result<bool> {
        let runs = lock(&self.runs);
        let free = !runs.contains(&run) && self.take(run)?;
        if free {
            byte_lock::unlock(&self.file, byte_of(run))?;
        }
        Ok(free)
    }

    fn take(&self, run: u32) -> io::Result<bool> {
        byte_lock::try_lock(&self.file, byte_of(run), LockKind::Exclusive)
    }

    /// Asks something of the shared memory at this path, which stays open.
    pub(super) fn with_shared<T>(
        &self,
        path: &Path,
        ask: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        use std::collections::btree_map::Entry;
        let mut shared = lock(&self.shared);
        match shared.entry(identity(&fs::symlink_metadata(path)?)) {
            Entry::Occupied(known) => ask(known.get()),
            Entry::Vacant(place) => ask(place.insert(open_file(path)?.0)),
        }
    }
}

/// A run that this process has locked.
pub(super) struct LockedRun {
    file: Arc<LedgerFile>,
    run: u32,
}

impl Drop for LockedRun {
    fn drop(&mut self) {
        if lock(&self.file.runs).remove(&self.run) {
            // It ends with the process at the latest.
            let _ = byte_lock::unlock(&self.file.file, byte_of(self.run));
        }
    }
}

/// Opens a file without ever waiting for another process, and tells whether it may be written to.
fn open_file(path: &Path) -> io::Result<(File, bool)> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    match options.clone().write(true).open(path) {
        Err(error) if is_read_only(&error) => Ok((options.open(path)?, false)),
        file => Ok((file?, true)),
    }
}

/// Whether an error says that a file may be read at most.
fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

/// What tells a file from any other.
pub(super) fn identity(about: &fs::Metadata) -> Identity {
    (about.dev(), about.ino())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept under it is right after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
