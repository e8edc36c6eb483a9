//! Why a worker ends before its work does.

use std::io;
use std::time::Duration;

use super::ENTRY;
use crate::link::LinkError;
use crate::status::Status;

/// Why a worker ends before its work does.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It was not started by a parent.
    #[error(
        "`{ENTRY}` is how bank-par starts its own workers; see `bank-par --help` for what to run"
    )]
    NotAWorker,
    /// Its link failed.
    #[error("worker {worker}: the link to the server (pid {parent}) failed: {source}")]
    Link {
        /// The worker's number.
        worker: u32,
        /// Its parent's process.
        parent: u32,
        /// What happened.
        source: LinkError,
    },
    /// It cannot run commands.
    #[error("worker {worker} cannot run commands: {source}")]
    Commands {
        /// The worker's number.
        worker: u32,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot reach the memory that it shares.
    #[error("worker {worker} cannot reach the memory of its run: {source}")]
    Memory {
        /// The worker's number.
        worker: u32,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot measure.
    #[error("worker {worker} cannot measure its operations: {source}")]
    Measure {
        /// The worker's number.
        worker: u32,
        /// What the system said.
        source: io::Error,
    },
    /// A reply did not come.
    #[error("worker {worker} waited {limit:?} for the server (pid {parent}) to answer its {asked}")]
    NoReply {
        /// The worker's number.
        worker: u32,
        /// Its parent's process.
        parent: u32,
        /// How long it waited.
        limit: Duration,
        /// What it asked.
        asked: &'static str,
    },
    /// The parent closed the link although an answer was due.
    #[error("worker {worker}: the server (pid {parent}) went away with an answer due")]
    ParentGone {
        /// The worker's number.
        worker: u32,
        /// Its parent's process.
        parent: u32,
    },
}

impl WorkerError {
    /// The exit status that tells it to the parent.
    pub fn status(&self) -> Status {
        match self {
            WorkerError::NotAWorker => Status::Usage,
            WorkerError::NoReply { .. } => Status::Deadline,
            WorkerError::Link { .. }
            | WorkerError::Commands { .. }
            | WorkerError::Memory { .. }
            | WorkerError::Measure { .. }
            | WorkerError::ParentGone { .. } => Status::Died,
        }
    }
}
