//! Lines that a named run has dealt with are not run again, and must be what they were.

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;

use super::Item;
use super::digest::Digests;
use super::lines;
use crate::bank::{Line, Outcome};
use crate::store::LineDigests;

/// The most operations that wait for the last protected line to prove that the input is what it was.
const MAX_WAITING: usize = 256 * 1024;

/// What became of a line of a named run that is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Every repeat is answered with this.
    Decided(Outcome),
    /// It was given up. Where the ledger never saw what it asked for, its digest is 0 and it may say
    /// anything.
    Skipped,
    /// Its work was begun and has not ended; it is run again on the same terms.
    Begun,
}

/// What a named run has done so far.
#[derive(Debug)]
pub struct RunProgress {
    run: String,
    rule: LineDigests,
    /// By line, each once.
    lines: Vec<(Line, Protection)>,
    retry_refused: bool,
}

impl RunProgress {
    /// The run of this name, and its protected lines, in the order in which they became so. If a line
    /// stands there more than once, the last time counts. With `retry_refused`, a line that was refused
    /// is run again.
    pub fn new(
        run: String,
        rule: LineDigests,
        mut lines: Vec<(Line, Protection)>,
        retry_refused: bool,
    ) -> Self {
        lines.sort_by_key(|(line, _)| line.number);
        lines.dedup_by(|later, kept| {
            let same = later.0.number == kept.0.number;
            if same {
                *kept = *later;
            }
            same
        });
        RunProgress {
            run,
            rule,
            lines,
            retry_refused,
        }
    }
}

/// How the input is no longer what a run has done lines of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Change {
    /// One of these lines is another one.
    #[error(
        "{} the run `{run}` dealt with it, and nothing is run: lines that were posted, refused, given up or begun must stay as they were, with the same `--account` and `--to`; restore them, and append what is new at the end",
        Changed(lines)
    )]
    Lines {
        /// The run.
        run: String,
        /// From the first that may have changed to the one where it is seen.
        lines: RangeInclusive<u64>,
    },
    /// The input ends too early.
    #[error(
        "the input ends before line {line}, which the run `{run}` has dealt with, and nothing is run: lines that were posted, refused, given up or begun must stay; restore them, and append what is new at the end"
    )]
    Removed {
        /// The run.
        run: String,
        /// The first protected line that is missing.
        line: u64,
    },
    /// The lines cannot be held back until it is known that the input is the same.
    #[error(
        "more than {MAX_WAITING} lines before line {line} are still to be run, and none is before that line is known to be what it was: give the input as a file instead of a pipe"
    )]
    TooManyWait {
        /// The last protected line.
        line: u64,
    },
}

/// Says which line has changed, or which ones may have.
struct Changed<'a>(&'a RangeInclusive<u64>);

impl fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last {
            write!(f, "line {last} has changed since")
        } else {
            write!(
                f,
                "line {last}, or one from line {first} on before it, has changed since"
            )
        }
    }
}

/// An input that a named run begins or goes on with.
///
/// No operation is run before the last protected line has proved that the input is what it was: if it
/// has changed, nothing of the change has been run, and the input can still be restored.
#[derive(Debug)]
pub(super) struct Continued {
    done: RunProgress,
    /// How many of the protected lines have come by.
    met: usize,
    /// The last line that is known to be what it was.
    same: u64,
    digests: Digests,
    /// All protected lines were looked at before.
    is_checked: bool,
    /// What need not wait.
    items: VecDeque<Item>,
    /// The operations that wait.
    waiting: Vec<Item>,
}

impl Continued {
    pub(super) fn new(done: RunProgress) -> Self {
        Continued {
            met: 0,
            same: 0,
            digests: Digests::new(done.rule),
            is_checked: false,
            items: VecDeque::new(),
            waiting: Vec::new(),
            done,
        }
    }

    /// The same from the input's beginning, after all protected lines were looked at.
    pub(super) fn checked(self) -> Self {
        Continued {
            is_checked: true,
            ..Continued::new(self.done)
        }
    }

    /// Every protected line has come by.
    pub(super) fn is_over(&self) -> bool {
        self.met == self.done.lines.len()
    }

    /// Takes the next line that is not blank, and the item on it unless it is a header.
    pub(super) fn take(
        &mut self,
        line: &lines::InputLine<'_>,
        mut item: Option<Item>,
    ) -> Result<(), Change> {
        let operation = match &item {
            Some(Item::Operation { operation, .. }) => Some(operation),
            _ => None,
        };
        let number = line.number;
        let digest = self.digests.next(line, operation);
        let found = Line { number, digest };
        if let Some(Item::Operation { line, .. }) = &mut item {
            *line = Some(found);
        }
        self.pass_over(number)?;
        if let Some((known, protection)) = self.next_protected()
            && known.number == number
        {
            let is_same = known == found || is_unseen(&known, protection);
            item = item.filter(|item| is_same && self.may_stand(item, protection));
            let Some(same) = item else {
                return Err(self.changed(number));
            };
            self.met += 1;
            self.same = number;
            item = Some(self.answered(found, same, protection));
        }
        self.sort_in(item)
    }

    /// Leaves protected lines behind that would have come before this one, where they may be blank.
    fn pass_over(&mut self, number: u64) -> Result<(), Change> {
        while let Some((known, protection)) = self.next_protected()
            && known.number < number
        {
            if !is_unseen(&known, protection) {
                return Err(self.changed(known.number));
            }
            self.met += 1;
        }
        Ok(())
    }

    /// What is protected is an operation, except where it was given up unseen.
    fn may_stand(&self, item: &Item, protection: Protection) -> bool {
        matches!(item, Item::Operation { .. }) || protection == Protection::Skipped
    }

    fn sort_in(&mut self, item: Option<Item>) -> Result<(), Change> {
        let Some(item) = item else {
            return Ok(());
        };
        let waits = !self.is_over() && !self.is_checked;
        if waits && matches!(item, Item::Operation { .. }) {
            if let (MAX_WAITING, Some((last, _))) = (self.waiting.len(), self.done.lines.last()) {
                return Err(Change::TooManyWait { line: last.number });
            }
            self.waiting.push(item);
            return Ok(());
        }
        if !waits {
            self.items.extend(self.waiting.drain(..));
        }
        self.items.push_back(item);
        Ok(())
    }

    /// The input has no more lines.
    pub(super) fn finish(&mut self) -> Result<(), Change> {
        self.pass_over(u64::MAX).map_err(|change| match change {
            Change::Lines { run, lines } => Change::Removed {
                run,
                line: *lines.end(),
            },
            other => other,
        })?;
        self.items.extend(self.waiting.drain(..));
        Ok(())
    }

    /// The next item that need not wait.
    pub(super) fn next(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    fn next_protected(&self) -> Option<(Line, Protection)> {
        self.done.lines.get(self.met).copied()
    }

    fn answered(&self, line: Line, item: Item, protection: Protection) -> Item {
        let operation = match item {
            Item::Operation { operation, .. } => operation,
            _ => {
                return Item::Skipped {
                    line,
                    operation: None,
                };
            }
        };
        match protection {
            Protection::Skipped => Item::Skipped {
                line,
                operation: Some(operation),
            },
            Protection::Decided(Outcome::Refused { .. }) if self.done.retry_refused => {
                let line = Some(line);
                Item::Operation { line, operation }
            }
            Protection::Decided(outcome) => Item::Done {
                line,
                operation,
                outcome,
            },
            Protection::Begun => {
                let line = Some(line);
                Item::Operation { line, operation }
            }
        }
    }

    fn changed(&self, seen_at: u64) -> Change {
        let first = match self.done.rule {
            LineDigests::UpToLine => self.same + 1,
            LineDigests::OfLine => seen_at,
        };
        Change::Lines {
            run: self.done.run.clone(),
            lines: first..=seen_at,
        }
    }
}

/// What a named run that has done this makes of these lines, of which each is read as an item.
#[cfg(test)]
pub(crate) fn continued(items: Vec<Item>, done: RunProgress) -> Result<Vec<Item>, Change> {
    let (mut continued, mut all) = (Continued::new(done), Vec::new());
    for item in items {
        let number = match &item {
            Item::Operation { line, .. } => line.map_or(0, |line| line.number),
            Item::Done { line, .. } | Item::Skipped { line, .. } => line.number,
            Item::Invalid { line, .. } => *line,
        };
        let line = lines::InputLine {
            number,
            text: b"",
            too_long: false,
            after_hidden_quote: false,
            after_long: None,
            unended: false,
        };
        continued.take(&line, Some(item))?;
    }
    continued.finish()?;
    all.extend(std::iter::from_fn(|| continued.next()));
    Ok(all)
}

/// Whether a line was given up of which the ledger never saw what it asked for.
fn is_unseen(line: &Line, protection: Protection) -> bool {
    protection == Protection::Skipped && line.digest == 0
}

#[cfg(test)]
mod tests;
