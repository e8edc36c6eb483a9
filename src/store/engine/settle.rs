//! Holds that nobody ends any more are given back before anything else is decided: those whose time is
//! over, and those of runs whose process is gone.

use std::time::{Duration, Instant};

use super::backend::{Backend, DueBy, WantedRows};
use super::rows::RunRow;
use super::{Engine, UnitOfWork};
use crate::bank::{Answer, Asked, VoidReason};
use crate::store::LedgerError;

/// How often a long-lived process looks for runs whose process is gone.
const RUNS_INTERVAL: Duration = Duration::from_secs(1);
/// The most holds that are given back in one transaction because their time is over, so that other
/// writers get their turn however many there are.
pub(crate) const MAX_EXPIRED: usize = 1_000;

impl<B: Backend> Engine<B> {
    /// Decides a batch, after all holds were given back whose time is over: in steps, of which each
    /// is a transaction of its own and the last decides the batch.
    pub(super) fn settle_and_decide(
        &mut self,
        batch: &[Asked],
    ) -> Result<Vec<Option<Answer>>, LedgerError> {
        loop {
            if let Some(answers) = self.write(|work| work.settle_and_decide(batch))? {
                return Ok(answers);
            }
        }
    }

    /// Gives back at once what is over and what dead runs have left.
    pub(super) fn settle_now(&mut self) -> Result<(), LedgerError> {
        self.runs.looked_at = None;
        self.settle_and_decide(&[]).map(drop)
    }
}

impl UnitOfWork<'_> {
    /// Gives back what is over, and decides the batch unless there was too much of that.
    fn settle_and_decide(
        &mut self,
        batch: &[Asked],
    ) -> Result<Option<Vec<Option<Answer>>>, LedgerError> {
        let mut wanted = self.wanted(batch)?;
        wanted.holds_of = self.end_dead_runs()?;
        wanted.due = Some(DueBy {
            now: self.now,
            limit: MAX_EXPIRED,
        });
        let left = self.bring(&wanted)?;
        let (state, mut recorder) = self.cache.recorder(&mut self.changes, self.now);
        for hold in &left.due {
            state.release(*hold, VoidReason::Expired, &mut recorder);
        }
        for hold in &left.of_runs {
            state.abandon(*hold, &mut recorder);
        }
        let answers = (left.due.len() < MAX_EXPIRED).then(|| {
            let decide = |asked| state.decide(asked, &mut recorder);
            batch.iter().map(decide).collect()
        });
        recorder.finish(state);
        Ok(answers)
    }

    /// The runs whose process is gone, looked for now and then. They count as ended from now on.
    fn end_dead_runs(&mut self) -> Result<Vec<u32>, LedgerError> {
        let looked_at = self.runs.looked_at;
        if looked_at.is_some_and(|at| at.elapsed() < RUNS_INTERVAL) {
            return Ok(Vec::new());
        }
        self.runs.looked_at = Some(Instant::now());
        let dead = self.tx.dead_runs()?;
        let numbers = dead.iter().map(|run| run.number).collect();
        let ended = dead.into_iter().map(|run| RunRow { live: 0, ..run });
        self.changes.runs.extend(ended);
        Ok(numbers)
    }

    /// Ends what a run has begun.
    pub(super) fn abandon_holds_of(&mut self, run: u32) -> Result<(), LedgerError> {
        let left = self.bring(&WantedRows {
            holds_of: vec![run],
            ..WantedRows::default()
        })?;
        let (state, mut recorder) = self.cache.recorder(&mut self.changes, self.now);
        for hold in left.of_runs {
            state.abandon(hold, &mut recorder);
        }
        recorder.finish(state);
        Ok(())
    }
}
