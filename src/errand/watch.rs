//! Waiting for a guard, and for whatever it leaves behind.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use crate::exit::Exit;
use crate::link::{Key, Watch};
use crate::supervisor::{Signals, adopt_orphans, end_children, end_of, stop_self};
use crate::wake::{RunningClock, TICK};
use crate::work::Cut;

/// Who waits for guards, one after another.
pub(super) struct Watcher {
    signals: Signals,
    /// The children that were there before.
    spared: HashSet<Pid>,
    /// The last signal that this process got.
    signal: Option<i32>,
    interrupts: u32,
    /// How often a signal came while the ledger was waited for.
    impatient: u32,
}

/// What was seen of a command.
pub(super) struct Seen {
    /// How it ended; nothing if its guard is gone, so that nobody saw it.
    pub(super) exit: Option<Exit>,
    pub(super) cut: Option<Cut>,
    /// A signal to this process ended the pause after it.
    pub(super) interrupted: bool,
}

impl Watcher {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Watcher {
            spared: adopt_orphans(),
            signals: Signals::listen()?,
            signal: None,
            interrupts: 0,
            impatient: 0,
        })
    }

    /// The last signal that this process got and that is no affair of the command's alone.
    pub(super) fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Runs a guard, and waits until it and all below it are gone. The guard makes the file `started`
    /// before it starts the command. An error means that the command did not run.
    ///
    /// The kernel ties the guard's death signal to the thread that starts it, so this must be called
    /// from one that lives as long.
    pub(super) fn run(
        &mut self,
        guard: &mut Command,
        started: &Path,
        timeout: Option<Duration>,
    ) -> io::Result<Seen> {
        let child = guard.spawn()?;
        let mut guard = Guard {
            process: Pid::from_child(&child),
            asked: 0,
            cut: None,
        };
        let mut clock = RunningClock::start();
        loop {
            if let Some(exit) = end_of(guard.process) {
                end_children(Some(guard.process), &self.spared);
                let seen = matches!(exit, Exit::Status(_)) || !started.exists();
                return Ok(Seen {
                    exit: seen.then_some(exit),
                    cut: guard.cut,
                    interrupted: false,
                });
            }
            let due = timeout.filter(|_| guard.cut.is_none());
            let left = due.map(|due| due.saturating_sub(clock.now()));
            if left.is_some_and(|left| left.is_zero()) {
                guard.end(Cut::TimeOver);
            }
            if self.wait(left.map_or(TICK, |left| TICK.min(left))).is_err() {
                // The command may run by now, so it must not count as one that did not start.
                guard.end(Cut::Asked);
            }
            self.heed(Some(&mut guard));
        }
    }

    /// Waits so long before another attempt. False if a signal ended the wait.
    pub(super) fn pause(&mut self, pause: Duration) -> bool {
        let mut clock = RunningClock::start();
        loop {
            self.heed(None);
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
            self.heed(None);
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

    fn wait(&self, patience: Duration) -> io::Result<()> {
        let mut watch = Watch::default();
        watch.read(Key::Own(0), self.signals.as_fd());
        watch.wait(patience + Duration::from_millis(1)).map(drop)
    }

    fn heed(&mut self, mut guard: Option<&mut Guard>) {
        for signal in self.signals.pending() {
            match signal {
                SIGCHLD => continue,
                SIGTSTP => {
                    stop_self();
                    continue;
                }
                // The terminal sends it to the command as well, which may know what to do with it.
                SIGINT => self.interrupts += 1,
                SIGTERM | SIGHUP => {}
                _ => continue,
            }
            self.signal = Some(signal);
            if let Some(guard) = &mut guard
                && (signal != SIGINT || self.interrupts > 1)
            {
                guard.end(Cut::Asked);
            }
        }
    }
}

/// A guard that is waited for.
struct Guard {
    process: Pid,
    /// How often it was asked to end the command.
    asked: u32,
    cut: Option<Cut>,
}

impl Guard {
    /// The first time the command has a grace, the second time none. A guard that does not hear is
    /// killed, which ends the command too, unseen.
    fn end(&mut self, why: Cut) {
        self.cut.get_or_insert(why);
        self.asked += 1;
        let how = match self.asked {
            1 | 2 => Signal::TERM,
            _ => Signal::KILL,
        };
        let _ = rustix::process::kill_process(self.process, how);
    }
}

impl Seen {
    /// A further attempt that could not be started.
    pub(super) fn not_started() -> Self {
        /// By which shells tell that a command could not be started.
        const NOT_STARTED: i32 = 126;
        Seen {
            exit: Some(Exit::Status(NOT_STARTED)),
            cut: None,
            interrupted: false,
        }
    }
}
