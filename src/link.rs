//! Links: the conversations between the parent and its workers, and how the modes carry them.
//!
//! The parent holds its ends of all links of a run behind [`Links`]; a worker holds its one end
//! behind [`WorkerEnd`]. Whatever the mechanism, both sides speak in the frames of
//! [`crate::protocol`].

mod folder;
pub use folder::Folder;
mod pipe;
mod queue;
mod socket;
mod stream;

use std::io;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use crate::poll::{PollKey, PollSet};
use crate::protocol::{Outbox, Probe, ProtocolError, Report, Timing, ToWorker, WorkerRequest};
use crate::sharing::Transport;
use crate::wake::Waker;

impl Transport {
    /// How requests travel, in words.
    pub fn mechanism(self) -> &'static str {
        match self {
            Transport::Socket => "asking over local sockets",
            Transport::Queue => "asking through one queue",
            Transport::Pipe => "asking through a pair of pipes each",
        }
    }

    /// The parent's ends of a new run. `waker` is woken by whatever arrives otherwise than on a
    /// descriptor that is polled.
    pub fn parent(self, waker: Waker) -> io::Result<Box<dyn Links>> {
        Ok(match self {
            Transport::Socket => Box::new(socket::SocketLinks::open()?),
            Transport::Queue => Box::new(queue::QueueLinks::open(waker)?),
            Transport::Pipe => Box::new(pipe::PipeLinks::default()),
        })
    }

    /// What runs of this process that follow each other have in common, for as long as it is held.
    pub fn keep_shared(self) -> io::Result<Option<Arc<Folder>>> {
        match self {
            Transport::Socket | Transport::Pipe => Ok(None),
            Transport::Queue => queue::shared_folder().map(Some),
        }
    }

    /// The end of worker `worker`, which finds its parent at `address`.
    pub fn worker(self, worker: u32, address: &str) -> Result<Box<dyn WorkerEnd>, LinkError> {
        Ok(match self {
            Transport::Socket => Box::new(socket::connect(worker, address)?),
            Transport::Queue => Box::new(queue::connect(worker, address)?),
            Transport::Pipe => Box::new(pipe::worker_end()),
        })
    }
}

/// The parent's ends of all links of one run.
pub trait Links {
    /// Prepares a link for a worker that is about to be spawned; returns the address it is given.
    fn prepare(&mut self, worker: u32, command: &mut Command) -> io::Result<String>;

    /// The worker's process exists; its pid authenticates it.
    fn spawned(&mut self, worker: u32, child: &mut Child) -> io::Result<()>;

    /// Adds what is to be polled.
    fn poll<'a>(&'a self, set: &mut PollSet<'a>);

    /// Reads what is ready and decodes all complete messages.
    fn receive(&mut self, ready: &[PollKey], arrivals: &mut Vec<Arrival>);

    /// Where messages for this worker are put; `None` if its link is closed.
    fn outbox(&mut self, worker: u32) -> Option<&mut Outbox>;

    /// Sends what waits in the outboxes, as far as the kernel takes it.
    fn flush(&mut self);

    /// Tells the worker that nothing more will come, once its outbox is empty.
    fn close(&mut self, worker: u32);

    /// The worker's process has ended: reads its link to the end. `Closed` or `Broken` follows for
    /// it, at once or with a later [`Links::receive`].
    fn exited(&mut self, worker: u32, arrivals: &mut Vec<Arrival>);
}

/// What came from one worker.
#[derive(Debug)]
pub struct Arrival {
    /// Which worker.
    pub worker: u32,
    /// What.
    pub what: Arrived,
}

/// What can come from a worker.
#[derive(Debug)]
pub enum Arrived {
    /// It is there and takes operations.
    Ready,
    /// A block of requests.
    Requests(Vec<WorkerRequest>),
    /// A block of reports.
    Reports(Vec<Report>),
    /// A block of times.
    Timings(Vec<Timing>),
    /// A block of probes.
    Probes(Vec<Probe>),
    /// Its link has ended; all that it sent was delivered.
    Closed,
    /// It sent what no worker sends, or its link failed; nothing more is read from it.
    Broken(String),
}

/// A worker's end of its link.
pub trait WorkerEnd {
    /// Sends all that waits in the outbox.
    fn send(&mut self, outbox: &mut Outbox) -> Result<(), LinkError>;

    /// Waits for the next message, with `None` for as long as the parent lives.
    fn receive(&mut self, timeout: Option<Duration>) -> Result<Received, LinkError>;
}

/// What a worker gets from its link.
pub enum Received {
    /// A message.
    Message(ToWorker),
    /// The parent will send nothing more.
    Closed,
    /// Nothing came in the time that was given.
    Nothing,
}

/// Why a worker's link failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes that came are no message.
    #[error("{0}")]
    Protocol(#[from] ProtocolError),
    /// The other end is not who it must be.
    #[error("the other end of the link is {0}")]
    Stranger(String),
}

impl From<rustix::io::Errno> for LinkError {
    fn from(errno: rustix::io::Errno) -> Self {
        LinkError::Io(errno.into())
    }
}
