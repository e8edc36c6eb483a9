//! The ledger engine: all that a ledger that lasts does, over a [`Backend`] that keeps its rows.
//!
//! A batch takes one transaction of the backend:
//!
//! 1. [`Backend::begin`] waits for the turn to write and tells whether another process has written, so
//!    that what is remembered of the ledger is right or is read anew ([`cache`]).
//! 2. [`Tx::load`] finds all that the batch touches and that is not remembered, as sets; a second one
//!    finds the accounts that this led to ([`load`]).
//! 3. The bank's rules decide the requests in their order, after the holds whose time is over and those
//!    of dead runs were given back ([`settle`]). What they decide becomes rows, linked into the chain
//!    ([`recorder`]).
//! 4. [`Tx::apply`] writes all of it as sets, [`Tx::commit`] makes it durable; only then is the batch
//!    answered.
//!
//! The ledger state in memory is a cache: it is forgotten whenever another process wrote, and a
//! transaction that did not count takes it along. Entries and records only grow; the rows of accounts,
//! holds and runs are kept beside them, so that opening a ledger reads nothing but what is asked for.

pub(crate) mod backend;
mod budgets;
mod cache;
pub(crate) mod copy;
mod due;
mod load;
mod pages;
mod recorder;
pub(crate) mod rows;
mod run_lines;
mod runs;
mod settle;
mod verify;
mod watch;

use std::path::Path;
use std::time::Instant;

#[cfg(test)]
pub(crate) use settle::MAX_EXPIRED;

use super::clock::{Clock, ClockTime};
use super::{
    BegunLine, ChainEnd, DoneLine, Entries, EntryQuery, LeaseHolder, LeaseShare, Ledger,
    LedgerAnswer, LedgerError, LedgerRequest, OpenHold, RunName, RunTotals, SkippedLine, Standing,
    Verified,
};
use crate::bank::{Name, Now, Unit};
use backend::{Backend, Tx, TxMode};
use cache::{Cache, CacheState};
use due::Due;
use rows::{Hash, sound};
use runs::Runs;

/// A ledger over a backend.
pub(crate) struct Engine<B> {
    pub(super) backend: B,
    cache: Cache,
    pub(super) clock: Clock,
    runs: Runs,
    /// What was due when accounts or holds were read last.
    last_due: Option<Due>,
    /// A commit failed, so it is not known how the ledger stands.
    is_failed: bool,
}

/// A transaction at work.
struct UnitOfWork<'a> {
    tx: &'a mut dyn Tx,
    /// What the ledger is called in messages.
    name: String,
    cache: &'a mut Cache,
    runs: &'a mut Runs,
    now: Now,
    /// The chain's hash before it.
    hash: Hash,
}

impl<B: Backend> Engine<B> {
    /// A ledger over this backend.
    pub(crate) fn new(backend: B) -> Self {
        Engine {
            backend,
            cache: Cache::new(),
            clock: Clock::system(),
            runs: Runs::default(),
            last_due: None,
            is_failed: false,
        }
    }

    /// Begins a transaction, and notes whether another process has written since the last one.
    fn begin(
        &mut self,
        mode: TxMode,
    ) -> Result<(Box<dyn Tx + '_>, &mut Cache, &mut Runs), LedgerError> {
        self.check_usable()?;
        let began = Instant::now();
        let tx = self.backend.begin(mode);
        let tx = tx.map_err(|error| error.after(began.elapsed()))?;
        if tx.is_changed() || mode == TxMode::Write {
            self.last_due = None;
        }
        if tx.is_changed() {
            self.cache.mark_stale();
        }
        Ok((tx, &mut self.cache, &mut self.runs))
    }

    /// Runs `work` in a transaction that writes, with the ledger state as the ledger says. What it did is
    /// durable when this returns; after an error of its own none of it counts.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let (name, time) = (self.backend.name(), self.clock.clone());
        let (mut tx, cache, runs) = self.begin(TxMode::Write)?;
        let mut writing = UnitOfWork::new(name, &mut *tx, cache, runs, time.read());
        let done = writing.catch_up().and_then(|()| work(&mut writing));
        let done = done.and_then(|done| writing.apply().map(|()| done));
        let done = done.and_then(|done| tx.commit().map(|()| done));
        if let Err(error) = &done {
            self.cache.validity = CacheState::Invalid;
            self.is_failed |= matches!(error, LedgerError::Unknown { .. });
        }
        done
    }

    /// Reads one state of the ledger.
    fn read<T>(
        &mut self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let (name, time) = (self.backend.name(), self.clock.read());
        let (mut tx, cache, runs) = self.begin(TxMode::Read)?;
        let done = work(&mut UnitOfWork::new(name, &mut *tx, cache, runs, time))?;
        tx.commit()?;
        Ok(done)
    }

    /// Refuses everything once a commit has failed.
    fn check_usable(&self) -> Result<(), LedgerError> {
        match self.is_failed {
            false => Ok(()),
            true => Err(LedgerError::Failed {
                ledger: self.backend.name(),
            }),
        }
    }
}

impl<'a> UnitOfWork<'a> {
    fn new(
        name: String,
        tx: &'a mut dyn Tx,
        cache: &'a mut Cache,
        runs: &'a mut Runs,
        time: ClockTime,
    ) -> Self {
        cache.changes.clear();
        // The moments that are written down never go back.
        let label = time.wall.max(cache.keys.head.at);
        UnitOfWork {
            tx,
            name,
            hash: cache.keys.head.hash,
            cache,
            runs,
            now: Now {
                label,
                wall: time.wall,
                boot_time: time.boot_time,
            },
        }
    }

    /// Writes what was decided. Each commit rewrites the head, with the chain's hash before it: so a log
    /// that does not follow from the ledger is known as one of another history.
    fn apply(&mut self) -> Result<(), LedgerError> {
        if self.cache.changes.is_empty() {
            return Ok(());
        }
        let head = &mut self.cache.keys.head;
        head.prev = Some(self.hash);
        self.cache.changes.head = *head;
        self.tx.apply(&self.cache.changes)
    }

    fn damaged(&self, what: impl Into<String>) -> LedgerError {
        LedgerError::Damaged {
            ledger: self.name.clone(),
            what: what.into(),
        }
    }
}

impl<B: Backend> Ledger for Engine<B> {
    fn name(&self) -> String {
        self.backend.name()
    }

    fn unit(&mut self) -> Result<Unit, LedgerError> {
        self.read(|work| {
            let unit = sound(work.tx.unit()?);
            unit.map_err(|_| work.damaged("the row of what the ledger counts is wrong"))
        })
    }

    fn submit(&mut self, batch: &[LedgerRequest]) -> Result<Vec<LedgerAnswer>, LedgerError> {
        let answers = self.settle_and_answer(batch);
        // A run that may be ended later stays this process's own, or another may go on with it meanwhile.
        // Else the next that writes gives back what could not be given back now.
        if answers.as_ref().is_err_and(|error| !error.may_pass()) {
            for request in batch {
                if let LedgerRequest::EndRun { run, .. } = request {
                    self.leave(*run);
                }
            }
        }
        answers
    }

    fn look_up(&mut self, names: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError> {
        self.read_with_due(true, |work, due| work.named_accounts(names, due))
    }

    fn accounts(&mut self, after: Option<&Name>) -> Result<Vec<Standing>, LedgerError> {
        self.read_with_due(after.is_none(), |work, due| work.accounts_after(after, due))
    }

    fn holds(&mut self, after: u64) -> Result<Vec<OpenHold>, LedgerError> {
        self.read_with_due(after == 0, |work, due| work.holds_after(after, due))
    }

    fn entries(&mut self, query: &EntryQuery) -> Result<Entries, LedgerError> {
        self.read(|work| work.page_of_entries(query))
    }

    fn share_of_run(&self, run: u32) -> Option<LeaseShare> {
        self.runs.leases.get(&run)?.share()
    }

    fn holder_of_run(&mut self, name: &RunName) -> Result<Option<LeaseHolder>, LedgerError> {
        self.read(|work| match work.run_of(name)? {
            Some(run) => work.tx.lease_holder(run.number),
            None => Ok(None),
        })
    }

    fn done_lines(&mut self, run: u32, after: u64) -> Result<Vec<DoneLine>, LedgerError> {
        self.read(|work| work.lines_after(run, after))
    }

    fn begun_lines(&mut self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError> {
        self.read(|work| work.begun_after(run, after))
    }

    fn runs(&mut self, after: u32) -> Result<Vec<RunTotals>, LedgerError> {
        self.read(|work| work.runs_after(after))
    }

    fn skip(&mut self, run: &RunName, line: u64, reason: &str) -> Result<SkippedLine, LedgerError> {
        self.settle_now()?;
        self.write(|work| work.skip_line(run, line, reason))
    }

    fn verify(&mut self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        self.check_all(expect)
    }

    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError> {
        self.check_usable()?;
        self.backend.backup(path)
    }
}

#[cfg(test)]
pub(super) mod tests;
