//! `server-share`: the worker reads the cells, applies the bank's rules itself, and writes.

use super::{UnexpectedAnswer, WorkerStep};
use crate::bank::{Action, Cell, Name, Operation, Outcome, Rejection, touched};
use crate::protocol::{Ask, Assignment, Said, ShareReply, ShareRequest};
use crate::sharing::{Compared, Manner, Part, SharedMemory, Sharing, Steps};

/// The cells of one operation, reached by messages.
#[derive(Debug)]
pub(super) struct SharedCells {
    manner: Manner,
    steps: Steps<Vec<Cell>>,
    cells: CellMessages,
    /// What is asked before the first step and after the last one.
    frame: Frame,
}

/// What is asked beside the steps.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
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
enum Pending {
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
    said: Option<Said>,
}

impl SharedCells {
    pub(super) fn new(assignment: &Assignment, manner: Manner) -> Self {
        let operation = assignment.operation.clone();
        // A view is a read, and nothing more.
        let sharing = match operation.action {
            Action::Balance => Sharing::Unguarded,
            _ => manner.sharing,
        };
        let manner = Manner { sharing, ..manner };
        SharedCells {
            manner,
            steps: Steps::new(sharing),
            frame: match operation.id {
                Some(_) => Frame::Claim,
                None => Frame::Open,
            },
            cells: CellMessages {
                leases: leases(&operation, manner),
                leased: Vec::new(),
                seen: Vec::new(),
                rejection: None,
                worked: false,
                is_asked: false,
                said: None,
                operation,
            },
        }
    }

    pub(super) fn next(&mut self, assignment: &Assignment) -> Result<WorkerStep, UnexpectedAnswer> {
        let pending = self.take_steps();
        Ok(match pending {
            None => WorkerStep::Done,
            Some(Pending::Ask(_)) if self.cells.is_asked => WorkerStep::Await,
            Some(Pending::Ask(request)) => {
                self.cells.is_asked = true;
                WorkerStep::Ask(Ask::Share(request))
            }
            Some(Pending::Work) => WorkerStep::Work(assignment.work.duration()),
            Some(Pending::Unexpected) => return Err(UnexpectedAnswer),
        })
    }

    /// The answer to what was asked; that the lease went on to another worker is none yet.
    pub(super) fn answered(&mut self, said: Said) {
        if said != Said::Shared(ShareReply::Waiting) {
            self.cells.said = Some(said);
        }
    }

    pub(super) fn worked(&mut self) {
        self.cells.worked = true;
    }

    /// Takes all steps that can be taken; what the next one waits for.
    fn take_steps(&mut self) -> Option<Pending> {
        loop {
            let taken = match &self.frame {
                Frame::Closed => return None,
                Frame::Claim => self.claim(),
                Frame::Settle(outcome) => {
                    let (outcome, is_view) = (*outcome, matches!(outcome, Outcome::Viewed { .. }));
                    match is_view && !self.cells.worked {
                        true => Err(Pending::Work),
                        false => {
                            let settled = self.cells.decided(|| ShareRequest::Settle(outcome));
                            settled.map(|()| Frame::Closed)
                        }
                    }
                }
                Frame::Open => self.step(),
            };
            match taken {
                Ok(frame) => self.frame = frame,
                Err(pending) => return Some(pending),
            }
        }
    }

    fn claim(&mut self) -> Result<Frame, Pending> {
        let operation = self.cells.operation.clone();
        Ok(
            match self.cells.answer(|| ShareRequest::Claim(operation))? {
                // It is decided by its id alone.
                Said::Decided(_) => Frame::Closed,
                Said::Shared(_) => Frame::Open,
            },
        )
    }

    fn step(&mut self) -> Result<Frame, Pending> {
        let sharing = self.manner.sharing;
        if self.steps.accepted().is_none() {
            self.steps.step(sharing, &mut self.cells)?;
            return Ok(Frame::Open);
        }
        Ok(match self.cells.rejection {
            Some(rejection) => Frame::Settle(self.cells.refused(rejection)),
            None => Frame::Closed,
        })
    }
}

impl CellMessages {
    /// The answer to this request, once it has come.
    fn answer(&mut self, request: impl FnOnce() -> ShareRequest) -> Result<Said, Pending> {
        let said = self.said.take().ok_or_else(|| Pending::Ask(request()))?;
        self.is_asked = false;
        Ok(said)
    }

    fn decided(&mut self, request: impl FnOnce() -> ShareRequest) -> Result<(), Pending> {
        match self.answer(request)? {
            Said::Decided(_) => Ok(()),
            Said::Shared(_) => Err(Pending::Unexpected),
        }
    }

    fn cells(&mut self, request: impl FnOnce() -> ShareRequest) -> Result<Vec<Cell>, Pending> {
        match self.answer(request)? {
            Said::Shared(ShareReply::Cells(cells)) => Ok(cells),
            _ => Err(Pending::Unexpected),
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

    fn work(&self) -> Result<(), Pending> {
        match self.worked {
            true => Ok(()),
            false => Err(Pending::Work),
        }
    }
}

/// The cells of each lease that an operation takes.
fn leases(operation: &Operation, manner: Manner) -> Vec<Vec<Name>> {
    let mut names = touched(operation);
    if manner.sharing != Sharing::LockPerAccount {
        return vec![names];
    }
    if manner.lock_order {
        names.sort_unstable();
    }
    names.into_iter().map(|name| vec![name]).collect()
}

impl SharedMemory for CellMessages {
    type Draft = Vec<Cell>;
    type Error = Pending;

    fn acquire(&mut self, number: usize) -> Result<(), Pending> {
        let names = self.leases.get(number).cloned().unwrap_or_default();
        let cells = self.cells(|| ShareRequest::Lock(names))?;
        self.leased.extend(cells);
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Vec<Cell>>, Pending> {
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

    fn write(&mut self, after: &Vec<Cell>) -> Result<(), Pending> {
        self.work()?;
        self.decided(|| ShareRequest::Write(after.clone()))
    }

    fn compare_and_set(&mut self, after: &Vec<Cell>) -> Result<Compared<Vec<Cell>>, Pending> {
        self.work()?;
        match self.answer(|| ShareRequest::CompareAndSet(after.clone()))? {
            Said::Decided(_) => Ok(Compared::Set),
            Said::Shared(ShareReply::Conflict(now)) => Ok(Compared::Changed(self.decide(now))),
            Said::Shared(_) => Err(Pending::Unexpected),
        }
    }

    /// The write, or the refusal's own message, ends all leases.
    fn release(&mut self, _number: usize) -> Result<(), Pending> {
        Ok(())
    }

    fn ask(&mut self, _part: Part) -> Result<bool, Pending> {
        Err(Pending::Unexpected)
    }
}
