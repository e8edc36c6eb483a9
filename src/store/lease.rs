//! The lease of a run: the run lives for as long as a process has it or a share of it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
#[cfg(feature = "postgres")]
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

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

/// Who has the lease of a run that is not this process's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder {
    /// What it is called in messages.
    pub name: String,
    /// How long its lease lasts unless it makes it last longer.
    pub lasts: Duration,
    /// It is surely alive.
    pub is_alive: bool,
}

/// What a process that works for a run takes its share of the run's lease by. It travels to that process
/// with what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseShare(OsString);

/// A share of a run's lease. The kernel takes it away when its process ends, however it ends.
pub struct HeldShare {
    file: File,
    /// The file says until when the lease lasts.
    is_timed: bool,
}

/// The clock that all processes of this machine share, that is never set, and that goes on while the
/// machine sleeps.
pub(super) fn boot_clock() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    // It counts from the machine's start, so it is never negative.
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// How long before the end of a lease that has one all must be over that rests on it: a command is ended
/// within that time, also on a busy machine.
const MARGIN: Duration = Duration::from_secs(5);

/// What a share begins with that leads to a file which says until when the lease lasts.
const TIMED: &str = "until:";

/// Until when the leases of this process last, for the processes that work for it: it is theirs to read.
#[cfg(feature = "postgres")]
pub(super) struct LeaseEnd(File);

#[cfg(feature = "postgres")]
impl LeaseEnd {
    /// A lease that has ended, in a file of this name.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        use rustix::fs::{MemfdFlags, memfd_create};
        let file = memfd_create(name, MemfdFlags::CLOEXEC)?;
        let end = LeaseEnd(file.into());
        end.set(Duration::ZERO)?;
        Ok(end)
    }

    /// The leases last until the boot-time clock shows this.
    pub(super) fn set(&self, end: Duration) -> io::Result<()> {
        let micros = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        self.0.write_all_at(&micros.to_le_bytes(), 0)
    }

    /// What other processes of this user read it by while this one lives.
    pub(super) fn share(&self) -> LeaseShare {
        let (process, file) = (std::process::id(), self.0.as_raw_fd());
        LeaseShare(format!("{TIMED}/proc/{process}/fd/{file}").into())
    }
}

impl HeldShare {
    /// Whether the lease surely lasts long enough to end what rests on it.
    pub fn is_sure(&self) -> bool {
        let mut end = [0; 8];
        !self.is_timed
            || self.file.read_exact_at(&mut end, 0).is_ok_and(|()| {
                boot_clock() + MARGIN < Duration::from_micros(u64::from_le_bytes(end))
            })
    }
}

impl LeaseShare {
    /// The lock of a run on a byte of a ledger's file: the file, and the run's number behind it.
    pub(super) fn of_file(ledger: &Path, run: u32) -> Self {
        LeaseShare(ledger.join(run.to_string()).into())
    }

    /// A share of a lease that has ended.
    #[cfg(feature = "postgres")]
    pub(super) fn ended() -> Self {
        LeaseShare(OsString::from(TIMED))
    }

    /// Takes the share. The process that began the run must have its lease. This process must not open
    /// the ledger otherwise, since SQLite's locks end when this share is dropped.
    ///
    /// # Errors
    ///
    /// The run has ended, or the operating system said no.
    pub fn take(&self) -> io::Result<HeldShare> {
        if let Some(path) = self.0.to_str().and_then(|text| text.strip_prefix(TIMED)) {
            let share = HeldShare {
                file: File::open(path)?,
                is_timed: true,
            };
            return match share.is_sure() {
                true => Ok(share),
                false => Err(io::Error::other("the lease of its run has ended")),
            };
        }
        let place = Path::new(&self.0);
        let run = place.file_name().and_then(|run| run.to_str()?.parse().ok());
        let (Some(ledger), Some(run)) = (place.parent(), run) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let file = File::open(ledger)?;
        match byte_lock::try_lock(&file, byte_of(run), LockKind::Shared)? {
            true => Ok(HeldShare {
                file,
                is_timed: false,
            }),
            false => Err(io::Error::other("its run has ended")),
        }
    }
}

impl From<OsString> for LeaseShare {
    fn from(told: OsString) -> Self {
        LeaseShare(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LockKind::Exclusive;

    #[test]
    fn each_run_has_a_lock_of_its_own_and_opening_has_another() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let (one, other) = (byte_of(1), byte_of(2));
        assert!(RECOVERY < one && one < other);
        let share = |run| LeaseShare::of_file(file.path(), run).take();
        let held = share(1).expect("a share");
        assert!(held.is_sure());
        // A run whose process wants it for itself alone has ended.
        assert!(byte_lock::try_lock(file.as_file(), other, Exclusive).expect("asked"));
        assert!(share(2).is_err());
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_lease_that_ends_soon_is_not_sure() {
        let end = LeaseEnd::new("lease").expect("a file");
        assert!(end.share().take().is_err(), "it has ended");
        end.set(boot_clock() + MARGIN * 100).expect("set");
        let share = end.share().take().expect("a share");
        assert!(share.is_sure());
        end.set(boot_clock() + MARGIN / 2).expect("set");
        assert!(!share.is_sure());
    }
}
