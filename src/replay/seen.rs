//! What is seen of the steps that worker processes take: what they asked, and what they were answered.

use super::turns::WorkerTurn;
use super::{OrderEnd, StepSeen};
use crate::bank::{Answer, Cell, Name, Outcome, View};
use crate::explore::{Met, Played, Scenario};
use crate::protocol::{Ask, Said, ShareReply, ShareRequest};
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
    met: Met,
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
                met: if is_data { told.met } else { Met::Fine },
            });
        }
    }

    fn told(&mut self, turn: &WorkerTurn, asked: &Ask, answer: &Said) -> StepTold {
        let process = turn.process;
        // Whether the worker's own rules refuse what it read is told by what it asks next, which the
        // order prescribes.
        let expected = turn.steps.last().map(|place| self.played.steps[*place].met);
        let met = expected.unwrap_or(Met::Fine);
        let of_cells = |sides, met| StepTold {
            sides,
            met,
            accepted: None,
        };
        match (turn.request, asked, answer) {
            (TurnRequest::Acquire, _, Said::Shared(ShareReply::Cells(cells))) => {
                self.leased[process].extend(cells.clone());
                of_cells(self.sides(process, &self.leased[process]), met)
            }
            (_, _, Said::Shared(ShareReply::Cells(cells))) => {
                of_cells(self.sides(process, cells), met)
            }
            (_, _, Said::Shared(ShareReply::Conflict(cells))) => {
                let met = match met {
                    Met::ChangedAndRefused => Met::ChangedAndRefused,
                    _ => Met::Changed,
                };
                of_cells(self.sides(process, cells), met)
            }
            (_, Ask::Share(ShareRequest::Write(cells)), Said::Decided(_))
            | (_, Ask::Share(ShareRequest::CompareAndSet(cells)), Said::Decided(_)) => StepTold {
                sides: self.sides(process, cells),
                met: Met::Fine,
                accepted: Some(true),
            },
            (_, _, Said::Decided(answer)) => self.decided(process, turn.request, answer),
            (_, _, Said::Shared(_)) => of_cells([None, None], met),
        }
    }

    /// What the bank decided.
    fn decided(&self, process: usize, request: TurnRequest, answer: &Answer) -> StepTold {
        let (met, accepted, own) = match answer.outcome {
            Outcome::Held { view } => (Met::Fine, None, Some(view)),
            Outcome::Posted { view, .. } => (Met::Fine, Some(true), Some(view)),
            Outcome::Refused { view, .. } => (Met::Refused, Some(false), view),
            _ => (Met::Refused, Some(false), None),
        };
        let operation = &self.scenario.operations()[process];
        let places = self.scenario.places();
        let side = |place: usize| {
            let is_own = places[place].name == operation.account;
            let view: Option<View> = if is_own { own } else { answer.other_side };
            view.map(|view| view.posted.minor())
        };
        let met = match request {
            // It ends what was decided before.
            TurnRequest::Settle | TurnRequest::Decided => Met::Fine,
            _ => met,
        };
        StepTold {
            sides: self.scenario.sides(process).map(side),
            met,
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
