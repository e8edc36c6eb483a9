//! An order as it was really taken, to be held against what was found.

use super::{Played, StepResult, StepTaken};
use crate::sharing::NextStep;

/// Who takes the steps of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepTakers {
    /// A thread of this process for each operation.
    Threads,
    /// A worker process for each operation, which asks this one.
    Processes,
    /// A worker process for each operation, which reaches memory that all of them share.
    SharedMemory,
}

/// One step as it was really taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSeen {
    /// Whose step, from 0.
    pub process: usize,
    /// Its process, where it has one of its own.
    pub pid: Option<u32>,
    /// Which.
    pub step: NextStep,
    /// What was read or written, debit side first, as far as it was told.
    pub sides: [Option<i64>; 2],
    /// What came of it.
    pub result: StepResult,
}

impl From<&StepTaken> for StepSeen {
    fn from(taken: &StepTaken) -> Self {
        let has_sides = !matches!(taken.step, NextStep::Acquire(_) | NextStep::Release(_));
        StepSeen {
            process: taken.process,
            pid: None,
            step: taken.step,
            sides: taken.sides.map(|side| Some(side).filter(|_| has_sides)),
            result: taken.result,
        }
    }
}

impl StepSeen {
    /// Whether it is the step that was expected, with the same balances.
    pub fn is(&self, expected: &StepTaken) -> bool {
        let sides = self.sides.iter().zip(expected.sides);
        let same_sides = sides.filter_map(|(seen, side)| Some((*seen)? == side));
        (self.process, self.step, self.result) == (expected.process, expected.step, expected.result)
            && same_sides.min() != Some(false)
    }
}

/// How an order ended when it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderEnd {
    /// The steps as they were taken.
    pub steps: Vec<StepSeen>,
    /// What each place of the scenario holds.
    pub balances: Vec<i64>,
    /// What became of each operation: accepted, refused, or nothing because it waits for ever.
    pub operations: Vec<Option<bool>>,
    /// The operations that wait for a lock, for ever.
    pub waiting: Vec<usize>,
    /// The process of each operation, where it has one of its own.
    pub pids: Vec<u32>,
}

impl OrderEnd {
    /// Whether everything went as it was found.
    pub fn is(&self, played: &Played) -> bool {
        let waiting = played.waiting.iter().map(|(process, _)| *process);
        let balances = played.verdict.ends.iter().map(|(ended, _)| *ended);
        let steps = self.steps.iter().zip(&played.steps);
        self.steps.len() == played.steps.len()
            && steps.into_iter().all(|(seen, expected)| seen.is(expected))
            && self.balances.iter().copied().eq(balances)
            && self.operations == played.verdict.operations
            && self.waiting.iter().copied().eq(waiting)
    }
}

/// How often an order came out as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Who took the steps.
    pub by: StepTakers,
    /// How often it was taken.
    pub times: u32,
    /// How often it went and ended as it must.
    pub reproduced: u32,
    /// How it ended the last time that it did.
    pub last: Option<OrderEnd>,
    /// How it ended the first time that it did not.
    pub differently: Option<OrderEnd>,
}
