//! Keeping a command: from its start until it and all that it started are gone.
//!
//! The process that keeps a command is its parent and inherits what that leaves behind. The command dies with
//! its supervisor, and the supervisor ends it when its own parent dies.

use std::collections::HashSet;
use std::io;
use std::mem::discriminant;
use std::os::fd::AsFd;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::GRACE;
use super::capture::{Capture, Captured};
use super::exec::Session;
use crate::exit::Exit;
use crate::parent::is_living_parent;
use crate::poll::{PollKey, PollSet, wait_readable};
use crate::report::stderr_line;
use crate::store::{HeldShare, LeaseShare};
use crate::supervisor::{
    END_AT_ONCE, END_COMMAND, START_NO_MORE, Signals, adopt_orphans, end_children, end_of,
    signal_descendants, stop_self,
};
use crate::wake::{RunningClock, TICK};
use crate::work::Termination;

const SIGNALS: PollKey = PollKey::Own(0);
const STDOUT: PollKey = PollKey::Own(1);
const STDERR: PollKey = PollKey::Own(2);

/// How long a request to end waits for the same one from elsewhere. If the parent asks and another process has
/// signalled this process as well, then that was its whole group and the command among it.
const ECHO: Duration = Duration::from_millis(100);

/// A process that keeps commands, one after another.
pub(crate) struct CommandSupervisor {
    parent: u32,
    /// Where its commands stand.
    session: Session,
    signals: Signals,
    /// The children that were there before.
    protected: HashSet<Pid>,
    /// No further command is to be started.
    no_more: bool,
    /// While it lasts, the run is its parent's.
    lease: Option<HeldShare>,
}

/// A command that is gone.
pub(super) struct Exited {
    pub(super) exit: Exit,
    pub(super) termination: Option<Termination>,
    pub(super) took: Duration,
    /// What it wrote to those streams that it did not share.
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
}

/// How a command is on its way to its end.
struct Running {
    command: Pid,
    /// It leads a process group of its own.
    has_group: bool,
    clock: RunningClock,
    termination: Option<Termination>,
    /// Who asked for its end.
    asked_by: Vec<EndRequestedBy>,
    /// When it is asked to end.
    ask_at: Option<Duration>,
    /// When it is killed.
    kill_at: Option<Duration>,
    stdout: Option<Capture>,
    stderr: Option<Capture>,
}

/// Who asks for a command's end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EndRequestedBy {
    /// The parent of the process that keeps it.
    Parent,
    /// Another process, which signalled this one, or all of its group.
    Other {
        /// By this signal.
        signal: i32,
    },
}

impl CommandSupervisor {
    /// A supervisor for this parent. From here on this process hears signals and inherits orphans.
    ///
    /// # Errors
    ///
    /// The run has ended, or the operating system said no.
    pub(crate) fn new(
        parent: u32,
        session: Session,
        lease: Option<&LeaseShare>,
    ) -> io::Result<Self> {
        let signals = Signals::listen_to_parent()?;
        Ok(CommandSupervisor {
            protected: adopt_orphans(),
            parent,
            session,
            signals,
            no_more: false,
            lease: lease.map(LeaseShare::take).transpose()?,
        })
    }

    /// Whether a further command may be started.
    pub(super) fn may_start(&mut self) -> bool {
        self.handle_signals(None);
        !self.no_more && self.is_leased()
    }

    /// Whether no other host may have the run before a command is ended here.
    fn is_leased(&self) -> bool {
        self.lease.as_ref().is_none_or(HeldShare::is_sure)
    }

    /// Waits so long, or until nothing more is to be started.
    pub(super) fn pause(&mut self, pause: Duration) {
        let mut clock = RunningClock::start();
        while clock.now() < pause && self.may_start() {
            let left = TICK.min(pause.saturating_sub(clock.now()));
            if wait_readable(self.signals.as_fd(), left).is_err() {
                return;
            }
        }
    }

    /// Waits until a command and all that it started are gone. Its end is told as soon as it is seen,
    /// and counts from then.
    pub(super) fn keep(
        &mut self,
        mut child: Child,
        timeout: Option<Duration>,
        tell: impl FnOnce(Exit, Option<Termination>),
    ) -> Exited {
        let mut running = Running {
            command: Pid::from_child(&child),
            has_group: self.session == Session::Own,
            clock: RunningClock::start(),
            termination: None,
            asked_by: Vec::new(),
            ask_at: None,
            kill_at: None,
            stdout: child.stdout.take().map(Capture::new),
            stderr: child.stderr.take().map(Capture::new),
        };
        self.handle_signals(Some(&mut running));
        loop {
            // What has ended in time is not late.
            if let Some(exit) = end_of(running.command) {
                let took = running.clock.now();
                tell(exit, running.termination);
                self.end_rest(running.command);
                return Exited {
                    exit,
                    termination: running.termination,
                    took,
                    stdout: Capture::finish(running.stdout),
                    stderr: Capture::finish(running.stderr),
                };
            }
            if !self.is_leased() {
                running.end(Termination::Asked, true);
            }
            running.enforce(timeout);
            if self.wait(&mut running, timeout).is_err() {
                // Its end is still to be seen, since only that settles the operation.
                running.kill_at = Some(Duration::ZERO);
            }
            self.handle_signals(Some(&mut running));
        }
    }

    /// Ends what a command left behind.
    fn end_rest(&self, command: Pid) {
        let all_gone = end_children(Some(command), &self.protected, |_, _| {});
        // What is left below a guard is its parent's to end and to tell of.
        if !all_gone && self.session == Session::Own {
            stderr_line(LEFT_BEHIND);
        }
    }

    fn wait(&self, running: &mut Running, timeout: Option<Duration>) -> io::Result<()> {
        let mut set = PollSet::default();
        set.read(SIGNALS, self.signals.as_fd());
        for (key, capture) in [(STDOUT, &running.stdout), (STDERR, &running.stderr)] {
            if let Some(fd) = capture.as_ref().and_then(Capture::fd) {
                set.read(key, fd);
            }
        }
        let timeout = timeout.filter(|_| running.termination.is_none());
        let due = [running.ask_at, running.kill_at, timeout];
        let now = running.clock.now();
        let due = due.into_iter().flatten().map(|at| at.saturating_sub(now));
        let longest = due.min().map_or(TICK, |due| TICK.min(due));
        for key in set.wait(longest + Duration::from_millis(1))? {
            let capture = match key {
                STDOUT => &mut running.stdout,
                STDERR => &mut running.stderr,
                _ => continue,
            };
            if let Some(capture) = capture {
                capture.read();
            }
        }
        Ok(())
    }

    /// The terminal's signals reach a command that has the terminal, and are its own affair.
    fn handle_signals(&mut self, mut running: Option<&mut Running>) {
        for heard in self.signals.heard() {
            match heard.signal {
                SIGTSTP if running.is_some() => stop_self(),
                START_NO_MORE => self.no_more = true,
                SIGINT | SIGHUP if heard.is_typed || self.session == Session::Own => {}
                // The death of its parent is told by this one too, which reaches it when it is stopped.
                SIGCONT if is_living_parent(self.parent) => {}
                SIGINT | SIGHUP | SIGTERM | SIGCONT | END_COMMAND | END_AT_ONCE => {
                    self.no_more = true;
                    if let Some(running) = &mut running {
                        self.end(running, heard.signal);
                    }
                }
                _ => {}
            }
        }
    }

    /// Ends the command as a signal asks.
    fn end(&self, running: &mut Running, signal: i32) {
        match (signal, self.session) {
            (END_AT_ONCE, _) => running.end(Termination::Asked, true),
            (END_COMMAND, _) => running.ask(EndRequestedBy::Parent),
            _ if !is_living_parent(self.parent) => running.end(Termination::Asked, true),
            (_, Session::Shared) => running.ask(EndRequestedBy::Other { signal }),
            // The parent of a run says what becomes of its commands.
            (_, Session::Own) => {}
        }
    }
}

/// What is said when there is no end to what a command left behind.
pub(super) const LEFT_BEHIND: &str = "a command left processes behind that start others faster than they can be ended: some may still run";

impl Running {
    /// Ends the command at its deadline, and kills it where it did not end.
    fn enforce(&mut self, timeout: Option<Duration>) {
        let now = self.clock.now();
        if self.termination.is_none() && timeout.is_some_and(|timeout| now >= timeout) {
            self.end(Termination::TimeOver, false);
        }
        if self.ask_at.is_some_and(|at| now >= at) {
            self.signal_end();
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            if self.has_group {
                let _ = rustix::process::kill_process_group(self.command, Signal::KILL);
            }
            // It may not have come to its own group yet.
            let _ = rustix::process::kill_process(self.command, Signal::KILL);
        }
    }

    /// Asks the command and all that it started to end. They are killed after a grace, or at once.
    fn end(&mut self, why: Termination, at_once: bool) {
        self.termination.get_or_insert(why);
        if at_once {
            self.kill_at = Some(Duration::ZERO);
            // There is no further turn of the loop.
            return self.enforce(None);
        }
        self.signal_end();
        self.begin_grace();
    }

    /// Ends the command after a grace, as a process asks. However often it asks, that is one request.
    fn ask(&mut self, asker: EndRequestedBy) {
        if self
            .asked_by
            .iter()
            .any(|other| discriminant(other) == discriminant(&asker))
        {
            return;
        }
        self.asked_by.push(asker);
        self.termination.get_or_insert(Termination::Asked);
        self.begin_grace();
        let now = self.clock.now();
        let other = self.asked_by.iter().find_map(|asker| match asker {
            EndRequestedBy::Parent => None,
            EndRequestedBy::Other { signal } => Some(*signal),
        });
        self.ask_at = match (self.asked_by.len(), other) {
            (1, _) if self.has_group => Some(now),
            (1, _) => Some(now + ECHO),
            // The command has heard it with all others, and a second one might hurry it.
            (_, Some(SIGTERM)) => None,
            // It has heard another one, which it may ignore.
            _ => self.ask_at.map(|_| now + GRACE / 2),
        };
    }

    fn begin_grace(&mut self) {
        let grace_ends = self.clock.now() + GRACE;
        self.kill_at.get_or_insert(grace_ends);
    }

    /// Asks the command and all that it started to end; what was stopped goes on to do so.
    fn signal_end(&mut self) {
        self.ask_at = None;
        for signal in [Signal::TERM, Signal::CONT] {
            if self.has_group {
                let _ = rustix::process::kill_process_group(self.command, signal);
            } else {
                // The group is that of the process that started this program.
                signal_descendants(signal);
            }
        }
    }
}
