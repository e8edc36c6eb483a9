//! Decided at once, where the request is asked: by the bank on its own state, or by the workers on
//! shared cells.

use super::{Incoming, Outgoing, not_shared, outgoing};
use crate::bank::{Asked, Balance, Name, ShareReply};
use crate::protocol::{Ask, Said};
use crate::store::{CellReply, Cells, Memory, Standing};

/// Balances that live as long as their run.
pub enum InMemory {
    /// The bank decides.
    Bank(Memory),
    /// The workers decide, on these cells.
    Cells(Cells),
}

impl InMemory {
    /// Adds what follows from a request: first what concerns its own operation, then what others get
    /// that waited for a lease.
    pub fn decide(&mut self, incoming: Incoming, out: &mut Vec<Outgoing>) {
        match self {
            InMemory::Bank(memory) => out.push(decide_by_bank(memory, incoming)),
            InMemory::Cells(cells) => decide_by_cells(cells, &incoming, out),
        }
    }

    /// How far below zero an account may go.
    pub fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        match self {
            InMemory::Bank(memory) => memory.overdraft_of(name),
            InMemory::Cells(cells) => cells.overdraft_of(name),
        }
    }

    /// News for all operations that wait for a lease, so that their wait begins anew.
    pub fn extend_lease_waits(&self) -> Vec<Outgoing> {
        match self {
            InMemory::Bank(_) => Vec::new(),
            InMemory::Cells(cells) => {
                let news = |number| Outgoing::Reply(number, Said::Shared(ShareReply::Waiting));
                cells.waiting().map(news).collect()
            }
        }
    }

    /// Every account, in no particular order.
    pub fn standings(&self) -> Vec<Standing> {
        match self {
            InMemory::Bank(memory) => memory.standings(),
            InMemory::Cells(cells) => cells.standings(),
        }
    }
}

fn decide_by_bank(memory: &mut Memory, incoming: Incoming) -> Outgoing {
    let Incoming {
        caller,
        ask,
        abandoned,
        ..
    } = incoming;
    let Ask::Bank(request) = ask else {
        return not_shared(caller.number);
    };
    let answer = memory.decide(&Asked { caller, request });
    outgoing(caller.number, abandoned, answer)
}

fn decide_by_cells(cells: &mut Cells, incoming: &Incoming, out: &mut Vec<Outgoing>) {
    let number = incoming.caller.number;
    let own = if incoming.abandoned {
        cells.abandon(number);
        Outgoing::Abandoned(number)
    } else {
        ask_cells(cells, incoming)
    };
    let ended = matches!(
        own,
        Outgoing::Abandoned(_) | Outgoing::Reply(_, Said::Decided(_))
    );
    out.push(own);
    if ended {
        let granted = |(number, reply)| Outgoing::Reply(number, Said::Shared(reply));
        out.extend(cells.grant().into_iter().map(granted));
    }
}

fn ask_cells(cells: &mut Cells, incoming: &Incoming) -> Outgoing {
    let number = incoming.caller.number;
    let (Ask::Share(request), Some(operation)) = (&incoming.ask, &incoming.operation) else {
        return Outgoing::Impossible(number, "a decision of the bank where data is shared");
    };
    match cells.ask(number, operation, request) {
        CellReply::Shared(reply) => Outgoing::Reply(number, Said::Shared(reply)),
        CellReply::Decided(answer) => Outgoing::Reply(number, Said::Decided(answer)),
        CellReply::Waits => Outgoing::Waits(number),
        CellReply::Impossible(why) => Outgoing::Impossible(number, why),
    }
}
