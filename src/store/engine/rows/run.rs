//! The rows of runs, and what rows say of a run's lines.

use smol_str::SmolStr;

use super::{EntryRow, RecordRow};
use crate::bank::LastNumbers;

/// A run as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct RunRow {
    pub(crate) number: u32,
    /// Only a damaged row has one that names no run.
    pub(crate) name: Option<SmolStr>,
    /// Where the ledger stood when it began.
    pub(crate) began: LastNumbers,
    /// 1 where it began and did not end; whether its process is there, its lease tells. Else 0.
    pub(crate) live: i64,
    /// What the digests of its lines are over: see [`RunRow::UP_TO_LINE`].
    pub(crate) rule: Option<i64>,
}

impl RunRow {
    /// The digest of a line is over all lines up to it. Nothing means this too.
    pub(crate) const UP_TO_LINE: i64 = 1;
    /// The digest of a line is over it alone.
    pub(crate) const OF_LINE: i64 = 2;
}

/// What an entry or a record says of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRow {
    /// The entry's number, or the record's.
    pub(crate) number: u64,
    pub(crate) run: Option<u32>,
    pub(crate) line: Option<u64>,
    /// The hold that it ends.
    pub(crate) hold: Option<u64>,
    /// What kind of record it is; 0 for an entry.
    pub(crate) kind: i64,
}

impl LineRow {
    /// What an entry says.
    pub(crate) fn of_entry(row: &EntryRow) -> Self {
        LineRow {
            number: row.seq,
            run: row.run,
            line: row.line.map(|line| line.number),
            hold: row.hold,
            kind: 0,
        }
    }

    /// What a record says.
    pub(crate) fn of_record(row: &RecordRow) -> Self {
        LineRow {
            number: row.record,
            run: row.run,
            line: row.line.map(|line| line.number),
            hold: row.hold,
            kind: row.kind,
        }
    }
}
