//! In which order, and how soon one after another, operations are handed out.

use std::collections::BTreeMap;

use super::*;

/// What was handed out so far.
#[derive(Debug, Default)]
pub(super) struct Handouts {
    jobs: usize,
    spacing: Duration,
    last_at: Option<Duration>,
    /// The last line that was handed out for the first time.
    last_line: u64,
    /// The worker that each line was given to last.
    given_to: BTreeMap<u64, u32>,
    /// The lines of which something was asked: the ledger decides that in its order.
    asked: HashSet<u64>,
}

impl Handouts {
    pub(super) fn of(scenario: &SeededRun) -> Self {
        Handouts {
            jobs: scenario.settings.jobs,
            spacing: scenario.settings.pacing.spacing,
            ..Handouts::default()
        }
    }

    /// A line is handed out to a worker. `has_ended` says which have ended.
    pub(super) fn next(
        &mut self,
        worker: u32,
        line: u64,
        now: Duration,
        has_ended: impl Fn(u64) -> bool,
    ) -> Result<(), Broken> {
        let since = self.last_at.map(|last| now.saturating_sub(last));
        self.last_at = Some(now);
        hold!(
            since.is_none_or(|since| since >= self.spacing),
            "line {line} was handed out {since:?} after another"
        );
        if !self.given_to.contains_key(&line) {
            let last = self.last_line;
            hold!(line > last, "line {line} was handed out behind line {last}");
            self.last_line = line;
        }
        if self.jobs == 1 {
            self.keeps_the_order(worker, line, has_ended)?;
        }
        self.given_to.insert(line, worker);
        Ok(())
    }

    /// Something is asked about a line.
    pub(super) fn asked(&mut self, line: u64) {
        self.asked.insert(line);
    }

    /// With one worker at a time, what an earlier one left comes in the order of the input. The first line
    /// that it left it was at.
    fn keeps_the_order(
        &self,
        worker: u32,
        line: u64,
        has_ended: impl Fn(u64) -> bool,
    ) -> Result<(), Broken> {
        let mut was_at: HashSet<u32> = HashSet::new();
        for (left, of) in self.given_to.range(..line) {
            if *of == worker || has_ended(*left) || self.asked.contains(left) {
                continue;
            }
            hold!(
                was_at.insert(*of),
                "line {line} was handed out before line {left}, which worker {of} had left"
            );
        }
        Ok(())
    }
}
