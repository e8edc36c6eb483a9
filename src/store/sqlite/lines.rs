//! The lines of named runs: which were begun, given up, and how many of a run came to what.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension, params};

use super::Sqlite;
use super::journal::Writer;
use super::pages::MAX_ROWS;
use super::rows::{EXPIRED, HELD, REFUSED, SKIPPED, UNSPENT, VIEWED, VOIDED};
use crate::bank::{Id, Line, Now, Outcome, RunLine};
use crate::store::{BegunLine, LedgerError, LineEnd, MAX_REASON, RunName, RunTotals, SkippedLine};

impl Sqlite {
    /// Gives a line up, within a write transaction.
    pub(super) fn skip_line(
        &mut self,
        name: &RunName,
        line: u64,
        reason: &str,
        now: Now,
    ) -> Result<SkippedLine, LedgerError> {
        let Some(run) = self.run_of(name)?.map(|run| run.number) else {
            return Ok(SkippedLine::UnknownRun);
        };
        if self.live_runs()?.contains(&run) {
            return Err(LedgerError::RunIsLive {
                ledger: self.path.display().to_string(),
                run: name.clone(),
            });
        }
        let done = self.find_done(run, line)?;
        match done.as_ref().map(|done| &done.end) {
            // It may be refused anew for ever.
            None | Some(LineEnd::Decided(Outcome::Refused { .. })) => {}
            Some(LineEnd::Decided(outcome)) => return Ok(SkippedLine::Done(*outcome)),
            Some(LineEnd::Skipped { .. }) => return Ok(SkippedLine::Already),
        }
        if let Some(in_doubt) = self.open_line(run, line)? {
            return Ok(SkippedLine::Begun { in_doubt });
        }
        let refused = done.map(|done| done.digest);
        let begun = self.last_digest(run, line)?;
        let digest = begun.or(refused).unwrap_or(0);
        let number = line;
        let line = Line { number, digest };
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
        let mut writer = Writer::new(&self.connection, &mut self.cache_keys, now);
        self.ledger_state
            .skip(RunLine { run, line }, reason, &mut writer);
        let finished = writer.finish(&self.ledger_state);
        finished.map_err(|error| self.fault("write", &error))?;
        Ok(SkippedLine::Skipped)
    }

    /// Whether money is set aside for a line, and whether that is in doubt.
    fn open_line(&self, run: u32, line: u64) -> Result<Option<bool>, LedgerError> {
        const SQL: &str =
            "SELECT ifnull(doubt = 1, false) FROM holds WHERE line_run = ? AND line = ?";
        let found = self.connection.prepare_cached(SQL).and_then(|mut query| {
            let values = params![run, line.cast_signed()];
            query.query_row(values, |row| row.get(0)).optional()
        });
        found.map_err(|error| self.fault("read", &error))
    }

    /// The digest by which work for a line was begun last.
    fn last_digest(&self, run: u32, line: u64) -> Result<Option<u64>, LedgerError> {
        let sql = format!(
            "SELECT digest FROM records WHERE record > (SELECT record FROM runs WHERE run = ?1) AND run = ?1 AND line = ?2 AND kind = {HELD} ORDER BY record DESC LIMIT 1"
        );
        let found = self.connection.prepare_cached(&sql).and_then(|mut query| {
            let values = params![run, line.cast_signed()];
            query.query_row(values, |row| row.get(0)).optional()
        });
        let found = found.map_err(|error| self.fault("read", &error))?;
        Ok(found.map(i64::cast_unsigned))
    }

    pub(super) fn begun_after(&self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError> {
        let sql = format!(
            "SELECT r.record, r.line, r.digest, r.id, r.doubt IS NOT NULL, h.hold IS NOT NULL FROM records r LEFT JOIN holds h ON h.hold = r.record WHERE r.record > max(?1, (SELECT record FROM runs WHERE run = ?2)) AND r.run = ?2 AND r.line IS NOT NULL AND r.kind = {HELD} ORDER BY r.record LIMIT ?3"
        );
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let read = || {
            let mut query = self.connection.prepare_cached(&sql)?;
            let mut rows = query.query(params![after, run, MAX_ROWS])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                let number = |column| row.get(column).map(i64::cast_unsigned);
                let id: Option<String> = row.get(3)?;
                page.push(BegunLine {
                    hold: number(0)?,
                    line: number(1)?,
                    digest: number(2)?,
                    id: id.and_then(|id| Id::new(&id).ok()),
                    has_command: row.get(4)?,
                    is_open: row.get(5)?,
                });
            }
            Ok(page)
        };
        read().map_err(|error| self.fault("read", &error))
    }

    pub(super) fn runs_after(&self, after: u32) -> Result<Vec<RunTotals>, LedgerError> {
        // One read transaction, so that all is seen as of one moment.
        self.execute("read", "BEGIN")?;
        let read = self.read_runs(after);
        self.execute("read", "COMMIT")?;
        let mut runs = read.map_err(|error| self.fault("read", &error))?;
        for run in runs.iter_mut().filter(|run| run.is_live) {
            run.is_live = !self.run_is_gone(run.number)?;
        }
        Ok(runs)
    }

    fn read_runs(&self, after: u32) -> rusqlite::Result<Vec<RunTotals>> {
        const RUNS: &str = "SELECT run, name, live FROM runs WHERE run > ? AND name IS NOT NULL ORDER BY run LIMIT ?";
        let mut runs = BTreeMap::new();
        let mut query = self.connection.prepare_cached(RUNS)?;
        let mut rows = query.query(params![after, MAX_ROWS])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(1)?;
            // A name that is none only a damaged file has; `verify` tells it.
            let Ok(name) = name.parse::<RunName>() else {
                continue;
            };
            let number: u32 = row.get(0)?;
            let counted = Counted {
                is_live: row.get(2)?,
                ..Counted::new(name)
            };
            runs.insert(number, counted);
        }
        if let (Some((first, _)), Some((last, _))) = (runs.first_key_value(), runs.last_key_value())
        {
            let (first, last) = (*first, *last);
            self.count_records(first, last, &mut runs)?;
            self.count_entries(first, last, &mut runs)?;
            self.count_holds(&mut runs)?;
        }
        let totals = runs.into_iter().map(|(number, run)| run.totals(number));
        Ok(totals.collect())
    }

    fn count_records(
        &self,
        first: u32,
        last: u32,
        runs: &mut BTreeMap<u32, Counted>,
    ) -> rusqlite::Result<()> {
        const SQL: &str = "SELECT run, line, kind FROM records WHERE record > (SELECT record FROM runs WHERE run = ?1) AND run BETWEEN ?1 AND ?2 AND line IS NOT NULL ORDER BY record";
        let mut query = self.connection.prepare_cached(SQL)?;
        let mut rows = query.query([first, last])?;
        while let Some(row) = rows.next()? {
            if let Some(run) = runs.get_mut(&row.get(0)?) {
                run.record(row.get(1)?, row.get(2)?);
            }
        }
        Ok(())
    }

    fn count_entries(
        &self,
        first: u32,
        last: u32,
        runs: &mut BTreeMap<u32, Counted>,
    ) -> rusqlite::Result<()> {
        const SQL: &str = "SELECT run, line FROM entries WHERE seq > (SELECT seq FROM runs WHERE run = ?1) AND run BETWEEN ?1 AND ?2 AND line IS NOT NULL";
        let mut query = self.connection.prepare_cached(SQL)?;
        let mut rows = query.query([first, last])?;
        while let Some(row) = rows.next()? {
            if let Some(run) = runs.get_mut(&row.get(0)?) {
                run.done += 1;
                run.ended.remove(&row.get(1)?);
            }
        }
        Ok(())
    }

    fn count_holds(&self, runs: &mut BTreeMap<u32, Counted>) -> rusqlite::Result<()> {
        const SQL: &str = "SELECT line_run, ifnull(doubt = 1, false), count(*) FROM holds WHERE line_run IS NOT NULL GROUP BY 1, 2";
        let mut query = self.connection.prepare_cached(SQL)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(run) = runs.get_mut(&row.get(0)?) {
                let count = row.get::<_, i64>(2)?.cast_unsigned();
                match row.get(1)? {
                    true => run.in_doubt = count,
                    false => run.begun = count,
                }
            }
        }
        Ok(())
    }
}

/// A run while its lines are counted.
struct Counted {
    name: RunName,
    is_live: bool,
    done: u64,
    begun: u64,
    in_doubt: u64,
    /// The kind of the last record of each line that was refused, failed or given up.
    ended: HashMap<i64, i64>,
}

impl Counted {
    fn new(name: RunName) -> Self {
        Counted {
            name,
            is_live: false,
            done: 0,
            begun: 0,
            in_doubt: 0,
            ended: HashMap::new(),
        }
    }

    fn record(&mut self, line: i64, kind: i64) {
        match kind {
            VOIDED | EXPIRED | REFUSED | SKIPPED => {
                self.ended.insert(line, kind);
            }
            HELD => {
                self.ended.remove(&line);
            }
            VIEWED | UNSPENT => {
                self.ended.remove(&line);
                self.done += 1;
            }
            _ => {}
        }
    }

    fn totals(self, number: u32) -> RunTotals {
        let count = |wanted: &[i64]| {
            let kinds = self.ended.values();
            kinds.filter(|kind| wanted.contains(kind)).count() as u64
        };
        RunTotals {
            number,
            refused: count(&[REFUSED]),
            failed: count(&[VOIDED, EXPIRED]),
            skipped: count(&[SKIPPED]),
            name: self.name,
            done: self.done,
            begun: self.begun,
            in_doubt: self.in_doubt,
            is_live: self.is_live,
        }
    }
}
