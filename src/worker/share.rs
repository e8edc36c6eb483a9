//! `server-share`: the worker reads the cells, applies the bank's rules itself, and writes.

use super::{Worker, WorkerError};
use crate::bank::{Action, Cell, Name, Operation, Outcome, Rejection, touched};
use crate::protocol::{Ask, Assignment, Said, ShareReply, ShareRequest};
use crate::sharing::{self, Compared, Manner, Part, SharedMemory, Sharing};

impl Worker {
    /// One operation on shared data.
    pub(super) fn share(
        &mut self,
        assignment: &Assignment,
        manner: Manner,
    ) -> Result<(), WorkerError> {
        let operation = &assignment.operation;
        if operation.id.is_some() && self.claim(assignment)? {
            return Ok(());
        }
        let mut cells = SharedCells {
            worker: self,
            assignment,
            leases: leases(operation, manner),
            leased: Vec::new(),
            seen: Vec::new(),
            rejection: None,
            worked: false,
        };
        if operation.action == Action::Balance {
            cells.read()?;
        } else {
            sharing::run(manner.sharing, &mut cells)?;
        }
        match cells.rejection {
            Some(rejection) => {
                let seen = cells.seen;
                self.settle(assignment, &seen, rejection)
            }
            None => Ok(()),
        }
    }

    /// Claims the operation's id; true if the operation is decided by that alone.
    pub(super) fn claim(&mut self, assignment: &Assignment) -> Result<bool, WorkerError> {
        let claim = ShareRequest::Claim(assignment.operation.clone());
        let said = self.request(assignment.number, claim)?;
        Ok(matches!(said, Said::Decided(_)))
    }

    /// Ends an operation that writes nothing: a look at a balance, or a refusal. Ends its lease too.
    fn settle(
        &mut self,
        assignment: &Assignment,
        cells: &[Cell],
        rejection: Rejection,
    ) -> Result<(), WorkerError> {
        let Assignment {
            number,
            operation,
            work,
        } = assignment;
        let own = cells
            .iter()
            .find(|cell| cell.name == operation.account && cell.open);
        let view = own.map(|cell| cell.account.view());
        let outcome = match (&operation.action, view) {
            (Action::Balance, Some(view)) => {
                std::thread::sleep(work.duration());
                Outcome::Viewed { seq: 0, view }
            }
            _ => Outcome::Refused { rejection, view },
        };
        match self.request(*number, ShareRequest::Settle(outcome))? {
            Said::Decided(_) => Ok(()),
            Said::Shared(_) => Err(self.unexpected()),
        }
    }

    fn request(&mut self, number: u64, request: ShareRequest) -> Result<Said, WorkerError> {
        self.ask(number, Ask::Share(request))
    }

    /// Waits for the lease. Every piece of news that it went on starts the wait's limit anew.
    fn lock(&mut self, number: u64, names: Vec<Name>) -> Result<Vec<Cell>, WorkerError> {
        let mut said = self.request(number, ShareRequest::Lock(names))?;
        loop {
            match said {
                Said::Shared(ShareReply::Cells(cells)) => return Ok(cells),
                Said::Shared(ShareReply::Waiting) => {
                    self.due += 1;
                    said = self.reply(number)?;
                }
                _ => return Err(self.unexpected()),
            }
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

/// The cells of one operation, reached by messages.
struct SharedCells<'a> {
    worker: &'a mut Worker,
    assignment: &'a Assignment,
    /// The cells of each lease that is taken, one after the other.
    leases: Vec<Vec<Name>>,
    /// The cells as they came with their leases. No other process writes them meanwhile, so reading them
    /// needs no message of its own.
    leased: Vec<Cell>,
    /// What was decided on last, where that was refused.
    seen: Vec<Cell>,
    rejection: Option<Rejection>,
    worked: bool,
}

impl SharedCells<'_> {
    fn request(&mut self, request: ShareRequest) -> Result<Said, WorkerError> {
        self.worker.request(self.assignment.number, request)
    }

    fn decide(&mut self, cells: Vec<Cell>) -> Option<Vec<Cell>> {
        match Cell::decide(&self.assignment.operation, &cells) {
            Ok(after) => Some(after),
            Err(rejection) => {
                self.rejection = Some(rejection);
                self.seen = cells;
                None
            }
        }
    }

    /// The work stands between the read and the write, so that the race is wide, and is done once: a
    /// retry only decides again.
    fn work(&mut self) {
        if !std::mem::replace(&mut self.worked, true) {
            std::thread::sleep(self.assignment.work.duration());
        }
    }
}

impl SharedMemory for SharedCells<'_> {
    type Draft = Vec<Cell>;
    type Error = WorkerError;

    fn acquire(&mut self, number: usize) -> Result<(), WorkerError> {
        let names = self.leases.get(number).cloned().unwrap_or_default();
        let cells = self.worker.lock(self.assignment.number, names)?;
        self.leased.extend(cells);
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Vec<Cell>>, WorkerError> {
        let names = touched(&self.assignment.operation);
        let mut cells = std::mem::take(&mut self.leased);
        if cells.is_empty() {
            cells = match self.request(ShareRequest::Read(names))? {
                Said::Shared(ShareReply::Cells(cells)) => cells,
                _ => return Err(self.worker.unexpected()),
            };
        } else {
            cells.sort_by_key(|cell| names.iter().position(|name| *name == cell.name));
        }
        Ok(self.decide(cells))
    }

    fn write(&mut self, after: &Vec<Cell>) -> Result<(), WorkerError> {
        self.work();
        match self.request(ShareRequest::Write(after.clone()))? {
            Said::Decided(_) => Ok(()),
            Said::Shared(_) => Err(self.worker.unexpected()),
        }
    }

    fn compare_and_set(&mut self, after: &Vec<Cell>) -> Result<Compared<Vec<Cell>>, WorkerError> {
        self.work();
        match self.request(ShareRequest::CompareAndSet(after.clone()))? {
            Said::Decided(_) => Ok(Compared::Set),
            Said::Shared(ShareReply::Conflict(now)) => Ok(Compared::Changed(self.decide(now))),
            Said::Shared(_) => Err(self.worker.unexpected()),
        }
    }

    /// The write, or the refusal's own message, ends all leases.
    fn release(&mut self, _number: usize) -> Result<(), WorkerError> {
        Ok(())
    }

    fn ask(&mut self, _part: Part) -> Result<bool, WorkerError> {
        Err(self.worker.unexpected())
    }
}
