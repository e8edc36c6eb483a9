//! One server for a long time: what it answers stays true, and its memory does not grow.
//!
//! `BANK_PAR_SOAK=N` has so many runs ask it one after another, of 20,000 lines each, instead of a few small ones.

use std::process::Command;

use crate::cli::{Running, Written};
use crate::serve::Served;

/// How much more memory a server may take than after a quarter of the runs, in KiB: what its allocator and the
/// ledger's cache waver by.
const WAVERS: u64 = 16 * 1024;

/// How many runs were asked for.
pub(crate) fn asked_for() -> Option<u32> {
    let wanted = std::env::var("BANK_PAR_SOAK").ok();
    wanted.map(|wanted| wanted.parse().expect("a number of runs"))
}

/// How many runs, and of how many lines.
fn runs() -> (u64, u64) {
    asked_for().map_or((3, 300), |runs| (runs.into(), 20_000))
}

/// Lines of every kind that moves money, on ten accounts.
fn lines(count: u64) -> String {
    let line = |number| match number % 4 {
        0 => format!(
            "{{\"op\":\"withdraw\",\"amount\":\"0.01\",\"account\":\"a{}\"}}\n",
            number % 10
        ),
        1 => format!(
            "{{\"op\":\"transfer\",\"amount\":\"0.02\",\"account\":\"a{}\",\"to\":\"b\"}}\n",
            number % 10
        ),
        2 => format!(
            "{{\"op\":\"loan\",\"amount\":\"0.03\",\"account\":\"a{}\"}}\n",
            number % 10
        ),
        _ => format!(
            "{{\"op\":\"deposit\",\"amount\":\"0.04\",\"account\":\"a{}\"}}\n",
            number % 10
        ),
    };
    (0..count).map(line).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn a_server_answers_right_for_long_and_takes_no_more_memory() {
    let served = Served::start();
    let (runs, each) = runs();
    let input = Written::new("lines.jsonl", lines(each));
    let events = served.ledger.file("events.jsonl", "");
    let (mut settled, mut answers) = (0, 0);
    for run in 1..=runs {
        std::fs::remove_file(&events).unwrap();
        let words = format!(
            "parallel {} --run soak-{run} --ops-per-worker 0 --jobs 2 --events {events}",
            input.path()
        );
        let ended = served.run(&(words + " --output json"));
        assert!(matches!(ended.code(), 0 | 1), "{}", ended.stderr);
        let summary = ended.summary();
        let count = |kind: &str| summary[kind].as_u64().unwrap();
        assert_eq!(count("completed") + count("refused"), each);
        // The referee holds all answers of the run against each other and the bank's rules.
        let checked = check(&events);
        assert!(checked.status.success(), "{}", checked.stdout);
        answers += each;
        if run == runs.div_ceil(4) {
            settled = served.peak_memory();
        }
    }
    let peak = served.peak_memory();
    assert!(peak <= settled + WAVERS, "{settled} KiB became {peak} KiB");
    println!("a server: {runs} runs, {answers} answers checked, 0 wrong; it took {peak} KiB");
    served.say("verify");
}

fn check(events: &str) -> crate::cli::Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bank-par"));
    command.args(["check", events]);
    Running::start(command).finish()
}
