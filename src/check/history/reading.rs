//! How the lines of files become a history.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::line::{EndLine, EventLine, StartLine, Word, minor};
use super::super::text_table::{NO_TEXT, TextTable};
use super::{
    Happened, LOANS_NUMBER, Observed, ObservedEnd, ObservedHistory, ObservedRun, UNTOLD,
    WORLD_NUMBER,
};
use crate::bank::{Kind, LOANS, Rejection, WORLD};

/// Clocks of one start of one machine are this near to each other, measured by the wall clock.
const SAME_BOOT_US: i64 = 5_000_000;

/// Why a line cannot be taken as a part of a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// It is no JSON object, or a field has another form than it must.
    #[error("it is no event: {0}")]
    Json(String),
    /// A field that its type must have.
    #[error("`{field}` is missing")]
    Missing {
        /// What is missing.
        field: &'static str,
    },
    /// A field with a value that it cannot have.
    #[error("`{field}`: {why}")]
    Value {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Of another version than is understood.
    #[error("it is of version {0}, and this program reads version 1")]
    Version(u64),
    /// More than can be counted.
    #[error("a history has at most 65535 files, and a file 4294967295 lines")]
    TooMany,
}

/// What reading keeps from one line to the next.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The run whose lines stand here in the file that is read; 0 is none.
    run: u32,
    /// How many runs have begun in this file and not ended.
    open: u32,
    /// What the times of its lines count from; nothing where they cannot be compared.
    base_us: Option<u64>,
    /// When operations with work were started.
    under_way: HashMap<(u16, u32, u32), Option<u64>>,
    /// By how much the clocks that were seen are behind the wall clock.
    clocks: Vec<i64>,
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
            cut_lines: 0,
            unanswered: 0,
            has_holds: false,
            is_mixed: false,
            state: Reading::default(),
        }
    }
}

impl ObservedHistory {
    /// Begins with the next file.
    pub fn next_file(&mut self) {
        let Reading { under_way, clocks, .. } = std::mem::take(&mut self.state);
        self.state = Reading {
            under_way,
            clocks,
            ..Reading::default()
        };
    }

    /// Takes a line of the file with this number. A line that is cut off, as a writer that was killed
    /// leaves it, tells nothing.
    pub fn add(&mut self, file: usize, number: u64, bytes: &[u8]) -> Result<(), LineFault> {
        let file = u16::try_from(file).map_err(|_| LineFault::TooMany)?;
        let number = u32::try_from(number).map_err(|_| LineFault::TooMany)?;
        let line: EventLine = match serde_json::from_slice(bytes) {
            Ok(line) => line,
            Err(error) if error.is_eof() => {
                self.cut_lines += 1;
                return Ok(());
            }
            Err(error) => return Err(LineFault::Json(error.to_string())),
        };
        if let Some(version) = line.v
            && version != 1
        {
            return Err(LineFault::Version(version));
        }
        let happened = match &*line.r#type {
            "started" => return self.started(file, &line),
            "run_started" => return self.run_started(file, number, &line, bytes),
            "summary" => return self.ended(file, number, bytes),
            "held" => Happened::Held,
            "completed" => Happened::Completed,
            "refused" => Happened::Refused,
            "in_doubt" => Happened::InDoubt,
            "failed" => Happened::Failed,
            "voided" => Happened::Voided,
            "opened" => Happened::Opened,
            _ => return Ok(()),
        };
        let mut observed = self.observe(file, number, happened, &line)?;
        self.note_work(&mut observed);
        self.has_holds |= happened == Happened::Held;
        self.observed.push(observed);
        Ok(())
    }

    /// The end of all files.
    pub fn finish(&mut self) {
        self.unanswered = self.state.under_way.len() as u64;
        self.state = Reading::default();
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

    fn moment(&self, at_us: Option<u64>) -> Option<u64> {
        self.state.base_us?.checked_add(at_us?)
    }

    fn started(&mut self, file: u16, line: &EventLine) -> Result<(), LineFault> {
        let operation = number_in_run(line)?;
        if operation != 0 {
            let key = (file, line.pid.unwrap_or(0), operation);
            let at = self.moment(line.at_us);
            self.state.under_way.insert(key, at);
        }
        Ok(())
    }

    /// Adds what is known of an operation's beginning.
    fn note_work(&mut self, observed: &mut Observed) {
        if self.state.under_way.is_empty() {
            return;
        }
        let Some(key) = observed.key() else {
            return;
        };
        let Some(started) = self.state.under_way.get(&key) else {
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

    fn run_started(
        &mut self,
        file: u16,
        number: u32,
        line: &EventLine,
        bytes: &[u8],
    ) -> Result<(), LineFault> {
        let start: StartLine = read(bytes)?;
        let overlaps = self.state.open > 0;
        let before = self.state.run as usize;
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
            clock: self.state.clock(&start).unwrap_or(u32::MAX - run),
            is_named: start.run.is_some(),
            in_memory,
            overlaps,
            end: None,
        });
        self.state.run = run;
        self.state.open += 1;
        self.state.base_us = (!overlaps).then_some(start.clock_us.unwrap_or(0));
        if in_memory && line.account.is_some() {
            let mut began = self.observe(file, number, Happened::Began, line)?;
            // A limit that is not zero is told.
            began.overdraft = began.overdraft.max(0);
            began.available = began.balance;
            self.observed.push(began);
        }
        Ok(())
    }

    fn ended(&mut self, file: u16, number: u32, bytes: &[u8]) -> Result<(), LineFault> {
        let line: EndLine = read(bytes)?;
        let mut balances = Vec::new();
        for one in &line.balances {
            let account = self.names.number(&one.account);
            let balance = money("balance", Some(one.balance))?;
            balances.push((account, balance));
        }
        let end = ObservedEnd {
            line: number,
            file,
            counts: [
                line.completed,
                line.refused,
                line.failed,
                line.in_doubt,
                line.duplicates,
            ],
            balances,
            has_all: line.accounts_omitted == Some(0),
            lasts: line.ledger.is_some(),
            lost_updates: line.lost_updates.unwrap_or(0),
        };
        let run = &mut self.runs[self.state.run as usize];
        run.end = Some(end);
        self.state.open = self.state.open.saturating_sub(1);
        // Where runs overlap, those that go on are about the same ledger.
        if !run.overlaps {
            self.state.run = 0;
            self.state.base_us = None;
        }
        Ok(())
    }

    fn observe(
        &mut self,
        file: u16,
        number: u32,
        happened: Happened,
        line: &EventLine,
    ) -> Result<Observed, LineFault> {
        let kind = match &line.op {
            Some(op) => op.0.parse().map_err(|error| value("op", &error))?,
            None => Kind::Balance,
        };
        let moves = kind != Kind::Balance;
        let missing = |field| LineFault::Missing { field };
        let is_about_one = line.op.is_some() || happened == Happened::Completed;
        if is_about_one && line.op.is_none() {
            return Err(missing("op"));
        }
        if is_about_one && line.account.is_none() {
            return Err(missing("account"));
        }
        if moves && line.amount.is_none() {
            return Err(missing("amount"));
        }
        let name = |names: &mut TextTable, word: &Option<Word>| match word {
            Some(word) => names.number(&word.0),
            None => NO_TEXT,
        };
        let account = name(&mut self.names, &line.account);
        let other = match (kind, &line.to) {
            (Kind::Transfer, Some(_)) => name(&mut self.names, &line.to),
            (Kind::Loan, _) => LOANS_NUMBER,
            _ => WORLD_NUMBER,
        };
        let amount = match line.amount {
            Some(_) => money("amount", line.amount)?,
            None => 0,
        };
        let asked = match line.set_aside {
            Some(_) => money("set_aside", line.set_aside)?,
            None => amount,
        };
        let reason = line.reason.as_ref().map(|reason| &*reason.0);
        let elapsed = line.elapsed_us.and_then(|us| u32::try_from(us).ok());
        Ok(Observed {
            file,
            line: number,
            happened,
            kind,
            reason: match happened {
                Happened::Refused => reason.and_then(rejection),
                _ => None,
            },
            duplicate: line.duplicate,
            has_work: false,
            may_count: happened == Happened::Failed && reason == Some("ledger"),
            run: self.state.run,
            pid: line.pid.unwrap_or(0),
            operation: number_in_run(line)?,
            account,
            other,
            id: match &line.id {
                Some(id) => self.ids.number(&id.0),
                None => NO_TEXT,
            },
            elapsed_us: elapsed.unwrap_or(u32::MAX),
            return_us: self.moment(line.at_us).unwrap_or(u64::MAX),
            amount,
            asked,
            overdraft: money("overdraft", line.overdraft)?,
            balance: money("balance", line.balance)?,
            available: money("available", line.available)?,
            other_balance: money("to_balance", line.to_balance)?,
            seq: line.seq.unwrap_or(0),
            decided: line.decided.unwrap_or(0),
        })
    }
}

impl Reading {
    /// The number of the clock that this run's times are told by; nothing if it has one of its own.
    fn clock(&mut self, start: &StartLine) -> Option<u32> {
        let clock_us = i64::try_from(start.clock_us?).ok()?;
        let wall = humantime::parse_rfc3339_weak(start.started_at.as_ref()?).ok()?;
        let wall = wall.duration_since(std::time::UNIX_EPOCH).ok()?;
        let behind = i64::try_from(wall.as_micros()).ok()? - clock_us;
        let same = |seen: &i64| seen.abs_diff(behind) <= SAME_BOOT_US.unsigned_abs();
        let known = self.clocks.iter().position(same);
        let number = known.unwrap_or_else(|| {
            self.clocks.push(behind);
            self.clocks.len() - 1
        });
        u32::try_from(number).ok()
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, LineFault> {
    serde_json::from_slice(bytes).map_err(|error| LineFault::Json(error.to_string()))
}

/// What a run calls its operation; histories of old call it by the line of the input.
fn number_in_run(line: &EventLine) -> Result<u32, LineFault> {
    let number = line.operation.or(line.line).unwrap_or(0);
    u32::try_from(number).map_err(|error| value("operation", &error))
}

fn money(field: &'static str, raw: Option<&RawValue>) -> Result<i64, LineFault> {
    match raw {
        Some(raw) => minor(raw).map_err(|why| value(field, &why)),
        None => Ok(UNTOLD),
    }
}

fn value(field: &'static str, why: &impl ToString) -> LineFault {
    LineFault::Value {
        field,
        why: why.to_string(),
    }
}

fn rejection(word: &str) -> Option<Rejection> {
    Rejection::ALL
        .into_iter()
        .find(|rejection| rejection.word() == word)
}
