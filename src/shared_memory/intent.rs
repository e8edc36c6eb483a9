//! What a worker notes in its slot: which operation it is at, what it is about to write, how far it has
//! come, and which lock it waits for.
//!
//! The parent reads there what a worker did that died. Under the robust lock, its next holder does.

use std::sync::atomic::Ordering;

use super::cell::CellWords;
use super::table::{MemoryTable, SharedWords, WorkerSlot};
use crate::bank::{Amount, Answer, Balance, Outcome, Packed, RepairedBy, UNORDERED, View};

/// How far a worker has come with what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WriteProgress {
    /// Nothing is written.
    Before,
    /// The intent is complete, and its first cell may be written.
    Intends,
    /// The cell of the account that gives is written.
    HalfWritten,
    /// Both are.
    Written,
}

impl WriteProgress {
    const ALL: [WriteProgress; 4] = [
        WriteProgress::Before,
        WriteProgress::Intends,
        WriteProgress::HalfWritten,
        WriteProgress::Written,
    ];
}

/// One cell before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellChange {
    /// Which cell.
    pub(crate) place: usize,
    /// What was read.
    pub(crate) before: Packed,
    /// What is written.
    pub(crate) after: Packed,
}

impl CellChange {
    /// What is to be written over what was read; nothing if that balance would not fit.
    pub(crate) fn planned(cell: CellWords, before: Packed, delta: i64) -> Option<Self> {
        Some(CellChange {
            place: cell.place(),
            before,
            after: before.checked_after(delta)?,
        })
    }

    /// Adds to the cell, whatever it holds; what was and is there then. An addition that led to a balance
    /// that does not fit is taken back.
    pub(crate) fn made(cell: CellWords, delta: i64) -> Option<Self> {
        let before = cell.add(delta).before(delta);
        let made = CellChange::planned(cell, before, delta);
        if made.is_none() {
            cell.take_back(delta);
        }
        made
    }
}

/// What an operation is about to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    /// Its number among the entries; [`UNORDERED`] where the way of sharing gives none.
    pub(crate) seq: u64,
    /// The account that gives.
    pub(crate) debit: CellChange,
    /// The account that receives.
    pub(crate) credit: CellChange,
    /// The operation's own account is the one that receives.
    pub(crate) is_credit: bool,
}

impl Intent {
    /// The cells that it changes, the one that gives first.
    pub(crate) fn places(&self) -> [usize; 2] {
        [self.debit.place, self.credit.place]
    }

    /// What the two cells hold when it is done, the one that gives first.
    pub(crate) fn balances(&self) -> [i64; 2] {
        [self.debit, self.credit].map(|change| change.after.balance())
    }

    /// The answer to an operation that has written all of it.
    pub(crate) fn answer(&self) -> Answer {
        let view = |change: &CellChange| {
            let posted = Balance::new(change.after.balance());
            let available = posted;
            View { posted, available }
        };
        let (own, other) = match self.is_credit {
            true => (&self.credit, &self.debit),
            false => (&self.debit, &self.credit),
        };
        let (seq, view_of_own) = (self.seq, view(own));
        let moved = self.credit.after.balance() - self.credit.before.balance();
        let outcome = match Amount::new(moved) {
            Some(amount) => Outcome::Posted {
                seq,
                amount,
                view: view_of_own,
            },
            None => Outcome::Viewed {
                seq,
                view: view_of_own,
            },
        };
        Answer {
            decided: order_of(seq),
            other_side: Some(view(other)),
            ..outcome.into()
        }
    }
}

/// The words of a slot.
const OPERATION: usize = 0;
const PROGRESS: usize = 1;
const SEQ: usize = 2;
const DEBIT: usize = 3;
const CREDIT: usize = 6;
const IS_CREDIT: usize = 9;
const WAITS: usize = 10;
const PID: usize = 11;
const WORKER: usize = 12;
const REPAIRED: usize = 13;

impl WorkerSlot<'_> {
    fn get(&self, word: usize) -> u64 {
        self.0[word].load(Ordering::Acquire)
    }

    /// `Release`, so that what was noted before stands before.
    fn set(&self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Release);
    }

    /// A worker takes the slot.
    pub(crate) fn take(&self, worker: u32, pid: u32) {
        self.begin(0);
        self.set(WAITS, 0);
        self.set(WORKER, worker.into());
        self.set(PID, pid.into());
    }

    /// The worker's number within the run.
    pub(crate) fn worker(&self) -> u32 {
        self.get(WORKER) as u32
    }

    /// The worker's process.
    pub(crate) fn pid(&self) -> u32 {
        self.get(PID) as u32
    }

    /// The worker begins this operation.
    pub(crate) fn begin(&self, operation: u64) {
        self.set(PROGRESS, WriteProgress::Before as u64);
        self.set(REPAIRED, 0);
        self.set(OPERATION, operation);
    }

    /// Which process completed what this worker had half-written, if one did.
    pub(crate) fn repaired_by(&self) -> Option<RepairedBy> {
        match self.get(REPAIRED) {
            0 => None,
            1 => Some(RepairedBy::Parent),
            word => Some(RepairedBy::Worker((word - 2) as u32)),
        }
    }

    fn is_repaired(&self, by: RepairedBy) {
        let word = match by {
            RepairedBy::Parent => 1,
            RepairedBy::Worker(worker) => u64::from(worker) + 2,
        };
        self.set(REPAIRED, word);
    }

    /// The operation that the worker is at, or was at last.
    pub(crate) fn operation(&self) -> u64 {
        self.get(OPERATION)
    }

    /// The worker waits for the lock of this place, or for the one over everything, or for none.
    pub(crate) fn wait_for(&self, lock: Option<Option<usize>>) {
        let word = lock.map_or(0, |place| place.map_or(1, |place| place as u64 + 2));
        self.set(WAITS, word);
    }

    /// The lock that the worker waits for, if it waits for one.
    pub(crate) fn waits_for(&self) -> Option<Option<usize>> {
        match self.get(WAITS) {
            0 => None,
            1 => Some(None),
            word => Some(usize::try_from(word - 2).ok()),
        }
    }

    /// Notes what is being written; how far that has come is for [`Slot::reach`] to say.
    pub(crate) fn note(&self, intent: &Intent) {
        self.set(SEQ, intent.seq);
        for (first, change) in [(DEBIT, intent.debit), (CREDIT, intent.credit)] {
            self.set(first, change.place as u64);
            self.set(first + 1, change.before.word().cast_unsigned());
            self.set(first + 2, change.after.word().cast_unsigned());
        }
        self.set(IS_CREDIT, intent.is_credit.into());
    }

    /// Notes how far the writing has come.
    pub(crate) fn reach(&self, progress: WriteProgress) {
        self.set(PROGRESS, progress as u64);
    }

    /// How far the writing has come.
    pub(crate) fn progress(&self) -> WriteProgress {
        let progress = usize::try_from(self.get(PROGRESS)).ok();
        let progress = progress.and_then(|progress| WriteProgress::ALL.get(progress));
        progress.copied().unwrap_or(WriteProgress::Before)
    }

    /// What was noted last.
    pub(crate) fn intent(&self) -> Intent {
        let change = |first| CellChange {
            place: usize::try_from(self.get(first)).unwrap_or(usize::MAX),
            before: Packed::from_word(self.get(first + 1).cast_signed()),
            after: Packed::from_word(self.get(first + 2).cast_signed()),
        };
        Intent {
            seq: self.get(SEQ),
            debit: change(DEBIT),
            credit: change(CREDIT),
            is_credit: self.get(IS_CREDIT) != 0,
        }
    }
}

/// The number of the decision that made or saw this entry; 0 where nothing orders them.
pub(crate) fn order_of(seq: u64) -> u64 {
    if seq == UNORDERED { 0 } else { seq }
}

/// What became of an operation whose worker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// Nothing of it was written.
    Nothing,
    /// All of it was, perhaps by another process that completed it.
    Everything(Intent, Option<RepairedBy>),
    /// One cell was written and the other was not.
    Half(Intent),
    /// The memory does not tell: other processes may have written over it.
    Unknown(Intent),
}

/// What one cell tells of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Before,
    After,
    Other,
}

impl<W: SharedWords> MemoryTable<W> {
    /// Completes what the dead holder of the robust lock had noted and not finished. Only the lock's new
    /// holder may; should it die too, the next one does the same again, to the same end.
    pub(crate) fn repair(&self, by: RepairedBy) {
        let worker_slot = self.intent().load(Ordering::Acquire);
        let worker_slot = usize::try_from(worker_slot)
            .ok()
            .and_then(|worker_slot| worker_slot.checked_sub(1));
        if let Some(worker_slot) = worker_slot.and_then(|worker_slot| self.worker_slot(worker_slot))
            && (WriteProgress::Intends..WriteProgress::Written).contains(&worker_slot.progress())
        {
            let intent = worker_slot.intent();
            for change in [intent.debit, intent.credit] {
                if let Some(cell) = self.cell(change.place) {
                    cell.open();
                    cell.store(change.after);
                }
            }
            worker_slot.is_repaired(by);
            worker_slot.reach(WriteProgress::Written);
        }
        self.intent().store(0, Ordering::Release);
    }

    /// What this operation has left behind, whose worker is gone. Only where the lock that it held keeps the
    /// others out (`is_locked`) a cell that holds what it was about to write was written by it: another
    /// operation may write the same.
    pub(crate) fn trace(&self, operation: u64, worker_slots: usize, is_locked: bool) -> Trace {
        let mut worker_slots =
            (0..worker_slots).filter_map(|worker_slot| self.worker_slot(worker_slot));
        let Some(worker_slot) =
            worker_slots.find(|worker_slot| worker_slot.operation() == operation)
        else {
            return Trace::Nothing;
        };
        let intent = worker_slot.intent();
        let progress = worker_slot.progress();
        let debit = match progress {
            WriteProgress::Before => return Trace::Nothing,
            WriteProgress::Written => {
                return Trace::Everything(intent, worker_slot.repaired_by());
            }
            WriteProgress::HalfWritten => Seen::After,
            WriteProgress::Intends => match self.seen(&intent.debit) {
                Seen::After if !is_locked => Seen::Other,
                seen => seen,
            },
        };
        match (debit, self.seen(&intent.credit)) {
            (Seen::Before, _) => Trace::Nothing,
            (Seen::After, Seen::After) if is_locked => Trace::Everything(intent, None),
            (Seen::After, Seen::Before) => Trace::Half(intent),
            _ => Trace::Unknown(intent),
        }
    }

    fn seen(&self, change: &CellChange) -> Seen {
        match self.cell(change.place).map(|cell| cell.load()) {
            Some(now) if now == change.after => Seen::After,
            Some(now) if now == change.before => Seen::Before,
            _ => Seen::Other,
        }
    }
}

#[cfg(test)]
mod tests;
