//! Waiting for a guard, and for whatever it leaves behind.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::GRACE;
use super::env::CommandEnv;
use super::guard::GuardPlan;
use super::guard_report::{GuardMessage, GuardReport};
use super::supervise::LEFT_BEHIND;
use crate::child::spawn;
use crate::exit::Exit;
use crate::parent::has_ended;
use crate::poll::wait_readable;
use crate::report::stderr_line;
use crate::supervisor::{
    END_AT_ONCE, END_COMMAND, ReceivedSignal, Signals, adopt_orphans, children_of, end_children,
    reap, stop_self,
};
use crate::wake::{RunningClock, TICK};
use crate::work::Termination;

/// Who waits for guards, one after another.
pub(super) struct GuardWaiter {
    signals: Signals,
    /// The children that were there before.
    protected: HashSet<Pid>,
    /// The last signal that this process got.
    signal: Option<i32>,
    /// How many of those a person typed.
    typed: u32,
    /// How often a signal came while the ledger was waited for.
    impatient: u32,
}

/// What was seen of a command.
pub(super) struct GuardExit {
    /// How it ended; `None` if its guard ended before it, so that no process saw it.
    pub(super) exit: Option<Exit>,
    pub(super) termination: Option<Termination>,
    /// A signal to this process ended the pause after it.
    pub(super) interrupted: bool,
}

impl GuardWaiter {
    pub(super) fn new() -> io::Result<Self> {
        Ok(GuardWaiter {
            protected: adopt_orphans(),
            signals: Signals::listen()?,
            signal: None,
            typed: 0,
            impatient: 0,
        })
    }

    /// The last signal that this process got and that is no affair of the command's alone.
    pub(super) fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Runs a guard, and waits until it and all below it are gone. An error means that the command did
    /// not run.
    ///
    /// The kernel ties the guard's death signal to the thread that starts it, so this must be called
    /// from one that lives as long.
    pub(super) fn run(
        &mut self,
        plan: &GuardPlan<'_>,
        env: &CommandEnv<'_>,
    ) -> io::Result<GuardExit> {
        let mut command = plan.command()?;
        plan.report.lend(true)?;
        env.give_to(&mut command);
        let spawned = spawn(&mut command);
        plan.report.lend(false)?;
        let mut guard = Guard::new(Pid::from_child(&spawned?), plan);
        let mut clock = RunningClock::start();
        loop {
            let mut ended = reap();
            let exit = ended.iter().find(|(pid, _)| *pid == guard.process);
            if let Some((_, exit)) = exit.copied() {
                let all_gone = end_children(Some(guard.process), &self.protected, |pid, exit| {
                    ended.push((pid, exit));
                });
                if !all_gone {
                    stderr_line(LEFT_BEHIND);
                }
                // A signal that came meanwhile is not lost.
                self.handle_signals(None);
                return Ok(guard.seen(exit, &ended, self.signal.is_some()));
            }
            let now = clock.now();
            guard.enforce(now);
            let due = guard.next_due(now).unwrap_or(TICK);
            if self.wait(due.min(TICK)).is_err() {
                // The command may run by now, so it must not count as one that did not start.
                guard.ask(END_AT_ONCE, now);
            }
            self.handle_signals(Some((&mut guard, clock.now())));
        }
    }

    /// Waits so long before another attempt. False if a signal ended the wait.
    pub(super) fn pause(&mut self, pause: Duration) -> bool {
        let mut clock = RunningClock::start();
        loop {
            self.handle_signals(None);
            let left = pause.saturating_sub(clock.now());
            if self.signal.is_some() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            if self.wait(TICK.min(left)).is_err() {
                return false;
            }
        }
    }

    /// Waits so long before the ledger is asked again. False once two signals have come meanwhile.
    pub(super) fn wait_for_ledger(&mut self, pause: Duration) -> bool {
        const MOST: u32 = 2;
        let mut clock = RunningClock::start();
        loop {
            let heard = self.signal.take();
            self.handle_signals(None);
            self.impatient += u32::from(self.signal.is_some());
            self.signal = self.signal.or(heard);
            let left = pause.saturating_sub(clock.now());
            if self.impatient >= MOST || left.is_zero() {
                return self.impatient < MOST;
            }
            if self.wait(TICK.min(left)).is_err() {
                return false;
            }
        }
    }

    fn wait(&self, timeout: Duration) -> io::Result<()> {
        wait_readable(self.signals.as_fd(), timeout + Duration::from_millis(1)).map(drop)
    }

    /// Takes note of the signals that came, and tells the guard of them at this time.
    fn handle_signals(&mut self, mut guard: Option<(&mut Guard<'_>, Duration)>) {
        for ReceivedSignal { signal, is_typed } in self.signals.heard() {
            match signal {
                SIGTSTP => {
                    stop_self();
                    continue;
                }
                SIGINT | SIGTERM | SIGHUP => self.signal = Some(signal),
                _ => continue,
            }
            self.typed += u32::from(is_typed);
            match &mut guard {
                // The terminal sends it to the command as well, which may know what to do with it.
                Some(_) if is_typed && self.typed == 1 => {}
                Some((guard, now)) if is_typed => guard.hurry(*now),
                Some((guard, now)) => guard.end(*now),
                None => {}
            }
        }
    }
}

/// How much later than the guard should have ended its command it is told to.
const BEHIND: Duration = Duration::from_secs(1);
/// How long a guard may take to end all that its command left behind, beyond the command's own grace.
const CLEARING: Duration = Duration::from_secs(7);

/// A guard that is waited for.
struct Guard<'a> {
    process: Pid,
    report: &'a GuardReport,
    timeout: Option<Duration>,
    /// Whether the command still ran at the end of its time.
    is_late: Option<bool>,
    /// How often it was asked to end the command.
    asked: u32,
    /// When it is killed if it has not ended.
    kill_at: Option<Duration>,
}

impl<'a> Guard<'a> {
    fn new(process: Pid, plan: &GuardPlan<'a>) -> Self {
        Guard {
            process,
            report: plan.report,
            timeout: plan.timeout,
            is_late: None,
            asked: 0,
            kill_at: None,
        }
    }

    /// When there is something to do next.
    fn next_due(&self, now: Duration) -> Option<Duration> {
        let timeout = self.timeout.filter(|_| self.asked == 0);
        let timeout = match self.is_late {
            None => timeout,
            Some(_) => timeout.map(|timeout| timeout.saturating_add(BEHIND)),
        };
        let due = [timeout, self.kill_at].into_iter().flatten();
        due.map(|at| at.saturating_sub(now)).min()
    }

    /// The guard ends its command in time. One that does not, perhaps since it was stopped, goes on
    /// and is told to; one that does not hear is killed, which ends the command too, unseen.
    fn enforce(&mut self, now: Duration) {
        let timeout = self.timeout.filter(|_| self.asked == 0);
        if let Some(timeout) = timeout.filter(|timeout| now >= *timeout) {
            if self.is_late.is_none() {
                self.is_late = Some(self.command_runs());
            }
            if now >= timeout.saturating_add(BEHIND) {
                self.ask(END_COMMAND, now);
            }
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            let _ = rustix::process::kill_process(self.process, Signal::KILL);
        }
    }

    fn command_runs(&self) -> bool {
        match self.report.read() {
            GuardMessage::NotStarted => true,
            // It may have been stopped, by the command even, before it told of the start.
            GuardMessage::Starting => !children_of(self.process)
                .into_iter()
                .any(|child| has_ended(child.as_raw_nonzero().get().cast_unsigned())),
            GuardMessage::Started(command) => !has_ended(command),
            GuardMessage::Ended { .. } | GuardMessage::Unknown => false,
        }
    }

    /// The command's end is asked for. It has its grace however often that is.
    fn end(&mut self, now: Duration) {
        if self.asked == 0 {
            self.ask(END_COMMAND, now);
        }
    }

    /// A person asks for the end: at first the command has a grace, then none, and then the guard has none
    /// either.
    fn hurry(&mut self, now: Duration) {
        match self.asked {
            0 => self.ask(END_COMMAND, now),
            1 => self.ask(END_AT_ONCE, now),
            _ => {
                let _ = rustix::process::kill_process(self.process, Signal::KILL);
            }
        }
    }

    fn ask(&mut self, how: i32, now: Duration) {
        self.asked += 1;
        self.kill_at.get_or_insert(now + GRACE + CLEARING);
        let how = Signal::from_named_raw(how).unwrap_or(Signal::TERM);
        for signal in [how, Signal::CONT] {
            let _ = rustix::process::kill_process(self.process, signal);
        }
    }

    /// What was seen of the command once the guard has ended like this, and others that this process
    /// inherited from it like those. A signal may have come that asks for the end.
    fn seen(&self, exit: Exit, ended: &[(Pid, Exit)], is_signalled: bool) -> GuardExit {
        let told = self.report.read();
        let is_late = self.is_late == Some(true);
        let (exit, termination) = match told {
            GuardMessage::NotStarted => (Some(exit), None),
            GuardMessage::Ended { exit, termination } => (Some(exit), termination),
            // Its guard is gone, and it became this process's own child. That it was killed then says
            // nothing of what it did, unless it was late anyway.
            GuardMessage::Started(command) => {
                let number = |pid: Pid| pid.as_raw_nonzero().get().cast_unsigned();
                let own = ended.iter().find(|(pid, _)| number(*pid) == command);
                let exit = own.map(|(_, exit)| *exit);
                (
                    exit.filter(|exit| is_late || matches!(exit, Exit::Status(_))),
                    None,
                )
            }
            GuardMessage::Starting | GuardMessage::Unknown => (None, None),
        };
        // A command that ended by itself had ended before its guard was asked, unless it was late anyway.
        let ended_itself = matches!(told, GuardMessage::Ended { .. }) && !is_late;
        let asked = (self.asked > 0 && !ended_itself).then_some(Termination::Asked);
        GuardExit {
            exit,
            termination: match termination.or(asked) {
                Some(Termination::Asked) if is_late => Some(Termination::TimeOver),
                termination => termination,
            },
            interrupted: is_signalled && told == GuardMessage::NotStarted,
        }
    }
}

impl GuardExit {
    /// A further attempt that could not be started.
    pub(super) fn not_started() -> Self {
        /// By which shells tell that a command could not be started.
        const NOT_STARTED: i32 = 126;
        GuardExit {
            exit: Some(Exit::Status(NOT_STARTED)),
            termination: None,
            interrupted: false,
        }
    }
}
