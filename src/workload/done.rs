//! Lines that a named run has done are not run again, and must be what they were.

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;

use super::Item;
use super::digest::Chain;
use super::lines;
use crate::bank::{Line, Operation, Outcome};

/// The most items that wait for the next done line to prove that the input is what it was.
const MAX_WAITING: usize = 256 * 1024;

/// What a named run has done so far.
#[derive(Debug)]
pub struct Done {
    run: String,
    /// By line, each once.
    lines: Vec<(Line, Outcome)>,
    retry_refused: bool,
}

impl Done {
    /// The run of this name, and the lines that it has done, in the order in which it did them. If a
    /// line stands there more than once, the last time counts. With `retry_refused`, a line that was
    /// refused is run again.
    pub fn new(run: String, mut lines: Vec<(Line, Outcome)>, retry_refused: bool) -> Self {
        lines.sort_by_key(|(line, _)| line.number);
        lines.dedup_by(|later, kept| {
            let same = later.0.number == kept.0.number;
            if same {
                *kept = *later;
            }
            same
        });
        Done {
            run,
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
        "{} the run `{run}` did it: lines that are done must stay as they were, with the same `--account` and `--to`; restore them, and append what is new at the end",
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
        "the input ends before line {line}, which the run `{run}` has done: lines that are done must stay; restore them, and append what is new at the end"
    )]
    Removed {
        /// The run.
        run: String,
        /// The first done line that is missing.
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
/// A line that is not done is held back while a later one is: if that one proves that the input has
/// changed, then nothing of the change has been run, and the input can still be restored.
#[derive(Debug)]
pub(super) struct Continued {
    done: Done,
    /// How many of the done lines have come by.
    met: usize,
    /// The last line that is known to be what it was.
    same: u64,
    chain: Chain,
    items: VecDeque<Item>,
    /// How many of the items need not wait.
    free: usize,
}

impl Continued {
    pub(super) fn new(done: Done) -> Self {
        Continued {
            done,
            met: 0,
            same: 0,
            chain: Chain::default(),
            items: VecDeque::new(),
            free: 0,
        }
    }

    /// Takes the next line that is not blank, and the item on it unless it is a header.
    pub(super) fn take(
        &mut self,
        line: &lines::Line<'_>,
        mut item: Option<Item>,
    ) -> Result<(), Change> {
        let operation = match &item {
            Some(Item::Operation { operation, .. }) => Some(operation),
            _ => None,
        };
        let digest = self.chain.add(line, operation);
        let found = Line {
            number: line.number,
            digest,
        };
        if let Some(Item::Operation { line, .. }) = &mut item {
            *line = Some(found);
        }
        if let Some((done, outcome)) = self.next_done()
            && done.number <= found.number
        {
            let Some(Item::Operation { operation, .. }) = item.filter(|_| done == found) else {
                return Err(self.changed(done.number));
            };
            self.met += 1;
            self.same = done.number;
            item = Some(self.answered(found, operation, outcome));
        }
        self.items.extend(item);
        let waiting = match self.next_done() {
            Some(_) if self.same == found.number => 0,
            Some(_) => (self.items.len() - self.free).min(MAX_WAITING),
            None => 0,
        };
        self.free = self.items.len() - waiting;
        Ok(())
    }

    /// The input has no more lines.
    pub(super) fn finish(&self) -> Result<(), Change> {
        self.next_done().map_or(Ok(()), |(done, _)| {
            Err(Change::Removed {
                run: self.done.run.clone(),
                line: done.number,
            })
        })
    }

    /// The next item that need not wait.
    pub(super) fn next(&mut self) -> Option<Item> {
        self.free = self.free.checked_sub(1)?;
        self.items.pop_front()
    }

    fn next_done(&self) -> Option<(Line, Outcome)> {
        self.done.lines.get(self.met).copied()
    }

    fn answered(&self, line: Line, operation: Operation, outcome: Outcome) -> Item {
        if self.done.retry_refused && matches!(outcome, Outcome::Refused { .. }) {
            let line = Some(line);
            return Item::Operation { line, operation };
        }
        Item::Done {
            line: line.number,
            operation,
            outcome,
        }
    }

    fn changed(&self, seen_at: u64) -> Change {
        Change::Lines {
            run: self.done.run.clone(),
            lines: self.same + 1..=seen_at,
        }
    }
}

#[cfg(test)]
mod tests;
