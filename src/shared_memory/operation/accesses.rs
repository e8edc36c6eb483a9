//! Each step of an operation as an access to the memory and its locks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Held, MappedOperation};
use crate::bank::{Balance, MemoryAccess, RepairedBy};
use crate::shared_memory::intent::{CellChange, Intent, WriteProgress};
use crate::shared_memory::lock::{self, WaitError};
use crate::shared_memory::mapping::Inherited;
use crate::shared_memory::primitive::Primitive;
use crate::shared_memory::surroundings::{GaveUp, Surroundings};
use crate::shared_memory::table::SharedWords;
use crate::sharing::{Compared, Part, SharedMemory};

/// How long a worker waits for a lock that stays where it is, unless told.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

impl<W: SharedWords, S: Surroundings> SharedMemory for MappedOperation<'_, W, S> {
    type Draft = Intent;
    type Error = S::Error;

    fn acquire(&mut self, number: usize) -> Result<(), S::Error> {
        let place = self.lock_places().get(number).copied().flatten();
        let gave_up = |why: String| S::Error::from(GaveUp(why));
        let lock = self.table.process_lock(self.sharing.primitive, place);
        let (Some(lock), Some(words)) = (lock, self.table.lock(place)) else {
            return Err(gave_up("found no such lock in the memory".to_string()));
        };
        let limit = self.sharing.limit.unwrap_or(WAIT_LIMIT);
        let stays_locked = self.sharing.primitive.stays_locked();
        let (table, worker_slot) = (self.table, self.worker_slot);
        let surroundings = &mut self.surroundings;
        let inherited = lock::acquire(&*lock, words.taken(), limit, || {
            worker_slot.wait_for(Some(place));
            let wait = table.lock_wait(place, stays_locked);
            surroundings.waits(wait).map_err(Waited::Ended)
        });
        let inherited = match inherited {
            Ok(inherited) => inherited,
            Err(waited) => {
                let error = match waited {
                    Waited::Ended(error) => error,
                    Waited::InVain(WaitError::TimeOver) => {
                        gave_up(self.table.waited_too_long(place, limit))
                    }
                    Waited::InVain(WaitError::Io(error)) => gave_up(format!(
                        "cannot wait for {}: {error}",
                        self.table.lock_name(place)
                    )),
                };
                self.worker_slot.wait_for(None);
                return Err(error);
            }
        };
        self.worker_slot.wait_for(None);
        words.note_holder(self.slot_number);
        self.held.push(Held { lock, place });
        if inherited == Inherited::FromTheDead {
            self.table
                .repair(RepairedBy::Worker(self.worker_slot.worker()));
            let held = self.held.last();
            let repaired = held.map_or(Ok(()), |held| held.lock.mark_consistent());
            repaired.map_err(|error| gave_up(format!("cannot repair the memory: {error}")))?;
        }
        self.surroundings.has_lock()
    }

    fn read(&mut self) -> Result<Option<Intent>, S::Error> {
        let seen = self.read_cells(MemoryAccess::Read)?;
        self.surroundings
            .saw([seen[0].balance(), seen[1].balance()])?;
        Ok(self.decide(&seen))
    }

    fn write(&mut self, draft: &Intent) -> Result<(), S::Error> {
        let mut intent = *draft;
        if self.sharing.primitive.is_held() {
            intent.seq = self.table.seq().fetch_add(1, Ordering::Relaxed) + 1;
        }
        let is_repaired = self.sharing.primitive == Primitive::Robust;
        self.worker_slot.note(&intent);
        if is_repaired {
            let worker_slot = self.slot_number as u64 + 1;
            self.table.intent().store(worker_slot, Ordering::Release);
        }
        self.worker_slot.reach(WriteProgress::Intends);
        let [debit, credit] = self.pair();
        debit.store(intent.debit.after);
        self.half_written(&intent, MemoryAccess::Wrote)?;
        credit.store(intent.credit.after);
        self.worker_slot.reach(WriteProgress::Written);
        self.wrote(1, MemoryAccess::Wrote, intent.credit.after)?;
        if is_repaired {
            self.table.intent().store(0, Ordering::Release);
        }
        self.written = Some(intent);
        self.surroundings.saw(intent.balances())
    }

    /// No instruction sets two words at once: the account that gives is set first, over what was read;
    /// then what it gave is added to the other, over whatever stands there.
    fn compare_and_set(&mut self, draft: &Intent) -> Result<Compared<Intent>, S::Error> {
        let mut intent = *draft;
        let [debit, credit] = self.pair();
        self.worker_slot.note(&intent);
        self.worker_slot.reach(WriteProgress::Intends);
        let CellChange { before, after, .. } = intent.debit;
        if debit.compare_and_set(before, after).is_err() {
            self.worker_slot.reach(WriteProgress::Before);
            let seen = self.read_cells(MemoryAccess::Conflict)?;
            self.surroundings
                .saw([seen[0].balance(), seen[1].balance()])?;
            return Ok(Compared::Changed(self.decide(&seen)));
        }
        self.half_written(&intent, MemoryAccess::Wrote)?;
        let moved = after.balance() - before.balance();
        while let Err(now) = credit.compare_and_set(intent.credit.before, intent.credit.after) {
            let Some(planned) = CellChange::planned(credit, now, -moved) else {
                debit.take_back(moved);
                self.overflows();
                return Ok(Compared::Changed(None));
            };
            intent.credit = planned;
            self.worker_slot.note(&intent);
        }
        self.worker_slot.reach(WriteProgress::Written);
        // Over another balance than was read it is an addition, which loses nothing.
        let access = match intent.credit.before == draft.credit.before {
            true => MemoryAccess::Wrote,
            false => MemoryAccess::Added(Balance::new(-moved)),
        };
        self.wrote(1, access, intent.credit.after)?;
        self.written = Some(intent);
        self.surroundings.saw(intent.balances())?;
        Ok(Compared::Set)
    }

    fn release(&mut self, _last: usize) -> Result<(), S::Error> {
        let Some(Held { lock, place }) = self.held.pop() else {
            return Ok(());
        };
        if let Some(words) = self.table.lock(place) {
            words.forget_holder();
        }
        let error = |error| {
            GaveUp(format!(
                "cannot release {}: {error}",
                self.table.lock_name(place)
            ))
        };
        Ok(lock.release().map_err(error)?)
    }

    /// No owner stands behind shared memory.
    fn ask(&mut self, _part: Part) -> Result<bool, S::Error> {
        Ok(false)
    }
}

/// Why a wait ended without the lock.
enum Waited<E> {
    Ended(E),
    InVain(WaitError),
}

impl<E> From<WaitError> for Waited<E> {
    fn from(error: WaitError) -> Self {
        Waited::InVain(error)
    }
}
