//! Who read what and wrote what, line by line, and whose update was lost.

use std::fmt::{self, Write as _};

use super::{Drawing, Span, dollars};
use crate::show::{CellAccess, CellStep};

/// The most lines of it.
const MAX_LINES: usize = 120;

impl Drawing<'_> {
    /// The reads and writes of shared data in their order.
    pub(super) fn story(&self, out: &mut String) -> fmt::Result {
        let accesses = &self.picture.accesses;
        if accesses.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let is_same = |one: &CellAccess, next: &CellAccess| {
            let steps = std::mem::discriminant(&one.step) == std::mem::discriminant(&next.step);
            steps && one.operation == next.operation && one.at == next.at
        };
        let mut lines = 0;
        for together in accesses.chunk_by(is_same) {
            let [first, ..] = together else { continue };
            if !self.is_drawn(first.operation) {
                continue;
            }
            if lines == MAX_LINES {
                return self.wrapped(
                    out,
                    "",
                    "... and more reads and writes, which `--report` has",
                );
            }
            lines += 1;
            let operation = &self.picture.operations[first.operation];
            let number = self.number(operation);
            let time = Span(first.at).to_string();
            let beginning = format!("{time:>10}  {number:>2} {:<8} ", operation.kind);
            let phrase = self.phrase(together);
            match self.style.width {
                ..60 => {
                    writeln!(out, "{}", beginning.trim_end())?;
                    self.wrapped(out, "    ", &phrase)?;
                }
                _ => self.wrapped(out, &beginning, &phrase)?,
            }
        }
        self.losses(out)
    }

    /// What one process did at one moment, to one cell or two.
    fn phrase(&self, together: &[CellAccess]) -> String {
        let verb = match together[0].step {
            CellStep::Read => "reads",
            CellStep::Conflict => "does not write, for it has changed; reads",
            CellStep::Write { .. } => "writes",
        };
        let cells: Vec<String> = together.iter().map(|access| self.cell(access)).collect();
        let mut phrase = format!("{verb} {}", cells.join(", "));
        let lost = |access: &CellAccess| match access.step {
            CellStep::Write { lost_to, .. } => lost_to,
            _ => None,
        };
        for together in together.chunk_by(|one, next| lost(one) == lost(next)) {
            let Some(over) = together.first().and_then(lost) else {
                continue;
            };
            let names = together
                .iter()
                .map(|access| &self.picture.accounts[access.account].name);
            let names: Vec<&str> = names.map(String::as_str).collect();
            let (number, kind) = {
                let writer = &self.picture.operations[over];
                (self.number(writer), writer.kind)
            };
            let _ = write!(
                phrase,
                "; LOST on {}: {number} {kind} writes over it without having seen it",
                names.join(" and "),
            );
        }
        phrase
    }

    fn cell(&self, access: &CellAccess) -> String {
        let name = &self.picture.accounts[access.account].name;
        format!("{name} {}", dollars(access.balance))
    }

    /// How many updates of each account were lost.
    fn losses(&self, out: &mut String) -> fmt::Result {
        for (place, account) in self.picture.accounts.iter().enumerate() {
            let of_account = self
                .picture
                .accesses
                .iter()
                .filter(|access| access.account == place);
            let is_lost = |access: &&CellAccess| {
                matches!(
                    access.step,
                    CellStep::Write {
                        lost_to: Some(_),
                        ..
                    }
                )
            };
            match of_account.filter(is_lost).count() {
                0 => {}
                1 => writeln!(out, "1 update of {} was lost", account.name)?,
                lost => writeln!(out, "{lost} updates of {} were lost", account.name)?,
            }
        }
        Ok(())
    }
}
