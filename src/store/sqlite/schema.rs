//! What a ledger's file holds, and how it is known as ours.

use std::path::Path;

use rusqlite::Connection;

use super::{columns, faults};
use crate::bank::Unit;
use crate::store::LedgerError;
use crate::store::engine::rows::{Content, Head, KeptRow, Stored, own_accounts};

/// `bpar`: where SQLite keeps an application's mark in a file's header.
pub(super) const APPLICATION_ID: u32 = 0x6270_6172;
/// Grows when an older program would misread or harm the file.
pub(super) const FORMAT: u32 = 4;

/// Everything that a ledger's file holds. The text itself is kept in the file and compared when it is
/// opened, so that a file with other tables is none of ours. Columns that came with a later
/// format stand behind the others, as SQLite appends them in a file that is brought to it.
///
/// Operations are numbered 0 withdraw, 1 deposit, 2 transfer, 3 loan, 4 balance. Money is in minor
/// units, times are microseconds since 1970 began. `checksum` is the beginning of the row's SHA-256.
/// `boot` and `ticks` are a machine's boot and the microseconds since then.
pub(super) const TABLES: [&str; 12] = [
    // One row: how far the ledger has come, and the hash over all entries and records. Each commit writes
    // it, and `prev` is the hash before that commit. It comes first, so that the log is known by its page.
    "CREATE TABLE head (one INTEGER PRIMARY KEY, seq INTEGER NOT NULL, record INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL, checksum INTEGER NOT NULL, prev BLOB) STRICT",
    // `opened` is 1 where a request opened the account, and not money that came in. `allowance` is the JSON of
    // what it is filled up with in each window, and `refilled` when the last one began for which it was.
    "CREATE TABLE accounts (account INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, posted INTEGER NOT NULL, held INTEGER NOT NULL, floor INTEGER NOT NULL, checksum INTEGER NOT NULL, opened INTEGER, allowance TEXT, refilled INTEGER) STRICT",
    // What was posted. `excess` is how much more that was than was set aside, and `detail` the JSON of what
    // its operation carries. Nothing here ever changes.
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, op INTEGER NOT NULL, debit INTEGER NOT NULL, credit INTEGER NOT NULL, amount INTEGER NOT NULL, posted INTEGER NOT NULL, available INTEGER NOT NULL, id TEXT, run INTEGER, line INTEGER, digest INTEGER, hold INTEGER, checksum INTEGER NOT NULL, excess INTEGER, detail TEXT) STRICT",
    // What else was decided and must not be forgotten; `seq` is the last entry before it. Nothing here
    // ever changes. Kinds: 0 held, 1 voided, 2 expired, 3 refused, 4 viewed, 5 opened, 6 in doubt,
    // 7 taken over, 8 given back because nothing was spent, 9 kept for a second step, 10 a line that was
    // given up, with its reason in `note`. `doubt` is 0 where a hold will be in doubt if its run is gone.
    // `boot` and `ticks` tell when a hold expires; where one has expired, when that was decided, and
    // `expires` the wall clock at that moment.
    "CREATE TABLE records (record INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL, op INTEGER, account TEXT NOT NULL, other TEXT, amount INTEGER, posted INTEGER, available INTEGER, rejection INTEGER, overdraft INTEGER, id TEXT, run INTEGER, line INTEGER, digest INTEGER, hold INTEGER, number INTEGER, expires INTEGER, doubt INTEGER, checksum INTEGER NOT NULL, boot INTEGER, ticks INTEGER, note TEXT, detail TEXT) STRICT",
    // What is set aside now; `doubt` is 1 where the end of its work was not seen. `line_run`, `line` and
    // `digest` tell the line of a named run that it was begun for. It expires at `ticks` of `boot`, or at
    // `expires` once the machine was started anew.
    "CREATE TABLE holds (hold INTEGER PRIMARY KEY, at INTEGER NOT NULL, op INTEGER NOT NULL, account TEXT NOT NULL, other TEXT, amount INTEGER, id TEXT, run INTEGER, number INTEGER, expires INTEGER, doubt INTEGER, line_run INTEGER, line INTEGER, digest INTEGER, checksum INTEGER NOT NULL, boot INTEGER, ticks INTEGER, detail TEXT) STRICT",
    // Each run, and where the ledger stood when it began. `rule` tells what the digest of a line is over:
    // nothing or 1 all lines up to it, 2 the line alone.
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, name TEXT UNIQUE, seq INTEGER NOT NULL, record INTEGER NOT NULL, live INTEGER NOT NULL, rule INTEGER) STRICT",
    // One row: how many decimals the amounts have, and what they count. The chain begins with it where it is
    // not 2 and `$`.
    "CREATE TABLE ledger (one INTEGER PRIMARY KEY, scale INTEGER NOT NULL, unit TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT",
    "CREATE INDEX live_runs ON runs (run) WHERE live = 1",
    "CREATE INDEX entry_ids ON entries (id) WHERE id IS NOT NULL",
    "CREATE INDEX record_ids ON records (id) WHERE id IS NOT NULL",
    "CREATE INDEX expiries ON holds (expires) WHERE expires IS NOT NULL",
    "CREATE INDEX boot_expiries ON holds (boot, ticks) WHERE ticks IS NOT NULL",
];

/// Makes an empty database a ledger in which nothing was done yet.
pub(super) fn create_tables(connection: &Connection, unit: &Unit) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
    ))?;
    TABLES
        .iter()
        .try_for_each(|table| connection.execute_batch(table))?;
    first_rows(connection, unit)?;
    connection.execute_batch("COMMIT")
}

/// The rows that a ledger begins with.
fn first_rows(connection: &Connection, unit: &Unit) -> rusqlite::Result<()> {
    let mut content = Content::default();
    put_unit(connection, unit)?;
    let head = Head::first(unit);
    connection.execute(
        "INSERT INTO head VALUES (1, 0, 0, 0, ?, ?, NULL)",
        (head.hash, head.checksum(&mut content)),
    )?;
    let mut insert = connection.prepare_cached(columns::INSERT_ACCOUNT)?;
    for row in own_accounts() {
        columns::write_account(&mut insert, &Stored::sealed(row, &mut content))?;
    }
    Ok(())
}

/// Writes down what the ledger counts.
pub(super) fn put_unit(connection: &Connection, unit: &Unit) -> rusqlite::Result<()> {
    let checksum = unit.checksum(&mut Content::default());
    let sql = "INSERT INTO ledger VALUES (1, ?, ?, ?)";
    let values = (unit.decimals(), unit.name(), checksum);
    connection.execute(sql, values).map(drop)
}

/// The texts of all tables and indexes, in an order of their own.
pub(super) fn table_texts(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql")?;
    let texts = query.query_map([], |row| row.get(0))?;
    texts.collect()
}

/// Whether these are the tables and indexes of a ledger, in whatever order they were made.
pub(super) fn are_ours(texts: &[String]) -> bool {
    let mut ours = TABLES;
    ours.sort_unstable();
    texts == ours
}

/// A file whose tables are not exactly ours is refused: what is said of rows would not hold.
pub(super) fn check_tables(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let texts = table_texts(connection).map_err(|error| faults::database(path, "open", &error))?;
    match are_ours(&texts) {
        true => Ok(()),
        false => Err(faults::damaged(
            path,
            "its tables are not those of a ledger",
        )),
    }
}
