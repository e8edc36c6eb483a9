//! What every thread does, whatever the remedy.

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread::{self, Builder, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::operation::RaceOperation;
use super::shared::SharedBalance;
use super::{RaceError, RacePlan, channel};
use crate::bank::Packed;

/// How many operations a thread runs at most before it looks whether it is to stop.
const STRIDE: usize = 1024;

/// The operations that all threads run, and when to stop.
pub(super) struct Runner<'a> {
    plan: &'a RacePlan,
    deltas: &'a [i64],
    stop: &'a AtomicBool,
    times: bool,
}

/// Where operations are timed, one in so many is: a look at the clock takes longer than most of them.
pub const TIMED: u64 = 64;

/// What threads did, as they know it themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadTally {
    /// All operations.
    pub(super) operations: u64,
    /// Those that the bank refused.
    pub(super) refused: u64,
    /// The movements that were accepted.
    pub(super) updates: u64,
    /// What those moved, in minor units.
    pub(super) moved: i64,
    /// From the first start to the last end.
    span: Option<(Instant, Instant)>,
    /// How long some of them took, where that is asked for.
    pub(super) times: Vec<Duration>,
}

impl ThreadTally {
    pub(super) fn elapsed(&self) -> Duration {
        self.span.map_or(Duration::ZERO, |(start, end)| end - start)
    }

    pub(super) fn note(&mut self, delta: i64, accepted: bool) {
        self.operations += 1;
        if !accepted {
            self.refused += 1;
        } else if delta != 0 {
            self.updates += 1;
            self.moved += delta;
        }
    }

    fn timed(&mut self, act: impl FnOnce() -> bool) -> bool {
        let before = Instant::now();
        let accepted = act();
        self.times.push(before.elapsed());
        accepted
    }

    fn joined(mut self, other: ThreadTally) -> ThreadTally {
        self.times.extend(other.times);
        let span = match (self.span, other.span) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        ThreadTally {
            operations: self.operations + other.operations,
            refused: self.refused + other.refused,
            updates: self.updates + other.updates,
            moved: self.moved + other.moved,
            span,
            times: self.times,
        }
    }
}

impl<'a> Runner<'a> {
    pub(super) fn new(plan: &'a RacePlan, deltas: &'a [i64], stop: &'a AtomicBool) -> Self {
        Runner {
            plan,
            deltas,
            stop,
            times: false,
        }
    }

    /// The same, and some of the operations are timed.
    pub(super) fn timing(self) -> Self {
        Runner {
            times: true,
            ..self
        }
    }

    /// One round.
    pub(super) fn deltas(&self) -> &'a [i64] {
        self.deltas
    }

    /// Every thread touches the balance itself.
    pub(super) fn on_shared(
        &self,
        shared: &impl SharedBalance,
    ) -> Result<(ThreadTally, Packed), RaceError> {
        let appliers = (0..self.plan.threads)
            .map(|_| |operation| shared.apply(operation))
            .collect();
        let tally = self.run(appliers)?;
        Ok((tally, shared.view()))
    }

    /// One more thread owns the balance and the others ask it.
    pub(super) fn on_owned(&self, start: Packed) -> Result<(ThreadTally, Packed), RaceError> {
        let (owner, senders) = channel::open(self.plan.threads as usize);
        thread::scope(|scope| {
            let owner = Builder::new()
                .spawn_scoped(scope, move || owner.serve(start))
                .map_err(|source| self.no_thread(source))?;
            let appliers = senders
                .into_iter()
                .map(|sender| move |operation| sender.apply(operation))
                .collect();
            // The senders end with their threads, or with this call if it fails, and then so does
            // the owner.
            let tally = self.run(appliers)?;
            Ok((tally, joined(owner)))
        })
    }

    /// One thread for each way to apply an operation, all starting together.
    fn run<F>(&self, appliers: Vec<F>) -> Result<ThreadTally, RaceError>
    where
        F: Fn(RaceOperation) -> bool + Send,
    {
        // A thread at the barrier waits for all the others, so none goes there before it is
        // known that all of them exist.
        let complete = OnceLock::new();
        let barrier = Barrier::new(appliers.len());
        thread::scope(|scope| {
            let (complete, barrier) = (&complete, &barrier);
            let racer = |apply: F| {
                move || match complete.wait() {
                    true => {
                        barrier.wait();
                        self.all_rounds(&apply)
                    }
                    false => ThreadTally::default(),
                }
            };
            let racers: Result<Vec<_>, _> = appliers
                .into_iter()
                .map(|apply| Builder::new().spawn_scoped(scope, racer(apply)))
                .collect();
            complete.get_or_init(|| racers.is_ok());
            let racers = racers.map_err(|source| self.no_thread(source))?;
            let tallies = racers.into_iter().map(joined);
            Ok(tallies.fold(ThreadTally::default(), ThreadTally::joined))
        })
    }

    /// What one thread does.
    fn all_rounds(&self, apply: &impl Fn(RaceOperation) -> bool) -> ThreadTally {
        let floor = self.plan.floor();
        let start = Instant::now();
        let mut tally = ThreadTally::default();
        'race: for _ in 0..self.plan.rounds {
            for stride in self.deltas.chunks(STRIDE) {
                if self.stop.load(Ordering::Relaxed) {
                    break 'race;
                }
                for &delta in stride {
                    let operation = RaceOperation::new(tally.operations, delta, floor);
                    let is_timed = self.times && tally.operations.is_multiple_of(TIMED);
                    let accepted = match is_timed {
                        true => tally.timed(|| apply(operation)),
                        false => apply(operation),
                    };
                    tally.note(delta, accepted);
                }
            }
        }
        tally.span = Some((start, Instant::now()));
        tally
    }

    fn no_thread(&self, source: std::io::Error) -> RaceError {
        let threads = self.plan.threads;
        RaceError::NoThread { threads, source }
    }
}

/// What a thread returned; a panic goes on in the caller.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}
