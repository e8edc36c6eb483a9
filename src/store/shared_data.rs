//! Data that the workers of a run share and decide on themselves, as its parent sees it.

use super::Standing;
use crate::bank::{Answer, Balance, Name, Operation, RepairedBy};
use crate::protocol::{ShareReply, ShareRequest};
use crate::shared_memory::MemoryPlace;

/// What the server process says to one request for shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellReply {
    /// Data, or news about a lease.
    Shared(ShareReply),
    /// The operation is decided.
    Decided(Answer),
    /// The lease is held by others; the answer follows when it is granted.
    Waits,
    /// No worker asks this, and why.
    Impossible(&'static str),
}

/// What became of an operation whose worker is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// It was not done.
    NotDone,
    /// It was not done, or not all of it; what there is to say.
    Unfinished(String),
    /// Its worker had done all of it, or the process that is named here completed it.
    Finished(Answer, Option<RepairedBy>),
    /// Its work had said no, and it is refused.
    Declined(Answer),
}

/// Data that workers share.
pub trait SharedData {
    /// Answers one request about operation `number`.
    fn ask(&mut self, number: u64, operation: &Operation, request: &ShareRequest) -> CellReply;

    /// Ends an operation whose worker is gone, or has given it up.
    fn abandon(&mut self, number: u64) -> Abandoned;

    /// How far below zero an account may go.
    fn overdraft_of(&self, name: &Name) -> Option<Balance>;

    /// Every account, in no particular order.
    fn standings(&self) -> Vec<Standing>;

    /// The leases that are free for the next of those that wait, with the cells it gets.
    fn grant(&mut self) -> Vec<(u64, ShareReply)> {
        Vec::new()
    }

    /// The operations that wait for a lease.
    fn waiting(&self) -> Vec<u64> {
        Vec::new()
    }

    /// An operation that names these accounts is about to be handed out.
    fn make_room_for(&mut self, _operation: &Operation) {}

    /// A worker is about to be started: where it finds the memory that it shares, if it does.
    ///
    /// # Errors
    ///
    /// There is no room for a further worker, and why.
    fn worker_slot(&mut self, _worker: u32) -> Result<Option<MemoryPlace>, String> {
        Ok(None)
    }

    /// A worker's process is gone, having ended as a worker should or not.
    fn worker_gone(&mut self, _worker: u32, _ended_well: bool) {}
}
