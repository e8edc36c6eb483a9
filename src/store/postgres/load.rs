//! Finds all that a batch touches by one statement: the sets of names, ids and numbers are its parameters.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::columns::{ACCOUNTS, ENTRY, ENTRY_NAMES, HOLDS, RECORDS};
use super::faults::PgError;
use super::session::PgSession;
use super::values::Values;
use crate::bank::{Id, Name};
use crate::store::engine::backend::{IdRows, LoadedRows, WantedRows};
use crate::store::engine::rows::{DOUBTED, HELD, KEPT, TAKEN_OVER};

/// What a row of the answer is.
const ACCOUNT: i64 = 0;
const ENTRY_OF_ID: i64 = 1;
const RECORD_OF_ID: i64 = 2;
const HOLD_OF_ID: i64 = 3;
const HOLD: i64 = 4;
const HOLD_OF_RUN: i64 = 5;
const DUE: i64 = 6;

/// Each row tells what it is, by which member of the set it was found, and what it says.
///
/// An id leads to the last entry under it and to the record of the hold that this ended; where there is no
/// entry, to the last record under it, and to the hold that this began or speaks of.
static SQL: LazyLock<String> = LazyLock::new(|| {
    let account = ACCOUNTS.arrays("a");
    let (record, hold) = (RECORDS.arrays("r"), HOLDS.arrays("h"));
    let entry = "SELECT * FROM entries WHERE id = w.id ORDER BY seq DESC LIMIT 1";
    let last = "SELECT * FROM records WHERE id = w.id ORDER BY record DESC LIMIT 1";
    let ids = "unnest($2::text[]) WITH ORDINALITY w (id, place)";
    let unposted = "NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = w.id)";
    let parts = [
        format!(
            "{ACCOUNT}, w.place, {account} FROM unnest($1::text[]) WITH ORDINALITY w (name, place) JOIN accounts a ON a.name = w.name"
        ),
        format!(
            "{ENTRY_OF_ID}, w.place, {ENTRY} FROM {ids} CROSS JOIN LATERAL ({entry}) e {ENTRY_NAMES}"
        ),
        format!(
            "{RECORD_OF_ID}, w.place, {record} FROM {ids} CROSS JOIN LATERAL ({entry}) e JOIN records r ON r.record = e.hold"
        ),
        format!(
            "{RECORD_OF_ID}, w.place, {record} FROM {ids} CROSS JOIN LATERAL ({last}) r WHERE {unposted}"
        ),
        format!(
            "{HOLD_OF_ID}, w.place, {hold} FROM {ids} CROSS JOIN LATERAL ({last}) r JOIN holds h ON h.hold = CASE r.kind WHEN {HELD} THEN r.record WHEN {DOUBTED} THEN r.hold WHEN {TAKEN_OVER} THEN r.hold WHEN {KEPT} THEN r.hold END WHERE {unposted}"
        ),
        format!(
            "{HOLD}, 0, {hold} FROM unnest($3::bigint[]) w (hold) JOIN holds h ON h.hold = w.hold"
        ),
        format!("{HOLD_OF_RUN}, 0, {hold} FROM holds h WHERE h.run = ANY($4::bigint[])"),
        format!(
            "{DUE}, 0, {hold} FROM (SELECT * FROM holds WHERE boot = $5 AND ticks <= $6 ORDER BY ticks, hold LIMIT $8) h"
        ),
        format!(
            "{DUE}, 0, {hold} FROM (SELECT * FROM holds WHERE expires <= $7 AND ($5 IS NULL OR boot IS DISTINCT FROM $5) ORDER BY expires, hold LIMIT $8) h"
        ),
    ];
    let parts: Vec<String> = parts.iter().map(|part| format!("SELECT {part}")).collect();
    parts.join(" UNION ALL ")
});

pub(super) fn load(session: &mut PgSession, wanted: &WantedRows) -> Result<LoadedRows, PgError> {
    let names: Vec<&str> = wanted.accounts.iter().map(Name::as_str).collect();
    let ids: Vec<&str> = wanted.ids.iter().map(Id::as_str).collect();
    let holds: Vec<i64> = wanted.holds.iter().map(|hold| hold.cast_signed()).collect();
    let runs: Vec<i64> = wanted.holds_of.iter().copied().map(i64::from).collect();
    let boot_time = wanted.due.and_then(|due| due.now.boot_time);
    let (boot, ticks) = (
        boot_time.map(|time| time.boot),
        boot_time.map(|time| time.micros),
    );
    let wall = wanted.due.map(|due| due.now.wall.micros());
    let most = wanted.due.map_or(0, |due| due.limit);
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = session.query(
        &SQL,
        &[&names, &ids, &holds, &runs, &boot, &ticks, &wall, &limit],
    )?;
    let mut loaded = LoadedRows::default();
    let mut known: BTreeMap<usize, IdRows> = BTreeMap::new();
    for row in rows {
        let (what, place): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
        let values = Values::of(&row, 2)?;
        // Places are counted from 1; what is found by a number has none.
        let place = usize::try_from(place - 1).unwrap_or_default();
        let of_id = || IdRows {
            id: wanted.ids[place].clone(),
            entry: None,
            record: None,
            hold: None,
        };
        match i64::from(what) {
            ACCOUNT => {
                let name = wanted.accounts[place].clone();
                loaded.accounts.push((name, values.account()));
            }
            ENTRY_OF_ID => {
                known.entry(place).or_insert_with(of_id).entry = Some(values.entry());
            }
            RECORD_OF_ID => {
                known.entry(place).or_insert_with(of_id).record = Some(values.record());
            }
            HOLD_OF_ID => {
                known.entry(place).or_insert_with(of_id).hold = Some(values.hold());
            }
            HOLD => loaded.holds.push(values.hold()),
            HOLD_OF_RUN => loaded.holds_of.push(values.hold()),
            _ => loaded.due.push(values.hold()),
        }
    }
    loaded.due.truncate(most);
    loaded.ids = known.into_values().collect();
    Ok(loaded)
}
