//! Reading in pages, so that no reader holds the ledger for long.

use std::collections::HashMap;

use super::UnitOfWork;
use super::backend::{AccountsAfter, EntryFilter, IdOfRow, LinesOf, RecordFilter, WantedRows};
use super::due::Due;
use super::rows::{AccountRow, EntryRow, OPENED, REFUSED, Read, SKIPPED, UNSPENT, VIEWED, sound};
use crate::bank::{Amount, Id, Moment, Name};
use crate::store::{
    DoneLine, Entries, Entry, EntryQuery, LedgerError, LineEnd, MAX_PAGE, OpenHold, RunName,
    Standing,
};

/// Of so many runs it is remembered how far their lines were read.
const MAX_READINGS: usize = 1_000;
/// The most entries that one page looks at.
const MAX_LOOKED_AT: u64 = 20_000;

/// How far the lines that a run has done were read.
#[derive(Clone, Copy)]
pub(super) struct LineReading {
    /// Only these lines are looked for.
    of: LinesOf,
    /// How many lines were handed out.
    lines: u64,
    /// The last record that was read, and then the last entry: a line that was refused and then posted
    /// stands in both, and the entry counts.
    record: u64,
    seq: u64,
    is_past_records: bool,
}

impl UnitOfWork<'_> {
    pub(super) fn named_accounts(
        &mut self,
        names: &[Name],
        due: &Due,
    ) -> Result<Vec<Option<Standing>>, LedgerError> {
        let loaded = self.tx.load(&WantedRows {
            accounts: names.to_vec(),
            ..WantedRows::default()
        })?;
        let mut known = Vec::new();
        for (name, row) in loaded.accounts {
            let (_, account, budget) = self.sound_account(&name, row)?;
            known.push((name, (account, budget)));
        }
        let found = self.standings(known, due)?.into_iter();
        let found: HashMap<Name, Standing> =
            found.map(|found| (found.name.clone(), found)).collect();
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }

    pub(super) fn accounts_after(
        &mut self,
        after: Option<&Name>,
        due: &Due,
    ) -> Result<Vec<Standing>, LedgerError> {
        let after = AccountsAfter::Name(after.map_or("", Name::as_str));
        let page = self.tx.accounts(after, MAX_PAGE)?;
        let wrong = || self.damaged("the row of an account is wrong");
        let known = |row| {
            let row: AccountRow = sound(row).map_err(|_| wrong())?;
            let name = Name::any(&row.name).map_err(|_| wrong())?;
            Ok((name, row.account().zip(row.budget()).ok_or_else(wrong)?))
        };
        let known: Result<Vec<_>, LedgerError> = page.into_iter().map(known).collect();
        self.standings(known?, due)
    }

    /// A page that is empty is the end, so those that are all due are passed over.
    pub(super) fn holds_after(
        &mut self,
        after: u64,
        due: &Due,
    ) -> Result<Vec<OpenHold>, LedgerError> {
        let mut after = after;
        loop {
            let page = self.tx.holds(after, MAX_PAGE)?;
            let rows = page.into_iter().map(|row| self.sound_hold(row));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let Some(last) = rows.last() else {
                return Ok(Vec::new());
            };
            after = last.number;
            let open = rows.into_iter().filter_map(|row| due.hold(row.open()));
            let open: Vec<OpenHold> = open.collect();
            if !open.is_empty() {
                return Ok(open);
            }
        }
    }

    pub(super) fn page_of_entries(&mut self, query: &EntryQuery) -> Result<Entries, LedgerError> {
        let limit = query.limit.clamp(1, MAX_PAGE);
        let last = self.tx.last_rows()?.seq;
        // The clock never goes back, so entries are in the order of their times too.
        let after = match query.since {
            Some(since) => query.after.max(self.last_before(since, last)?),
            None => query.after,
        };
        let (after, up_to) = match &query.id {
            Some(id) => match self.entry_of(id)?.filter(|seq| *seq > after) {
                Some(seq) => (seq - 1, seq),
                None => (last, last),
            },
            None => (after, after.saturating_add(MAX_LOOKED_AT)),
        };
        let page = self.tx.entries(&EntryFilter {
            after,
            up_to: Some(up_to),
            account: query.account.as_ref(),
            lines: None,
            limit,
        })?;
        let is_full = page.len() == limit;
        let mut names = HashMap::new();
        let mut entries = Vec::with_capacity(page.len());
        let (mut looked_at, mut ended_at) = (after, None);
        for read in page {
            let row = self.sound_entry(read)?;
            looked_at = row.seq;
            if query.until.is_some_and(|until| row.at >= until) {
                ended_at = Some(looked_at - 1);
                break;
            }
            let run = row.run.map(|run| self.name_of_run(run, &mut names));
            let run = run.transpose()?.flatten();
            let seq = row.seq;
            let entry = told(row, run).ok_or_else(|| self.wrong_entry(seq.cast_signed()))?;
            entries.push(entry);
        }
        if query.with_reversals {
            self.note_reversals(&mut entries)?;
        }
        if !is_full {
            looked_at = last.min(up_to).max(after);
        }
        Ok(Entries {
            entries,
            looked_at: ended_at.unwrap_or(looked_at),
            is_last: ended_at.is_some() || looked_at >= last,
        })
    }

    /// The number of the entry that was posted under this id.
    fn entry_of(&mut self, id: &Id) -> Result<Option<u64>, LedgerError> {
        let found = self.tx.look_up_ids(&[IdOfRow {
            id: id.text().clone(),
            record: 0,
        }])?;
        Ok(found.into_iter().find_map(|found| found.entry))
    }

    fn sound_entry(&self, read: Read<EntryRow>) -> Result<EntryRow, LedgerError> {
        let entry = sound(read);
        entry.map_err(|number| self.wrong_entry(number))
    }

    fn wrong_entry(&self, number: i64) -> LedgerError {
        self.damaged(format!("the entry {number} is wrong"))
    }

    fn name_of_run(
        &mut self,
        run: u32,
        known: &mut HashMap<u32, Option<RunName>>,
    ) -> Result<Option<RunName>, LedgerError> {
        if let Some(name) = known.get(&run) {
            return Ok(name.clone());
        }
        let name = self.run(run)?.and_then(|run| run.name);
        let name = name.and_then(|name| name.parse::<RunName>().ok());
        known.insert(run, name.clone());
        Ok(name)
    }

    /// The last entry before this moment.
    fn last_before(&mut self, moment: Moment, last: u64) -> Result<u64, LedgerError> {
        let (mut before, mut after) = (0, last + 1);
        while before + 1 < after {
            let middle = before + (after - before) / 2;
            let found = self.tx.entries(&EntryFilter {
                after: middle - 1,
                limit: 1,
                ..EntryFilter::default()
            })?;
            let at = match found.into_iter().next() {
                Some(Ok(entry)) => entry.row.at,
                _ => return Err(self.wrong_entry(middle.cast_signed())),
            };
            if at < moment {
                before = middle;
            } else {
                after = middle;
            }
        }
        Ok(before)
    }

    pub(super) fn lines_after(
        &mut self,
        run: u32,
        after: u64,
    ) -> Result<Vec<DoneLine>, LedgerError> {
        let known = self.runs.readings.get(&run).copied();
        let mut reading = match known.filter(|reading| reading.lines == after) {
            Some(reading) => reading,
            None => match self.begin_reading(LinesOf { run, line: None })? {
                Some(reading) => reading,
                None => return Ok(Vec::new()),
            },
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
        let skipped = usize::try_from(after.saturating_sub(over)).unwrap_or(usize::MAX);
        let page = page.split_off(skipped.min(page.len()));
        if self.runs.readings.len() >= MAX_READINGS {
            self.runs.readings.clear();
        }
        self.runs.readings.insert(run, reading);
        Ok(page)
    }

    /// What a run has done or given up of one of its lines; the last time counts.
    pub(super) fn find_done(
        &mut self,
        run: u32,
        line: u64,
    ) -> Result<Option<DoneLine>, LedgerError> {
        let line = Some(line);
        let Some(mut reading) = self.begin_reading(LinesOf { run, line })? else {
            return Ok(None);
        };
        let mut last = None;
        loop {
            match self.next_lines(&mut reading)?.pop() {
                Some(done) => last = Some(done),
                None => return Ok(last),
            }
        }
    }

    /// An unknown run has done nothing.
    fn begin_reading(&mut self, of: LinesOf) -> Result<Option<LineReading>, LedgerError> {
        let run = self.run(of.run)?;
        Ok(run.map(|run| LineReading {
            of,
            lines: 0,
            record: run.began.record,
            seq: run.began.seq,
            is_past_records: false,
        }))
    }

    fn next_lines(&mut self, reading: &mut LineReading) -> Result<Vec<DoneLine>, LedgerError> {
        let mut page = Vec::new();
        if !reading.is_past_records {
            page = self.recorded_lines(reading)?;
            reading.is_past_records = page.is_empty();
        }
        if page.is_empty() {
            page = self.posted_lines(reading)?;
        }
        reading.lines += page.len() as u64;
        Ok(page)
    }

    fn recorded_lines(&mut self, reading: &mut LineReading) -> Result<Vec<DoneLine>, LedgerError> {
        let page = self.tx.records(&RecordFilter {
            after: reading.record,
            kinds: &[REFUSED, VIEWED, UNSPENT, OPENED, SKIPPED],
            lines: Some(reading.of),
            limit: MAX_PAGE,
        })?;
        let mut lines = Vec::with_capacity(page.len());
        for read in page {
            let row = self.sound_record(read)?;
            reading.record = row.record;
            let end = match row.kind {
                SKIPPED => Some(LineEnd::Skipped {
                    reason: row.note.as_deref().unwrap_or_default().to_string(),
                }),
                _ => row.outcome().map(LineEnd::Decided),
            };
            let wrong = || self.wrong_record(row.record.cast_signed());
            let (line, end) = row.line.zip(end).ok_or_else(wrong)?;
            lines.push(DoneLine {
                line: line.number,
                digest: line.digest,
                record: row.record,
                end,
            });
        }
        Ok(lines)
    }

    fn posted_lines(&mut self, reading: &mut LineReading) -> Result<Vec<DoneLine>, LedgerError> {
        let page = self.tx.entries(&EntryFilter {
            after: reading.seq,
            lines: Some(reading.of),
            limit: MAX_PAGE,
            ..EntryFilter::default()
        })?;
        let mut lines = Vec::with_capacity(page.len());
        for read in page {
            let row = self.sound_entry(read)?;
            reading.seq = row.seq;
            let wrong = || self.wrong_entry(row.seq.cast_signed());
            let (line, outcome) = row.line.zip(row.outcome()).ok_or_else(wrong)?;
            lines.push(DoneLine {
                line: line.number,
                digest: line.digest,
                record: 0,
                end: LineEnd::Decided(outcome),
            });
        }
        Ok(lines)
    }
}

/// An entry as it is told.
fn told(row: EntryRow, run: Option<RunName>) -> Option<Entry> {
    Some(Entry {
        seq: row.seq,
        at: row.at,
        operation: row.operation()?,
        excess: row.excess.and_then(Amount::new),
        view: row.view(),
        reversed_by: None,
        run,
        line: row.line.map(|line| line.number),
    })
}
