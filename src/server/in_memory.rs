//! Decided at once, where the request is asked: by the bank on its own state, or by the workers on data
//! that they share.

use super::{Incoming, Outgoing, RunRequest, not_shared, outgoing};
use crate::bank::{Asked, Balance, Name, Operation};
use crate::protocol::{ReplyBody, ShareReply};
use crate::shared_memory::MemoryPlace;
use crate::store::{CellReply, Memory, SharedData, Standing};

/// Balances that live as long as their run.
pub enum InMemory {
    /// The bank decides.
    Bank(Box<Memory>),
    /// The workers decide, on data that they share.
    Shared(Box<dyn SharedData>),
}

impl InMemory {
    /// Adds what follows from a request: first what concerns its own operation, then what others get
    /// that waited for a lease.
    pub fn decide(&mut self, incoming: Incoming, out: &mut Vec<Outgoing>) {
        match self {
            InMemory::Bank(memory) => out.push(decide_by_bank(memory, incoming)),
            InMemory::Shared(data) => decide_by_workers(&mut **data, &incoming, out),
        }
    }

    /// How far below zero an account may go.
    pub fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        match self {
            InMemory::Bank(memory) => memory.overdraft_of(name),
            InMemory::Shared(data) => data.overdraft_of(name),
        }
    }

    /// An operation is about to be handed out.
    pub fn make_room_for(&mut self, operation: &Operation) {
        if let InMemory::Shared(data) = self {
            data.make_room_for(operation);
        }
    }

    /// Where a worker that is about to be started finds the memory that it shares, if it does.
    ///
    /// # Errors
    ///
    /// The memory has no room for a further worker, and why.
    pub fn worker_slot(&mut self, worker: u32) -> Result<Option<MemoryPlace>, String> {
        match self {
            InMemory::Bank(_) => Ok(None),
            InMemory::Shared(data) => data.worker_slot(worker),
        }
    }

    /// A worker's process is gone, having ended as a worker should or not.
    pub fn worker_gone(&mut self, worker: u32, ended_well: bool) {
        if let InMemory::Shared(data) = self {
            data.worker_gone(worker, ended_well);
        }
    }

    /// What tells all operations that wait for a lease that it is not in vain, so that their wait begins anew.
    pub fn extend_lease_waits(&self) -> Vec<Outgoing> {
        match self {
            InMemory::Bank(_) => Vec::new(),
            InMemory::Shared(data) => {
                let waiting =
                    |number| Outgoing::Reply(number, ReplyBody::Shared(ShareReply::Waiting));
                data.waiting().into_iter().map(waiting).collect()
            }
        }
    }

    /// Every account, in no particular order.
    pub fn standings(&self) -> Vec<Standing> {
        match self {
            InMemory::Bank(memory) => memory.standings(),
            InMemory::Shared(data) => data.standings(),
        }
    }
}

fn decide_by_bank(memory: &mut Memory, incoming: Incoming) -> Outgoing {
    let Incoming {
        caller,
        request,
        abandoned,
    } = incoming;
    let RunRequest::Bank(request) = request else {
        return not_shared(caller.number);
    };
    let answer = memory.decide(&Asked { caller, request });
    outgoing(caller.number, abandoned, answer)
}

fn decide_by_workers(data: &mut dyn SharedData, incoming: &Incoming, out: &mut Vec<Outgoing>) {
    let number = incoming.caller.number;
    let own = if incoming.abandoned {
        Outgoing::Abandoned(number, data.abandon(number))
    } else {
        ask_shared(data, incoming)
    };
    let ended = matches!(
        own,
        Outgoing::Abandoned(..) | Outgoing::Reply(_, ReplyBody::Decided(_))
    );
    out.push(own);
    if ended {
        let granted = |(number, reply)| Outgoing::Reply(number, ReplyBody::Shared(reply));
        out.extend(data.grant().into_iter().map(granted));
    }
}

fn ask_shared(data: &mut dyn SharedData, incoming: &Incoming) -> Outgoing {
    let number = incoming.caller.number;
    let RunRequest::Share(operation, request) = &incoming.request else {
        return Outgoing::Impossible(number, "a decision of the bank where data is shared");
    };
    match data.ask(number, operation, request) {
        CellReply::Shared(reply) => Outgoing::Reply(number, ReplyBody::Shared(reply)),
        CellReply::Decided(answer) => Outgoing::Reply(number, ReplyBody::Decided(answer)),
        CellReply::Waits => Outgoing::Waits(number),
        CellReply::Impossible(why) => Outgoing::Impossible(number, why),
    }
}
