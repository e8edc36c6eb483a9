//! What happened, in the past tense: the one record of a run, written and read back.
//!
//! The types here are the lines of `--output json` and `--events`, field by field, and the text that
//! people read is made of the same. What draws or judges a run reads them back with [`Event::read`].

mod budget;
mod fault;
mod fields;
mod mode;
mod operation;
mod part;
mod run;
mod summary;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::bank::{Balance, Name, Rejection, Unit, UnitError};

pub use budget::{AllowanceEvent, BudgetEvent, WindowEvent};
pub use fault::{Cause, Fault, Reason};
pub use fields::{Micros, Total, decimal, is_zero, rfc3339};
pub use mode::Mode;
pub use operation::OperationEvent;
pub use part::PartEvent;
pub use run::{
    CellEvent, HolderKilled, InvalidLine, LeaseEvent, Race, Repair, RequestEvent, RequestName,
    RunStarted, WorkerEvent,
};
pub use summary::{AccountSummary, Summary};

/// Grows when readers of the old lines would misread the new ones; a new field is no reason.
pub const VERSION: u8 = 1;
const _: () = assert!(VERSION < 10, "it is written as one digit");

/// What stands before the fields of every line, as it is read.
#[derive(Deserialize)]
struct LineStart<'a> {
    v: u64,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    unit: Option<Cow<'a, str>>,
    #[serde(default)]
    decimals: Option<u8>,
}

impl LineStart<'_> {
    /// What its amounts count, where it says so: the first line of a run does, by saying nothing too.
    fn unit(&self) -> Result<Option<Unit>, UnitError> {
        if self.unit.is_none() && self.decimals.is_none() && self.r#type != "run_started" {
            return Ok(None);
        }
        let name = self.unit.as_deref().unwrap_or(Unit::NAME);
        Unit::new(self.decimals.unwrap_or(Unit::DECIMALS), name).map(Some)
    }
}

/// Why a line is no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A program wrote it whose lines mean other things.
    #[error(
        "line {line} has version {version}, and this program reads version {VERSION}: use a newer `bank-par`"
    )]
    Version {
        /// Which line, from 1.
        line: u64,
        /// Its version.
        version: u64,
    },
    /// Its amounts cannot be held against those of the lines before.
    #[error(
        "line {line}: its amounts are {unit}, and those before it are {before}: read it by itself"
    )]
    Unit {
        /// Which line, from 1.
        line: u64,
        /// What they count.
        unit: Unit,
        /// What those before count.
        before: &'static Unit,
    },
    /// It is no object, or one that lacks a field.
    #[error("line {line}: {why}")]
    Line {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A value in it is none that this field has.
    #[error("line {line}: `{field}`: {why}")]
    Field {
        /// Which line, from 1.
        line: u64,
        /// Which field of it.
        field: String,
        /// What is wrong.
        why: String,
    },
}

/// What the fields of every type of event have in common.
trait EventFields {
    /// When it was known.
    fn at_mut(&mut self) -> Option<&mut Micros> {
        None
    }

    /// What it says of an operation.
    fn operation(&self) -> Option<&OperationEvent> {
        None
    }

    /// It is a step on the way and no result.
    fn is_step(&self) -> bool {
        false
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($fields:ty) = $word:literal,)*) => {
        /// One fact of a run.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $variant($fields),)*
            /// Something a person should know that changes no result: told on stderr, and no line.
            Warned(String),
        }

        impl Event {
            /// The types of all lines that an event can have.
            pub const TYPES: &[&str] = &[$($word),*];

            /// Adds its line, if it has one.
            pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                match self {
                    $(Event::$variant(fields) => add_line(out, $word, fields),)*
                    Event::Warned(_) => Ok(()),
                }
            }

            fn fields(&self) -> Option<&dyn EventFields> {
                match self {
                    $(Event::$variant(fields) => Some(fields),)*
                    Event::Warned(_) => None,
                }
            }

            fn fields_mut(&mut self) -> Option<&mut dyn EventFields> {
                match self {
                    $(Event::$variant(fields) => Some(fields),)*
                    Event::Warned(_) => None,
                }
            }

            fn of_type(word: &str, line: u64, text: &str) -> Result<Option<Event>, EventError> {
                match word {
                    $($word => fields(line, text).map(|fields| Some(Event::$variant(fields))),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

events! {
    /// The run began.
    RunStarted(Box<RunStarted>) = "run_started",
    /// A worker was given an operation that has work.
    Started(OperationEvent) = "started",
    /// What would be done with the operation, if this were no dry run.
    Planned(OperationEvent) = "planned",
    /// A line that was given up in a named run, and is not run.
    Skipped(OperationEvent) = "skipped",
    /// The bank set the money aside; the work begins.
    Held(OperationEvent) = "held",
    /// An attempt at the operation's work failed, and another follows.
    Retried(OperationEvent) = "retried",
    /// The operation was posted, or the balance was seen.
    Completed(OperationEvent) = "completed",
    /// More was spent than was set aside. What was set aside is posted.
    Overspent(OperationEvent) = "overspent",
    /// The bank said no, or the command did.
    Refused(OperationEvent) = "refused",
    /// The end of the operation's work was not seen, or it is not known what it spent: its money stays
    /// set aside until a person decides.
    InDoubt(OperationEvent) = "in_doubt",
    /// The operation was voided, or never began, because its work or its worker failed.
    Failed(OperationEvent) = "failed",
    /// What was set aside was given back, as a person asked.
    Voided(OperationEvent) = "voided",
    /// An account was opened, as a person asked.
    Opened(OperationEvent) = "opened",
    /// So much of an account's allowance is spent that a warning was asked for.
    LowBudget(BudgetEvent) = "low_budget",
    /// A line of the input is no operation.
    Invalid(InvalidLine) = "invalid",
    /// One way to synchronise was tried in `sync`.
    Raced(Box<Race>) = "raced",
    /// A worker was killed on purpose while it held a lock, and this is what became of the others.
    HolderKilled(Box<HolderKilled>) = "holder_killed",
    /// What a worker had half-written when it died was completed.
    Repaired(Repair) = "repaired",
    /// A worker's process was started.
    Spawned(WorkerEvent) = "spawned",
    /// A worker's link is up.
    Connected(WorkerEvent) = "connected",
    /// A worker's process has ended.
    Exited(WorkerEvent) = "exited",
    /// A worker asked, and was answered.
    Request(RequestEvent) = "request",
    /// A process read a shared balance.
    Read(CellEvent) = "read",
    /// A process wrote a shared balance.
    Wrote(CellEvent) = "wrote",
    /// A process did not write a shared balance, since it was no longer what the process had read.
    Conflict(CellEvent) = "conflict",
    /// A process waits for a lease or another lock.
    LeaseWait(LeaseEvent) = "lease_wait",
    /// It was given what it waited for.
    LeaseGranted(LeaseEvent) = "lease_granted",
    /// The run ended.
    Summary(Box<Summary>) = "summary",
}

/// Says what amounts count, where that is not `$`, and how many digits they have after the point, where those
/// are not two.
fn add_unit(out: &mut Vec<u8>) -> serde_json::Result<()> {
    let unit = Unit::current();
    if unit.name() != Unit::NAME {
        out.extend_from_slice(b",\"unit\":");
        serde_json::to_writer(&mut *out, unit.name())?;
    }
    if unit.decimals() != Unit::DECIMALS {
        out.extend_from_slice(b",\"decimals\":");
        out.push(b'0' + unit.decimals());
    }
    Ok(())
}

/// Adds a line of this type and these fields, which are a struct.
pub fn add_line<T: Serialize>(
    out: &mut Vec<u8>,
    r#type: &'static str,
    fields: &T,
) -> serde_json::Result<()> {
    out.extend_from_slice(b"{\"v\":");
    out.push(b'0' + VERSION);
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(r#type.as_bytes());
    out.push(b'"');
    add_unit(out)?;
    // The brace that begins the fields becomes the comma before them. To have serde flatten them takes twice
    // as long.
    let brace = out.len();
    serde_json::to_writer(&mut *out, fields)?;
    if out[brace..] == *b"{}" {
        out.remove(brace);
    } else {
        out[brace] = b',';
    }
    out.push(b'\n');
    Ok(())
}

/// The fields of a line, of which those that are not known are passed over.
fn fields<T: DeserializeOwned>(line: u64, text: &str) -> Result<T, EventError> {
    serde_json::from_str(text).map_err(|_| wrong_field::<T>(line, text))
}

/// Which field is wrong is looked for only where one is.
fn wrong_field<'a, T: Deserialize<'a>>(line: u64, text: &'a str) -> EventError {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read: Result<T, _> = serde_path_to_error::deserialize(&mut reader);
    if !text.starts_with('{') {
        let why = "it is no JSON object, such as {\"v\":1,\"type\":\"completed\"}";
        return EventError::Line {
            line,
            why: why.to_string(),
        };
    }
    match read {
        Err(error) => {
            let (field, why) = (error.path().to_string(), without_place(error.inner()));
            match field.as_str() {
                "." | "?" => EventError::Line { line, why },
                _ => EventError::Field { line, field, why },
            }
        }
        Ok(_) => EventError::Line {
            line,
            why: "more follows the object".to_string(),
        },
    }
}

/// Whether the writer of a line was ended in the middle of it.
pub fn is_cut(text: &str) -> bool {
    let read: Result<IgnoredAny, _> = serde_json::from_str(text);
    read.is_err_and(|error| error.is_eof())
}

/// What is wrong, without the parser's own count of lines: it was given one.
fn without_place(error: &serde_json::Error) -> String {
    let why = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match (why.strip_suffix(&place), error.is_data()) {
        (Some(why), true) => why.to_string(),
        (Some(why), false) => format!("{why} in column {}", error.column()),
        (None, _) => why,
    }
}

impl Event {
    /// Reads the event of a line, which is this one of its file, from 1; `None`: a type that
    /// only a later program knows.
    ///
    /// # Errors
    ///
    /// What is no object of this version, or has a value that its field cannot have.
    pub fn read(line: u64, text: &str) -> Result<Option<Event>, EventError> {
        let start: LineStart<'_> = match serde_json::from_str(text) {
            Ok(start) => start,
            Err(_) => return Err(wrong_field::<LineStart<'_>>(line, text)),
        };
        match start.v {
            version if version != u64::from(VERSION) => {
                return Err(EventError::Version { line, version });
            }
            _ => {}
        }
        let wrong = |error: UnitError| {
            let why = error.to_string();
            EventError::Line { line, why }
        };
        if let Some(unit) = start.unit().map_err(wrong)?
            && let Err(before) = unit.clone().settle()
        {
            return Err(EventError::Unit { line, unit, before });
        }
        Event::of_type(&start.r#type, line, text)
    }

    /// What it says of an operation, if it is about one.
    pub fn operation(&self) -> Option<&OperationEvent> {
        self.fields()?.operation()
    }

    /// Whether it is a step on the way and no result: told only where every step is asked for.
    pub fn is_step(&self) -> bool {
        self.fields().is_some_and(EventFields::is_step)
    }

    /// When it was known, since the run began; `None` where that is not told.
    pub fn at_mut(&mut self) -> Option<&mut Micros> {
        self.fields_mut()?.at_mut()
    }

    /// Adds how far below zero its account may go, where that matters.
    pub fn add_overdraft(&mut self, limit: impl FnOnce(&Name) -> Option<Balance>) {
        if let Event::Refused(operation) = self
            && operation.reason == Some(Reason::Rejected(Rejection::InsufficientFunds))
            && !operation.duplicate
            && let Some(account) = &operation.account
        {
            operation.overdraft = limit(account).filter(|limit| limit.minor() > 0);
        }
    }

    /// How much memory it takes, as a multiple of what an event takes without the output of a command.
    pub fn weight(&self) -> usize {
        /// Roughly what an event takes, in bytes.
        const USUAL: usize = 512;
        1 + self.operation().map_or(0, OperationEvent::written) / USUAL
    }
}
