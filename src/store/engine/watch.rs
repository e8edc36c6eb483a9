//! What became of the lines of this process's runs, as the ledger says.
//!
//! The run's lease keeps other processes from the same lines. Should it be lost, the line is still
//! decided once: what the state knows of it is read when the run begins, and what others have added is
//! read before the next decision.

use std::ops::RangeInclusive;

use super::UnitOfWork;
use super::backend::Table;
use super::cache::Cache;
use super::rows::{
    DOUBTED, HELD, KEPT, LineRow, OPENED, REFUSED, RunRow, SKIPPED, TAKEN_OVER, UNSPENT, VIEWED,
};
use crate::bank::{LastNumbers, LineState, LineStates};
use crate::store::LedgerError;

impl UnitOfWork<'_> {
    /// Reads what became of the lines of a run, if there is such a run.
    pub(super) fn watch_run(&mut self, run: u32) -> Result<(), LedgerError> {
        match self.run(run)? {
            Some(run) => self.watch(&run),
            None => Ok(()),
        }
    }

    /// Reads what became of the lines of this run.
    pub(super) fn watch(&mut self, run: &RunRow) -> Result<(), LedgerError> {
        self.cache.state.lines().watch(run.number);
        self.read_lines(run.began, run.number..=run.number)
    }

    /// Reads what others have added since the ledger stood here. Where that is not known, all is read
    /// anew.
    pub(super) fn read_new_lines(&mut self, since: Option<LastNumbers>) -> Result<(), LedgerError> {
        let watched = self.cache.state.lines().watched();
        match since {
            _ if watched.is_empty() => Ok(()),
            Some(since) => self.read_lines(since, 0..=u32::MAX),
            None => watched.into_iter().try_for_each(|run| self.watch_run(run)),
        }
    }

    /// Reads the rows after these.
    fn read_lines(
        &mut self,
        after: LastNumbers,
        runs: RangeInclusive<u32>,
    ) -> Result<(), LedgerError> {
        let Cache { state, changes, .. } = &mut *self.cache;
        let lines = state.lines();
        // The entries first, so that a line that was posted is never taken for begun.
        let mut posted = |row: LineRow| note(lines, &row, Some(LineState::Done));
        let entries = Table::Entries;
        self.tx
            .lines(entries, after.seq, runs.clone(), &mut posted)?;
        let mut recorded = |row: LineRow| note_record(lines, &row);
        let records = Table::Records;
        self.tx.lines(records, after.record, runs, &mut recorded)?;
        // What this transaction has done itself is in no row yet: it gave back what a dead run had begun.
        for new in &changes.entries {
            note(
                lines,
                &LineRow::of_entry(&new.entry.row),
                Some(LineState::Done),
            );
        }
        for new in &changes.records {
            note_record(lines, &LineRow::of_record(&new.row));
        }
        Ok(())
    }
}

/// Notes what a record says of a line.
fn note_record(lines: &mut LineStates, row: &LineRow) {
    match row.kind {
        DOUBTED | TAKEN_OVER | KEPT => {}
        HELD => note(lines, row, Some(LineState::Begun { hold: row.number })),
        REFUSED => note(lines, row, Some(LineState::Refused)),
        VIEWED | UNSPENT | OPENED | SKIPPED => note(lines, row, Some(LineState::Done)),
        _ => note(lines, row, None),
    }
}

/// Notes what a row says of a line, if it says something.
fn note(lines: &mut LineStates, row: &LineRow, state: Option<LineState>) {
    match (row.run, row.line, row.hold) {
        (Some(run), Some(line), _) => lines.note(run, line, state),
        (_, _, Some(hold)) => lines.note_end(hold),
        _ => {}
    }
}
