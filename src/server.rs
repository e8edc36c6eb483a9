//! Where a run's requests are decided: the server process that the parent plays takes what arrived from
//! all links as one batch, has it decided, and says what goes back to which worker.

mod durable;
mod in_memory;

use std::io;
use std::sync::Arc;

use crate::bank::{Answer, Balance, Name, Operation, Outcome, Request, RequestContext, WorkEnd};
use crate::protocol::{ReplyBody, ShareRequest};
use crate::shared_memory::MemoryPlace;
use crate::store::{Abandoned, AtStake, LedgerError, Memory, SharedData, Standing};
use crate::wake::Waker;
use durable::Durable;
pub use durable::RunLedger;
pub use in_memory::InMemory;

/// One request of a batch.
#[derive(Debug)]
pub struct Incoming {
    /// Who asks, about which operation.
    pub caller: RequestContext,
    /// What is asked.
    pub request: RunRequest,
    /// Its worker is gone, and this is asked in its stead: no worker waits for the answer.
    pub abandoned: bool,
}

impl Incoming {
    /// What ends an operation whose worker is gone and that was not decided: what was set aside is given
    /// back, or stays set aside where no process knows what the worker did; a lease goes to the next.
    /// [`Outgoing::Abandoned`] follows, once that counts.
    pub fn abandoned(caller: RequestContext, end: WorkEnd) -> Self {
        Incoming {
            caller,
            request: RunRequest::Bank(Request::End(end)),
            abandoned: true,
        }
    }
}

/// What a run asks about one of its operations.
#[derive(Clone, Debug)]
pub enum RunRequest {
    /// The bank decides.
    Bank(Request),
    /// The operation's worker decides on data that it shares. It stands apart, so that a request to the bank,
    /// of which there are many more, is half as long.
    Share(Operation, Box<ShareRequest>),
}

/// What follows from one request.
#[derive(Debug)]
pub enum Outgoing {
    /// An answer for the worker of this operation.
    Reply(u64, ReplyBody),
    /// The operation waits for a lease.
    Waits(u64),
    /// No worker asks this of this operation, and why.
    Impossible(u64, &'static str),
    /// What became of the operation, whose worker is gone or gave it up.
    Abandoned(u64, Abandoned),
}

/// Answers what a run submits, at once or later.
pub struct RunStore {
    decider: Decider,
    /// Decided and not collected.
    out: Vec<Outgoing>,
    /// How many requests were submitted so far.
    submitted: u64,
    /// How many of them, from the first on, need no more waiting for.
    settled: u64,
    /// The accounts as they stand at the end.
    standings: Vec<Standing>,
}

/// Where balances live.
enum Decider {
    InMemory(InMemory),
    /// In a ledger that lasts.
    Durable(Box<Durable>),
}

impl RunStore {
    /// The bank decides, in memory.
    pub fn bank(memory: Memory) -> Self {
        RunStore::new(Decider::InMemory(InMemory::Bank(Box::new(memory))))
    }

    /// The workers decide, on data that they share.
    pub fn shared(data: impl SharedData + 'static) -> Self {
        RunStore::new(Decider::InMemory(InMemory::Shared(Box::new(data))))
    }

    /// The bank decides, on a ledger that lasts. The answers come later, and the waker is woken. What
    /// the ledger certainly did not do it is asked again, for a time that fits what is at stake.
    pub fn durable(ledger: RunLedger, at_stake: AtStake, waker: Waker) -> io::Result<Self> {
        let durable = Durable::start(ledger, at_stake, waker)?;
        Ok(RunStore::new(Decider::Durable(Box::new(durable))))
    }

    fn new(decider: Decider) -> Self {
        RunStore {
            decider,
            out: Vec::new(),
            submitted: 0,
            settled: 0,
            standings: Vec::new(),
        }
    }

    /// Takes a batch to decide in its order.
    pub fn submit(&mut self, batch: Vec<Incoming>) {
        let first = self.submitted;
        self.submitted += batch.len() as u64;
        match &mut self.decider {
            Decider::InMemory(memory) => {
                for incoming in batch {
                    memory.decide(incoming, &mut self.out);
                }
            }
            Decider::Durable(durable) => self.out.extend(durable.submit(batch, first)),
        }
    }

    /// What was decided since the last time. The answers to one request may include those to earlier
    /// ones that waited for it.
    pub fn collect(&mut self) -> Vec<Outgoing> {
        let mut out = std::mem::take(&mut self.out);
        self.settled = self.submitted;
        if let Decider::Durable(durable) = &mut self.decider {
            durable.collect(&mut out);
            self.settled = durable.first_due().unwrap_or(self.submitted);
        }
        out
    }

    /// How far below zero an account may go whose money was not enough a moment ago.
    pub fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        match &self.decider {
            Decider::InMemory(memory) => memory.overdraft_of(name),
            Decider::Durable(durable) => durable.overdraft_of(name),
        }
    }

    /// These operations are about to be handed out.
    pub fn make_room_for<'a>(&mut self, operations: impl Iterator<Item = &'a Operation>) {
        if let Decider::InMemory(memory) = &mut self.decider {
            operations.for_each(|operation| memory.make_room_for(operation));
        }
    }

    /// Where a worker that is about to be started finds the memory that it shares, if it does.
    ///
    /// # Errors
    ///
    /// The memory has no room for a further worker.
    pub fn worker_slot(&mut self, worker: u32) -> io::Result<Option<MemoryPlace>> {
        match &mut self.decider {
            Decider::InMemory(memory) => memory.worker_slot(worker).map_err(io::Error::other),
            Decider::Durable(_) => Ok(None),
        }
    }

    /// A worker's process is gone, having ended as a worker should or not.
    pub fn worker_gone(&mut self, worker: u32, ended_well: bool) {
        if let Decider::InMemory(memory) = &mut self.decider {
            memory.worker_gone(worker, ended_well);
        }
    }

    /// Why the ledger decides nothing more, told once. It is unknown then what became of all that was
    /// submitted and has not settled.
    pub fn failure(&mut self) -> Option<Arc<LedgerError>> {
        match &mut self.decider {
            Decider::InMemory(_) => None,
            Decider::Durable(durable) => durable.failure(),
        }
    }

    /// What is to be said about the ledger, if it is waited for.
    pub fn messages(&mut self) -> Vec<String> {
        match &mut self.decider {
            Decider::InMemory(_) => Vec::new(),
            Decider::Durable(durable) => durable.messages(),
        }
    }

    /// A ledger that cannot do at once what it is asked is waited for no longer.
    pub fn stop_retrying(&self) {
        if let Decider::Durable(durable) = &self.decider {
            durable.stop_retrying();
        }
    }

    /// Acts while no batch is being decided, if that does not take too long.
    pub fn between_batches(&self, act: impl FnOnce()) {
        match &self.decider {
            Decider::InMemory(_) => act(),
            Decider::Durable(durable) => durable.between_batches(act),
        }
    }

    /// Waits for nothing any more: all that was submitted counts as settled.
    pub fn give_up(&mut self) {
        if let Decider::Durable(durable) = &mut self.decider {
            durable.give_up();
        }
        self.settled = self.submitted;
    }

    /// How many of all requests, from the first on, need no more waiting for: their answers were
    /// collected.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// What tells all operations that wait for a lease that it is not in vain, so that their wait begins anew.
    pub fn extend_lease_waits(&self) -> Vec<Outgoing> {
        match &self.decider {
            Decider::InMemory(memory) => memory.extend_lease_waits(),
            Decider::Durable(_) => Vec::new(),
        }
    }

    /// Asks for the end of it all: nothing more will be submitted. In memory every account is wanted
    /// in the end, of a ledger that lasts these.
    pub fn close(&mut self, names: impl FnOnce() -> Vec<Name>) {
        match &mut self.decider {
            Decider::InMemory(memory) => self.standings = memory.standings(),
            Decider::Durable(durable) => durable.close(names()),
        }
    }

    /// Whether the end has come; until then there is more to collect.
    pub fn is_closed(&self) -> bool {
        match &self.decider {
            Decider::InMemory(_) => true,
            Decider::Durable(durable) => durable.is_closed(),
        }
    }

    /// The accounts at the end, the bank's own first, then by name.
    pub fn standings(&mut self) -> Vec<Standing> {
        let mut standings = match &mut self.decider {
            Decider::InMemory(_) => std::mem::take(&mut self.standings),
            Decider::Durable(durable) => durable.standings(),
        };
        standings
            .sort_by_cached_key(|standing| (!standing.name.is_the_banks(), standing.name.clone()));
        standings
    }
}

/// What follows from an answer, or from there being none.
pub(crate) fn outgoing(number: u64, abandoned: bool, answer: Option<Answer>) -> Outgoing {
    match answer {
        Some(answer) if abandoned && matches!(answer.outcome, Outcome::Refused { .. }) => {
            Outgoing::Abandoned(number, Abandoned::Declined(answer))
        }
        _ if abandoned => Outgoing::Abandoned(number, Abandoned::NotDone),
        Some(answer) => Outgoing::Reply(number, ReplyBody::Decided(answer)),
        None => Outgoing::Impossible(number, "the end of an operation that was not begun"),
    }
}

fn not_shared(number: u64) -> Outgoing {
    Outgoing::Impossible(number, "shared data where the bank decides")
}

#[cfg(test)]
mod tests;
