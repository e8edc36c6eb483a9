//! Commands as work: what one operation adds to running the same command by other means, and how long a
//! thousand of them take to run and to be gone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{MODES, PAIRS, PROGRAM, bank_par, create, median, time, workload};

const OPERATIONS: usize = 1_000;
const SLEEPERS: usize = 1_000;
/// A thousand processes take a while to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// `/bin/true` for each operation, two at a time: in memory and on a ledger that lasts, with a worker
/// each and with two for all, beside `xargs` and GNU parallel.
pub(super) fn overhead(folder: &Path) {
    let path = workload(folder, OPERATIONS, 1);
    let ledger = folder.join("commands.db");
    create(&ledger);
    let ledger = ledger.to_str().expect("a plain path");
    let numbers = folder.join("commands");
    let lines: String = (0..OPERATIONS).map(|n| format!("{n}\n")).collect();
    fs::write(&numbers, lines).expect("a file");
    println!("one `/bin/true` per operation, {OPERATIONS} of them, two at a time, per operation");
    let peers = [
        ("xargs", &["-P2", "-n1", "/bin/true"][..]),
        ("parallel", &["--will-cite", "-j2", "/bin/true"]),
    ];
    let mut medians = Vec::new();
    for (name, words) in peers {
        let peer = || {
            let input = fs::File::open(&numbers).expect("the file written above");
            let mut command = Command::new(name);
            command.args(words).stdin(input).stdout(Stdio::null());
            command
        };
        if !has(name) {
            println!("  {name:<24} is not installed");
            continue;
        }
        let each = each((0..PAIRS).map(|_| time(peer())).collect());
        println!("  {name:<24}{:>9.0} us", micros(each));
        medians.push((name, each));
    }
    for mode in MODES.into_iter().filter(|mode| *mode != "server-share") {
        for (what, more) in [
            ("in memory", &["--ledger", "memory"][..]),
            (
                "in memory, 2 workers",
                &["--ledger", "memory", "--ops-per-worker", "0"],
            ),
            ("lasting", &["--ledger", ledger]),
        ] {
            let words = [&[mode, &path, "--jobs", "2"], more, &["--", "/bin/true"]].concat();
            let own = each((0..PAIRS).map(|_| time(bank_par(&words))).collect());
            let beside = medians.iter().map(|(name, peer)| {
                let ratio = own.as_secs_f64() / peer.as_secs_f64();
                format!("   {ratio:.2} times {name}")
            });
            let beside: String = beside.collect();
            println!("  {mode:<10}{what:<22}{:>9.0} us{beside}", micros(own));
        }
    }
}

/// From the start until a thousand commands sleep, and from `kill -9` until all are gone.
pub(super) fn thousand(folder: &Path) {
    println!(
        "{SLEEPERS} sleeping commands at a time, until they run, and until all are gone after kill -9"
    );
    let path = workload(folder, SLEEPERS, 1);
    for mode in MODES.into_iter().filter(|mode| *mode != "server-share") {
        // Told apart from every other sleep on this machine.
        let sleep = format!("{}.{}", 86_400, std::process::id());
        let words = [
            &[mode, &path, "--ledger", "memory", "--jobs", "1000"],
            &["--", "sleep", &sleep][..],
        ]
        .concat();
        let began = Instant::now();
        let mut parent = bank_par(&words)
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        wait_for(SLEEPERS, &sleep);
        let there = began.elapsed();
        let killed = Instant::now();
        parent.kill().expect("our own child");
        wait_for(0, &sleep);
        let gone = killed.elapsed();
        parent.wait().expect("our own child");
        println!(
            "  {mode:<14}run after {:>6.2} s   gone after {:>6.0} ms",
            there.as_secs_f64(),
            gone.as_secs_f64() * 1e3
        );
    }
}

fn wait_for(count: usize, sleep: &str) {
    let began = Instant::now();
    while sleepers(sleep) != count {
        assert!(
            began.elapsed() < PATIENCE,
            "waited for {count} of {PROGRAM}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many processes sleep for just so long.
fn sleepers(sleep: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("a Linux system");
    let line = format!("sleep\0{sleep}\0");
    let is_one = |entry: &fs::DirEntry| {
        let line_of = fs::read(entry.path().join("cmdline"));
        line_of.is_ok_and(|found| found == line.as_bytes())
    };
    entries.flatten().filter(is_one).count()
}

fn has(name: &str) -> bool {
    let found = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok()
}

fn each(times: Vec<Duration>) -> Duration {
    median(times) / OPERATIONS as u32
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
