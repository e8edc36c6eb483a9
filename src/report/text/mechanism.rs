//! How a mode shares its balances, as far as text tells it differently.

use crate::event::Mode;

/// What the processes or threads of a mode have in common.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// They ask the parent over sockets.
    #[default]
    Socket,
    /// They ask it through one queue.
    Queue,
    /// They ask it through pipes.
    Pipe,
    /// They read and write the cells that it keeps.
    Cells,
    /// They read and write the same memory.
    Memory,
    /// They are threads.
    Threads,
}

impl From<&Mode> for Mechanism {
    fn from(mode: &Mode) -> Self {
        match mode {
            Mode::Parallel | Mode::Replay | Mode::Other(_) => Mechanism::Socket,
            Mode::Queue => Mechanism::Queue,
            Mode::Pipe => Mechanism::Pipe,
            Mode::ServerShare => Mechanism::Cells,
            Mode::SharedMemory => Mechanism::Memory,
            Mode::Sync => Mechanism::Threads,
        }
    }
}
