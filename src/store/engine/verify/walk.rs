//! One row after another, in the chain's order: an entry, then the records that came after it.

use std::collections::HashMap;

use super::recount::Recount;
use super::{Checked, wrong};
use crate::bank::{LastNumbers, Moment, Operation, Unit};
use crate::store::engine::backend::{EntryFilter, FoundById, IdOfRow, RecordFilter, Tx};
use crate::store::engine::rows::{
    Content, EntryRow, Hash, Head, Read, RecordRow, checksum, link, number_of,
};
use crate::store::{ChainEnd, Verified};

/// How far everything was checked.
pub(super) struct Walk {
    pub(super) count: Recount,
    /// Where each run began, as far as rows speak of it.
    pub(super) runs: HashMap<u32, LastNumbers>,
    /// The lines of runs that were posted: 64 of them in each number.
    pub(super) lines: HashMap<(u32, u64), u64>,
    /// How many entries and records have an id.
    pub(super) ids: LastNumbers,
    expect: Option<ChainEnd>,
    expect_met: bool,
    content: Content,
}

/// A row of the chain.
enum ChainRow {
    Entry(Read<EntryRow>),
    Record(Read<RecordRow>),
}

/// Some rows, in the chain's order.
struct Page {
    rows: Vec<ChainRow>,
    /// There are no more.
    is_last: bool,
}

impl Walk {
    pub(super) fn new(expect: Option<ChainEnd>) -> Self {
        Walk {
            count: Recount::new(),
            runs: HashMap::new(),
            lines: HashMap::new(),
            ids: LastNumbers::default(),
            expect,
            expect_met: false,
            content: Content::default(),
        }
    }

    /// Begins where the chain of a ledger of this unit begins.
    pub(super) fn begin(&mut self, unit: &Unit) -> Checked {
        self.count.head = Head::first(unit);
        self.hold_against_expected()
    }

    pub(super) fn verified(&self, violation: Option<String>) -> Verified {
        let end = self.end();
        Verified {
            entries: end.seq,
            records: end.record,
            accounts: self.count.accounts.len() as u64,
            holds: self.count.holds.len() as u64,
            end,
            violation,
        }
    }

    fn end(&self) -> ChainEnd {
        let head = &self.count.head;
        ChainEnd {
            seq: head.last.seq,
            record: head.last.record,
            hash: head.hash,
        }
    }

    /// The rows so far.
    pub(super) fn walked(&self) -> u64 {
        let LastNumbers { seq, record } = self.count.head.last;
        seq.saturating_add(record)
    }

    /// How many rows there are beyond, going by their numbers.
    pub(super) fn left(&self, tx: &mut dyn Tx) -> Checked<u64> {
        let (there, last) = (tx.last_rows()?, self.count.head.last);
        let (entries, records) = (
            there.seq.saturating_sub(last.seq),
            there.record.saturating_sub(last.record),
        );
        Ok(entries.saturating_add(records))
    }

    /// Walks over at most so many rows within a transaction. Tells whether there are no more.
    pub(super) fn page(&mut self, tx: &mut dyn Tx, most: usize) -> Checked<bool> {
        let page = self.next_page(tx, most)?;
        let found = tx.look_up_ids(&ids(&page.rows, self.count.head.last.record))?;
        let mut found = found.into_iter();
        for row in page.rows {
            match row {
                ChainRow::Entry(read) => self.entry(tx, read, &mut found)?,
                ChainRow::Record(read) => self.record(tx, read, &mut found)?,
            }
            self.hold_against_expected()?;
        }
        Ok(page.is_last)
    }

    /// The next rows: an entry, then the records that came after it.
    fn next_page(&self, tx: &mut dyn Tx, most: usize) -> Checked<Page> {
        let LastNumbers { mut seq, record } = self.count.head.last;
        let entries = tx.entries(&EntryFilter {
            after: seq,
            limit: most,
            ..EntryFilter::default()
        })?;
        let records = tx.records(&RecordFilter {
            after: record,
            limit: most,
            ..RecordFilter::default()
        })?;
        // As many of each were read as a page takes of both, so where one comes to its end, no more follow.
        let mut entries = entries.into_iter().peekable();
        let mut records = records.into_iter().peekable();
        let (mut rows, mut is_last) = (Vec::new(), false);
        while rows.len() < most && !is_last {
            let is_later = |read: &Read<RecordRow>| read.as_ref().is_ok_and(|r| r.row.seq > seq);
            match (entries.peek(), records.peek()) {
                (None, None) => is_last = true,
                (Some(_), record) if record.is_none_or(is_later) => {
                    let entry = entries.next();
                    seq = entry
                        .as_ref()
                        .map_or(seq, |read| number_of(read).cast_unsigned());
                    rows.extend(entry.map(ChainRow::Entry));
                }
                _ => rows.extend(records.next().map(ChainRow::Record)),
            }
        }
        Ok(Page { rows, is_last })
    }

    fn entry(
        &mut self,
        tx: &mut dyn Tx,
        read: Read<EntryRow>,
        found: &mut impl Iterator<Item = FoundById>,
    ) -> Checked {
        let due = self.count.head.last.seq + 1;
        let seq = number_of(&read).cast_unsigned();
        if seq != due {
            let seq = seq.cast_signed();
            return wrong(format!("the entry {due} is missing: the next one is {seq}"));
        }
        self.check_entry(tx, read, found)
            .map_err(|stop| stop.of(format_args!("the entry {seq}")))
    }

    fn check_entry(
        &mut self,
        tx: &mut dyn Tx,
        read: Read<EntryRow>,
        found: &mut impl Iterator<Item = FoundById>,
    ) -> Checked {
        let stored = read?;
        let entry = &stored.row;
        let hash = entry.hash(&mut self.content);
        self.step(&hash, stored.checksum, entry.at)?;
        self.count.head.last.seq = entry.seq;
        let reversed = reversed(tx, entry)?;
        self.count.entry(entry, reversed)?;
        self.check_run(tx, entry.run, entry.line, |began| began.seq < entry.seq)?;
        self.check_posted_once(entry)?;
        self.check_entry_id(entry, found)
    }

    fn record(
        &mut self,
        tx: &mut dyn Tx,
        read: Read<RecordRow>,
        found: &mut impl Iterator<Item = FoundById>,
    ) -> Checked {
        let due = self.count.head.last.record + 1;
        let record = number_of(&read).cast_unsigned();
        if record != due {
            let record = record.cast_signed();
            return wrong(format!(
                "the record {due} is missing: the next one is {record}"
            ));
        }
        self.check_record(tx, read, found)
            .map_err(|stop| stop.of(format_args!("the record {record}")))
    }

    fn check_record(
        &mut self,
        tx: &mut dyn Tx,
        read: Read<RecordRow>,
        found: &mut impl Iterator<Item = FoundById>,
    ) -> Checked {
        let stored = read?;
        let record = &stored.row;
        let hash = record.hash(&mut self.content);
        self.step(&hash, stored.checksum, record.at)?;
        self.count.head.last.record = record.record;
        let seq = self.count.head.last.seq;
        if record.seq != seq {
            return wrong(format!(
                "says that it came after the entry {}, must be {seq}",
                record.seq
            ));
        }
        let is_refilled = self.is_refilled(tx, record)?;
        self.count.record(record, is_refilled)?;
        self.check_run(tx, record.run, record.line, |began| {
            began.record < record.record
        })?;
        self.check_record_id(record, found)
    }

    /// What holds for every row: its checksum, the chain, the time.
    fn step(&mut self, hash: &Hash, sealed: i64, at: Moment) -> Checked {
        let head = &mut self.count.head;
        let must = checksum(hash);
        if sealed != must {
            return wrong(format!(
                "has the checksum {sealed:#x}, of what it says it must be {must:#x}"
            ));
        }
        if at < head.at {
            let (at, last) = (at.micros(), head.at.micros());
            return wrong(format!(
                "is of the moment {at}, must be of {last}, as the one before it, or later"
            ));
        }
        head.hash = link(&head.hash, hash);
        head.at = at;
        Ok(())
    }

    /// Where the expected history ends, this one must have the same hash.
    pub(super) fn hold_against_expected(&mut self) -> Checked {
        let (Some(expect), end) = (self.expect, self.end()) else {
            return Ok(());
        };
        if (expect.seq, expect.record) != (end.seq, end.record) {
            return Ok(());
        }
        self.expect_met = true;
        if expect.hash != end.hash {
            return wrong(format!(
                "this is another history than was expected: it has {end} where that has {expect}"
            ));
        }
        Ok(())
    }

    /// At the end the expected history must have been seen.
    pub(super) fn check_expected_was_met(&self) -> Checked {
        let (Some(expect), false) = (self.expect, self.expect_met) else {
            return Ok(());
        };
        let end = self.end();
        if expect.seq > end.seq || expect.record > end.record {
            return wrong(format!(
                "the tail was cut off: the ledger ends with {end}, before {expect}, which was expected"
            ));
        }
        wrong(format!(
            "this is another history than was expected: it never was at {expect}"
        ))
    }
}

/// What the entry that this one makes undone has moved.
fn reversed(tx: &mut dyn Tx, entry: &EntryRow) -> Checked<Option<Operation>> {
    let operation = entry.operation();
    let number = operation.as_ref().and_then(Operation::reverses);
    let Some(number) = number.filter(|number| (1..entry.seq).contains(number)) else {
        return Ok(None);
    };
    let found = tx.entries(&EntryFilter {
        after: number - 1,
        up_to: Some(number),
        limit: 1,
        ..EntryFilter::default()
    })?;
    let found = found.into_iter().next().transpose()?;
    Ok(found.and_then(|found| found.row.operation()))
}

/// The rows of a page that have an id, after this record.
fn ids(rows: &[ChainRow], mut record: u64) -> Vec<IdOfRow> {
    let mut ids = Vec::new();
    for row in rows {
        let id = match row {
            ChainRow::Entry(Ok(stored)) => &stored.row.id,
            ChainRow::Record(Ok(stored)) => {
                record = stored.row.record;
                &stored.row.id
            }
            // The walk ends there.
            _ => break,
        };
        let id = id.clone();
        ids.extend(id.map(|id| IdOfRow { id, record }));
    }
    ids
}
