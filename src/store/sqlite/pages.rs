//! Reading in pages, so that nobody holds the ledger for long.

use rusqlite::{OptionalExtension, params};

use super::due::Due;
use super::rows::{
    self, Content, EntryRow, HoldRow, REFUSED, RecordRow, SKIPPED, UNSPENT, VIEWED, checksum,
};
use super::{Sqlite, load};
use crate::bank::{Amount, Moment, Name, Outcome};
use crate::store::{
    DoneLine, Entries, Entry, EntryQuery, LedgerError, LineEnd, MAX_PAGE, OpenHold, RunName,
    Standing,
};

/// The most rows of a page, as SQL counts.
pub(super) const MAX_ROWS: i64 = MAX_PAGE as i64;
/// Of so many runs it is remembered how far their lines were read.
const MAX_READINGS: usize = 1_000;
/// The most entries that one page looks at.
const MAX_LOOKED_AT: i64 = 20_000;

/// How far the lines that a run has done were read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    run: u32,
    /// Only this line is looked for.
    line: Option<u64>,
    /// How many lines were handed out.
    lines: u64,
    /// The last record that was read, and then the last entry: a line that was refused and then posted
    /// stands in both, and the entry counts.
    record: i64,
    seq: Option<i64>,
}

impl Sqlite {
    pub(super) fn named_accounts(
        &self,
        names: &[Name],
        due: &Due,
    ) -> Result<Vec<Option<Standing>>, LedgerError> {
        const SQL: &str = "SELECT account, name, posted, held, floor, checksum, opened FROM accounts WHERE name = ?";
        let find = |name: &Name| {
            let mut query = self.connection.prepare_cached(SQL)?;
            query.query_row([name.as_str()], rows::account).optional()
        };
        let found: rusqlite::Result<Vec<_>> = names.iter().map(find).collect();
        let found = found.map_err(|error| self.fault("read", &error))?;
        let standing = |(row, name): (Option<Option<_>>, &Name)| match row {
            None => Ok(None),
            Some(Some((_, found, account))) if found == *name => {
                Ok(Some(Standing::of(name, &due.account(name, account))))
            }
            Some(_) => Err(self.damaged(&format!("the row of the account `{name}` is wrong"))),
        };
        found.into_iter().zip(names).map(standing).collect()
    }

    pub(super) fn accounts_after(
        &self,
        after: Option<&Name>,
        due: &Due,
    ) -> Result<Vec<Standing>, LedgerError> {
        const SQL: &str = "SELECT account, name, posted, held, floor, checksum, opened FROM accounts WHERE name > ? ORDER BY name LIMIT ?";
        let read = || {
            let mut query = self.connection.prepare_cached(SQL)?;
            let after = after.map_or("", Name::as_str);
            let rows = query.query_map(params![after, MAX_ROWS], rows::account)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let found = read().map_err(|error| self.fault("read", &error))?;
        let wrong = || self.damaged("the row of an account is wrong");
        let standing = |row: Option<(i64, Name, _)>| {
            row.map(|(_, name, account)| Standing::of(&name, &due.account(&name, account)))
                .ok_or_else(wrong)
        };
        found.into_iter().map(standing).collect()
    }

    /// A page that is empty is the end, so those that are all due are passed over.
    pub(super) fn holds_after(&self, after: u64, due: &Due) -> Result<Vec<OpenHold>, LedgerError> {
        let mut after = after;
        loop {
            let page = self.stored_holds(after)?;
            let Some(last) = page.last() else {
                return Ok(page);
            };
            after = last.number;
            let left: Vec<OpenHold> = page.into_iter().filter_map(|hold| due.hold(hold)).collect();
            if !left.is_empty() {
                return Ok(left);
            }
        }
    }

    fn stored_holds(&self, after: u64) -> Result<Vec<OpenHold>, LedgerError> {
        let sql = format!(
            "SELECT {} WHERE hold > ? ORDER BY hold LIMIT ?",
            HoldRow::COLUMNS
        );
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let read = || {
            let mut query = self.connection.prepare_cached(&sql)?;
            let rows = query.query_map(params![after, MAX_ROWS], HoldRow::read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let found = read().map_err(|error| self.fault("read", &error))?;
        let wrong = || self.damaged("the row of a hold is wrong");
        let open = |row: Option<HoldRow>| row.map(HoldRow::open).ok_or_else(wrong);
        found.into_iter().map(open).collect()
    }

    pub(super) fn page_of_entries(&mut self, query: &EntryQuery) -> Result<Entries, LedgerError> {
        let limit = i64::try_from(query.limit).map_or(MAX_ROWS, |limit| limit.clamp(1, MAX_ROWS));
        // The clock never goes back, so entries are in the order of their times too.
        let after = match query.since {
            Some(since) => query.after.max(self.last_before(since)?),
            None => query.after,
        };
        let after = after.min(i64::MAX.cast_unsigned());
        let sql = format!(
            "SELECT {} WHERE e.seq > ?1 AND e.seq <= ?1 + {MAX_LOOKED_AT} AND (?2 IS NULL OR d.name = ?2 OR c.name = ?2) ORDER BY e.seq LIMIT ?3",
            EntryRow::COLUMNS
        );
        self.execute("read", "BEGIN")?;
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let account = query.account.as_ref().map(Name::as_str);
            let mut rows = statement.query(params![after.cast_signed(), account, limit])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(entry(row)?);
            }
            let last = self
                .connection
                .prepare_cached("SELECT ifnull(max(seq), 0) FROM entries");
            let last: i64 = last?.query_row([], |row| row.get(0))?;
            Ok((page, last.cast_unsigned()))
        };
        let read = read();
        self.execute("read", "COMMIT")?;
        let (page, last) = read.map_err(|error| self.fault("read", &error))?;
        let is_full = page.len() as i64 == limit;
        let mut entries = Vec::with_capacity(page.len());
        let mut looked_at = after;
        for read in page {
            let found = read.map_err(|seq| self.damaged(&format!("the entry {seq} is wrong")))?;
            looked_at = found.0.seq;
            if query.until.is_some_and(|until| found.0.at >= until) {
                return Ok(Entries {
                    entries,
                    looked_at: looked_at - 1,
                    is_last: true,
                });
            }
            entries.push(self.named(found)?);
        }
        if !is_full {
            looked_at = last
                .min(after.saturating_add(MAX_LOOKED_AT.cast_unsigned()))
                .max(after);
        }
        Ok(Entries {
            entries,
            looked_at,
            is_last: looked_at >= last,
        })
    }

    /// Puts the name of its run to an entry.
    fn named(&self, (mut entry, run): (Entry, Option<u32>)) -> Result<Entry, LedgerError> {
        if let Some(run) = run {
            let query = self
                .connection
                .prepare_cached("SELECT name FROM runs WHERE run = ?");
            let name = query.and_then(|mut query| {
                query
                    .query_row([run], |row| row.get::<_, Option<String>>(0))
                    .optional()
            });
            let name = name.map_err(|error| self.fault("read", &error))?.flatten();
            entry.run = name.and_then(|name| name.parse::<RunName>().ok());
        }
        Ok(entry)
    }

    /// The last entry before this moment.
    fn last_before(&self, moment: Moment) -> Result<u64, LedgerError> {
        let at = |seq: i64| {
            let mut query = self
                .connection
                .prepare_cached("SELECT at FROM entries WHERE seq = ?")?;
            query.query_row([seq], |row| row.get::<_, i64>(0))
        };
        let mut before = 0;
        let mut after = self.read("SELECT ifnull(max(seq), 0) + 1 FROM entries", |row| {
            row.get(0)
        })?;
        while before + 1 < after {
            let middle = before + (after - before) / 2;
            if at(middle).map_err(|error| self.fault("read", &error))? < moment.micros() {
                before = middle;
            } else {
                after = middle;
            }
        }
        Ok(before.cast_unsigned())
    }

    pub(super) fn lines_after(
        &mut self,
        run: u32,
        after: u64,
    ) -> Result<Vec<DoneLine>, LedgerError> {
        let mut reading = match self.runs.readings.get(&run) {
            Some(reading) if reading.lines == after => *reading,
            _ => self.begin_reading(run, None)?,
        };
        let mut page = Vec::new();
        // A page that was read before is read over.
        while reading.lines <= after {
            page = self.next_lines(&mut reading)?;
            if page.is_empty() {
                break;
            }
        }
        let over = reading.lines - page.len() as u64;
        let page = page.split_off(
            usize::try_from(after.saturating_sub(over))
                .unwrap_or(0)
                .min(page.len()),
        );
        if self.runs.readings.len() >= MAX_READINGS {
            self.runs.readings.clear();
        }
        self.runs.readings.insert(run, reading);
        Ok(page)
    }

    /// What a run has done or given up of one of its lines; the last time counts.
    pub(super) fn find_done(&self, run: u32, line: u64) -> Result<Option<DoneLine>, LedgerError> {
        let mut reading = self.begin_reading(run, Some(line))?;
        let mut last = None;
        loop {
            match self.next_lines(&mut reading)?.pop() {
                Some(done) => last = Some(done),
                None => return Ok(last),
            }
        }
    }

    fn begin_reading(&self, run: u32, line: Option<u64>) -> Result<Reading, LedgerError> {
        let query = self
            .connection
            .prepare_cached("SELECT record FROM runs WHERE run = ?");
        let record =
            query.and_then(|mut query| query.query_row([run], |row| row.get(0)).optional());
        let record = record.map_err(|error| self.fault("read", &error))?;
        Ok(Reading {
            run,
            line,
            lines: 0,
            // A run that there is not has done nothing.
            record: record.unwrap_or(i64::MAX),
            seq: None,
        })
    }

    fn next_lines(&self, reading: &mut Reading) -> Result<Vec<DoneLine>, LedgerError> {
        let mut page = Vec::new();
        if reading.seq.is_none() {
            page = self.recorded_lines(reading)?;
            if page.is_empty() {
                let query = self
                    .connection
                    .prepare_cached("SELECT seq FROM runs WHERE run = ?");
                let seq = query.and_then(|mut query| {
                    query.query_row([reading.run], |row| row.get(0)).optional()
                });
                let seq = seq.map_err(|error| self.fault("read", &error))?;
                reading.seq = Some(seq.unwrap_or(i64::MAX));
            }
        }
        if let (Some(seq), true) = (reading.seq, page.is_empty()) {
            page = self.posted_lines(reading, seq)?;
        }
        reading.lines += page.len() as u64;
        Ok(page)
    }

    fn recorded_lines(&self, reading: &mut Reading) -> Result<Vec<DoneLine>, LedgerError> {
        let sql = format!(
            "SELECT {} WHERE record > ? AND run = ? AND line IS NOT NULL AND line = ifnull(?, line) AND kind IN ({REFUSED}, {VIEWED}, {UNSPENT}, {SKIPPED}) ORDER BY record LIMIT ?",
            RecordRow::COLUMNS
        );
        let read = || {
            let mut query = self.connection.prepare_cached(&sql)?;
            let line = reading.line.map(u64::cast_signed);
            let mut rows = query.query(params![reading.record, reading.run, line, MAX_ROWS])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                let (record, sealed) = RecordRow::read(row)?;
                let right = checksum(&record.hash(&mut Content::default())) == sealed;
                let end = match record.kind {
                    SKIPPED => Some(LineEnd::Skipped {
                        reason: record.note.unwrap_or_default().to_string(),
                    }),
                    REFUSED => load::refused(&record).map(LineEnd::Decided),
                    UNSPENT => load::unspent(&record).map(LineEnd::Decided),
                    _ => load::viewed(&record).map(LineEnd::Decided),
                };
                let line = done_line(record.line, record.record, end.filter(|_| right));
                page.push((record.record, line));
            }
            Ok(page)
        };
        let page = read().map_err(|error| self.fault("read", &error))?;
        if let Some((record, _)) = page.last() {
            reading.record = record.cast_signed();
        }
        let wrong = |number| self.damaged(&format!("the record {number} is wrong"));
        page.into_iter()
            .map(|(number, line)| line.ok_or_else(|| wrong(number)))
            .collect()
    }

    fn posted_lines(
        &self,
        reading: &mut Reading,
        after: i64,
    ) -> Result<Vec<DoneLine>, LedgerError> {
        let sql = format!(
            "SELECT {} WHERE e.seq > ? AND e.run = ? AND e.line IS NOT NULL AND e.line = ifnull(?, e.line) ORDER BY e.seq LIMIT ?",
            EntryRow::COLUMNS
        );
        let read = || {
            let mut query = self.connection.prepare_cached(&sql)?;
            let line = reading.line.map(u64::cast_signed);
            let mut rows = query.query(params![after, reading.run, line, MAX_ROWS])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                let seq: i64 = row.get(0)?;
                let right = EntryRow::read(row)?.filter(|(entry, sealed)| {
                    checksum(&entry.hash(&mut Content::default())) == *sealed
                });
                let line = right.and_then(|(entry, _)| {
                    let posted = Outcome::Posted {
                        seq: entry.seq,
                        amount: Amount::new(entry.amount)?,
                        view: entry.view(),
                    };
                    done_line(entry.line, 0, Some(LineEnd::Decided(posted)))
                });
                page.push((seq, line));
            }
            Ok(page)
        };
        let page = read().map_err(|error| self.fault("read", &error))?;
        if let Some((seq, _)) = page.last() {
            reading.seq = Some(*seq);
        }
        let wrong = |number| self.damaged(&format!("the entry {number} is wrong"));
        page.into_iter()
            .map(|(number, line)| line.ok_or_else(|| wrong(number)))
            .collect()
    }
}

fn done_line(
    line: Option<crate::bank::Line>,
    record: u64,
    end: Option<LineEnd>,
) -> Option<DoneLine> {
    let (line, end) = line.zip(end)?;
    Some(DoneLine {
        line: line.number,
        digest: line.digest,
        record,
        end,
    })
}

/// An entry and the number of its run, or the number of a row that is wrong.
fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<(Entry, Option<u32>), i64>> {
    let seq: i64 = row.get(0)?;
    let read = EntryRow::read(row)?;
    let right =
        read.filter(|(entry, sealed)| checksum(&entry.hash(&mut Content::default())) == *sealed);
    let found = right.and_then(|(entry, _)| {
        let told = Entry {
            seq: entry.seq,
            at: entry.at,
            operation: entry.operation()?,
            excess: entry.excess.and_then(Amount::new),
            view: entry.view(),
            run: None,
            line: entry.line.map(|line| line.number),
        };
        Some((told, entry.run))
    });
    Ok(found.ok_or(seq))
}
