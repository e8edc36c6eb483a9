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

/// What is wrong with the run of this seed, if anything is.
fn simulate(seed: u64, traced: bool) -> (Result<(), String>, Vec<String>) {
    let mut world = World::new(seed, traced);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let lived = lived.unwrap_or_else(|_| Err("it panicked".to_string()));
    (lived, world.trace.unwrap_or_default())
}

#[track_caller]
fn check(seed: u64) {
    if let (Err(why), _) = simulate(seed, false) {
        let (again, trace) = simulate(seed, true);
        assert_eq!(again, Err(why.clone()), "seed {seed} is not replayed");
        let is_idle = |line: &&String| line.ends_with("Turn { outputs_are_full: false }");
        let lines: Vec<String> = trace.into_iter().filter(|line| !is_idle(&line)).collect();
        let (first, last) = lines.split_at(lines.len().saturating_sub(LINES));
        let first = &first[..first.len().min(LINES)];
        panic!(
            "{ONE}={seed}: {why}\n{}\n...\n{}",
            first.join("\n"),
            last.join("\n")
        );
    }
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
        assert_eq!(simulate(seed, true), simulate(seed, true), "seed {seed}");
    }
}
