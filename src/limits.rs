//! The system's limits of open files and processes: raised for this program as far as they may be, and
//! given back to the commands that it runs as they were.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// The limits as they were when the program began; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    files: Option<u64>,
    processes: Option<u64>,
}

/// A limit that cannot be raised as far as is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Of open files.
    #[error(
        "that needs {needed} open files and the system allows {allowed}: use fewer, or raise the limit (`ulimit -Hn`)"
    )]
    Files {
        /// How many are needed.
        needed: u64,
        /// How many may be had.
        allowed: u64,
    },
    /// Of processes of this user.
    #[error(
        "that needs {needed} processes and the system allows this user {allowed}: use fewer, or raise the limit (`ulimit -Hu`)"
    )]
    Processes {
        /// How many are needed.
        needed: u64,
        /// How many may be had, with those that the user has already.
        allowed: u64,
    },
}

impl Limits {
    /// The limits as they are now.
    pub fn now() -> Self {
        Limits {
            files: getrlimit(Resource::Nofile).current,
            processes: getrlimit(Resource::Nproc).current,
        }
    }

    /// Sets them for this process, as far as they may be.
    pub fn restore(self) {
        for (resource, current) in [
            (Resource::Nofile, self.files),
            (Resource::Nproc, self.processes),
        ] {
            let maximum = getrlimit(resource).maximum;
            // A limit that was possible once can be set again.
            let _ = setrlimit(resource, Rlimit { current, maximum });
        }
    }
}

/// Raises the limit of open files, and fails where it stays below what is needed.
pub fn make_room_for_files(needed: u64) -> Result<(), LimitError> {
    match raised(Resource::Nofile) {
        Some(allowed) if allowed < needed => Err(LimitError::Files { needed, allowed }),
        _ => Ok(()),
    }
}

/// Raises the limit of processes, and fails where it stays below what is needed. The system does not
/// hold root to it.
pub fn make_room_for_processes(needed: u64) -> Result<(), LimitError> {
    match raised(Resource::Nproc) {
        Some(allowed) if allowed < needed && !rustix::process::geteuid().is_root() => {
            Err(LimitError::Processes { needed, allowed })
        }
        _ => Ok(()),
    }
}

/// Raises the soft limit to the hard one, and tells what it is then; `None`: no limit.
fn raised(resource: Resource) -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(resource, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}
