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

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::faults;
use super::rows::{self, AccountRow, Content, Head, OPENED};
use super::schema::{FORMAT, TABLES, table_texts};
use crate::store::LedgerError;

/// The format that can be brought to the present one.
pub(super) const FROM: u32 = 2;

/// How long other processes may still have the file open.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_millis(5);

/// What was added, in the order of the columns.
const ADDED: [(&str, &str); 10] = [
    ("head", "prev BLOB"),
    ("accounts", "opened INTEGER"),
    ("entries", "excess INTEGER"),
    ("records", "boot INTEGER"),
    ("records", "ticks INTEGER"),
    ("records", "note TEXT"),
    ("holds", "boot INTEGER"),
    ("holds", "ticks INTEGER"),
    ("runs", "rule INTEGER"),
    (
        "",
        "CREATE INDEX boot_expiries ON holds (boot, ticks) WHERE ticks IS NOT NULL",
    ),
];

/// Why an upgrade does not come to its end.
enum Stop {
    Database(rusqlite::Error),
    Damaged(&'static str),
    ReadOnly,
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Database(error)
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
            Err(Stop::Damaged(what)) => return Err(faults::damaged(path, what)),
            Err(Stop::ReadOnly) => {
                return Err(refused(
                    "it has an earlier format, and this process may not write it: run `bank-par balance` on it once as its owner, or use a copy that can be written",
                ));
            }
            Err(Stop::Database(error)) => error,
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
fn attempt(path: &Path) -> Result<(), Stop> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    if connection.is_readonly("main")? {
        return Err(Stop::ReadOnly);
    }
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;",
    )?;
    upgrade(&connection)
}

fn upgrade(connection: &Connection) -> Result<(), Stop> {
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

fn fold_in(connection: &Connection) -> Result<(), Stop> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn alter(connection: &Connection) -> Result<(), Stop> {
    let format: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if format != FROM {
        return Ok(());
    }
    // A file whose creation did not come to its end has no tables yet.
    if !table_texts(connection)?.is_empty() {
        for (table, what) in ADDED {
            let sql = match table {
                "" => what.to_string(),
                table => format!("ALTER TABLE {table} ADD COLUMN {what}"),
            };
            connection.execute_batch(&sql)?;
        }
        if table_texts(connection)? != TABLES {
            return Err(Stop::Damaged("its tables are not those of a ledger"));
        }
        mark_opened(connection)?;
        rewrite_head(connection)?;
    }
    connection.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// Which accounts were opened by a request, the records tell. A damaged row stays as it is.
fn mark_opened(connection: &Connection) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {} WHERE name IN (SELECT account FROM records WHERE kind = {OPENED})",
        AccountRow::COLUMNS
    );
    let mut query = connection.prepare(&sql)?;
    let found = query.query_map([], rows::account)?;
    for (key, name, account) in found
        .collect::<rusqlite::Result<Vec<_>>>()?
        .into_iter()
        .flatten()
    {
        let account = account.opened();
        let name = &name;
        let sealed = AccountRow { key, name, account }.sealed(&mut Content::default());
        let (posted, held, floor) = account.parts();
        connection.execute(
            AccountRow::UPDATE,
            params![
                posted,
                held,
                floor,
                account.is_opened().then_some(1),
                sealed,
                key
            ],
        )?;
    }
    Ok(())
}

fn rewrite_head(connection: &Connection) -> Result<(), Stop> {
    let (head, right) = connection.query_row(Head::READ, [], Head::read)?;
    if !right {
        return Err(Stop::Damaged("the head's checksum is wrong"));
    }
    let head = Head {
        prev: Some(head.hash),
        ..head
    };
    head.write(connection, &mut Content::default())?;
    Ok(())
}

#[cfg(test)]
mod tests;
