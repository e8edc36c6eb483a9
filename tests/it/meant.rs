//! Money goes out only where that was meant: slips of the hand are refused, and leave nothing behind.

use std::io::{Seek, Write};
use std::process::Stdio;

use crate::cli::{MODES, Run, Running, feed, program, run};
use crate::faults::ASKING;
use crate::ledger::Ledger;

/// Checks that these words are refused with 2 and this telling, and that nothing was run or written.
#[track_caller]
fn refused(run: &Run, telling: &str) {
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains(telling), "{run:?}");
}

#[test]
fn the_demonstration_runs_only_in_memory_and_without_a_command() {
    let ledger = Ledger::new();
    ledger.say("deposit 1000");
    let path = ledger.path();
    let telling = "no operations are given, and the five of the demonstration run only in memory";
    for mode in ASKING {
        let payout = "{\"op\":\"withdraw\",\"amount\":1}\n";
        let ran = ledger.path() + ".ran";
        for words in [
            &[mode, "--ledger", &path][..],
            &[mode, "--ledger", &path, "--", "touch", &ran],
            &[mode, "--ledger", "memory", "--", "touch", &ran],
        ] {
            refused(&feed(words, payout), telling);
        }
        refused(&ledger.run(mode), "`-` to read them from standard input");
        refused(&ledger.run(mode), "`--ledger memory`");
        assert!(!std::fs::exists(&ran).unwrap());
        // Operations that are named were meant.
        ledger.say(&format!("{mode} --op withdraw=1 --time-scale 0"));
        ledger.say(&format!("{mode} --op withdraw=1 -- true"));
    }
    assert_eq!(ledger.money("main")[0], "994.00");
}

#[test]
fn a_command_has_a_ledger_that_was_named() {
    for mode in ASKING {
        let words = [mode, "--op", "withdraw=1", "--", "true"];
        refused(&run(&words), "its ledger must be named: `--ledger FILE`");
        let named = [
            mode,
            "--ledger",
            "memory",
            "--op",
            "withdraw=1",
            "--",
            "true",
        ];
        run(&named).expect(0);
    }
}

/// Runs the program with this waiting on its stdin, in a pipe or in a file.
fn with_stdin(words: &[&str], input: &str, in_file: bool) -> Run {
    let stdin: Stdio = if in_file {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(input.as_bytes()).unwrap();
        file.rewind().unwrap();
        file.into()
    } else {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(input.as_bytes()).unwrap();
        reader.into()
    };
    Running::start_reading(program(words), stdin).finish()
}

#[test]
fn a_standard_input_that_is_not_read_is_told() {
    let told = |run: &Run| run.stderr.matches("standard input holds something").count();
    let lines = "{\"op\":\"deposit\",\"amount\":1}\n";
    for in_file in [false, true] {
        for mode in MODES {
            let words = [mode, "--time-scale", "0", "--op", "deposit"];
            let run = with_stdin(&words, lines, in_file);
            assert_eq!((run.code(), told(&run)), (0, 1), "{run:?}");
            assert_eq!(told(&with_stdin(&words, "", in_file)), 0);
            assert_eq!(told(&with_stdin(&[mode, "-"], lines, in_file)), 0);
        }
        let run = with_stdin(&["sync", "--rounds", "10"], lines, in_file);
        assert_eq!((run.code(), told(&run)), (0, 1), "{run:?}");
    }
}

#[test]
fn a_transfer_on_a_ledger_that_lasts_says_where_the_money_goes() {
    let ledger = Ledger::new();
    ledger.say("deposit 100");
    refused(&ledger.run("transfer 5"), "--to <NAME>");
    let lines =
        "{\"op\":\"transfer\",\"amount\":5}\n{\"op\":\"transfer\",\"amount\":5,\"to\":null}\n";
    for mode in ASKING {
        refused(
            &ledger.run(&format!("{mode} --op transfer=5")),
            "`--to NAME`",
        );
        let path = ledger.path();
        for (input, count) in [
            (lines, 2),
            ("op,amount,to\ntransfer,5,\ntransfer,5,\"\"\n", 2),
        ] {
            let words = [mode, "-", "--ledger", &path, "--output", "json"];
            let run = feed(&words, input);
            let invalid = run.of("invalid");
            assert_eq!((run.code(), invalid.len()), (2, count), "{run:?}");
            let reason = invalid[0]["reason"].as_str().unwrap();
            assert!(
                reason.contains("does not say where the money goes"),
                "{run:?}"
            );
            let words = [&words[..], &["--to", "rent"]].concat();
            assert_eq!(feed(&words, input).of("completed").len(), 2);
        }
        // In memory it goes to the world.
        assert_eq!(feed(&[mode, "-"], lines).expect(0).stderr, "");
    }
    assert_eq!(ledger.money("main")[0], "40.00");
    assert_eq!(ledger.money("rent")[0], "60.00");
}

#[test]
fn only_money_that_comes_in_and_open_create_a_ledger() {
    let ledger = Ledger::new();
    let folder = std::path::Path::new(&ledger.path())
        .parent()
        .unwrap()
        .to_owned();
    let input = folder.join("in.jsonl");
    std::fs::write(&input, "{\"op\":\"deposit\",\"amount\":1}\n").unwrap();
    let input = input.to_str().unwrap();
    let socket = folder.join("run/bank");
    let mut words: Vec<String> = [
        "withdraw 1",
        "withdraw 1 -- touch ran",
        "transfer 1 --to rent",
        "hold 1",
        "hold 1 --id a -- touch ran",
        "post a",
        "void a",
        "balance",
        "balance --holds",
        "history",
        "history --follow",
        "verify",
    ]
    .map(String::from)
    .into();
    words.push(format!("serve --socket {}", socket.display()));
    words.push(format!("serve --background --socket {}", socket.display()));
    for mode in ASKING {
        words.push(format!("{mode} {input}"));
        words.push(format!("{mode} {input} --run november"));
        words.push(format!("{mode} {input} --run november -- touch ran"));
        words.push(format!("{mode} --op deposit"));
    }
    for words in &words {
        let run = ledger.run(words);
        assert_eq!(
            (run.code(), run.stdout.as_str()),
            (8, ""),
            "{words}: {run:?}"
        );
        assert!(
            run.stderr.contains("there is no ledger"),
            "{words}: {run:?}"
        );
        let left: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            left.iter().all(|name| name == "in.jsonl" || name == "run"),
            "{words}: {left:?}"
        );
    }
    for words in ["deposit 1", "loan 1", "open main", "deposit 1 -- true"] {
        let ledger = Ledger::new();
        ledger.run(words).expect(0);
        assert!(std::fs::exists(ledger.path()).unwrap(), "{words}");
    }
}

#[test]
fn nothing_behind_the_dashes_is_no_operation_without_a_command() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    let telling = "no command stands behind `--`; nothing was done";
    for single in [
        "withdraw 1",
        "deposit 1",
        "loan 1",
        "transfer 1 --to rent",
        "hold 1",
    ] {
        refused(&ledger.run(&format!("{single} --")), telling);
    }
    for mode in ASKING {
        refused(&ledger.run(&format!("{mode} --op withdraw=1 --")), telling);
    }
    assert_eq!(ledger.money("main")[0], "10.00");
    // Only the first of them ends the flags.
    ledger.say("withdraw 1 -- echo --");
}

#[test]
fn a_slip_is_refused_by_a_message_that_says_what_to_do() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    for (words, telling) in [
        ("deposit --amount=5", "an amount stands alone"),
        ("withdraw --amount 5 -- true", "an amount stands alone"),
        ("withdraw 1,000.00", "such as `500` or `12.50`"),
        ("skip 3 november", "stands behind the run's name"),
        ("skip november 0", "a line is a number from 1"),
        (
            "hold 1 --expires 367d",
            "with `never` until it is posted or voided",
        ),
        (
            "history --since today --until yesterday",
            "`--since` is later than `--until`",
        ),
        (
            "balance --ledger=",
            "a variable, such as `BANK_PAR_LEDGER`, that is set to nothing",
        ),
        (
            "parallel --run a --op withdraw=1",
            "knows its operations by the lines",
        ),
    ] {
        refused(&ledger.run(words), telling);
    }
    assert_eq!(ledger.money("main")[0], "10.00");
}

#[test]
fn no_command_writes_into_its_ledger_or_its_input() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    let operations = "{\"op\":\"withdraw\",\"amount\":1}\n";
    let script = |words: &str, stream: &str| {
        std::fs::write(ledger.path() + ".in.jsonl", operations).unwrap();
        ledger.script(&format!("bank-par {words} {stream}"))
    };
    let bytes = std::fs::read(ledger.path()).unwrap();
    for words in [
        "balance",
        "history",
        "verify",
        "runs",
        "skip november 1",
        "backup copy.db",
        "withdraw 1",
        "hold 1",
        "post a",
        "open ops",
        "serve --socket run/bank",
        "serve --socket run/bank --background",
        "parallel bank.db.in.jsonl",
    ] {
        for stream in [">> bank.db", "2>> bank.db"] {
            assert_eq!(script(words, stream).code(), 2, "{words} {stream}");
            assert!(
                std::fs::read(ledger.path()).unwrap() == bytes,
                "{words} {stream}"
            );
        }
    }
    for words in [
        "parallel",
        "pipe",
        "queue",
        "server-share",
        "explore",
        "sync --rounds 2",
    ] {
        let words = format!("{words} bank.db.in.jsonl");
        assert_eq!(script(&words, ">> bank.db.in.jsonl").code(), 2, "{words}");
        let left = std::fs::read_to_string(ledger.path() + ".in.jsonl").unwrap();
        assert_eq!(left, operations, "{words}");
    }
    let wrong = script("withdraw 1 --events fd:x", "");
    refused(
        &wrong,
        "`fd:` is followed by the number of an open descriptor",
    );
}
