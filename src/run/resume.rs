//! A run that has a name goes on where it ended: what it has done is told again and not run again.

use std::collections::HashSet;

use super::Run;
use super::ids::LineIds;
use crate::bank::{Answer, Line, Operation, Outcome};
use crate::event::{Event, Micros, OperationEvent, Summary};

/// A run that has a name.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its lines that were begun before and have not ended. They are known by an id, also where the run
    /// goes on without a command.
    pub begun: HashSet<u64>,
    /// The ids of its lines.
    pub ids: LineIds,
    /// Lines that were refused are run again.
    pub retry_refused: bool,
    /// Its lines come from standard input.
    pub from_stdin: bool,
    /// The command line that goes on with it, for a shell.
    pub words: String,
}

impl Run {
    /// Tells again what a line came to when it was done.
    pub(super) fn was_done(
        &mut self,
        ordinal: u64,
        line: Line,
        mut operation: Operation,
        outcome: Outcome,
    ) {
        self.ids.name(Some(line), &mut operation);
        let answer = Answer::repeated(outcome);
        self.tally.decided(&operation, &answer);
        let excess = operation.excess(&outcome);
        let event = OperationEvent {
            operation: ordinal,
            line: Some(line.number),
            ..operation.into()
        };
        if let Some(excess) = excess {
            self.tell_overspent(excess, event.clone());
        }
        let done = OperationEvent {
            duplicate: true,
            elapsed_us: Some(Micros::default()),
            ..event
        };
        self.out.event(done.ended(&outcome));
    }

    /// Tells that a line was given up.
    pub(super) fn was_skipped(&mut self, line: Line, operation: Option<Operation>) {
        self.tally.counts.skipped += 1;
        let operation = operation.map(|mut operation| {
            self.ids.name(Some(line), &mut operation);
            operation
        });
        self.out.event(Event::Skipped(OperationEvent {
            line: Some(line.number),
            ..operation.map(OperationEvent::from).unwrap_or_default()
        }));
    }

    /// How to go on, for a run with a name that did not do all that it was asked.
    pub(super) fn advice(&self, summary: &Summary) -> Option<String> {
        let all = summary.ended_early.is_none() && summary.failed + summary.in_doubt == 0;
        match all {
            true => None,
            false => self.way_to_go_on(summary.in_doubt > 0),
        }
    }

    /// How to go on with a run that has a name.
    pub(super) fn way_to_go_on(&self, is_in_doubt: bool) -> Option<String> {
        let named = self.settings.named.as_ref()?;
        let input = match named.from_stdin {
            true => ", with the same input from its beginning",
            false => "",
        };
        let first = match is_in_doubt {
            false => "",
            true => {
                ", once what is in doubt is decided (`bank-par post ID`, `bank-par void ID`, or `--in-doubt`)"
            }
        };
        Some(format!("to go on{first}{input}: {}", named.words))
    }
}
