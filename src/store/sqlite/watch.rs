//! What became of the lines of this process's runs, as the file says.
//!
//! The run's lock keeps other processes from the same lines. Should it be lost, the line is still
//! decided once: what the ledger state knows of it is read when the run begins, and what others have added is
//! read before the next decision.

use rusqlite::{OptionalExtension, Row, params};

use super::Sqlite;
use super::rows::{DOUBTED, HELD, KEPT, REFUSED, SKIPPED, TAKEN_OVER, UNSPENT, VIEWED};
use crate::bank::{Last, LineState};
use crate::store::LedgerError;

/// What a row says of a line.
struct Said {
    run: Option<u32>,
    line: Option<u64>,
    /// The hold that it ends.
    ends: Option<u64>,
    state: Option<LineState>,
}

impl Sqlite {
    /// Reads what became of the lines of a run.
    pub(super) fn watch_run(&mut self, run: u32) -> Result<(), LedgerError> {
        const BEGAN: &str = "SELECT seq, record FROM runs WHERE run = ?";
        let read = || {
            let mut query = self.connection.prepare_cached(BEGAN)?;
            query.query_row([run], |row| {
                Ok(Last {
                    seq: row.get::<_, i64>(0)?.cast_unsigned(),
                    record: row.get::<_, i64>(1)?.cast_unsigned(),
                })
            })
        };
        let began = read().optional();
        let Some(began) = began.map_err(|error| self.fault("read", &error))? else {
            return Ok(());
        };
        self.ledger_state.lines().watch(run);
        self.read_lines(began, Some(run))
    }

    /// Reads what others have added since the ledger stood here. Where that is not known, all is read
    /// anew.
    pub(super) fn watch_on(&mut self, since: Option<Last>) -> Result<(), LedgerError> {
        let watched = self.ledger_state.lines().watched();
        match since {
            _ if watched.is_empty() => Ok(()),
            Some(since) => self.read_lines(since, None),
            None => watched.into_iter().try_for_each(|run| self.watch_run(run)),
        }
    }

    /// Reads the rows after these, of one run or of all.
    fn read_lines(&mut self, after: Last, run: Option<u32>) -> Result<(), LedgerError> {
        const RECORDS: &str = "SELECT run, line, hold, kind, record FROM records WHERE record > ?1 AND (?2 IS NULL OR run = ?2 OR hold IS NOT NULL) ORDER BY record";
        const ENTRIES: &str =
            "SELECT run, line, hold FROM entries WHERE seq > ?1 AND (?2 IS NULL OR run = ?2)";
        let lines = self.ledger_state.lines();
        let mut note = |said: Said| match (said.run, said.line, said.ends) {
            (Some(run), Some(line), _) => lines.note(run, line, said.state),
            (_, _, Some(hold)) => lines.note_end(hold),
            _ => {}
        };
        let mut read = || {
            // The entries first, so that a line that was posted is never taken for begun.
            let mut query = self.connection.prepare_cached(ENTRIES)?;
            let mut rows = query.query(params![after.seq.cast_signed(), run])?;
            while let Some(row) = rows.next()? {
                note(Said {
                    run: row.get(0)?,
                    line: number(row, 1)?,
                    ends: number(row, 2)?,
                    state: Some(LineState::Done),
                });
            }
            let mut query = self.connection.prepare_cached(RECORDS)?;
            let mut rows = query.query(params![after.record.cast_signed(), run])?;
            while let Some(row) = rows.next()? {
                if let Some(said) = record(row)? {
                    note(said);
                }
            }
            Ok(())
        };
        let read = read();
        read.map_err(|error| self.fault("read", &error))
    }
}

/// What a record says of a line, if it says something.
fn record(row: &Row<'_>) -> rusqlite::Result<Option<Said>> {
    let hold = number(row, 2)?;
    let kind = row.get(3)?;
    let state = match kind {
        DOUBTED | TAKEN_OVER | KEPT => return Ok(None),
        HELD => Some(LineState::Begun {
            hold: row.get::<_, i64>(4)?.cast_unsigned(),
        }),
        REFUSED => Some(LineState::Refused),
        VIEWED | UNSPENT | SKIPPED => Some(LineState::Done),
        _ => None,
    };
    Ok(Some(Said {
        run: row.get(0)?,
        line: number(row, 1)?,
        ends: hold,
        state,
    }))
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    Ok(number.map(i64::cast_unsigned))
}
