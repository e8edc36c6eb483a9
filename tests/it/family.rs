//! A command with children, some of which went to sessions of their own.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::cli::{Run, Running};
use crate::process::{Process, until};

/// What `sh` is to do.
pub(crate) const FAMILY: &str = "echo $$ >> pids; sleep 999 & echo $! >> pids; setsid sleep 999 & echo $! >> pids; setsid sh -c 'sleep 999 & echo $! >> pids; wait' & echo $! >> pids; wait";

/// How many processes that makes.
const MEMBERS: usize = 5;

/// One such command, below the program.
pub(crate) struct Family {
    pub(crate) running: Running,
    /// The process that keeps the command: a guard or a worker.
    pub(crate) keeper: Process,
    /// The command and all that it started.
    pub(crate) members: Vec<Process>,
    _folder: TempDir,
}

impl Family {
    /// Starts the program, which must start one [`FAMILY`].
    pub(crate) fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start({
            command.current_dir(folder.path());
            command
        });
        let pids = folder.path().join("pids");
        let members = until("the command's children", || {
            let pids = fs::read_to_string(&pids).ok()?;
            let pids: Vec<Process> = pids
                .lines()
                .map(|pid| Process(pid.parse().unwrap()))
                .collect();
            (pids.len() == MEMBERS && pids.iter().all(|pid| pid.state().is_some())).then_some(pids)
        });
        Family {
            running,
            keeper: members[0].parent().unwrap(),
            members,
            _folder: folder,
        }
    }

    pub(crate) fn parent(&self) -> Process {
        Process(self.running.pid.try_into().unwrap())
    }

    /// Waits until all of it is gone.
    pub(crate) fn end(self) -> Run {
        let run = self.running.finish();
        self.members.into_iter().for_each(Process::ended);
        self.keeper.ended();
        run
    }
}
