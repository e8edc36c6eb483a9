//! Budgets that refill, and corrections, as commands, runs and clients of a server see them. What windows do over
//! days and with wrong clocks is tried in the engine, where a clock can be set.

use serde_json::{Value, json};

use crate::cli::{Running, all_events, program};
use crate::kills::{CALLS, earlier, kill_at_each};
use crate::ledger::{Ledger, at_once};
use crate::power::has_strace;
use crate::serve::Served;

/// A window that ends during no test.
const OPEN: &str = "open api --allowance 5/month --zone Europe/Berlin --warn-at 80%";

#[test]
fn shells_share_an_allowance_and_are_warned_once() {
    let ledger = Ledger::new();
    ledger.say(OPEN);
    let runs = at_once(4, |_| {
        let mut runs = Vec::new();
        for _ in 0..5 {
            runs.push(ledger.run("withdraw 0.37 --account api --output json"));
        }
        runs
    });
    let told: Vec<Value> = runs.iter().flatten().flat_map(|run| run.events()).collect();
    let of = |kind: &str| told.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(
        (of("completed"), of("refused"), of("low_budget")),
        (13, 7, 1)
    );
    let low = told
        .iter()
        .find(|event| event["type"] == "low_budget")
        .unwrap();
    let (limit, spent, left) = (&low["limit"], &low["spent"], &low["left"]);
    assert_eq!(
        (limit, spent, left),
        (&json!("5.00"), &json!("4.07"), &json!("0.93"))
    );
    let balance = ledger.json("balance api");
    let refused = told
        .iter()
        .find(|event| event["type"] == "refused")
        .unwrap();
    assert!(refused["refills"].is_string());
    assert_eq!(
        (&refused["refills"], &low["refills"]),
        (&balance["refills"], &balance["refills"])
    );
    assert_eq!(
        (&balance["spent"], &balance["period"]),
        (&json!("4.81"), &json!("month"))
    );
    for (words, status) in [("withdraw 1", 1), ("withdraw 1 -- true", 75)] {
        let words = words.replacen("withdraw 1", "withdraw 1 --account api", 1);
        let run = ledger.run(&words);
        assert_eq!(run.code(), status);
        let why = "insufficient funds: `api` has 0.19 available; it is refilled at 2";
        assert!(run.stderr.contains(why), "{run:?}");
    }
    assert_eq!(ledger.money("@budget")[0], "-5.00");
    ledger.verify();
}

#[test]
fn a_run_and_clients_of_a_server_are_told_too() {
    let served = Served::start();
    let opened = served.run(&format!("{OPEN} --output json")).expect(0);
    let moved = &opened.events()[0]["allowances"][0];
    assert_eq!(
        (&moved["refill"], &moved["window"]["entry"]),
        (&json!("5.00"), &json!("changed"))
    );
    let line = json!({"op": "withdraw", "account": "api", "amount": "0.37"}).to_string();
    let input = served
        .ledger
        .file("lines.jsonl", &format!("{line}\n").repeat(20));
    let run = served.run(&format!("parallel {input} --run calls --output json"));
    let of = |kind: &str| run.of(kind).len();
    assert_eq!(
        (of("completed"), of("refused"), of("low_budget")),
        (13, 7, 1),
        "{run:?}"
    );
    assert!(
        run.of("refused")
            .iter()
            .all(|event| event["refills"].is_string())
    );
    let recorded = served.ledger.file("recorded.jsonl", &run.stdout);
    let judged = Running::start(program(&["check", &recorded])).finish();
    assert!(judged.stdout.contains("ok"), "{judged:?}");
    // A repeat does nothing, and an entry that is reversed leaves its line done.
    let seq = run.of("completed")[0]["seq"].to_string();
    served.say(&format!("reverse {seq}"));
    let again = served.run(&format!("parallel {input} --run calls --output json"));
    assert!(
        again
            .of("completed")
            .iter()
            .all(|event| event["duplicate"] == true)
    );
    assert!(
        served
            .say("balance api")
            .contains("\t5.00/month\t4.44\t0.56\t")
    );
    assert!(
        served
            .say("open api --allowance none")
            .starts_with("opened api")
    );
    assert!(served.say("verify").starts_with("ok"));
}

#[test]
fn a_reversal_is_told_checked_and_looked_back_behind() {
    let ledger = Ledger::new();
    let mut told = String::new();
    for words in [
        "deposit 10",
        "withdraw 4 --id paid",
        "transfer 3 --to ops",
        "reverse paid",
        "reverse 3",
        "reverse 3",
        "reverse 1",
    ] {
        told += &ledger.run(&format!("{words} --output json")).stdout;
    }
    let events = all_events(&told);
    let reversed: Vec<&Value> = events
        .iter()
        .filter(|event| event["op"] == "reverse")
        .collect();
    let parts = |event: &Value| {
        json!([
            event["reverses"],
            event["from"],
            event["to"],
            event["balance"],
            event["duplicate"]
        ])
    };
    let expected = [
        json!([2, "@world", null, "7.00", null]),
        json!([3, "ops", null, "10.00", null]),
        json!([3, "ops", null, "10.00", true]),
        json!([1, null, "@world", "0.00", null]),
    ];
    assert_eq!(
        reversed
            .iter()
            .map(|event| parts(event))
            .collect::<Vec<_>>(),
        expected
    );
    let recorded = ledger.file("told.jsonl", &told);
    let judged = Running::start(program(&["check", &recorded])).finish();
    assert!(judged.stdout.contains("ok"), "{judged:?}");
    for (words, why) in [
        (
            "reverse 4",
            "refused: a reversal, a refill, a lapse or a part of an `all` line is not reversed",
        ),
        (
            "reverse nothing",
            "refused: there is no such entry: `nothing`",
        ),
        ("reverse 77", "refused: there is no such entry: 77"),
    ] {
        ledger.refuses(words, 1, why);
    }
    let unknown = ledger.run("balance nobody --at now");
    assert_eq!(unknown.code(), 1);
    assert!(
        unknown.stderr.contains("unknown account: `nobody`"),
        "{unknown:?}"
    );
    assert_eq!(ledger.say("balance main --at 1h"), "main\t0.00\t-\t-\t-\n");
    let all =
        "@loans\t0.00\t-\t-\t-\n@world\t0.00\t-\t-\t-\nmain\t0.00\t-\t-\t-\nops\t0.00\t-\t-\t-\n";
    assert_eq!(ledger.say("balance --at 9999-01-01"), all);
    ledger.verify();
}

#[test]
fn what_is_refilled_on_a_ledger_that_lasts_is_told_and_checked() {
    for command in ["", "-- true"] {
        let ledger = earlier();
        let recorded = format!("{}.first.jsonl", ledger.path());
        ledger.say(&format!(
            "withdraw 1 --account api --events {recorded} {command}"
        ));
        let mut told = std::fs::read_to_string(&recorded).unwrap();
        for words in [
            "hold 1 --account api --id later",
            "post later",
            "open api --allowance 7/month",
            "reverse paid",
        ] {
            let run = ledger.run(&format!("{words} --output json"));
            told += &run.expect(0).stdout;
        }
        let events = all_events(&told);
        let moved = |event: &Value| event["allowances"][0].clone();
        let refill = moved(&events[0]);
        assert_eq!(
            (&refill["refill"], &refill["window"]["entry"]),
            (&json!("2.00"), &json!("new")),
            "{told}"
        );
        let opened = events.iter().find(|event| event["type"] == "opened");
        let opened = moved(opened.unwrap());
        assert_eq!(
            (&opened["refill"], &opened["window"]["entry"]),
            (&json!("2.00"), &json!("changed"))
        );
        let check = |told: &str| {
            let recorded = ledger.file("told.jsonl", told);
            Running::start(program(&["check", &recorded])).finish()
        };
        let judged = check(&told);
        assert!(judged.stdout.contains("ok"), "{told}{judged:?}");
        assert_eq!(judged.code(), 0, "{told}{judged:?}");
        let planted = told.replacen("\"balance\":\"5.00\"", "\"balance\":\"5.50\"", 1);
        check(&planted).expect(3);
    }
}

#[test]
#[ignore = "slow: kills at hundreds of calls"]
fn a_refill_or_a_reversal_that_is_killed_at_any_call_counts_once() {
    if !has_strace() {
        return;
    }
    let kills = at_once(2, |place| {
        let ledger = Ledger::new();
        ledger.say("deposit 1000");
        let mut kills = 0;
        for (number, call) in CALLS.iter().enumerate() {
            if number % 2 != place {
                continue;
            }
            kills += kill_at_each(&ledger, call, |number| {
                let open = format!("open {call}-{number} --allowance 5/month");
                (None, open)
            });
            kills += kill_at_each(&ledger, call, |number| {
                let paid = format!("withdraw 1 --id {call}-{number}");
                (Some(paid), format!("reverse {call}-{number}"))
            });
        }
        let ids = ledger.say("history");
        let ids: Vec<&str> = ids
            .lines()
            .filter_map(|line| line.split('\t').nth(7))
            .collect();
        let mut once: Vec<&str> = ids.iter().copied().filter(|id| *id != "-").collect();
        let all = once.len();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all);
        assert_eq!(ledger.money("main")[0], "1000.00");
        ledger.verify();
        kills
    });
    assert!(kills.iter().sum::<u64>() > 40, "{kills:?}");
}
