//! Where results go, and what becomes of them when that fails.

use std::fs::File;
use std::io::{BufRead, Write};
use std::process::Stdio;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use crate::cli::{MODES, Running, Written, account, events, feed, program, run};

const DEPOSIT: &str = "{\"op\":\"deposit\",\"amount\":1}\n";

#[test]
fn a_reader_that_goes_away_is_a_quiet_end_of_endless_input() {
    for mode in MODES {
        for format in ["text", "json"] {
            let record = Written::new("events.jsonl", "");
            let mut running = Running::start(program(&[
                mode,
                "-",
                "--ops-per-worker",
                "0",
                "--jobs",
                "2",
                "--output",
                format,
                "--events",
                record.path(),
            ]));
            let mut stdin = running.stdin.take().unwrap();
            let writing =
                thread::spawn(move || while stdin.write_all(DEPOSIT.as_bytes()).is_ok() {});
            assert_ne!(running.hear(), "");
            drop(running.stdout.take());
            let run = running.finish();
            assert_eq!((run.code(), run.stderr.as_str()), (10, ""), "{mode}");
            writing.join().unwrap();
            // Everything that was decided is in the record, and the record is whole.
            let recorded = events(&record.read());
            let summary = recorded.last().unwrap();
            assert_eq!(
                (&summary["type"], &summary["status"]),
                (&json!("summary"), &json!(10)),
                "{mode}"
            );
            assert!(
                summary["ended_early"].as_str().unwrap().contains("stdout"),
                "{mode}: {summary}"
            );
            let completed = recorded
                .iter()
                .filter(|event| event["type"] == "completed")
                .count();
            assert_eq!(
                (summary["completed"].as_u64(), &summary["failed"]),
                (Some(completed as u64), &json!(0))
            );
            let balance = format!("{}.00", 1000 + completed);
            assert_eq!(account(summary, "main")["balance"], balance, "{mode}");
            assert_eq!(summary["sum"], "0.00");
        }
    }
}

#[test]
fn nobody_who_reads_is_no_crash() {
    // The reader is gone before the first result; what was asked for is done all the same.
    for mode in MODES {
        let record = Written::new("events.jsonl", "");
        let mut running = Running::start(program(&[
            mode,
            "--time-scale",
            "0",
            "--events",
            record.path(),
        ]));
        drop(running.stdout.take());
        let run = running.finish();
        assert!([0, 10].contains(&run.code()), "{mode}: {run:?}");
        assert_eq!(run.stderr, "", "{mode}");
        let recorded = events(&record.read());
        assert_eq!(recorded.last().unwrap()["type"], "summary", "{mode}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full_is_named() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let check = |mut arguments: Vec<&str>| {
        for format in ["text", "json"] {
            arguments.extend(["--output", format]);
            let mut running = Running::start_onto(program(&arguments), full());
            if let Some(stdin) = running.stdin.as_mut().filter(|_| arguments[1] == "-") {
                let _ = stdin.write_all(DEPOSIT.as_bytes());
            }
            let run = running.finish();
            let said =
                "bank-par: cannot write to `stdout`: No space left on device (os error 28)\n";
            assert_eq!(
                (run.code(), run.stderr.as_str()),
                (10, said),
                "{arguments:?}"
            );
            arguments.truncate(arguments.len() - 2);
        }
    };
    for mode in MODES {
        check(vec![mode, "--time-scale", "0"]);
        check(vec![mode, "-"]);
    }
    check(vec!["sync", "--rounds", "10"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_record_that_is_full_is_named_and_stdout_is_whole() {
    let all = run(&[
        "pipe",
        "--jobs",
        "1",
        "--op",
        "deposit",
        "--op",
        "loan",
        "--time-scale",
        "0",
        "--events",
        "/dev/full",
    ]);
    let said = "bank-par: cannot write to `/dev/full`: No space left on device (os error 28)\n";
    assert_eq!((all.code(), all.stderr.as_str()), (10, said));
    assert!(
        all.stdout.contains("Sum over all accounts: $0.00\n"),
        "{all:?}"
    );
}

#[test]
fn the_record_is_what_json_output_prints() {
    let lines = format!("{DEPOSIT}nonsense\n{{\"op\":\"withdraw\",\"amount\":5000}}\n");
    for mode in MODES {
        let record = Written::new("events.jsonl", "");
        let all = feed(
            &[
                mode,
                "-",
                "--output",
                "json",
                "--time-scale",
                "0.001",
                "--events",
                record.path(),
            ],
            lines.clone(),
        );
        assert_eq!(all.code(), 2, "{all:?}");
        assert_eq!(record.read(), all.stdout, "{mode}");
        let earlier = events(&record.read()).len();
        let all = feed(
            &[mode, "-", "--output", "text", "--events", record.path()],
            lines.clone(),
        );
        assert_eq!(
            (all.code(), events(&record.read()).len()),
            (2, earlier + 4),
            "{mode}: {all:?}"
        );
    }
    let record = Written::new("events.jsonl", "");
    let all = run(&[
        "sync",
        "--rounds",
        "10",
        "--output",
        "json",
        "--events",
        record.path(),
    ])
    .expect(0);
    assert_eq!(record.read(), all.stdout);
}

#[test]
fn a_record_that_cannot_be_created_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/events.jsonl");
    let path = path.to_str().unwrap();
    for mode in ["parallel", "server-share", "queue", "pipe", "sync"] {
        let all = run(&[mode, "--events", path]);
        let said = format!(
            "bank-par: error: cannot open `{path}` for events: No such file or directory (os error 2)\n"
        );
        assert_eq!((all.code(), all.stdout.as_str(), all.stderr), (2, "", said));
    }
}

/// Checks that nothing is run, and that what is said has all of these in it.
#[track_caller]
fn check_usage(arguments: &[&str], said: &[&str]) {
    let all = run(arguments);
    assert_eq!((all.code(), all.stdout.as_str()), (2, ""), "{arguments:?}");
    for said in said {
        assert!(
            all.stderr.contains(said),
            "{arguments:?}: `{said}`: {}",
            all.stderr
        );
    }
}

#[test]
fn wrong_words_are_named_with_what_would_be_right() {
    check_usage(
        &[],
        &[
            "Usage: bank-par [OPTIONS] <COMMAND>",
            "parallel",
            "server-share",
            "queue",
            "pipe",
            "sync",
        ],
    );
    check_usage(&["histroy"], &["'histroy'", "'history'"]);
    let missing = "bank-par: error: the following required arguments were not provided: <AMOUNT>\n";
    check_usage(&["deposit"], &[missing]);
    let forged = "1\nbank-par: posted deposit";
    check_usage(
        &["deposit", forged],
        &[r"'1\nbank-par: posted deposit' for"],
    );
    for mode in MODES {
        check_usage(&[mode, "--jobs", "0"], &["--jobs", "1..=4096"]);
        check_usage(&[mode, "--jobs", "4097"], &["--jobs", "1..=4096"]);
        check_usage(
            &[mode, "--time-scale", "nan"],
            &["--time-scale", "a number from 0 to 1000000"],
        );
        check_usage(
            &[mode, "--time-scale=-1"],
            &["--time-scale", "a number from 0 to 1000000"],
        );
        check_usage(
            &[mode, "--timeout", "0"],
            &["--timeout", "a timeout is more than nothing"],
        );
        check_usage(&[mode, "--ops-per-worker", "x"], &["--ops-per-worker"]);
    }
    for mode in ["parallel", "server-share", "queue", "pipe", "sync"] {
        check_usage(
            &[mode, "--amount", "1.234"],
            &[
                "--amount",
                "an amount has at most two digits after the point",
            ],
        );
        check_usage(
            &[mode, "--amount", "0"],
            &["--amount", "an amount is more than zero"],
        );
        check_usage(
            &[mode, "--balance=-1"],
            &["--balance", "an amount is never negative"],
        );
        check_usage(
            &[mode, "--op", "steal"],
            &["--op", "an operation is one of `withdraw`, `deposit`"],
        );
        check_usage(
            &[mode, "--op", "balance=5"],
            &["--op", "`balance` takes no amount"],
        );
        check_usage(
            &[mode, "--op", "deposit="],
            &["--op", "an amount is digits"],
        );
        check_usage(
            &[mode, "ops.jsonl", "--amount", "5"],
            &["--amount", "[FILE]"],
        );
        check_usage(&[mode, "ops.jsonl", "--op", "deposit"], &["--op", "[FILE]"]);
        check_usage(&[mode, "--format", "csv"], &["<FILE>"]);
        check_usage(
            &[mode, "--account", "@world"],
            &["--account", "`@` names are the bank's own"],
        );
        check_usage(
            &[mode, "--account", "a b"],
            &["--account", "an account name is 1 to 64 of"],
        );
        check_usage(&[mode, "--to", "@bank"], &["--to", "`@world` and `@loans`"]);
        check_usage(&[mode, "--output", "xml"], &["--output", "text, json"]);
    }
    check_usage(
        &["server-share", "--sync", "hope"],
        &["--sync", "none, lock, cas"],
    );
    check_usage(
        &["sync", "--lock", "hope"],
        &["--lock", "none, mutex, rwlock, atomic, cas"],
    );
    check_usage(
        &["sync", "--threads", "0"],
        &["`0` threads cannot race; ask for 1 to 1024"],
    );
    check_usage(&["sync", "--rounds", "0"], &["`0` rounds run nothing"]);
    check_usage(
        &["sync", "--balance", "5497558138.88"],
        &["the balance of `main` could leave"],
    );
}

#[test]
fn the_gravest_status_wins() {
    let refused = "{\"op\":\"withdraw\",\"amount\":5000}\n";
    let invalid = "nonsense\n";
    let conflict = "{\"op\":\"loan\",\"amount\":1,\"id\":\"x\"}\n{\"op\":\"loan\",\"amount\":2,\"id\":\"x\"}\n";
    for (lines, code) in [
        (format!("{DEPOSIT}{refused}"), 1),
        (format!("{refused}{DEPOSIT}"), 1),
        // Something must say that this is JSON Lines before the line that is none.
        (format!("{DEPOSIT}{invalid}{refused}"), 2),
        (format!("{refused}{invalid}{DEPOSIT}"), 2),
        (format!("{refused}{conflict}{invalid}"), 5),
        (format!("{conflict}{invalid}{refused}"), 5),
    ] {
        for mode in MODES {
            let all = feed(
                &[mode, "-", "--jobs", "1", "--output", "json"],
                lines.clone(),
            )
            .expect(code);
            assert_eq!(all.summary()["status"], code, "{mode}: {lines}");
        }
    }
}

/// Lines that are waited for by a reader who reads nothing must wait too, and not pile up.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "slow: works through many lines"]
fn a_slow_reader_stops_the_input_and_not_the_memory() {
    const LINES: usize = 200_000;
    let flags = [
        "-",
        "--ops-per-worker",
        "0",
        "--jobs",
        "2",
        "--output",
        "json",
    ];
    for mode in ["parallel", "queue", "pipe"] {
        let mut running = Running::start(program(&[&[mode], &flags[..]].concat()));
        let mut stdin = running.stdin.take().unwrap();
        // It takes some lines ahead of what is read, and then no more.
        let (block, mut taken) = (DEPOSIT.repeat(100), 0);
        while taken < LINES && has_room(&stdin) {
            stdin.write_all(block.as_bytes()).unwrap();
            taken += 100;
        }
        assert!(taken < LINES, "{mode}: no reader, and all input was taken");
        assert!(
            running.peak_memory() < 64 * 1024,
            "{mode}: {} KiB",
            running.peak_memory()
        );
        drop(stdin);
        let lines = running.stdout.take().unwrap().lines();
        let completed = lines
            .filter(|line| line.as_ref().unwrap().contains("\"type\":\"completed\""))
            .count();
        assert_eq!(completed, taken, "{mode}");
        assert_eq!(running.finish().code(), 0, "{mode}");
    }
}

/// Whether a pipe takes a block within a while; a wrong no ends the filling early and proves less.
#[cfg(target_os = "linux")]
fn has_room(pipe: &impl std::os::fd::AsFd) -> bool {
    let while_waiting = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    poll(
        &mut [PollFd::new(pipe, PollFlags::OUT)],
        Some(&while_waiting),
    ) == Ok(1)
}
