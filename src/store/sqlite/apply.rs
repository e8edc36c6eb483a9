//! Writes all that a transaction changes: each kind of row by one statement, in a loop that never leaves
//! the process. One statement for many rows at once is no faster, since SQLite's own work is the same.

use rusqlite::{Connection, Statement};

use super::columns;
use crate::store::engine::backend::Changes;
use crate::store::engine::rows::{Content, Head, Stored};

/// Writes the changes to a ledger that has this head.
pub(super) fn apply(
    connection: &Connection,
    changes: &Changes,
    head: Option<Head>,
) -> rusqlite::Result<()> {
    each(
        connection,
        columns::PUT_RUN,
        &changes.runs,
        columns::write_run,
    )?;
    each(
        connection,
        columns::INSERT_ENTRY,
        &changes.entries,
        columns::write_entry,
    )?;
    each(
        connection,
        columns::INSERT_RECORD,
        &changes.records,
        columns::write_record,
    )?;
    let new = changes.accounts.iter().filter(|change| change.is_new);
    let old = changes.accounts.iter().filter(|change| !change.is_new);
    each(connection, columns::INSERT_ACCOUNT, new, |sql, change| {
        columns::write_account(sql, &change.row)
    })?;
    each(connection, columns::UPDATE_ACCOUNT, old, |sql, change| {
        columns::write_account(sql, &change.row)
    })?;
    let kept = changes.holds.values().flatten();
    each(connection, columns::PUT_HOLD, kept, columns::write_hold)?;
    let ended = changes.holds.iter().filter(|(_, hold)| hold.is_none());
    let end = "DELETE FROM holds WHERE hold = ?";
    each(connection, end, ended, |sql, (number, _)| {
        sql.execute([number.cast_signed()])
    })?;
    if head == Some(changes.head) {
        // A row that is written as it is would not come into the log.
        connection.execute("UPDATE head SET prev = randomblob(32)", [])?;
    }
    let head = Stored::sealed(changes.head, &mut Content::default());
    each(
        connection,
        columns::UPDATE_HEAD,
        [&head],
        columns::write_head,
    )
}

/// Runs a statement once for each of these.
fn each<'c, T>(
    connection: &'c Connection,
    sql: &str,
    rows: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Statement<'c>, T) -> rusqlite::Result<usize>,
) -> rusqlite::Result<()> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(sql)?;
    rows.try_for_each(|row| write(&mut statement, row).map(drop))
}
