//! Why an operation could not be done.

use serde::{Deserialize, Serialize};

use crate::bank::Rejection;
use crate::status::Status;

/// Why an operation could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of fault.
    pub cause: Cause,
    /// In words: who, what, how long.
    pub detail: String,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The worker's process ended before its operation did.
    #[serde(rename = "worker_died")]
    Died,
    /// A deadline passed and the worker was ended.
    #[serde(rename = "deadline")]
    Deadline,
    /// The worker sent what no worker sends and was ended.
    #[serde(rename = "protocol")]
    Protocol,
    /// The ledger failed.
    #[serde(rename = "ledger")]
    Ledger,
    /// The operation's command failed.
    #[serde(rename = "command_failed")]
    Command,
    /// Its command succeeded, and what it says it has spent cannot be read.
    #[serde(rename = "unreadable_actual")]
    Unreadable,
    /// A person or another process decided that its work, whose end was not seen, counts as failed.
    #[serde(rename = "voided")]
    Voided,
}

impl Cause {
    /// The exit status that follows from it.
    pub fn status(self) -> Status {
        match self {
            Cause::Deadline => Status::Deadline,
            Cause::Died | Cause::Protocol => Status::Died,
            Cause::Ledger | Cause::Unreadable => Status::Ledger,
            Cause::Command | Cause::Voided => Status::Failed,
        }
    }
}

/// Why an operation was not completed, as one word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a reason is a text")]
pub enum Reason {
    /// The bank said no.
    Rejected(Rejection),
    /// It could not be done.
    Faulty(Cause),
    /// A word of another program, which is kept as it is.
    Foreign(Box<str>),
}
