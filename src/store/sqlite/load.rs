//! Finds all that a batch touches: each kind of row by one statement for a set of names, ids or numbers,
//! which travels as a JSON array.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, ToSql};
use serde::Serialize;

use super::columns;
use crate::bank::{Id, Name};
use crate::store::engine::backend::{DueBy, IdRows, LoadedRows, WantedRows};
use crate::store::engine::rows::{
    AccountRow, DOUBTED, HELD, HoldRow, KEPT, KeptRow, Read, RecordRow, TAKEN_OVER, number_of,
};

/// The most names, ids or numbers of one statement.
const SET: usize = 5_000;

pub(super) fn load(connection: &Connection, wanted: &WantedRows) -> rusqlite::Result<LoadedRows> {
    let holds_of = format!(
        "SELECT {} FROM holds WHERE run IN (SELECT value FROM json_each(?)) ORDER BY hold",
        columns::HOLD
    );
    Ok(LoadedRows {
        accounts: accounts(connection, &wanted.accounts)?,
        ids: ids(connection, &wanted.ids)?,
        holds: each(connection, &holds(), &wanted.holds, columns::hold)?,
        holds_of: each(connection, &holds_of, &wanted.holds_of, columns::hold)?,
        due: match &wanted.due {
            Some(due) => over(connection, due)?,
            None => Vec::new(),
        },
    })
}

/// Reads the rows of these members of a set.
fn each<T>(
    connection: &Connection,
    sql: &str,
    set: &[impl Serialize],
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut found = Vec::new();
    for part in set.chunks(SET) {
        let part = serde_json::to_string(part);
        let part = part.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query([part])?;
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
    }
    Ok(found)
}

fn accounts(
    connection: &Connection,
    names: &[Name],
) -> rusqlite::Result<Vec<(Name, Read<AccountRow>)>> {
    let sql = format!(
        "SELECT {}, w.key FROM json_each(?) w CROSS JOIN accounts ON accounts.name = w.value",
        columns::ACCOUNT
    );
    let mut found = Vec::new();
    for part in names.chunks(SET) {
        let texts: Vec<&str> = part.iter().map(Name::as_str).collect();
        found.extend(each(connection, &sql, &texts, |row| {
            let name = part[place(row, 7)?].clone();
            Ok((name, columns::account(row)?))
        })?);
    }
    Ok(found)
}

/// The place of a row's member in its set.
fn place(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    row.get::<_, i64>(column)
        .map(|place| usize::try_from(place).unwrap_or_default())
}

/// What tells what became of these ids.
fn ids(connection: &Connection, ids: &[Id]) -> rusqlite::Result<Vec<IdRows>> {
    let entries = format!(
        "SELECT {}, w.key FROM json_each(?) w CROSS JOIN entries e ON e.seq = (SELECT max(seq) FROM entries INDEXED BY entry_ids WHERE id = w.value) {}",
        columns::ENTRY,
        columns::ENTRY_NAMES
    );
    let records = format!(
        "SELECT {}, w.key FROM json_each(?) w CROSS JOIN records r ON r.record = (SELECT max(record) FROM records INDEXED BY record_ids WHERE id = w.value)",
        columns::RECORD
    );
    let mut found = Vec::new();
    for part in ids.chunks(SET) {
        let texts: Vec<&str> = part.iter().map(Id::as_str).collect();
        let mut known: BTreeMap<usize, IdRows> = BTreeMap::new();
        let rows_of = |place: usize| IdRows {
            id: part[place].clone(),
            entry: None,
            record: None,
            hold: None,
        };
        for row in each(connection, &entries, &texts, |row| {
            Ok((place(row, 15)?, columns::entry(row)?))
        })? {
            let rows = known.entry(row.0).or_insert_with(|| rows_of(row.0));
            rows.entry = Some(row.1);
        }
        for row in each(connection, &records, &texts, |row| {
            Ok((place(row, 24)?, columns::record(row)?))
        })? {
            let rows = known.entry(row.0).or_insert_with(|| rows_of(row.0));
            rows.record = Some(row.1);
        }
        found.extend(known.into_values());
    }
    add_holds(connection, &mut found)?;
    Ok(found)
}

/// Adds what is found by the numbers of holds: where an entry ended one, the record that began it, and
/// else the open hold that the record is about.
fn add_holds(connection: &Connection, found: &mut [IdRows]) -> rusqlite::Result<()> {
    let ended = |rows: &IdRows| match &rows.entry {
        Some(Ok(entry)) => entry.row.hold,
        _ => None,
    };
    let open = |rows: &IdRows| match (&rows.entry, &rows.record) {
        (None, Some(Ok(record))) => hold_of(&record.row),
        _ => None,
    };
    let records = format!(
        "SELECT {} FROM records r WHERE r.record IN (SELECT value FROM json_each(?))",
        columns::RECORD
    );
    let numbers: Vec<u64> = found.iter().filter_map(ended).collect();
    let records = each(connection, &records, &numbers, columns::record)?;
    let mut records = by_number(records);
    let numbers: Vec<u64> = found.iter().filter_map(open).collect();
    let mut holds = by_number(each(connection, &holds(), &numbers, columns::hold)?);
    for rows in found {
        if rows.entry.is_some() {
            rows.record = ended(rows).and_then(|number| records.remove(&number));
        }
        rows.hold = open(rows).and_then(|number| holds.remove(&number));
    }
    Ok(())
}

/// The hold that a record is about, if it may be open.
fn hold_of(record: &RecordRow) -> Option<u64> {
    match record.kind {
        HELD => Some(record.record),
        DOUBTED | TAKEN_OVER | KEPT => record.hold,
        _ => None,
    }
}

fn by_number<T: KeptRow>(rows: Vec<Read<T>>) -> HashMap<u64, Read<T>> {
    let numbered = |read: Read<T>| (number_of(&read).cast_unsigned(), read);
    rows.into_iter().map(numbered).collect()
}

fn holds() -> String {
    format!(
        "SELECT {} FROM holds WHERE hold IN (SELECT value FROM json_each(?))",
        columns::HOLD
    )
}

/// The holds whose time is over, those of this boot first.
fn over(connection: &Connection, due: &DueBy) -> rusqlite::Result<Vec<Read<HoldRow>>> {
    let (now, limit) = (due.now, i64::try_from(due.limit).unwrap_or(i64::MAX));
    let find = |condition: &str, values: &[&dyn ToSql]| {
        let sql = format!("SELECT {} FROM holds WHERE {condition}", columns::HOLD);
        let mut query = connection.prepare_cached(&sql)?;
        let rows = query.query_map(values, columns::hold)?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut over = Vec::new();
    if let Some(time) = now.boot_time {
        let condition = "boot = ? AND ticks <= ? ORDER BY ticks, hold LIMIT ?";
        over = find(condition, &[&time.boot, &time.micros, &limit])?;
    }
    let boot = now.boot_time.map(|time| time.boot);
    let rest = limit - over.len() as i64;
    let condition =
        "expires <= ?1 AND (?2 IS NULL OR boot IS NOT ?2) ORDER BY expires, hold LIMIT ?3";
    over.extend(find(condition, &[&now.wall.micros(), &boot, &rest])?);
    Ok(over)
}
