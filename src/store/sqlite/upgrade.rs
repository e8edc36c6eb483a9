//! Brings a ledger of an earlier format to the present one.
//!
//! Columns and indexes are added and nothing that stands in a row changes its meaning, so balances,
//! checksums and the chain stay as they are. It happens in one transaction and while no other process
//! has the file open, since a program that knows only the earlier format would go on writing rows
//! without what came later.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{FORMAT, are_ours, put_unit, table_texts};
use super::{columns, faults};
use crate::bank::Unit;
use crate::store::LedgerError;
use crate::store::engine::rows::{AccountRow, Content, Head, OPENED, Stored, sound};

/// The first of the formats that can be brought to the present one.
pub(super) const FIRST: u32 = 2;

/// How long other processes may still have the file open.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_millis(5);

/// What was added with which format, in the order of the columns.
const ADDED: [(u32, &str, &str); 16] = [
    (3, "head", "prev BLOB"),
    (3, "accounts", "opened INTEGER"),
    (3, "entries", "excess INTEGER"),
    (3, "records", "boot INTEGER"),
    (3, "records", "ticks INTEGER"),
    (3, "records", "note TEXT"),
    (3, "holds", "boot INTEGER"),
    (3, "holds", "ticks INTEGER"),
    (3, "runs", "rule INTEGER"),
    (
        3,
        "",
        "CREATE INDEX boot_expiries ON holds (boot, ticks) WHERE ticks IS NOT NULL",
    ),
    (4, "accounts", "allowance TEXT"),
    (4, "accounts", "refilled INTEGER"),
    (4, "entries", "detail TEXT"),
    (4, "records", "detail TEXT"),
    (4, "holds", "detail TEXT"),
    (
        4,
        "",
        "CREATE TABLE ledger (one INTEGER PRIMARY KEY, scale INTEGER NOT NULL, unit TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT",
    ),
];

/// Why an upgrade does not come to its end.
enum UpgradeStop {
    Database(rusqlite::Error),
    Damaged(&'static str),
    ReadOnly,
}

impl From<rusqlite::Error> for UpgradeStop {
    fn from(error: rusqlite::Error) -> Self {
        UpgradeStop::Database(error)
    }
}

/// Brings the file to the present format, unless another process has done so meanwhile.
pub(super) fn bring_to_format(path: &Path) -> Result<(), LedgerError> {
    let refused = |cause: &str| LedgerError::Database {
        ledger: path.display().to_string(),
        doing: "upgrade",
        cause: cause.to_string(),
    };
    let began = Instant::now();
    loop {
        let error = match attempt(path) {
            Ok(()) => return Ok(()),
            Err(UpgradeStop::Damaged(what)) => return Err(faults::damaged(path, what)),
            Err(UpgradeStop::ReadOnly) => {
                return Err(refused(
                    "it has an earlier format, and this process may not write it: run `bank-par balance` on it once as its owner, or use a copy that can be written",
                ));
            }
            Err(UpgradeStop::Database(error)) => error,
        };
        let is_busy = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        );
        if !is_busy {
            return Err(faults::database(path, "upgrade", &error));
        }
        if has_present_format(path) {
            return Ok(());
        }
        if began.elapsed() >= PATIENCE {
            return Err(refused(
                "it has an earlier format, and other processes use it: end them, and repeat this",
            ));
        }
        thread::sleep(PAUSE);
    }
}

/// Whether the file's own header says so, which it does once an upgrade is complete.
fn has_present_format(path: &Path) -> bool {
    let mut header = [0; 64];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.ends_with(&FORMAT.to_be_bytes())
}

/// SQLite has no wait for the sole use of a file, so this is tried again.
fn attempt(path: &Path) -> Result<(), UpgradeStop> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    if connection.is_readonly("main")? {
        return Err(UpgradeStop::ReadOnly);
    }
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;",
    )?;
    upgrade(&connection)
}

fn upgrade(connection: &Connection) -> Result<(), UpgradeStop> {
    // Whatever an earlier failed sync left in doubt is on the disk after this.
    fold_in(connection)?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let done = alter(connection);
    if done.is_err() {
        let _ = connection.execute_batch("ROLLBACK");
        return done;
    }
    connection.execute_batch("COMMIT")?;
    // The file's own header tells the format only after this.
    fold_in(connection)
}

fn fold_in(connection: &Connection) -> Result<(), UpgradeStop> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn alter(connection: &Connection) -> Result<(), UpgradeStop> {
    let format: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(FIRST..FORMAT).contains(&format) {
        return Ok(());
    }
    if table_texts(connection)?.is_empty() {
        return Err(UpgradeStop::Damaged(
            "it has no tables, as a copy that was made without the `-wal` file beside it",
        ));
    }
    for (_, table, what) in ADDED.into_iter().filter(|(since, ..)| *since > format) {
        let sql = match table {
            "" => what.to_string(),
            table => format!("ALTER TABLE {table} ADD COLUMN {what}"),
        };
        connection.execute_batch(&sql)?;
    }
    if !are_ours(&table_texts(connection)?) {
        return Err(UpgradeStop::Damaged("its tables are not those of a ledger"));
    }
    if format < 3 {
        mark_opened(connection)?;
        rewrite_head(connection)?;
    }
    put_unit(connection, &Unit::default())?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// Which accounts were opened by a request, the records tell. A damaged row stays as it is.
fn mark_opened(connection: &Connection) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {} FROM accounts WHERE name IN (SELECT account FROM records WHERE kind = {OPENED})",
        columns::ACCOUNT
    );
    let mut query = connection.prepare(&sql)?;
    let found = query.query_map([], columns::account)?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = connection.prepare_cached(columns::UPDATE_ACCOUNT)?;
    for row in found.into_iter().filter_map(|read| sound(read).ok()) {
        let opened = Some(1);
        let row = AccountRow { opened, ..row };
        columns::write_account(&mut update, &Stored::sealed(row, &mut Content::default()))?;
    }
    Ok(())
}

fn rewrite_head(connection: &Connection) -> Result<(), UpgradeStop> {
    let sql = format!("SELECT {} FROM head", columns::HEAD);
    let read = connection.query_row(&sql, [], columns::head)?;
    if !read.is_right() {
        return Err(UpgradeStop::Damaged("the head's checksum is wrong"));
    }
    let head = Head {
        prev: Some(read.row.hash),
        ..read.row
    };
    let mut write = connection.prepare_cached(columns::UPDATE_HEAD)?;
    columns::write_head(&mut write, &Stored::sealed(head, &mut Content::default()))?;
    Ok(())
}

#[cfg(test)]
mod tests;
