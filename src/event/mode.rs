//! The modes: the ways in which a run shares its balances.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// How a run shares its balances, by the command that started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Each process asks the bank over a local socket.
    Parallel,
    /// The processes read and write the cells that a server process keeps.
    ServerShare,
    /// All processes ask the bank through one queue.
    Queue,
    /// Each process asks the bank through a pair of pipes.
    Pipe,
    /// The processes read and write the same memory.
    SharedMemory,
    /// Threads of one process share one balance in memory.
    Sync,
    /// Processes take a given order of steps.
    Replay,
    /// A mode of another program, whose recording this is; empty where it names none.
    #[serde(untagged)]
    Other(String),
}

impl Mode {
    /// The stable word for it on the command line and in JSON output.
    pub fn word(&self) -> &str {
        match self {
            Mode::Parallel => "parallel",
            Mode::ServerShare => "server-share",
            Mode::Queue => "queue",
            Mode::Pipe => "pipe",
            Mode::SharedMemory => "shared-memory",
            Mode::Sync => "sync",
            Mode::Replay => "replay",
            Mode::Other(word) => word,
        }
    }

    /// Whether a recording names no mode.
    pub fn is_unknown(&self) -> bool {
        self.word().is_empty()
    }
}

impl Default for Mode {
    fn default() -> Self {
        Mode::Other(String::new())
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_written_as_its_word_and_read_back() {
        let modes = [
            Mode::Parallel,
            Mode::ServerShare,
            Mode::Queue,
            Mode::Pipe,
            Mode::SharedMemory,
            Mode::Sync,
            Mode::Replay,
            Mode::Other("batch".to_string()),
            Mode::default(),
        ];
        for mode in modes {
            let written = serde_json::to_string(&mode).expect("a word");
            assert_eq!(written, format!("\"{mode}\""));
            let read: Mode = serde_json::from_str(&written).expect("a mode");
            assert_eq!(read, mode);
        }
    }
}
