//! What only SQLite knows of a ledger's soundness: that its indexes find every row and no other, and that
//! the file's pages hang together.

use rusqlite::{Connection, OptionalExtension, Params};

use super::columns;
use crate::bank::LastNumbers;
use crate::store::engine::backend::{FoundById, IdOfRow};
use crate::store::engine::rows::{Read, RecordRow};

/// Why the checking ends.
pub(super) enum CheckStop {
    /// Something is wrong.
    Wrong(String),
    /// SQLite cannot go on.
    Unread(rusqlite::Error),
}

impl From<rusqlite::Error> for CheckStop {
    fn from(error: rusqlite::Error) -> Self {
        CheckStop::Unread(error)
    }
}

fn wrong(why: String) -> Result<(), CheckStop> {
    Err(CheckStop::Wrong(why))
}

/// What the look-up by an id finds, by the way it goes.
pub(super) fn look_up_id(connection: &Connection, row: &IdOfRow) -> rusqlite::Result<FoundById> {
    const ENTRY: &str =
        "SELECT seq FROM entries INDEXED BY entry_ids WHERE id = ? ORDER BY seq LIMIT 1";
    let id = row.id.as_str();
    let mut query = connection.prepare_cached(ENTRY)?;
    let entry = query.query_row([id], |row| columns::unsigned(row, 0));
    Ok(FoundById {
        entry: entry.optional()?.flatten(),
        record: last_record(connection, id, row.record)?,
        earlier: match row.record.checked_sub(1) {
            Some(before) => last_record(connection, id, before)?,
            None => None,
        },
    })
}

fn last_record(
    connection: &Connection,
    id: &str,
    last: u64,
) -> rusqlite::Result<Option<Read<RecordRow>>> {
    let sql = format!(
        "SELECT {} FROM records r INDEXED BY record_ids WHERE r.id = ? AND r.record <= ? ORDER BY r.record DESC LIMIT 1",
        columns::RECORD
    );
    let mut query = connection.prepare_cached(&sql)?;
    let found = query.query_row((id, last.cast_signed()), columns::record);
    found.optional()
}

/// Checks what lies around rows that are right in themselves, of which so many have an id.
pub(super) fn check(connection: &Connection, ids: LastNumbers) -> Result<(), CheckStop> {
    let check = IndexCheck { connection };
    check.first_numbers()?;
    check.count("entry_ids", "entries", "id IS NOT NULL", ids.seq)?;
    check.count("record_ids", "records", "id IS NOT NULL", ids.record)?;
    check.accounts()?;
    check.holds()?;
    check.runs()?;
    check.structure()
}

struct IndexCheck<'a> {
    connection: &'a Connection,
}

impl IndexCheck<'_> {
    /// No row hides before the first.
    fn first_numbers(&self) -> Result<(), CheckStop> {
        for (sql, what) in [
            ("SELECT ifnull(min(seq), 1) FROM entries", "entry"),
            ("SELECT ifnull(min(record), 1) FROM records", "record"),
        ] {
            let first = self.number(sql)?;
            if first != 1 {
                return wrong(format!(
                    "the {what} {first} must not be there: the first one is 1"
                ));
            }
        }
        Ok(())
    }

    /// An index has so many rows. Each of those was found in it before, so it has no others then.
    fn count(&self, index: &str, table: &str, condition: &str, must: u64) -> Result<(), CheckStop> {
        let sql = format!("SELECT count(*) FROM {table} INDEXED BY {index} WHERE {condition}");
        let count = self.number(&sql)?;
        match u64::try_from(count) == Ok(must) {
            true => Ok(()),
            false => wrong(format!(
                "the index `{index}` has {count} rows, must have {must}"
            )),
        }
    }

    fn number(&self, sql: &str) -> rusqlite::Result<i64> {
        self.connection.query_row(sql, [], |row| row.get(0))
    }

    fn exists(&self, sql: &str, values: impl Params) -> rusqlite::Result<bool> {
        self.connection.prepare_cached(sql)?.exists(values)
    }

    fn accounts(&self) -> Result<(), CheckStop> {
        const BY_NAME: &str = "SELECT 1 FROM accounts INDEXED BY sqlite_autoindex_accounts_1 WHERE name = ? AND account = ?";
        let mut query = self
            .connection
            .prepare("SELECT account, name FROM accounts NOT INDEXED ORDER BY account")?;
        let mut rows = query.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            let (key, name): (i64, String) = (row.get(0)?, row.get(1)?);
            if !self.exists(BY_NAME, (&name, key))? {
                return wrong(format!(
                    "the account number {key} is not found by its name `{name}`"
                ));
            }
        }
        self.count("sqlite_autoindex_accounts_1", "accounts", "true", count)
    }

    fn holds(&self) -> Result<(), CheckStop> {
        const BY_MOMENT: &str =
            "SELECT 1 FROM holds INDEXED BY expiries WHERE expires = ? AND hold = ?";
        const BY_BOOT: &str = "SELECT 1 FROM holds INDEXED BY boot_expiries WHERE boot = ? AND ticks = ? AND hold = ?";
        let mut query = self.connection.prepare("SELECT hold, expires, boot, ticks FROM holds NOT INDEXED WHERE expires IS NOT NULL ORDER BY hold")?;
        let mut rows = query.query([])?;
        let (mut expire, mut expire_in_boot) = (0, 0);
        while let Some(row) = rows.next()? {
            let (hold, expires): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (boot, ticks): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            expire += 1;
            expire_in_boot += u64::from(ticks.is_some());
            let what = match boot.zip(ticks) {
                _ if !self.exists(BY_MOMENT, [expires, hold])? => "moment",
                Some((boot, ticks)) if !self.exists(BY_BOOT, [boot, ticks, hold])? => "boot's time",
                _ => continue,
            };
            return wrong(format!(
                "the row of the hold {hold} is not found by the {what} at which it expires"
            ));
        }
        self.count("expiries", "holds", "expires IS NOT NULL", expire)?;
        let ticks = "ticks IS NOT NULL";
        self.count("boot_expiries", "holds", ticks, expire_in_boot)
    }

    fn runs(&self) -> Result<(), CheckStop> {
        const BY_NAME: &str =
            "SELECT 1 FROM runs INDEXED BY sqlite_autoindex_runs_1 WHERE name = ? AND run = ?";
        const LIVE: &str = "SELECT 1 FROM runs INDEXED BY live_runs WHERE live = 1 AND run = ?";
        let mut query = self
            .connection
            .prepare("SELECT run, name, live FROM runs NOT INDEXED ORDER BY run")?;
        let mut rows = query.query([])?;
        let (mut count, mut live) = (0, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            let run: i64 = row.get(0)?;
            if let Some(name) = row.get::<_, Option<String>>(1)?
                && !self.exists(BY_NAME, (&name, run))?
            {
                return wrong(format!("the run {run} is not found by its name `{name}`"));
            }
            if row.get::<_, i64>(2)? == 1 {
                live += 1;
                if !self.exists(LIVE, [run])? {
                    return wrong(format!(
                        "the run {run} is not found among those that are live"
                    ));
                }
            }
        }
        self.count("sqlite_autoindex_runs_1", "runs", "true", count)?;
        self.count("live_runs", "runs", "live = 1", live)
    }

    /// Whether the file's pages hang together. All that a ledger says was read by now; this finds what
    /// would go wrong later, such as a page that is in use and free at the same time.
    fn structure(&self) -> Result<(), CheckStop> {
        let sql = "PRAGMA quick_check(1)";
        let said: String = self.connection.query_row(sql, [], |row| row.get(0))?;
        match said.as_str() {
            "ok" => Ok(()),
            said => wrong(format!("the file's structure is damaged: {said}")),
        }
    }
}
