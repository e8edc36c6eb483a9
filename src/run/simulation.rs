//! Whole runs in microseconds: simulated workers, links, clock, input, and a ledger, from one seed. Whatever
//! happens, in whichever order, the promises hold after every step.
//!
//! In a [`World`] one parent has a ledger of the bank's own ledger state to itself; in a [`SharedWorld`] several share
//! one that lasts.

mod chance;
mod ledger;
mod promises;
mod recorded;
mod scenario;
mod several;
mod worker;
mod world;

use std::collections::HashMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Run;
use crate::report::stderr_line;
use crate::store::Flaw;
use several::SharedWorld;
use world::World;

/// What is wrong with a world that lived, if anything is, and what happened in it, if that is wanted.
type Lived = (Result<(), String>, Vec<String>);

/// What is made of a seed.
#[derive(Clone, Copy)]
struct WorldKind {
    /// How many seeds are tried unless more are asked for.
    seeds: u64,
    /// What is wrong with what this seed makes without these parts, if anything is, and what happened.
    live: fn(u64, &[String], bool) -> Lived,
    /// The parts that can be left out.
    parts: fn(u64) -> Vec<String>,
}

/// One parent.
const ONE_PARENT: WorldKind = WorldKind {
    seeds: 600,
    live: simulate,
    parts: |seed| World::new(seed, &[], false).parts(),
};
/// Several parents on one ledger.
const SEVERAL: WorldKind = WorldKind {
    seeds: 50,
    live: |seed, without, traced| simulate_several(seed, without, traced, None),
    parts: SharedWorld::parts,
};
/// The variable that asks for more: how many, from 0 on.
const MORE: &str = "BANK_PAR_SEEDS";
/// The variable that asks for others: so many times as many are passed over.
const ROUND: &str = "BANK_PAR_ROUND";
/// The variable that asks for one alone.
const ONE: &str = "BANK_PAR_SEED";
/// The variable that leaves parts out of that one, as a seed that broke a promise is told with.
const WITHOUT: &str = "BANK_PAR_WITHOUT";
/// How many of the last lines of a run are shown that broke a promise.
const LINES: usize = 60;

impl Run {
    /// The lines of the operations in a worker's hands, by their numbers.
    fn lines_of(&self, worker: u32) -> HashMap<u64, u64> {
        let state = self.workers.get(worker);
        let queue = state.map(|state| state.queue.lines());
        queue.unwrap_or_default()
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// What is wrong with the run of this seed without these parts, if anything is.
fn simulate(seed: u64, without: &[String], traced: bool) -> Lived {
    let mut world = World::new(seed, without, traced);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let lived = lived.unwrap_or_else(|_| Err("it panicked".to_string()));
    (lived, world.trace.unwrap_or_default())
}

/// Leaves out as many of these parts as can be, one after another, as long as it still fails.
fn shrink(parts: Vec<String>, mut fails: impl FnMut(&[String]) -> bool) -> Vec<String> {
    let mut without = Vec::new();
    for part in parts {
        without.push(part);
        if !fails(&without) {
            without.pop();
        }
    }
    without
}

/// What is wrong with all that uses one ledger, as this seed makes it without these parts, if anything is.
fn simulate_several(seed: u64, without: &[String], traced: bool, flaw: Option<Flaw>) -> Lived {
    let mut world = SharedWorld::new(seed, without, traced);
    world.plant(flaw);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let lived = lived.unwrap_or_else(|_| Err("it panicked".to_string()));
    (lived, world.trace.unwrap_or_default())
}

#[track_caller]
fn check(kind: WorldKind, seed: u64) {
    let given = env::var(WITHOUT).unwrap_or_default();
    let given: Vec<String> = given.split_terminator(',').map(String::from).collect();
    if (kind.live)(seed, &given, false).0.is_ok() {
        return;
    }
    let parts = (kind.parts)(seed);
    let without = shrink(parts, |without| {
        (kind.live)(seed, without, false).0.is_err()
    });
    let (why, trace) = (kind.live)(seed, &without, true);
    let again = (kind.live)(seed, &without, true);
    assert_eq!(
        again,
        (why.clone(), trace.clone()),
        "seed {seed} is not replayed"
    );
    let is_idle = |line: &&String| line.ends_with("Turn { outputs_are_full: false }");
    let lines: Vec<String> = trace.into_iter().filter(|line| !is_idle(&line)).collect();
    let (first, last) = lines.split_at(lines.len().saturating_sub(LINES));
    let first = &first[..first.len().min(LINES)];
    panic!(
        "{ONE}={seed} {WITHOUT}={}: {}\n{}\n...\n{}",
        without.join(","),
        why.err().unwrap_or_default(),
        first.join("\n"),
        last.join("\n")
    );
}

/// Tries the seeds that leave this remainder, so that two tests share them.
fn check_all(kind: WorldKind, remainder: u64) {
    if let Some(seed) = number(ONE) {
        return check(kind, seed);
    }
    let seeds = number(MORE).unwrap_or(kind.seeds);
    let first = number(ROUND).unwrap_or(0) * seeds;
    (first..first + seeds)
        .filter(|seed| seed % 2 == remainder)
        .for_each(|seed| check(kind, seed));
}

#[test]
fn the_promises_hold_for_even_seeds() {
    check_all(ONE_PARENT, 0);
}

#[test]
fn the_promises_hold_for_odd_seeds() {
    check_all(ONE_PARENT, 1);
}

#[test]
fn the_promises_of_several_parents_hold_for_even_seeds() {
    check_all(SEVERAL, 0);
}

#[test]
fn the_promises_of_several_parents_hold_for_odd_seeds() {
    check_all(SEVERAL, 1);
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
    let is_long = number(MORE).is_some();
    let (seeds, rare) = match is_long {
        true => (FINDING[1], &[][..]),
        false => (FINDING[0], &RARE[..]),
    };
    let finds = |flaw: &Flaw, seed| simulate_several(seed, &[], false, Some(*flaw)).0.is_err();
    let first = |flaw: &Flaw| (0..seeds).find(|seed| finds(flaw, *seed));
    let tried = Flaw::ALL.iter().filter(|flaw| !rare.contains(flaw));
    let found: Vec<(&Flaw, Option<u64>)> = tried.map(|flaw| (flaw, first(flaw))).collect();
    if is_long {
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
