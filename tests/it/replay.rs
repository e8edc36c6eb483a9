//! An order that was found, taken by real threads.

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

fn replayed(token: &str, times: &str) -> Value {
    let run = run(&[
        "replay",
        token,
        "--threads",
        "--times",
        times,
        "--output",
        "json",
    ])
    .expect(0);
    run.events().remove(0)
}

#[test]
fn whatever_is_explored_ends_the_same_with_threads() {
    let ways: [&[&str]; 6] = [
        &["--amount", "500"],
        &["--amount", "500", "--final", "2000"],
        &["--op=withdraw=600", "--op=withdraw=600"],
        &["--sync", "cas", "--final", "1000"],
        &["--sync", "mutex-per-account"],
        &["--sync", "server", "--with-work", "--final", "1000"],
    ];
    for way in ways {
        let token = token(way);
        let replayed = replayed(&token, "100");
        assert_eq!(
            (
                &replayed["type"],
                &replayed["times"],
                &replayed["reproduced"]
            ),
            (&json!("replayed"), &json!(100), &json!(100)),
            "{way:?}"
        );
        assert_eq!(replayed["token"], token, "a token is written as it is read");
    }
}

#[test]
fn a_replay_shows_the_order_and_where_it_ends() {
    let text = run(&["replay", "x1/none/main=1000/w500,d500/1221"])
        .expect(0)
        .stdout;
    for expected in [
        "1 wrote over the write of 2, which it had not seen.",
        "main ends with $500.00; what was accepted adds up to $1000.00.",
        "reproduced 10 of 10, by a thread for each operation",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let stuck = replayed("x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12", "3");
    assert_eq!(
        (&stuck["deadlock"], &stuck["reproduced"]),
        (&json!(true), &json!(3))
    );
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
}
