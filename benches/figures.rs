//! The figures of the real program on this machine: `bank-par compare`, and what that does not cover, beside a peer in the same
//! run: `cargo bench`, or one section of them: `cargo bench -- durable`. Medians; a shared machine is
//! noisy, so look at the ratios.

// A bench is a program of its own: it prints, and divides times by times.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::float_arithmetic,
    reason = "no money here"
)]

#[path = "figures/commands.rs"]
mod commands;
#[path = "figures/durable.rs"]
mod durable;
#[path = "figures/postgres.rs"]
#[cfg(feature = "postgres")]
mod postgres;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bank-par");
const PAIRS: usize = 5;
const MODES: [&str; 4] = ["parallel", "pipe", "queue", "server-share"];

/// A part of the figures, and a folder for its files.
type Section = fn(&Path);

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the workloads");
    let sections = [
        ("ways", ways as Section),
        ("five", |_| beyond_the_longest()),
        ("operations", operations_per_second),
        ("memory", memory),
        ("durable", durable::runs),
        ("command", durable::one_command),
        #[cfg(feature = "postgres")]
        ("postgres", postgres::figures),
        ("commands", commands::overhead),
        ("thousand", commands::thousand),
    ];
    // Cargo itself adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let any = sections
        .iter()
        .any(|(name, _)| wanted.iter().any(|word| word == name));
    for (name, section) in sections {
        if !any || wanted.iter().any(|word| word == name) {
            section(folder.path());
        }
    }
}

/// The five operations at their classic pace: what is added to the 4 s of the longest one.
fn beyond_the_longest() {
    println!("five operations at --time-scale 1, elapsed beyond the 4 s of the transfer");
    for mode in ["parallel", "pipe", "queue"] {
        let times = (0..3).map(|_| time(bank_par(&[mode]))).collect();
        let beyond = median(times).saturating_sub(Duration::from_secs(4));
        println!("  {mode:<14}{:>9.1} ms", beyond.as_secs_f64() * 1e3);
    }
}

/// Every way to share, in memory, by messages, by starting processes and on a ledger, beside the limits.
fn ways(_folder: &Path) {
    let mut compare = Command::new(PROGRAM);
    let status = compare.arg("compare").status().expect("the program");
    assert!(status.success(), "{status}");
}

/// JSON Lines in and out through two workers that live as long as the run.
fn operations_per_second(folder: &Path) {
    println!(
        "operations per second, JSON Lines in and out, 10000 accounts, --ops-per-worker 0 --jobs 2"
    );
    for mode in MODES {
        // A worker of `server-share` asks about one operation at a time.
        let lines = if mode == "server-share" {
            100_000
        } else {
            1_000_000
        };
        let path = workload(folder, lines, 10_000);
        let times = (0..3).map(|_| time(pooled(mode, &path))).collect();
        let rate = lines as f64 / median(times).as_secs_f64();
        println!("  {mode:<14}{rate:>9.0}/s   {lines:>7} lines");
    }
}

/// The parent's peak resident memory, which must not grow with the input.
fn memory(folder: &Path) {
    println!("peak resident memory of the parent, without ids, 10000 accounts");
    for lines in [100_000, 1_000_000] {
        let path = workload(folder, lines, 10_000);
        let peaks = ["parallel", "pipe", "queue"].map(|mode| (mode, peak(pooled(mode, &path))));
        for (mode, kilobytes) in peaks {
            println!(
                "  {mode:<14}{lines:>9} lines {:>7.1} MB",
                kilobytes as f64 / 1024.0
            );
        }
    }
}

fn workload(folder: &Path, lines: usize, accounts: usize) -> String {
    let path = folder.join(format!("{lines}-{accounts}.jsonl"));
    let mut text = String::new();
    for n in 0..lines {
        let account = n % accounts;
        writeln!(
            text,
            r#"{{"op":"deposit","amount":"1.25","account":"a{account}"}}"#
        )
        .expect("memory");
    }
    fs::write(&path, text).expect("a file");
    path.to_str().expect("a plain path").to_string()
}

/// A ledger in which nothing stands; a run creates none.
fn create(ledger: &Path) {
    let place = bank_par::store::Place::File(ledger.into());
    drop(
        place
            .open(bank_par::store::Access::Create(
                &bank_par::bank::Unit::default(),
            ))
            .expect("a ledger"),
    );
}

fn bank_par(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn pooled(mode: &str, path: &str) -> Command {
    bank_par(&[
        mode,
        path,
        "--ops-per-worker",
        "0",
        "--jobs",
        "2",
        "--output",
        "json",
    ])
}

fn time(mut command: Command) -> Duration {
    let began = Instant::now();
    let status = command.status().expect("the command can be run");
    assert!(status.success(), "{command:?}: {status}");
    began.elapsed()
}

/// The highest resident memory that was seen while the command ran, in KiB (`VmHWM` in `proc(5)`).
fn peak(mut command: Command) -> u64 {
    let mut child: Child = command.spawn().expect("the command can be run");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("our own child").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let seen = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
