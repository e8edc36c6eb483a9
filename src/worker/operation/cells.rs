//! `server-share`: the worker reads the cells, applies the bank's rules itself, and writes.

use super::{UnexpectedAnswer, WorkerStep};
use crate::bank::{Action, Cell, Name, Operation, Outcome, Rejection, touched};
use crate::protocol::{Ask, Assignment, ReplyBody, ShareReply, ShareRequest};
use crate::sharing::{Compared, Part, SharedMemory, Sharing, SharingMethod, Steps};

/// The cells of one operation, reached by messages.
#[derive(Debug)]
pub(super) struct SharedCells {
    method: SharingMethod,
    steps: Steps<Vec<Cell>>,
    cells: CellMessages,
    /// Where it stands: before its steps, at them, or after.
    phase: SharePhase,
}

/// What comes before the steps, and after.
#[derive(Debug, PartialEq, Eq)]
enum SharePhase {
    /// The id is to be claimed.
    Claim,
    /// The steps are taken.
    Open,
    /// The operation ends so, and writes nothing.
    Settle(Outcome),
    /// It has ended.
    Closed,
}

/// Why a step cannot be taken yet, or not at all.
#[derive(Debug)]
enum Blocked {
    /// This must be answered first.
    Ask(ShareRequest),
    /// The work must be done first.
    Work,
    Unexpected,
}

/// What an operation has sent and was answered.
#[derive(Debug)]
struct CellMessages {
    operation: Operation,
    /// The cells of each lease that is taken, one after the other.
    leases: Vec<Vec<Name>>,
    /// The cells as they came with their leases. No other process writes them meanwhile, so reading them
    /// needs no message of its own.
    leased: Vec<Cell>,
    /// What was decided on last, where that was refused.
    seen: Vec<Cell>,
    rejection: Option<Rejection>,
    /// The work stands between the read and the write, so that the race is wide, and is done once: a
    /// retry only decides again.
    worked: bool,
    /// A request is on its way.
    is_asked: bool,
    /// Its answer, until a step has taken it.
    body: Option<ReplyBody>,
}

impl SharedCells {
    pub(super) fn new(assignment: &Assignment, method: SharingMethod) -> Self {
        let operation = assignment.operation.clone();
        // A view is a read, and nothing more.
        let sharing = match operation.action {
            Action::Balance => Sharing::Unguarded,
            _ => method.sharing,
        };
        let method = SharingMethod { sharing, ..method };
        SharedCells {
            method,
            steps: Steps::new(sharing),
            phase: match operation.id {
                Some(_) => SharePhase::Claim,
                None => SharePhase::Open,
            },
            cells: CellMessages {
                leases: leases(&operation, method),
                leased: Vec::new(),
                seen: Vec::new(),
                rejection: None,
                worked: false,
                is_asked: false,
                body: None,
                operation,
            },
        }
    }

    pub(super) fn next(&mut self, assignment: &Assignment) -> Result<WorkerStep, UnexpectedAnswer> {
        let pending = self.take_steps();
        Ok(match pending {
            None => WorkerStep::Done,
            Some(Blocked::Ask(_)) if self.cells.is_asked => WorkerStep::Await,
            Some(Blocked::Ask(request)) => {
                self.cells.is_asked = true;
                WorkerStep::Ask(Ask::Share(request))
            }
            Some(Blocked::Work) => WorkerStep::Work(assignment.work.duration()),
            Some(Blocked::Unexpected) => return Err(UnexpectedAnswer),
        })
    }

    /// The answer to what was asked; that the lease went on to another worker is none yet.
    pub(super) fn answered(&mut self, body: ReplyBody) {
        if body != ReplyBody::Shared(ShareReply::Waiting) {
            self.cells.body = Some(body);
        }
    }

    pub(super) fn worked(&mut self) {
        self.cells.worked = true;
    }

    /// Takes all steps that can be taken; what the next one waits for.
    fn take_steps(&mut self) -> Option<Blocked> {
        loop {
            let taken = match &self.phase {
                SharePhase::Closed => return None,
                SharePhase::Claim => self.claim(),
                SharePhase::Settle(outcome) => {
                    let (outcome, is_view) = (*outcome, matches!(outcome, Outcome::Viewed { .. }));
                    match is_view && !self.cells.worked {
                        true => Err(Blocked::Work),
                        false => {
                            let settled = self.cells.decided(|| ShareRequest::Settle(outcome));
                            settled.map(|()| SharePhase::Closed)
                        }
                    }
                }
                SharePhase::Open => self.step(),
            };
            match taken {
                Ok(phase) => self.phase = phase,
                Err(pending) => return Some(pending),
            }
        }
    }

    fn claim(&mut self) -> Result<SharePhase, Blocked> {
        let operation = self.cells.operation.clone();
        Ok(
            match self.cells.answer(|| ShareRequest::Claim(operation))? {
                // It is decided by its id alone.
                ReplyBody::Decided(_) => SharePhase::Closed,
                ReplyBody::Shared(_) => SharePhase::Open,
            },
        )
    }

    fn step(&mut self) -> Result<SharePhase, Blocked> {
        let sharing = self.method.sharing;
        if self.steps.accepted().is_none() {
            self.steps.step(sharing, &mut self.cells)?;
            return Ok(SharePhase::Open);
        }
        Ok(match self.cells.rejection {
            Some(rejection) => SharePhase::Settle(self.cells.refused(rejection)),
            None => SharePhase::Closed,
        })
    }
}

impl CellMessages {
    /// The answer to this request, once it has come.
    fn answer(&mut self, request: impl FnOnce() -> ShareRequest) -> Result<ReplyBody, Blocked> {
        let body = self.body.take().ok_or_else(|| Blocked::Ask(request()))?;
        self.is_asked = false;
        Ok(body)
    }

    fn decided(&mut self, request: impl FnOnce() -> ShareRequest) -> Result<(), Blocked> {
        match self.answer(request)? {
            ReplyBody::Decided(_) => Ok(()),
            ReplyBody::Shared(_) => Err(Blocked::Unexpected),
        }
    }

    fn cells(&mut self, request: impl FnOnce() -> ShareRequest) -> Result<Vec<Cell>, Blocked> {
        match self.answer(request)? {
            ReplyBody::Shared(ShareReply::Cells(cells)) => Ok(cells),
            _ => Err(Blocked::Unexpected),
        }
    }

    fn decide(&mut self, cells: Vec<Cell>) -> Option<Vec<Cell>> {
        match Cell::decide(&self.operation, &cells) {
            Ok(after) => Some(after),
            Err(rejection) => {
                self.rejection = Some(rejection);
                self.seen = cells;
                None
            }
        }
    }

    /// How an operation ends that writes nothing: a look at a balance, or a refusal.
    fn refused(&self, rejection: Rejection) -> Outcome {
        let mut seen = self.seen.iter();
        let own = seen.find(|cell| cell.name == self.operation.account && cell.open);
        let view = own.map(|cell| cell.account.view());
        match (&self.operation.action, view) {
            (Action::Balance, Some(view)) => Outcome::Viewed { seq: 0, view },
            _ => Outcome::Refused { rejection, view },
        }
    }

    fn work(&self) -> Result<(), Blocked> {
        match self.worked {
            true => Ok(()),
            false => Err(Blocked::Work),
        }
    }
}

/// The cells of each lease that an operation takes.
fn leases(operation: &Operation, method: SharingMethod) -> Vec<Vec<Name>> {
    let mut names = touched(operation);
    if method.sharing != Sharing::LockPerAccount {
        return vec![names];
    }
    if method.lock_order {
        names.sort_unstable();
    }
    names.into_iter().map(|name| vec![name]).collect()
}

impl SharedMemory for CellMessages {
    type Draft = Vec<Cell>;
    type Error = Blocked;

    fn acquire(&mut self, number: usize) -> Result<(), Blocked> {
        let names = self.leases.get(number).cloned().unwrap_or_default();
        let cells = self.cells(|| ShareRequest::Lock(names))?;
        self.leased.extend(cells);
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Vec<Cell>>, Blocked> {
        let names = touched(&self.operation);
        let cells = if self.leased.is_empty() {
            self.cells(|| ShareRequest::Read(names))?
        } else {
            let mut cells = std::mem::take(&mut self.leased);
            cells.sort_by_key(|cell| names.iter().position(|name| *name == cell.name));
            cells
        };
        Ok(self.decide(cells))
    }

    fn write(&mut self, after: &Vec<Cell>) -> Result<(), Blocked> {
        self.work()?;
        self.decided(|| ShareRequest::Write(after.clone()))
    }

    fn compare_and_set(&mut self, after: &Vec<Cell>) -> Result<Compared<Vec<Cell>>, Blocked> {
        self.work()?;
        match self.answer(|| ShareRequest::CompareAndSet(after.clone()))? {
            ReplyBody::Decided(_) => Ok(Compared::Set),
            ReplyBody::Shared(ShareReply::Conflict(now)) => Ok(Compared::Changed(self.decide(now))),
            ReplyBody::Shared(_) => Err(Blocked::Unexpected),
        }
    }

    /// The write, or the refusal's own message, ends all leases.
    fn release(&mut self, _number: usize) -> Result<(), Blocked> {
        Ok(())
    }

    fn ask(&mut self, _part: Part) -> Result<bool, Blocked> {
        Err(Blocked::Unexpected)
    }
}
