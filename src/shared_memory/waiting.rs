//! Which process waits for which lock, and which process holds it, in words.

use super::table::{MemoryTable, SharedWords};
use crate::parent::has_ended;

impl<W: SharedWords> MemoryTable<W> {
    /// A lock by what it is for.
    pub(crate) fn lock_name(&self, place: Option<usize>) -> String {
        let cell = place.and_then(|place| self.cell(place));
        match cell.and_then(|cell| cell.name()) {
            Some(name) => format!("the lock of account `{name}`"),
            None => "the lock".to_string(),
        }
    }

    /// A lock, which process holds it, and what that one waits for itself.
    pub(crate) fn lock_and_holder(&self, place: Option<usize>) -> String {
        let lock = self.lock_name(place);
        let holder = self.lock(place).and_then(|words| words.holder());
        let Some(holder) = holder.and_then(|worker_slot| self.worker_slot(worker_slot)) else {
            return lock;
        };
        let pid = holder.pid();
        match (has_ended(pid), holder.waits_for()) {
            (true, _) => format!("{lock}, which process {pid} held when it died"),
            (false, None) => format!("{lock}, which process {pid} holds"),
            (false, Some(other)) => {
                let deadlock = match self.is_deadlock(place) {
                    true => ": a deadlock",
                    false => "",
                };
                let other = self.lock_name(other);
                format!(
                    "{lock}, which process {pid} holds, which itself waits for {other}{deadlock}"
                )
            }
        }
    }

    /// Whether the holder of this lock waits for one whose holder waits, and so on, back to this lock.
    fn is_deadlock(&self, place: Option<usize>) -> bool {
        let next = |place: &Option<usize>| {
            let holder = self.lock(*place)?.holder()?;
            self.worker_slot(holder)?.waits_for()
        };
        // A circle without this lock would be followed for ever.
        let chain = std::iter::successors(next(&place), next);
        chain.take(self.count() + 1).any(|lock| lock == place)
    }
}

#[cfg(test)]
mod tests {
    use crate::shared_memory::table::tests::table;

    #[test]
    fn a_circle_of_waits_is_a_deadlock_and_a_chain_is_none() {
        let table = table(1_000);
        let slots = [0, 1].map(|number| table.worker_slot(number).expect("a slot"));
        for (number, slot) in slots.iter().enumerate() {
            slot.take(std::process::id());
            table
                .lock(Some(number))
                .expect("a lock")
                .note_holder(number);
        }
        slots[1].wait_for(Some(None));
        assert!(!table.lock_and_holder(Some(1)).contains("deadlock"));
        slots[1].wait_for(Some(Some(0)));
        // The one that asks may not wait yet, and then nothing is sure.
        assert!(!table.lock_and_holder(Some(1)).contains("deadlock"));
        slots[0].wait_for(Some(Some(1)));
        for place in [0, 1] {
            let told = table.lock_and_holder(Some(place));
            assert!(told.ends_with(": a deadlock"), "{told}");
        }
        // A circle that others are in is followed to no end.
        table.lock(None).expect("a lock").note_holder(0);
        assert!(!table.lock_and_holder(None).contains("deadlock"));
    }
}
