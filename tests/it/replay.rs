//! An order that was found, taken by real processes and threads.
//!
//! `BANK_PAR_REPLAYS=N` has each order taken N times instead of a few.

use std::collections::HashSet;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::thread;
use std::time::Duration;

use bank_par::explore::{TokenError, read_token};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use crate::cli::{Running, run};
use crate::process::until;
use serde_json::{Value, json};

/// The token of the order that `explore` shows.
fn token(arguments: &[&str]) -> String {
    let explored = run(&[&["explore", "--output", "json"], arguments].concat());
    let token = &explored.events()[0]["example"]["token"];
    token
        .as_str()
        .unwrap_or_else(|| panic!("{explored:?}"))
        .to_string()
}

fn replayed(token: &str, by: &str, times: &str) -> Value {
    let run = run(&["replay", token, by, "--times", times, "--output", "json"]).expect(0);
    run.events().remove(0)
}

/// Who can take the steps of this token.
fn takers(token: &str) -> &'static [&'static str] {
    let in_memory = ["none", "lock", "mutex-per-account", "mutex-in-order"];
    match in_memory.contains(&token.split('/').nth(1).unwrap()) {
        true => &["--threads", "--processes", "--shared-memory"],
        false => &["--threads", "--processes"],
    }
}

/// The steps of a replay, without what only some tell.
fn steps(replayed: &Value) -> Vec<Value> {
    let mut steps = replayed["steps"].as_array().unwrap().clone();
    for step in &mut steps {
        step.as_object_mut().unwrap().remove("pid");
        // The owner tells a refusal, and what is set aside, without what the other side holds.
        let is_owners = ["ask", "begin"].contains(&step["step"].as_str().unwrap());
        if is_owners && step["result"] == "refused" || step["step"] == "begin" {
            step["balances"] = json!(null);
        }
    }
    steps
}

/// Takes an order so many times with threads, processes and shared memory: each time, every step reads and
/// writes the same, and the same balances come out.
#[track_caller]
fn check(token: &str, times: &str) {
    let all = takers(token).iter().map(|by| {
        let replayed = replayed(token, by, times);
        assert_eq!(replayed["reproduced"], replayed["times"], "{token} {by}");
        assert_eq!(replayed["token"], token, "a token is written as it is read");
        (steps(&replayed), replayed["balances"].clone())
    });
    let all: Vec<_> = all.collect();
    for other in &all[1..] {
        assert_eq!(*other, all[0], "{token}");
    }
}

#[test]
#[ignore = "slow: takes many orders"]
fn whatever_is_explored_ends_the_same_each_time() {
    let ways: [&[&str]; 9] = [
        &["--amount", "500"],
        &["--amount", "500", "--final", "2000"],
        &["--op=withdraw=600", "--op=withdraw=600"],
        &["--sync", "cas", "--final", "1000"],
        &["--sync", "lock", "--amount", "700", "--final", "1000"],
        &[
            "--sync",
            "mutex-per-account",
            "--lock-order",
            "--op=loan",
            "--op=withdraw",
            "--final",
            "1000",
        ],
        &["--sync", "server", "--with-work", "--final", "1000"],
        &["--sync", "queue", "--amount", "700", "--final", "1000"],
        &[
            "--sync",
            "pipe",
            "--with-work",
            "--op=withdraw=600",
            "--op=withdraw=600",
            "--final=400",
        ],
    ];
    let times = std::env::var("BANK_PAR_REPLAYS").unwrap_or_else(|_| "20".to_string());
    for way in ways {
        check(&token(way), &times);
    }
}

/// Draws numbers below a limit.
fn drawn(seed: u64) -> impl FnMut(usize) -> usize {
    let mut number = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    move |limit| {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        (number % limit as u64) as usize
    }
}

/// Some operations in some order, which a seed chooses.
fn any_token(seed: u64) -> String {
    let mut below = drawn(seed);
    let way = [
        "none",
        "none",
        "cas",
        "lock",
        "mutex-per-account",
        "mutex-in-order",
        "owner-with-work",
    ][below(7)];
    let operations: Vec<String> = (0..2 + below(3))
        .map(|_| {
            let kind = ["w", "d", "l", "t"][below(4)];
            let sides = match (kind, below(2)) {
                ("t", 0) => "=main=b",
                ("t", _) => "=b=main",
                _ => "",
            };
            format!("{kind}{}{sides}", 1 + below(9))
        })
        .collect();
    let count = operations.len();
    let start = format!("x1/{way}/main=10,b=5/{}", operations.join(","));
    let mut order = String::new();
    loop {
        let next = format!("{order}{}", 1 + below(count));
        match read_token(&format!("{start}/{next}")) {
            Ok(_) => return format!("{start}/{next}"),
            Err(TokenError::TooShort { .. }) => order = next,
            Err(TokenError::Impossible { .. }) => {}
            Err(error) => panic!("{start}/{next}: {error}"),
        }
    }
}

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn any_order_of_any_operations_ends_the_same_whoever_takes_it() {
    for seed in 1..=24 {
        let token = any_token(seed);
        // Deadlocks last until their deadline.
        check(&token, "2");
    }
}

#[test]
fn each_operation_has_a_process_of_its_own() {
    let replayed = replayed(
        "x1/none/main=1000/w500,d500,t500/112233",
        "--processes",
        "2",
    );
    let steps = replayed["steps"].as_array().unwrap();
    let pids: HashSet<u64> = steps
        .iter()
        .map(|step| step["pid"].as_u64().unwrap())
        .collect();
    assert_eq!((steps.len(), pids.len()), (6, 3), "{replayed}");
}

#[test]
fn a_replay_shows_the_order_and_where_it_ends() {
    for (by, said) in [
        (
            "--threads",
            "reproduced 10 of 10, by a thread for each operation",
        ),
        (
            "--processes",
            "reproduced 10 of 10, by a process for each operation",
        ),
        (
            "--shared-memory",
            "reproduced 10 of 10, by a process for each operation, in shared memory",
        ),
    ] {
        let text = run(&["replay", "x1/none/main=1000/w500,d500/1221", by])
            .expect(0)
            .stdout;
        for expected in [
            "1 wrote over the write of 2, which it had not seen.",
            "main ends with $500.00 and must hold $1000.00.",
            said,
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }
}

#[test]
fn a_compare_and_set_in_memory_decides_again_as_the_order_says() {
    for token in [
        "x1/cas/main=1000/w500,d500/12122",
        "x1/cas/main=1000/w600,w600/1212",
        "x1/cas/main=1000/w1,w2,d3,w4/12341234423322",
    ] {
        let all = ["--threads", "--processes", "--shared-memory"];
        let all = all.map(|by| {
            let replayed = replayed(token, by, "20");
            assert_eq!(replayed["reproduced"], 20, "{token} {by}");
            (steps(&replayed), replayed["balances"].clone())
        });
        assert!(all[0] == all[1] && all[1] == all[2], "{token}: {all:?}");
    }
}

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn a_deadlock_is_replayed_and_ended_by_its_deadline() {
    let token = "x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12";
    for by in takers(token) {
        let stuck = replayed(token, by, "3");
        assert_eq!(
            (&stuck["deadlock"], &stuck["reproduced"], &stuck["waiting"]),
            (&json!(true), &json!(3), &json!([1, 2])),
            "{by}"
        );
    }
    let text = run(&["replay", token, "--times", "1"]).expect(0).stdout;
    for expected in [
        "1 waits for b, which 2 holds.",
        "2 waits for a, which 1 holds.",
        "the processes were ended by their deadline",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

/// Starts a replay of many runs and sends it one signal, so many microseconds after it began: it ends by
/// that, and leaves no process and no file.
#[track_caller]
fn check_signal(by: &str, (signal, to_group): (Signal, bool), after_us: usize) {
    let place = tempfile::tempdir().unwrap();
    let token = "x1/none/main=1000/w100,d100/1221";
    let mut command = Command::new(env!("CARGO_BIN_EXE_bank-par"));
    command
        .args(["replay", token, by, "--times", "100000"])
        .env("TMPDIR", place.path())
        .env_remove("XDG_RUNTIME_DIR")
        .process_group(0);
    let running = Running::start(command);
    let pid = Pid::from_raw(running.pid.cast_signed()).unwrap();
    let files = || std::fs::read_dir(place.path()).unwrap().count();
    // Before, the signal ends it by itself.
    until("a run", || (files() > 0).then_some(()));
    // Not to wait for anything: the moment is drawn.
    thread::sleep(Duration::from_micros(after_us as u64));
    match to_group {
        true => kill_process_group(pid, signal).unwrap(),
        false => kill_process(pid, signal).unwrap(),
    }
    let run = running.finish();
    assert_eq!(run.status.signal(), Some(signal.as_raw()), "{run:?}");
    until("no process is left", || {
        test_kill_process_group(pid).is_err().then_some(())
    });
    assert_eq!(files(), 0, "{by} after {after_us} us");
}

#[test]
#[ignore = "slow: takes many orders"]
fn one_signal_ends_all_runs_of_a_replay_whenever_it_comes() {
    let mut below = drawn(41);
    for number in 0..30 {
        let by = ["--processes", "--shared-memory"][number % 2];
        let signal = [Signal::INT, Signal::TERM, Signal::HUP][below(3)];
        check_signal(by, (signal, below(2) == 0), below(60_000));
    }
}

#[test]
fn what_is_no_token_is_refused() {
    for (token, expected) in [
        ("x9/none/main=1/w1/11", "no token of this version"),
        ("x1/none/main=1/w1/12", "there is no such operation"),
        ("x1/none/main=1/w1,w1/11", "ends before"),
        (
            &format!("x1/none/main=1/{}/1", vec!["w1"; 61].join(",")),
            "there are more than `60` operations",
        ),
    ] {
        let run = run(&["replay", token]);
        assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
        assert_eq!(run.stderr.matches(expected).count(), 1, "{run:?}");
        assert!(!run.stderr.contains("explored"), "{run:?}");
    }
    for (token, expected) in [
        ("x1/owner/main=1/w1/1", "no process there owns the balance"),
        // The loan gives from `@loans`, which no other operation has written.
        (
            "x1/cas/main=1000/w100,l100/12122",
            "because of the other account alone",
        ),
    ] {
        let run = run(&["replay", token, "--shared-memory"]);
        assert_eq!(run.code(), 2, "{run:?}");
        assert!(run.stderr.contains(expected), "{run:?}");
    }
    let run = run(&["replay", "x1/none/main=1/w1/11", "--step"]);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("is no terminal"), "{run:?}");
}
