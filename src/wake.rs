//! Waking a thread that waits in `poll`, and measuring time that only runs while this process does.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::bank::Moment;
use crate::poll::wait_readable;
use crate::threads::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use crate::threads::thread;

/// Wakes the thread that polls the [`Alarm`] it belongs to. Clones wake the same one.
#[derive(Clone)]
pub struct Waker(Arc<PipeWriter>);

impl Waker {
    /// Makes the alarm readable. A full pipe is readable already, so nothing can go wrong here.
    pub fn wake(&self) {
        let _ = (&*self.0).write(&[1]);
    }
}

/// How long a gate is waited for before the process is stopped all the same.
const GATE_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked at meanwhile.
const GATE_PAUSE: Duration = Duration::from_millis(1);

/// Keeps a process from being stopped while a thread of it has locked what others need. Clones are the
/// same gate.
#[derive(Clone, Default)]
pub struct StopGate {
    /// Held only for a moment on the way in, and for as long as no thread may go in.
    entrance: Arc<Mutex<()>>,
    inside: Arc<Mutex<()>>,
}

impl StopGate {
    /// Goes in; out when the guard is dropped.
    pub fn enter(&self) -> MutexGuard<'_, ()> {
        let _entrance = self.entrance.lock();
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts while no thread is inside, or when one inside took too long.
    pub fn while_closed(&self, act: impl FnOnce()) {
        let _entrance = self.entrance.lock();
        let began = Instant::now();
        while began.elapsed() < GATE_PATIENCE
            && matches!(self.inside.try_lock(), Err(TryLockError::WouldBlock))
        {
            thread::sleep(GATE_PAUSE);
        }
        act();
    }
}

/// The end that is polled.
pub struct Alarm(PipeReader);

impl Alarm {
    /// An alarm and what sets it off.
    pub fn new() -> io::Result<(Self, Waker)> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok((Alarm(reader), Waker(Arc::new(writer))))
    }

    /// Waits until it is set off, and resets it; or until the time is over or a signal comes.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if wait_readable(self.as_fd(), timeout)? {
            self.reset();
        }
        Ok(())
    }

    /// Makes the alarm unreadable until it is set off again.
    pub fn reset(&mut self) {
        let mut bytes = [0; 512];
        while matches!(self.0.read(&mut bytes), Ok(n) if n == bytes.len()) {}
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The clock that all processes of this machine share and that is never set.
pub fn host_clock() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // It counts from the machine's start, so it is never negative.
    Duration::try_from(now).unwrap_or_default()
}

/// What time it is, by the wall clock.
pub fn wall_clock() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since.unwrap_or_default().as_micros();
    Moment::new(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The longest step of a [`RunningClock`]; it must be read at least this often.
pub const TICK: Duration = Duration::from_secs(1);

/// A clock that stands still while this process is stopped, so that Ctrl-Z makes no deadline pass.
///
/// It cannot see a stop as such. It is read at least once a [`TICK`], and a longer gap between two
/// readings counts as one tick.
pub struct RunningClock {
    started_at: Duration,
    read_at: Duration,
    ran: Duration,
    /// How long it stood still.
    stood: Duration,
}

impl RunningClock {
    /// A clock that begins at zero.
    pub fn start() -> Self {
        // To the microsecond, so that what counts from it and what is told by the host's clock agree.
        let now = host_clock();
        let started_at = now - Duration::from_nanos(u64::from(now.subsec_nanos() % 1_000));
        RunningClock {
            started_at,
            read_at: started_at,
            ran: Duration::ZERO,
            stood: Duration::ZERO,
        }
    }

    /// How long this process has been running since the start.
    pub fn now(&mut self) -> Duration {
        let now = host_clock();
        let passed = now.saturating_sub(self.read_at);
        self.ran += passed.min(TICK);
        self.stood += passed.saturating_sub(TICK);
        self.read_at = now;
        self.ran
    }

    /// Its start, by the host's clock.
    pub fn started_at(&self) -> Duration {
        self.started_at
    }

    /// How long it has stood still since.
    pub fn stood(&self) -> Duration {
        self.stood
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::sync::atomic::{AtomicU32, Ordering};
    use crate::threads::tests::take_turns;

    /// Two threads go in while a third stops the process, as it were; none may be inside meanwhile.
    fn stop_between(enter: for<'a> fn(&'a StopGate) -> MutexGuard<'a, ()>) {
        let gate = StopGate::default();
        let inside = Arc::new(AtomicU32::new(0));
        let workers = [(); 2].map(|()| {
            let (gate, inside) = (gate.clone(), Arc::clone(&inside));
            thread::spawn(move || {
                for _ in 0..2 {
                    let entered = enter(&gate);
                    assert_eq!(
                        inside.fetch_add(1, Ordering::SeqCst),
                        0,
                        "another is inside"
                    );
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(entered);
                }
            })
        });
        let mut was_closed = false;
        gate.while_closed(|| {
            assert_eq!(inside.load(Ordering::SeqCst), 0, "it was stopped inside");
            was_closed = true;
        });
        assert!(was_closed);
        for worker in workers {
            worker.join().expect("no panic");
        }
    }

    #[test]
    fn no_thread_is_inside_a_closed_gate_however_they_take_turns() {
        take_turns(|| stop_between(StopGate::enter));
    }

    #[cfg(feature = "shuttle")]
    #[test]
    fn a_way_around_the_entrance_is_found_where_threads_take_turns() {
        crate::threads::tests::is_broken_by_turns(|| {
            stop_between(|gate| gate.inside.lock().unwrap_or_else(PoisonError::into_inner));
        });
    }
}
