//! Tries what the program promises for as long as it is asked to, with real processes and with bytes led by what they
//! reach, and ends with a report of figures:
//!
//! ```text
//! cargo prove [--hours N | --minutes N] [CAMPAIGN ...]
//! ```
//!
//! A campaign is a part of the tests of `tests/it` or of the simulation, in a long form and with other draws in every
//! round; or the fuzzer of `tests/fuzz`, or Miri. Without a time there is one round. The report stands in
//! `target/prove/report.txt` after every round; what a failing campaign said stands beside it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it tells what it found"
)]

#[path = "prove/fuzzing.rs"]
mod fuzzing;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// A part of the tests in its long form.
struct Campaign {
    name: &'static str,
    /// Which tests: those whose names begin so.
    tests: &'static str,
    /// What makes it long: a variable that these tests read, and its value.
    long: Option<(&'static str, &'static str)>,
}

const CAMPAIGNS: [Campaign; 9] = [
    Campaign::new("kills", "kills::", Some(("BANK_PAR_KILLS", "200"))),
    Campaign::new("commands", "work::storm::", Some(("BANK_PAR_STORMS", "6"))),
    Campaign::new("faults", "faults::", None),
    Campaign::new("power", "power::", Some(("BANK_PAR_POWER", "60"))),
    Campaign::new("damage", "damage::flips::", None),
    Campaign::new("disk", "damage::refusals::", None),
    Campaign::new("writers", "writers::", Some(("BANK_PAR_WRITERS", "60"))),
    Campaign::new("other-user", "other_user::", None),
    Campaign::new("soak", "soak::", Some(("BANK_PAR_SOAK", "25"))),
];

/// The tests beside the code that live simulated runs.
const SIMULATION: &str = "simulation";
/// The fuzzer.
const FUZZ: &str = "fuzz";
/// Miri, which looks at every access to memory, and the tests that it is given: those that need no files and no
/// processes, and of what is drawn few.
const MIRI: &str = "miri";
const INTERPRETED: [&str; 7] = [
    "bank::",
    "sharing::",
    "shared_memory::",
    "race::shared",
    "race::indivisible",
    "race::tests::no_remedy_loses_an_update_however",
    "replay::gate",
];
const DRAWN: &str = "2";
/// The tests whose threads take turns as a scheduler draws: how their names end, and how many orders each tries.
const THREADS: &str = "threads";
const TAKING_TURNS: &str = "take_turns";
const ORDERS: u64 = 20_000;
/// How many simulated runs a round has.
const SEEDS: &str = "20000";

impl Campaign {
    const fn new(
        name: &'static str,
        tests: &'static str,
        long: Option<(&'static str, &'static str)>,
    ) -> Self {
        Campaign { name, tests, long }
    }

    fn run(&self, round: u64) -> Result<String, String> {
        let mut command = cargo_test("it");
        command.args(["--", "--nocapture", "--include-ignored", self.tests]);
        command
            .envs(self.long)
            .env("BANK_PAR_ROUND", round.to_string());
        said(&mut command)
    }
}

/// What was counted: for each campaign what its tests told, added up over the rounds.
#[derive(Default)]
struct Figures {
    counted: BTreeMap<String, Vec<(String, u64)>>,
    rounds: u64,
}

impl Figures {
    /// Adds the lines that tell figures: `parents and workers: 12 kills, 0 lost`.
    fn add(&mut self, campaign: &str, said: &str) {
        for line in said.lines() {
            let Some((what, figures)) = figures_of(line) else {
                continue;
            };
            let known = self
                .counted
                .entry(format!("{campaign}: {what}"))
                .or_default();
            for (count, word) in figures {
                match known.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, sum)) => *sum += count,
                    None => known.push((word, count)),
                }
            }
        }
    }

    fn report(&self, began: Instant) -> String {
        let minutes = began.elapsed().as_secs() / 60;
        let mut report = format!("{} rounds in {minutes} minutes\n", self.rounds);
        for (what, figures) in &self.counted {
            let figures: Vec<String> = figures
                .iter()
                .map(|(word, sum)| format!("{sum} {word}"))
                .collect();
            let _ = writeln!(report, "{what}: {}", figures.join(", "));
        }
        report
    }
}

/// What was tried, and counts with their words, if a line tells them.
fn figures_of(line: &str) -> Option<(&str, Vec<(u64, String)>)> {
    let (what, rest) = line.rsplit_once(": ")?;
    let rest = rest.split(';').next()?;
    let figure = |part: &str| {
        let (count, word) = part.split_once(' ')?;
        Some((count.parse().ok()?, word.to_string()))
    };
    let figures: Option<Vec<_>> = rest.split(", ").map(figure).collect();
    // The test runner may have begun the line with the name of a test.
    let what = what.rsplit(" ... ").next()?;
    Some((what, figures?))
}

/// Cargo's tests of a target, built as this program is.
fn cargo_test(target: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("test");
    match target {
        "lib" => command.arg("--lib"),
        target => command.args(["--test", target]),
    };
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command
}

/// What a command says on stdout and stderr, if it succeeds.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(text)?;
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("{command:?}\n{said}")),
    }
}

fn simulation() -> Result<String, String> {
    let mut command = cargo_test("lib");
    command
        .args(["--", SIMULATION])
        .env("BANK_PAR_SEEDS", SEEDS);
    said(&mut command).map(|_| format!("runs: {SEEDS} lived, 0 promises broken\n"))
}

fn threads() -> Result<String, String> {
    let mut command = cargo_test("lib");
    command
        .args(["--features", "shuttle", "--", TAKING_TURNS])
        .env("BANK_PAR_ORDERS", ORDERS.to_string());
    let passed = passed(&said(&mut command)?)?;
    Ok(format!(
        "turns of threads: {passed} tests, {} orders of each, 0 broken\n",
        ORDERS
    ))
}

/// How many tests passed.
fn passed(said: &str) -> Result<u64, String> {
    let mut lines = said.lines();
    let passed = lines.find_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next());
    let passed = passed.and_then(|count| count.parse().ok());
    passed.ok_or_else(|| "the tests told no figures".to_string())
}

fn miri() -> Result<String, String> {
    let nightly = || {
        let mut command = Command::new("rustup");
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["run", "nightly", "cargo", "miri"]);
        command
    };
    if said(nightly().arg("--version")).is_err() {
        eprintln!("NOT tried: Miri comes with `rustup toolchain install nightly --component miri`");
        return Ok(String::new());
    }
    let mut command = nightly();
    command.args(["test", "--lib", "--"]).args(INTERPRETED);
    command.env("PROPTEST_CASES", DRAWN).env(
        "MIRIFLAGS",
        "-Zmiri-disable-isolation -Zmiri-permissive-provenance",
    );
    let passed = passed(&said(&mut command)?)?;
    Ok(format!("tests: {passed} interpreted, 0 faults\n"))
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

/// Where the report and what was found are kept.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/prove")
        .join(name)
}

/// What was asked for.
struct Asked {
    lasting: Duration,
    campaigns: Vec<String>,
}

fn asked() -> Result<Asked, String> {
    let mut lasting = Duration::ZERO;
    let mut campaigns = Vec::new();
    let known: Vec<&str> = CAMPAIGNS
        .iter()
        .map(|one| one.name)
        .chain([SIMULATION, THREADS, FUZZ, MIRI])
        .collect();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let minutes = match word.as_str() {
            "--hours" => 60,
            "--minutes" => 1,
            name if known.contains(&name) => {
                campaigns.push(word);
                continue;
            }
            _ => {
                return Err(format!(
                    "`{word}` is none of `--hours N`, `--minutes N` and {known:?}"
                ));
            }
        };
        let count = words.next().and_then(|count| count.parse::<u64>().ok());
        let count = count.ok_or_else(|| format!("`{word}` is followed by a number"))?;
        lasting = Duration::from_secs(60 * minutes * count);
    }
    if campaigns.is_empty() {
        campaigns = known.into_iter().map(String::from).collect();
    }
    Ok(Asked { lasting, campaigns })
}

fn run(name: &str, round: u64) -> Result<String, String> {
    match CAMPAIGNS.iter().find(|campaign| campaign.name == name) {
        Some(campaign) => campaign.run(round),
        None if name == FUZZ => fuzzing::fuzz(),
        None if name == MIRI => miri(),
        None if name == THREADS => threads(),
        None => simulation(),
    }
}

fn prove(asked: &Asked) -> Result<String, String> {
    let began = Instant::now();
    let mut figures = Figures::default();
    fs::create_dir_all(folder("")).map_err(text)?;
    loop {
        for name in &asked.campaigns {
            eprintln!("round {}: {name}", figures.rounds + 1);
            match run(name, figures.rounds) {
                Ok(said) => figures.add(name, &said),
                Err(said) => {
                    let path = folder(&format!("{name}.txt"));
                    fs::write(&path, said).map_err(text)?;
                    let report = figures.report(began);
                    return Err(format!(
                        "{report}`{name}` FAILED: what it said is in {}",
                        path.display()
                    ));
                }
            }
        }
        figures.rounds += 1;
        let report = figures.report(began);
        fs::write(folder("report.txt"), &report).map_err(text)?;
        if began.elapsed() >= asked.lasting {
            return Ok(report);
        }
    }
}

fn main() -> ExitCode {
    match asked().and_then(|asked| prove(&asked)) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
