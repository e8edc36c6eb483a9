//! Taking turns: who wants to write stands in line here until the database lets it in.
//!
//! SQLite's own wait polls, so that whoever writes back to back starves the others. A lock on a file
//! beside the ledger, held only until the write has begun, makes a line of them; the kernel hands it
//! on. It is for fairness alone: who gets no turn in time goes on without.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::store::LedgerError;

/// How long one stands in line.
const PATIENCE: Duration = Duration::from_secs(10);

/// The line of a ledger.
pub(super) struct Turnstile {
    path: PathBuf,
    file: File,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    _locked: Option<File>,
}

impl Turnstile {
    /// The line of the ledger in this file.
    pub(super) fn beside(ledger: &Path) -> Result<Self, LedgerError> {
        let path = beside(ledger, "-turn");
        let open = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = open.map_err(|cause| LedgerError::Io {
            ledger: ledger.display().to_string(),
            doing: "open the file for taking turns beside",
            cause,
        })?;
        Ok(Turnstile { path, file })
    }

    /// Waits for a turn.
    pub(super) fn enter(&self) -> Turn {
        let _locked = match self.file.try_clone() {
            Ok(file) if file.try_lock().is_ok() => Some(file),
            _ => self.stand_in_line(),
        };
        Turn { _locked }
    }

    /// The kernel's wait has no deadline, so a thread waits. One that gets its turn too late hands it
    /// on at once.
    fn stand_in_line(&self) -> Option<File> {
        let file = OpenOptions::new().write(true).open(&self.path).ok()?;
        let (sender, turn) = mpsc::sync_channel(0);
        let wait = move || {
            if file.lock().is_ok() {
                let _ = sender.send(file);
            }
        };
        thread::Builder::new()
            .name("turnstile".into())
            .spawn(wait)
            .ok()?;
        turn.recv_timeout(PATIENCE).ok()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(file) = &self._locked {
            // The lock belongs to the open file, of which the turnstile has another handle.
            let _ = file.unlock();
        }
    }
}

/// A file whose name begins like the ledger's.
pub(super) fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
