//! One order of steps: found, taken, and written down.

use std::collections::HashMap;

use super::closed::with_sum;
use super::scenario::Scenario;
use super::shared_state::{SharedState, StepTaken};
use super::tally::OrderVerdict;
use crate::sharing::{Sharing, Steps};

/// The most states that are looked at for the shortest order with one number of interruptions.
const MAX_LOOKED_AT: usize = 500_000;

/// Whose step comes when, counted from 0.
pub type StepOrder = Vec<usize>;

/// An order and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Whose step came when.
    pub order: StepOrder,
    /// The steps.
    pub steps: Vec<StepTaken>,
    /// Before each step, which operations could go on.
    pub able: Vec<Vec<usize>>,
    /// How often an operation was interrupted that could have gone on.
    pub preemptions: usize,
    /// The operations that have not ended and wait for a lock, with the accounts of that lock.
    pub waiting: Vec<(usize, Vec<usize>)>,
    /// How it ended.
    pub verdict: OrderVerdict,
}

/// Takes the steps in this order.
///
/// # Errors
///
/// The position in the order, from 1, of a step that cannot be taken; or, if all can, one more than the
/// order has, if it ends too early.
pub fn play(scenario: &Scenario, order: &[usize]) -> Result<Played, usize> {
    let mut state = SharedState::start(scenario);
    let mut last = None;
    let (mut steps, mut able, mut preemptions) = (Vec::new(), Vec::new(), 0);
    for (position, &process) in (1..).zip(order) {
        let possible = process < scenario.moves.len() && state.can_go(scenario, process);
        if !possible {
            return Err(position);
        }
        let processes = 0..scenario.moves.len();
        able.push(processes.filter(|p| state.can_go(scenario, *p)).collect());
        preemptions += usize::from(interrupts(scenario, &state, last, process));
        steps.extend(state.take(scenario, process));
        last = Some(process);
    }
    let processes = 0..scenario.moves.len();
    if processes.clone().any(|p| state.can_go(scenario, p)) {
        return Err(order.len() + 1);
    }
    let waits = |process: usize| {
        let lock = match state.next(scenario, process)? {
            crate::sharing::NextStep::Acquire(lock) => lock,
            _ => return None,
        };
        Some((process, scenario.locked_places(process, lock)))
    };
    Ok(Played {
        order: order.to_vec(),
        steps,
        able,
        preemptions,
        waiting: processes.filter_map(waits).collect(),
        verdict: OrderVerdict::of(scenario, &state),
    })
}

/// Whether a step of `process` takes the turn from one that could have gone on.
fn interrupts(
    scenario: &Scenario,
    state: &SharedState,
    last: Option<usize>,
    process: usize,
) -> bool {
    last.is_some_and(|last| last != process && state.can_go(scenario, last))
}

/// What an order is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The judged account is wrong, or the order never ends.
    Wrong,
    /// Anything is wrong.
    WrongAnywhere,
    /// The judged account ends with this.
    Final(i64),
}

impl Wanted {
    pub(super) fn is_met(self, verdict: &OrderVerdict) -> bool {
        match self {
            Wanted::Wrong => verdict.wrong(),
            Wanted::WrongAnywhere => verdict.wrong_anywhere(),
            Wanted::Final(minor) => {
                let ended = verdict.ends.first().map(|(ended, _)| *ended);
                !verdict.deadlock && ended == Some(minor)
            }
        }
    }
}

/// The least interrupted of the orders of at most this many steps; `None` if looking for it takes
/// too long.
pub(super) fn shortest(scenario: &Scenario, wanted: Wanted, most: usize) -> Option<StepOrder> {
    // Every step but the last can be followed by an interruption.
    for interruptions in 0..most {
        let mut path = Path {
            scenario,
            wanted,
            most,
            known: HashMap::new(),
            order: Vec::new(),
        };
        if path.go(&SharedState::start(scenario), None, interruptions) {
            return Some(path.order);
        }
        if path.known.len() >= MAX_LOOKED_AT {
            return None;
        }
    }
    None
}

/// What tells apart two points of the way there: the state, and which operation was last.
type Point = (
    SharedState,
    Option<(usize, Steps<super::shared_state::Draft>)>,
    usize,
);

struct Path<'a> {
    scenario: &'a Scenario,
    wanted: Wanted,
    most: usize,
    /// The points that lead nowhere with so many interruptions left.
    known: HashMap<Point, usize>,
    order: StepOrder,
}

impl Path<'_> {
    fn go(&mut self, state: &SharedState, last: Option<usize>, left: usize) -> bool {
        let all = 0..self.scenario.moves.len();
        let able: Vec<usize> = all.filter(|p| state.can_go(self.scenario, *p)).collect();
        if able.is_empty() {
            return self.wanted.is_met(&OrderVerdict::of(self.scenario, state));
        }
        if self.order.len() >= self.most || self.known.len() >= MAX_LOOKED_AT {
            return false;
        }
        let group = |process: usize| {
            let groups = &self.scenario.groups;
            let group = groups.iter().position(|group| group.contains(&process));
            (group.unwrap_or_default(), state.steps[process])
        };
        let sorted = state.clone().sorted(self.scenario);
        let point = (sorted, last.map(group), self.order.len());
        if self.known.get(&point).is_some_and(|known| *known >= left) {
            return false;
        }
        self.known.insert(point, left);
        // The one that was last goes on, if it can, before another interrupts it.
        let goes_on = last.filter(|last| able.contains(last));
        let others = able.iter().copied().filter(|p| Some(*p) != goes_on);
        for process in goes_on.into_iter().chain(others) {
            let taken = usize::from(interrupts(self.scenario, state, last, process));
            let Some(left) = left.checked_sub(taken) else {
                continue;
            };
            let mut after = state.clone();
            after.take(self.scenario, process);
            self.order.push(process);
            if self.go(&after, Some(process), left) {
                return true;
            }
            self.order.pop();
        }
        false
    }
}

/// Where the closed form applies, one interruption is enough for any final balance: an operation of
/// the chain is interrupted between its read and its write by all that are to be lost.
pub(super) fn constructed(scenario: &Scenario, wanted: Wanted) -> Option<StepOrder> {
    if scenario.method.sharing != Sharing::Unguarded {
        return None;
    }
    let touching = |place: usize| -> Vec<usize> {
        let all = 0..scenario.moves.len();
        all.filter(|process| scenario.moves[*process].touches(place))
            .collect()
    };
    let place = match wanted {
        Wanted::Wrong | Wanted::Final(_) => 0,
        Wanted::WrongAnywhere => {
            let mut places = 0..scenario.places.len();
            places.find(|place| touching(*place).len() > 1)?
        }
    };
    let judged = touching(place);
    let delta = |process: &usize| scenario.moves[*process].delta(place);
    let deltas: Vec<i64> = judged.iter().map(delta).collect();
    let survivors = match wanted {
        Wanted::Final(minor) => with_sum(&deltas, minor - scenario.places[0].start)?,
        // All but the second one.
        Wanted::Wrong | Wanted::WrongAnywhere if deltas.len() > 1 => !2,
        _ => return None,
    };
    let survives = |number: usize| survivors & 1 << number != 0;
    let numbers = 0..judged.len();
    let lost = numbers.clone().filter(|number| !survives(*number));
    let lost: Vec<usize> = lost.map(|number| judged[number]).collect();
    let mut chain = numbers
        .filter(|number| survives(*number))
        .map(|n| judged[n]);
    let first = chain.next()?;
    let whole = |process: usize| [process, process];
    let others = (0..scenario.moves.len()).filter(|process| !judged.contains(process));
    let mut order = vec![first];
    order.extend(lost.into_iter().flat_map(whole));
    order.push(first);
    order.extend(chain.flat_map(whole));
    order.extend(others.flat_map(whole));
    Some(order)
}
