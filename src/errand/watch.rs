//! Waiting for the guard, and for whatever it leaves behind.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::guard;
use crate::link::{Key, Watch};
use crate::supervisor::{
    Exit, Signals, adopt_orphans, end_children, end_of, stop_self, this_program,
};
use crate::wake::{RunningClock, TICK};

/// What was seen of a command.
pub(super) struct Watched {
    pub(super) seen: Seen,
    pub(super) timed_out: bool,
    /// The last signal that this process got meanwhile.
    pub(super) signal: Option<i32>,
}

/// What was seen of a command's end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It ended with this status.
    Status(u8),
    /// Its guard is gone, so nobody saw it.
    Nothing,
}

/// Runs a command below a guard, and waits until all of it is gone.
///
/// The kernel ties the guard's death signal to the thread that starts it, so this must be called from
/// one that lives as long.
pub(super) fn run(
    words: &[OsString],
    environment: &[(&'static str, OsString)],
    timeout: Option<Duration>,
) -> io::Result<Watched> {
    adopt_orphans();
    let mut signals = Signals::listen()?;
    let mut command = this_program();
    command
        .arg(guard::ENTRY)
        .arg(std::process::id().to_string());
    let child = command
        .args(words)
        .envs(environment.iter().cloned())
        .spawn()?;
    let guard = Pid::from_child(&child);
    let mut clock = RunningClock::start();
    let mut asked = Asked::default();
    loop {
        let now = clock.now();
        if !asked.timed_out && timeout.is_some_and(|timeout| now >= timeout) {
            asked.timed_out = true;
            asked.end(guard);
        }
        let due = timeout.filter(|_| !asked.timed_out);
        let patience = due.map_or(TICK, |due| TICK.min(due.saturating_sub(now)));
        let mut watch = Watch::default();
        watch.read(Key::Own(0), signals.as_fd());
        if watch.wait(patience + Duration::from_millis(1)).is_err() {
            // The command runs by now, so it must not count as one that did not start.
            asked.to_end = true;
            asked.end(guard);
        }
        for signal in signals.pending() {
            asked.signal(signal, guard);
        }
        if let Some(exit) = end_of(guard) {
            end_children();
            return Ok(Watched {
                seen: seen(exit),
                timed_out: asked.timed_out,
                signal: asked.last,
            });
        }
    }
}

/// What the guard was asked.
#[derive(Default)]
struct Asked {
    timed_out: bool,
    /// It was asked to end the command.
    to_end: bool,
    interrupts: u32,
    last: Option<i32>,
}

impl Asked {
    fn signal(&mut self, signal: i32, guard: Pid) {
        match signal {
            SIGCHLD => return,
            SIGTSTP => return stop_self(),
            // The terminal sends it to the command as well, which may know what to do with it.
            SIGINT => {
                self.interrupts += 1;
                if self.interrupts > 1 {
                    self.end(guard);
                }
            }
            SIGTERM | SIGHUP => self.end(guard),
            _ => return,
        }
        self.last = Some(signal);
    }

    /// The first time the command has a grace, the second time none; the guard's end ends it at once.
    fn end(&mut self, guard: Pid) {
        let how = if self.to_end {
            Signal::KILL
        } else {
            Signal::TERM
        };
        self.to_end = true;
        let _ = rustix::process::kill_process(guard, how);
    }
}

fn seen(exit: Exit) -> Seen {
    match exit {
        Exit::Status(status) => Seen::Status(u8::try_from(status).unwrap_or(u8::MAX)),
        Exit::Signal(_) => Seen::Nothing,
    }
}
