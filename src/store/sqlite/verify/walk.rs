//! One row after another, in the chain's order: an entry, then the records that came after it.

use std::collections::HashMap;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::recount::Recount;
use super::{Checked, Stop, wrong};
use crate::bank::{Last, Moment};
use crate::store::sqlite::rows::{Content, EntryRow, Hash, RecordRow, checksum, link};
use crate::store::{ChainEnd, Verified};

/// How far everything was checked.
pub(super) struct Walk<'a> {
    pub(super) connection: &'a Connection,
    pub(super) count: Recount,
    /// Where each run began, as far as rows speak of it.
    pub(super) runs: HashMap<u32, Last>,
    /// The lines of runs that were posted: 64 of them in each number.
    pub(super) lines: HashMap<(u32, u64), u64>,
    /// How many entries and records have an id.
    pub(super) ids: Last,
    expect: Option<ChainEnd>,
    expect_met: bool,
    content: Content,
}

impl<'a> Walk<'a> {
    pub(super) fn new(connection: &'a Connection, expect: Option<ChainEnd>) -> Self {
        Walk {
            connection,
            count: Recount::new(),
            runs: HashMap::new(),
            lines: HashMap::new(),
            ids: Last::default(),
            expect,
            expect_met: false,
            content: Content::default(),
        }
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
        let Last { seq, record } = self.count.head.last;
        seq.saturating_add(record)
    }

    /// How many rows there are beyond, going by their numbers.
    pub(super) fn left(&self) -> Checked<u64> {
        const SQL: &str = "SELECT ifnull((SELECT max(seq) FROM entries), 0), ifnull((SELECT max(record) FROM records), 0)";
        let (seq, record) = self
            .connection
            .query_row(SQL, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let last = self.count.head.last;
        let beyond = |there: i64, here: u64| u64::try_from(there).unwrap_or(0).saturating_sub(here);
        Ok(beyond(seq, last.seq).saturating_add(beyond(record, last.record)))
    }

    /// Walks over at most so many rows within a read transaction. Tells whether there are no more.
    pub(super) fn page(&mut self, most: u64) -> Checked<bool> {
        let (connection, last) = (self.connection, self.count.head.last);
        let entries = format!(
            "SELECT {} WHERE e.seq > ? ORDER BY e.seq",
            EntryRow::COLUMNS
        );
        let records = format!(
            "SELECT {} WHERE record > ? ORDER BY record",
            RecordRow::COLUMNS
        );
        let mut entries = connection.prepare_cached(&entries)?;
        let mut records = connection.prepare_cached(&records)?;
        let mut entries = entries.query([last.seq.cast_signed()])?;
        let mut records = records.query([last.record.cast_signed()])?;
        entries.advance()?;
        records.advance()?;
        for _ in 0..most {
            match (entries.get(), records.get()) {
                (None, None) => return Ok(true),
                (Some(entry), Some(record)) if self.is_later(record)? => {
                    self.entry(entry)?;
                    entries.advance()?;
                }
                (_, Some(record)) => {
                    self.record(record)?;
                    records.advance()?;
                }
                (Some(entry), None) => {
                    self.entry(entry)?;
                    entries.advance()?;
                }
            }
            self.hold_against_expected()?;
        }
        Ok(false)
    }

    /// Whether a record came after an entry that is not walked over yet.
    fn is_later(&self, record: &Row<'_>) -> Checked<bool> {
        let seq: i64 = record.get(1)?;
        Ok(seq.cast_unsigned() > self.count.head.last.seq)
    }

    fn entry(&mut self, row: &Row<'_>) -> Checked {
        let due = self.count.head.last.seq + 1;
        let seq: i64 = row.get(0)?;
        if seq.cast_unsigned() != due {
            return wrong(format!("the entry {due} is missing: the next one is {seq}"));
        }
        self.check_entry(row)
            .map_err(|stop| stop.of(format_args!("the entry {seq}")))
    }

    fn check_entry(&mut self, row: &Row<'_>) -> Checked {
        let Some((entry, sealed)) = EntryRow::read(row)? else {
            return wrong("moves money of an account that is not there");
        };
        no_halves(row, &[(10, 11)])?;
        let hash = entry.hash(&mut self.content);
        self.step(&hash, sealed, entry.at)?;
        self.count.head.last.seq = entry.seq;
        self.count.entry(&entry)?;
        self.check_run(entry.run, entry.line, |began| began.seq < entry.seq)?;
        self.check_posted_once(&entry)?;
        self.check_entry_id(&entry)
    }

    fn record(&mut self, row: &Row<'_>) -> Checked {
        let due = self.count.head.last.record + 1;
        let record: i64 = row.get(0)?;
        if record.cast_unsigned() != due {
            return wrong(format!(
                "the record {due} is missing: the next one is {record}"
            ));
        }
        self.check_record(row)
            .map_err(|stop| stop.of(format_args!("the record {record}")))
    }

    fn check_record(&mut self, row: &Row<'_>) -> Checked {
        let (record, sealed) = RecordRow::read(row)?;
        no_halves(row, &[(8, 9), (14, 15), (21, 22)])?;
        let hash = record.hash(&mut self.content);
        self.step(&hash, sealed, record.at)?;
        self.count.head.last.record = record.record;
        let seq = self.count.head.last.seq;
        if record.seq != seq {
            return wrong(format!(
                "says that it came after the entry {}, must be {seq}",
                record.seq
            ));
        }
        self.count.record(&record)?;
        self.check_run(record.run, record.line, |began| {
            began.record < record.record
        })?;
        self.check_record_id(&record)
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

/// Two columns that only together say something are both there or both missing. The row's hash is over
/// what they say together, so it does not tell.
pub(super) fn no_halves(row: &Row<'_>, pairs: &[(usize, usize)]) -> Checked {
    for &(one, other) in pairs {
        let is_null = |column| row.get_ref(column).map(|value| value == ValueRef::Null);
        if is_null(one)? != is_null(other)? {
            let names = row.as_ref();
            let name = |column| names.column_name(column).map_err(Stop::from);
            let (one, other) = (name(one)?, name(other)?);
            return wrong(format!("says only one of `{one}` and `{other}`"));
        }
    }
    Ok(())
}
