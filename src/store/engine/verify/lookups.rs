//! What is looked up by an id or a run must be found, once, and by the way the lookups go.

use super::walk::Walk;
use super::{Checked, wrong};
use crate::bank::{LastNumbers, Line, Operation};
use crate::store::engine::backend::{FoundById, IdOfRow, RunFilter, Tx};
use crate::store::engine::rows::{
    DOUBTED, EXPIRED, EntryRow, HELD, KEPT, REFUSED, Read, RecordRow, TAKEN_OVER, UNSPENT, VIEWED,
    VOIDED,
};

impl Walk {
    /// The look-up of an entry's id finds this entry, and no other was posted under the id before.
    pub(super) fn check_entry_id(
        &mut self,
        entry: &EntryRow,
        found: &mut impl Iterator<Item = FoundById>,
    ) -> Checked {
        let Some(id) = &entry.id else { return Ok(()) };
        self.ids.seq += 1;
        let found = found.next();
        match found.as_ref().and_then(|found| found.entry) {
            Some(first) if first == entry.seq => {}
            Some(first) if first < entry.seq => {
                return wrong(format!(
                    "posts the id `{id}` again, after the entry {first}"
                ));
            }
            _ => return wrong(format!("is not found under its id `{id}`")),
        }
        let earlier = found.and_then(|found| found.record);
        follows(id, earlier, entry.hold, entry.asked())
    }

    /// The look-up of a record's id finds this record, and the id was free or held by what it ends.
    pub(super) fn check_record_id(
        &mut self,
        record: &RecordRow,
        found: &mut impl Iterator<Item = FoundById>,
    ) -> Checked {
        let Some(id) = &record.id else { return Ok(()) };
        self.ids.record += 1;
        let (found, number) = (found.next(), record.record);
        let is_own = |read: &Read<RecordRow>| read.as_ref().is_ok_and(|r| r.row.record == number);
        let Some(found) = found.filter(|found| found.record.as_ref().is_some_and(is_own)) else {
            return wrong(format!("is not found under its id `{id}`"));
        };
        if let Some(seq) = found.entry.filter(|seq| *seq <= record.seq) {
            return wrong(format!(
                "is about the id `{id}`, which the entry {seq} has posted"
            ));
        }
        follows(id, found.earlier, record.hold, record.operation())
    }

    /// Whether the id was known before this record under which the window that it tells of is refilled.
    pub(super) fn is_refilled(&self, tx: &mut dyn Tx, record: &RecordRow) -> Checked<bool> {
        let Some(id) = record.refill_id() else {
            return Ok(false);
        };
        let found = tx.look_up_ids(&[IdOfRow {
            id: id.text().clone(),
            record: record.record,
        }])?;
        let is_before = |found: &FoundById| {
            let entry = found.entry.filter(|seq| *seq <= record.seq);
            entry.is_some() || found.record.is_some()
        };
        Ok(found.iter().any(is_before))
    }

    /// A row's run exists, and began before the row: a process that continues it looks from there on.
    pub(super) fn check_run(
        &mut self,
        tx: &mut dyn Tx,
        run: Option<u32>,
        line: Option<Line>,
        is_before: impl Fn(LastNumbers) -> bool,
    ) -> Checked {
        let Some(run) = run else {
            return match line {
                Some(Line { number, .. }) => wrong(format!("is line {number} of no run")),
                None => Ok(()),
            };
        };
        match self.began(tx, run)? {
            None => wrong(format!("is of the run {run}, which is not there")),
            Some(began) if !is_before(began) => wrong(format!(
                "is of the run {run}, which began only after the entry {} and the record {}",
                began.seq, began.record
            )),
            Some(_) => Ok(()),
        }
    }

    fn began(&mut self, tx: &mut dyn Tx, run: u32) -> Checked<Option<LastNumbers>> {
        if let Some(began) = self.runs.get(&run) {
            return Ok(Some(*began));
        }
        let row = tx.runs(RunFilter::Number(run))?.pop().transpose()?;
        let began = row.map(|row| row.began);
        self.runs.extend(began.map(|began| (run, began)));
        Ok(began)
    }

    /// A line of a run is posted at most once.
    pub(super) fn check_posted_once(&mut self, entry: &EntryRow) -> Checked {
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
    earlier: Option<Read<RecordRow>>,
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
    let earlier = earlier?.row;
    let (record, kind) = (earlier.record, earlier.kind);
    let is_same = || {
        let both = operation.as_ref().zip(earlier.operation());
        both.is_some_and(|(operation, earlier)| operation.same_content(&earlier))
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
