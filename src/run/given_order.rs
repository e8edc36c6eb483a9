//! Requests decided in an order that was given, one turn after another.

use std::collections::VecDeque;
use std::fmt;

use super::dispatch::handout_of;
use super::requests::{Pending, RequestOrder};
use crate::bank::{SharePoint, WorkEnd};
use crate::protocol::{Ask, ReplyBody, ShareReply, ShareRequest};
use crate::server::Outgoing;

/// What a worker asks when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnRequest {
    /// A lease on cells, and what they hold.
    Acquire,
    /// What cells hold.
    Read,
    /// To write cells.
    Write,
    /// To write cells that no other process has written since.
    CompareAndSet,
    /// To end without having written.
    Settle,
    /// The whole operation.
    Execute,
    /// To set the money aside.
    Begin,
    /// To move what was set aside.
    Post,
    /// To take this access to memory that it reaches itself.
    Access(SharePoint),
    /// To end an operation that it has decided on such memory.
    Decided,
    /// What no order has a turn for.
    Other,
}

impl TurnRequest {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Share(ShareRequest::Lock(_)) => TurnRequest::Acquire,
            Ask::Share(ShareRequest::Read(_)) => TurnRequest::Read,
            Ask::Share(ShareRequest::Write(_)) => TurnRequest::Write,
            Ask::Share(ShareRequest::CompareAndSet(_)) => TurnRequest::CompareAndSet,
            Ask::Share(ShareRequest::Settle(_)) => TurnRequest::Settle,
            Ask::Share(ShareRequest::Turn(point)) => TurnRequest::Access(*point),
            Ask::Share(ShareRequest::Decided(_)) => TurnRequest::Decided,
            Ask::Execute => TurnRequest::Execute,
            Ask::Begin => TurnRequest::Begin,
            Ask::End(WorkEnd::Post { .. }) => TurnRequest::Post,
            Ask::Share(_) | Ask::End(_) => TurnRequest::Other,
        }
    }
}

impl fmt::Display for TurnRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TurnRequest::Acquire => "acquire",
            TurnRequest::Read => "read",
            TurnRequest::Write => "write",
            TurnRequest::CompareAndSet => "compare and set",
            TurnRequest::Settle => "settle",
            TurnRequest::Execute => "execute",
            TurnRequest::Begin => "begin",
            TurnRequest::Post => "post",
            TurnRequest::Access(SharePoint::Acquire) => "acquire a lock",
            TurnRequest::Access(SharePoint::Read) => "read memory",
            TurnRequest::Access(SharePoint::Write) => "write memory",
            TurnRequest::Access(SharePoint::HalfWritten) => "go on writing memory",
            TurnRequest::Access(SharePoint::Release) => "release a lock",
            TurnRequest::Decided => "end",
            TurnRequest::Other => "something else",
        })
    }
}

/// Whose request is decided when, and which it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTurn {
    /// The operation, by its place in the input, from 1.
    pub operation: u32,
    /// What its worker must ask.
    pub request: TurnRequest,
}

impl fmt::Display for RequestTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestTurn { operation, request } = self;
        write!(f, "operation {operation} must ask to `{request}`")
    }
}

/// A turn that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnTaken {
    /// Which of the order, from 0.
    pub turn: usize,
    /// The process of the worker that asked.
    pub pid: u32,
    /// What it asked.
    pub asked: Ask,
    /// What it was answered; `None` where it waits for a lock.
    pub answer: Option<ReplyBody>,
    /// What it told that it saw of memory that it reached itself.
    pub saw: Option<[i64; 2]>,
}

/// A turn at memory that a worker reaches itself: it has been taken when the worker asks for more.
struct PendingAccess {
    turn: usize,
    operation: u32,
    pid: u32,
    point: SharePoint,
    saw: Option<[i64; 2]>,
}

/// Follows an order as it is taken.
pub trait TurnWatch {
    /// Whether this turn, counted from 0, may be taken now that its request has arrived.
    ///
    /// # Errors
    ///
    /// Why the order is left.
    fn may_take(&mut self, turn: usize) -> Result<bool, String>;

    /// A turn was taken.
    fn taken(&mut self, taken: TurnTaken);
}

/// Decides requests in the order that was given. A request whose turn has not come waits.
pub struct GivenOrder {
    turns: Vec<RequestTurn>,
    /// The turn that comes next.
    next: usize,
    /// The request of that turn has arrived, and is held back.
    has_arrived: bool,
    /// What was asked in the turns that were taken and not answered.
    unanswered: Vec<(usize, RequestTurn, Ask)>,
    /// The access that a worker is at.
    access: Option<PendingAccess>,
    watch: Box<dyn TurnWatch>,
}

impl GivenOrder {
    /// These turns, each as soon as its request has arrived and the watch allows it.
    pub fn new(turns: Vec<RequestTurn>, watch: Box<dyn TurnWatch>) -> Self {
        GivenOrder {
            turns,
            next: 0,
            has_arrived: false,
            unanswered: Vec::new(),
            access: None,
            watch,
        }
    }

    /// The place of a request that belongs to an access and has no turn of its own, if there is one.
    fn part_of_access(&mut self, pending: &VecDeque<Pending>) -> Option<usize> {
        let (mut waits, mut found) = (false, None);
        for (place, Pending { request, .. }) in pending.iter().enumerate() {
            let operation = handout_of(request.number);
            let access = self.access.as_mut().filter(|at| at.operation == operation);
            let is_part = match (&request.ask, access) {
                (Ask::Share(ShareRequest::Saw(saw)), access) => {
                    if let Some(access) = access {
                        access.saw = Some(*saw);
                    }
                    true
                }
                (Ask::Share(ShareRequest::Waits { .. }), access) => {
                    waits = access.is_some();
                    true
                }
                (Ask::Share(ShareRequest::HasLock { .. } | ShareRequest::GaveUp(_)), _) => true,
                (Ask::Share(ShareRequest::Turn(SharePoint::HalfWritten)), access) => {
                    access.is_some()
                }
                _ => false,
            };
            if is_part {
                found = Some(place);
                break;
            }
        }
        if waits {
            self.end_access(false);
        }
        found
    }

    /// The access that a worker was at has been taken, or waits for a lock.
    fn end_access(&mut self, is_taken: bool) {
        if let Some(access) = self.access.take() {
            self.watch.taken(TurnTaken {
                turn: access.turn,
                pid: access.pid,
                asked: Ask::Share(ShareRequest::Turn(access.point)),
                answer: is_taken.then_some(ReplyBody::Shared(ShareReply::Turn)),
                saw: access.saw,
            });
        }
    }

    /// The turn as messages name it.
    fn describe(&self, turn: RequestTurn) -> String {
        format!("in turn {} of {} {turn}", self.next + 1, self.turns.len())
    }
}

impl RequestOrder for GivenOrder {
    fn choose(&mut self, pending: &VecDeque<Pending>) -> Result<Option<usize>, String> {
        if let Some(place) = self.part_of_access(pending) {
            return Ok(Some(place));
        }
        if let Some(access) = &self.access {
            let operation = access.operation;
            let mut requests = pending.iter().map(|pending| &pending.request);
            if !requests.any(|request| handout_of(request.number) == operation) {
                return Ok(None);
            }
            self.end_access(true);
        }
        let asked = |pending: &Pending| RequestTurn {
            operation: handout_of(pending.request.number),
            request: TurnRequest::of(&pending.request.ask),
        };
        let Some(turn) = self.turns.get(self.next).copied() else {
            return match pending.front().map(asked) {
                Some(RequestTurn { operation, request }) => Err(format!(
                    "all turns were taken, and operation {operation} asks to `{request}`"
                )),
                None => Ok(None),
            };
        };
        let mut all = pending.iter().enumerate();
        let Some((place, found)) = all.find(|(_, all)| asked(all).operation == turn.operation)
        else {
            return Ok(None);
        };
        let request = asked(found).request;
        if request != turn.request {
            let expected = self.describe(turn);
            return Err(format!("{expected}, and it asks to `{request}`"));
        }
        self.has_arrived = true;
        if !self.watch.may_take(self.next)? {
            return Ok(None);
        }
        match turn.request {
            TurnRequest::Access(point) => {
                self.access = Some(PendingAccess {
                    turn: self.next,
                    operation: turn.operation,
                    pid: 0,
                    point,
                    saw: None,
                });
            }
            _ => {
                let ask = found.request.ask.clone();
                self.unanswered.push((self.next, turn, ask));
            }
        }
        self.has_arrived = false;
        self.next += 1;
        Ok(Some(place))
    }

    fn answered(&mut self, pid: u32, outgoing: &Outgoing) {
        let (number, answer) = match outgoing {
            Outgoing::Reply(number, body) => (*number, Some(body.clone())),
            Outgoing::Waits(number) => (*number, None),
            Outgoing::Impossible(..) | Outgoing::Abandoned(..) => return,
        };
        let operation = handout_of(number);
        if let Some(access) = self.access.as_mut().filter(|at| at.operation == operation) {
            access.pid = pid;
            return;
        }
        let mut unanswered = self.unanswered.iter();
        // A lease that another operation left has no turn of its own.
        let Some(place) = unanswered.position(|(_, turn, _)| turn.operation == operation) else {
            return;
        };
        let (turn, _, asked) = self.unanswered.remove(place);
        self.watch.taken(TurnTaken {
            turn,
            pid,
            asked,
            answer,
            saw: None,
        });
    }

    fn awaited(&self) -> Option<String> {
        if let Some(PendingAccess { operation, .. }) = &self.access {
            let turn = self.next;
            return Some(format!(
                "operation {operation} must come back from turn {turn}"
            ));
        }
        let turn = self.turns.get(self.next).filter(|_| !self.has_arrived)?;
        Some(self.describe(*turn))
    }

    fn is_given(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
