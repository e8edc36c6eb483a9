//! The write queue: a process that wants to write waits here until the database lets it in.
//!
//! SQLite's own wait polls, so a process that writes back to back starves the others. A lock on the
//! ledger's open file, held only until the write has begun, makes a queue of them; the kernel hands it
//! on. It is for fairness alone: a process that gets no turn in time goes on without one.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::ledger_file::LedgerFile;

/// How long a process waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// A turn, until it is dropped.
pub(super) struct Turn {
    held: Option<Arc<LedgerFile>>,
}

/// Waits for a turn.
pub(super) fn enter(file: &Arc<LedgerFile>) -> Turn {
    let held = match file.file().try_lock() {
        Ok(()) => Some(Arc::clone(file)),
        Err(_) => wait(Arc::clone(file)),
    };
    Turn { held }
}

/// The kernel's wait has no deadline, so a thread waits. If it gets its turn too late, it hands it on at
/// once.
fn wait(file: Arc<LedgerFile>) -> Option<Arc<LedgerFile>> {
    let (sender, turn) = mpsc::sync_channel(0);
    let wait = move || {
        if file.file().lock().is_ok() {
            let late = sender.send(Turn { held: Some(file) });
            drop(late);
        }
    };
    thread::Builder::new()
        .name("write queue".into())
        .spawn(wait)
        .ok()?;
    turn.recv_timeout(PATIENCE).ok()?.held.take()
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(file) = &self.held {
            let _ = file.file().unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, TryLockError};

    use super::*;

    #[test]
    fn a_turn_is_had_by_one_until_it_is_dropped() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let ours = LedgerFile::open(file.path()).expect("opened").file;
        let other = File::open(file.path()).expect("opened");
        let turn = enter(&ours);
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(turn);
        other.lock().expect("its turn");
        let waits = thread::spawn(move || wait(ours));
        other.unlock().expect("unlocked");
        assert!(waits.join().expect("waited").is_some());
    }
}
