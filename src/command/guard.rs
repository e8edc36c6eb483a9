//! The guard: a process between this program and a command that has this program's terminal. It keeps
//! the command, and ends it when either is gone.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::exec::{self, Session};
use super::guard_report::{GuardMessage, GuardReport};
use super::supervise::CommandSupervisor;
use crate::child::{pass, received, this_program};
use crate::exit::Exit;
use crate::limits::Limits;
use crate::parent::die_with;
use crate::report::stderr_line;
use crate::status::Status;
use crate::store::LeaseShare;

/// The first argument of a guard's process.
pub const ENTRY: &str = "__guard";

/// By which shells tell that a command could not be started.
const NOT_STARTED: u8 = 126;

/// A guard to be started.
pub(super) struct GuardPlan<'a> {
    /// The command that it keeps.
    pub(super) words: &'a [OsString],
    /// The lease of a run that lives as long as the guard does.
    pub(super) lease: Option<&'a LeaseShare>,
    /// When it ends the command; `None`: never.
    pub(super) timeout: Option<Duration>,
    /// Where it tells what it sees.
    pub(super) report: &'a GuardReport,
}

impl GuardPlan<'_> {
    /// What starts it for this process.
    pub(super) fn command(&self) -> io::Result<Command> {
        let mut command = this_program("bank-par: guard");
        let args = GuardArgs {
            parent: std::process::id(),
            lease: self.lease.cloned(),
            report: self.report.number(),
            timeout: self.timeout,
        };
        pass(&mut command, ENTRY, &args)?;
        command.args(self.words);
        Ok(command)
    }
}

/// What a guard is told; the command's words follow.
#[derive(Serialize, Deserialize)]
struct GuardArgs {
    /// The process that wants the command.
    parent: u32,
    lease: Option<LeaseShare>,
    /// The number under which the report was inherited.
    report: RawFd,
    timeout: Option<Duration>,
}

/// Guards the command that the arguments after [`ENTRY`] name. Ends with the command's status.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(args) = received::<GuardArgs>(&mut arguments) else {
        stderr_line(format_args!(
            "`{ENTRY}` is how bank-par guards commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    match guard(&args, &arguments.collect::<Vec<_>>()) {
        Ok(Some(exit)) => ExitCode::from(exit.code()),
        Ok(None) => ExitCode::from(NOT_STARTED),
        Err(error) => {
            stderr_line(format_args!("cannot guard the command: {error}"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// Nothing is what comes of it where the end was asked for before the beginning.
fn guard(args: &GuardArgs, words: &[OsString]) -> io::Result<Option<Exit>> {
    let lease = args.lease.as_ref();
    let mut supervisor = CommandSupervisor::new(args.parent, Session::Shared, lease)?;
    let report = GuardReport::inherited(args.report)?;
    if !die_with(args.parent, Signal::CONT) || !supervisor.may_start() {
        return Ok(None);
    }
    report.write(GuardMessage::Starting)?;
    let spawned = exec::command(words, Session::Shared, Limits::now())
        .and_then(|mut command| command.spawn());
    let command = match spawned {
        Ok(command) => command,
        Err(error) => {
            report.write(GuardMessage::NotStarted)?;
            return Err(error);
        }
    };
    // What cannot be told leaves the operation in doubt; the command runs all the same.
    let _ = report.write(GuardMessage::Started(command.id()));
    let exited = supervisor.keep(command, args.timeout, |exit, termination| {
        let _ = report.write(GuardMessage::Ended { exit, termination });
    });
    Ok(Some(exited.exit))
}
