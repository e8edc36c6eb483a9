//! A rehearsal: a workload is run again and again on copies of a ledger, by real processes, while those and
//! its commands are killed, stopped, delayed and made to fail; then what became of each operation is held
//! against what its command did.
//!
//! Each round has a ledger and a folder of its own. Its run is started until it has come to its end, as a
//! person would start it again. In front of each command stands a process of this program, which notes what
//! the command does and has it meet what the seed says; the moments at which whole runs are met depend on the
//! machine too. The last start meets nothing.

mod command;
mod journal;
mod round;
mod start;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use command::{ENTRY, run as run_command};

use crate::rehearsal::{Rehearsed, RehearsedRound};
use crate::store::{LedgerError, RunName};
use crate::supervisor::Signals;
use round::RoundFiles;
use start::Starter;

/// The variable by which a command knows that it is rehearsed: the file to which it tells what it has paid.
pub const PAYMENTS: &str = "BANK_PAR_REHEARSAL";

/// With what a command ends that was made to fail.
const FAILURE: u8 = 1;

/// What is to be rehearsed.
#[derive(Clone, Debug)]
pub struct RehearsalPlan {
    /// A private folder, in which each round has one of its own.
    pub folder: PathBuf,
    /// The ledger that each round begins with; no other process uses it.
    pub ledger: PathBuf,
    /// The number of the last entry that it has.
    pub last_entry: u64,
    /// The operations.
    pub workload: PathBuf,
    /// The flags of each run, without its ledger and its name.
    pub flags: Vec<OsString>,
    /// The name of each run; `None`: one of its own.
    pub run: Option<RunName>,
    /// What is in doubt ends a round, since a person would have to decide.
    pub stops_in_doubt: bool,
    /// The command; none, where another process stands in for it.
    pub words: Vec<OsString>,
    /// What repeats it.
    pub seed: u64,
    /// How many rounds there are, at most.
    pub rounds: u32,
    /// How long all of them take, at most.
    pub lasting: Duration,
}

/// Why a rehearsal could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The system said no.
    #[error("cannot {doing}")]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// A ledger of a round does not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The run ends so without anything that goes wrong.
    #[error("without anything that goes wrong, the run ends with status {status}: {said}")]
    Run {
        /// Its status.
        status: u8,
        /// What it said.
        said: String,
    },
    /// The command told a payment that is none of its operation.
    #[error(
        "the line `{line}` in the file that `{PAYMENTS}` names begins with no id of an operation: for each payment the command adds a line that begins with `$BANK_PAR_ID`"
    )]
    UnknownPayment {
        /// The line.
        line: String,
    },
    /// A signal asked for the end.
    #[error("it was interrupted")]
    Interrupted(i32),
}

impl RehearsalError {
    fn starting(source: io::Error) -> Self {
        let doing = "start a run";
        RehearsalError::Io { doing, source }
    }

    fn keeping(source: io::Error) -> Self {
        let doing = "keep the files of a rehearsal";
        RehearsalError::Io { doing, source }
    }
}

/// Rehearses, and tells of each round that came to its end.
///
/// # Errors
///
/// What [`RehearsalError`] says. No process and no file of a round is left then.
pub fn rehearse(
    plan: &RehearsalPlan,
    signals: &mut Signals,
    mut tell: impl FnMut(&RehearsedRound),
) -> Result<Rehearsed, RehearsalError> {
    let mut starter = Starter::new(signals, plan.lasting);
    plan.try_workload(&mut starter)?;
    let mut rehearsed = Rehearsed::default();
    for number in 1..=plan.rounds {
        if starter.is_over() {
            rehearsed.is_time_over = true;
            break;
        }
        let files = RoundFiles::create(plan, number)?;
        match plan.round(number, &files, &mut starter)? {
            Some(round) => tell(&round),
            None => {
                rehearsed.is_time_over = true;
                break;
            }
        }
        rehearsed.rounds += 1;
    }
    rehearsed.took = starter.lasted();
    Ok(rehearsed)
}
