//! Every order, counted by remembered states: how many orders lead to a state does not depend on what
//! follows, so each state is looked at once, and states that differ only in which of several equal
//! operations is which are one.

use std::collections::HashMap;

use num_bigint::BigUint;

use super::scenario::Scenario;
use super::shared_state::SharedState;
use super::tally::OrderTally;

/// Counts all orders, and how many states were looked at; `None` if those are more than `limit`.
pub(super) fn search(scenario: &Scenario, limit: usize) -> Option<(OrderTally, usize)> {
    let mut tally = OrderTally::new(scenario.places.len());
    let start = SharedState::start(scenario);
    // All states of a layer are the same number of steps away from the start.
    let mut layer = HashMap::from([(start, BigUint::from(1u8))]);
    let (mut looked_at, mut steps) = (0, 0);
    while !layer.is_empty() {
        let mut next = HashMap::new();
        for (state, ways) in layer {
            looked_at += 1;
            if !follow(scenario, &state, &ways, &mut next) {
                tally.add(scenario, &state, steps, &ways);
            }
            if looked_at + next.len() > limit {
                return None;
            }
        }
        (layer, steps) = (next, steps + 1);
    }
    Some((tally, looked_at))
}

/// Adds the states that are one step further; whether there is any.
fn follow(
    scenario: &Scenario,
    state: &SharedState,
    ways: &BigUint,
    next: &mut HashMap<SharedState, BigUint>,
) -> bool {
    let mut any = false;
    for group in &scenario.groups {
        // Equal operations at the same point lead to the same state.
        let mut rest = &group[..];
        while let [first, ..] = rest {
            let alike = rest
                .iter()
                .take_while(|process| state.steps[**process] == state.steps[*first]);
            let alike = alike.count();
            if state.can_go(scenario, *first) {
                let mut after = state.clone();
                after.take(scenario, *first);
                *next.entry(after.sorted(scenario)).or_default() += ways * alike;
                any = true;
            }
            rest = &rest[alike..];
        }
    }
    any
}
