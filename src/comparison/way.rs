//! The ways to share, and the limits that they are held against.

use crate::event::Mode;
use crate::race::SyncMethod;
use crate::shared_memory::Primitive;
use crate::sharing::{Sharing, SharingChoice, SharingMethod, Transport};

/// A way to share, or a limit of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Threads of one process, as in `sync`.
    Threads(SyncMethod),
    /// Threads that add to one word: the limit of that.
    AddThreads,
    /// Workers ask the bank: `parallel`, `queue` and `pipe`.
    Bank(Transport),
    /// Workers share data through a server, as in `server-share`.
    DataServer(SharingMethod),
    /// Workers share memory, as in `shared-memory`.
    SharedMemory(Primitive),
    /// Processes that add to one word: the limit of that.
    AddProcesses,
    /// Messages over a link of a mode, sent back by the parent.
    Link(Transport),
    /// Bytes over a pair of sockets, sent back.
    RawSocket,
    /// Bytes over two pipes, sent back.
    RawPipe,
    /// Bytes in memory that two processes share, sent back.
    RawMemory {
        /// Who waits sleeps, and does not look again and again.
        sleeps: bool,
    },
    /// A mode that starts a process for each operation.
    Starting(Transport),
    /// Processes of this program that end at once.
    Empty,
    /// A run on a ledger in a file.
    Ledger,
    /// Clients of a served ledger.
    Served,
    /// Appending to a file, and a sync.
    Append,
}

impl Way {
    /// What it is called: the command that uses it, or what a limit does.
    pub fn name(self) -> &'static str {
        match self {
            Way::Threads(_) => "sync",
            Way::AddThreads => "threads add to one word",
            Way::Bank(Transport::Socket) | Way::Starting(Transport::Socket) => "parallel",
            Way::Bank(Transport::Queue) | Way::Starting(Transport::Queue) => "queue",
            Way::Bank(Transport::Pipe) | Way::Starting(Transport::Pipe) => "pipe",
            Way::DataServer(_) => "server-share",
            Way::SharedMemory(_) => "shared-memory",
            Way::AddProcesses => "processes add to one word",
            Way::Link(Transport::Socket) => "link of parallel",
            Way::Link(Transport::Queue) => "link of queue",
            Way::Link(Transport::Pipe) => "link of pipe",
            Way::RawSocket => "raw socket",
            Way::RawPipe => "raw pipes",
            Way::RawMemory { sleeps: false } => "raw memory, spinning",
            Way::RawMemory { sleeps: true } => "raw memory, futex",
            Way::Empty => "empty process",
            Way::Ledger => "parallel --ledger FILE",
            Way::Served => "serve",
            Way::Append => "append and fdatasync",
        }
    }

    /// The mode that it is a part of.
    pub fn mode(self) -> Mode {
        match self {
            Way::DataServer(_) => Mode::ServerShare,
            Way::SharedMemory(_) => Mode::SharedMemory,
            Way::Bank(transport) | Way::Starting(transport) => mode(transport),
            _ => Mode::Parallel,
        }
    }

    /// How it keeps others out, where that can be chosen.
    pub fn sync(self) -> Option<&'static str> {
        match self {
            Way::Threads(method) => Some(method.word()),
            Way::DataServer(method) => Some(method.word()),
            Way::SharedMemory(primitive) => Some(primitive.word()),
            _ => None,
        }
    }

    /// Whether it is a limit of the system and no way of this program.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Way::AddThreads
                | Way::AddProcesses
                | Way::RawSocket
                | Way::RawPipe
                | Way::RawMemory { .. }
                | Way::Empty
                | Way::Append
        )
    }

    /// Whether it keeps no other out, so that updates may be lost.
    pub fn may_lose(self) -> bool {
        matches!(
            self,
            Way::Threads(SyncMethod::None)
                | Way::SharedMemory(Primitive::None)
                | Way::DataServer(SharingMethod {
                    sharing: Sharing::Unguarded,
                    ..
                })
        )
    }

    /// Whether it has worker processes that can be told where to run.
    pub fn has_workers(self) -> bool {
        !matches!(
            self,
            Way::Threads(_)
                | Way::AddThreads
                | Way::Starting(_)
                | Way::Empty
                | Way::Served
                | Way::Append
        )
    }
}

fn mode(transport: Transport) -> Mode {
    match transport {
        Transport::Socket => Mode::Parallel,
        Transport::Queue => Mode::Queue,
        Transport::Pipe => Mode::Pipe,
    }
}
