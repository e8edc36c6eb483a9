//! Writes all that a transaction changes by one statement: each kind of row as a set.

use tokio_postgres::types::ToSql;

use super::columns::{ACCOUNTS, Columns, ENTRIES, HOLDS, RECORDS, RUNS, RowSet};
use super::faults::PgError;
use super::session::PgSession;
use crate::store::engine::backend::Changes;
use crate::store::engine::rows::{Content, Stored};

/// The part of the statement that writes a set of rows, where there are any.
struct ChangedSet<'a> {
    set: RowSet<'a>,
    columns: &'static Columns,
    how: How,
}

/// How a set is written.
#[derive(Clone, Copy)]
enum How {
    /// None of the rows is there.
    Insert,
    /// All of the rows are there.
    Update,
    /// Those that are there get these columns anew.
    Put(&'static [&'static str]),
}

/// Writes the changes under the id of their batch.
pub(super) fn apply(
    session: &mut PgSession,
    changes: &Changes,
    batch: &str,
) -> Result<(), PgError> {
    let parts = parts(changes);
    let ended = changes.holds.iter().filter(|(_, hold)| hold.is_none());
    let ended: Vec<i64> = ended.map(|(number, _)| number.cast_signed()).collect();
    let head = Stored::sealed(changes.head, &mut Content::default());
    let last = head.row.last;
    let (seq, record) = (last.seq.cast_signed(), last.record.cast_signed());
    let (hash, prev) = (
        &head.row.hash[..],
        head.row.prev.as_ref().map(|hash| &hash[..]),
    );
    let at = head.row.at.micros();
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        vec![&batch, &seq, &record, &at, &hash, &prev, &head.checksum];
    let mut sets = Vec::new();
    if !ended.is_empty() {
        parameters.push(&ended);
        sets.push("ended AS (DELETE FROM holds WHERE hold = ANY($8))".to_string());
    }
    let over: Vec<i64> = changes
        .runs
        .iter()
        .filter(|run| run.live == 0)
        .map(|run| i64::from(run.number))
        .collect();
    if !over.is_empty() {
        parameters.push(&over);
        let place = parameters.len();
        sets.push(format!(
            "leased AS (DELETE FROM leases WHERE run = ANY(${place}))"
        ));
    }
    for (number, part) in parts.iter().enumerate() {
        let first = parameters.len() + 1;
        sets.push(format!("set{number} AS ({})", part.statement(first)));
        parameters.extend(part.set.parameters());
    }
    let with = match sets.is_empty() {
        true => String::new(),
        false => format!("WITH {}", sets.join(", ")),
    };
    let sql = format!(
        "{with} UPDATE head SET batch = $1::text::uuid, seq = $2, record = $3, at = $4, hash = $5, prev = $6, checksum = $7 WHERE one = 1"
    );
    session.query(&sql, &parameters).map(drop)
}

fn parts(changes: &Changes) -> Vec<ChangedSet<'_>> {
    let mut runs = RowSet::of(&RUNS);
    changes.runs.iter().for_each(|run| runs.add_run(run));
    let mut entries = RowSet::of(&ENTRIES);
    let new = changes.entries.iter();
    new.for_each(|entry| entries.add_entry(entry));
    let mut records = RowSet::of(&RECORDS);
    let new = changes.records.iter();
    new.for_each(|record| records.add_record(record));
    let (mut new, mut old) = (RowSet::of(&ACCOUNTS), RowSet::of(&ACCOUNTS));
    for change in &changes.accounts {
        match change.is_new {
            true => new.add_account(&change.row),
            false => old.add_account(&change.row),
        }
    }
    let mut holds = RowSet::of(&HOLDS);
    let kept = changes.holds.values().flatten();
    kept.for_each(|hold| holds.add_hold(hold));
    let parts = [
        (runs, &RUNS, How::Put(&["live"])),
        (entries, &ENTRIES, How::Insert),
        (records, &RECORDS, How::Insert),
        (new, &ACCOUNTS, How::Insert),
        (old, &ACCOUNTS, How::Update),
        (holds, &HOLDS, How::Put(&HOLDS.numbers[1..])),
    ];
    let used = parts.into_iter().filter(|(set, ..)| !set.is_empty());
    used.map(|(set, columns, how)| ChangedSet { set, columns, how })
        .collect()
}

impl ChangedSet<'_> {
    /// The statement, whose first parameter has this number.
    fn statement(&self, first: usize) -> String {
        let Columns {
            table,
            numbers,
            texts,
        } = self.columns;
        let (key, new) = (numbers[0], self.columns.unnest(first));
        let set = |columns: &[&str], from: &str| {
            let set = columns.iter().map(|name| format!("{name} = {from}.{name}"));
            set.collect::<Vec<String>>().join(", ")
        };
        let insert = || {
            let names = self.columns.names();
            format!("INSERT INTO {table} ({names}) SELECT * FROM {new}")
        };
        match self.how {
            How::Insert => insert(),
            How::Put(columns) => {
                let set = set(columns, "excluded");
                format!("{} ON CONFLICT ({key}) DO UPDATE SET {set}", insert())
            }
            How::Update => {
                let changing = [&numbers[1..], &texts[1..]].concat();
                let set = set(&changing, "new");
                format!("UPDATE {table} old SET {set} FROM {new} WHERE old.{key} = new.{key}")
            }
        }
    }
}
