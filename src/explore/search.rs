//! Every order, counted by remembered worlds: how many orders lead to a world does not depend on what
//! follows, so each world is looked at once, and worlds that differ only in which of several equal
//! operations is which are one.

use std::collections::HashMap;

use num_bigint::BigUint;

use super::scenario::Scenario;
use super::tally::OrderTally;
use super::world::World;

/// Counts all orders, and how many worlds were looked at; nothing if those are more than `limit`.
pub(super) fn search(scenario: &Scenario, limit: usize) -> Option<(OrderTally, usize)> {
    let mut tally = OrderTally::new(scenario.places.len());
    let start = World::start(scenario);
    // All worlds of a layer are the same number of steps away from the start.
    let mut layer = HashMap::from([(start, BigUint::from(1u8))]);
    let (mut looked_at, mut steps) = (0, 0);
    while !layer.is_empty() {
        let mut next = HashMap::new();
        for (world, ways) in layer {
            looked_at += 1;
            if !follow(scenario, &world, &ways, &mut next) {
                tally.add(scenario, &world, steps, &ways);
            }
            if looked_at + next.len() > limit {
                return None;
            }
        }
        (layer, steps) = (next, steps + 1);
    }
    Some((tally, looked_at))
}

/// Adds the worlds that are one step further; whether there is any.
fn follow(
    scenario: &Scenario,
    world: &World,
    ways: &BigUint,
    next: &mut HashMap<World, BigUint>,
) -> bool {
    let mut any = false;
    for group in &scenario.groups {
        // Equal operations at the same point lead to the same world.
        let mut rest = &group[..];
        while let [first, ..] = rest {
            let alike = rest
                .iter()
                .take_while(|process| world.steps[**process] == world.steps[*first]);
            let alike = alike.count();
            if world.can_go(scenario, *first) {
                let mut after = world.clone();
                after.take(scenario, *first);
                *next.entry(after.sorted(scenario)).or_default() += ways * alike;
                any = true;
            }
            rest = &rest[alike..];
        }
    }
    any
}
