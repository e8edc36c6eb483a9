//! Whole runs in microseconds: simulated workers, links, clock, input, and a ledger of the bank's own
//! ledger state, from one seed. Whatever happens, in whichever order, the promises hold after every step.

mod chance;
mod ledger;
mod promises;
mod recorded;
mod scenario;
mod worker;
mod world;

use std::collections::HashMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Run;
use world::World;

/// How many seeds are tried unless more are asked for.
const SEEDS: u64 = 600;
/// The variable that asks for more: how many, from 0 on.
const MORE: &str = "BANK_PAR_SEEDS";
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
fn simulate(seed: u64, without: &[String], traced: bool) -> (Result<(), String>, Vec<String>) {
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

#[track_caller]
fn check(seed: u64) {
    let given = env::var(WITHOUT).unwrap_or_default();
    let given: Vec<String> = given.split_terminator(',').map(String::from).collect();
    if simulate(seed, &given, false).0.is_ok() {
        return;
    }
    let parts = World::new(seed, &[], false).parts();
    let without = shrink(parts, |without| simulate(seed, without, false).0.is_err());
    let (why, trace) = simulate(seed, &without, true);
    let again = simulate(seed, &without, true);
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
fn check_all(remainder: u64) {
    if let Some(seed) = number(ONE) {
        return check(seed);
    }
    let seeds = number(MORE).unwrap_or(SEEDS);
    (0..seeds)
        .filter(|seed| seed % 2 == remainder)
        .for_each(check);
}

#[test]
fn the_promises_hold_for_even_seeds() {
    check_all(0);
}

#[test]
fn the_promises_hold_for_odd_seeds() {
    check_all(1);
}

#[test]
fn a_seed_is_replayed_exactly() {
    for seed in 0..50 {
        let traced = || simulate(seed, &[], true);
        assert_eq!(traced(), traced(), "seed {seed}");
    }
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
