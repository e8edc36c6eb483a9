//! The command of a run, which each worker runs for its operations.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::actual::Actual;
use super::capture::Captured;
use super::env::CommandEnv;
use super::exec::{self, Session};
use super::retry_policy::RetryPolicy;
use super::settle::{Settlement, verdict};
use super::supervise::{CommandSupervisor, Exited};
use super::words::filled;
use crate::bank::{Operation, WorkEnd};
use crate::limits::Limits;
use crate::store::LeaseShare;
use crate::work::{AttemptEnd, CommandEvent, Stream, Termination};

/// How long a process is waited for where the system has none left: others end all the time.
const SPAWN_WAIT: Duration = Duration::from_secs(5);
/// How long until it is asked again.
const SPAWN_PAUSE: Duration = Duration::from_millis(50);

/// What the workers of a run do for their operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The command and its arguments, with fields of the operation, which follow as arguments of their own.
    #[serde(skip)]
    pub words: Vec<OsString>,
    /// How long an attempt may take, and how often it is made again.
    pub retry: RetryPolicy,
    /// The status by which it says no.
    pub declined: u8,
    /// The run's name.
    pub run: Option<String>,
    /// What its process takes its share of the run's lease by.
    pub lease: Option<LeaseShare>,
    /// A folder for files of the run, which only its user can enter.
    pub folder: OsString,
    /// The limits that the command has.
    pub limits: Limits,
}

/// One attempt of an operation.
pub struct Attempt<'a> {
    /// The operation's number within the run.
    pub number: u64,
    /// The operation.
    pub operation: &'a Operation,
    /// Its line of the input.
    pub line: Option<u64>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// How many attempts have failed before in this run.
    pub failed: u32,
}

/// What follows from an attempt.
#[derive(Debug)]
pub enum NextAction {
    /// Another one, after this pause.
    Again(Duration),
    /// This is asked of the bank.
    End(WorkEnd),
}

/// Runs the command of a run for one operation after another.
pub struct Executor {
    command_spec: CommandSpec,
    supervisor: CommandSupervisor,
}

impl Executor {
    /// An executor in a worker of this parent. From here on this process hears signals.
    ///
    /// # Errors
    ///
    /// The run has ended, or the operating system said no.
    pub fn new(command_spec: CommandSpec, parent: u32) -> io::Result<Self> {
        let lease = command_spec.lease.as_ref();
        Ok(Executor {
            supervisor: CommandSupervisor::new(parent, Session::Own, lease)?,
            command_spec,
        })
    }

    /// Whether this process may start another command: it was not asked to start no more.
    pub fn may_start(&mut self) -> bool {
        self.supervisor.may_start()
    }

    /// Waits before another attempt.
    pub fn pause(&mut self, pause: Duration) {
        self.supervisor.pause(pause);
    }

    /// Runs the command once, until it and all that it started are gone, and tells what becomes of it.
    /// It is not started if that it is about to be cannot be told.
    pub fn attempt<E>(
        &mut self,
        attempt: &Attempt<'_>,
        mut tell: impl FnMut(CommandEvent) -> Result<(), E>,
    ) -> Result<NextAction, E> {
        let mut actual = Actual::within(
            Path::new(&self.command_spec.folder),
            &format!("{:x}", attempt.number),
        );
        if !self.supervisor.may_start() {
            tell(CommandEvent::Ended(asked_to_end(attempt.failed)))?;
            return Ok(NextAction::End(WorkEnd::Void));
        }
        let number = attempt.attempt;
        tell(CommandEvent::Starting { attempt: number })?;
        let started = actual.prepare().and_then(|()| self.start(attempt, &actual));
        let exited = match started {
            Ok(child) => self
                .supervisor
                .keep(child, self.command_spec.retry.timeout, |_, _| {}),
            Err(error) => {
                let ended = AttemptEnd {
                    trouble: Some(cannot_start(&error)),
                    ..AttemptEnd::default()
                };
                return self.end(attempt, Settlement::Failed, ended, tell);
            }
        };
        let Exited {
            exit,
            termination,
            took,
            stdout,
            stderr,
        } = exited;
        let (declined, operation) = (Some(self.command_spec.declined), attempt.operation);
        let follows = verdict(exit, termination, declined, operation, || actual.spent());
        actual.clear();
        let ended = AttemptEnd {
            exit: Some(exit),
            termination,
            took,
            stdout_dropped: stdout.dropped,
            stderr_dropped: stderr.dropped,
            ..AttemptEnd::default()
        };
        for (stream, Captured { bytes, .. }) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)]
        {
            if !bytes.is_empty() {
                tell(CommandEvent::Wrote { stream, bytes })?;
            }
        }
        self.end(attempt, follows, ended, tell)
    }

    fn end<E>(
        &mut self,
        attempt: &Attempt<'_>,
        verdict: Settlement,
        mut ended: AttemptEnd,
        mut tell: impl FnMut(CommandEvent) -> Result<(), E>,
    ) -> Result<NextAction, E> {
        let follows = match verdict {
            Settlement::Post { amount, finer } => {
                ended.finer = finer;
                NextAction::End(WorkEnd::Post { amount })
            }
            Settlement::Unspent => NextAction::End(WorkEnd::Unspent),
            Settlement::Declined => NextAction::End(WorkEnd::Decline),
            Settlement::Doubt(why) => {
                ended.trouble = Some(why);
                NextAction::End(WorkEnd::Doubt)
            }
            Settlement::Failed => {
                let may =
                    ended.termination != Some(Termination::Asked) && self.supervisor.may_start();
                let pause = self.command_spec.retry.pause_after(attempt.failed + 1);
                ended.again = pause.filter(|_| may);
                match ended.again {
                    Some(pause) => NextAction::Again(pause),
                    None => NextAction::End(WorkEnd::Void),
                }
            }
        };
        tell(CommandEvent::Ended(ended))?;
        Ok(follows)
    }

    fn start(&self, attempt: &Attempt<'_>, actual: &Actual) -> io::Result<Child> {
        let command_spec = &self.command_spec;
        let env = CommandEnv {
            operation: attempt.operation,
            attempt: attempt.attempt,
            actual: actual.path(),
            run: command_spec.run.as_deref(),
            line: attempt.line,
        };
        let words = filled(&command_spec.words, attempt.operation).map_err(io::Error::other)?;
        let mut command = exec::command(&words, Session::Own, command_spec.limits)?;
        env.give_to(&mut command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut waited = Duration::ZERO;
        let mut child = loop {
            match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && waited < SPAWN_WAIT => {
                    thread::sleep(SPAWN_PAUSE);
                    waited += SPAWN_PAUSE;
                }
                spawned => break spawned?,
            }
        };
        if let Some(mut stdin) = child.stdin.take() {
            // It is short enough for the pipe, and a command need not read it.
            let _ = stdin.write_all(&env.json());
        }
        Ok(child)
    }
}

fn cannot_start(error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::WouldBlock => {
            ": there are as many processes as this user may have (`ulimit -u`); use fewer `--jobs`"
        }
        _ => "",
    };
    format!("its command could not be started: {error}{hint}")
}

/// What is told of an attempt that is not made, after so many that failed.
fn asked_to_end(failed: u32) -> AttemptEnd {
    let trouble = match failed {
        0 => "the run was asked to end before its command was started",
        _ => "its command failed and was not run again, as the run was asked to end",
    };
    AttemptEnd {
        termination: Some(Termination::Asked),
        trouble: Some(trouble.to_string()),
        ..AttemptEnd::default()
    }
}
