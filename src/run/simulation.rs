//! Whole runs in microseconds: simulated workers, links, clock, input, and a ledger, from one seed. Whatever
//! happens, in whichever order, the promises hold after every step.
//!
//! In a [`World`] one parent has a ledger of the bank's own ledger state to itself; in a [`SharedWorld`] several share
//! one that lasts.

mod ledger;
mod promises;
mod recorded;
mod scenario;
mod several;
mod worker;
mod world;

use std::collections::HashMap;

use super::Run;
use crate::report::stderr_line;
use crate::simulation::{Lived, WorldKind, chance, is_long, lived, shrink};
use crate::store::Flaw;
use several::SharedWorld;
use world::World;

/// One parent.
const ONE_PARENT: WorldKind = WorldKind {
    tests: "run::simulation::the_promises_hold",
    seeds: 600,
    live: simulate,
    parts: |seed| World::new(seed, &[], false).parts(),
};
/// Several parents on one ledger.
const SEVERAL: WorldKind = WorldKind {
    tests: "run::simulation::the_promises_of_several_parents",
    seeds: 50,
    live: |seed, without, traced| simulate_several(seed, without, traced, None),
    parts: SharedWorld::parts,
};

impl Run {
    /// The lines of the operations in a worker's hands, by their numbers.
    fn lines_of(&self, worker: u32) -> HashMap<u64, u64> {
        let state = self.workers.get(worker);
        let queue = state.map(|state| state.queue.lines());
        queue.unwrap_or_default()
    }
}

/// What is wrong with the run of this seed without these parts, if anything is.
fn simulate(seed: u64, without: &[String], traced: bool) -> Lived {
    let mut world = World::new(seed, without, traced);
    let lived = lived(|| world.live());
    (lived, world.trace.unwrap_or_default())
}

/// What is wrong with all that uses one ledger, as this seed makes it without these parts, if anything is.
fn simulate_several(seed: u64, without: &[String], traced: bool, flaw: Option<Flaw>) -> Lived {
    let mut world = SharedWorld::new(seed, without, traced);
    world.plant(flaw);
    let lived = lived(|| world.live());
    (lived, world.trace.unwrap_or_default())
}

#[test]
fn the_promises_hold_for_even_seeds() {
    ONE_PARENT.check_all(0);
}

#[test]
fn the_promises_hold_for_odd_seeds() {
    ONE_PARENT.check_all(1);
}

#[test]
fn the_promises_of_several_parents_hold_for_even_seeds() {
    SEVERAL.check_all(0);
}

#[test]
fn the_promises_of_several_parents_hold_for_odd_seeds() {
    SEVERAL.check_all(1);
}

#[test]
fn a_seed_is_replayed_exactly() {
    for seed in 0..50 {
        let traced = || simulate(seed, &[], true);
        assert_eq!(traced(), traced(), "seed {seed}");
    }
    for seed in 0..8 {
        let traced = || simulate_several(seed, &[], true, None);
        assert_eq!(traced(), traced(), "seed {seed}");
    }
}

/// How many seeds are tried for each error of a backend, and how many where more are asked for.
const FINDING: [u64; 2] = [25, 5_000];
/// The errors that take more seeds than are tried unless more are asked for.
const RARE: [Flaw; 5] = [
    Flaw::TornAccounts,
    Flaw::NotDoneCounts,
    Flaw::LostLeaseWrites,
    Flaw::OldLogComesBack,
    Flaw::TornCommit,
];

#[test]
fn errors_of_a_backend_are_found() {
    let (seeds, rare) = match is_long() {
        true => (FINDING[1], &[][..]),
        false => (FINDING[0], &RARE[..]),
    };
    let finds = |flaw: &Flaw, seed| simulate_several(seed, &[], false, Some(*flaw)).0.is_err();
    let first = |flaw: &Flaw| (0..seeds).find(|seed| finds(flaw, *seed));
    let tried = Flaw::ALL.iter().filter(|flaw| !rare.contains(flaw));
    let found: Vec<(&Flaw, Option<u64>)> = tried.map(|flaw| (flaw, first(flaw))).collect();
    if is_long() {
        stderr_line(format_args!("found by the seeds {found:?}"));
    }
    let missed = found.iter().filter(|(_, seed)| seed.is_none());
    assert_eq!(missed.count(), 0, "{found:?}");
}

#[test]
fn a_run_that_fails_shrinks_to_what_it_fails_by() {
    let parts = ["death", "signal", "steps", "1", "2", "3"].map(String::from);
    let needs = |without: &[String], part: &str| !without.iter().any(|out| out == part);
    let fails = |without: &[String]| needs(without, "signal") && needs(without, "2");
    let without = shrink(parts.to_vec(), fails);
    assert_eq!(without, ["death", "steps", "1", "3"]);
    // A part that is left out does not happen, and the rest is replayed.
    let is_out = |seed| {
        let parts = World::new(seed, &[], false).parts();
        let (lived, trace) = simulate(seed, &parts, true);
        assert_eq!(lived, Ok(()), "seed {seed}");
        !trace.iter().any(|line| line.contains(" is killed"))
    };
    assert!((0..20).all(is_out));
}
