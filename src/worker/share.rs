//! `server-share`: the worker reads the cells, applies the bank's rules itself, and writes.

use super::{Sync, Worker, WorkerError};
use crate::bank::{Action, Cell, Name, Outcome, Rejection, ShareReply, ShareRequest, touched};
use crate::protocol::{Ask, Assignment, Said};

impl Worker {
    /// One operation on shared data. The work stands between the read and the write, so that the race
    /// is wide, and is done once: a retry only reads and decides again.
    pub(super) fn share(&mut self, assignment: &Assignment, sync: Sync) -> Result<(), WorkerError> {
        let Assignment {
            number,
            operation,
            work,
        } = assignment;
        if operation.id.is_some() {
            let claim = ShareRequest::Claim(operation.clone());
            if let Said::Decided(_) = self.request(*number, claim)? {
                return Ok(());
            }
        }
        let names = touched(operation);
        let mut cells = match sync {
            Sync::Lock if operation.action != Action::Balance => self.lock(*number, names)?,
            _ => self.cells(*number, ShareRequest::Read(names))?,
        };
        let mut worked = false;
        loop {
            let after = match Cell::decide(operation, &cells) {
                Ok(after) => after,
                Err(rejection) => return self.settle(assignment, &cells, rejection),
            };
            if !std::mem::replace(&mut worked, true) {
                std::thread::sleep(work.duration());
            }
            let write = match sync {
                Sync::Cas => ShareRequest::CompareAndSet(after),
                Sync::None | Sync::Lock => ShareRequest::Write(after),
            };
            match self.request(*number, write)? {
                Said::Decided(_) => return Ok(()),
                Said::Shared(ShareReply::Conflict(now)) => cells = now,
                Said::Shared(_) => return Err(self.senseless()),
            }
        }
    }

    /// Ends an operation that writes nothing: a look at a balance, or a refusal.
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
            Said::Shared(_) => Err(self.senseless()),
        }
    }

    fn request(&mut self, number: u64, request: ShareRequest) -> Result<Said, WorkerError> {
        self.ask(number, Ask::Share(request))
    }

    fn cells(&mut self, number: u64, request: ShareRequest) -> Result<Vec<Cell>, WorkerError> {
        match self.request(number, request)? {
            Said::Shared(ShareReply::Cells(cells)) => Ok(cells),
            _ => Err(self.senseless()),
        }
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
                _ => return Err(self.senseless()),
            }
        }
    }
}
