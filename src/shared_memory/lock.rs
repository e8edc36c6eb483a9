//! The ways to keep other processes out, and waiting for one with a limit.

use std::fs::File;
use std::hint;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;

use super::mapping::{Inherited, Mapping};

/// How long a wait lasts before the waiter looks up: whether its time is over, and whether a wake-up was
/// lost with a process that was killed as it was woken.
const SLICE: Duration = Duration::from_millis(50);
/// How often a process tries before it lets another have the processor. Where processes outnumber
/// processors, the one that holds the lock may be waiting for just that.
const TRIES: u32 = 64;

/// A lock in shared memory.
pub(crate) trait ProcessLock {
    /// Takes it, if it is free at once or becomes free in this time.
    fn try_for(&self, slice: Duration) -> io::Result<Option<Inherited>>;
    /// Gives it back. Only its holder may.
    fn release(&self) -> io::Result<()>;
    /// Says that what was inherited from a dead holder is whole again.
    fn mark_consistent(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A wait that was in vain.
#[derive(Debug)]
pub(crate) enum WaitError {
    /// The lock did not become free in time, and no other process got it meanwhile.
    TimeOver,
    /// The system said no.
    Io(io::Error),
}

/// Takes a lock. While it goes from holder to holder, as `taken` counts, the wait is not in vain, and its
/// limit begins anew. What counts is the time that was waited for the lock: while the machine stands still,
/// its holder cannot give it back either. `waits` is told at the beginning of a wait and with every slice of
/// it.
pub(crate) fn acquire<E: From<WaitError>>(
    lock: &dyn ProcessLock,
    taken: &AtomicU32,
    limit: Duration,
    mut waits: impl FnMut() -> Result<(), E>,
) -> Result<Inherited, E> {
    let try_for = |slice| lock.try_for(slice).map_err(WaitError::Io);
    if let Some(inherited) = try_for(Duration::ZERO)? {
        return Ok(inherited);
    }
    let mut waited = Duration::ZERO;
    let mut seen = taken.load(Ordering::Relaxed);
    loop {
        waits()?;
        let slice = limit.saturating_sub(waited).min(SLICE);
        if slice.is_zero() {
            return Err(WaitError::TimeOver.into());
        }
        if let Some(inherited) = try_for(slice)? {
            return Ok(inherited);
        }
        waited += slice;
        let now = taken.load(Ordering::Relaxed);
        if now != seen {
            (seen, waited) = (now, Duration::ZERO);
        }
    }
}

/// A lock that is waited for by trying again, which keeps a processor busy.
pub(crate) struct SpinLock<'a>(pub(crate) &'a AtomicU32);

impl ProcessLock for SpinLock<'_> {
    /// `Acquire` here meets `Release` below: what the last holder wrote is seen by the next.
    fn try_for(&self, slice: Duration) -> io::Result<Option<Inherited>> {
        let began = Instant::now();
        loop {
            if self.0.swap(1, Ordering::Acquire) == 0 {
                return Ok(Some(Inherited::Clean));
            }
            for _ in 0..TRIES {
                // Wait by reading: a swap would take the cache line from the one that holds the lock.
                if self.0.load(Ordering::Relaxed) == 0 {
                    break;
                }
                hint::spin_loop();
            }
            if began.elapsed() >= slice {
                return Ok(None);
            }
            thread::yield_now();
        }
    }

    fn release(&self) -> io::Result<()> {
        self.0.store(0, Ordering::Release);
        Ok(())
    }
}

/// A lock whose waiters sleep in the kernel: 0 is free, 1 held, 2 held and perhaps waited for.
pub(crate) struct FutexMutex<'a>(pub(crate) &'a AtomicU32);

impl ProcessLock for FutexMutex<'_> {
    fn try_for(&self, slice: Duration) -> io::Result<Option<Inherited>> {
        let (taken, not) = (Ordering::Acquire, Ordering::Relaxed);
        if self.0.compare_exchange(0, 1, taken, not).is_ok() {
            return Ok(Some(Inherited::Clean));
        }
        let began = Instant::now();
        while self.0.swap(2, Ordering::Acquire) != 0 {
            let left = slice.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            sleep_while(self.0, 2, left)?;
        }
        Ok(Some(Inherited::Clean))
    }

    fn release(&self) -> io::Result<()> {
        match self.0.swap(0, Ordering::Release) {
            2 => wake_one(self.0),
            _ => Ok(()),
        }
    }
}

/// A count of permits, of which there is one. A process without one sleeps in the kernel.
pub(crate) struct FutexSemaphore<'a>(pub(crate) &'a AtomicU32);

impl ProcessLock for FutexSemaphore<'_> {
    fn try_for(&self, slice: Duration) -> io::Result<Option<Inherited>> {
        let began = Instant::now();
        loop {
            let one_less = |permits: u32| permits.checked_sub(1);
            let (taken, not) = (Ordering::Acquire, Ordering::Relaxed);
            if self.0.fetch_update(taken, not, one_less).is_ok() {
                return Ok(Some(Inherited::Clean));
            }
            let left = slice.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            sleep_while(self.0, 0, left)?;
        }
    }

    fn release(&self) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Release);
        wake_one(self.0)
    }
}

/// A lock on the file that the memory is. The kernel gives it back when the holder's last descriptor of its
/// open file is closed, as by its death; but it has no wait with a limit, so that waiters ask again.
pub(crate) struct FileLock<'a>(pub(crate) &'a File);

impl ProcessLock for FileLock<'_> {
    fn try_for(&self, slice: Duration) -> io::Result<Option<Inherited>> {
        /// A waiter asks more and more rarely.
        const LONGEST_PAUSE: Duration = Duration::from_millis(1);
        let began = Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            match rustix::fs::flock(self.0, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let left = slice.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        // No atomic of this memory orders what the holders write; this does.
        fence(Ordering::SeqCst);
        Ok(Some(Inherited::Clean))
    }

    fn release(&self) -> io::Result<()> {
        fence(Ordering::SeqCst);
        Ok(rustix::fs::flock(self.0, FlockOperation::Unlock)?)
    }
}

/// The lock of the C library that tells when its holder has died.
pub(crate) struct RobustMutex<'a>(pub(crate) &'a Mapping);

impl ProcessLock for RobustMutex<'_> {
    fn try_for(&self, slice: Duration) -> io::Result<Option<Inherited>> {
        self.0.try_robust(slice)
    }

    fn release(&self) -> io::Result<()> {
        self.0.unlock_robust()
    }

    fn mark_consistent(&self) -> io::Result<()> {
        self.0.mark_consistent()
    }
}

/// Sleeps until it is woken, the time is over, or the word is not this one.
fn sleep_while(word: &AtomicU32, is: u32, limit: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(limit).ok();
    match futex::wait(word, futex::Flags::empty(), is, limit.as_ref()) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn wake_one(word: &AtomicU32) -> io::Result<()> {
    futex::wake(word, futex::Flags::empty(), 1)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    const SOON: Duration = Duration::from_millis(2);
    const LATER: Duration = Duration::from_secs(60);

    fn take(lock: &dyn ProcessLock, taken: &AtomicU32, limit: Duration) -> Result<(), WaitError> {
        acquire(lock, taken, limit, || Ok::<(), WaitError>(()))?;
        taken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Threads that read, then write, lose nothing, and a lock that stays locked is waited for in vain.
    fn check<'a, L: ProcessLock>(word: &'a AtomicU32, lock: impl Fn(&'a AtomicU32) -> L + Sync) {
        let rounds = if cfg!(miri) { 5 } else { 500 };
        let (taken, sum) = (AtomicU32::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let lock = lock(word);
                        take(&lock, &taken, LATER).expect("in time");
                        let seen = sum.load(Ordering::Relaxed);
                        thread::yield_now();
                        sum.store(seen + 1, Ordering::Relaxed);
                        lock.release().expect("its holder");
                    }
                });
            }
        });
        assert_eq!(sum.load(Ordering::Relaxed), 4 * rounds);
        let lock = lock(word);
        take(&lock, &taken, SOON).expect("it is free");
        let waited = take(&lock, &taken, SOON);
        assert!(matches!(waited, Err(WaitError::TimeOver)), "{waited:?}");
    }

    #[test]
    fn each_lock_lets_one_in_at_a_time_and_is_not_waited_for_without_end() {
        check(&AtomicU32::new(0), SpinLock);
        check(&AtomicU32::new(0), FutexMutex);
        check(&AtomicU32::new(1), FutexSemaphore);
    }

    #[test]
    #[cfg_attr(miri, ignore)] // Miri has no locks on files.
    fn a_file_lock_ends_with_its_open_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let open = || File::open(file.path()).expect("its name");
        let (first, second) = (open(), open());
        let taken = AtomicU32::new(0);
        take(&FileLock(&first), &taken, SOON).expect("it is free");
        let waited = take(&FileLock(&second), &taken, SOON);
        assert!(matches!(waited, Err(WaitError::TimeOver)), "{waited:?}");
        drop(first);
        take(&FileLock(&second), &taken, SOON).expect("it is free again");
    }

    #[test]
    fn a_wait_is_not_in_vain_while_others_get_the_lock() {
        let (word, taken) = (AtomicU32::new(1), AtomicU32::new(0));
        let limit = 8 * SLICE;
        let mut waits = 0;
        let taken = acquire(&SpinLock(&word), &taken, limit, || {
            waits += 1;
            match waits {
                // These take longer than the limit.
                1..10 => taken.fetch_add(1, Ordering::Relaxed),
                10 => word.swap(0, Ordering::Release),
                _ => return Err(WaitError::TimeOver),
            };
            Ok(())
        });
        assert!(taken.is_ok(), "{taken:?}");
    }
}
