//! The end of a run: nothing is under way any more, the ledger is closed, and the summary is told.

use std::time::Duration;

use super::{Effect, Run};
use crate::event::{Event, Summary};
use crate::status::Status;
use crate::store::Standing;

/// How far a run is.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Operations are under way, or there may be more.
    #[default]
    Running,
    /// Nothing is under way, and the input is asked whether it had more.
    Asking,
    /// The ledger is being closed.
    Closing {
        /// Why the run ended before its work did, if it did.
        ended_early: Option<String>,
    },
    /// The summary was told.
    Ended,
}

impl Phase {
    /// Whether what becomes of operations is still told.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Phase::Running | Phase::Asking)
    }
}

/// How a run that is over went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// Its status.
    pub status: Status,
    /// How to go on, for a run with a name that did not do all that it was asked.
    pub advice: Option<String>,
}

impl Run {
    /// Begins to close the run, if nothing is under way and nothing more is to be done.
    pub(super) fn close_if_over(&mut self) {
        if !matches!(self.phase, Phase::Running) || !self.is_over() {
            return;
        }
        let is_unsure =
            self.shutdown.is_stopped() && self.workers.is_empty() && self.dispatch.may_have_more();
        if is_unsure {
            self.phase = Phase::Asking;
            self.out.push(Effect::Take(1));
        } else {
            self.close();
        }
    }

    fn is_over(&self) -> bool {
        let nothing_is_under_way = self.workers.is_empty()
            && self.lost_operations.is_empty()
            && self.requests.is_idle()
            && self.nothing_more();
        nothing_is_under_way || self.shutdown.is_aborted()
    }

    /// The input has answered; if it was asked for that, the run is closed.
    pub(super) fn input_answered(&mut self) {
        if matches!(self.phase, Phase::Asking) {
            self.close();
        }
    }

    fn close(&mut self) {
        let left = !self.workers.is_empty() || !self.dispatch.is_exhausted();
        let ended_early = self.shutdown.why().filter(|_| left).map(str::to_string);
        if ended_early.is_some() {
            self.tally.met(Status::EndedEarly);
        }
        self.phase = Phase::Closing { ended_early };
        self.out.push(Effect::CloseLedger(self.tally.touched()));
    }

    /// The ledger is closed, and this is how its accounts stand.
    pub(super) fn closed(&mut self, standings: Vec<Standing>, elapsed: Duration) {
        let Phase::Closing { ended_early } = std::mem::replace(&mut self.phase, Phase::Ended)
        else {
            return;
        };
        let (tally, mode) = (std::mem::take(&mut self.tally), self.settings.mode.clone());
        let sequential = tally.worked;
        let summary = match &self.settings.ledger {
            Some(_) => tally.list(mode, standings),
            None => tally.check(mode, standings),
        };
        let summary = Summary {
            ledger: self.settings.ledger.clone(),
            elapsed_us: elapsed.into(),
            sequential_us: sequential.into(),
            processes: self.workers.started,
            ended_early,
            ..summary
        };
        if self.kill_before.is_some() {
            let why = "no worker was killed: none came so far as to write what is shared";
            self.out.push(Effect::Say(why.to_string()));
        }
        let advice = self.advice(&summary);
        let status = summary.status;
        if let Some(order) = &mut self.out.input_order {
            order.finish(&mut self.out.events);
        }
        self.out.event(Event::Summary(Box::new(summary)));
        self.out.conclusion = Some(Conclusion { status, advice });
    }

    /// The run cannot go on, not even wait for its workers.
    pub(super) fn abort(&mut self, why: &str) {
        self.tally.met(Status::Died);
        self.shutdown
            .abort(&format!("the server cannot go on: {why}"));
    }
}
