//! The guard: a process between this program and a command that has this program's terminal. It keeps
//! the command, and ends it when either is gone.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::exec::{self, Session};
use super::guard_report::{GuardReport, Told};
use super::supervise::CommandSupervisor;
use crate::exit::Exit;
use crate::limits::Limits;
use crate::parent::die_with;
use crate::report::stderr_line;
use crate::status::Status;
use crate::store::RunLock;
use crate::supervisor::this_program;

/// The first argument of a guard's process.
pub const ENTRY: &str = "__guard";

/// By which shells tell that a command could not be started.
const NOT_STARTED: u8 = 126;

/// A guard to be started.
pub(super) struct GuardPlan<'a> {
    /// The command that it keeps.
    pub(super) words: &'a [OsString],
    /// The file of a run that lives as long as the guard does.
    pub(super) run: Option<&'a Path>,
    /// When it ends the command; nothing is never.
    pub(super) timeout: Option<Duration>,
    /// Where it tells what it sees.
    pub(super) report: &'a GuardReport,
}

impl GuardPlan<'_> {
    /// What starts it for this process.
    pub(super) fn command(&self) -> Command {
        let mut command = this_program("bank-par: guard");
        let timeout = self
            .timeout
            .map_or(u128::MAX, |timeout| timeout.as_micros());
        command
            .arg(ENTRY)
            .arg(std::process::id().to_string())
            .arg(self.run.map_or_else(OsString::new, OsString::from))
            .arg(self.report.number().to_string())
            .arg(timeout.to_string())
            .args(self.words);
        command
    }
}

/// What the arguments after [`ENTRY`] tell.
struct GuardArgs {
    /// The process that wants the command.
    parent: u32,
    run: Option<PathBuf>,
    /// The number under which the report was inherited.
    report: RawFd,
    timeout: Option<Duration>,
    words: Vec<OsString>,
}

impl GuardArgs {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        fn number<T: std::str::FromStr>(word: &OsString) -> Option<T> {
            word.to_str()?.parse().ok()
        }
        let parent = number(&arguments.next()?)?;
        let run = Some(arguments.next()?).filter(|run| !run.is_empty());
        let report = number(&arguments.next()?)?;
        let timeout: u128 = number(&arguments.next()?)?;
        let words: Vec<OsString> = arguments.collect();
        (!words.is_empty()).then_some(GuardArgs {
            parent,
            run: run.map(PathBuf::from),
            report,
            timeout: u64::try_from(timeout).ok().map(Duration::from_micros),
            words,
        })
    }
}

/// Guards the command that the arguments after [`ENTRY`] name. Ends with the command's status.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(arguments) = GuardArgs::parse(arguments) else {
        stderr_line(format_args!(
            "`{ENTRY}` is how bank-par guards commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    match guard(&arguments) {
        Ok(Some(exit)) => ExitCode::from(exit.code()),
        Ok(None) => ExitCode::from(NOT_STARTED),
        Err(error) => {
            stderr_line(format_args!("cannot guard the command: {error}"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// Nothing is what comes of it where the end was asked for before the beginning.
fn guard(arguments: &GuardArgs) -> io::Result<Option<Exit>> {
    let mut supervisor = CommandSupervisor::new(arguments.parent, Session::Shared)?;
    let report = GuardReport::inherited(arguments.report)?;
    let _alive = arguments.run.as_deref().map(RunLock::share).transpose()?;
    if !die_with(arguments.parent, Signal::CONT) || !supervisor.may_start() {
        return Ok(None);
    }
    report.tell(Told::Starting)?;
    let spawned = exec::command(&arguments.words, Session::Shared, Limits::now()).spawn();
    let command = match spawned {
        Ok(command) => command,
        Err(error) => {
            report.tell(Told::NotStarted)?;
            return Err(error);
        }
    };
    // What cannot be told leaves the operation in doubt; the command runs all the same.
    let _ = report.tell(Told::Started(Pid::from_child(&command)));
    let exited = supervisor.keep(command, arguments.timeout, |exit, termination| {
        let _ = report.tell(Told::Ended { exit, termination });
    });
    Ok(Some(exited.exit))
}
