//! What travels between the parent and its workers, and between the server process of a ledger and its
//! clients, and how it is written as bytes.
//!
//! A frame is a length (u32, little endian, of what follows it), a kind (u8), the worker's number
//! (u32, little endian) and as many elements of that kind as fit, each in bincode's standard
//! encoding. Only this module knows that encoding. The bank's own types travel: what decodes is possible
//! in the bank, since names, ids, amounts and limits are read only where they are valid.

mod frame;
mod ledger;
mod share;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bank::{Answer, Operation, WorkEnd};
use crate::work::{CommandEvent, Work};

use frame::HEADER;
pub use frame::{Frame, Inbox, MAX_FRAME, Outbox};
pub use ledger::{LedgerFault, Query, Response, ToClient, ToServer, VERSION};
pub use share::{ShareReply, ShareRequest};

/// How long a reply may take before a worker gives up and says so.
pub const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// One operation for a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The operation's number within the run.
    pub number: u64,
    /// What is asked for.
    pub operation: Operation,
    /// What its work is.
    pub work: Work,
}

/// What a worker asks about one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRequest {
    /// The operation's number within the run.
    pub number: u64,
    /// What is asked.
    pub ask: Ask,
}

/// The ways to ask: the bank for a decision, or the server process for shared data. What the operation
/// asks for does not travel back: the parent knows what it assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// The bank decides on the whole operation.
    Execute,
    /// The bank sets the operation's money aside.
    Begin,
    /// The operation's work ends so.
    End(WorkEnd),
    /// The worker decides on data that it shares.
    Share(ShareRequest),
}

/// What a worker tells of one operation's command. It has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The operation's number within the run.
    pub number: u64,
    /// What happened.
    pub event: CommandEvent,
}

/// When a worker sent a request and had its answer, by the clock that all processes of the machine share.
/// Told only where every step is; it has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The operation's number within the run.
    pub number: u64,
    /// Just before it was sent, in microseconds.
    pub sent_us: u64,
    /// Just after the answer was there.
    pub returned_us: u64,
}

/// A message of any size that is sent back as it came: by it `compare` measures a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Which one it is.
    pub number: u64,
    /// What it carries.
    #[serde(with = "serde_bytes")]
    pub padding: Vec<u8>,
}

/// What the parent answers about one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The operation's number within the run.
    pub number: u64,
    /// The answer.
    pub body: ReplyBody,
}

/// The two kinds of answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyBody {
    /// What the bank decided; anything but `Held` ends the operation.
    Decided(Answer),
    /// Shared data.
    Shared(ShareReply),
}

/// A decoded frame from a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToParent {
    /// The worker is there.
    Hello,
    /// A block of requests.
    Requests(Vec<WorkerRequest>),
    /// A block of reports.
    Reports(Vec<Report>),
    /// A block of times.
    Timings(Vec<Timing>),
    /// A block of probes.
    Probes(Vec<Probe>),
    /// Put on a shared queue by the parent itself: whatever the worker sent stands before it.
    Gone,
}

/// A decoded frame from the parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorker {
    /// A block of operations.
    Assignments(Vec<Assignment>),
    /// A block of replies.
    Replies(Vec<Reply>),
    /// A block of probes, as they came.
    Probes(Vec<Probe>),
}

/// What foreign bytes can be wrong about.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A length that no frame has.
    #[error("a message claims {0} bytes, where {HEADER} to {MAX_FRAME} are possible")]
    Length(usize),
    /// A kind that does not exist, or not in this direction.
    #[error("a message has the unknown kind {0}")]
    Kind(u8),
    /// Bytes that encode no element.
    #[error("a message cannot be decoded: {0}")]
    Encoding(String),
    /// A message that decodes, but has no sense where it stands.
    #[error("a message names an impossible {0}")]
    Content(&'static str),
    /// The frame ended before its length did.
    #[error("a message was cut off: {0} bytes of it arrived")]
    Truncated(usize),
    /// The other end says other things, or the same things otherwise.
    #[error(
        "it speaks version {theirs} of the protocol, and this program version {VERSION}: use the same `bank-par` on both sides"
    )]
    Version {
        /// What the other end speaks.
        theirs: u32,
    },
}

/// At most how many bytes an operation takes on the wire.
pub fn weight(operation: &Operation) -> usize {
    const NUMBERS: usize = 48;
    let id = operation.id.as_ref().map_or(0, |id| id.as_str().len());
    let to = operation.to().map_or(0, |to| to.as_str().len());
    let kept = operation.kept_text().map_or(0, |text| text.len());
    NUMBERS + id + to + operation.account.as_str().len() + kept
}
