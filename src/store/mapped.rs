//! The memory of `shared-memory`, as the parent sees it: it makes room for accounts and workers, keeps the
//! ids, and asks the memory what a worker has done that died. The workers decide.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::claimed_ids::ClaimedIds;
use super::{Abandoned, CellReply, SharedData, Standing};
use crate::bank::{
    Account, Answer, Balance, LOANS, MAX_UPDATES, Name, Operation, Outcome, Packed, RepairedBy,
    WORLD, touched,
};
use crate::protocol::{ShareReply, ShareRequest};
use crate::shared_memory::{
    Inherited, Intent, MAX_WORKER_SLOTS, Mapping, MemoryPlace, MemorySharing, MemoryTable,
    Primitive, Trace,
};

/// How long a repair by another process is waited for: it takes microseconds.
const REPAIR_LIMIT: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile.
const REPAIR_PAUSE: Duration = Duration::from_millis(1);

/// The shared memory of one run.
pub struct MappedCells {
    table: MemoryTable<Mapping>,
    sharing: MemorySharing,
    claims: ClaimedIds,
    /// How many updates of each cell the operations that were done have made.
    updates: HashMap<usize, u64>,
    /// An operation was done that moved money from one user to another.
    moved_between_users: bool,
    worker_slots: WorkerSlots,
    overdraft: Balance,
}

/// Which worker has which slot.
#[derive(Default)]
struct WorkerSlots {
    taken: HashMap<u32, usize>,
    /// Those given back by workers that ended as they should. Where one died, its slot is kept as it is:
    /// a lock may still name it as its holder.
    free: Vec<usize>,
    /// How many were given out in all.
    used: usize,
}

impl MappedCells {
    /// Memory in which one account is open and starts with this balance, which must fit into a word.
    pub fn new(
        account: &Name,
        balance: Balance,
        overdraft: Balance,
        sharing: MemorySharing,
    ) -> io::Result<Self> {
        let cells = MappedCells {
            table: MemoryTable::create()?,
            sharing,
            claims: ClaimedIds::default(),
            updates: HashMap::new(),
            moved_between_users: false,
            worker_slots: WorkerSlots::default(),
            overdraft,
        };
        cells.table.prepare(sharing.primitive);
        for name in [&WORLD, &LOANS] {
            cells.open_cell(name, 0);
        }
        cells.open(account, balance);
        Ok(cells)
    }

    /// Opens one more account, before any worker exists, which starts with this balance.
    pub fn open(&self, name: &Name, balance: Balance) {
        self.open_cell(name, balance.minor());
        self.open_cell(&WORLD, -balance.minor());
        let entries = u64::from(balance > Balance::default());
        self.table.seq().fetch_add(entries, Ordering::Relaxed);
    }

    fn open_cell(&self, name: &Name, more: i64) {
        if let Some(cell) = self.table.add(name, &self.account(name)) {
            let posted = cell.load().balance().saturating_add(more);
            cell.store(Packed::new(posted));
            cell.open();
        }
    }

    fn account(&self, name: &Name) -> Account {
        match name.is_the_banks() {
            true => Account::the_banks(),
            false => Account::new(self.overdraft),
        }
    }

    fn claim(&mut self, number: u64, operation: &Operation) -> CellReply {
        match self.claims.claim(number, operation) {
            // It is the parent that answers here, and it has seen what was counted so far.
            Some(answer) => CellReply::Decided(Answer {
                decided: match self.sharing.primitive.is_held() {
                    true => self.table.seq().load(Ordering::Relaxed),
                    false => answer.decided,
                },
                ..answer
            }),
            None => CellReply::Shared(ShareReply::Claimed),
        }
    }

    /// An operation was decided by its worker.
    fn decided(&mut self, number: u64, operation: &Operation, answer: &Answer) -> CellReply {
        match answer.outcome {
            Outcome::Posted { amount, .. } if Some(amount) == operation.amount() => {
                self.count_updates(operation);
            }
            Outcome::Viewed { .. } | Outcome::Refused { .. } => {}
            _ => return CellReply::Impossible("an outcome that shared data does not have"),
        }
        self.claims.settle(number, answer.outcome);
        CellReply::Decided(answer.clone())
    }

    fn count_updates(&mut self, operation: &Operation) {
        let touched = touched(operation);
        self.moved_between_users |= touched.iter().all(|name| !name.is_the_banks());
        for name in touched {
            if let Some(cell) = self.table.find(&name) {
                *self.updates.entry(cell.place()).or_default() += 1;
            }
        }
    }

    /// What the memory tells of an operation whose worker is gone. Under the robust lock what it had noted
    /// is completed first, by this process or by another that got the lock before.
    fn trace(&self, number: u64) -> Trace {
        let is_locked = self.sharing.primitive.stays_locked();
        let trace = || self.table.trace(number, self.worker_slots.used, is_locked);
        if self.sharing.primitive != Primitive::Robust {
            return trace();
        }
        let began = Instant::now();
        loop {
            let is_mended = self.repair();
            match trace() {
                Trace::Half(_) | Trace::Unknown(_) if !is_mended => {}
                trace => return trace,
            }
            if began.elapsed() >= REPAIR_LIMIT {
                return trace();
            }
            std::thread::sleep(REPAIR_PAUSE);
        }
    }

    /// Completes what a dead holder of the robust lock had noted; false if another process has the lock,
    /// which then does so itself.
    fn repair(&self) -> bool {
        let memory = self.table.memory();
        let Ok(Some(inherited)) = memory.try_robust(Duration::ZERO) else {
            return false;
        };
        if inherited == Inherited::FromTheDead {
            self.table.repair(RepairedBy::Parent);
            // It can only fail for a process that does not hold it.
            let _ = memory.mark_consistent();
        }
        let _ = memory.unlock_robust();
        true
    }

    /// An operation whose worker wrote all of it and then died.
    fn finished(
        &mut self,
        number: u64,
        intent: &Intent,
        repaired_by: Option<RepairedBy>,
    ) -> Abandoned {
        let names = intent.places().map(|place| self.table.cell(place)?.name());
        self.moved_between_users |= names.iter().flatten().all(|name| !name.is_the_banks());
        for place in intent.places() {
            *self.updates.entry(place).or_default() += 1;
        }
        let answer = intent.answer();
        self.claims.settle(number, answer.outcome);
        Abandoned::Finished(answer, repaired_by)
    }

    fn name_of(&self, place: usize) -> String {
        let cell = self.table.cell(place);
        let name = cell.and_then(|cell| cell.name());
        name.map_or_else(|| "?".to_string(), |name| name.to_string())
    }

    /// What is said of the lock that a worker held when it died.
    fn lock_left(&self, number: u64) -> Option<String> {
        let held = self.table.is_held_by(number, self.worker_slots.used);
        let left = "its lock stays locked";
        (held && self.sharing.primitive.stays_locked()).then(|| left.to_string())
    }
}

impl SharedData for MappedCells {
    fn ask(&mut self, number: u64, operation: &Operation, request: &ShareRequest) -> CellReply {
        match request {
            ShareRequest::Claim(operation) => self.claim(number, operation),
            ShareRequest::Decided(answer) => self.decided(number, operation, answer),
            ShareRequest::Turn(_) => CellReply::Shared(ShareReply::Turn),
            _ => CellReply::Impossible("a message about data that is reached without one"),
        }
    }

    fn abandon(&mut self, number: u64) -> Abandoned {
        let written = match self.trace(number) {
            Trace::Everything(intent, repaired_by) => {
                return self.finished(number, &intent, repaired_by);
            }
            Trace::Nothing => None,
            Trace::Half(intent) => {
                let [debit, credit] = intent.places().map(|place| self.name_of(place));
                Some(format!(
                    "the memory is half-written: `{debit}` was written and `{credit}` was not"
                ))
            }
            Trace::Unknown(_) => Some(
                "it is unknown what it had written, as others have written over it: the memory may be \
                 half-written"
                    .to_string(),
            ),
        };
        self.claims.release(number);
        let notes: Vec<String> = written.into_iter().chain(self.lock_left(number)).collect();
        match notes.is_empty() {
            true => Abandoned::NotDone,
            false => Abandoned::Unfinished(notes.join("; ")),
        }
    }

    fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        let cell = self.table.find(name)?;
        Some(cell.cell(name, cell.load())?.account.overdraft())
    }

    fn standings(&self) -> Vec<Standing> {
        if self.sharing.primitive == Primitive::Robust {
            self.repair();
        }
        let places = 0..self.table.count();
        let standing = |place| {
            let words = self.table.cell(place)?;
            let name = words.name()?;
            let cell = words.cell(&name, words.load())?;
            let made = self.updates.get(&place).copied().unwrap_or_default();
            cell.open.then(|| Standing {
                lost_updates: lost(made, cell.updates),
                overdrawn: cell.account.is_overdrawn(),
                ..Standing::of(&name, &cell.account)
            })
        };
        let mut standings: Vec<Standing> = places.filter_map(standing).collect();
        let mut fewest = fewest_lost_operations(&standings, self.moved_between_users);
        for standing in &mut standings {
            standing.lost_operations = fewest.min(standing.lost_updates);
            fewest -= standing.lost_operations;
        }
        standings
    }

    fn make_room_for(&mut self, operation: &Operation) {
        for name in touched(operation) {
            // Where there is no room, the worker finds no account and says so.
            self.table.add(&name, &self.account(&name));
        }
    }

    fn worker_slot(&mut self, worker: u32) -> Result<Option<MemoryPlace>, String> {
        let free = self.worker_slots.free.pop();
        let worker_slot = free.unwrap_or(self.worker_slots.used);
        if worker_slot >= MAX_WORKER_SLOTS {
            return Err(format!(
                "the shared memory has {MAX_WORKER_SLOTS} worker_slots for workers, and too many were taken by workers \
                 that died"
            ));
        }
        self.worker_slots.used = self.worker_slots.used.max(worker_slot + 1);
        self.worker_slots.taken.insert(worker, worker_slot);
        let descriptor = self.table.descriptor();
        Ok(Some(MemoryPlace {
            descriptor,
            worker_slot,
        }))
    }

    fn worker_gone(&mut self, worker: u32, ended_well: bool) {
        let worker_slot = self.worker_slots.taken.remove(&worker);
        self.worker_slots
            .free
            .extend(worker_slot.filter(|_| ended_well));
    }
}

/// How many of the updates that were made the count does not include. It begins again at 0 beyond its
/// end; and it may include one more, of an operation that was half-written and does not count.
fn lost(made: u64, included: u64) -> u64 {
    let range = MAX_UPDATES.unsigned_abs() + 1;
    let missing = made.wrapping_sub(included) % range;
    match missing <= range / 2 {
        true => missing,
        false => 0,
    }
}

/// The fewest operations that explain the updates that accounts lack; which ones those are, the memory does
/// not tell. An operation has two accounts, of which one at most is the bank's own, and both are users' only
/// where it moves money from one to another.
fn fewest_lost_operations(standings: &[Standing], moved_between_users: bool) -> u64 {
    let lost = |is_the_banks: bool| {
        let accounts = standings.iter();
        let accounts = accounts.filter(move |one| one.name.is_the_banks() == is_the_banks);
        accounts.map(|one| one.lost_updates)
    };
    let (bank, users): (u64, u64) = (lost(true).sum(), lost(false).sum());
    let of_users = match moved_between_users {
        true => lost(false)
            .max()
            .unwrap_or(0)
            .max((bank + users).div_ceil(2)),
        false => users,
    };
    bank.max(of_users)
}

#[cfg(test)]
mod tests;
