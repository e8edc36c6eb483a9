//! The figures of the real program on this machine, beside a peer or a limit measured in the same
//! run: `cargo bench`, or one section of them: `cargo bench -- serve`. Medians; a shared machine is
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
#[path = "figures/serve.rs"]
mod serve;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bank-par");
const PAIRS: usize = 5;
const PROCESSES: usize = 2_000;
const MODES: [&str; 4] = ["parallel", "pipe", "queue", "server-share"];

/// A part of the figures, and a folder for its files.
type Section = fn(&Path);

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the workloads");
    let sections: [(&str, Section); 9] = [
        ("five", |_| beyond_the_longest()),
        ("processes", processes_per_second),
        ("operations", operations_per_second),
        ("memory", memory),
        ("durable", durable::runs),
        ("command", durable::one_command),
        ("commands", commands::overhead),
        ("thousand", commands::thousand),
        ("serve", serve::operations_per_second),
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

/// One process per operation, beside the cheapest way a shell has to start as many processes.
fn processes_per_second(folder: &Path) {
    let path = workload(folder, PROCESSES, 1);
    let numbers = folder.join("numbers");
    let lines: String = (0..PROCESSES).map(|n| format!("{n}\n")).collect();
    fs::write(&numbers, lines).expect("a file");
    println!(
        "processes per second, {PROCESSES} operations, --jobs 2, beside `xargs -P2 -n1 /bin/true`"
    );
    for mode in MODES {
        let (mut ours, mut peers, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let own = time(bank_par(&[mode, &path, "--jobs", "2"]));
            let peer = time(xargs(&numbers));
            ours.push(own);
            peers.push(peer);
            ratios.push(Duration::from_secs_f64(
                peer.as_secs_f64() / own.as_secs_f64(),
            ));
        }
        let rate = |time: Duration| PROCESSES as f64 / time.as_secs_f64();
        let (own, peer, ratio) = (rate(median(ours)), rate(median(peers)), median(ratios));
        println!(
            "  {mode:<14}{own:>9.0}/s   xargs {peer:>6.0}/s   ratio {:.2}",
            ratio.as_secs_f64()
        );
    }
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

fn xargs(numbers: &Path) -> Command {
    let mut command = Command::new("xargs");
    let input = fs::File::open(numbers).expect("the file written above");
    command.args(["-P2", "-n1", "/bin/true"]).stdin(input);
    command
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
