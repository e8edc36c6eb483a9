//! The modes on a ledger that lasts.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::cli::{Running, account, program};
use crate::faults::{ASKING, in_each};
use crate::ledger::Ledger;
use crate::process::{Ended, Program};

/// Starts a mode on this ledger; its words are told apart by spaces.
fn start(mode: &str, ledger: &Ledger, words: &str) -> Program {
    let path = ledger.path();
    let arguments = [mode, "--ledger", &path];
    Program::start(arguments.into_iter().chain(words.split_whitespace()))
}

/// Checks what an account has posted and available, as the ledger itself says.
#[track_caller]
fn assert_holds(ledger: &Ledger, name: &str, posted: &str, available: &str) {
    let [seen, _, free] = ledger.money(name);
    assert_eq!((seen.as_str(), free.as_str()), (posted, available));
}

#[track_caller]
fn assert_ended(ended: &Ended, status: i32, completed: usize, failed: usize) {
    let seen = (
        ended.status.code(),
        ended.of("completed").len(),
        ended.of("failed").len(),
    );
    let expected = (Some(status), completed, failed);
    assert_eq!(seen, expected, "{}{:#?}", ended.stderr, ended.events);
    assert!(ended.left.is_empty(), "{:?}", ended.left);
}

/// All five operations, which run on a ledger that lasts only where they are named.
const FIVE: &str =
    "--op withdraw --op deposit --op transfer --to @world --op loan --op balance --time-scale 0.01";

#[test]
fn the_five_operations_go_on_from_run_to_run() {
    in_each(&ASKING, |mode| {
        let ledger = Ledger::new();
        ledger.say("deposit 1000");
        for balance in ["1000.00", "1000.00"] {
            let ended = start(mode, &ledger, FIVE).end();
            assert_ended(&ended, 0, 5, 0);
            assert_eq!(ended.of("held").len(), 4);
            let summary = ended.summary();
            assert_eq!(summary["ledger"], json!(ledger.path()));
            // Others may write at the same time, so there is nothing to hold this against.
            assert_eq!(
                summary["balances"],
                json!([{"account": "main", "balance": balance, "available": balance}])
            );
            for absent in ["sum", "wrong_accounts", "lost_updates"] {
                assert!(summary.get(absent).is_none(), "{summary:#}");
            }
        }
        let withdrawal = "--op withdraw=1000 --op withdraw=1 --jobs 1 --time-scale 0";
        let ended = start(mode, &ledger, withdrawal).end();
        assert_ended(&ended, 1, 1, 0);
        assert_eq!(ended.of("refused")[0]["reason"], "insufficient_funds");
        assert_holds(&ledger, "main", "0.00", "0.00");
    });
}

#[test]
fn people_are_told_the_balance_alone() {
    let ledger = Ledger::new();
    ledger.say("deposit 400");
    let run = ledger.run("parallel --op deposit=100 --time-scale 0");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.last(), Some(&"Balance of main: $500.00"));
    run.expect(0);
}

#[test]
fn a_ledger_that_is_new_has_no_accounts() {
    let ledger = Ledger::created();
    let ended = start("parallel", &ledger, "--time-scale 0 --op withdraw=1").end();
    assert_ended(&ended, 1, 0, 0);
    assert_eq!(ended.of("refused")[0]["reason"], "unknown_account");
    assert_eq!(ended.summary()["balances"], json!([]));
    let strict = "--time-scale 0 --strict --op deposit=1";
    let ended = start("parallel", &ledger, strict).end();
    assert_eq!(ended.of("refused")[0]["reason"], "unknown_account");
    ledger.say("open main");
    assert_ended(&start("parallel", &ledger, strict).end(), 0, 1, 0);
}

#[test]
fn strict_terms_hold_in_memory_too() {
    let ledger = Ledger::new();
    let words = "queue --ledger memory --strict --op transfer=1 --to rent --time-scale 0";
    let run = ledger.run(words);
    assert!(run.stdout.contains("refused: unknown account"), "{run:?}");
    assert_eq!(run.code(), 1);
}

#[test]
fn many_lines_in_blocks_are_all_posted_once() {
    in_each(&ASKING, |mode| {
        let ledger = Ledger::created();
        let words = "- --ops-per-worker 0 --jobs 2";
        for run in 1..=2 {
            let program = start(mode, &ledger, words);
            let lines = |n| {
                format!(
                    "{{\"op\":\"deposit\",\"amount\":1,\"account\":\"a{}\"}}\n",
                    n % 10
                )
            };
            program.say(&(0..10_000).map(lines).collect::<String>());
            let ended = program.end();
            assert_ended(&ended, 0, 10_000, 0);
            let mut seqs: Vec<u64> = ended
                .of("completed")
                .iter()
                .filter_map(|event| event["seq"].as_u64())
                .collect();
            let in_order = seqs.clone();
            seqs.sort_unstable();
            assert_eq!(in_order, seqs, "results come in the ledger's order");
            seqs.dedup();
            assert_eq!(seqs.len(), 10_000);
            for n in 0..10 {
                let balance = json!(format!("{}.00", run * 1_000));
                let seen = account(ended.summary(), &format!("a{n}"));
                assert_eq!(seen["balance"], balance);
            }
        }
    });
}

#[test]
fn two_runs_share_one_ledger() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let lines =
        "{\"op\":\"deposit\",\"amount\":1}\n{\"op\":\"withdraw\",\"amount\":1}\n".repeat(2_000);
    let words = "- --ops-per-worker 0 --jobs 1";
    let programs = ASKING.map(|mode| start(mode, &ledger, words));
    for program in &programs {
        program.say(&lines);
    }
    for program in programs {
        assert_ended(&program.end(), 0, 4_000, 0);
    }
    assert_holds(&ledger, "main", "1.00", "1.00");
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_worker_killed_at_its_work_gives_back_what_was_set_aside() {
    in_each(&ASKING, |mode| {
        let ledger = Ledger::new();
        ledger.say("deposit 1000");
        // One after another, so that the second one needs what the first one had set aside.
        let words = "--jobs 1 --time-scale 1.25 --op withdraw=300 --op withdraw=800";
        let program = start(mode, &ledger, words);
        program.working(1)[0].kill();
        let ended = program.end();
        assert_ended(&ended, 7, 1, 1);
        assert_eq!(ended.reasons(), ["worker_died"]);
        assert_eq!(ended.main(), ("200.00", "200.00"));
        assert_eq!(ledger.say("balance --holds"), "");
    });
}

#[test]
fn what_a_killed_run_had_set_aside_is_free_for_the_next() {
    in_each(&ASKING, |mode| {
        let ledger = Ledger::new();
        ledger.say("deposit 1000");
        let mut program = start(mode, &ledger, "--time-scale 1000 --op withdraw=300");
        program.events("held", 1);
        assert_holds(&ledger, "main", "1000.00", "700.00");
        program.process().kill();
        program.process().ended();
        drop(program);
        let ended = start(mode, &ledger, "--time-scale 0 --op withdraw=1000").end();
        assert_ended(&ended, 0, 1, 0);
        assert_holds(&ledger, "main", "0.00", "0.00");
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_signal_lets_what_is_under_way_finish() {
    in_each(&ASKING, |mode| {
        let ledger = Ledger::new();
        ledger.say("deposit 1000");
        let ops = "--op withdraw=10 ".repeat(4);
        let program = start(mode, &ledger, &format!("--jobs 2 --time-scale 1.25 {ops}"));
        program.working(2);
        program.process().signal(Signal::TERM);
        let ended = program.end();
        assert_eq!(ended.of("completed").len(), 2, "{}", ended.stderr);
        assert_eq!(ended.summary()["ended_early"], "a signal asked for the end");
        assert_eq!(ended.main(), ("980.00", "980.00"));
        assert_eq!(ledger.say("balance --holds"), "");
    });
}

#[test]
#[ignore = "slow: works through many lines"]
fn a_ledger_that_fails_ends_the_run() {
    in_each(&ASKING, |mode| {
        let ledger = Ledger::new();
        ledger.say("deposit 1");
        // A limit on the size of files is a full disk that anyone can have.
        let mut command = Command::new("sh");
        let script = "ulimit -f 512; exec \"$0\" \"$@\"";
        command.args(["-c", script, env!("CARGO_BIN_EXE_bank-par"), mode, "-"]);
        command.args([
            "--ledger",
            &ledger.path(),
            "--ops-per-worker",
            "0",
            "--jobs",
            "4",
        ]);
        let mut program = Program::launch(command);
        let line = "{\"op\":\"deposit\",\"amount\":1}\n";
        // The disk is full only for what comes after, however large its batches are.
        program.say(line);
        program.events("completed", 1);
        program.say(&line.repeat(30_000));
        let ended = program.end();
        let completed = ended.of("completed").len();
        assert_eq!(ended.status.code(), Some(8), "{}", ended.stderr);
        assert!(!ended.of("failed").is_empty() && completed > 0);
        assert!(ended.reasons().iter().all(|reason| *reason == "ledger"));
        let told: Vec<&str> = ended.stderr.lines().collect();
        assert!(
            told.len() == 1 && told[0].contains(&ledger.path()),
            "{told:?}"
        );
        assert_eq!(ended.summary()["ended_early"], "the ledger failed");
        assert_eq!(ended.summary()["failed"], ended.of("failed").len());
        // All that was told as completed is there, and of the rest no more than was asked.
        let [posted, ..] = ledger.money("main");
        let posted = posted.strip_suffix(".00").unwrap();
        let posted = posted.parse::<usize>().unwrap() - 1;
        let most = completed + ended.of("failed").len();
        assert!(
            (completed..=most).contains(&posted),
            "{completed} {posted} {most}"
        );
    });
}

#[test]
fn an_account_of_a_ledger_that_lasts_has_its_own_balance() {
    let ledger = Ledger::new();
    for (flag, way_out) in [
        ("--balance", "bank-par deposit AMOUNT --account main"),
        ("--overdraft", "bank-par open main --overdraft AMOUNT"),
    ] {
        let run = ledger.run(&format!("parallel {flag} 5"));
        assert_eq!(run.code(), 2);
        assert!(
            run.stderr.contains(flag) && run.stderr.contains(way_out),
            "{run:?}"
        );
    }
    ledger
        .run("parallel --ledger memory --balance 5 --op deposit=1 --time-scale 0")
        .expect(0);
}

#[test]
fn modes_that_share_memory_have_no_ledger_but_memory() {
    let ledger = Ledger::new();
    for (mode, words) in [
        ("server-share", "--time-scale 0"),
        ("sync", "--rounds 10 --lock mutex"),
    ] {
        let path = ledger.path();
        let run = Running::start(program(&[mode, "--ledger", &path])).finish();
        assert_eq!((run.code(), run.stdout.as_str()), (2, ""));
        assert!(
            run.stderr
                .contains(&format!("`{mode}` cannot use the ledger `{path}`"))
        );
        let run = ledger.run(&format!("{mode} {words}"));
        assert_eq!(run.code(), 0);
        let notice = format!("bank-par: `{mode}` runs in memory and not in `{path}`");
        assert!(run.stderr.starts_with(&notice), "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1);
        ledger
            .run(&format!("{mode} {words} --ledger memory"))
            .expect(0);
        assert!(!std::path::Path::new(&path).exists());
    }
}

#[test]
fn a_ledger_that_cannot_be_opened_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (there, missing) = (folder.path(), folder.path().join("missing/bank.db"));
    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "no ledger at all").unwrap();
    for path in [there, &missing, &foreign] {
        for mode in ASKING {
            let path = path.to_str().unwrap();
            let words = [mode, "--ledger", path, "--op", "deposit"];
            let run = Running::start(program(&words)).finish();
            assert_eq!((run.code(), run.stdout.as_str()), (8, ""), "{run:?}");
            assert!(run.stderr.contains(path), "{run:?}");
        }
    }
    assert_eq!(std::fs::read(&foreign).unwrap(), b"no ledger at all");
}
