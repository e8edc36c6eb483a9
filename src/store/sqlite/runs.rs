//! Runs: who works on what, and how others know that they are gone.
//!
//! Each live run has a lock on a byte of the ledger's file, which the kernel takes away when its process
//! ends, however it ends. Its workers with commands share the lock, so that a run counts as gone only
//! when its commands are.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::time::Instant;

use rusqlite::{OptionalExtension, Row, params};

use super::Sqlite;
use crate::bank::Now;
use crate::store::{LedgerError, LineDigests, OpenedRun, RunName};

/// The rules for digests as the file numbers them.
pub(super) const UP_TO_LINE: i64 = 1;
pub(super) const OF_LINE: i64 = 2;

/// The runs of this process.
#[derive(Default)]
pub(super) struct Runs {
    /// Those that are locked.
    ours: BTreeSet<u32>,
    /// When others' runs were last looked at.
    pub(super) looked_at: Option<Instant>,
    /// How far the done lines of each run were read, so that the next page is found at once.
    pub(super) readings: HashMap<u32, super::pages::Reading>,
}

impl Runs {
    /// The runs that are locked.
    pub(super) fn ours(&self) -> impl Iterator<Item = u32> {
        self.ours.iter().copied()
    }

    /// Forgets a run.
    pub(super) fn let_go(&mut self, run: u32) {
        self.ours.remove(&run);
        self.readings.remove(&run);
    }
}

impl Sqlite {
    /// Begins a run, or goes on with the one of this name.
    pub(super) fn begin_run(&mut self, name: Option<&RunName>) -> Result<OpenedRun, LedgerError> {
        let opened = match name.map(|name| self.run_of(name)).transpose()?.flatten() {
            Some(opened) => opened,
            None => self.add_run(name)?,
        };
        let run = opened.number;
        match self.file.lock_run(run) {
            Ok(true) => self.runs.ours.insert(run),
            Ok(false) => {
                return Err(LedgerError::RunIsLive {
                    ledger: self.path.display().to_string(),
                    run: name.cloned().unwrap_or_else(RunName::unnamed),
                });
            }
            Err(cause) => return Err(self.no_lock(cause)),
        };
        self.mark(run, true)?;
        self.watch_run(run)?;
        Ok(opened)
    }

    /// The run of this name, if there is one.
    pub(super) fn run_of(&self, name: &RunName) -> Result<Option<OpenedRun>, LedgerError> {
        let query = self
            .connection
            .prepare_cached("SELECT run, rule FROM runs WHERE name = ?");
        let found = query.and_then(|mut query| {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?));
            query.query_row([name.as_str()], read).optional()
        });
        let found = found.map_err(|error| self.fault("read", &error))?;
        let opened = |(number, rule)| {
            let digests = match rule {
                None | Some(UP_TO_LINE) => LineDigests::UpToLine,
                Some(OF_LINE) => LineDigests::OfLine,
                Some(_) => return Err(self.damaged("a run has a rule that there is not")),
            };
            Ok(OpenedRun {
                number,
                is_new: false,
                digests,
            })
        };
        found.map(opened).transpose()
    }

    fn add_run(&self, name: Option<&RunName>) -> Result<OpenedRun, LedgerError> {
        let last = self.ledger_state.last();
        let added = self.connection.execute(
            "INSERT INTO runs (name, seq, record, live, rule) VALUES (?, ?, ?, 1, ?)",
            params![
                name.map(RunName::as_str),
                last.seq.cast_signed(),
                last.record.cast_signed(),
                OF_LINE,
            ],
        );
        added.map_err(|error| self.fault("write", &error))?;
        let run = u32::try_from(self.connection.last_insert_rowid());
        let number = run.map_err(|_| self.damaged("it has more runs than can be numbered"))?;
        Ok(OpenedRun {
            number,
            is_new: true,
            digests: LineDigests::OfLine,
        })
    }

    fn no_lock(&self, cause: io::Error) -> LedgerError {
        LedgerError::Io {
            ledger: self.path.display().to_string(),
            doing: "lock a run of",
            cause,
        }
    }

    fn mark(&self, run: u32, live: bool) -> Result<(), LedgerError> {
        let query = self
            .connection
            .prepare_cached("UPDATE runs SET live = ? WHERE run = ?");
        let marked = query.and_then(|mut query| query.execute(params![live, run]));
        marked
            .map(drop)
            .map_err(|error| self.fault("write", &error))
    }

    /// The runs that began and did not end, and whose process is gone. They count as ended from now on.
    pub(super) fn dead_runs(&mut self) -> Result<Vec<u32>, LedgerError> {
        let mut dead = Vec::new();
        for run in self.live_runs()? {
            if self
                .file
                .is_free(run)
                .map_err(|cause| self.no_lock(cause))?
            {
                self.mark(run, false)?;
                dead.push(run);
            }
        }
        Ok(dead)
    }

    /// The runs that are marked as live.
    pub(super) fn live_runs(&self) -> Result<Vec<u32>, LedgerError> {
        let read = || {
            let mut query = self
                .connection
                .prepare_cached("SELECT run FROM runs WHERE live = 1")?;
            let runs = query.query_map([], |row| row.get(0))?;
            runs.collect::<rusqlite::Result<Vec<u32>>>()
        };
        read().map_err(|error| self.fault("read", &error))
    }

    /// Whether the process of a run that is marked as live is gone. That cannot be asked of a file that may
    /// only be read.
    pub(super) fn run_is_gone(&self, run: u32) -> Result<bool, LedgerError> {
        if !self.file.may_write() {
            return Ok(false);
        }
        self.file.is_free(run).map_err(|cause| self.no_lock(cause))
    }

    /// Lets go of a run of this process.
    pub(super) fn unlock(&mut self, run: u32) {
        self.runs.let_go(run);
        self.file.unlock_run(run);
    }

    /// Ends a run of this process: what it has begun is given back.
    pub(super) fn end_run(&mut self, run: u32, now: Now) -> Result<(), LedgerError> {
        for hold in self.holds_of(run)? {
            self.abandon(hold, now)?;
        }
        self.mark(run, false)
    }
}
