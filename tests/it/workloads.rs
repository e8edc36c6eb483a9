//! Operations from files and from stdin.

mod memory;

use std::io::Write;
use std::thread;

use crate::cli::{MODES, Run, Running, Written, account, feed, program, run};
use serde_json::{Value, json};

/// Runs the same input from a file of this name and from stdin; both must come to the same.
#[track_caller]
fn both(name: &str, input: impl AsRef<[u8]>) -> Run {
    let input = input.as_ref();
    let file = Written::new(name, input);
    let flags = ["--jobs", "1", "--ops-per-worker", "0", "--output", "json"];
    let from_file = run(&[&["pipe", file.path()], &flags[..]].concat());
    let from_stdin = feed(&[&["pipe", "-"], &flags[..]].concat(), input);
    // Invalid lines are told when they are read, ahead of what is still under way.
    let what = |run: &Run| -> Vec<Value> {
        let mut events = run.events();
        events.sort_by_key(|event| event["type"] == "invalid");
        events.iter().map(gist).collect()
    };
    assert_eq!(what(&from_file), what(&from_stdin));
    assert_eq!(
        (from_file.code(), &from_file.stderr),
        (from_stdin.code(), &from_stdin.stderr)
    );
    from_file
}

/// What an event says, whenever and by whomever.
fn gist(event: &Value) -> Value {
    let fields = [
        "type", "line", "op", "account", "to", "amount", "balance", "id", "reason", "status",
    ];
    json!(fields.map(|field| event[field].clone()))
}

/// Checks which lines were completed, and which were invalid for a reason that begins like this.
#[track_caller]
fn check(run: &Run, code: i32, completed: &[u64], invalid: &[(u64, &str)]) {
    assert_eq!((run.code(), run.stderr.as_str()), (code, ""), "{run:?}");
    let lines: Vec<Value> = run
        .of("completed")
        .iter()
        .map(|event| event["line"].clone())
        .collect();
    assert_eq!(lines, completed);
    let told = run.of("invalid");
    assert_eq!(told.len(), invalid.len(), "{told:?}");
    for (event, (line, reason)) in told.iter().zip(invalid) {
        assert_eq!(event["line"], *line);
        assert!(
            event["reason"].as_str().unwrap().starts_with(reason),
            "`{reason}`: {event}"
        );
    }
    assert_eq!(run.summary()["invalid"], invalid.len());
}

#[test]
fn json_lines_and_csv_say_the_same() {
    let lines = r#"{"op":"deposit","amount":5,"account":"ops","id":"a"}
{"op":"transfer","amount":"2.5","account":"ops","to":"rent"}
{"op":"loan","amount":1}
{"op":"balance"}
"#;
    let table = "amount,op,to,account,id\n5,deposit,,ops,a\n2.5,transfer,rent,ops,\n1,loan,,,\n,balance,,,\n";
    let what = |run: Run| -> Vec<Value> {
        let without_line = |event: &Value| {
            let mut event = gist(event);
            event[1].take();
            event
        };
        run.expect(0).events().iter().map(without_line).collect()
    };
    let expected = what(both("ops.jsonl", lines));
    assert_eq!(expected.len(), 5);
    assert_eq!(what(both("ops.csv", table)), expected);
    // Without a name that tells, the first character does.
    assert_eq!(what(both("ops", lines)), expected);
    assert_eq!(what(both("ops", table)), expected);
}

#[test]
fn a_format_that_is_named_counts_for_more_than_the_name() {
    let lines = Written::new("ops.csv", "{\"op\":\"loan\",\"amount\":1}\n");
    let all = run(&[
        "pipe",
        lines.path(),
        "--format",
        "jsonl",
        "--output",
        "json",
    ])
    .expect(0);
    assert_eq!(all.summary()["completed"], 1);
    let table = Written::new("ops.jsonl", "op,amount\nloan,1\n");
    let all = run(&["pipe", table.path(), "--format", "csv", "--output", "json"]).expect(0);
    assert_eq!(all.summary()["completed"], 1);
}

#[test]
fn defaults_stand_in_for_what_a_line_leaves_out() {
    let lines = "{\"op\":\"transfer\",\"amount\":1}\n{\"op\":\"transfer\",\"amount\":2,\"to\":\"x\",\"account\":\"rent\"}\n";
    let all = feed(
        &[
            "pipe",
            "-",
            "--jobs",
            "1",
            "--account",
            "ops",
            "--to",
            "rent",
            "--output",
            "json",
        ],
        lines,
    );
    let results = all.events();
    assert_eq!(
        (&results[0]["account"], &results[0]["to"]),
        (&json!("ops"), &json!("rent"))
    );
    // `rent` has only what the first line gave it.
    assert_eq!(
        (&results[1]["account"], &results[1]["reason"]),
        (&json!("rent"), &json!("insufficient_funds"))
    );
    assert_eq!(account(&all.summary(), "ops")["balance"], "999.00");
}

#[test]
fn invalid_lines_are_named_and_the_others_go_on() {
    let lines = r#"{"op":"deposit","amount":1}
nonsense
{"op":"steal","amount":1}
{"op":"deposit"}
{"op":"deposit","amount":1.234}
{"op":"deposit","amount":1e2}
{"op":"deposit","amount":-1}
{"op":"deposit","amount":"0"}
{"op":"balance","amount":1}
{"op":"deposit","amount":1,"to":"rent"}
{"op":"deposit","amount":1,"account":"@world"}
{"op":"deposit","amount":1,"sum":1}
{"op":"deposit","amount":true}
{"op":"deposit","amount":1
{"amount":1}
{"op":"deposit","amount":1,"id":""}
{"op":"deposit","amount":1,"amount":2}

{"op":"deposit","amount":99999999999999999999}
{"op":"deposit","amount":2}
"#;
    let all = both("ops.jsonl", lines);
    let invalid = [
        (2, "a line of JSON Lines is one object"),
        (3, "op `steal`: an operation is one of `withdraw`, "),
        (4, "`deposit` needs an amount"),
        (5, "amount `1.234`: an amount has at most two digits"),
        (6, "amount `1e2`: an amount is digits"),
        (7, "amount `-1`: an amount is never negative"),
        (8, "amount `0`: an amount is more than zero"),
        (9, "`balance` takes no amount"),
        (10, "`deposit` takes no other account (`to`)"),
        (11, "account `@world`: `@` names are the bank's own"),
        (12, "unknown field `sum`"),
        (13, "field `amount`: not a string or a number"),
        (14, "not JSON: "),
        (15, "the field `op` is missing"),
        (16, "id ``: an id is 1 to 128 bytes"),
        (17, "duplicate field `amount`"),
        (
            19,
            "amount `99999999999999999999`: an amount is at most 92233720368547758.07",
        ),
    ];
    check(&all, 2, &[1, 20], &invalid);
    let text = feed(
        &["pipe", "-"],
        "{\"op\":\"loan\",\"amount\":1}\n\u{1b}[2J\n",
    );
    assert_eq!(text.code(), 2);
    assert!(
        text.stdout
            .contains("Line 2 is invalid: a line of JSON Lines is one object, `{...}`\n"),
        "{text:?}"
    );
    assert!(
        text.stdout
            .contains("1 operation: 1 completed; 1 invalid line\n"),
        "{text:?}"
    );
}

#[test]
fn invalid_records_are_named_and_the_others_go_on() {
    let table = "op,amount\ndeposit,1\ndeposit\ndeposit,1,2\ndeposit,\"1\ndeposit,7\"\n\"deposit\",\"2\"\n\"dep\"osit,1\nbalance,\n";
    let invalid = [
        (3, "there are 1 fields and not the header's 2"),
        (4, "there are more fields than the header's 2"),
        (5, "the record goes on to line 6"),
        (8, "a quote stands inside a field"),
    ];
    check(&both("ops.csv", table), 2, &[2, 7, 9], &invalid);
}

#[test]
fn from_where_a_field_may_have_begun_nothing_is_run() {
    for (table, telling) in [
        (
            "op,amount\ndeposit,1\ndeposit,5\" pipe\ndeposit,900\n",
            "line 3 leaves open whether",
        ),
        (
            "{\"op\":\"deposit\",\"amount\":1}\n\n{\"op\":\"deposit\",\"id\":\"memo\n{\"op\":\"deposit\",\"amount\":900}\n\"}\n",
            "line 3 leaves open whether",
        ),
        ("op,amount\ndeposit,1\ndeposit,\"5\ndeposit,900\n", ""),
    ] {
        let run = feed(&["pipe", "-", "--jobs", "1", "--output", "json"], table);
        assert_eq!(run.code(), 2, "{run:?}");
        assert!(run.stderr.contains(telling), "{run:?}");
        let summary = run.summary();
        let counts = (&summary["completed"], &summary["invalid"]);
        assert_eq!(counts, (&json!(1), &json!(1)), "{run:?}");
        assert_eq!(run.of("invalid")[0]["line"], 3, "{run:?}");
    }
}

#[test]
fn lines_end_as_they_do_anywhere() {
    let line = r#"{"op":"deposit","amount":1}"#;
    for (input, lines) in [
        (format!("{line}\n{line}"), &[1, 2][..]),
        (format!("{line}\r\n{line}\r\n"), &[1, 2]),
        (format!("\u{feff}{line}\r\n\r\n \t\n{line}"), &[1, 4]),
        (format!("\n\n\n{line}\n\n\n"), &[4]),
        (String::new(), &[]),
        ("\u{feff}\r\n\n".to_string(), &[]),
    ] {
        check(&both("ops.jsonl", &input), 0, lines, &[]);
        check(&both("ops", &input), 0, lines, &[]);
    }
    for table in [
        "\u{feff}op,amount\r\ndeposit,1\r\nloan,2\r\n",
        "\n\nop,amount\nloan,1\n\nloan,2\n",
    ] {
        let all = both("ops.csv", table).expect(0);
        assert_eq!(all.summary()["completed"], 2, "{table:?}");
    }
    check(&both("ops.csv", "op,amount"), 0, &[], &[]);
}

#[test]
fn a_line_that_is_too_long_or_no_text_is_one_invalid_line() {
    let line = r#"{"op":"deposit","amount":1}"#;
    let long = format!("{line}\n{{\"op\":\"{}\"}}\n{line}\n", "x".repeat(70 * 1024));
    check(
        &both("ops.jsonl", long),
        2,
        &[1, 3],
        &[(2, "the line is longer than 65536 bytes")],
    );
    let long = format!("op,amount\nloan,1\n{}\nloan,1\n", "x".repeat(70 * 1024));
    check(
        &both("ops.csv", long),
        2,
        &[2, 4],
        &[(3, "the line is longer than 65536 bytes")],
    );
    let input = [
        line.as_bytes(),
        b"\n{\"op\":\"\xff\"}\n\0\0\n",
        line.as_bytes(),
    ]
    .concat();
    let invalid = [
        (2, "the line is not UTF-8, byte 8"),
        (3, "a line of JSON Lines is one object"),
    ];
    check(&both("ops.jsonl", input), 2, &[1, 4], &invalid);
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    for name in ["ops", "ops.jsonl", "ops.csv"] {
        let all = run(&["pipe", Written::new(name, &bytes).path()]);
        assert_eq!(all.code(), 2, "{name}: {all:?}");
    }
}

/// Checks that nothing is run, and what is said instead.
#[track_caller]
fn check_unreadable(run: &Run, said: &str) {
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(
        run.stderr.starts_with("bank-par: ") && run.stderr.contains(said),
        "{run:?}"
    );
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
}

#[test]
fn input_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.jsonl");
    let missing = missing.to_str().unwrap();
    let path = folder.path().to_str().unwrap();
    for mode in ["parallel", "server-share", "queue", "pipe", "sync"] {
        check_unreadable(
            &run(&[mode, missing]),
            &format!("cannot open `{missing}`: No such file"),
        );
        check_unreadable(
            &run(&[mode, path]),
            &format!("cannot read `{path}`: it is a directory"),
        );
    }
}

#[test]
fn columns_that_are_not_known_are_named() {
    let header = |header: &str, said: &str| {
        let file = Written::new("ops.csv", format!("{header}\ndeposit,1\n"));
        let all = run(&["pipe", file.path(), "--output", "json"]);
        check_unreadable(&all, &format!("`{}`, line 1: {said}", file.path()));
        assert_eq!(all.summary()["operations"], 0);
        check_unreadable(
            &feed(&["pipe", "-"], format!("{header}\ndeposit,1\n")),
            &format!("`standard input`, line 1: {said}"),
        );
    };
    header("op,sum", "column 2: `sum` is not a column");
    header("amount,account", "the column `op` is missing");
    header("op,op", "column 2: `op` is named twice");
    header("deposit,1", "column 1: `deposit` is not a column");
}

#[test]
fn a_person_sees_each_result_before_typing_the_next_line() {
    for mode in MODES {
        for flags in [&[][..], &["--ops-per-worker", "0"]] {
            let mut running =
                Running::start(program(&[&[mode, "-", "--output", "json"], flags].concat()));
            for n in 1..=5 {
                running.say(r#"{"op":"deposit","amount":1}"#);
                let event = running.hear_event();
                assert_eq!(
                    (&event["type"], &event["line"]),
                    (&json!("completed"), &json!(n)),
                    "{mode}"
                );
                assert_eq!(event["balance"], format!("{}.00", 1000 + n), "{mode}");
            }
            running.say("nonsense");
            assert_eq!(running.hear_event()["type"], "invalid", "{mode}");
            let run = running.finish();
            assert_eq!((run.code(), run.stderr.as_str()), (2, ""), "{mode}");
            assert_eq!(run.summary()["completed"], 5, "{mode}");
        }
    }
}
