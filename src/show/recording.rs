//! Takes the events of recordings, one after the other, and lays them out.

mod balances;
mod finish;
mod operations;
mod results;
mod steps;

use std::collections::HashMap;

use super::clock::RunClock;
use super::picture::{
    CellAccess, Lane, OperationEnd, PicturedOperation, PicturedRun, RequestTimes,
};
use super::positions::{AccountPositions, Scope};
use crate::event::{Event, EventError, Micros, RunStarted, is_cut, rfc3339};
use steps::RecordedWait;

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
    /// Its first line is none that this program reads.
    #[error("`{source_name}`: {why}")]
    FirstLine {
        /// The file.
        source_name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Runs wrote to it at once.
    #[error(
        "`{0}`: several runs wrote to it at once, and no line tells them apart; let `--events` name a file \
         for each of them"
    )]
    Mixed(String),
}

/// The events of some runs. Times are still counted from the begin of each run.
pub struct Recording {
    /// How many operations are kept.
    most: usize,
    runs: Vec<RecordedRun>,
    lanes: Vec<Lane>,
    operations: Vec<PicturedOperation>,
    accounts: AccountPositions,
    histories: Vec<Vec<RecordedChange>>,
    accesses: Vec<CellAccess>,
    waits: Vec<RecordedWait>,
    requests: Vec<RequestTimes>,
    source: String,
    line: u64,
    /// How many runs of this file have begun, and not ended.
    open: u32,
    /// A run of this file began before another one had ended, which was killed or goes on.
    overlaps: bool,
    /// It goes on, as lines show that stand where they cannot be of the run that began last.
    is_mixed: bool,
    /// How many lines were cut off.
    cut: u64,
    /// How many others are no events, and what is wrong with the first of them.
    damaged: u64,
    first_damaged: Option<String>,
    /// What became of runs of which a holder was killed was told.
    has_killed_holders: bool,
    /// How many operations ended that are not kept.
    left_out: u64,
    has_steps: bool,
    /// How many steps are kept of operations that are not named yet.
    early_steps: usize,
}

impl Default for Recording {
    fn default() -> Self {
        Recording::of_at_most(MAX_OPERATIONS)
    }
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
    /// The steps of operations that are not named yet, by their numbers.
    early: HashMap<u64, Vec<Event>>,
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
    /// What is posted; `None` where that stays.
    posted: Option<i64>,
    /// What of it is not set aside; `None` where that follows from what stays set aside.
    available: Option<i64>,
    /// How much is no longer set aside.
    given_back: i64,
    operation: Option<usize>,
    /// It is the operation's hold, and not its end.
    is_hold: bool,
}

impl Recording {
    /// A recording of which so many operations are kept, and the others counted.
    pub fn of_at_most(operations: usize) -> Self {
        Recording {
            most: operations.min(MAX_OPERATIONS),
            runs: Vec::new(),
            lanes: Vec::new(),
            operations: Vec::new(),
            accounts: AccountPositions::default(),
            histories: Vec::new(),
            accesses: Vec::new(),
            waits: Vec::new(),
            requests: Vec::new(),
            source: String::new(),
            line: 0,
            open: 0,
            overlaps: false,
            is_mixed: false,
            cut: 0,
            damaged: 0,
            first_damaged: None,
            has_killed_holders: false,
            left_out: 0,
            has_steps: false,
            early_steps: 0,
        }
    }

    /// How many operations it has seen.
    pub fn seen(&self) -> u64 {
        self.operations.len() as u64 + self.left_out
    }

    /// What follows is read from this file.
    pub fn begin_source(&mut self, name: &str) {
        self.source = name.to_string();
        (self.line, self.open, self.overlaps) = (0, 0, false);
        if let Some(run) = self.runs.last_mut() {
            run.has_ended = true;
        }
    }

    /// Takes the next line of a file, without its end.
    ///
    /// # Errors
    ///
    /// If the file is no recording, or one of another version, or runs wrote to it at once. A later line that
    /// is no event is passed over and counted.
    pub fn line(&mut self, line: &[u8]) -> Result<(), RecordingError> {
        self.line += 1;
        if line.is_empty() && self.line > 1 {
            return Ok(());
        }
        let text = std::str::from_utf8(line).unwrap_or_default();
        match Event::read(self.line, text) {
            Ok(Some(event)) => self.take(&event),
            Ok(None) => {}
            Err(_) if self.line > 1 && !text.is_empty() && is_cut(text) => self.cut += 1,
            Err(why) if self.line > 1 => {
                self.damaged += 1;
                let source = &self.source;
                self.first_damaged
                    .get_or_insert_with(|| shortened(&format!("`{source}`, {why}")));
            }
            Err(why) => return Err(self.first_line(text, &why)),
        }
        match self.is_mixed {
            true => Err(RecordingError::Mixed(self.source.clone())),
            false => Ok(()),
        }
    }

    /// Why the file whose first line is no event cannot be drawn.
    fn first_line(&self, text: &str, why: &EventError) -> RecordingError {
        let source_name = self.source.clone();
        let why = match why {
            _ if text.starts_with('{') && is_cut(text) => {
                "line 1 was cut off, as a run that was killed leaves it".into()
            }
            EventError::Line { .. } if text.starts_with('\u{feff}') => {
                "line 1 begins with a byte order mark: save the file as UTF-8 without one".into()
            }
            EventError::Line { .. } if !text.starts_with('{') => {
                return RecordingError::NoRecording(source_name);
            }
            why => why.to_string(),
        };
        RecordingError::FirstLine { source_name, why }
    }

    /// Whether it tells what became of runs of which a holder was killed, which is a table and not drawn.
    pub fn has_killed_holders(&self) -> bool {
        self.has_killed_holders
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(started) => self.run_started(started),
            Event::Started(operation) => self.started(operation),
            Event::Held(operation) => self.held(operation),
            Event::Completed(operation) => self.ended(operation, OperationEnd::Completed),
            Event::Refused(operation) => self.ended(operation, OperationEnd::Refused),
            Event::Failed(operation) => self.ended(operation, OperationEnd::Failed),
            Event::InDoubt(operation) => self.ended(operation, OperationEnd::InDoubt),
            Event::Spawned(worker) => {
                if let Some((lane, at)) = self.worker_event(worker) {
                    self.lanes[lane].spawned = Some(at);
                }
            }
            Event::Connected(worker) => {
                if let Some((lane, at)) = self.worker_event(worker) {
                    self.lanes[lane].connected = Some(at);
                }
            }
            Event::Exited(worker) => self.exited(worker),
            Event::Request(request) => self.step(request.operation, event),
            Event::Read(cell) | Event::Conflict(cell) | Event::Wrote(cell) => {
                self.step(cell.operation, event);
            }
            Event::LeaseWait(lease) | Event::LeaseGranted(lease) => {
                self.step(lease.operation, event);
            }
            Event::Summary(summary) => self.summary(summary),
            Event::Raced(race) => self.raced(race),
            Event::Repaired(repair) => self.repaired(repair),
            Event::HolderKilled(_) => self.has_killed_holders = true,
            Event::Planned(_)
            | Event::Skipped(_)
            | Event::Retried(_)
            | Event::Overspent(_)
            | Event::Voided(_)
            | Event::Opened(_)
            | Event::LowBudget(_)
            | Event::Invalid(_)
            | Event::Warned(_) => {}
        }
    }

    /// The run that events belong to now. One that the recording does not announce begins with its first
    /// event.
    fn run(&mut self) -> usize {
        if self.runs.last().is_none_or(|run| run.has_ended) {
            self.is_mixed |= self.overlaps;
            self.begin_run(RecordedRun::default());
        }
        self.runs.len() - 1
    }

    /// The run that a step belongs to: what is told of a process after its run's summary is that run's.
    fn run_of_step(&mut self) -> usize {
        match self.runs.len() {
            0 => self.run(),
            runs => runs - 1,
        }
    }

    fn begin_run(&mut self, run: RecordedRun) {
        let picture = PicturedRun {
            source: self.source.clone(),
            ..run.picture
        };
        self.runs.push(RecordedRun { picture, ..run });
    }

    fn run_started(&mut self, started: &RunStarted) {
        self.overlaps |= self.open > 0;
        self.open += 1;
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
                mode: started.mode.clone(),
                sync: started.sync.as_ref().map(|sync| sync.to_string()),
                ledger: started.ledger.as_deref().map(shortened),
                name: started.run.as_deref().map(shortened),
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
            self.histories[account].push(RecordedChange {
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
        self.histories
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
        // A worker of a run is one process.
        let is_other = self.lanes.get(lane).is_some_and(|lane| lane.pid != pid);
        self.is_mixed |= self.overlaps && worker > 0 && is_other;
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
}

/// A moment since a run's begin, or a length of time, that is drawn: none is longer than a year, whatever a
/// file says.
fn moment(micros: impl Into<Option<Micros>>) -> u64 {
    const YEAR: u64 = 366 * 24 * 3_600 * 1_000_000;
    micros.into().unwrap_or_default().0.min(YEAR)
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
