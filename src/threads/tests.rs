//! Runs tests of threads: once with those of the system, or many times as a scheduler draws.
//!
//! Where a wake-up is lost the thread that waits for it never goes on: with the system's threads its patience ends, and
//! the scheduler counts its steps or says that no thread can go on.

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::wake::Alarm;

/// Whether it is set off within that many seconds; resets it.
pub(crate) fn is_set_off(alarm: &mut Alarm, seconds: i64) -> bool {
    let patience = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(&*alarm, PollFlags::IN)];
    let ready = poll(&mut fds, Some(&patience)).expect("no signal");
    alarm.reset();
    ready == 1
}

#[cfg(not(feature = "shuttle"))]
mod runner {
    use super::*;

    /// Waits until it is set off, and resets it.
    pub(crate) fn wait_for(alarm: &mut Alarm) {
        assert!(is_set_off(alarm, 30), "no wake-up came");
    }

    /// Runs it, here once.
    pub(crate) fn take_turns(test: impl Fn() + Send + Sync + 'static) {
        test();
    }
}

#[cfg(feature = "shuttle")]
mod runner {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
    use shuttle::{Config, FailurePersistence, MaxSteps, Runner, thread};

    use super::*;

    /// The most steps of one order. A thread that waits for a wake-up that was lost takes more.
    const STEPS: usize = 20_000;
    /// How often a thread is overtaken where it matters, at most.
    const DEPTH: usize = 4;

    pub(crate) fn wait_for(alarm: &mut Alarm) {
        while !is_set_off(alarm, 0) {
            thread::yield_now();
        }
    }

    fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
        let mut config = Config::new();
        config.max_steps = MaxSteps::FailAfter(STEPS);
        config.failure_persistence = FailurePersistence::Print;
        // Memory orders are looked at by Miri.
        config.silence_warnings = true;
        Runner::new(scheduler, config).run(test);
    }

    /// Runs it in as many orders as are asked for: half of them drawn at each access, half with few changes of the
    /// thread at odd places.
    pub(crate) fn take_turns(test: impl Fn() + Send + Sync + 'static) {
        let orders = std::env::var("BANK_PAR_ORDERS").ok();
        let orders = orders.and_then(|orders| orders.parse().ok());
        let half = orders.unwrap_or(1_000) / 2;
        let test = Arc::new(test);
        let again = Arc::clone(&test);
        run(RandomScheduler::new(half), move || test());
        run(PctScheduler::new(DEPTH, half), move || again());
    }

    /// Checks that some order breaks it.
    pub(crate) fn is_broken_by_turns(test: impl Fn() + Send + Sync + 'static) {
        let tried = catch_unwind(AssertUnwindSafe(|| take_turns(test)));
        assert!(tried.is_err(), "the planted error is not found");
    }
}

#[cfg(feature = "shuttle")]
pub(crate) use runner::is_broken_by_turns;
pub(crate) use runner::{take_turns, wait_for};
