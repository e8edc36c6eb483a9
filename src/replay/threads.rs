//! The steps of an order, taken by threads: each runs one operation, and a gate gives the turns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, ScopedJoinHandle};

use super::gate::{STEP_LIMIT, StepGate};
use super::thread_cells::{ThreadAccess, ThreadCells};
use super::{OrderEnd, ReplayError, StepPace};
use crate::explore::{Played, Scenario};
use crate::sharing::{NextStep, Steps};

/// Takes the order once, with a thread for each operation.
pub(super) fn once(
    scenario: &Scenario,
    played: &Played,
    mut pace: StepPace,
) -> Result<OrderEnd, ReplayError> {
    let gate = StepGate::new(&played.order);
    let cells = Mutex::new(ThreadCells::new(scenario)?);
    let (gate, shared) = (&gate, &cells);
    let ends = thread::scope(|scope| {
        let processes = 0..scenario.operations().len();
        let threads = processes.map(|process| {
            let access = ThreadAccess::new(scenario, process, shared);
            let thread = Builder::new().spawn_scoped(scope, move || all_steps(access, gate));
            thread.map_err(|source| {
                gate.close();
                let operation = process + 1;
                ReplayError::NoThread { operation, source }
            })
        });
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        let led = lead(&played.order, gate, shared, &mut pace);
        gate.close();
        let ends = threads.into_iter().map(joined);
        let ends = ends.collect::<Result<Vec<_>, _>>();
        led.and(ends)
    })?;
    let cells = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
    let numbered = || (0..).zip(&ends);
    let waiting = numbered().filter(|(_, (next, _))| matches!(next, Some(NextStep::Acquire(_))));
    Ok(OrderEnd {
        waiting: waiting.map(|(process, _)| process).collect(),
        operations: ends.iter().map(|(_, accepted)| *accepted).collect(),
        balances: cells.balances(),
        steps: cells.steps,
        pids: Vec::new(),
    })
}

/// Allows one step after another, at the pace that is wanted.
fn lead(
    order: &[usize],
    gate: &StepGate,
    cells: &Mutex<ThreadCells>,
    pace: &mut StepPace,
) -> Result<(), ReplayError> {
    let no_step = |step: usize| ReplayError::NoStep {
        operation: order.get(step).map_or(0, |process| process + 1),
        step: step + 1,
        limit: STEP_LIMIT,
    };
    if !pace.has_keys() {
        return gate.allow(order.len()).map_err(no_step);
    }
    for step in 0..order.len() {
        pace.wait_for(step)?;
        gate.allow(step + 1).map_err(no_step)?;
        pace.show(&lock(cells).steps);
    }
    Ok(())
}

/// What one thread does; the step that it did not come to, and whether its operation was accepted.
fn all_steps(
    mut access: ThreadAccess,
    gate: &StepGate,
) -> Result<(Option<NextStep>, Option<bool>), ReplayError> {
    let sharing = access.sharing();
    let mut steps = Steps::new(sharing);
    while let Some(next) = steps.next(sharing) {
        let Some(turn) = gate.enter(access.process()) else {
            return Ok((Some(next), None));
        };
        access.begin();
        let taken = steps.step(sharing, &mut access);
        if taken.is_err() {
            gate.close();
        }
        taken?;
        access.note(next);
        drop(turn);
    }
    Ok((None, steps.accepted()))
}

/// What a thread returned; a panic goes on in the caller.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
