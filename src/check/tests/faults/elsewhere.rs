//! Faults where no order is claimed, or several files are one history.

use serde_json::{Value, json};

use super::*;

/// The same history without an order, and without what needs one.
fn unordered() -> Vec<Value> {
    let mut lines = right();
    lines.drain(6..14);
    lines.truncate(6);
    lines[3]["to"] = json!("@world");
    for line in &mut lines[1..] {
        let fields = line.as_object_mut().expect("an object");
        fields.retain(|name, _| !["seq", "decided", "to_balance"].contains(&name.as_str()));
    }
    lines
}

#[test]
fn faults_without_an_order_are_caught_by_the_balances() {
    let table: &[(&str, &str, Plant)] = &[
        ("an answer is lost", "unreachable", |l| drop(l.remove(2))),
        ("an update is lost", "found_too_often", |l| {
            (l[3]["balance"], l[3]["available"]) = (json!("900.00"), json!("900.00"));
            (l[3]["at_us"], l[3]["elapsed_us"]) = (json!(60), json!(40));
            l.truncate(4);
        }),
        ("an entry is doubled", "found_too_often", |l| {
            l.insert(3, l[2].clone());
            l[3]["operation"] = json!(99);
            (l[2]["at_us"], l[2]["elapsed_us"]) = (json!(60), json!(40));
            (l[3]["at_us"], l[3]["elapsed_us"]) = (json!(60), json!(40));
        }),
        ("an entry is invented", "unreachable", |l| {
            after(
                l,
                json!({"type":"completed","op":"withdraw","amount":"10.00","balance":"240.00"}),
            );
        }),
        ("an amount is changed", "unreachable", |l| {
            l[2]["amount"] = json!("200.00")
        }),
        ("a stale view", "unreachable", |l| {
            (l[4]["balance"], l[4]["available"]) = (json!("800.00"), json!("800.00"));
        }),
        ("a view of what never was", "unreachable", |l| {
            (l[4]["balance"], l[4]["available"]) = (json!("777.00"), json!("777.00"));
        }),
        ("time is reversed", "unreachable", |l| {
            (l[2]["at_us"], l[3]["at_us"]) = (json!(60), json!(40));
        }),
        ("refused though there was money", "refused", |l| {
            l[5]["amount"] = json!("600.00")
        }),
        ("below zero without a limit", "undecided", |l| {
            after(
                l,
                json!({"type":"completed","op":"withdraw","amount":"700.00","balance":"-100.00"}),
            );
        }),
        ("a balance is not told", "undecided", |l| {
            l[2].as_object_mut().expect("an object").remove("balance");
        }),
        ("an operation is in doubt", "undecided", |l| {
            l.insert(2, line(json!({"type":"in_doubt","op":"withdraw","amount":"7.00","reason":"worker_died"}), 16, (21, 22)));
            (l[3]["balance"], l[3]["available"]) = (json!("793.00"), json!("793.00"));
            l.truncate(4);
        }),
    ];
    plant(table, unordered);
}

#[test]
fn transfers_between_two_accounts_have_one_order() {
    let transfer = |from: &str, to: &str, balance: &str, other: &str, operation| {
        let fields = json!({"type":"completed","op":"transfer","account":from,"to":to,
            "amount":"10.00","balance":balance,"to_balance":other});
        line(fields, operation, (10, 500))
    };
    let mut lines = vec![run_started("100.00")];
    for (operation, account) in [(1, "a"), (2, "b")] {
        lines.push(line(
            json!({"type":"completed","op":"transfer","to":account,"amount":"40.00",
            "balance":if account == "a" { "60.00" } else { "20.00" },"to_balance":"40.00"}),
            operation,
            (1, 5),
        ));
    }
    // By `a` the first comes first, by `b` the second.
    lines.push(transfer("a", "b", "30.00", "40.00", 3));
    lines.push(transfer("b", "a", "30.00", "40.00", 4));
    assert_eq!(found(&lines), "circle");
    // Where another account leaves a choice, another choice might have none.
    let mut choice = lines.clone();
    for (operation, op, amount, balance) in [
        (5, "deposit", "5.00", "5.00"),
        (6, "withdraw", "5.00", "0.00"),
        (7, "deposit", "7.00", "7.00"),
        (8, "withdraw", "7.00", "0.00"),
    ] {
        let fields =
            json!({"type":"completed","op":op,"account":"c","amount":amount,"balance":balance});
        choice.push(line(fields, operation, (10, 500)));
    }
    assert_eq!(found(&choice), "undecided");
    lines[4]["balance"] = json!("40.00");
    lines[3]["to_balance"] = json!("50.00");
    assert_eq!(found(&lines), "right");
}

#[test]
fn what_several_runs_tell_of_one_ledger_must_fit() {
    let started = |clock: u64| {
        let mut line = run_started("0.00");
        line["ledger"] = json!("bank.db");
        line["clock_us"] = json!(clock);
        line
    };
    let one = |id: &str, balance: &str, seq, decided, at| {
        let mut line = completed("deposit", "10.00", balance, seq, decided);
        line["id"] = json!(id);
        (line["at_us"], line["operation"]) = (json!(at), json!(decided));
        line
    };
    let word = |files: &[&[Value]]| {
        let checked = check(&histories(files));
        contradiction(&checked).map(|found| found.why.word())
    };
    let first = [
        started(1_000),
        one("a", "10.00", 1, 2, 100),
        one("b", "30.00", 3, 4, 900),
    ];
    let right = [started(1_500), one("c", "20.00", 2, 3, 50)];
    assert_eq!(word(&[&first, &right]), None);
    let balance = [started(1_500), one("c", "25.00", 2, 3, 50)];
    assert_eq!(word(&[&first, &balance]), Some("balance"));
    let again = [started(1_500), one("a", "20.00", 2, 3, 50)];
    assert_eq!(word(&[&first, &again]), Some("completed_twice"));
    let late = [started(1_500), one("c", "20.00", 2, 3, 5_000)];
    assert_eq!(word(&[&first, &late]), Some("time_reversed"));
    let mut elsewhere = late;
    elsewhere[0]["started_at"] = json!("2026-11-25T04:10:00.000000Z");
    assert_eq!(
        word(&[&first, &elsewhere]),
        None,
        "another machine has another clock"
    );
    elsewhere[0]["ledger"] = json!("other.db");
    assert_eq!(word(&[&first, &elsewhere]), None);
}

#[test]
fn what_is_taken_over_from_a_run_that_is_not_told_was_set_aside_before() {
    let held = |id: Option<&str>, amount: &str, available: &str, number: u64| {
        let mut line = line(
            json!({"type":"held","op":"withdraw","amount":amount,"balance":"300.00",
                "available":available,"decided":number}),
            number,
            (10 * number, 10 * number + 5),
        );
        if let Some(id) = id {
            line["id"] = json!(id);
        }
        line
    };
    let mut started = run_started("0.00");
    started["ledger"] = json!("bank.db");
    let word = |second: Value| {
        let lines = [
            started.clone(),
            held(Some("r:2"), "28.00", "243.00", 31),
            second,
        ];
        let checked = check(&histories(&[&lines]));
        contradiction(&checked).map(|found| found.why.word())
    };
    // Its command was started by a process that is gone; the money is set aside since then.
    assert_eq!(word(held(Some("r:1"), "29.00", "243.00", 32)), None);
    assert_eq!(word(held(Some("r:1"), "29.00", "214.00", 32)), None);
    let mut other = held(Some("r:1"), "29.00", "243.00", 32);
    other["balance"] = json!("301.00");
    assert_eq!(word(other), Some("balance"));
    // What has no id cannot be taken over.
    assert_eq!(word(held(None, "29.00", "214.00", 32)), None);
    assert_eq!(word(held(None, "29.00", "243.00", 32)), Some("available"));
}

#[test]
fn a_word_of_shared_memory_holds_less_than_a_ledger() {
    let refused = |mode: &str, amount: &str| {
        let mut started = run_started("1000.00");
        started["mode"] = json!(mode);
        let lines = [
            started,
            json!({"v":1,"type":"refused","op":"deposit","account":"main","amount":amount,
                "balance":"1000.00","available":"1000.00","reason":"balance_overflow","seq":0,"decided":1,
                "operation":1,"at_us":100,"elapsed_us":10}),
        ];
        contradiction(&checked(&lines)).is_none()
    };
    assert!(refused("shared-memory", "5497557138.88"));
    assert!(!refused("shared-memory", "5497557138.87"));
    assert!(!refused("parallel", "5497557138.88"));
}
