//! A ledger for long: every answer of many runs is held against what the ledger holds, and against all others by the
//! referee. The memory of a server does not grow.
//!
//! `BANK_PAR_SOAK=N` has so many runs ask one after another, two at a time, of 20,000 lines each, instead of a few
//! small ones.

use std::fmt::Write;
use std::path::Path;

use crate::cli::{Run, Running};
use crate::ledger::{Ledger, at_once};
use crate::promised::Promised;
use crate::serve::Served;

/// How much more memory a server may take than after a quarter of the runs, in KiB: what its allocator and the
/// ledger's cache waver by.
const WAVERS: u64 = 16 * 1024;
/// So many runs ask at once.
const CLIENTS: u64 = 2;
/// How they ask.
const MODES: [&str; 3] = ["parallel", "queue", "pipe"];

/// How many runs were asked for.
pub(crate) fn asked_for() -> Option<u32> {
    let wanted = std::env::var("BANK_PAR_SOAK").ok();
    wanted.map(|wanted| wanted.parse().expect("a number of runs"))
}

/// How many runs, and of how many lines.
fn runs() -> (u64, u64) {
    asked_for().map_or((3, 150), |runs| (runs.into(), 20_000))
}

/// Lines of every kind that moves money, on ten accounts; of those of a file a third have ids of their own. A server
/// remembers ids up to a number that takes longer to reach than its memory is looked at.
fn lines(run: &str, count: u64, have_ids: bool) -> String {
    (0..count).fold(String::new(), |mut lines, number| {
        let account = number % 10;
        let what = match number % 4 {
            0 => r#""op":"withdraw","amount":"0.01""#,
            1 => r#""op":"transfer","amount":"0.02","to":"b""#,
            2 => r#""op":"loan","amount":"0.03""#,
            _ => r#""op":"deposit","amount":"0.04""#,
        };
        let id = match have_ids && number % 3 == 0 {
            true => format!(r#""id":"{run}-{number}","#),
            false => String::new(),
        };
        writeln!(lines, r#"{{{id}{what},"account":"a{account}"}}"#).unwrap();
        lines
    })
}

/// Has all runs ask at this place and holds their answers against the ledger. `seen` is told each run. Returns how
/// many runs there were and how many answers.
fn ask(ledger: &Ledger, at: &str, have_ids: bool, mut seen: impl FnMut(u64)) -> (u64, u64) {
    let (runs, each) = runs();
    let (mut entries, mut answers) = (0, 0);
    for run in 1..=runs {
        let said = at_once(CLIENTS as usize, |client| {
            let name = format!("soak-{run}-{client}");
            let input = ledger.file(
                &format!("lines-{client}.jsonl"),
                &lines(&name, each, have_ids),
            );
            let mode = MODES[(run as usize + client) % MODES.len()];
            let words = format!("{mode} {input} --run {name} --ops-per-worker 0 --jobs 2");
            let mut command = ledger.command(&(words + " --output json"));
            command.env("BANK_PAR_LEDGER", at);
            Running::start(command).finish()
        });
        judge(ledger, &said);
        let mut promised = Promised::default();
        for ended in &said {
            assert_eq!(answered(ended), each);
            promised.hear(&ended.stdout);
        }
        let kept = promised.check_after(Path::new(&ledger.path()), entries);
        kept.unwrap_or_else(|why| panic!("run {run}: {why}"));
        entries += promised.posted();
        answers += each * CLIENTS;
        seen(run);
    }
    ledger.verify();
    (runs * CLIENTS, answers)
}

/// How many lines got an answer.
fn answered(ended: &Run) -> u64 {
    assert!(matches!(ended.code(), 0 | 1), "{}", ended.stderr);
    let summary: serde_json::Value =
        serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let count = |kind: &str| summary[kind].as_u64().unwrap();
    count("completed") + count("refused")
}

/// The referee holds all answers of runs against each other and the bank's rules.
fn judge(ledger: &Ledger, said: &[Run]) {
    let files: Vec<String> = (0..)
        .zip(said)
        .map(|(client, run): (u64, _)| ledger.file(&format!("said-{client}.jsonl"), &run.stdout))
        .collect();
    let judged = ledger.run(&format!("check {}", files.join(" ")));
    assert!(judged.status.success(), "{judged:?}");
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn a_server_answers_right_for_long_and_takes_no_more_memory() {
    let served = Served::start();
    let mut settled = 0;
    let (runs, answers) = ask(&served.ledger, &served.address(), false, |run| {
        if run == self::runs().0.div_ceil(4) {
            settled = served.peak_memory();
        }
    });
    let peak = served.peak_memory();
    assert!(peak <= settled + WAVERS, "{settled} KiB became {peak} KiB");
    println!(
        "a server: {runs} runs, {answers} answers checked, 0 lost, 0 doubled, {settled} KiB after a quarter, {peak} KiB at the end"
    );
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn runs_on_one_file_answer_right_for_long() {
    let ledger = Ledger::created();
    let (runs, answers) = ask(&ledger, &ledger.path(), true, |_| {});
    println!("a file: {runs} runs, {answers} answers checked, 0 lost, 0 doubled");
}
