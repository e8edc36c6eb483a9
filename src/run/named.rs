//! A run that has a name goes on where it ended: what it has done is told again and not run again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::Run;
use crate::bank::{Answer, Line, Operation, Outcome};
use crate::event::{Fact, Subject};
use crate::store::{Ledger, LedgerError, RunName};
use crate::workload::Done;

/// Begins or continues the run of this name. Returns its number and what it has done so far.
pub fn open(
    ledger: &mut dyn Ledger,
    name: &RunName,
    retry_refused: bool,
) -> Result<(u32, Done), LedgerError> {
    let run = ledger.open_run(Some(name))?;
    let mut lines = Vec::new();
    loop {
        let page = ledger.done_lines(run, lines.len() as u64)?;
        if page.is_empty() {
            return Ok((run, Done::new(name.to_string(), lines, retry_refused)));
        }
        lines.extend(page.into_iter().map(|done| {
            let (number, digest) = (done.line, done.digest);
            (Line { number, digest }, done.outcome)
        }));
    }
}

/// The command line that was given, for a shell.
pub fn command(arguments: impl IntoIterator<Item = OsString>) -> String {
    let quoted = arguments.into_iter().map(|argument| quote(&argument));
    quoted.collect::<Vec<_>>().join(" ")
}

/// One word of a shell's command line.
fn quote(argument: &OsStr) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match argument.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let escaped = argument.as_bytes().iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

impl Run {
    /// Tells again what a line came to when it was done.
    pub(super) fn done_before(&mut self, line: u64, operation: Operation, outcome: Outcome) {
        let (duplicate, elapsed) = (true, Duration::ZERO);
        self.tally
            .decided(&operation, &Answer { outcome, duplicate });
        let subject = Subject {
            operation,
            line: Some(line),
            worker: 0,
            pid: 0,
        };
        self.note(match outcome {
            Outcome::Posted { seq, view } | Outcome::Viewed { seq, view } => Fact::Completed {
                subject,
                seq,
                view,
                elapsed,
                duplicate,
            },
            Outcome::Refused { rejection, view } => Fact::Refused {
                subject,
                rejection,
                view,
                elapsed,
                duplicate,
            },
            // None of them ends a line.
            Outcome::Held { .. } | Outcome::Voided { .. } | Outcome::Opened { .. } => return,
        });
    }
}

#[cfg(test)]
mod tests;
