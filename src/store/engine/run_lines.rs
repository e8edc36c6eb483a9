//! The lines of named runs: which were begun, given up, and how many of a run came to what.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::UnitOfWork;
use super::backend::{LinesOf, RecordFilter, RunFilter, Table, WantedRows};
use super::rows::{
    EXPIRED, HELD, HoldRow, LineRow, OPENED, REFUSED, RecordRow, RunRow, SKIPPED, UNSPENT, VIEWED,
    VOIDED,
};
use crate::bank::{Id, LastNumbers, Line, Outcome, Owner, RunLine};
use crate::store::{
    BegunLine, LedgerError, LineEnd, MAX_PAGE, MAX_REASON, RunName, RunTotals, SkippedLine,
};

impl UnitOfWork<'_> {
    /// Gives a line up.
    pub(super) fn skip_line(
        &mut self,
        name: &RunName,
        line: u64,
        reason: &str,
    ) -> Result<SkippedLine, LedgerError> {
        let Some(run) = self.run_of(name)? else {
            return Ok(SkippedLine::UnknownRun);
        };
        if run.live == 1 {
            return Err(self.is_live(Some(name)));
        }
        let done = self.find_done(run.number, line)?;
        match done.as_ref().map(|done| &done.end) {
            // It may be refused anew for ever.
            None | Some(LineEnd::Decided(Outcome::Refused { .. })) => {}
            Some(LineEnd::Decided(outcome)) => return Ok(SkippedLine::Done(*outcome)),
            Some(LineEnd::Skipped { .. }) => return Ok(SkippedLine::Already),
        }
        let is_of_line = |held: &RunLine| held.run == run.number && held.line.number == line;
        let mut open = None;
        self.each_hold(|hold| {
            if hold.hold.line.as_ref().is_some_and(is_of_line) {
                open = Some(hold.hold.owner == Owner::Doubt);
            }
        })?;
        if let Some(in_doubt) = open {
            return Ok(SkippedLine::Begun { in_doubt });
        }
        let begun = self.begun_last(&run, line)?;
        let digest = begun.or(done.map(|done| done.digest)).unwrap_or(0);
        let (number, run) = (line, run.number);
        let line = Line { number, digest };
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
        let (state, mut recorder) = self.cache.recorder(self.now);
        state.skip(RunLine { run, line }, reason, &mut recorder);
        recorder.finish(state);
        Ok(SkippedLine::Skipped)
    }

    /// Reads all holds.
    fn each_hold(&mut self, mut each: impl FnMut(&HoldRow)) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let page = self.tx.holds(after, MAX_PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for row in page {
                let hold = self.sound_hold(row)?;
                after = hold.number;
                each(&hold);
            }
        }
    }

    /// The digest by which work for a line was begun last.
    fn begun_last(&mut self, run: &RunRow, line: u64) -> Result<Option<u64>, LedgerError> {
        let mut after = run.began.record;
        let (mut last, run, line) = (None, run.number, Some(line));
        loop {
            let page = self.begun_rows(after, LinesOf { run, line })?;
            match page.last() {
                Some(row) => (after, last) = (row.record, row.line.map(|line| line.digest)),
                None => return Ok(last),
            }
        }
    }

    fn begun_rows(&mut self, after: u64, lines: LinesOf) -> Result<Vec<RecordRow>, LedgerError> {
        let page = self.tx.records(&RecordFilter {
            after,
            kinds: &[HELD],
            lines: Some(lines),
            limit: MAX_PAGE,
        })?;
        page.into_iter().map(|row| self.sound_record(row)).collect()
    }

    pub(super) fn begun_after(
        &mut self,
        run: u32,
        after: u64,
    ) -> Result<Vec<BegunLine>, LedgerError> {
        let Some(row) = self.run(run)? else {
            return Ok(Vec::new());
        };
        let after = after.max(row.began.record);
        let page = self.begun_rows(after, LinesOf { run, line: None })?;
        let loaded = self.tx.load(&WantedRows {
            holds: page.iter().map(|row| row.record).collect(),
            ..WantedRows::default()
        })?;
        let mut open = HashSet::new();
        for row in loaded.holds {
            open.insert(self.sound_hold(row)?.number);
        }
        let begun = |row: RecordRow| {
            let line = row.line?;
            Some(BegunLine {
                hold: row.record,
                line: line.number,
                digest: line.digest,
                id: row.id.and_then(|id| Id::new(&id).ok()),
                has_command: row.doubt.is_some(),
                is_open: open.contains(&row.record),
            })
        };
        Ok(page.into_iter().filter_map(begun).collect())
    }

    pub(super) fn runs_after(&mut self, after: u32) -> Result<Vec<RunTotals>, LedgerError> {
        let dead = self.tx.dead_runs()?;
        let is_dead = |run: u32| dead.iter().any(|dead| dead.number == run);
        let rows = self.tx.runs(RunFilter::Named(after, MAX_PAGE))?;
        let rows = rows.into_iter().map(|run| self.sound_run(run));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        let (first, began) = (first.number, first.began);
        let last = rows.last().map_or(first, |last| last.number);
        let counted = rows.into_iter().filter_map(|row| {
            // A name that is none only a damaged ledger has; `verify` tells it.
            let name = row.name?.parse().ok()?;
            let is_live = row.live == 1 && !is_dead(row.number);
            Some((row.number, Counted::new(name, is_live)))
        });
        let mut runs: BTreeMap<u32, Counted> = counted.collect();
        self.count_lines(began, first, last, &mut runs)?;
        self.each_hold(|hold| {
            let run = hold.hold.line.and_then(|line| runs.get_mut(&line.run));
            if let Some(run) = run {
                match hold.hold.owner {
                    Owner::Doubt => run.in_doubt += 1,
                    Owner::Run { .. } | Owner::AnyRequest { .. } => run.begun += 1,
                }
            }
        })?;
        Ok(runs
            .into_iter()
            .map(|(number, run)| run.totals(number))
            .collect())
    }

    fn count_lines(
        &mut self,
        began: LastNumbers,
        first: u32,
        last: u32,
        runs: &mut BTreeMap<u32, Counted>,
    ) -> Result<(), LedgerError> {
        let of = first..=last;
        let mut recorded = |row: LineRow| {
            let run = row.run.and_then(|run| runs.get_mut(&run));
            if let (Some(run), Some(line)) = (run, row.line) {
                run.record(line, row.kind);
            }
        };
        let records = Table::Records;
        self.tx
            .lines(records, began.record, of.clone(), &mut recorded)?;
        let mut posted = |row: LineRow| {
            let run = row.run.and_then(|run| runs.get_mut(&run));
            if let (Some(run), Some(line)) = (run, row.line) {
                run.done += 1;
                run.ended.remove(&line);
            }
        };
        self.tx.lines(Table::Entries, began.seq, of, &mut posted)
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
    ended: HashMap<u64, i64>,
}

impl Counted {
    fn new(name: RunName, is_live: bool) -> Self {
        Counted {
            name,
            is_live,
            done: 0,
            begun: 0,
            in_doubt: 0,
            ended: HashMap::new(),
        }
    }

    fn record(&mut self, line: u64, kind: i64) {
        match kind {
            VOIDED | EXPIRED | REFUSED | SKIPPED => {
                self.ended.insert(line, kind);
            }
            HELD => {
                self.ended.remove(&line);
            }
            VIEWED | UNSPENT | OPENED => {
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
