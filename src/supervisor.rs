//! The processes of a run: spawned, signalled, reaped.

mod escalation;
mod orphans;
mod signals;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

pub use escalation::{Escalation, Step};
pub use orphans::{adopt_orphans, end_children, signal_descendants};
pub use signals::{Signals, end_by, outlive_full_files, stop_self};

use crate::worker::Orders;

/// How a worker's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Status(status) => write!(f, "exited with status {status}"),
            Exit::Signal(signal) => match signal_hook::low_level::signal_name(*signal) {
                Some(name) => write!(f, "was killed by {name}"),
                None => write!(f, "was killed by signal {signal}"),
            },
        }
    }
}

/// The parent's view of its children.
#[derive(Default)]
pub struct Supervisor {
    /// The workers that were spawned and not reaped, by their processes.
    live: HashMap<Pid, u32>,
}

impl Supervisor {
    /// Starts this program again as a worker, in a process group of its own so that the terminal's
    /// signals reach the parent alone.
    ///
    /// The kernel ties a worker's death signal to the thread that spawned it, so this must be called
    /// from one that lives as long as the run.
    pub fn spawn(&mut self, command: &mut Command, orders: &Orders) -> io::Result<Child> {
        let child = command.args(orders.arguments()).process_group(0).spawn()?;
        self.live.insert(Pid::from_child(&child), orders.worker);
        Ok(child)
    }

    /// How many workers are alive, or dead and not reaped.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Reaps every child that has ended.
    pub fn reap(&mut self) -> Vec<(u32, Exit)> {
        let mut exits = Vec::new();
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if let (Some(worker), Some(exit)) = (self.live.remove(&pid), exit(status)) {
                exits.push((worker, exit));
            }
        }
        exits
    }

    /// Kills one worker, if it was not reaped yet.
    pub fn kill(&self, worker: u32) {
        for (pid, _) in self.live.iter().filter(|(_, of)| **of == worker) {
            signal(*pid, Signal::KILL);
        }
    }

    /// Sends a signal to every worker.
    fn signal_all(&self, which: Signal) {
        for pid in self.live.keys() {
            signal(*pid, which);
        }
    }

    /// Kills every worker.
    pub fn kill_all(&self) {
        self.signal_all(Signal::KILL);
    }

    /// Stops every worker, until [`Supervisor::continue_all`].
    pub fn stop_all(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets stopped workers go on.
    pub fn continue_all(&self) {
        self.signal_all(Signal::CONT);
    }
}

impl Drop for Supervisor {
    /// No worker outlives its supervisor, whatever ended the run.
    fn drop(&mut self) {
        self.kill_all();
        while !self.live.is_empty() {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, _))) => self.live.remove(&pid),
                Ok(None) | Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
            };
        }
    }
}

fn signal(pid: Pid, signal: Signal) {
    // The group is the worker and what it started. It fails only where all of it is gone.
    let _ = rustix::process::kill_process_group(pid, signal);
}

/// How this child ended, if it has. Those that this process inherited are reaped on the way.
pub fn end_of(child: Pid) -> Option<Exit> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == child {
            ended = exit(status);
        }
    }
    ended
}

fn exit(status: WaitStatus) -> Option<Exit> {
    let exited = status.exit_status().map(Exit::Status);
    exited.or_else(|| status.terminating_signal().map(Exit::Signal))
}

/// The command that starts this same program, also after its file was replaced or removed.
pub fn this_program() -> Command {
    #[cfg(target_os = "linux")]
    {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("bank-par");
        command
    }
    #[cfg(not(target_os = "linux"))]
    {
        Command::new(std::env::current_exe().unwrap_or_else(|_| "bank-par".into()))
    }
}
