//! Takes the events of recordings, one after the other, and lays them out.

mod finish;
mod operations;
mod steps;

use std::collections::HashMap;

use super::clock::RunClock;
use super::picture::{
    CellAccess, CellStep, Lane, OperationEnd, PicturedOperation, PicturedRun, PicturedTotals,
    RequestTimes, RunBalance,
};
use super::positions::{AccountPositions, Scope};
use crate::bank::Balance;
use crate::event::{Event, EventError, RunStarted, Summary, rfc3339};

/// The most operations of which a picture is made; what a recording has beyond is counted.
const MAX_OPERATIONS: usize = 2_000_000;

/// The most letters that are kept of a text that others wrote.
const MAX_TEXT: usize = 400;

/// Why a file cannot be drawn.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Its first line is no event.
    #[error("`{0}` is no recording of events: name a file that `--events` wrote")]
    NoRecording(String),
    /// A program wrote it whose lines mean other things.
    #[error("`{source_name}`: {why}")]
    Version {
        /// The file.
        source_name: String,
        /// Which line.
        why: String,
    },
}

/// The events of some runs. Times are still counted from the begin of each run.
#[derive(Default)]
pub struct Recording {
    runs: Vec<RecordedRun>,
    lanes: Vec<Lane>,
    operations: Vec<PicturedOperation>,
    accounts: AccountPositions,
    courses: Vec<Vec<RecordedChange>>,
    accesses: Vec<CellAccess>,
    requests: Vec<RequestTimes>,
    source: String,
    line: u64,
    unreadable: u64,
    beyond_limit: u64,
    has_steps: bool,
}

/// One run while it is read.
#[derive(Default)]
struct RecordedRun {
    picture: PicturedRun,
    clock: RunClock,
    /// Its lanes, by the numbers of their workers.
    lanes: HashMap<u32, usize>,
    /// Its operations, by their numbers.
    numbered: HashMap<u64, usize>,
    /// The operations that have not ended, of recordings that do not number them, by their workers.
    open: HashMap<u32, usize>,
    last_number: u64,
    has_ended: bool,
}

/// A change of a balance, as far as it is known when its event is read.
struct RecordedChange {
    run: usize,
    at: u64,
    decided: u64,
    /// What is posted; nothing where that stays.
    posted: Option<i64>,
    /// What of it is not set aside; nothing where that follows from what stays set aside.
    available: Option<i64>,
    /// How much is no longer set aside.
    given_back: i64,
    operation: Option<usize>,
    /// It is the operation's hold, and not its end.
    is_hold: bool,
}

impl Recording {
    /// What follows is read from this file.
    pub fn begin_source(&mut self, name: &str) {
        self.source = name.to_string();
        self.line = 0;
        if let Some(run) = self.runs.last_mut() {
            run.has_ended = true;
        }
    }

    /// Takes the next line of a file, without its end.
    ///
    /// # Errors
    ///
    /// If the file is no recording, or one of another version. A later line that was cut off is passed
    /// over and counted.
    pub fn line(&mut self, line: &[u8]) -> Result<(), RecordingError> {
        self.line += 1;
        if line.is_empty() && self.line > 1 {
            return Ok(());
        }
        let text = std::str::from_utf8(line).unwrap_or_default();
        match Event::read(self.line, text) {
            Ok(Some(event)) => self.take(event),
            Ok(None) => {}
            Err(_) if self.line > 1 => self.unreadable += 1,
            Err(why @ EventError::Version { .. }) => {
                let source_name = self.source.clone();
                let why = why.to_string();
                return Err(RecordingError::Version { source_name, why });
            }
            Err(_) => return Err(RecordingError::NoRecording(self.source.clone())),
        }
        Ok(())
    }

    /// Takes the next event.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::RunStarted(started) => self.run_started(*started),
            Event::Started(operation) => self.started(operation),
            Event::Held(operation) => self.held(operation),
            Event::Completed(operation) => self.ended(operation, OperationEnd::Completed),
            Event::Refused(operation) => self.ended(operation, OperationEnd::Refused),
            Event::Failed(operation) => self.ended(operation, OperationEnd::Failed),
            Event::InDoubt(operation) => self.ended(operation, OperationEnd::InDoubt),
            Event::Spawned(worker) => {
                let (lane, at) = self.worker_event(&worker);
                self.lanes[lane].spawned = Some(at);
            }
            Event::Connected(worker) => {
                let (lane, at) = self.worker_event(&worker);
                self.lanes[lane].connected = Some(at);
            }
            Event::Exited(worker) => self.exited(&worker),
            Event::Request(request) => self.request(&request),
            Event::Read(cell) => self.access(&cell, CellStep::Read),
            Event::Conflict(cell) => self.access(&cell, CellStep::Conflict),
            Event::Wrote(cell) => {
                let (overwrote, lost_to) = (0, None);
                self.access(&cell, CellStep::Write { overwrote, lost_to });
            }
            Event::LeaseWait(lease) => self.lease(&lease, false),
            Event::LeaseGranted(lease) => self.lease(&lease, true),
            Event::Summary(summary) => self.summary(*summary),
            Event::Planned(_)
            | Event::Skipped(_)
            | Event::Retried(_)
            | Event::Overspent(_)
            | Event::Voided(_)
            | Event::Opened(_)
            | Event::Invalid(_)
            | Event::Raced(_)
            | Event::HolderKilled(_)
            | Event::Warned(_) => {}
        }
    }

    /// The run that events belong to now. One that the recording does not announce begins with its first
    /// event.
    fn run(&mut self) -> usize {
        if self.runs.last().is_none_or(|run| run.has_ended) {
            self.begin_run(RecordedRun::default());
        }
        self.runs.len() - 1
    }

    fn begin_run(&mut self, run: RecordedRun) {
        let picture = PicturedRun {
            source: self.source.clone(),
            ..run.picture
        };
        self.runs.push(RecordedRun { picture, ..run });
    }

    fn run_started(&mut self, started: RunStarted) {
        let account = started.balance.map(|balance| {
            let name = started.account.as_str().to_string();
            (name, balance)
        });
        self.begin_run(RecordedRun {
            clock: RunClock {
                clock: Some(started.clock_us.0),
                calendar: Some(started.started_at.micros()),
            },
            picture: PicturedRun {
                mode: started.mode.into_owned(),
                sync: started.sync.map(|sync| sync.into_owned()),
                ledger: started.ledger.map(|text| shortened(&text)),
                name: started.run.map(|text| shortened(&text)),
                pid: started.pid,
                started_at: Some(rfc3339(started.started_at)),
                ..PicturedRun::default()
            },
            ..RecordedRun::default()
        });
        let run = self.run();
        if let Some((name, balance)) = account {
            let account = self.account(run, &name);
            let posted = Some(balance.minor());
            self.courses[account].push(RecordedChange {
                run,
                at: 0,
                decided: 0,
                posted,
                available: posted,
                given_back: 0,
                operation: None,
                is_hold: false,
            });
        }
    }

    fn account(&mut self, run: usize, name: &str) -> usize {
        let scope = match &self.runs[run].picture.ledger {
            Some(ledger) => Scope::Ledger(ledger),
            None => Scope::Run(run),
        };
        let account = self.accounts.place(scope, name);
        self.courses
            .resize_with(self.accounts.count(), Vec::default);
        account
    }

    fn heard(&mut self, run: usize, at: u64) {
        let until = &mut self.runs[run].picture.until;
        *until = (*until).max(at);
    }

    fn lane(&mut self, run: usize, worker: u32, pid: u32) -> usize {
        let next = self.lanes.len();
        let lane = *self.runs[run].lanes.entry(worker).or_insert(next);
        if lane == next {
            self.lanes.push(Lane {
                run,
                worker,
                pid,
                spawned: None,
                connected: None,
                exited: None,
                end: None,
                operations: Vec::new(),
            });
        }
        lane
    }

    fn summary(&mut self, summary: Summary) {
        let run = self.run();
        self.heard(run, summary.elapsed_us.0);
        let recorded = &mut self.runs[run];
        recorded.has_ended = true;
        let picture = &mut recorded.picture;
        if picture.mode.is_empty() {
            picture.mode = summary.mode.into_owned();
        }
        let balances = summary.balances.iter().map(|account| RunBalance {
            account: account.account.as_str().to_string(),
            balance: account.balance.minor(),
            expected: account.expected.map(Balance::minor),
            lost_updates: account.lost_updates,
        });
        picture.totals = Some(PicturedTotals {
            status: summary.status.code(),
            elapsed: summary.elapsed_us.0,
            sequential: summary.sequential_us.0,
            processes: summary.processes,
            lost_updates: summary.lost_updates,
            ended_early: summary.ended_early.map(|text| shortened(&text)),
            balances: balances.collect(),
        });
    }
}

/// A text that others wrote, no longer than a picture has room for.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests;
