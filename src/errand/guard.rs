//! The guard: a process between this program and the command, which ends the command and all that it
//! started when either is gone.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGTERM, SIGTSTP};

use super::{GRACE, shim};
use crate::link::{Key, Watch};
use crate::parent::{die_with, is_parent};
use crate::report::talk;
use crate::status::Status;
use crate::supervisor::{
    Exit, Signals, adopt_orphans, end_children, end_of, signal_descendants, stop_self, this_program,
};
use crate::wake::{RunningClock, TICK};

/// The first argument of a guard's process.
pub const ENTRY: &str = "__guard";

/// The status that a shell gives a command that a signal ended, less the signal's number.
const SIGNALLED: i32 = 128;

/// Guards the command that the arguments after [`ENTRY`] name: the process that wants it, and the
/// command's words. Ends with the command's status.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = arguments.next().and_then(|pid| pid.to_str()?.parse().ok());
    let Some(parent) = parent else {
        talk(format_args!(
            "`{ENTRY}` is how bank-par guards commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    match guard(parent, arguments.collect()) {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(error) => {
            talk(format_args!("cannot guard the command: {error}"));
            // As a shell says that a command could not be run.
            ExitCode::from(126)
        }
    }
}

fn guard(parent: u32, words: Vec<OsString>) -> io::Result<i32> {
    adopt_orphans();
    let mut signals = Signals::listen()?;
    if !die_with(parent, Signal::TERM) {
        return Ok(0);
    }
    let mut command = this_program();
    command.arg(shim::ENTRY).arg(std::process::id().to_string());
    let child = command.args(words).spawn()?;
    let command = Pid::from_child(&child);
    let mut clock = RunningClock::start();
    let mut killed_at: Option<Duration> = None;
    loop {
        let due = killed_at.map(|at| at.saturating_sub(clock.now()));
        if wait(&signals, due).is_err() {
            // Its end is still to be seen, since only that settles the operation.
            killed_at = Some(Duration::ZERO);
        }
        for signal in signals.pending() {
            match signal {
                SIGTSTP => stop_self(),
                SIGTERM if is_parent(parent) => {
                    signal_descendants(Signal::TERM);
                    killed_at.get_or_insert(clock.now() + GRACE);
                }
                // Whoever wanted the command is gone.
                SIGTERM => killed_at = Some(Duration::ZERO),
                // The terminal's signals reach the command too.
                _ => {}
            }
        }
        if killed_at.is_some_and(|at| clock.now() >= at) {
            let _ = rustix::process::kill_process(command, Signal::KILL);
        }
        if let Some(exit) = end_of(command) {
            end_children();
            return Ok(match exit {
                Exit::Status(status) => status,
                Exit::Signal(signal) => SIGNALLED + signal,
            });
        }
    }
}

fn wait(signals: &Signals, due: Option<Duration>) -> io::Result<()> {
    let mut watch = Watch::default();
    watch.read(Key::Own(0), signals.as_fd());
    let patience = due.map_or(TICK, |due| TICK.min(due + Duration::from_millis(1)));
    watch.wait(patience).map(drop)
}
