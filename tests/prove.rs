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
const INTERPRETED: [&str; 4] = ["bank::", "sharing::", "shared_memory::", "race::"];
const DRAWN: &str = "2";
/// How long each kind of bytes is given in a round.
const FUZZ_SECONDS: &str = "60";
/// How many simulated runs a round has.
const SEEDS: &str = "20000";

/// What has the compiler count which code is reached, on the stable toolchain.
const COVERAGE: &str = "--cfg fuzzing -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares";

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
    let said = said(&mut command)?;
    let mut lines = said.lines();
    let passed = lines.find_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next());
    let passed = passed.ok_or("Miri told no figures")?;
    Ok(format!("tests: {passed} interpreted, 0 faults\n"))
}

/// Gives every kind of bytes its time. All that reaches different code is then in `target/prove/corpus`, to be kept in
/// `tests/corpus`.
fn fuzz() -> Result<String, String> {
    let program = fuzzer()?;
    let mut figures = String::new();
    for kind in kinds() {
        let found = folder("found").join(&kind);
        let least = folder("least").join(&kind);
        let _ = fs::remove_dir_all(&least);
        for folder in [&found, &least, &folder("corpus")] {
            fs::create_dir_all(folder).map_err(text)?;
        }
        let led = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command
                .args(["-timeout=20", "-rss_limit_mb=1024", "-max_len=4096"])
                .args(arguments);
            command.arg(format!("-artifact_prefix={}/{kind}-", folder("").display()));
            command.env("BANK_PAR_FUZZ", &kind);
            command
        };
        let mut search = led(&[
            &format!("-max_total_time={FUZZ_SECONDS}"),
            "-print_final_stats=1",
        ]);
        search.arg(&found).env("BANK_PAR_FUZZ_KNOWN", &found);
        let told = said(&mut search)?;
        let inputs = told
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let inputs = inputs.ok_or("the fuzzer told no figures")?;
        let _ = writeln!(
            figures,
            "{kind}: {} inputs, 0 promises broken",
            inputs.trim()
        );
        let mut merge = led(&["-set_cover_merge=1", "-use_counters=0"]);
        said(merge.args([&least, &found]))?;
        keep(&least, &folder("corpus").join(&kind)).map_err(text)?;
    }
    Ok(figures)
}

/// Builds the fuzzer.
fn fuzzer() -> Result<PathBuf, String> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args([
        "build",
        "--locked",
        "--profile",
        FUZZ,
        "--package",
        "bank-par-fuzz",
    ]);
    build.args(["--message-format", "json-render-diagnostics"]);
    build.args(["--target-dir", "target/fuzz"]);
    build
        .env("RUSTFLAGS", COVERAGE)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let told = said(&mut build)?;
    let mut programs = told
        .lines()
        .filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    let program = programs.find(|(path, _)| path.ends_with("bank-par-fuzz"));
    program
        .map(|(path, _)| PathBuf::from(path))
        .ok_or_else(|| "the fuzzer was not built".to_string())
}

/// Writes the inputs of a folder as lines of hexadecimal digits, the shortest first.
fn keep(folder: &Path, file: &Path) -> std::io::Result<()> {
    let mut inputs = Vec::new();
    for input in fs::read_dir(folder)? {
        inputs.push(fs::read(input?.path())?);
    }
    inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    let mut lines = String::new();
    for input in inputs {
        input
            .iter()
            .for_each(|byte| lines += &format!("{byte:02x}"));
        lines.push('\n');
    }
    fs::write(file, lines)
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The kinds of bytes, each of which has inputs.
fn kinds() -> Vec<String> {
    let entries = fs::read_dir(corpus()).into_iter().flatten().flatten();
    let mut kinds: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    kinds.sort();
    kinds
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
        .chain([SIMULATION, FUZZ, MIRI])
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
        None if name == FUZZ => fuzz(),
        None if name == MIRI => miri(),
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
