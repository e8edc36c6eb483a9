//! A mark beside the ledger that a commit failed.
//!
//! When a sync fails, the system forgets that it must write what was not written, and still shows it to
//! whoever reads: a commit that is there and not on the disk. What came after it would be on the disk
//! and be lost all the same, since the log is read up to its first gap. So whoever opens a ledger with
//! this mark first copies the log back into the file, which is then written and synced anew.
//!
//! The mark itself need not be durable: after a power loss there is only what is on the disk.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use super::faults;
use super::turnstile::beside;
use crate::store::LedgerError;

const ENDING: &str = "-unsure";

/// Says to those who come that a commit failed.
pub(super) fn mark(ledger: &Path) {
    // Where even that is impossible, there is nobody to tell.
    let _ = File::create(beside(ledger, ENDING));
}

/// Makes sure that all that is in a ledger is on the disk, if there is a doubt.
pub(super) fn settle(ledger: &Path, connection: &Connection) -> Result<(), LedgerError> {
    let mark = beside(ledger, ENDING);
    if !mark.exists() {
        return Ok(());
    }
    let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
    let copied = connection.query_row(truncate, [], |row| row.get::<_, bool>(0));
    match copied {
        Ok(false) => {
            // Whoever else settles it may have been first.
            let _ = fs::remove_file(mark);
            Ok(())
        }
        Ok(true) => Err(LedgerError::Database {
            ledger: ledger.display().to_string(),
            doing: "settle",
            cause: "a commit failed before, and others are using it now: repeat this later"
                .to_string(),
        }),
        Err(error) => Err(faults::database(ledger, "settle", &error)),
    }
}
