//! The process that stands in front of a command in a rehearsal: it notes what the command does, and has it
//! meet what was drawn.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, ExitCode, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process};
use serde::{Deserialize, Serialize};

use super::{FAILURE, PAYMENTS, journal};
use crate::child::received;
use crate::command::command_of_this_process;
use crate::exit::Exit;
use crate::rehearsal::{CommandFault, CommandStep, FaultKind, FaultMoment, JournalLine};
use crate::report::stderr_line;
use crate::status::Status;
use crate::supervisor::{Signals, parent_of};

/// The first argument of such a process.
pub const ENTRY: &str = "__rehearsed";

/// How long this process waits for its end after it had another one killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a command is looked at that is to be met while it runs.
const LOOK: Duration = Duration::from_millis(1);

/// What such a process is told; the command's words follow, and none where it stands in for the command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RehearsedArgs {
    /// The process that rehearses: no other run than its own is ever met.
    pub(super) rehearsal: u32,
    /// Where it notes what happens.
    pub(super) journal: PathBuf,
    /// Where the command tells what it has paid.
    pub(super) payments: PathBuf,
    pub(super) seed: u64,
    /// Which start of the run it is.
    pub(super) start: u32,
    /// Things go wrong in this start.
    pub(super) is_met: bool,
}

/// Runs such a process with the arguments after [`ENTRY`].
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(args) = received::<RehearsedArgs>(&mut arguments) else {
        stderr_line(format_args!(
            "`{ENTRY}` is how `bank-par rehearse` starts commands; see `bank-par rehearse --help`"
        ));
        return Status::Usage.into();
    };
    let words: Vec<OsString> = arguments.collect();
    match MetCommand::new(args).run(&words) {
        Ok(code) => code.into(),
        Err(error) => {
            stderr_line(format_args!("cannot rehearse the command: {error}"));
            FAILURE.into()
        }
    }
}

/// A command that is rehearsed.
struct MetCommand {
    args: RehearsedArgs,
    id: String,
    line: Option<u64>,
    attempt: u32,
    fault: Option<CommandFault>,
}

impl MetCommand {
    /// What the environment says of the operation.
    fn new(args: RehearsedArgs) -> Self {
        let text = |name: &str| env::var(name).unwrap_or_default();
        let id = text("BANK_PAR_ID");
        let attempt = text("BANK_PAR_ATTEMPT").parse().unwrap_or(1);
        let (seed, start) = (args.seed, args.start);
        let fault = CommandFault::of(seed, &id, start, attempt).filter(|_| args.is_met);
        MetCommand {
            line: text("BANK_PAR_LINE").parse().ok(),
            args,
            id,
            attempt,
            fault,
        }
    }

    fn run(&self, words: &[OsString]) -> io::Result<u8> {
        // What asks the command to end reaches both, and the command's own end is waited for.
        let _signals = Signals::listen()?;
        if let Some(code) = self.meet(FaultMoment::Before)? {
            return Ok(code);
        }
        self.note(CommandStep::Began)?;
        let exit = match words {
            [] => self.stand_in()?,
            words => self.keep(words)?,
        };
        let Some(exit) = exit else {
            return Ok(FAILURE);
        };
        self.note(CommandStep::Ended(exit))?;
        if exit == Exit::Status(0)
            && let Some(code) = self.meet(FaultMoment::After)?
        {
            return Ok(code);
        }
        Ok(exit.code())
    }

    /// Runs the command to its end; `None` where it was killed.
    fn keep(&self, words: &[OsString]) -> io::Result<Option<Exit>> {
        let mut command = command_of_this_process(words)?;
        command.env(PAYMENTS, &self.args.payments);
        let mut child = command.spawn()?;
        let ended = match self.fault_at(FaultMoment::During) {
            Some(fault) => ended_within(&mut child, fault.millis)?,
            None => Some(child.wait()?),
        };
        let ended = match ended {
            Some(ended) => ended,
            None if self.meet(FaultMoment::During)?.is_some() => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            None => child.wait()?,
        };
        Ok(Some(ended.into()))
    }

    /// Succeeds in the place of the command; `None` where that would have been killed.
    fn stand_in(&self) -> io::Result<Option<Exit>> {
        if let Some(fault) = self.fault_at(FaultMoment::During) {
            thread::sleep(Duration::from_millis(fault.millis));
        }
        let met = self.meet(FaultMoment::During)?;
        Ok(met.is_none().then_some(Exit::Status(0)))
    }

    fn fault_at(&self, moment: FaultMoment) -> Option<CommandFault> {
        self.fault.filter(|fault| fault.moment == moment)
    }

    /// Meets what was drawn for this moment. Tells with which status this process ends, if it does.
    fn meet(&self, moment: FaultMoment) -> io::Result<Option<u8>> {
        let Some(fault) = self.fault_at(moment) else {
            return Ok(None);
        };
        let pause = Duration::from_millis(fault.millis);
        let above = match fault.kind {
            FaultKind::Failure | FaultKind::Delay => None,
            _ => Some(self.above()?),
        };
        self.note(CommandStep::Met(fault))?;
        match (fault.kind, above) {
            (FaultKind::WorkerKilled, Some((worker, _))) => kill_process(worker, Signal::KILL)?,
            (FaultKind::RunKilled, Some((_, run))) => kill_process(run, Signal::KILL)?,
            (FaultKind::WorkerStopped, Some((worker, _))) => {
                kill_process(worker, Signal::STOP)?;
                thread::sleep(pause);
                kill_process(worker, Signal::CONT)?;
                return Ok(None);
            }
            (FaultKind::Delay, _) => {
                thread::sleep(pause);
                return Ok(None);
            }
            _ => return Ok(Some(FAILURE)),
        }
        // This process ends with those.
        thread::sleep(PATIENCE);
        Ok(Some(FAILURE))
    }

    /// The worker whose command this is, and the first process of its run, which that of the rehearsal has
    /// started. No other process is ever signalled.
    fn above(&self) -> io::Result<(Pid, Pid)> {
        let worker = getppid();
        let run = worker.and_then(parent_of);
        let rehearsal = run
            .and_then(parent_of)
            .map(|pid| pid.as_raw_nonzero().get());
        let is_own = rehearsal.map(i32::cast_unsigned) == Some(self.args.rehearsal);
        match (worker, run) {
            (Some(worker), Some(run)) if is_own => Ok((worker, run)),
            _ => Err(io::Error::other("its run has ended")),
        }
    }

    fn note(&self, step: CommandStep) -> io::Result<()> {
        let line = JournalLine {
            id: self.id.clone(),
            line: self.line,
            start: self.args.start,
            attempt: self.attempt,
            step,
        };
        journal::add(&line, &self.args.journal)
    }
}

/// How a command ended, if it did so within this time.
fn ended_within(child: &mut Child, millis: u64) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(millis) {
        if let Some(ended) = child.try_wait()? {
            return Ok(Some(ended));
        }
        thread::sleep(LOOK);
    }
    child.try_wait()
}
