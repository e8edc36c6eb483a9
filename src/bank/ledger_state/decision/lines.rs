//! The lines of named runs: each is decided once.

use super::Decision;
use crate::bank::journal::{Journal, Record};
use crate::bank::{LineState, Rejection};

impl<J: Journal> Decision<'_, J> {
    /// Why the caller's line cannot be begun or decided: it was before.
    pub(super) fn line_objection(&self) -> Option<Rejection> {
        let line = self.caller.line?.number;
        match self.state.lines.state(self.caller.run, line)? {
            LineState::Refused if self.caller.retry => None,
            LineState::Refused | LineState::Done => Some(Rejection::LineDone),
            LineState::Begun { .. } => Some(Rejection::InProgress),
        }
    }

    /// Notes what became of the caller's line.
    pub(super) fn note_line(&mut self, state: Option<LineState>) {
        if let Some(line) = self.caller.line {
            self.state.lines.note(self.caller.run, line.number, state);
        }
    }

    /// Writes down that the caller's line is given up.
    pub(in crate::bank::ledger_state) fn skip(&mut self, reason: &str) {
        let number = self.next_record();
        self.journal
            .record(self.caller, &Record::Skipped { number, reason });
        self.note_line(Some(LineState::Done));
    }
}
