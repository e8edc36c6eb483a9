//! Lines that were read before: a recording that is read twice tells nothing new.

use std::collections::HashSet;

use super::{Observed, ObservedHistory, ObservedRun};
use crate::event::{Micros, RunStarted};

/// What no two runs have in common: the parent's process, and when it began by the machine's clock.
pub(super) type RunIdentity = (u32, u64, i64);

/// The identity of a run, where its first line tells one.
pub(super) fn identity(start: &RunStarted) -> Option<RunIdentity> {
    let is_told = start.pid != 0 && start.clock_us != Micros::default();
    is_told.then(|| (start.pid, start.clock_us.0, start.started_at.micros()))
}

/// What an answer tells, wherever it stands.
fn without_place(one: &Observed) -> Observed {
    Observed {
        file: 0,
        line: 0,
        ..*one
    }
}

impl ObservedHistory {
    /// Goes on with a run that was read before, if this is one.
    pub(super) fn begins_again(&mut self, start: &RunStarted, overlaps: bool) -> bool {
        let identity = identity(start);
        let is_known = |run: &ObservedRun| identity.is_some() && run.identity == identity;
        let Some(run) = self.runs.iter().position(is_known) else {
            return false;
        };
        let run = run as u32;
        let is_alone = !overlaps || self.state.run == run;
        self.state.told_before = self.answers_of(run);
        self.state.run = run;
        self.state.open += 1;
        self.state.base_us = is_alone.then_some(start.clock_us.0);
        true
    }

    /// The answers of a run that begins a second time, so that they count once.
    fn answers_of(&self, run: u32) -> HashSet<Observed> {
        let of_run = self.observed.iter().filter(|one| one.run == run);
        of_run.map(without_place).collect()
    }

    /// Whether this answer was told before, by another telling of the same run.
    pub(super) fn is_told_before(&self, one: &Observed) -> bool {
        self.state.told_before.contains(&without_place(one))
    }
}
