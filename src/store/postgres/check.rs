//! What only the database knows of a ledger's soundness: that its indexes find every row and no other.

use super::faults::PgError;

use super::columns::RECORDS;
use super::session::PgSession;
use super::values::Values;
use crate::bank::LastNumbers;
use crate::store::engine::backend::{FoundById, IdOfRow};

/// What the look-up by an id finds, by the way it goes.
pub(super) fn look_up_ids(
    session: &mut PgSession,
    rows: &[IdOfRow],
) -> Result<Vec<FoundById>, PgError> {
    const ENTRIES: &str = "SELECT w.place, (SELECT e.seq FROM entries e WHERE e.id = w.id ORDER BY e.seq LIMIT 1) FROM unnest($1::text[]) WITH ORDINALITY w (id, place) ORDER BY w.place";
    let mut found: Vec<FoundById> = Vec::with_capacity(rows.len());
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    for row in session.query(ENTRIES, &[&ids])? {
        let entry: Option<i64> = row.try_get(1)?;
        found.push(FoundById {
            entry: entry.map(i64::cast_unsigned),
            record: None,
            earlier: None,
        });
    }
    let last: Vec<i64> = rows.iter().map(|row| row.record.cast_signed()).collect();
    let sql = format!(
        "SELECT w.place, n.back, {} FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY w (id, last, place) CROSS JOIN unnest(ARRAY[0, 1]) n (back) CROSS JOIN LATERAL (SELECT * FROM records WHERE id = w.id AND record <= w.last - n.back ORDER BY record DESC LIMIT 1) r",
        RECORDS.arrays("r")
    );
    for row in session.query(&sql, &[&ids, &last])? {
        let (place, back): (i64, i32) = (row.try_get(0)?, row.try_get(1)?);
        let record = Some(Values::of(&row, 2)?.record());
        // Places are counted from 1.
        let place = usize::try_from(place - 1).unwrap_or(usize::MAX);
        match (found.get_mut(place), back) {
            (Some(found), 0) => found.record = record,
            (Some(found), _) => found.earlier = record,
            (None, _) => {}
        }
    }
    Ok(found)
}

/// Checks what lies around rows that are right in themselves, of which so many have an id.
pub(super) fn check(session: &mut PgSession, ids: LastNumbers) -> Result<Option<String>, PgError> {
    let count = |session: &mut PgSession, sql: &str| -> Result<i64, PgError> {
        match session.query(sql, &[])?.first() {
            Some(row) => Ok(row.try_get(0)?),
            None => Ok(0),
        }
    };
    for (table, key, must) in [
        ("entries", "seq", ids.seq),
        ("records", "record", ids.record),
    ] {
        let first = count(
            session,
            &format!("SELECT coalesce(min({key}), 1) FROM {table}"),
        )?;
        if first != 1 {
            return Ok(Some(format!(
                "the row {first} of `{table}` must not be there: the first one is 1"
            )));
        }
        let there = count(
            session,
            &format!("SELECT count(*) FROM {table} WHERE id IS NOT NULL"),
        )?;
        if u64::try_from(there) != Ok(must) {
            return Ok(Some(format!(
                "{there} rows of `{table}` have an id, must be {must}"
            )));
        }
    }
    Ok(None)
}
