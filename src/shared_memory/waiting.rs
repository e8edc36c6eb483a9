//! Which worker waits for which lock, which worker holds it, and whether that wait can end.

use std::collections::HashSet;
use std::time::Duration;

use super::table::{MemoryTable, SharedWords, WorkerSlot};
use crate::bank::{LockWait, WaitInVain};
use crate::parent::has_ended;

impl<W: SharedWords> MemoryTable<W> {
    /// A lock by what it is for.
    pub(crate) fn lock_name(&self, place: Option<usize>) -> String {
        let cell = place.and_then(|place| self.cell(place));
        match cell.and_then(|cell| cell.name()) {
            Some(name) => format!("the lock of `{name}`"),
            None => "the lock".to_string(),
        }
    }

    /// The slot of the worker that has said that it holds this lock.
    fn holder(&self, place: Option<usize>) -> Option<WorkerSlot<'_>> {
        self.worker_slot(self.lock(place)?.holder()?)
    }

    /// What there is to say of a wait for this lock, which stays locked when its holder dies or does not.
    pub(crate) fn lock_wait(&self, place: Option<usize>, stays_locked: bool) -> LockWait {
        let cell = place.and_then(|place| self.cell(place));
        LockWait {
            account: cell.and_then(|cell| cell.name()),
            holder: self.holder(place).map(|holder| holder.worker()),
            in_vain: stays_locked.then(|| self.in_vain(place)).flatten(),
        }
    }

    /// Why this lock never becomes free, as far as one look tells: a holder may go on between two words
    /// that are read here, so that only what two looks find is certain.
    fn in_vain(&self, place: Option<usize>) -> Option<WaitInVain> {
        let (mut place, mut waited_for) = (place, HashSet::new());
        while waited_for.insert(place) {
            let holder = self.holder(place)?;
            if has_ended(holder.pid()) {
                return Some(WaitInVain::HolderDied);
            }
            place = holder.waits_for()?;
        }
        Some(WaitInVain::Deadlock)
    }

    /// A wait that was too long, as what its worker did.
    pub(crate) fn waited_too_long(&self, place: Option<usize>, limit: Duration) -> String {
        let waited = format!("waited {limit:?} for {}", self.lock_name(place));
        match self.holder(place) {
            None => waited,
            Some(holder) if has_ended(holder.pid()) => {
                format!("{waited}: worker {} died with it", holder.worker())
            }
            Some(_) if self.in_vain(place) == Some(WaitInVain::Deadlock) => {
                format!("{waited}: a deadlock")
            }
            Some(holder) => format!("{waited}, which worker {} holds", holder.worker()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared_memory::table::tests::table;

    #[test]
    fn a_circle_of_waits_is_a_deadlock_and_so_is_a_wait_for_one_in_it() {
        let table = table(1_000);
        let slots = [0, 1].map(|number| table.worker_slot(number).expect("a slot"));
        for (number, slot) in slots.iter().enumerate() {
            slot.take(number as u32 + 1, std::process::id());
            table
                .lock(Some(number))
                .expect("a lock")
                .note_holder(number);
        }
        let in_vain = |place| table.lock_wait(place, true).in_vain;
        slots[1].wait_for(Some(None));
        assert_eq!(in_vain(Some(1)), None);
        slots[1].wait_for(Some(Some(0)));
        // The one that asks may not wait yet, and then nothing is sure.
        assert_eq!(in_vain(Some(1)), None);
        slots[0].wait_for(Some(Some(1)));
        table.lock(None).expect("a lock").note_holder(0);
        for place in [Some(0), Some(1), None] {
            assert_eq!(in_vain(place), Some(WaitInVain::Deadlock));
        }
        let told = table.waited_too_long(Some(1), Duration::from_secs(2));
        assert_eq!(told, "waited 2s for the lock of `@world`: a deadlock");
    }

    #[test]
    #[cfg_attr(miri, ignore)] // Miri starts no processes.
    fn a_lock_of_the_dead_is_waited_for_in_vain_if_it_stays_locked() {
        let mut child = std::process::Command::new("true")
            .spawn()
            .expect("a process");
        child.wait().expect("its end");
        let table = table(1_000);
        table.worker_slot(1).expect("a slot").take(7, child.id());
        table.lock(None).expect("a lock").note_holder(1);
        let waits = |stays_locked| table.lock_wait(None, stays_locked);
        assert_eq!(waits(true).in_vain, Some(WaitInVain::HolderDied));
        assert_eq!((waits(false).in_vain, waits(false).holder), (None, Some(7)));
        let told = table.waited_too_long(None, Duration::from_secs(2));
        assert_eq!(told, "waited 2s for the lock: worker 7 died with it");
    }
}
