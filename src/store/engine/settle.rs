//! Holds that no caller ends any more are given back before anything else is decided: those whose time is
//! over, and those of runs whose process is gone.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::backend::{Backend, DueBy};
use super::rows::RunRow;
use super::{Engine, UnitOfWork};
use crate::bank::VoidReason;
use crate::store::clock::ClockTime;
use crate::store::retry::Pauses;
use crate::store::{Lease, LedgerAnswer, LedgerError, LedgerRequest, NEW_RUN, RunName};

/// How often a long-lived process looks for runs whose process is gone.
const RUNS_INTERVAL: Duration = Duration::from_secs(1);
/// The most holds that are given back in one transaction because their time is over, so that other
/// writers get their turn however many there are.
pub(crate) const MAX_EXPIRED: usize = 1_000;

/// For how long a batch is tried again that other transactions came between, and how long to wait before that.
const CONFLICTS: Duration = Duration::from_secs(20);
const CONFLICT_PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(500)];

/// What became of a batch.
#[derive(Default)]
struct Answered {
    answers: Vec<LedgerAnswer>,
    /// The leases of the runs that it has begun.
    leases: Vec<(u32, Lease)>,
}

impl<B: Backend> Engine<B> {
    /// Answers a batch, after all holds were given back whose time is over: in steps, of which each is a
    /// transaction of its own and the last answers the batch.
    pub(super) fn settle_and_answer(
        &mut self,
        batch: &[LedgerRequest],
    ) -> Result<Vec<LedgerAnswer>, LedgerError> {
        let begins = |request: &LedgerRequest| matches!(request, LedgerRequest::BeginRun(_));
        if batch.iter().any(begins) {
            // What a dead run had begun is given back first, also those of an earlier process of this same run.
            self.runs.looked_at = None;
        }
        let (began, mut pauses) = (Instant::now(), Pauses::new(CONFLICT_PAUSES));
        loop {
            let written = self.write(|work| work.settle_and_answer(batch));
            if matches!(written, Err(LedgerError::Conflict { .. })) && began.elapsed() < CONFLICTS {
                sleep(pauses.next());
                continue;
            }
            if let Some(answered) = written? {
                self.runs.leases.extend(answered.leases);
                for answer in &answered.answers {
                    if let LedgerAnswer::RunEnded(run) = answer {
                        self.leave(*run);
                    }
                }
                return Ok(answered.answers);
            }
        }
    }

    /// Gives back at once what is over and what dead runs have left.
    pub(super) fn settle_now(&mut self) -> Result<(), LedgerError> {
        self.runs.looked_at = None;
        self.settle_and_answer(&[]).map(drop)
    }

    /// Lets go of a run of this process.
    pub(super) fn leave(&mut self, run: u32) {
        self.runs.let_go(run);
        self.cache.state.leave(run);
    }
}

/// Replaces [`NEW_RUN`] by the number of the run begun in this batch.
fn resolved(run: u32, new_run: Option<u32>) -> Option<u32> {
    match run {
        NEW_RUN => new_run,
        run => Some(run),
    }
}

impl UnitOfWork<'_> {
    /// Gives back what is over, and answers the batch unless there was too much of that.
    fn settle_and_answer(
        &mut self,
        batch: &[LedgerRequest],
    ) -> Result<Option<Answered>, LedgerError> {
        let mut wanted = self.wanted(batch)?;
        wanted.holds_of = self.end_dead_runs()?;
        wanted.due = Some(DueBy {
            now: self.now,
            limit: MAX_EXPIRED,
        });
        let left = self.load_missing(&wanted)?;
        self.load_reversed(batch)?;
        self.load_refilled(batch, &left)?;
        let (state, mut recorder) = self.cache.recorder(self.now);
        for hold in &left.due {
            state.release(*hold, VoidReason::Expired, &mut recorder);
        }
        for hold in &left.of_runs {
            state.abandon(*hold, &mut recorder);
        }
        let mut answered = None;
        if left.due.len() < MAX_EXPIRED {
            answered = Some(self.answer(batch)?);
        }
        let (state, recorder) = self.cache.recorder(self.now);
        recorder.finish(state);
        Ok(answered)
    }

    fn answer(&mut self, batch: &[LedgerRequest]) -> Result<Answered, LedgerError> {
        let mut answered = Answered {
            answers: Vec::with_capacity(batch.len()),
            leases: Vec::new(),
        };
        let mut new_run = None;
        // What is decided one after another is written down by one recorder.
        for requests in batch.chunk_by(|one, next| one.is_to_decide() && next.is_to_decide()) {
            let answer = match &requests[0] {
                LedgerRequest::Decide(_) => {
                    self.decide(requests, new_run, &mut answered.answers);
                    continue;
                }
                LedgerRequest::BeginRun(name) => {
                    let begun = self.begin_run(name.as_ref())?;
                    new_run = begun.as_ref().map(|(run, _)| run.number);
                    match begun {
                        Some((run, lease)) => {
                            answered.leases.push((run.number, lease));
                            LedgerAnswer::RunBegun(run)
                        }
                        None => {
                            let name = name.clone();
                            LedgerAnswer::RunIsLive(name.unwrap_or_else(RunName::unnamed))
                        }
                    }
                }
                LedgerRequest::EndRun { run, if_idle } => {
                    let run = resolved(*run, new_run).unwrap_or(*run);
                    self.end_run(run, *if_idle)?
                }
            };
            answered.answers.push(answer);
        }
        Ok(answered)
    }

    fn decide(
        &mut self,
        requests: &[LedgerRequest],
        new_run: Option<u32>,
        answers: &mut Vec<LedgerAnswer>,
    ) {
        let (state, mut recorder) = self.cache.recorder(self.now);
        answers.extend(requests.iter().map(|request| {
            let LedgerRequest::Decide(asked) = request else {
                return LedgerAnswer::Decided(None);
            };
            let answer = match resolved(asked.caller.run, new_run) {
                Some(run) if run == asked.caller.run => state.decide(asked, &mut recorder),
                Some(run) => {
                    let mut asked = asked.clone();
                    asked.caller.run = run;
                    state.decide(&asked, &mut recorder)
                }
                None => None,
            };
            LedgerAnswer::Decided(answer)
        }));
    }

    /// The runs whose process is gone, looked for now and then. They count as ended from now on.
    fn end_dead_runs(&mut self) -> Result<Vec<u32>, LedgerError> {
        let looked_at = self.runs.looked_at;
        let time = ClockTime::from(self.now);
        if looked_at.is_some_and(|at| time.since(at) < RUNS_INTERVAL) {
            return Ok(Vec::new());
        }
        self.runs.looked_at = Some(time);
        let dead = self.tx.dead_runs()?;
        let numbers = dead.iter().map(|run| run.number).collect();
        for run in dead {
            self.put_run(RunRow { live: 0, ..run });
        }
        Ok(numbers)
    }

    /// Gives back what a run of this process has begun and not ended.
    pub(super) fn abandon_begun_by(&mut self, run: u32) {
        let (state, mut recorder) = self.cache.recorder(self.now);
        for hold in state.begun_by(run) {
            state.abandon(hold, &mut recorder);
        }
    }
}
