//! What travels about named runs and their lines.

use serde::{Deserialize, Serialize};

use super::super::{WireOutcome, id};
use super::run_name;
use crate::bank::Id;
use crate::protocol::ProtocolError;
use crate::store::{BegunLine, RunTotals, SkippedLine};

#[derive(Serialize, Deserialize)]
pub(in super::super::super) struct WireBegunLine<'a> {
    hold: u64,
    line: u64,
    digest: u64,
    id: Option<&'a str>,
    has_command: bool,
    is_open: bool,
}

#[derive(Serialize, Deserialize)]
pub(in super::super::super) struct WireRunTotals<'a> {
    number: u32,
    name: &'a str,
    done: u64,
    refused: u64,
    failed: u64,
    skipped: u64,
    begun: u64,
    in_doubt: u64,
    is_live: bool,
}

#[derive(Serialize, Deserialize)]
pub(in super::super::super) enum WireSkipped {
    Skipped,
    Already,
    Done(WireOutcome),
    Begun(bool),
    UnknownRun,
}

impl<'a> From<&'a BegunLine> for WireBegunLine<'a> {
    fn from(begun: &'a BegunLine) -> Self {
        WireBegunLine {
            hold: begun.hold,
            line: begun.line,
            digest: begun.digest,
            id: begun.id.as_ref().map(Id::as_str),
            has_command: begun.has_command,
            is_open: begun.is_open,
        }
    }
}

impl WireBegunLine<'_> {
    pub(super) fn checked(self) -> Result<BegunLine, ProtocolError> {
        Ok(BegunLine {
            hold: self.hold,
            line: self.line,
            digest: self.digest,
            id: self.id.map(id).transpose()?,
            has_command: self.has_command,
            is_open: self.is_open,
        })
    }
}

impl<'a> From<&'a RunTotals> for WireRunTotals<'a> {
    fn from(totals: &'a RunTotals) -> Self {
        WireRunTotals {
            number: totals.number,
            name: totals.name.as_str(),
            done: totals.done,
            refused: totals.refused,
            failed: totals.failed,
            skipped: totals.skipped,
            begun: totals.begun,
            in_doubt: totals.in_doubt,
            is_live: totals.is_live,
        }
    }
}

impl WireRunTotals<'_> {
    pub(super) fn checked(self) -> Result<RunTotals, ProtocolError> {
        Ok(RunTotals {
            number: self.number,
            name: run_name(self.name)?,
            done: self.done,
            refused: self.refused,
            failed: self.failed,
            skipped: self.skipped,
            begun: self.begun,
            in_doubt: self.in_doubt,
            is_live: self.is_live,
        })
    }
}

impl From<&SkippedLine> for WireSkipped {
    fn from(skipped: &SkippedLine) -> Self {
        match skipped {
            SkippedLine::Skipped => WireSkipped::Skipped,
            SkippedLine::Already => WireSkipped::Already,
            SkippedLine::Done(outcome) => WireSkipped::Done(outcome.into()),
            SkippedLine::Begun { in_doubt } => WireSkipped::Begun(*in_doubt),
            SkippedLine::UnknownRun => WireSkipped::UnknownRun,
        }
    }
}

impl WireSkipped {
    pub(super) fn checked(self) -> Result<SkippedLine, ProtocolError> {
        Ok(match self {
            WireSkipped::Skipped => SkippedLine::Skipped,
            WireSkipped::Already => SkippedLine::Already,
            WireSkipped::Done(outcome) => SkippedLine::Done(outcome.checked()?),
            WireSkipped::Begun(in_doubt) => SkippedLine::Begun { in_doubt },
            WireSkipped::UnknownRun => SkippedLine::UnknownRun,
        })
    }
}
