//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::WaitStatus;
use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

/// The status that a shell gives a process that a signal ended, less the signal's number.
const SIGNALLED: i32 = 128;

impl Exit {
    /// What the system told of a process; `None` if it has not ended.
    pub fn of(status: WaitStatus) -> Option<Self> {
        let exited = status.exit_status().map(Exit::Status);
        exited.or_else(|| status.terminating_signal().map(Exit::Signal))
    }

    /// The status by which a shell would tell it.
    pub fn code(self) -> u8 {
        let code = match self {
            Exit::Status(status) => status,
            Exit::Signal(signal) => SIGNALLED + signal,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

impl From<ExitStatus> for Exit {
    /// What the system told of a process that was waited for.
    fn from(ended: ExitStatus) -> Self {
        match ended.signal() {
            Some(signal) => Exit::Signal(signal),
            None => Exit::Status(ended.code().unwrap_or_default()),
        }
    }
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
