//! Tries what the program promises for as long as it is asked to, with real processes and with bytes led by what they
//! reach, and ends with a report of figures:
//!
//! ```text
//! cargo prove [--brief | --hours N | --minutes N] [CAMPAIGN ...]
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

#[path = "prove/figures.rs"]
mod figures;
#[path = "prove/fuzzing.rs"]
mod fuzzing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use figures::Figures;

/// A part of the tests in its long form.
struct Campaign {
    name: &'static str,
    /// Which tests: those whose names begin so.
    tests: &'static str,
    /// What makes it long: a variable that these tests read, and its value.
    long: Option<(&'static str, &'static str)>,
    /// Its value in a brief round, in which there are only campaigns with one.
    brief: Option<&'static str>,
}

const CAMPAIGNS: [Campaign; 9] = [
    Campaign::new("kills", "kills::", Some(("BANK_PAR_KILLS", "4000"))).briefly("30"),
    Campaign::new("commands", "work::storm::", Some(("BANK_PAR_STORMS", "6"))),
    Campaign::new("faults", "faults::", None),
    Campaign::new("power", "power::", Some(("BANK_PAR_POWER", "60"))).briefly("4"),
    Campaign::new("damage", "damage::flips::", None),
    Campaign::new("disk", "damage::refusals::", None),
    Campaign::new("writers", "writers::", Some(("BANK_PAR_WRITERS", "60"))),
    Campaign::new("other-user", "other_user::", None),
    Campaign::new("soak", "soak::", Some(("BANK_PAR_SOAK", "25"))).briefly("2"),
];

/// The tests beside the code that live simulated runs.
const SIMULATION: &str = "simulation";
/// The fuzzer.
const FUZZ: &str = "fuzz";
/// What is built for a round that is not brief (`Cargo.toml`).
const PROFILE: &str = "prove";
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
        let brief = None;
        Campaign {
            name,
            tests,
            long,
            brief,
        }
    }

    const fn briefly(self, value: &'static str) -> Self {
        let brief = Some(value);
        Campaign { brief, ..self }
    }

    fn run(&self, round: u64, is_brief: bool) -> Result<String, String> {
        let mut command = cargo_test("it", is_brief);
        command.args(["--", "--nocapture"]);
        let value = |(variable, long)| (variable, self.brief.filter(|_| is_brief).unwrap_or(long));
        if !is_brief {
            command.arg("--include-ignored");
        }
        command
            .arg(self.tests)
            .envs(self.long.map(value))
            .env("BANK_PAR_ROUND", round.to_string());
        said(&mut command)
    }
}

/// Cargo's tests of a target: built to be fast, with the program; or, in a brief round, as `cargo test` has built them.
fn cargo_test(target: &str, is_brief: bool) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("test");
    match target {
        "lib" => command.arg("--lib"),
        target => command.args(["--test", target]),
    };
    if !is_brief {
        command.args(["--profile", PROFILE]);
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

fn simulation(round: u64) -> Result<String, String> {
    let mut command = cargo_test("lib", false);
    command
        .args(["--", SIMULATION])
        .env("BANK_PAR_SEEDS", SEEDS)
        .env("BANK_PAR_ROUND", round.to_string());
    said(&mut command).map(|_| format!("runs: {SEEDS} lived, 0 promises broken\n"))
}

fn threads() -> Result<String, String> {
    let mut command = cargo_test("lib", false);
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
    is_brief: bool,
    lasting: Duration,
    campaigns: Vec<String>,
}

fn asked() -> Result<Asked, String> {
    let mut lasting = Duration::ZERO;
    let mut is_brief = false;
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
            "--brief" => {
                is_brief = true;
                continue;
            }
            name if known.contains(&name) => {
                campaigns.push(word);
                continue;
            }
            _ => {
                return Err(format!(
                    "`{word}` is none of `--brief`, `--hours N`, `--minutes N` and {known:?}"
                ));
            }
        };
        let count = words.next().and_then(|count| count.parse::<u64>().ok());
        let count = count.ok_or_else(|| format!("`{word}` is followed by a number"))?;
        lasting = Duration::from_secs(60 * minutes * count);
    }
    if campaigns.is_empty() {
        let in_brief = |name: &str| {
            let found = CAMPAIGNS.iter().find(|campaign| campaign.name == name);
            name == FUZZ || found.is_some_and(|campaign| campaign.brief.is_some())
        };
        let names = known.into_iter().filter(|name| !is_brief || in_brief(name));
        campaigns = names.map(String::from).collect();
    }
    Ok(Asked {
        is_brief,
        lasting,
        campaigns,
    })
}

fn run(name: &str, round: u64, is_brief: bool) -> Result<String, String> {
    match CAMPAIGNS.iter().find(|campaign| campaign.name == name) {
        Some(campaign) => campaign.run(round, is_brief),
        None if name == FUZZ => fuzzing::fuzz(is_brief),
        None if name == MIRI => miri(),
        None if name == THREADS => threads(),
        None => simulation(round),
    }
}

fn prove(asked: &Asked) -> Result<String, String> {
    let began = Instant::now();
    let mut figures = Figures::default();
    fs::create_dir_all(folder("")).map_err(text)?;
    loop {
        for name in &asked.campaigns {
            eprintln!("round {}: {name}", figures.rounds + 1);
            let campaign = Instant::now();
            let told = run(name, figures.rounds, asked.is_brief);
            figures.took(name, campaign.elapsed());
            match told {
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
