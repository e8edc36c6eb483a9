//! An order that was found, taken by real processes and threads.

use std::collections::HashSet;

use crate::cli::run;
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

/// Takes an order a hundred times, which must end as it was found each time.
#[track_caller]
fn check(token: &str, by: &str) -> Value {
    let replayed = replayed(token, by, "100");
    assert_eq!(
        (
            &replayed["type"],
            &replayed["times"],
            &replayed["reproduced"]
        ),
        (&json!("replayed"), &json!(100), &json!(100)),
        "{token} {by}"
    );
    assert_eq!(replayed["token"], token, "a token is written as it is read");
    replayed
}

#[test]
fn whatever_is_explored_ends_the_same_with_threads_and_processes() {
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
            "--final",
            "1100",
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
    for way in ways {
        let token = token(way);
        let (threads, processes) = (check(&token, "--threads"), check(&token, "--processes"));
        assert_eq!(threads["balances"], processes["balances"], "{way:?}");
        let steps = |replayed: &Value| replayed["steps"].as_array().unwrap().clone();
        let (threads, processes) = (steps(&threads), steps(&processes));
        assert_eq!(threads.len(), processes.len(), "{way:?}");
        for (mut thread, mut process) in threads.into_iter().zip(processes) {
            process.as_object_mut().unwrap().remove("pid").unwrap();
            // The owner tells a refusal without what the other side holds.
            if thread["result"] == "refused" || thread["step"] == "begin" {
                thread["balances"] = json!(null);
                process["balances"] = json!(null);
            }
            assert_eq!(thread, process, "{way:?}");
        }
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
fn a_deadlock_is_replayed_and_ended_by_its_deadline() {
    let token = "x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12";
    for by in ["--threads", "--processes"] {
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
        "all ended at their deadline",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    for (token, expected) in [
        ("x9/none/main=1/w1/11", "no token of this version"),
        ("x1/none/main=1/w1/12", "its step 2 is one"),
        ("x1/none/main=1/w1,w1/11", "ends before"),
    ] {
        let run = run(&["replay", token]);
        assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(expected), "{run:?}");
    }
    let run = run(&["replay", "x1/none/main=1/w1/11", "--step"]);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("is no terminal"), "{run:?}");
}
