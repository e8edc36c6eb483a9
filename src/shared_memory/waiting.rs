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
            (false, Some(other)) => format!(
                "{lock}, which process {pid} holds, which itself waits for {}",
                self.lock_name(other)
            ),
        }
    }
}
