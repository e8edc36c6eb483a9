//! How operations are handed out: how soon one after another, up to which failure, and in which order what
//! becomes of them is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::workers::WorkerState;
use super::{Effect, Run};
use crate::event::Event;

/// How many operations may be handed out beyond the first one that has not ended, where results are told in
/// the order of the input: of those whose command wrote something, fewer.
const AHEAD: u64 = 16_384;
const COMMANDS_AHEAD: u64 = 1_024;
/// How many workers without an operation there are at most where operations begin one after another.
const SPARE_WORKERS: usize = 4;
/// A share of the operations counts from so many of them on.
const LEAST_COUNTED: u64 = 3;

/// How operations are handed out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacing {
    /// The least time between two of them.
    pub spacing: Duration,
    /// When no more are.
    pub halt: Option<HaltRule>,
    /// Results are told in the order of the input.
    pub keep_order: bool,
}

/// After how many operations nothing more is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HaltRule {
    /// What is under way is ended too.
    pub at_once: bool,
    /// Which operations count.
    pub counts: HaltCount,
    /// How many of them it takes.
    pub limit: HaltLimit,
}

/// Which operations count towards the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltCount {
    /// Those that failed, or are in doubt.
    Failures,
    /// Those that were completed.
    Successes,
    /// All that have ended.
    Ends,
}

/// How many operations are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltLimit {
    /// So many.
    Count(u64),
    /// So many of a hundred that have ended, and at least three.
    Percent(u8),
}

impl HaltLimit {
    fn is_reached(self, counted: u64, ended: u64) -> bool {
        match self {
            HaltLimit::Count(count) => counted >= count,
            HaltLimit::Percent(percent) => {
                let share = u128::from(counted) * 100 >= u128::from(ended) * u128::from(percent);
                counted >= LEAST_COUNTED && share
            }
        }
    }
}

/// Results that wait for those of operations before them.
#[derive(Debug)]
pub(super) struct InputOrder {
    /// The first operation that has not ended.
    next: u64,
    /// The last operation that was read from the input.
    read: u64,
    /// By the operation, and whether they follow its result: lines that are no operation do.
    waiting: BTreeMap<(u64, bool), Vec<Event>>,
}

impl Default for InputOrder {
    fn default() -> Self {
        let (next, read, waiting) = (1, 0, BTreeMap::new());
        InputOrder {
            next,
            read,
            waiting,
        }
    }
}

impl InputOrder {
    /// The input was read up to this operation.
    pub(super) fn read(&mut self, ordinal: u64) {
        self.read = ordinal;
    }

    /// Adds what may be told now that this happened.
    pub(super) fn take(&mut self, event: Event, told: &mut Vec<Event>) {
        let Some(place) = self.place_of(&event) else {
            return told.push(event);
        };
        if place.0 < self.next {
            return told.push(event);
        }
        self.waiting.entry(place).or_default().push(event);
        while let Some(events) = self.waiting.remove(&(self.next, false)) {
            told.extend(events);
            let after = self.waiting.remove(&(self.next, true));
            told.extend(after.into_iter().flatten());
            self.next += 1;
        }
    }

    /// Adds all that still waits, when nothing more ends.
    pub(super) fn finish(&mut self, told: &mut Vec<Event>) {
        let waiting = std::mem::take(&mut self.waiting);
        told.extend(waiting.into_values().flatten());
    }

    /// Where in the input it stands; `None`: it is no result.
    fn place_of(&self, event: &Event) -> Option<(u64, bool)> {
        match event {
            Event::Completed(of)
            | Event::Refused(of)
            | Event::Failed(of)
            | Event::InDoubt(of)
            | Event::Opened(of) => Some((of.operation, false)),
            Event::Invalid(_) | Event::Skipped(_) => Some((self.read, true)),
            _ => None,
        }
    }
}

impl Run {
    /// Whether the operation of this number may be handed out already, as far as the order of the results
    /// goes.
    pub(super) fn is_in_reach(&self, ordinal: u64) -> bool {
        let ahead = match self.settings.command {
            Some(_) => COMMANDS_AHEAD.max(2 * self.settings.jobs as u64),
            None => AHEAD,
        };
        let order = self.out.input_order.as_ref();
        order.is_none_or(|order| ordinal < order.next + ahead)
    }

    /// Whether a further worker would have nothing to do for a while.
    pub(super) fn has_spare_workers(&self) -> bool {
        let is_spare = |state: &&WorkerState| state.exit.is_none() && state.queue.is_empty();
        !self.settings.pacing.spacing.is_zero()
            && self.workers.all().filter(is_spare).count() >= SPARE_WORKERS
    }

    /// When the next operation may be handed out, if one waits for that.
    pub(super) fn next_handout(&self) -> Option<Duration> {
        let waits = !self.settings.pacing.spacing.is_zero() && !self.nothing_more();
        waits.then(|| self.dispatch.not_before())
    }

    /// Hands nothing more out where enough has failed, succeeded or ended.
    pub(super) fn halt_if_enough_ended(&mut self) {
        let Some(halt) = self.settings.pacing.halt else {
            return;
        };
        let counts = self.tally.counts;
        let ended = counts.ended();
        let (counted, became) = match halt.counts {
            HaltCount::Failures => (counts.failed(), "failed"),
            HaltCount::Successes => (counts.completed, "succeeded"),
            HaltCount::Ends => (ended, "ended"),
        };
        if self.shutdown.is_stopped() || !halt.limit.is_reached(counted, ended) {
            return;
        }
        let what = match counted {
            1 => format!("an operation has {became}"),
            count => format!("{count} operations have {became}"),
        };
        self.shutdown.stop(&format!("{what}, as `--halt` says"));
        self.acknowledge();
        match (halt.at_once, &self.settings.command) {
            (true, Some(_)) => self.out.push(Effect::EndCommands),
            // A worker with nothing to do ends by itself, and its death would count.
            (true, None) => {
                let busy = self.workers.all().filter(|state| !state.queue.is_empty());
                let kills = busy.map(|state| Effect::Kill(state.worker));
                self.out.effects.extend(kills);
            }
            (false, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{InvalidLine, Micros, OperationEvent};

    fn completed(operation: u64) -> Event {
        Event::Completed(OperationEvent {
            operation,
            ..OperationEvent::default()
        })
    }

    fn invalid(line: u64) -> Event {
        Event::Invalid(InvalidLine {
            line,
            reason: String::new(),
            at_us: Micros::default(),
        })
    }

    #[test]
    fn results_wait_for_those_before_them() {
        let (mut order, mut told) = (InputOrder::default(), Vec::new());
        order.read(1);
        order.take(invalid(2), &mut told);
        order.read(3);
        order.take(completed(3), &mut told);
        order.take(completed(2), &mut told);
        assert_eq!(told, []);
        order.take(completed(1), &mut told);
        assert_eq!(told, [completed(1), invalid(2), completed(2), completed(3)]);
        order.take(completed(5), &mut told);
        assert_eq!(told.len(), 4);
        order.finish(&mut told);
        assert_eq!(told.last(), Some(&completed(5)));
    }

    #[test]
    fn a_share_counts_from_the_third_on() {
        let reached = |limit: HaltLimit, failed, ended| limit.is_reached(failed, ended);
        assert!(reached(HaltLimit::Count(1), 1, 1_000));
        assert!(!reached(HaltLimit::Count(2), 1, 1));
        assert!(!reached(HaltLimit::Percent(10), 2, 2));
        assert!(reached(HaltLimit::Percent(10), 3, 30));
        assert!(!reached(HaltLimit::Percent(10), 3, 31));
    }
}
