//! What is looked up by an id or a run must be found, once, and by the way the lookups go.

use rusqlite::OptionalExtension;

use super::walk::Walk;
use super::{Checked, wrong};
use crate::bank::{Last, Line, Operation};
use crate::store::sqlite::rows::{
    DOUBTED, EXPIRED, EntryRow, HELD, KEPT, REFUSED, RecordRow, TAKEN_OVER, UNSPENT, VIEWED, VOIDED,
};

/// What was decided under an id before a row.
struct Earlier {
    record: u64,
    hold: Option<u64>,
    kind: i64,
    operation: Option<Operation>,
}

impl Walk<'_> {
    /// Whoever looks an entry's id up finds this entry, and no other was posted under the id before.
    pub(super) fn check_entry_id(&mut self, entry: &EntryRow<'_>) -> Checked {
        const SQL: &str =
            "SELECT seq FROM entries INDEXED BY entry_ids WHERE id = ? ORDER BY seq LIMIT 1";
        let Some(id) = entry.id else { return Ok(()) };
        self.ids.seq += 1;
        let mut query = self.connection.prepare_cached(SQL)?;
        let first: Option<i64> = query.query_row([id], |row| row.get(0)).optional()?;
        match first.map(i64::cast_unsigned) {
            Some(first) if first == entry.seq => {}
            Some(first) if first < entry.seq => {
                return wrong(format!(
                    "posts the id `{id}` again, after the entry {first}"
                ));
            }
            _ => return wrong(format!("is not found under its id `{id}`")),
        }
        let last = self.count.head.last.record;
        let earlier = self.earlier(id, last)?;
        follows(id, earlier, entry.hold, entry.operation())
    }

    /// Whoever looks a record's id up finds this record, and the id was free or held by what it ends.
    pub(super) fn check_record_id(&mut self, record: &RecordRow<'_>) -> Checked {
        const POSTED: &str =
            "SELECT seq FROM entries INDEXED BY entry_ids WHERE id = ? AND seq <= ? LIMIT 1";
        let Some(id) = record.id else { return Ok(()) };
        self.ids.record += 1;
        if self.earlier(id, record.record)?.map(|found| found.record) != Some(record.record) {
            return wrong(format!("is not found under its id `{id}`"));
        }
        let mut query = self.connection.prepare_cached(POSTED)?;
        let posted = (id, record.seq.cast_signed());
        let posted: Option<i64> = query.query_row(posted, |row| row.get(0)).optional()?;
        if let Some(seq) = posted {
            return wrong(format!(
                "is about the id `{id}`, which the entry {seq} has posted"
            ));
        }
        let earlier = self.earlier(id, record.record - 1)?;
        follows(id, earlier, record.hold, record.operation())
    }

    /// The last record with this id up to this one.
    fn earlier(&self, id: &str, last: u64) -> Checked<Option<Earlier>> {
        let sql = format!(
            "SELECT {} INDEXED BY record_ids WHERE id = ? AND record <= ? ORDER BY record DESC LIMIT 1",
            RecordRow::COLUMNS
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        let earlier = query.query_row((id, last.cast_signed()), |row| {
            let (row, _) = RecordRow::read(row)?;
            Ok(Earlier {
                record: row.record,
                hold: row.hold,
                kind: row.kind,
                operation: row.operation(),
            })
        });
        Ok(earlier.optional()?)
    }

    /// A row's run exists, and began before the row: whoever goes on with it looks from there on.
    pub(super) fn check_run(
        &mut self,
        run: Option<u32>,
        line: Option<Line>,
        is_before: impl Fn(Last) -> bool,
    ) -> Checked {
        let Some(run) = run else {
            return match line {
                Some(Line { number, .. }) => wrong(format!("is line {number} of no run")),
                None => Ok(()),
            };
        };
        match self.began(run)? {
            None => wrong(format!("is of the run {run}, which is not there")),
            Some(began) if !is_before(began) => wrong(format!(
                "is of the run {run}, which began only after the entry {} and the record {}",
                began.seq, began.record
            )),
            Some(_) => Ok(()),
        }
    }

    fn began(&mut self, run: u32) -> Checked<Option<Last>> {
        if let Some(began) = self.runs.get(&run) {
            return Ok(Some(*began));
        }
        let mut query = self
            .connection
            .prepare_cached("SELECT seq, record FROM runs WHERE run = ?")?;
        let began = query.query_row([run], |row| {
            Ok(Last {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                record: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        });
        let began = began.optional()?;
        if let Some(began) = began {
            self.runs.insert(run, began);
        }
        Ok(began)
    }

    /// A line of a run is posted at most once.
    pub(super) fn check_posted_once(&mut self, entry: &EntryRow<'_>) -> Checked {
        let (Some(run), Some(line)) = (entry.run, entry.line) else {
            return Ok(());
        };
        let lines = self.lines.entry((run, line.number / 64)).or_default();
        let bit = 1 << (line.number % 64);
        if *lines & bit != 0 {
            let line = line.number;
            return wrong(format!("posts the line {line} of the run {run} again"));
        }
        *lines |= bit;
        Ok(())
    }
}

/// Whether a row may come after what was decided under its id before.
fn follows(
    id: &str,
    earlier: Option<Earlier>,
    hold: Option<u64>,
    operation: Option<Operation>,
) -> Checked {
    let Some(earlier) = earlier else {
        return match hold {
            Some(hold) => wrong(format!(
                "ends the hold {hold}, which is not found under its id `{id}`"
            )),
            None => Ok(()),
        };
    };
    let Earlier { record, kind, .. } = earlier;
    let is_same = || {
        let both = operation.as_ref().zip(earlier.operation.as_ref());
        both.is_some_and(|(operation, earlier)| operation.same_content(earlier))
    };
    match (kind, hold) {
        (HELD, Some(hold)) if hold == record => Ok(()),
        (DOUBTED | TAKEN_OVER | KEPT, Some(hold)) if Some(hold) == earlier.hold => Ok(()),
        (VOIDED | EXPIRED, None) => Ok(()),
        // A refusal is decided anew where that is asked for, and then for the same.
        (REFUSED, None) if is_same() => Ok(()),
        (HELD | DOUBTED | TAKEN_OVER | KEPT, _) => wrong(format!(
            "is about the id `{id}`, which the record {record} holds"
        )),
        (REFUSED | VIEWED | UNSPENT, _) => wrong(format!(
            "is about the id `{id}`, which the record {record} has settled"
        )),
        (_, hold) => wrong(format!(
            "ends the hold {}, and its id `{id}` is free since the record {record}",
            hold.unwrap_or(0)
        )),
    }
}
