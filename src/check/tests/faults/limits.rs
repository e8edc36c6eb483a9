//! Faults against limits: below zero as far as an account may go, where that was told and where it was not.

use serde_json::{Value, json};

use super::*;

/// A run whose accounts may go 50 below zero.
fn told_limit() -> Vec<Value> {
    let mut started = run_started("100.00");
    started["overdraft"] = json!("50.00");
    vec![
        started,
        line(
            json!({"type":"completed","op":"withdraw","amount":"130.00","balance":"-30.00","seq":2,"decided":3}),
            1,
            (10, 20),
        ),
        line(
            json!({"type":"refused","op":"withdraw","amount":"30.00","balance":"-30.00","reason":"insufficient_funds","decided":3}),
            2,
            (30, 40),
        ),
        line(
            json!({"type":"completed","op":"transfer","to":"ops","amount":"20.00","balance":"-50.00","to_balance":"20.00","seq":3,"decided":4}),
            3,
            (50, 60),
        ),
        line(
            json!({"type":"completed","op":"withdraw","account":"ops","amount":"60.00","balance":"-40.00","seq":4,"decided":5}),
            4,
            (70, 80),
        ),
        line(
            json!({"type":"refused","op":"withdraw","account":"ops","amount":"20.00","balance":"-40.00","reason":"insufficient_funds","decided":5}),
            5,
            (90, 100),
        ),
        line(
            json!({"type":"completed","op":"balance","account":"@world","balance":"90.00","decided":5}),
            6,
            (110, 120),
        ),
    ]
}

/// Takes another amount in this line, after which the account holds this.
fn amount(line: &mut Value, amount: &str, balance: &str) {
    line["amount"] = json!(amount);
    (line["balance"], line["available"]) = (json!(balance), json!(balance));
}

#[test]
fn faults_against_a_limit_that_is_told_are_caught() {
    let table: &[(&str, &str, Plant)] = &[
        ("beyond the limit", "accepted", |l| {
            amount(&mut l[1], "151.00", "-51.00")
        }),
        ("beyond the limit of another account", "accepted", |l| {
            amount(&mut l[4], "71.00", "-51.00")
        }),
        ("refused within the limit", "refused", |l| {
            amount(&mut l[2], "20.00", "-30.00")
        }),
        (
            "refused within the limit of another account",
            "refused",
            |l| amount(&mut l[5], "10.00", "-40.00"),
        ),
        ("what came from the world is another", "balance", |l| {
            (l[6]["balance"], l[6]["available"]) = (json!("80.00"), json!("80.00"));
        }),
    ];
    plant(table, told_limit);
}

/// A part of what was done to a ledger, which tells no limit.
fn untold_limit() -> Vec<Value> {
    let mut started = run_started("0.00");
    started["ledger"] = json!("bank.db");
    vec![
        started,
        line(
            json!({"type":"completed","op":"withdraw","amount":"10.00","balance":"0.00","seq":50,"decided":100}),
            1,
            (10, 20),
        ),
        line(
            json!({"type":"refused","op":"withdraw","amount":"30.00","balance":"0.00","reason":"insufficient_funds","decided":100}),
            2,
            (30, 40),
        ),
    ]
}

/// One more line of it: a withdrawal that leaves this.
fn withdrawn(lines: &mut Vec<Value>, amount: &str, balance: &str) {
    let before = lines.len() as u64;
    lines.push(line(
        json!({"type":"completed","op":"withdraw","amount":amount,"balance":balance,"seq":before + 48,"decided":before + 98}),
        before,
        (20 * before, 20 * before + 5),
    ));
}

#[test]
fn a_limit_that_no_answer_tells_is_learned_from_what_was_accepted_and_refused() {
    let table: &[(&str, &str, Plant)] = &[
        ("below zero", "undecided", |l| {
            withdrawn(l, "20.00", "-20.00")
        }),
        ("by as much as was refused before", "accepted", |l| {
            withdrawn(l, "30.00", "-30.00");
        }),
        ("refused within what was accepted before", "refused", |l| {
            l.pop();
            withdrawn(l, "70.00", "-70.00");
            l.push(line(
                    json!({"type":"completed","op":"deposit","amount":"50.00","balance":"-20.00","seq":52,"decided":102}),
                    3,
                    (80, 90),
                ));
            l.push(line(
                    json!({"type":"refused","op":"withdraw","amount":"30.00","balance":"-20.00","reason":"insufficient_funds","decided":102}),
                    4,
                    (100, 110),
                ));
            l[2]["seq"] = json!(51);
            l[2]["decided"] = json!(101);
        }),
        ("refused, and nothing is known", "undecided", |l| {
            l[2]["account"] = json!("ops");
            let fields = l[2].as_object_mut().expect("an object");
            fields.retain(|name, _| !["balance", "available"].contains(&name.as_str()));
        }),
        ("beyond a limit that it was given", "accepted", |l| {
            l[2] = line(
                json!({"type":"opened","op":"open","account":"ops","overdraft":"25.00","balance":"0.00","decided":101}),
                2,
                (30, 40),
            );
            withdrawn(l, "30.00", "-30.00");
            l[3]["account"] = json!("ops");
            (l[3]["seq"], l[3]["decided"]) = (json!(51), json!(102));
        }),
        ("what the other side has is learned too", "balance", |l| {
            l[2] = line(
                json!({"type":"completed","op":"transfer","amount":"0.01","account":"tax","to":"ops","balance":"1.00","to_balance":"5.00","seq":51,"decided":101}),
                2,
                (30, 40),
            );
            l.push(line(
                json!({"type":"completed","op":"balance","account":"ops","balance":"4.00","decided":101}),
                3,
                (50, 60),
            ));
        }),
    ];
    plant(table, untold_limit);
}

#[test]
fn limits_count_where_no_order_is_claimed() {
    let without_order = || {
        let mut lines = told_limit();
        lines.truncate(3);
        for line in &mut lines[1..] {
            line["overdraft"] = json!("50.00");
            let fields = line.as_object_mut().expect("an object");
            fields.retain(|name, _| !["seq", "decided"].contains(&name.as_str()));
        }
        lines
    };
    let table: &[(&str, &str, Plant)] = &[
        ("refused within the limit", "refused", |l| {
            amount(&mut l[2], "20.00", "-30.00")
        }),
        ("it began with another balance", "unreachable", |l| {
            l[0]["balance"] = json!("101.00")
        }),
        ("money was set aside", "undecided", |l| {
            l[2]["type"] = json!("held");
        }),
    ];
    plant(table, without_order);
}
