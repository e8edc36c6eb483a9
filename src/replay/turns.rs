//! The requests by which worker processes take the steps of an order.
//!
//! Where there are locks, a worker reads what came with its lease, and its last request gives the lease
//! back: a message less each, which no other process can tell from one more, since none reads, writes or
//! takes the lock in between.

use crate::bank::SharePoint;
use crate::explore::{Played, StepResult};
use crate::run::{RequestTurn, TurnRequest};
use crate::sharing::{NextStep, Part};

/// One request of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkerTurn {
    /// Whose, from 0.
    pub(super) process: usize,
    /// Which.
    pub(super) request: TurnRequest,
    /// The steps that are taken by it, by their places in the order.
    pub(super) steps: Vec<usize>,
}

impl From<&WorkerTurn> for RequestTurn {
    fn from(turn: &WorkerTurn) -> Self {
        RequestTurn {
            operation: u32::try_from(turn.process + 1).unwrap_or(u32::MAX),
            request: turn.request,
        }
    }
}

/// The requests that take the steps of this order, and those that then wait for ever.
pub(super) fn turns(played: &Played) -> Vec<WorkerTurn> {
    let mut turns: Vec<WorkerTurn> = Vec::new();
    for (place, taken) in played.steps.iter().enumerate() {
        let process = taken.process;
        let last = turns.iter_mut().rfind(|turn| turn.process == process);
        match (request(taken.step), last) {
            (Some(TurnRequest::Read), Some(last)) if last.request == TurnRequest::Acquire => {
                last.steps.push(place);
            }
            (None, Some(last)) if ends_lease(last.request) => last.steps.push(place),
            (request, _) => turns.push(WorkerTurn {
                process,
                request: request.unwrap_or(TurnRequest::Settle),
                steps: vec![place],
            }),
        }
        // Without a lock to give back, its end is no step.
        let has_locks = played
            .steps
            .iter()
            .any(|step| step.process == process && matches!(step.step, NextStep::Release(_)));
        let is_refused = matches!(
            taken.result,
            StepResult::Refused | StepResult::ChangedAndRefused
        );
        if is_refused && !has_locks && !matches!(taken.step, NextStep::Ask(_)) {
            turns.push(WorkerTurn {
                process,
                request: TurnRequest::Settle,
                steps: Vec::new(),
            });
        }
    }
    let waiting = played.waiting.iter().map(|(process, _)| WorkerTurn {
        process: *process,
        request: TurnRequest::Acquire,
        steps: Vec::new(),
    });
    turns.extend(waiting);
    turns
}

/// The accesses to shared memory that take the steps of this order, and those that then wait for ever.
pub(super) fn accesses(played: &Played) -> Vec<WorkerTurn> {
    let mut turns = Vec::new();
    for (place, taken) in played.steps.iter().enumerate() {
        let process = taken.process;
        turns.push(WorkerTurn {
            process,
            request: TurnRequest::Access(point(taken.step)),
            steps: vec![place],
        });
        let mut later = played.steps[place + 1..].iter();
        let has_ended = played.verdict.operations[process].is_some();
        if has_ended && !later.any(|later| later.process == process) {
            turns.push(WorkerTurn {
                process,
                request: TurnRequest::Decided,
                steps: Vec::new(),
            });
        }
    }
    let waiting = played.waiting.iter().map(|(process, _)| WorkerTurn {
        process: *process,
        request: TurnRequest::Access(SharePoint::Acquire),
        steps: Vec::new(),
    });
    turns.extend(waiting);
    turns
}

fn point(step: NextStep) -> SharePoint {
    match step {
        NextStep::Acquire(_) => SharePoint::Acquire,
        NextStep::Read => SharePoint::Read,
        NextStep::Write | NextStep::CompareAndSet | NextStep::Ask(_) => SharePoint::Write,
        NextStep::Release(_) => SharePoint::Release,
    }
}

/// What a worker asks to take a step; `None` where that ends a lease.
fn request(step: NextStep) -> Option<TurnRequest> {
    match step {
        NextStep::Acquire(_) => Some(TurnRequest::Acquire),
        NextStep::Read => Some(TurnRequest::Read),
        NextStep::Write => Some(TurnRequest::Write),
        NextStep::CompareAndSet => Some(TurnRequest::CompareAndSet),
        NextStep::Release(_) => None,
        NextStep::Ask(Part::Whole) => Some(TurnRequest::Execute),
        NextStep::Ask(Part::Begin) => Some(TurnRequest::Begin),
        NextStep::Ask(Part::Post) => Some(TurnRequest::Post),
    }
}

fn ends_lease(request: TurnRequest) -> bool {
    matches!(request, TurnRequest::Write | TurnRequest::Settle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{play, read_token};

    fn check(token: &str, expected: &[(usize, TurnRequest, &[usize])]) {
        let (scenario, order) = read_token(token).expect("a token");
        let played = play(&scenario, &order).expect("an order");
        let turns = turns(&played);
        let turns: Vec<_> = turns
            .iter()
            .map(|turn| (turn.process, turn.request, &turn.steps[..]))
            .collect();
        assert_eq!(turns, expected, "{token}");
    }

    #[test]
    fn steps_become_the_requests_of_workers() {
        use TurnRequest::{Acquire, Begin, CompareAndSet, Execute, Post, Read, Settle, Write};
        check(
            "x1/none/main=10/w5,d5/1221",
            &[
                (0, Read, &[0]),
                (1, Read, &[1]),
                (1, Write, &[2]),
                (0, Write, &[3]),
            ],
        );
        check(
            "x1/none/main=10/w6,w6/112",
            &[
                (0, Read, &[0]),
                (0, Write, &[1]),
                (1, Read, &[2]),
                (1, Settle, &[]),
            ],
        );
        check(
            "x1/cas/main=10/w6,w6/1212",
            &[
                (0, Read, &[0]),
                (1, Read, &[1]),
                (0, CompareAndSet, &[2]),
                (1, CompareAndSet, &[3]),
                (1, Settle, &[]),
            ],
        );
        check(
            "x1/lock/main=10/w6,w6/1111222",
            &[
                (0, Acquire, &[0, 1]),
                (0, Write, &[2, 3]),
                (1, Acquire, &[4, 5]),
                (1, Settle, &[6]),
            ],
        );
        check(
            "x1/mutex-in-order/a=1,b=9/t5=a=b/11111",
            &[
                (0, Acquire, &[0]),
                (0, Acquire, &[1, 2]),
                (0, Settle, &[3, 4]),
            ],
        );
        check(
            "x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12",
            &[
                (0, Acquire, &[0]),
                (1, Acquire, &[1]),
                (0, Acquire, &[]),
                (1, Acquire, &[]),
            ],
        );
        check(
            "x1/owner/main=10/w6,w6/21",
            &[(1, Execute, &[0]), (0, Execute, &[1])],
        );
        check(
            "x1/owner-with-work/main=10/w6,w6/121",
            &[(0, Begin, &[0]), (1, Begin, &[1]), (0, Post, &[2])],
        );
    }
}
