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
        holds: each(connection, &holds_by_number(), &wanted.holds, columns::hold)?,
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

/// Reads the rows that these texts find, each beside the place of its text.
fn found_by<T>(
    connection: &Connection,
    sql: &str,
    texts: &[&str],
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<(usize, T)>> {
    let mut found = Vec::new();
    for (part, texts) in texts.chunks(SET).enumerate() {
        found.extend(each(connection, sql, texts, |row| {
            // The last column is the text's place in its part.
            let place: i64 = row.get(row.as_ref().column_count() - 1)?;
            let place = usize::try_from(place).unwrap_or_default();
            Ok((part * SET + place, read(row)?))
        })?);
    }
    Ok(found)
}

fn accounts(
    connection: &Connection,
    names: &[Name],
) -> rusqlite::Result<Vec<(Name, Read<AccountRow>)>> {
    let texts: Vec<&str> = names.iter().map(Name::as_str).collect();
    let found = found_by(connection, &accounts_by_name(), &texts, columns::account)?;
    let named = |(place, row): (usize, _)| (names[place].clone(), row);
    Ok(found.into_iter().map(named).collect())
}

/// What tells what became of these ids.
fn ids(connection: &Connection, ids: &[Id]) -> rusqlite::Result<Vec<IdRows>> {
    let texts: Vec<&str> = ids.iter().map(Id::as_str).collect();
    let mut known: BTreeMap<usize, IdRows> = BTreeMap::new();
    let none = |place: usize| IdRows {
        id: ids[place].clone(),
        entry: None,
        record: None,
        hold: None,
    };
    for (place, entry) in found_by(connection, &entries_by_id(), &texts, columns::entry)? {
        let rows = known.entry(place).or_insert_with(|| none(place));
        rows.entry = Some(entry);
    }
    for (place, record) in found_by(connection, &records_by_id(), &texts, columns::record)? {
        let rows = known.entry(place).or_insert_with(|| none(place));
        rows.record = Some(record);
    }
    let mut found: Vec<IdRows> = known.into_values().collect();
    add_holds(connection, &mut found)?;
    Ok(found)
}

fn accounts_by_name() -> String {
    format!(
        "SELECT {}, w.key FROM json_each(?) w CROSS JOIN accounts ON accounts.name = w.value",
        columns::ACCOUNT
    )
}

fn entries_by_id() -> String {
    format!(
        "SELECT {}, w.key FROM json_each(?) w CROSS JOIN entries e ON e.seq = (SELECT max(seq) FROM entries INDEXED BY entry_ids WHERE id = w.value) {}",
        columns::ENTRY,
        columns::ENTRY_NAMES
    )
}

fn records_by_id() -> String {
    format!(
        "SELECT {}, w.key FROM json_each(?) w CROSS JOIN records r ON r.record = (SELECT max(record) FROM records INDEXED BY record_ids WHERE id = w.value)",
        columns::RECORD
    )
}

fn records_by_number() -> String {
    format!(
        "SELECT {} FROM records r WHERE r.record IN (SELECT value FROM json_each(?))",
        columns::RECORD
    )
}

fn holds_by_number() -> String {
    format!(
        "SELECT {} FROM holds WHERE hold IN (SELECT value FROM json_each(?))",
        columns::HOLD
    )
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
    let numbers: Vec<u64> = found.iter().filter_map(ended).collect();
    let records = each(connection, &records_by_number(), &numbers, columns::record)?;
    let mut records = by_number(records);
    let numbers: Vec<u64> = found.iter().filter_map(open).collect();
    let mut holds = by_number(each(
        connection,
        &holds_by_number(),
        &numbers,
        columns::hold,
    )?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    #[test]
    fn sets_are_found_by_indexes() {
        let connection = Connection::open_in_memory().expect("a database");
        schema::create_tables(&connection, &crate::bank::Unit::default()).expect("tables");
        for sql in [
            accounts_by_name(),
            entries_by_id(),
            records_by_id(),
            records_by_number(),
            holds_by_number(),
        ] {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let mut query = connection.prepare(&plan).expect("a plan");
            let steps = query.query_map(["[]"], |row| row.get::<_, String>(3));
            let steps: rusqlite::Result<Vec<String>> = steps.expect("a plan").collect();
            let steps = steps.expect("a plan");
            let is_slow = |step: &&String| step.starts_with("SCAN") && !step.contains("VIRTUAL");
            assert_eq!(steps.iter().find(is_slow), None, "{sql}");
            assert!(steps.iter().any(|step| step.starts_with("SEARCH")));
        }
    }
}
