//! What is seen of the steps that worker processes take: what they asked, and what they were answered.

use super::turns::WorkerTurn;
use super::{OrderEnd, StepSeen};
use crate::bank::{Answer, Cell, Name, Outcome, View};
use crate::explore::{Played, Scenario, StepResult};
use crate::protocol::{Ask, ReplyBody, ShareReply, ShareRequest};
use crate::run::{TurnRequest, TurnTaken};

/// What was seen of an order so far.
pub(super) struct OrderSeen {
    scenario: Scenario,
    played: Played,
    turns: Vec<WorkerTurn>,
    /// The steps as they were taken, by their places in the order.
    steps: Vec<Option<StepSeen>>,
    operations: Vec<Option<bool>>,
    waiting: Vec<usize>,
    pids: Vec<u32>,
    /// For each operation, the cells that came with its leases.
    leased: Vec<Vec<Cell>>,
}

/// What one answer tells of the balances of an operation, and of what came of its step.
struct StepTold {
    sides: [Option<i64>; 2],
    result: StepResult,
    accepted: Option<bool>,
}

impl OrderSeen {
    pub(super) fn new(scenario: &Scenario, played: &Played, turns: Vec<WorkerTurn>) -> Self {
        let operations = scenario.operations().len();
        OrderSeen {
            scenario: scenario.clone(),
            played: played.clone(),
            turns,
            steps: vec![None; played.steps.len()],
            operations: vec![None; operations],
            waiting: Vec::new(),
            pids: vec![0; operations],
            leased: vec![Vec::new(); operations],
        }
    }

    /// The first step that is taken by this turn; `None` where it takes none.
    pub(super) fn first_step(&self, turn: usize) -> Option<usize> {
        self.turns.get(turn)?.steps.first().copied()
    }

    /// The steps from the first one on of which each was taken.
    pub(super) fn steps(&self) -> Vec<StepSeen> {
        self.steps.iter().map_while(Clone::clone).collect()
    }

    /// How the order ended, with these balances.
    pub(super) fn end(mut self, balances: Vec<i64>) -> OrderEnd {
        self.waiting.sort_unstable();
        OrderEnd {
            steps: self.steps(),
            balances,
            operations: self.operations,
            waiting: self.waiting,
            pids: self.pids,
        }
    }

    /// A turn was taken.
    pub(super) fn take(&mut self, taken: &TurnTaken) {
        let Some(turn) = self.turns.get(taken.turn).cloned() else {
            return;
        };
        let process = turn.process;
        self.pids[process] = taken.pid;
        let Some(answer) = &taken.answer else {
            return self.waiting.push(process);
        };
        let mut told = self.told(&turn, &taken.asked, answer);
        if let Some(saw) = taken.saw {
            told.sides = saw.map(Some);
        }
        if told.accepted.is_some() {
            self.operations[process] = told.accepted;
        }
        for place in turn.steps {
            let expected = self.played.steps[place];
            let is_data = !matches!(
                expected.step,
                crate::sharing::NextStep::Acquire(_) | crate::sharing::NextStep::Release(_)
            );
            self.steps[place] = Some(StepSeen {
                process,
                pid: Some(taken.pid),
                step: expected.step,
                sides: if is_data { told.sides } else { [None, None] },
                result: if is_data {
                    told.result
                } else {
                    StepResult::Done
                },
            });
        }
    }

    fn told(&mut self, turn: &WorkerTurn, asked: &Ask, answer: &ReplyBody) -> StepTold {
        let process = turn.process;
        // Whether the worker's own rules refuse what it read is told by what it asks next, which the
        // order prescribes.
        let expected = turn
            .steps
            .last()
            .map(|place| self.played.steps[*place].result);
        let result = expected.unwrap_or(StepResult::Done);
        let of_cells = |sides, result| StepTold {
            sides,
            result,
            accepted: None,
        };
        match (turn.request, asked, answer) {
            (TurnRequest::Acquire, _, ReplyBody::Shared(ShareReply::Cells(cells))) => {
                self.leased[process].extend(cells.clone());
                of_cells(self.sides(process, &self.leased[process]), result)
            }
            (_, _, ReplyBody::Shared(ShareReply::Cells(cells))) => {
                of_cells(self.sides(process, cells), result)
            }
            (_, _, ReplyBody::Shared(ShareReply::Conflict(cells))) => {
                let result = match result {
                    StepResult::ChangedAndRefused => StepResult::ChangedAndRefused,
                    _ => StepResult::Changed,
                };
                of_cells(self.sides(process, cells), result)
            }
            (_, Ask::Share(ShareRequest::Write(cells)), ReplyBody::Decided(_))
            | (_, Ask::Share(ShareRequest::CompareAndSet(cells)), ReplyBody::Decided(_)) => {
                StepTold {
                    sides: self.sides(process, cells),
                    result: StepResult::Done,
                    accepted: Some(true),
                }
            }
            (_, _, ReplyBody::Decided(answer)) => self.decided(process, turn.request, answer),
            (_, _, ReplyBody::Shared(_)) => of_cells([None, None], result),
        }
    }

    /// What the bank decided.
    fn decided(&self, process: usize, request: TurnRequest, answer: &Answer) -> StepTold {
        let (result, accepted, own) = match answer.outcome {
            Outcome::Held { view } => (StepResult::Done, None, Some(view)),
            Outcome::Posted { view, .. } => (StepResult::Done, Some(true), Some(view)),
            Outcome::Refused { view, .. } => (StepResult::Refused, Some(false), view),
            _ => (StepResult::Refused, Some(false), None),
        };
        let operation = &self.scenario.operations()[process];
        let places = self.scenario.places();
        let side = |place: usize| {
            let is_own = places[place].name == operation.account;
            let view: Option<View> = if is_own { own } else { answer.other_side };
            view.map(|view| view.posted.minor())
        };
        let result = match request {
            // It ends what was decided before.
            TurnRequest::Settle | TurnRequest::Decided => StepResult::Done,
            _ => result,
        };
        StepTold {
            sides: self.scenario.sides(process).map(side),
            result,
            accepted,
        }
    }

    /// What these cells hold on the two sides of an operation.
    fn sides(&self, process: usize, cells: &[Cell]) -> [Option<i64>; 2] {
        let held = |name: &Name| {
            let cell = cells.iter().find(|cell| cell.name == *name)?;
            Some(cell.account.posted)
        };
        let places = self.scenario.places();
        self.scenario
            .sides(process)
            .map(|place| held(&places[place].name))
    }
}
