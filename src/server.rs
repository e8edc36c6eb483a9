//! The server process that the parent plays: it takes what arrived from all links as one batch, has
//! it decided, and says what goes back to whom.

use crate::bank::{Answer, Asked, Caller, Name, Request as BankRequest, ShareReply};
use crate::protocol::{Ask, Said};
use crate::store::{Cells, Memory, Standing, Verdict};

/// One request of a batch.
pub struct Incoming {
    /// The operation's number.
    pub number: u64,
    /// The account it works on.
    pub account: Name,
    /// What its worker asks.
    pub ask: Ask,
}

/// What follows from one request.
#[derive(Debug)]
pub enum Outgoing {
    /// An answer for the worker of this operation.
    Reply(u64, Said),
    /// The operation waits for a lease.
    Waits(u64),
    /// No worker asks this of this operation, and why.
    Impossible(u64, &'static str),
}

/// Who decides.
pub enum Server {
    /// The bank, on its own books.
    Bank(Memory),
    /// The workers, on shared cells.
    Cells(Cells),
}

impl Server {
    /// Decides a batch in its order. The answers to one request may include those to earlier ones
    /// that waited for it.
    pub fn decide(&mut self, batch: Vec<Incoming>) -> Vec<Outgoing> {
        let batch = batch.into_iter();
        match self {
            Server::Bank(memory) => batch
                .map(|incoming| decide_by_bank(memory, incoming))
                .collect(),
            Server::Cells(cells) => batch
                .flat_map(|incoming| decide_by_cells(cells, &incoming))
                .collect(),
        }
    }

    /// Ends an operation whose worker is gone and that was not decided: what was set aside is given
    /// back, a lease goes to the next.
    pub fn abandon(&mut self, number: u64) -> Vec<Outgoing> {
        match self {
            Server::Bank(memory) => {
                memory.decide(&asked(number, BankRequest::Void));
                Vec::new()
            }
            Server::Cells(cells) => {
                cells.abandon(number);
                grants(cells)
            }
        }
    }

    /// News for all who wait for a lease, so that their patience starts anew.
    pub fn comfort(&self) -> Vec<Outgoing> {
        match self {
            Server::Bank(_) => Vec::new(),
            Server::Cells(cells) => {
                let news = |number| Outgoing::Reply(number, Said::Shared(ShareReply::Waiting));
                cells.waiting().map(news).collect()
            }
        }
    }

    /// Every account, the bank's own first, then by name.
    pub fn standings(&self) -> Vec<Standing> {
        let mut standings = match self {
            Server::Bank(memory) => memory.standings(),
            Server::Cells(cells) => cells.standings(),
        };
        standings
            .sort_by_cached_key(|standing| (!standing.name.is_the_banks(), standing.name.clone()));
        standings
    }
}

fn decide_by_bank(memory: &mut Memory, incoming: Incoming) -> Outgoing {
    let number = incoming.number;
    match incoming.ask {
        Ask::Bank(request) => reply(number, memory.decide(&asked(number, request))),
        Ask::Share(_) => Outgoing::Impossible(number, "shared data where the bank decides"),
    }
}

fn asked(number: u64, request: BankRequest) -> Asked {
    let caller = Caller {
        number,
        ..Caller::default()
    };
    Asked { caller, request }
}

fn reply(number: u64, answer: Option<Answer>) -> Outgoing {
    match answer {
        Some(answer) => Outgoing::Reply(number, Said::Decided(answer)),
        None => Outgoing::Impossible(number, "the end of an operation that was not begun"),
    }
}

fn decide_by_cells(cells: &mut Cells, incoming: &Incoming) -> Vec<Outgoing> {
    let number = incoming.number;
    let Ask::Share(request) = &incoming.ask else {
        return vec![Outgoing::Impossible(
            number,
            "a decision of the bank where data is shared",
        )];
    };
    let own = match cells.ask(number, &incoming.account, request) {
        Verdict::Shared(reply) => Outgoing::Reply(number, Said::Shared(reply)),
        Verdict::Decided(answer) => Outgoing::Reply(number, Said::Decided(answer)),
        Verdict::Waits => Outgoing::Waits(number),
        Verdict::Impossible(why) => Outgoing::Impossible(number, why),
    };
    let ended = matches!(own, Outgoing::Reply(_, Said::Decided(_)));
    let mut all = vec![own];
    if ended {
        all.extend(grants(cells));
    }
    all
}

fn grants(cells: &mut Cells) -> Vec<Outgoing> {
    let granted = |(number, reply)| Outgoing::Reply(number, Said::Shared(reply));
    cells.grant().into_iter().map(granted).collect()
}
