//! Threads of one process on one balance in memory: `sync`, without a remedy and with each.
//!
//! Every thread runs the whole list of operations, round after round. Each keeps its own tally of
//! what the bank accepted; the balance counts the updates that it includes. What the tallies have
//! and the balance has not was lost.
//!
//! An accepted debit that was lost is money that left the bank and is still on the account, so it is
//! `expected`, not the balance, that may end below the account's limit without synchronisation.

mod channel;
mod indivisible;
mod lock;
mod operation;
mod runner;
mod shared;
mod sync_method;

use std::io;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::bank::{Balance, Name, Operation, Rejection};
use crate::event::Race;
use crate::sharing::SharingChoice;

use crate::bank::Packed;
pub use crate::bank::{MAX_BALANCE, MAX_UPDATES};
use crate::threads::sync::{Mutex, RwLock};
use indivisible::{Adding, Comparing};
use lock::{Semaphore, Spin};
pub use runner::TIMED;
use runner::{Runner, ThreadTally};
use shared::Bare;
pub use sync_method::SyncMethod;

/// The most threads that race.
pub const MAX_THREADS: u32 = 1024;

/// What is to be raced, whatever the remedy.
#[derive(Clone, Debug)]
pub struct RacePlan {
    /// Whose balance it is.
    pub account: Name,
    /// What stands on it before.
    pub start: Balance,
    /// How far below zero a debit may take it.
    pub overdraft: Balance,
    /// How many threads race, from 1 to [`MAX_THREADS`].
    pub threads: u32,
    /// How often each of them runs the whole list, at least once.
    pub rounds: u32,
}

/// Why a race cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// No thread, or too many.
    #[error("`{0}` threads cannot race; ask for 1 to {MAX_THREADS}")]
    Threads(u32),
    /// Nothing to run.
    #[error("`0` rounds run nothing; ask for at least 1")]
    NoRounds,
    /// The count of updates would leave its bits.
    #[error(
        "`{threads}` threads with `{rounds}` rounds of `{operations}` operations are more than the \
         {MAX_UPDATES} that one word can count; ask for fewer threads, rounds or operations"
    )]
    TooMany {
        /// How many threads.
        threads: u32,
        /// How many rounds.
        rounds: u32,
        /// How many operations in a round.
        operations: usize,
    },
    /// The balance could leave its bits.
    #[error(
        "the balance of `{account}` could leave ±{max}, all that fits beside the count of updates; \
         start with less, or ask for fewer rounds or smaller amounts",
        max = Balance::new(MAX_BALANCE)
    )]
    TooMuch {
        /// Whose balance.
        account: Name,
    },
    /// The system gives no more threads.
    #[error("a thread could not be started; ask for fewer than `{threads}`")]
    NoThread {
        /// How many were asked for.
        threads: u32,
        /// What the system said.
        source: io::Error,
    },
}

impl RacePlan {
    /// What an operation does to the one balance in minor units, 0 for a view; else why it is none
    /// of its operations.
    pub fn delta(&self, operation: &Operation) -> Result<i64, String> {
        let elsewhere = || {
            let (ours, theirs) = (&self.account, &operation.account);
            Err(format!(
                "`sync` has one balance, `{ours}`; `{theirs}` is another account"
            ))
        };
        match operation.movement() {
            None if operation.account == self.account => Ok(0),
            None => elsewhere(),
            Some(movement) if movement.debit == movement.credit => {
                Err(Rejection::SameAccount.to_string())
            }
            Some(movement) if *movement.debit == self.account => Ok(-movement.amount.minor()),
            Some(movement) if *movement.credit == self.account => Ok(movement.amount.minor()),
            Some(_) => elsewhere(),
        }
    }

    /// Whether these operations can be raced: the packed word must hold every sum on the way.
    pub fn check(&self, deltas: &[i64]) -> Result<(), RaceError> {
        if !(1..=MAX_THREADS).contains(&self.threads) {
            return Err(RaceError::Threads(self.threads));
        }
        if self.rounds == 0 {
            return Err(RaceError::NoRounds);
        }
        let times = u128::from(self.threads) * u128::from(self.rounds);
        let operations = times.saturating_mul(deltas.len() as u128);
        if operations > u128::from(MAX_UPDATES.unsigned_abs()) {
            return Err(RaceError::TooMany {
                threads: self.threads,
                rounds: self.rounds,
                operations: deltas.len(),
            });
        }
        // Whichever updates are lost or added back, the balance is the start and some of the deltas.
        let magnitude = |minor: i64| u128::from(minor.unsigned_abs());
        let moved: u128 = deltas.iter().copied().map(magnitude).sum();
        let reach = magnitude(self.start.minor()) + times.saturating_mul(moved);
        if reach > magnitude(MAX_BALANCE) {
            let account = self.account.clone();
            return Err(RaceError::TooMuch { account });
        }
        Ok(())
    }

    /// The least that the balance may become through a debit.
    fn floor(&self) -> i64 {
        self.overdraft.minor().saturating_neg()
    }
}

/// Lets the plan's threads race on one balance; `deltas` are one round, in minor units, 0 for a view.
///
/// Once `stop` is set every thread ends within a thousand operations, and what was done until then
/// is the result.
pub fn race(
    plan: &RacePlan,
    remedy: SyncMethod,
    deltas: &[i64],
    stop: &AtomicBool,
) -> Result<Race, RaceError> {
    run(plan, remedy, Runner::new(plan, deltas, stop)).map(|(race, _)| race)
}

/// The same, and how long one operation in [`TIMED`] took.
pub fn race_and_time(
    plan: &RacePlan,
    remedy: SyncMethod,
    deltas: &[i64],
    stop: &AtomicBool,
) -> Result<(Race, Vec<Duration>), RaceError> {
    run(plan, remedy, Runner::new(plan, deltas, stop).timing())
}

fn run(
    plan: &RacePlan,
    remedy: SyncMethod,
    runner: Runner,
) -> Result<(Race, Vec<Duration>), RaceError> {
    plan.check(runner.deltas())?;
    let start = Packed::new(plan.start.minor());
    let (tally, end) = match remedy {
        SyncMethod::None => runner.on_shared(&Bare::new(start)),
        SyncMethod::Mutex => runner.on_shared(&Mutex::new(start)),
        SyncMethod::RwLock => runner.on_shared(&RwLock::new(start)),
        SyncMethod::Atomic => runner.on_shared(&Adding::new(start)),
        SyncMethod::Cas => runner.on_shared(&Comparing::new(start)),
        SyncMethod::Spin => runner.on_shared(&Spin::new(start)),
        SyncMethod::Channel => runner.on_owned(start),
        SyncMethod::Semaphore => runner.on_shared(&Semaphore::new(start)),
    }?;
    Ok((conclude(plan, remedy, &tally, end), tally.times))
}

/// Compares what the threads did with what the balance shows of it.
fn conclude(plan: &RacePlan, remedy: SyncMethod, tally: &ThreadTally, end: Packed) -> Race {
    let elapsed = tally.elapsed();
    Race {
        remedy: remedy.word().into(),
        threads: plan.threads,
        operations: tally.operations,
        refused: tally.refused,
        expected: Balance::new(plan.start.minor().saturating_add(tally.moved)),
        actual: Balance::new(end.balance()),
        lost_updates: tally.updates.saturating_sub(end.updates()),
        elapsed_us: elapsed.into(),
        ns_per_operation: u64::try_from(elapsed.as_nanos() / u128::from(tally.operations.max(1)))
            .unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests;
