//! What a command says it has really spent.

use serde_json::json;

use super::{MODES, Office, ends, only};
use crate::cli::{Running, account, run};

#[test]
fn what_was_really_spent_is_posted_and_the_rest_given_back() {
    for mode in MODES {
        let office = Office::with("20");
        office.write(
            "in.jsonl",
            &"{\"op\":\"withdraw\",\"amount\":4}\n".repeat(4),
        );
        let words = format!("{mode} in.jsonl --run november --jobs 1");
        const SCRIPT: &str = "case $BANK_PAR_LINE in 1) echo 1.25;; 2) echo 0;; 3) echo 5.50;; 4) echo four;; esac > $BANK_PAR_ACTUAL";
        let run = office.run(&words, SCRIPT);
        assert_eq!(ends(&run), ([3, 0, 0, 1], 8), "{run:?}");
        let done = run.of("completed");
        let moved: Vec<_> = done
            .iter()
            .map(|event| (&event["amount"], event.get("set_aside"), event.get("seq")))
            .collect();
        assert_eq!(
            moved,
            [
                (&json!("1.25"), Some(&json!("4.00")), Some(&json!(2))),
                (&json!("0.00"), Some(&json!("4.00")), None),
                (&json!("5.50"), Some(&json!("4.00")), Some(&json!(3))),
            ]
        );
        let over = only(&run, "overspent");
        assert_eq!(
            (&over["line"], &over["excess"]),
            (&json!(3), &json!("1.50"))
        );
        assert!(
            run.stderr
                .contains("the command of `november:3` spent 1.50 more than was set aside"),
            "{run:?}"
        );
        let doubt = only(&run, "in_doubt");
        assert_eq!(doubt["reason"], "unreadable_actual");
        assert!(
            doubt["detail"].as_str().unwrap().contains("`four"),
            "{doubt}"
        );
        assert_eq!(office.money(), ["13.25", "4.00", "9.25"]);
        office.ledger.verify();

        // What was done is told again with what was moved, and nothing of it runs again.
        office.ledger.say("post november:4 --amount 0.75");
        let again = office.run(&words, "exit 1");
        assert_eq!(ends(&again), ([4, 0, 0, 0], 1), "{again:?}");
        assert_eq!(only(&again, "overspent")["excess"], "1.50");
        let mut told: Vec<_> = again
            .of("completed")
            .iter()
            .map(|event| {
                assert_eq!(event["duplicate"], true);
                (event["line"].clone(), event["amount"].clone())
            })
            .collect();
        told.sort_by_key(|(line, _)| line.as_u64());
        let expected = [(1, "1.25"), (2, "0.00"), (3, "5.50"), (4, "0.75")];
        assert_eq!(
            told,
            expected.map(|(line, amount)| (json!(line), json!(amount)))
        );
        assert_eq!(office.money(), ["12.50", "0.00", "12.50"]);
        office.ledger.verify();
    }
}

#[test]
fn more_than_was_set_aside_is_status_one() {
    let office = Office::with("20");
    let run = office.run("parallel --op withdraw=4", "echo 5 > $BANK_PAR_ACTUAL");
    assert_eq!(ends(&run), ([1, 0, 0, 0], 1), "{run:?}");
    assert_eq!(office.money(), ["15.00", "0.00", "15.00"]);
    office.ledger.verify();
}

#[test]
fn a_price_finer_than_a_cent_is_rounded_up_and_told() {
    let office = Office::with("20");
    let run = office.run(
        "parallel --op withdraw=4 --jobs 1",
        "echo 0.0123456 > $BANK_PAR_ACTUAL",
    );
    assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
    let done = only(&run, "completed");
    assert_eq!(
        (&done["amount"], &done["spent"]),
        (&json!("0.02"), &json!("0.0123456"))
    );
    assert_eq!(office.money(), ["19.98", "0.00", "19.98"]);
}

#[test]
fn a_cap_that_was_passed_takes_no_more_and_what_was_begun_ends() {
    let office = Office::with("5");
    office.write(
        "in.jsonl",
        &"{\"op\":\"withdraw\",\"amount\":1}\n".repeat(9),
    );
    let run = office.run(
        "queue in.jsonl --run november --jobs 1",
        "echo 1.80 > $BANK_PAR_ACTUAL",
    );
    // Whoever begins a third time cannot know what it will cost.
    assert_eq!(ends(&run), ([3, 6, 0, 0], 1), "{run:?}");
    assert_eq!(office.money(), ["-0.40", "0.00", "-0.40"]);
    for words in ["withdraw 1", "transfer 1 --to ops", "hold 1"] {
        let refused = office.ledger.run(words);
        assert_eq!(refused.code(), 1, "{refused:?}");
    }
    office.ledger.say("deposit 0.40");
    office.ledger.verify();
}

#[test]
fn what_is_in_doubt_stays_set_aside_in_memory_too() {
    let run = run(&[
        "queue",
        "--ledger",
        "memory",
        "--op",
        "withdraw=4",
        "--op",
        "deposit=3",
        "--output",
        "json",
        "--",
        "sh",
        "-c",
        "[ $BANK_PAR_OP = deposit ] && echo 1 > $BANK_PAR_ACTUAL || echo x > $BANK_PAR_ACTUAL",
    ]);
    assert_eq!(ends(&run), ([1, 0, 0, 1], 8), "{run:?}");
    let summary = run.summary();
    assert_eq!(summary["wrong_accounts"], 0, "{summary}");
    let main = account(&summary, "main");
    assert_eq!(
        (&main["balance"], &main["available"]),
        (&json!("1001.00"), &json!("997.00"))
    );
}

#[test]
fn one_attempt_does_not_see_what_another_has_written() {
    let office = Office::with("20");
    let run = office.run(
        "parallel --op withdraw=4 --retries 1 --backoff 1ms",
        "[ $BANK_PAR_ATTEMPT = 2 ] || { echo 1 > $BANK_PAR_ACTUAL; exit 1; }",
    );
    assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
    assert_eq!(office.money(), ["16.00", "0.00", "16.00"]);
}

#[test]
fn what_a_hold_has_really_spent_is_told_and_all_stays_held() {
    let office = Office::with("20");
    for (id, script, said) in [
        (
            "a",
            "echo 1.25 > $BANK_PAR_ACTUAL",
            Some(
                "the command has spent 1.25, and all that was set aside stays held: book that with `bank-par post --amount 1.25 a`",
            ),
        ),
        (
            "b",
            "echo 0 > $BANK_PAR_ACTUAL",
            Some(
                "the command has spent nothing, and all that was set aside stays held: give it back with `bank-par void b`",
            ),
        ),
        ("c", "true", None),
    ] {
        let mut hold = office.ledger.command(&format!("hold 4 --id {id}"));
        hold.args(["--", "sh", "-c", script]);
        let run = Running::start(hold).finish();
        let expected = said.map_or_else(String::new, |said| format!("bank-par: {said}\n"));
        assert_eq!((run.code(), &run.stderr), (0, &expected), "{run:?}");
    }
    assert_eq!(office.money(), ["20.00", "12.00", "8.00"]);
    office.ledger.say("post --amount 1.25 a");
    office.ledger.say("void b");
    assert_eq!(office.money(), ["18.75", "4.00", "14.75"]);
}
