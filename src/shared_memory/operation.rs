//! One operation on shared memory: the steps of its way of sharing, taken by real accesses.

use std::sync::atomic::Ordering;

use super::cell::CellWords;
use super::intent::{CellChange, Intent, WriteProgress, order_of};
use super::lock::ProcessLock;
use super::primitive::{MemorySharing, Primitive};
use super::surroundings::Surroundings;
use super::table::{MemoryTable, SharedWords, WorkerSlot};
use crate::bank::{
    Action, Amount, Answer, Balance, Cell, MemoryAccess, Name, Operation, Outcome, Packed,
    Rejection, SharePoint, UNORDERED, View, touched,
};
use crate::sharing::{NextStep, SharedMemory, Steps};

/// One operation of the worker in one slot.
pub(crate) struct MappedOperation<'a, W, S> {
    table: &'a MemoryTable<W>,
    worker_slot: WorkerSlot<'a>,
    slot_number: usize,
    sharing: MemorySharing,
    operation: &'a Operation,
    surroundings: S,
    /// The accounts that it touches, the one that gives first.
    names: Vec<Name>,
    cells: Vec<CellWords<'a>>,
    held: Vec<Held<'a>>,
    /// How many halves of its work are done.
    worked: u32,
    rejection: Option<Rejection>,
    /// What was seen of its own account.
    view: Option<View>,
    /// The number of the last entry that was seen under a lock.
    seen_seq: u64,
    written: Option<Intent>,
}

/// A lock that is held, and the word that says who holds it.
struct Held<'a> {
    lock: Box<dyn ProcessLock + 'a>,
    place: Option<usize>,
}

impl<'a, W: SharedWords, S: Surroundings> MappedOperation<'a, W, S> {
    /// An operation before its first step, of the worker in this slot; `None` for an unknown slot.
    pub(crate) fn new(
        table: &'a MemoryTable<W>,
        slot_number: usize,
        sharing: MemorySharing,
        operation: &'a Operation,
        surroundings: S,
    ) -> Option<Self> {
        let names = touched(operation);
        let cells = names.iter().filter_map(|name| table.find(name)).collect();
        Some(MappedOperation {
            table,
            worker_slot: table.worker_slot(slot_number)?,
            slot_number,
            sharing,
            operation,
            surroundings,
            names,
            cells,
            held: Vec::new(),
            worked: 0,
            rejection: None,
            view: None,
            seen_seq: UNORDERED,
            written: None,
        })
    }

    /// Takes all its steps; what was decided. Whatever ends it, it holds no lock afterwards.
    pub(crate) fn run(mut self) -> Result<Answer, S::Error> {
        if self.cells.len() < self.names.len() {
            // The parent adds the accounts of an operation before it hands it out, as far as there is room.
            let (rejection, view) = (Rejection::TooManyAccounts, None);
            return Ok(Outcome::Refused { rejection, view }.into());
        }
        let ended = match (&self.operation.action, self.sharing.primitive.sharing()) {
            (Action::Balance, _) => self.look(),
            (_, None) => self.add(),
            (_, Some(sharing)) => {
                let mut steps = Steps::new(sharing);
                self.take(|step| {
                    let Some(next) = steps.next(sharing) else {
                        return Ok(false);
                    };
                    step.turn(next)?;
                    steps.step(sharing, step).map(|()| true)
                })
            }
        };
        while !self.held.is_empty() {
            self.release(self.held.len() - 1)?;
        }
        ended.map(|()| self.answer())
    }

    fn take(
        &mut self,
        mut step: impl FnMut(&mut Self) -> Result<bool, S::Error>,
    ) -> Result<(), S::Error> {
        while step(self)? {}
        Ok(())
    }

    fn turn(&mut self, next: NextStep) -> Result<(), S::Error> {
        let point = match next {
            NextStep::Acquire(_) => SharePoint::Acquire,
            NextStep::Read => SharePoint::Read,
            NextStep::Write | NextStep::CompareAndSet | NextStep::Ask(_) => SharePoint::Write,
            NextStep::Release(_) => SharePoint::Release,
        };
        // The work stands between the read and the write, where another process may come; with two locks
        // half of it stands between these. A turn is for the access alone.
        match next {
            NextStep::Acquire(1) => self.work(1)?,
            NextStep::Write | NextStep::CompareAndSet => self.work(2)?,
            _ => {}
        }
        self.surroundings.turn(point)
    }

    /// Does the work up to so many of its two halves, once: a retry only decides again.
    fn work(&mut self, halves: u32) -> Result<(), S::Error> {
        let left = halves.saturating_sub(self.worked);
        self.worked += left;
        match left {
            0 => Ok(()),
            left => self.surroundings.work(left),
        }
    }

    /// Looks at a balance, under the lock if there is one.
    fn look(&mut self) -> Result<(), S::Error> {
        let is_held = self.sharing.primitive.is_held();
        if is_held {
            self.turn(NextStep::Acquire(0))?;
            self.acquire(0)?;
        }
        self.turn(NextStep::Read)?;
        self.read_cells(MemoryAccess::Read)?;
        if is_held {
            self.turn(NextStep::Release(0))?;
            self.release(0)?;
        }
        self.work(2)
    }

    /// Adds to both cells, whatever they hold: what goes out is not held against what is there. What they
    /// hold before is looked at for one thing alone, which no other process can undo: whether it is certain
    /// that no balance has room for so much.
    fn add(&mut self) -> Result<(), S::Error> {
        let seen = self.look_at_cells();
        let ([debit, credit], Some(amount)) = (self.pair(), self.operation.amount()) else {
            return Ok(());
        };
        let refused = match self.operation.movement().map(|movement| movement.check()) {
            Some(Err(rejection)) => Some(rejection),
            _ if !debit.is_open() => Some(Rejection::UnknownAccount),
            _ => None,
        };
        if refused.is_some() {
            self.rejection = refused;
            return Ok(());
        }
        self.work(2)?;
        self.surroundings.turn(SharePoint::Write)?;
        // What is certainly too large is never added. What became too large since is taken back.
        let Some(mut intent) = self.intent([seen[0], seen[1]], amount) else {
            self.overflows();
            return Ok(());
        };
        self.worker_slot.note(&intent);
        self.worker_slot.reach(WriteProgress::Intends);
        let Some(made) = CellChange::made(debit, -amount.minor()) else {
            self.overflows();
            return Ok(());
        };
        intent.debit = made;
        let added = |minor: i64| MemoryAccess::Added(Balance::new(minor));
        self.half_written(&intent, added(-amount.minor()))?;
        let Some(made) = CellChange::made(credit, amount.minor()) else {
            debit.take_back(-amount.minor());
            self.overflows();
            return Ok(());
        };
        intent.credit = made;
        self.worker_slot.note(&intent);
        self.worker_slot.reach(WriteProgress::Written);
        self.wrote(1, added(amount.minor()), intent.credit.after)?;
        self.written = Some(intent);
        Ok(())
    }

    /// The cells of a movement: the account that gives, and the one that receives.
    fn pair(&self) -> [CellWords<'a>; 2] {
        [self.cells[0], self.cells[self.cells.len() - 1]]
    }

    /// One access to each cell; notes what the operation's own account holds.
    fn look_at_cells(&mut self) -> Vec<Packed> {
        let seen: Vec<Packed> = self.cells.iter().map(CellWords::load).collect();
        if self.sharing.primitive.is_held() {
            self.seen_seq = self.table.seq().load(Ordering::Relaxed);
        }
        let named = self.names.iter().zip(&self.cells).zip(&seen);
        let mut own = named.filter(|((name, _), _)| **name == self.operation.account);
        let own = own.find_map(|((name, cell), money)| cell.cell(name, *money));
        let own = own.filter(|cell| cell.open);
        self.view = own.map(|cell| cell.account.view());
        seen
    }

    /// The same, as a step of the operation.
    fn read_cells(&mut self, access: MemoryAccess) -> Result<Vec<Packed>, S::Error> {
        let seen = self.look_at_cells();
        for (name, money) in self.names.iter().zip(&seen) {
            self.surroundings.accessed(access, name, *money)?;
        }
        Ok(seen)
    }

    /// Takes note of a write, to the account that gives or to the one that receives.
    fn wrote(&mut self, side: usize, access: MemoryAccess, money: Packed) -> Result<(), S::Error> {
        let name = self.names.get(side);
        name.map_or(Ok(()), |name| {
            self.surroundings.accessed(access, name, money)
        })
    }

    /// Decides by the bank's rules on what was read.
    fn decide(&mut self, seen: &[Packed]) -> Option<Intent> {
        let named = self.names.iter().zip(&self.cells).zip(seen);
        let cells = named.filter_map(|((name, cell), money)| cell.cell(name, *money));
        let cells: Vec<Cell> = cells.collect();
        let decided = Cell::decide(self.operation, &cells);
        let amount = self.operation.amount();
        match (decided, amount, seen) {
            (Err(rejection), ..) => self.rejection = Some(rejection),
            (Ok(_), Some(amount), [debit, credit]) => {
                let intent = self.intent([*debit, *credit], amount);
                if intent.is_none() {
                    self.overflows();
                }
                return intent;
            }
            _ => self.rejection = Some(Rejection::UnknownAccount),
        }
        None
    }

    /// What is to be written; nothing if one of the two balances would not fit.
    fn intent(&self, seen: [Packed; 2], amount: Amount) -> Option<Intent> {
        let [debit, credit] = self.pair();
        Some(Intent {
            seq: UNORDERED,
            debit: CellChange::planned(debit, seen[0], -amount.minor())?,
            credit: CellChange::planned(credit, seen[1], amount.minor())?,
            is_credit: self.names.last() == Some(&self.operation.account),
        })
    }

    /// Refuses the operation, of which nothing stays written: a balance would not fit.
    fn overflows(&mut self) {
        self.worker_slot.reach(WriteProgress::Before);
        self.rejection = Some(Rejection::BalanceOverflow);
    }

    /// The account that gives is written, and the other one is not: the place for a process to die.
    fn half_written(&mut self, intent: &Intent, access: MemoryAccess) -> Result<(), S::Error> {
        self.worker_slot.note(intent);
        self.worker_slot.reach(WriteProgress::HalfWritten);
        self.wrote(0, access, intent.debit.after)?;
        self.surroundings.turn(SharePoint::HalfWritten)?;
        self.pair()[1].open();
        Ok(())
    }

    fn answer(&self) -> Answer {
        let Some(intent) = self.written else {
            let (view, seq) = (self.view, self.seen_seq);
            let outcome = match (self.rejection, view) {
                (None, Some(view)) => Outcome::Viewed { seq, view },
                (rejection, view) => Outcome::Refused {
                    rejection: rejection.unwrap_or(Rejection::UnknownAccount),
                    view,
                },
            };
            return Answer {
                decided: order_of(seq),
                ..outcome.into()
            };
        };
        intent.answer()
    }

    /// The locks that it takes, in their order.
    fn lock_places(&self) -> Vec<Option<usize>> {
        if self.sharing.primitive != Primitive::MutexPerAccount {
            return vec![None];
        }
        let mut named: Vec<_> = self.names.iter().zip(&self.cells).collect();
        if self.sharing.lock_order {
            named.sort_by_key(|(name, _)| *name);
        }
        named.iter().map(|(_, cell)| Some(cell.place())).collect()
    }
}

mod accesses;
#[cfg(test)]
mod tests;
