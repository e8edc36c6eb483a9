//! How the lines of files become a history.

use std::collections::{HashMap, HashSet};

use super::super::text_table::TextTable;
use super::allowances::ToldWindows;
use super::observing::number_in_run;
use super::repeated::identity;
use super::{Observed, ObservedEnd, ObservedEvent, ObservedHistory, ObservedRun, ToldCounts};
use crate::bank::{Balance, LOANS, WORLD};
use crate::event::{Event, EventError, Micros, Mode, OperationEvent, RunStarted, Summary, is_cut};

/// A file, and a line of it.
pub(super) type LinePlace = (u16, u32);

/// Why a line cannot be taken as a part of a history.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// It is no event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A field that its type must have.
    #[error("line {line}: `{field}` is missing")]
    Missing {
        /// Which line, from 1.
        line: u64,
        /// What is missing.
        field: &'static str,
    },
    /// More than can be counted.
    #[error(
        "line {line}: a history has at most 65535 files, 4294967295 lines in each, and as many operations"
    )]
    TooMany {
        /// Which line, from 1.
        line: u64,
    },
}

/// What reading keeps from one line to the next.
#[derive(Debug, Default)]
pub(super) struct ReadingState {
    /// The run whose lines stand here in the file that is read; 0 is none.
    pub(super) run: u32,
    /// How many runs have begun in this file and not ended.
    pub(super) open: u32,
    /// What the times of its lines count from; `None` where they cannot be compared.
    pub(super) base_us: Option<u64>,
    /// When operations with work were started, and of which run they are.
    under_way: HashMap<(u16, u32, u32), (Option<u64>, u32)>,
    /// The answers of the run whose lines stand here, where they are read a second time.
    pub(super) told_before: HashSet<Observed>,
    /// By how much the clocks that were seen are behind the wall clock.
    pub(super) clocks: Vec<i64>,
}

impl Default for ObservedHistory {
    fn default() -> Self {
        let mut names = TextTable::default();
        names.number(WORLD.as_str());
        names.number(LOANS.as_str());
        let mut ledgers = TextTable::default();
        ledgers.number("");
        ObservedHistory {
            names,
            ids: TextTable::default(),
            ledgers,
            runs: vec![ObservedRun::default()],
            observed: Vec::new(),
            windows: ToldWindows::default(),
            cut_lines: 0,
            told_twice: 0,
            has_holds: false,
            is_mixed: false,
            races: 0,
            state: ReadingState::default(),
        }
    }
}

impl ObservedHistory {
    /// Begins with the next file.
    pub fn next_file(&mut self) {
        let ReadingState {
            under_way, clocks, ..
        } = std::mem::take(&mut self.state);
        self.state = ReadingState {
            under_way,
            clocks,
            ..ReadingState::default()
        };
    }

    /// Takes a line of the file with this number. A line that is cut off, as a writer that was killed
    /// leaves it, tells nothing.
    pub fn add(&mut self, file: usize, line: u64, text: &str) -> Result<(), LineFault> {
        let too_many = LineFault::TooMany { line };
        let (Ok(file), Ok(number)) = (u16::try_from(file), u32::try_from(line)) else {
            return Err(too_many);
        };
        let event = match Event::read(line, text) {
            Ok(event) => event,
            Err(_) if is_cut(text) => {
                self.cut_lines += 1;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let place = (file, number);
        let (event, told) = match event {
            Some(Event::Started(told)) => return self.started(place, &told),
            Some(Event::RunStarted(start)) => {
                self.run_started(place, &start);
                return Ok(());
            }
            Some(Event::Summary(summary)) => {
                self.ended(place, &summary, &ToldCounts::of(text));
                return Ok(());
            }
            Some(Event::Raced(_)) => {
                self.races += 1;
                return Ok(());
            }
            Some(Event::Held(told)) => (ObservedEvent::Held, told),
            Some(Event::Completed(told)) => (ObservedEvent::Completed, told),
            Some(Event::Refused(told)) => (ObservedEvent::Refused, told),
            Some(Event::InDoubt(told)) => (ObservedEvent::InDoubt, told),
            Some(Event::Failed(told)) => (ObservedEvent::Failed, told),
            Some(Event::Voided(told)) => (ObservedEvent::Voided, told),
            Some(Event::Opened(told)) => (ObservedEvent::Opened, told),
            _ => return Ok(()),
        };
        match &told.allowances {
            Some(_) => self.add_among_allowances(place, event, told),
            None => self.add_operation(place, event, &told),
        }
    }

    /// Takes what event to an operation.
    pub(super) fn add_operation(
        &mut self,
        place: LinePlace,
        event: ObservedEvent,
        told: &OperationEvent,
    ) -> Result<(), LineFault> {
        if let Some(parts) = &told.parts {
            return self.add_group(place, event, told, parts);
        }
        let mut observed = self.observe(place, event, told)?;
        self.note_work(&mut observed);
        self.keep(observed)
    }

    /// Keeps an answer, unless it was told before.
    pub(super) fn keep(&mut self, observed: Observed) -> Result<(), LineFault> {
        if self.is_told_before(&observed) {
            self.told_twice += 1;
            return Ok(());
        }
        self.has_holds |= observed.event == ObservedEvent::Held;
        if self.observed.len() >= u32::MAX as usize {
            let line = observed.line.into();
            return Err(LineFault::TooMany { line });
        }
        self.observed.push(observed);
        Ok(())
    }

    /// The end of all files.
    pub fn finish(&mut self) {
        let started = self.state.under_way.iter();
        // An operation of a run that was read twice counts once.
        let keys = started.map(|((_, pid, of), (_, run))| (*run, *pid, *of));
        for (run, ..) in keys.collect::<HashSet<_>>() {
            self.runs[run as usize].unanswered += 1;
        }
        self.state = ReadingState::default();
        // Lines outside of any run are about the one ledger that has a name, if there is one.
        if self.ledgers.count() == 2 {
            self.runs[0].ledger = 1;
        }
    }

    /// Says that all ledgers with a name are one, whatever they are called.
    pub fn join_ledgers(&mut self) {
        for run in self.runs.iter_mut().filter(|run| !run.in_memory) {
            run.ledger = 0;
        }
    }

    pub(super) fn moment(&self, at: Option<Micros>) -> Option<u64> {
        self.state.base_us?.checked_add(at?.0)
    }

    fn started(&mut self, (file, line): LinePlace, told: &OperationEvent) -> Result<(), LineFault> {
        let operation = number_in_run(line, told)?;
        if operation != 0 {
            let at = (self.moment(told.at_us), self.state.run);
            self.state.under_way.insert((file, told.pid, operation), at);
        }
        Ok(())
    }

    /// Adds what is known of an operation's beginning.
    pub(super) fn note_work(&mut self, observed: &mut Observed) {
        if self.state.under_way.is_empty() {
            return;
        }
        let Some(key) = observed.key() else {
            return;
        };
        let Some((started, _)) = self.state.under_way.get(&key) else {
            return;
        };
        observed.has_work = true;
        if let Some(started) = started
            && observed.elapsed_us == u32::MAX
        {
            let elapsed = observed.return_us.saturating_sub(*started);
            observed.elapsed_us = u32::try_from(elapsed).unwrap_or(u32::MAX);
        }
        if observed.is_end() {
            self.state.under_way.remove(&key);
        }
    }

    fn run_started(&mut self, place: LinePlace, start: &RunStarted) {
        let overlaps = self.state.open > 0;
        let before = self.state.run as usize;
        if self.begins_again(start, overlaps) {
            return;
        }
        self.runs[before].overlaps |= overlaps;
        let run = self.runs.len() as u32;
        let in_memory = start.ledger.is_none();
        self.is_mixed |= overlaps && (in_memory || self.runs[before].in_memory);
        let ledger = match &start.ledger {
            Some(ledger) => self.ledgers.number(ledger),
            // One of its own, whose number no ledger with a name has.
            None => u32::MAX - run,
        };
        self.runs.push(ObservedRun {
            ledger,
            clock: self.state.clock(start),
            identity: identity(start),
            is_named: start.run.is_some(),
            in_memory,
            in_words: start.mode == Mode::SharedMemory,
            overlaps,
            unanswered: 0,
            end: None,
        });
        self.state.run = run;
        self.state.open += 1;
        self.state.base_us = (!overlaps).then_some(start.clock_us.0);
        if let Some(balance) = start.balance.filter(|_| in_memory) {
            let mut began = self.unknown(place, ObservedEvent::Began);
            began.account = self.names.number(start.account.as_str());
            (began.balance, began.available) = (balance.minor(), balance.minor());
            // A limit that is not zero is told.
            began.overdraft = start.overdraft.map_or(0, Balance::minor);
            self.observed.push(began);
        }
    }

    fn ended(&mut self, (file, line): LinePlace, summary: &Summary, told: &ToldCounts) {
        let balances = summary.balances.iter().map(|one| {
            let account = self.names.number(one.account.as_str());
            (account, one.balance.minor())
        });
        let end = ObservedEnd {
            line,
            file,
            counts: [
                told.completed,
                told.refused,
                told.failed,
                told.in_doubt,
                told.duplicates,
            ],
            balances: balances.collect(),
            has_all: told.accounts_omitted == Some(0) && told.balances.is_some(),
            lasts: summary.ledger.is_some(),
            is_early: summary.ended_early.is_some(),
            lost_updates: summary.lost_updates.unwrap_or(0),
        };
        let run = &mut self.runs[self.state.run as usize];
        run.end = Some(end);
        self.state.open = self.state.open.saturating_sub(1);
        // Where runs overlap, those that go on are about the same ledger.
        if !run.overlaps {
            self.state.run = 0;
            self.state.base_us = None;
        }
    }
}
