//! Requests decided in an order that was given, one turn after another.

use std::collections::VecDeque;
use std::fmt;

use super::dispatch::operation_of;
use super::requests::{Pending, RequestOrder};
use crate::bank::{Request as BankRequest, ShareRequest};
use crate::protocol::Ask;

/// What a worker asks when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A lease on cells, and what they hold.
    Acquire,
    /// What cells hold.
    Read,
    /// To write cells.
    Write,
    /// To write cells that nobody else has written since.
    CompareAndSet,
    /// To end without having written.
    Settle,
    /// The whole operation.
    Execute,
    /// To set the money aside.
    Begin,
    /// To move what was set aside.
    Post,
    /// What no order gives a turn.
    Other,
}

impl RequestKind {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Share(ShareRequest::Lock(_)) => RequestKind::Acquire,
            Ask::Share(ShareRequest::Read(_)) => RequestKind::Read,
            Ask::Share(ShareRequest::Write(_)) => RequestKind::Write,
            Ask::Share(ShareRequest::CompareAndSet(_)) => RequestKind::CompareAndSet,
            Ask::Share(ShareRequest::Settle(_)) => RequestKind::Settle,
            Ask::Bank(BankRequest::Execute(_)) => RequestKind::Execute,
            Ask::Bank(BankRequest::Begin(_)) => RequestKind::Begin,
            Ask::Bank(BankRequest::Post { .. }) => RequestKind::Post,
            Ask::Share(_) | Ask::Bank(_) => RequestKind::Other,
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestKind::Acquire => "acquire",
            RequestKind::Read => "read",
            RequestKind::Write => "write",
            RequestKind::CompareAndSet => "compare and set",
            RequestKind::Settle => "settle",
            RequestKind::Execute => "execute",
            RequestKind::Begin => "begin",
            RequestKind::Post => "post",
            RequestKind::Other => "something else",
        })
    }
}

/// Whose request is decided when, and which it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTurn {
    /// The operation, by its place in the input, from 1.
    pub operation: u32,
    /// What its worker must ask.
    pub request: RequestKind,
}

impl fmt::Display for RequestTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestTurn { operation, request } = self;
        write!(f, "operation {operation} must ask to `{request}`")
    }
}

/// Holds turns back until a person, for example, wants the next one.
pub type Permit = Box<dyn FnMut() -> bool + Send>;

/// Decides requests in the order that was given. A request whose turn has not come waits.
pub struct GivenOrder {
    turns: Vec<RequestTurn>,
    taken: usize,
    /// The request of the next turn has arrived, and waits for the permit.
    has_arrived: bool,
    permit: Permit,
}

impl GivenOrder {
    /// These turns, each as soon as its request has arrived and the permit is given.
    pub fn new(turns: Vec<RequestTurn>, permit: Permit) -> Self {
        GivenOrder {
            turns,
            taken: 0,
            has_arrived: false,
            permit,
        }
    }

    /// What cannot be: an operation whose turn it is asks for something else.
    fn check(&self, turn: RequestTurn, asked: RequestKind) -> Result<(), String> {
        match asked == turn.request {
            true => Ok(()),
            false => Err(format!(
                "in turn {} of {} {turn}, and it asks to `{asked}`",
                self.taken + 1,
                self.turns.len()
            )),
        }
    }
}

impl RequestOrder for GivenOrder {
    fn choose(&mut self, pending: &VecDeque<Pending>) -> Result<Option<usize>, String> {
        let asked = |pending: &Pending| RequestTurn {
            operation: operation_of(pending.request.number),
            request: RequestKind::of(&pending.request.ask),
        };
        let Some(turn) = self.turns.get(self.taken).copied() else {
            return match pending.front().map(asked) {
                Some(RequestTurn { operation, request }) => Err(format!(
                    "all turns were taken, and operation {operation} asks to `{request}`"
                )),
                None => Ok(None),
            };
        };
        let mut all = (0..).zip(pending.iter().map(asked));
        let Some((place, asked)) = all.find(|(_, asked)| asked.operation == turn.operation) else {
            return Ok(None);
        };
        self.check(turn, asked.request)?;
        self.has_arrived = true;
        if !(self.permit)() {
            return Ok(None);
        }
        self.has_arrived = false;
        self.taken += 1;
        Ok(Some(place))
    }

    fn awaited(&self) -> Option<String> {
        let turn = self.turns.get(self.taken).filter(|_| !self.has_arrived)?;
        let (number, all) = (self.taken + 1, self.turns.len());
        Some(format!("in turn {number} of {all} {turn}"))
    }

    fn is_given(&self) -> bool {
        true
    }
}
