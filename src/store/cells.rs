//! The shared cells of `server-share`: the server process keeps the data and the leases on it, and
//! the workers decide.

mod leases;
mod lost;

use std::collections::HashMap;

use super::claimed_ids::ClaimedIds;
use super::{Abandoned, CellReply, SharedData, Standing};
use crate::bank::{Account, Answer, Balance, Cell, LOANS, Name, Operation, Outcome, WORLD};
use crate::protocol::{ShareReply, ShareRequest};
use leases::Leases;
use lost::{LiveWrites, LostUpdateSet};

/// An operation touches at most two cells.
const MAX_TOUCHED: usize = 2;

/// The shared cells of one run.
pub struct Cells {
    cells: HashMap<Name, Shared>,
    claims: ClaimedIds,
    leases: Leases,
    last_seq: u64,
    /// What each operation read last that is under way.
    seen: HashMap<u64, CellsSeen>,
    lost: LostUpdateSet,
    overdraft: Balance,
}

/// What an operation read last of its cells.
struct CellsSeen {
    /// The number of the last entry before.
    seq: u64,
    versions: Vec<(Name, u64)>,
}

struct Shared {
    cell: Cell,
    /// How many updates were written; the cell's own count falls behind where some were lost.
    written: u64,
    writes: LiveWrites,
    /// The operations of which an update was lost here, and none before elsewhere.
    lost_operations: u64,
}

impl Cells {
    /// Cells of which one is open and starts with this balance.
    pub fn new(account: &Name, balance: Balance, overdraft: Balance) -> Self {
        let mut cells = Cells {
            cells: HashMap::new(),
            claims: ClaimedIds::default(),
            leases: Leases::default(),
            last_seq: 0,
            seen: HashMap::new(),
            lost: LostUpdateSet::default(),
            overdraft,
        };
        for name in [&WORLD, &LOANS] {
            cells.shared(name).cell.open = true;
        }
        cells.open(account, balance);
        cells
    }

    /// Opens one more cell, which starts with this balance.
    pub fn open(&mut self, name: &Name, balance: Balance) {
        let shared = self.shared(name);
        shared.cell.open = true;
        shared.cell.account.posted = balance.minor();
        self.shared(&WORLD).cell.account.posted -= balance.minor();
        self.last_seq += u64::from(balance > Balance::default());
    }

    fn claim(&mut self, number: u64, operation: &Operation) -> CellReply {
        match self.claims.claim(number, operation) {
            Some(answer) => verdict(self.last_seq, answer),
            None => CellReply::Shared(ShareReply::Claimed),
        }
    }

    fn read(&mut self, number: u64, names: &[Name]) -> Vec<Cell> {
        self.forget(number);
        let mut read = |name| {
            let Shared { cell, writes, .. } = self.shared(name);
            writes.read(cell.version);
            cell.clone()
        };
        let cells: Vec<Cell> = names.iter().map(&mut read).collect();
        let versions = cells.iter().map(|cell| (cell.name.clone(), cell.version));
        let seen = CellsSeen {
            seq: self.last_seq,
            versions: versions.collect(),
        };
        self.seen.insert(number, seen);
        cells
    }

    /// What an operation has read, it does not build on any more.
    fn forget(&mut self, number: u64) {
        let seen = self.seen.remove(&number);
        for (name, version) in seen.into_iter().flat_map(|seen| seen.versions) {
            let lost = self.shared(&name).writes.forget(version);
            self.count_lost(&name, lost);
        }
    }

    /// Updates of this cell were lost, those of these operations.
    fn count_lost(&mut self, name: &Name, operations: Vec<u64>) {
        for operation in operations {
            if self.lost.insert(operation) {
                self.shared(name).lost_operations += 1;
            }
        }
    }

    fn lock(&mut self, number: u64, names: &[Name]) -> CellReply {
        self.leases.ask(number, names.to_vec());
        match self.leases.grant().pop() {
            Some((granted, names)) if granted == number => {
                CellReply::Shared(ShareReply::Cells(self.read(number, &names)))
            }
            // Nothing was released, so no other worker can have been granted anything.
            _ => CellReply::Waits,
        }
    }

    fn compare_and_set(&mut self, number: u64, operation: &Operation, cells: &[Cell]) -> CellReply {
        let same = cells
            .iter()
            .all(|cell| self.shared(&cell.name).cell.version == cell.version);
        if same {
            return self.write(number, operation, cells);
        }
        let names: Vec<Name> = cells.iter().map(|cell| cell.name.clone()).collect();
        CellReply::Shared(ShareReply::Conflict(self.read(number, &names)))
    }

    fn write(&mut self, number: u64, operation: &Operation, cells: &[Cell]) -> CellReply {
        let own = |cell: &&Cell| cell.name == operation.account;
        let Some(own) = cells.iter().find(own) else {
            return CellReply::Impossible("a write that leaves out the operation's own account");
        };
        let view = own.account.view();
        let other = cells.iter().find(|cell| cell.name != operation.account);
        let other_side = other.map(|cell| cell.account.view());
        let Some(amount) = operation.amount() else {
            return CellReply::Impossible("a write of what moves nothing");
        };
        for cell in cells {
            let shared = self.shared(&cell.name);
            let version = shared.cell.version + 1;
            shared.cell = Cell {
                version,
                ..cell.clone()
            };
            shared.written += 1;
            let lost = shared.writes.write(number, version, cell.version);
            self.count_lost(&cell.name, lost);
        }
        self.last_seq += 1;
        let seq = self.last_seq;
        let answer = Answer {
            other_side,
            ..Outcome::Posted { seq, amount, view }.into()
        };
        self.decided(number, seq, answer)
    }

    /// What writes nothing is decided by the cells as they were when the worker read them.
    fn settle(&mut self, number: u64, outcome: Outcome) -> CellReply {
        let seq = self
            .seen
            .get(&number)
            .map_or(self.last_seq, |seen| seen.seq);
        let outcome = match outcome {
            Outcome::Viewed { view, .. } => Outcome::Viewed { seq, view },
            Outcome::Refused { .. } => outcome,
            _ => {
                return CellReply::Impossible("an outcome that shared data does not have");
            }
        };
        self.decided(number, seq, outcome.into())
    }

    /// The operation is decided, after the entry of this number.
    fn decided(&mut self, number: u64, seq: u64, answer: Answer) -> CellReply {
        self.leases.release(number);
        self.forget(number);
        self.claims.settle(number, answer.outcome);
        verdict(seq, answer)
    }

    /// The cell of this name; one that was not opened stands there too, closed and empty.
    fn shared(&mut self, name: &Name) -> &mut Shared {
        let overdraft = self.overdraft;
        self.cells.entry(name.clone()).or_insert_with(|| Shared {
            cell: Cell {
                name: name.clone(),
                open: false,
                account: match name.is_the_banks() {
                    true => Account::the_banks(),
                    false => Account::new(overdraft),
                },
                version: 0,
                updates: 0,
            },
            written: 0,
            writes: LiveWrites::default(),
            lost_operations: 0,
        })
    }
}

/// An answer, after the entry of this number. The only other record is that the account was opened.
fn verdict(seq: u64, answer: Answer) -> CellReply {
    const RECORDS: u64 = 1;
    let decided = RECORDS + seq;
    CellReply::Decided(Answer { decided, ..answer })
}

impl SharedData for Cells {
    fn ask(&mut self, number: u64, operation: &Operation, request: &ShareRequest) -> CellReply {
        match request {
            ShareRequest::Claim(operation) => self.claim(number, operation),
            ShareRequest::Read(names) if names.len() <= MAX_TOUCHED => {
                CellReply::Shared(ShareReply::Cells(self.read(number, names)))
            }
            ShareRequest::Lock(names) if names.len() <= MAX_TOUCHED => self.lock(number, names),
            ShareRequest::Write(cells) if cells.len() <= MAX_TOUCHED => {
                self.write(number, operation, cells)
            }
            ShareRequest::CompareAndSet(cells) if cells.len() <= MAX_TOUCHED => {
                self.compare_and_set(number, operation, cells)
            }
            ShareRequest::Settle(outcome) => self.settle(number, *outcome),
            _ => CellReply::Impossible("more cells than an operation touches"),
        }
    }

    fn grant(&mut self) -> Vec<(u64, ShareReply)> {
        let granted = self.leases.grant();
        let reply = |(number, names): (u64, Vec<Name>)| {
            (number, ShareReply::Cells(self.read(number, &names)))
        };
        granted.into_iter().map(reply).collect()
    }

    fn waiting(&self) -> Vec<u64> {
        self.leases.waiting().collect()
    }

    /// Its lease is taken back, and nothing of it was written.
    fn abandon(&mut self, number: u64) -> Abandoned {
        self.leases.release(number);
        self.forget(number);
        self.claims.release(number);
        Abandoned::NotDone
    }

    fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        let shared = self.cells.get(name)?;
        Some(shared.cell.account.overdraft())
    }

    fn standings(&self) -> Vec<Standing> {
        let standing = |shared: &Shared| Standing {
            lost_updates: shared.written.saturating_sub(shared.cell.updates),
            lost_operations: shared.lost_operations,
            ..Standing::of(&shared.cell.name, &shared.cell.account)
        };
        self.cells
            .values()
            .filter(|shared| shared.cell.open)
            .map(standing)
            .collect()
    }
}

#[cfg(test)]
mod tests;
