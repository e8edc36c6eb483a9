//! What simulated worlds have in common: which seeds are tried, and what is told of one that breaks a promise.
//!
//! A world is made of its seed alone, without the parts that are left out. Of one that breaks a promise as many parts
//! are left out as can be, and it is told with the command that repeats it and with what happened in it, in order.

pub(crate) mod chance;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::report::stderr_line;

/// What is wrong with a world that lived, if anything is, and what happened in it, if that is wanted.
pub(crate) type Lived = (Result<(), String>, Vec<String>);

/// What is made of a seed.
#[derive(Clone, Copy)]
pub(crate) struct WorldKind {
    /// How the names of the tests begin that try it.
    pub(crate) tests: &'static str,
    /// How many seeds are tried unless more are asked for.
    pub(crate) seeds: u64,
    /// What is wrong with what this seed makes without these parts, if anything is, and what happened.
    pub(crate) live: fn(u64, &[String], bool) -> Lived,
    /// The parts that can be left out.
    pub(crate) parts: fn(u64) -> Vec<String>,
}

/// The variable that asks for more: how many, from 0 on.
const MORE: &str = "BANK_PAR_SEEDS";
/// The variable that asks for others: so many times as many are passed over.
const ROUND: &str = "BANK_PAR_ROUND";
/// The variable that asks for one alone, of which all is told that happens in it.
const ONE: &str = "BANK_PAR_SEED";
/// The variable that leaves parts out of that one, as a seed that broke a promise is told with.
const WITHOUT: &str = "BANK_PAR_WITHOUT";
/// How many of the first and the last lines are shown of a world that broke a promise.
const LINES: usize = 60;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// Whether more are asked for.
pub(crate) fn is_long() -> bool {
    number(MORE).is_some()
}

/// What is wrong with a world, if anything is.
pub(crate) fn lived(live: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let lived = catch_unwind(AssertUnwindSafe(live));
    lived.unwrap_or_else(|_| Err("it panicked".to_string()))
}

/// The names of what goes wrong at all, of what has these names and goes wrong so often.
pub(crate) fn happening<const KINDS: usize>(all: [(&str, &mut usize); KINDS]) -> Vec<String> {
    let all = all.into_iter().filter(|(_, often)| **often > 0);
    all.map(|(name, _)| name.to_string()).collect()
}

/// What has one of these names does not go wrong any more.
pub(crate) fn leave_out<const KINDS: usize>(
    all: [(&str, &mut usize); KINDS],
    is_out: impl Fn(&str) -> bool,
) {
    for (name, often) in all {
        if is_out(name) {
            *often = 0;
        }
    }
}

/// Leaves out as many of these parts as can be, one after another, as long as it still fails. What happens without a
/// part is another story, in which a part may be needless that was needed before: all are tried again, until none goes.
pub(crate) fn shrink(parts: Vec<String>, mut fails: impl FnMut(&[String]) -> bool) -> Vec<String> {
    let (mut without, mut left) = (Vec::new(), parts);
    loop {
        let before = left.len();
        left.retain(|part| {
            without.push(part.clone());
            let is_needed = !fails(&without);
            if is_needed {
                without.pop();
            }
            is_needed
        });
        if left.len() == before {
            return without;
        }
    }
}

impl WorldKind {
    /// What repeats this seed without these parts.
    fn command(&self, seed: u64, without: &[String]) -> String {
        let tests = self.tests;
        let without = match without {
            [] => String::new(),
            parts => format!("{WITHOUT}={} ", parts.join(",")),
        };
        format!("{ONE}={seed} {without}cargo test --lib {tests}")
    }

    #[track_caller]
    fn check(&self, seed: u64) {
        let given = env::var(WITHOUT).unwrap_or_default();
        let given: Vec<String> = given.split_terminator(',').map(String::from).collect();
        let is_alone = number(ONE).is_some();
        let (lived, trace) = (self.live)(seed, &given, is_alone);
        for line in &trace {
            stderr_line(format_args!("{line}"));
        }
        if lived.is_err() {
            panic!("{}", self.told(seed, &given));
        }
    }

    /// What is told of a seed that breaks a promise without these parts.
    fn told(&self, seed: u64, given: &[String]) -> String {
        let is_given = |part: &String| given.contains(part);
        let (given, parts): (Vec<String>, Vec<String>) =
            (self.parts)(seed).into_iter().partition(is_given);
        let all = |without: &[String]| [&given[..], without].concat();
        let without = shrink(parts, |without| {
            (self.live)(seed, &all(without), false).0.is_err()
        });
        let without = all(&without);
        let (why, trace) = (self.live)(seed, &without, true);
        let again = (self.live)(seed, &without, true);
        assert_eq!(
            again,
            (why.clone(), trace.clone()),
            "seed {seed} is not replayed"
        );
        let is_idle = |line: &&String| line.ends_with("Turn { outputs_are_full: false }");
        let lines: Vec<String> = trace.into_iter().filter(|line| !is_idle(&line)).collect();
        let (first, last) = lines.split_at(lines.len().saturating_sub(LINES));
        format!(
            "{}: {}\n{}\n...\n{}",
            self.command(seed, &without),
            why.err().unwrap_or_default(),
            first[..first.len().min(LINES)].join("\n"),
            last.join("\n")
        )
    }

    /// Tries the seeds that leave this remainder, so that two tests share them.
    #[track_caller]
    pub(crate) fn check_all(&self, remainder: u64) {
        let seeds = number(MORE).unwrap_or(self.seeds);
        let first = number(ROUND).unwrap_or(0) * seeds;
        let seeds = match number(ONE) {
            Some(seed) => seed..seed + 1,
            None => first..first + seeds,
        };
        seeds
            .filter(|seed| seed % 2 == remainder)
            .for_each(|seed| self.check(seed));
    }
}

#[test]
fn a_seed_that_breaks_a_promise_is_told_with_what_repeats_it() {
    let kind = WorldKind {
        tests: "worlds::of_a_kind",
        seeds: 1,
        live: |_, without, traced| {
            let has = |part: &str| !without.iter().any(|out| out == part);
            let broken = Err("a promise".to_string());
            let lived = if has("kill") && has("2") {
                broken
            } else {
                Ok(())
            };
            (
                lived,
                traced
                    .then(|| "it happens".to_string())
                    .into_iter()
                    .collect(),
            )
        },
        parts: |_| ["kill", "cut", "1", "2"].map(String::from).to_vec(),
    };
    assert_eq!(
        kind.told(7, &[]),
        "BANK_PAR_SEED=7 BANK_PAR_WITHOUT=cut,1 cargo test --lib worlds::of_a_kind: a promise\n\n...\nit happens"
    );
    assert_eq!(kind.told(7, &["cut".to_string()]), kind.told(7, &[]));
    let whole = kind.command(7, &[]);
    assert_eq!(whole, "BANK_PAR_SEED=7 cargo test --lib worlds::of_a_kind");
}
