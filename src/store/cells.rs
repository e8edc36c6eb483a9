//! The shared cells of `server-share`: the server process keeps the data and the leases on it, and
//! the workers decide.

use std::collections::{HashMap, VecDeque};

use super::claimed_ids::ClaimedIds;
use super::{Abandoned, CellReply, SharedData, Standing};
use crate::bank::{Account, Answer, Balance, Cell, LOANS, Name, Operation, Outcome, WORLD};
use crate::protocol::{ShareReply, ShareRequest};

/// An operation touches at most two cells.
const MAX_TOUCHED: usize = 2;

/// The shared cells of one run.
pub struct Cells {
    cells: HashMap<Name, Shared>,
    claims: ClaimedIds,
    leases: Leases,
    last_seq: u64,
    /// The number of the last entry before each operation last read its cells.
    seen: HashMap<u64, u64>,
    overdraft: Balance,
}

struct Shared {
    cell: Cell,
    /// How many updates were written; the cell's own count falls behind where some were lost.
    written: u64,
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
        self.seen.insert(number, self.last_seq);
        names
            .iter()
            .map(|name| self.shared(name).cell.clone())
            .collect()
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
        let seq = self.seen.get(&number).copied().unwrap_or(self.last_seq);
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
        self.seen.remove(&number);
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
        let waiting = self.leases.waiting.iter();
        waiting.map(|(number, _)| *number).collect()
    }

    /// Its lease is taken back, and nothing of it was written.
    fn abandon(&mut self, number: u64) -> Abandoned {
        self.leases.release(number);
        self.seen.remove(&number);
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
            ..Standing::of(&shared.cell.name, &shared.cell.account)
        };
        self.cells
            .values()
            .filter(|shared| shared.cell.open)
            .map(standing)
            .collect()
    }
}

/// Who may touch which cells alone, and who waits, first come first served.
#[derive(Default)]
struct Leases {
    held: HashMap<u64, Vec<Name>>,
    waiting: VecDeque<(u64, Vec<Name>)>,
}

impl Leases {
    fn ask(&mut self, number: u64, names: Vec<Name>) {
        self.waiting.push_back((number, names));
    }

    fn release(&mut self, number: u64) {
        self.held.remove(&number);
        self.waiting.retain(|(waiting, _)| *waiting != number);
    }

    /// Grants every wait whose cells are neither held nor wanted by an earlier one.
    fn grant(&mut self) -> Vec<(u64, Vec<Name>)> {
        let mut taken: Vec<Name> = self.held.values().flatten().cloned().collect();
        let (mut granted, mut waiting) = (Vec::new(), VecDeque::new());
        for (number, names) in self.waiting.drain(..) {
            let free = names.iter().all(|name| !taken.contains(name));
            taken.extend(names.iter().cloned());
            if free {
                // An operation may take one lease after another, and holds them all.
                self.held.entry(number).or_default().extend(names.clone());
                granted.push((number, names));
            } else {
                waiting.push_back((number, names));
            }
        }
        self.waiting = waiting;
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Kind, touched};

    fn cells() -> Cells {
        Cells::new(&Name::default(), Balance::new(1_000), Balance::default())
    }

    fn operation(kind: Kind, minor: i64) -> Operation {
        Operation::new(kind, None, Name::default(), None, Amount::new(minor)).expect("an operation")
    }

    fn read(cells: &mut Cells, operation: &Operation) -> Vec<Cell> {
        match cells.ask(0, operation, &ShareRequest::Read(touched(operation))) {
            CellReply::Shared(ShareReply::Cells(cells)) => cells,
            other => panic!("{other:?}"),
        }
    }

    fn main_of(cells: &Cells) -> Standing {
        let standings = cells.standings();
        standings
            .into_iter()
            .find(|standing| standing.name == Name::default())
            .expect("main")
    }

    #[test]
    fn a_write_over_an_unseen_write_loses_it_and_is_counted() {
        let mut cells = cells();
        let (deposit, loan) = (operation(Kind::Deposit, 500), operation(Kind::Loan, 100));
        let (first, second) = (read(&mut cells, &deposit), read(&mut cells, &loan));
        for (number, operation, seen) in [(1, &deposit, first), (2, &loan, second)] {
            let after = Cell::decide(operation, &seen).expect("room");
            let verdict = cells.ask(number, operation, &ShareRequest::Write(after));
            let CellReply::Decided(answer) = verdict else {
                panic!("{verdict:?}");
            };
            assert_eq!(answer.decided, number + 2);
            assert!(
                answer
                    .other_side
                    .is_some_and(|view| view.posted.minor() < 0)
            );
        }
        let main = main_of(&cells);
        assert_eq!(
            (main.view.posted, main.lost_updates),
            (Balance::new(1_100), 1)
        );
    }

    #[test]
    fn compare_and_set_refuses_what_was_read_too_early() {
        let mut cells = cells();
        let deposit = operation(Kind::Deposit, 500);
        let seen = read(&mut cells, &deposit);
        let after = Cell::decide(&deposit, &seen).expect("room");
        let set = ShareRequest::CompareAndSet(after);
        assert!(matches!(
            cells.ask(1, &deposit, &set),
            CellReply::Decided(_)
        ));
        let CellReply::Shared(ShareReply::Conflict(now)) = cells.ask(2, &deposit, &set) else {
            panic!("the second one must not be set");
        };
        assert_eq!(now[1].account.posted, 1_500);
        assert_eq!(main_of(&cells).lost_updates, 0);
    }

    #[test]
    fn a_lease_goes_to_the_next_when_its_holder_is_gone() {
        let mut cells = cells();
        let deposit = operation(Kind::Deposit, 1);
        let lock = ShareRequest::Lock(touched(&deposit));
        assert!(matches!(
            cells.ask(1, &deposit, &lock),
            CellReply::Shared(ShareReply::Cells(_))
        ));
        assert_eq!(cells.ask(2, &deposit, &lock), CellReply::Waits);
        assert_eq!(cells.ask(3, &deposit, &lock), CellReply::Waits);
        cells.abandon(1);
        let granted: Vec<u64> = cells
            .grant()
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        assert_eq!(granted, [2]);
        assert_eq!(cells.waiting(), [3]);
    }

    #[test]
    fn leases_on_other_cells_do_not_wait() {
        let mut leases = Leases::default();
        let name = |text| Name::user(text).expect("a name");
        leases.ask(1, vec![name("a"), name("b")]);
        leases.ask(2, vec![name("b"), name("c")]);
        leases.ask(3, vec![name("c"), name("d")]);
        leases.ask(4, vec![name("e")]);
        let granted: Vec<u64> = leases
            .grant()
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        assert_eq!(granted, [1, 4], "3 must not pass 2, which came first");
    }
}
