//! Threads of this process: those of `sync`, and threads that only add, which is their limit.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{CompareError, Meter};
use crate::bank::Balance;
use crate::comparison::Sample;
use crate::latencies::{MeasuredTimes, own_cpu};
use crate::race::{MAX_BALANCE, MAX_UPDATES, RacePlan, SyncMethod, TIMED, race_and_time};
use crate::wake::host_clock;

/// How many additions are made between two looks at the clock.
const BLOCK: u64 = 1_024;

impl Meter<'_> {
    /// The operations of the plan, by threads.
    pub(super) fn threads(&self, method: SyncMethod, threads: u32) -> Result<Sample, CompareError> {
        let mut plan = self.plan.race(threads);
        let deltas = self.plan.operations.iter().flat_map(|one| plan.delta(one));
        let deltas: Vec<i64> = deltas.collect();
        plan.rounds = most_rounds(&plan, &deltas);
        let cpu = own_cpu();
        let stop = AtomicBool::new(false);
        let (race, times) = within(self.plan.each, &stop, || {
            race_and_time(&plan, method, &deltas, &stop)
        })?;
        let cpu = own_cpu().saturating_sub(cpu);
        let mut latencies = MeasuredTimes::empty()?;
        times.into_iter().for_each(|time| latencies.sample(time));
        let off_by = race.expected.minor().abs_diff(race.actual.minor());
        Ok(Sample {
            operations: race.operations,
            elapsed: race.elapsed_us.into(),
            lost_updates: race.lost_updates,
            off_by: Balance::new(off_by.cast_signed()),
            ..Sample::of(&latencies, cpu)
        })
    }

    /// Additions to one word, by threads.
    pub(super) fn add_by_threads(&self, threads: u32) -> io::Result<Sample> {
        let (word, cpu) = (AtomicU64::new(0), own_cpu());
        let mut all = MeasuredTimes::empty()?;
        let lasting = self.plan.each;
        thread::scope(|scope| {
            let adders = (0..threads).map(|_| scope.spawn(|| add(&word, lasting)));
            let adders: Vec<_> = adders.collect();
            for adder in adders {
                let added = adder
                    .join()
                    .map_err(|_| io::Error::other("a thread died"))?;
                all.add(&added?);
            }
            Ok::<(), io::Error>(())
        })?;
        Ok(Sample {
            lost_updates: all.operations().saturating_sub(word.into_inner()),
            ..Sample::of(&all, own_cpu().saturating_sub(cpu))
        })
    }
}

/// How often so many threads can run these without leaving the word that they race for.
fn most_rounds(plan: &RacePlan, deltas: &[i64]) -> u32 {
    let threads = u64::from(plan.threads);
    let updates = threads * deltas.len().max(1) as u64;
    let moved: u64 = deltas.iter().map(|delta| delta.unsigned_abs()).sum();
    let room = MAX_BALANCE.abs_diff(plan.start.minor()) / threads.saturating_mul(moved).max(1);
    let rounds = room.min(MAX_UPDATES.unsigned_abs() / updates);
    u32::try_from(rounds).unwrap_or(u32::MAX).max(1)
}

/// Adds to a word for so long.
pub(super) fn add(word: &AtomicU64, lasting: Duration) -> io::Result<MeasuredTimes> {
    let mut latencies = MeasuredTimes::empty()?;
    let (began, since) = (host_clock(), Instant::now());
    let mut operations = 0;
    while since.elapsed() < lasting {
        for _ in 0..BLOCK / TIMED {
            let before = Instant::now();
            word.fetch_add(1, Ordering::Relaxed);
            latencies.sample(before.elapsed());
            for _ in 1..TIMED {
                word.fetch_add(1, Ordering::Relaxed);
            }
        }
        operations += BLOCK;
    }
    latencies.span(operations, began, host_clock(), Duration::ZERO);
    Ok(latencies)
}

/// Does something, which is told to stop after so long.
fn within<T>(lasting: Duration, stop: &AtomicBool, act: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let timer = scope.spawn(|| {
            let since = Instant::now();
            while !stop.load(Ordering::Relaxed) && since.elapsed() < lasting {
                thread::park_timeout(lasting);
            }
            stop.store(true, Ordering::Relaxed);
        });
        let done = act();
        stop.store(true, Ordering::Relaxed);
        timer.thread().unpark();
        done
    })
}
