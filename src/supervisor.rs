//! The processes of a run: spawned, signalled, reaped.

mod orphans;
mod requests;
mod signals;

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, WaitOptions};

use orphans::children;
pub use orphans::{adopt_orphans, children_of, end_children, parent_of, signal_descendants};
pub use signals::{
    END_AT_ONCE, END_COMMAND, ReceivedSignal, START_NO_MORE, Signals, begin_process,
    end_as_first_process, end_by, ignore_sigxfsz, stop_self,
};

use crate::child::spawn;
use crate::exit::Exit;

/// The parent's view of its children.
pub struct Supervisor {
    /// The workers that were spawned and not reaped, by their processes.
    live: HashMap<Pid, u32>,
    /// The workers start processes of their own, which this one inherits if they die.
    adopts: bool,
    /// The children that were there before and are left alone.
    spared: HashSet<Pid>,
    /// Some of those may be there.
    orphans: bool,
}

impl Supervisor {
    /// A supervisor of workers, which may start processes of their own (`adopts`).
    pub fn new(adopts: bool) -> Self {
        Supervisor {
            live: HashMap::new(),
            spared: if adopts {
                adopt_orphans()
            } else {
                HashSet::new()
            },
            adopts,
            orphans: false,
        }
    }

    /// Starts a worker, in a process group of its own so that the terminal's
    /// signals reach the parent alone.
    ///
    /// The kernel ties a worker's death signal to the thread that spawned it, so this must be called
    /// from one that lives as long as the run.
    pub fn spawn(&mut self, command: &mut Command, worker: u32) -> io::Result<Child> {
        let child = spawn(command.process_group(0))?;
        self.live.insert(Pid::from_child(&child), worker);
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
            match (self.live.remove(&pid), Exit::of(status)) {
                (Some(worker), Some(exit)) => {
                    self.orphans |= exit != Exit::Status(0);
                    exits.push((worker, exit));
                }
                _ => self.orphans = true,
            }
        }
        self.end_orphans();
        exits
    }

    /// Kills what dead workers left behind. Each that dies wakes this process again, which then looks
    /// for those that it left behind in turn.
    fn end_orphans(&mut self) {
        if self.adopts && self.orphans {
            let orphans = children().into_iter();
            let orphans = orphans
                .filter(|child| !self.live.contains_key(child) && !self.spared.contains(child));
            self.orphans = false;
            for orphan in orphans {
                self.orphans = true;
                let _ = rustix::process::kill_process(orphan, Signal::KILL);
            }
        }
    }

    /// Kills one worker, if it was not reaped yet.
    pub fn kill(&self, worker: u32) {
        for (pid, _) in self.live.iter().filter(|(_, of)| **of == worker) {
            signal(*pid, Signal::KILL);
        }
    }

    /// Lets every worker go on that was stopped.
    pub fn continue_workers(&self) {
        self.ask(Signal::CONT, |_| true);
    }

    /// Tells those workers that are wanted to start no further command.
    pub fn start_no_more(&self, is_wanted: impl Fn(u32) -> bool) {
        // This is `START_NO_MORE`.
        self.ask(Signal::USR1, is_wanted);
    }

    /// Asks every worker to end its command.
    pub fn end_commands(&self) {
        // This is `END_COMMAND`.
        self.ask(Signal::USR2, |_| true);
    }

    /// Sends a signal to those workers that are wanted, and not to what they started.
    fn ask(&self, which: Signal, is_wanted: impl Fn(u32) -> bool) {
        for (pid, _) in self.live.iter().filter(|(_, worker)| is_wanted(**worker)) {
            let _ = rustix::process::kill_process(*pid, which);
        }
    }

    fn signal_all(&self, which: Signal) {
        for pid in self.live.keys() {
            signal(*pid, which);
        }
    }

    /// Kills every worker.
    pub fn kill_all(&self) {
        self.signal_all(Signal::KILL);
    }

    /// Stops every worker and what it started, until [`Supervisor::continue_all`].
    pub fn stop_all(&self) {
        self.signal_below(Signal::STOP);
    }

    /// Lets those go on that were stopped.
    pub fn continue_all(&self) {
        self.signal_below(Signal::CONT);
    }

    fn signal_below(&self, which: Signal) {
        self.signal_all(which);
        if self.adopts {
            signal_descendants(which);
        }
    }

    /// Kills every worker, and waits until all that they started is gone, as far as it can be waited for.
    pub fn end_all(&mut self) {
        self.kill_all();
        if self.adopts {
            end_children(None, &self.spared, |_, _| {});
            self.live.clear();
        }
    }
}

impl Drop for Supervisor {
    /// No worker outlives its supervisor, whatever ended the run.
    fn drop(&mut self) {
        self.end_all();
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
    let ended = reap().into_iter().find(|(pid, _)| *pid == child);
    ended.map(|(_, exit)| exit)
}

/// Reaps the children that have ended, and tells how.
pub fn reap() -> Vec<(Pid, Exit)> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        ended.extend(Exit::of(status).map(|exit| (pid, exit)));
    }
    ended
}
