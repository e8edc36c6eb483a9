//! Runs: which process works on what, and how others know that it is gone.
//!
//! Each live run has a lease, which ends with its process, however it ends. Its workers with commands
//! share the lease, so that a run counts as gone only when its commands are.

use std::collections::{BTreeMap, HashMap};

use smol_str::SmolStr;

use super::UnitOfWork;
use super::backend::RunFilter;
use super::pages::LineReading;
use super::rows::{BadRow, ReadRun, RunRow};
use crate::store::clock::ClockTime;
use crate::store::{Lease, LedgerAnswer, LedgerError, LineDigests, NEW_RUN, OpenedRun, RunName};

/// The runs of this process.
#[derive(Default)]
pub(super) struct Runs {
    /// The leases of those that go on.
    pub(super) leases: BTreeMap<u32, Lease>,
    /// When others' runs were last looked at.
    pub(super) looked_at: Option<ClockTime>,
    /// How far the done lines of each run were read, so that the next page is found at once.
    pub(super) readings: HashMap<u32, LineReading>,
}

impl Runs {
    /// Ends the lease of a run.
    pub(super) fn let_go(&mut self, run: u32) {
        self.leases.remove(&run);
        self.readings.remove(&run);
    }
}

impl UnitOfWork<'_> {
    /// Begins a run, or goes on with the one of this name; `None` if that is going on elsewhere.
    pub(super) fn begin_run(
        &mut self,
        name: Option<&RunName>,
    ) -> Result<Option<(OpenedRun, Lease)>, LedgerError> {
        let known = name.map(|name| self.run_of(name)).transpose()?.flatten();
        let is_new = known.is_none();
        let run = match known {
            Some(run) => run,
            None => self.new_run(name)?,
        };
        let number = run.number;
        let Some(lease) = self.tx.lease_run(number)? else {
            return Ok(None);
        };
        let digests = match run.rule {
            None | Some(RunRow::UP_TO_LINE) => LineDigests::UpToLine,
            Some(RunRow::OF_LINE) => LineDigests::OfLine,
            Some(rule) => {
                let what = format!("run {number} has unknown digest rule {rule}");
                return Err(self.damaged(what));
            }
        };
        match is_new {
            true => self.cache.state.lines().watch(number),
            false => self.watch(&run)?,
        }
        self.put_run(RunRow { live: 1, ..run });
        let opened = OpenedRun {
            number,
            is_new,
            digests,
        };
        Ok(Some((opened, lease)))
    }

    /// The run of this name, if there is one.
    pub(super) fn run_of(&mut self, name: &RunName) -> Result<Option<RunRow>, LedgerError> {
        self.one_run(RunFilter::Name(name))
    }

    /// The run of this number, if there is one.
    pub(super) fn run(&mut self, number: u32) -> Result<Option<RunRow>, LedgerError> {
        let mut changed = self.cache.changes.runs.iter();
        match changed.find(|run| run.number == number) {
            Some(run) => Ok(Some(run.clone())),
            None => self.one_run(RunFilter::Number(number)),
        }
    }

    /// Writes the row of a run, which may have been written before.
    pub(super) fn put_run(&mut self, row: RunRow) {
        let mut changed = self.cache.changes.runs.iter_mut();
        match changed.find(|run| run.number == row.number) {
            Some(run) => *run = row,
            None => self.cache.changes.runs.push(row),
        }
    }

    fn one_run(&mut self, filter: RunFilter<'_>) -> Result<Option<RunRow>, LedgerError> {
        let found = self.tx.runs(filter)?.pop();
        found.map(|run| self.sound_run(run)).transpose()
    }

    pub(super) fn sound_run(&self, run: ReadRun) -> Result<RunRow, LedgerError> {
        run.map_err(|BadRow { number, why }| self.damaged(format!("the run {number} {why}")))
    }

    fn new_run(&mut self, name: Option<&RunName>) -> Result<RunRow, LedgerError> {
        let last = self.one_run(RunFilter::Last)?;
        let new = self.cache.changes.runs.iter().map(|run| run.number);
        let last = last.map(|last| last.number).into_iter().chain(new).max();
        // The last number means the newest run of a batch.
        let next = last.unwrap_or(0).checked_add(1);
        let number = next.filter(|number| *number < NEW_RUN);
        let too_many = || self.damaged("it has more runs than can be numbered");
        Ok(RunRow {
            number: number.ok_or_else(too_many)?,
            name: name.map(|name| SmolStr::new(name.as_str())),
            began: self.cache.state.last(),
            live: 1,
            rule: Some(RunRow::OF_LINE),
        })
    }

    /// A run is going on elsewhere.
    pub(super) fn is_live(&self, name: Option<&RunName>) -> LedgerError {
        LedgerError::RunIsLive {
            ledger: self.name.clone(),
            run: name.cloned().unwrap_or_else(RunName::unnamed),
        }
    }

    /// Ends a run of this process: what it has begun is given back.
    pub(super) fn end_run(&mut self, run: u32, if_idle: bool) -> Result<LedgerAnswer, LedgerError> {
        if if_idle && !self.cache.state.begun_by(run).is_empty() {
            return Ok(LedgerAnswer::RunGoesOn);
        }
        self.abandon_begun_by(run);
        if let Some(row) = self.run(run)? {
            self.put_run(RunRow { live: 0, ..row });
        }
        Ok(LedgerAnswer::RunEnded(run))
    }
}
