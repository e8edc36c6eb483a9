//! One start of a rehearsed run: a process of its own that is met, and always cleared away.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGTSTP};

use super::RehearsalError;
use crate::child::spawn;
use crate::exit::Exit;
use crate::poll::wait_readable;
use crate::rehearsal::{RunFault, RunFaultKind};
use crate::rng::Rng;
use crate::supervisor::{Signals, adopt_orphans, children_of, end_children, stop_self};
use crate::wake::{RunningClock, TICK};

/// The most that is kept of what a run says.
const MAX_SAID: u64 = 4_096;

/// What all starts of a rehearsal have in common: the signals of this process, its time, and the children
/// that it had before.
pub(super) struct Starter<'a> {
    signals: &'a mut Signals,
    clock: RunningClock,
    lasting: Duration,
    spared: HashSet<Pid>,
}

/// How a start ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartEnd {
    /// By itself, or by what it met.
    Ended {
        exit: Exit,
        /// It has met what it was to meet.
        was_met: bool,
    },
    /// The time of the rehearsal was over.
    TimeOver,
}

/// A run that is going on. Whatever ends this, it and all that it started are gone then.
struct RunProcess<'a> {
    child: Child,
    spared: &'a HashSet<Pid>,
}

impl<'a> Starter<'a> {
    /// A starter for so long. From here on this process inherits orphans.
    pub(super) fn new(signals: &'a mut Signals, lasting: Duration) -> Self {
        Starter {
            signals,
            clock: RunningClock::start(),
            lasting,
            spared: adopt_orphans(),
        }
    }

    /// Whether the time is over.
    pub(super) fn is_over(&mut self) -> bool {
        self.clock.now() >= self.lasting
    }

    /// How long it has lasted so far.
    pub(super) fn lasted(&mut self) -> Duration {
        self.clock.now()
    }

    /// Starts a run, has it meet this, and waits until it and all that it started are gone. What it says on
    /// stderr goes to a file.
    pub(super) fn run(
        &mut self,
        command: &mut Command,
        said: &Path,
        fault: Option<RunFault>,
        rng: &mut Rng,
    ) -> Result<StartEnd, RehearsalError> {
        let said = File::create(said).map_err(RehearsalError::starting)?;
        command.stdin(Stdio::null()).stderr(said);
        let began = self.clock.now();
        let child = spawn(command).map_err(RehearsalError::starting)?;
        let mut process = RunProcess {
            child,
            spared: &self.spared,
        };
        let mut meetings = fault.map_or_else(Vec::new, |fault| meetings(fault, began));
        loop {
            for signal in self.signals.pending() {
                match signal {
                    SIGCHLD => {}
                    SIGTSTP => stop_self(),
                    signal => return Err(RehearsalError::Interrupted(signal)),
                }
            }
            if let Some(exit) = process.exit().map_err(RehearsalError::starting)? {
                let was_met = fault.is_some() && meetings.is_empty();
                return Ok(StartEnd::Ended { exit, was_met });
            }
            let now = self.clock.now();
            if now >= self.lasting {
                return Ok(StartEnd::TimeOver);
            }
            while meetings.last().is_some_and(|(at, _)| now >= *at) {
                if let Some((_, meeting)) = meetings.pop() {
                    process.meet(meeting, rng);
                }
            }
            let next = meetings.last().map_or(TICK, |(at, _)| *at - now);
            let wait = TICK.min(next).min(self.lasting - now);
            let wait = wait + Duration::from_millis(1);
            wait_readable(self.signals.as_fd(), wait).map_err(RehearsalError::starting)?;
        }
    }
}

/// What is done to a run.
#[derive(Clone, Copy, Debug)]
enum Meeting {
    Kill,
    KillWorker,
    Stop,
    Continue,
}

/// What is done when, the last first.
fn meetings(fault: RunFault, began: Duration) -> Vec<(Duration, Meeting)> {
    let at = began + Duration::from_millis(fault.after_millis);
    match fault.kind {
        RunFaultKind::Killed => vec![(at, Meeting::Kill)],
        RunFaultKind::WorkerKilled => vec![(at, Meeting::KillWorker)],
        RunFaultKind::Stopped { millis } => {
            let goes_on = at + Duration::from_millis(millis);
            vec![(goes_on, Meeting::Continue), (at, Meeting::Stop)]
        }
    }
}

impl RunProcess<'_> {
    /// How it has ended, if it has. What this process inherited and has ended is reaped with all else.
    fn exit(&mut self) -> io::Result<Option<Exit>> {
        Ok(self.child.try_wait()?.map(Exit::from))
    }

    fn meet(&self, meeting: Meeting, rng: &mut Rng) {
        let run = Pid::from_child(&self.child);
        let (target, signal) = match meeting {
            Meeting::Kill => (Some(run), Signal::KILL),
            Meeting::KillWorker => {
                let workers = children_of(run);
                let chosen = rng.below(workers.len().max(1) as u64);
                (workers.get(chosen as usize).copied(), Signal::KILL)
            }
            Meeting::Stop => (Some(run), Signal::STOP),
            Meeting::Continue => (Some(run), Signal::CONT),
        };
        if let Some(target) = target {
            // It may have ended just now.
            let _ = kill_process(target, signal);
        }
    }
}

impl Drop for RunProcess<'_> {
    fn drop(&mut self) {
        // It was reaped already where it has ended by itself.
        let _ = self.child.kill();
        end_children(None, self.spared, |_, _| {});
    }
}

/// The beginning of what a run has said, line by line.
pub(super) fn said(file: &Path) -> Vec<String> {
    let mut text = String::new();
    if let Ok(file) = File::open(file) {
        // What is no text is left out.
        let _ = file.take(MAX_SAID).read_to_string(&mut text);
    }
    let lines = text.lines().map(|line| {
        let line = line.strip_prefix("bank-par: ").unwrap_or(line);
        line.strip_prefix("error: ").unwrap_or(line).to_string()
    });
    lines.filter(|line| !line.is_empty()).collect()
}
