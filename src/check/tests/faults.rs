//! Faults planted in right histories, from a table: each is caught, or undecided as the table says.

mod elsewhere;
mod ids;
mod limits;
mod sums;
mod told;

use serde_json::{Value, json};

use super::*;

/// An operation of the history below, one of its lines.
fn line(fields: Value, operation: u64, times: (u64, u64)) -> Value {
    let mut line = json!({
        "v": 1, "account": "main", "operation": operation,
        "at_us": times.1, "elapsed_us": times.1 - times.0,
    });
    let all = line.as_object_mut().expect("an object");
    for (name, value) in fields.as_object().expect("an object") {
        all.insert(name.clone(), value.clone());
    }
    if let (Some(balance), None) = (all.get("balance").cloned(), all.get("available")) {
        all.insert("available".to_string(), balance);
    }
    line
}

/// Line 0 of the history: its run begins. The others have the number of their operation.
fn right() -> Vec<Value> {
    vec![
        run_started("1000.00"),
        line(
            json!({"type":"completed","op":"deposit","id":"a","amount":"100.00","balance":"1100.00","seq":2,"decided":3}),
            1,
            (10, 20),
        ),
        line(
            json!({"type":"completed","op":"withdraw","amount":"300.00","balance":"800.00","seq":3,"decided":4}),
            2,
            (30, 40),
        ),
        line(
            json!({"type":"completed","op":"transfer","to":"ops","amount":"200.00","balance":"600.00","to_balance":"200.00","seq":4,"decided":5}),
            3,
            (50, 60),
        ),
        line(
            json!({"type":"completed","op":"balance","balance":"600.00","seq":4,"decided":5}),
            4,
            (70, 80),
        ),
        line(
            json!({"type":"refused","op":"withdraw","amount":"700.00","balance":"600.00","reason":"insufficient_funds","decided":5}),
            5,
            (90, 100),
        ),
        line(
            json!({"type":"held","op":"withdraw","amount":"100.00","balance":"600.00","available":"500.00","decided":6}),
            6,
            (110, 120),
        ),
        line(
            json!({"type":"completed","op":"withdraw","amount":"100.00","balance":"500.00","seq":5,"decided":7}),
            6,
            (110, 130),
        ),
        line(
            json!({"type":"held","op":"withdraw","amount":"50.00","balance":"500.00","available":"450.00","decided":8}),
            8,
            (140, 150),
        ),
        line(
            json!({"type":"failed","op":"withdraw","amount":"50.00","reason":"command_failed","decided":9}),
            8,
            (140, 160),
        ),
        line(
            json!({"type":"refused","op":"transfer","to":"main","amount":"1.00","balance":"500.00","reason":"same_account","decided":9}),
            10,
            (170, 180),
        ),
        line(
            json!({"type":"refused","op":"withdraw","account":"ghost","amount":"1.00","reason":"unknown_account","decided":9}),
            11,
            (190, 200),
        ),
        line(
            json!({"type":"completed","op":"deposit","id":"a","amount":"100.00","balance":"1100.00","seq":2,"duplicate":true,"decided":9}),
            12,
            (210, 220),
        ),
        line(
            json!({"type":"refused","op":"withdraw","id":"a","amount":"5.00","reason":"id_conflict","decided":9}),
            13,
            (230, 240),
        ),
        line(
            json!({"type":"completed","op":"loan","amount":"40.00","balance":"540.00","seq":6,"decided":10}),
            14,
            (250, 260),
        ),
        line(
            json!({"type":"completed","op":"withdraw","account":"ops","amount":"50.00","balance":"150.00","seq":7,"decided":11}),
            15,
            (270, 280),
        ),
    ]
}

fn summary() -> Value {
    json!({
        "v": 1, "type": "summary", "mode": "parallel", "status": 1, "operations": 13, "completed": 8,
        "refused": 4, "failed": 1, "in_doubt": 0, "invalid": 0, "skipped": 0, "duplicates": 1,
        "processes": 1, "elapsed_us": 300, "sequential_us": 0, "accounts_omitted": 0, "sum": "0.00",
        "wrong_accounts": 0, "lost_updates": 0,
        "balances": [
            {"account": "@loans", "balance": "-40.00", "available": "-40.00"},
            {"account": "@world", "balance": "-650.00", "available": "-650.00"},
            {"account": "main", "balance": "540.00", "available": "540.00"},
            {"account": "ops", "balance": "150.00", "available": "150.00"},
        ],
    })
}

/// The last line, with other fields.
fn after(lines: &mut Vec<Value>, fields: Value) {
    lines.push(line(fields, 16, (290, 300)));
}

/// Plants a fault.
type Plant = fn(&mut Vec<Value>);

/// The word for the contradiction that is found, or for the verdict without one.
fn found(lines: &[Value]) -> &'static str {
    let checked = checked(lines);
    match (contradiction(&checked), checked.judgement()) {
        (Some(contradiction), Judgement::Wrong) => contradiction.why.word(),
        (None, Judgement::Undecided) => "undecided",
        (None, Judgement::Right) => "right",
        _ => panic!("{checked:#?}"),
    }
}

fn plant(table: &[(&str, &str, Plant)], right: fn() -> Vec<Value>) {
    assert_eq!(found(&right()), "right");
    let mut wrong = Vec::new();
    for (name, expected, plant) in table {
        let mut lines = right();
        plant(&mut lines);
        let found = found(&lines);
        if found != *expected {
            let why = contradiction(&checked(&lines)).cloned();
            wrong.push(format!("{name}: {found}, and not {expected}: {why:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn faults_in_an_order_that_is_claimed_are_caught() {
    let table: &[(&str, &str, Plant)] = &[
        ("an answer is lost", "undecided", |l| drop(l.remove(2))),
        ("answers at the start are lost", "undecided", |l| {
            drop(l.drain(1..4))
        }),
        ("an entry is doubled", "ended_twice", |l| {
            l.insert(3, l[2].clone())
        }),
        (
            "an entry is doubled by another operation",
            "seq_twice",
            |l| {
                l.insert(3, l[2].clone());
                l[3]["operation"] = json!(99);
            },
        ),
        ("an entry is doubled under a new number", "balance", |l| {
            after(
                l,
                json!({"type":"completed","op":"withdraw","amount":"300.00","balance":"800.00","seq":8,"decided":12}),
            );
        }),
        ("two entries are exchanged", "balance", |l| {
            (l[2]["decided"], l[3]["decided"]) = (json!(5), json!(4));
            (l[2]["seq"], l[3]["seq"]) = (json!(4), json!(3));
            (l[2]["at_us"], l[2]["elapsed_us"]) = (json!(60), json!(50));
            (l[3]["at_us"], l[3]["elapsed_us"]) = (json!(60), json!(50));
            l.remove(4);
        }),
        ("the order and the entries disagree", "seq_gap", |l| {
            (l[2]["decided"], l[3]["decided"]) = (json!(5), json!(4));
        }),
        ("an entry is invented", "balance", |l| {
            after(
                l,
                json!({"type":"completed","op":"withdraw","amount":"10.00","balance":"540.00","seq":8,"decided":12}),
            );
        }),
        ("an amount is changed", "balance", |l| {
            l[2]["amount"] = json!("200.00")
        }),
        ("a balance is changed", "balance", |l| {
            (l[2]["balance"], l[2]["available"]) = (json!("810.00"), json!("810.00"));
        }),
        ("what is available is changed", "available", |l| {
            l[2]["available"] = json!("790.00")
        }),
        ("the other side's balance is changed", "balance", |l| {
            l[3]["to_balance"] = json!("201.00")
        }),
        ("the account is another", "accepted", |l| {
            l[2]["account"] = json!("ops");
        }),
        ("the other account is another", "accepted", |l| {
            l[3]["to"] = json!("tax")
        }),
        (
            "a withdrawal is told as a transfer to nobody known",
            "right",
            |l| l[2]["op"] = json!("transfer"),
        ),
        ("a deposit is told as a withdrawal", "balance", |l| {
            l[1]["op"] = json!("withdraw");
            l.drain(12..14);
        }),
        ("a stale view", "balance", |l| {
            (l[4]["balance"], l[4]["available"]) = (json!("800.00"), json!("800.00"));
        }),
        ("a stale view that says so", "time_reversed", |l| {
            (l[4]["balance"], l[4]["available"]) = (json!("800.00"), json!("800.00"));
            (l[4]["seq"], l[4]["decided"]) = (json!(3), json!(4));
        }),
        ("a view that saw fewer entries", "seq_not_rising", |l| {
            l[4]["seq"] = json!(3)
        }),
        ("a view that saw more entries", "seq_gap", |l| {
            l[4]["seq"] = json!(5)
        }),
        ("time is reversed", "time_reversed", |l| {
            (l[2]["at_us"], l[3]["at_us"]) = (json!(60), json!(40));
        }),
        ("an answer before its question", "time_reversed", |l| {
            (l[15]["at_us"], l[15]["elapsed_us"]) = (json!(5), json!(1));
        }),
        ("refused though there was money", "refused", |l| {
            l[5]["amount"] = json!("600.00")
        }),
        ("a deposit refused for want of money", "refused", |l| {
            l[5]["op"] = json!("deposit")
        }),
        ("accepted without money", "accepted", |l| {
            l[15]["amount"] = json!("250.00");
            (l[15]["balance"], l[15]["available"]) = (json!("-50.00"), json!("-50.00"));
        }),
        ("set aside without money", "accepted", |l| {
            l[6]["amount"] = json!("650.00");
            l[6]["available"] = json!("-50.00");
        }),
        ("spent while it was held", "accepted", |l| {
            l.insert(7, line(json!({"type":"completed","op":"withdraw","amount":"550.00","balance":"50.00","available":"-50.00","seq":5,"decided":7}), 16, (121, 122)));
            l.truncate(8);
        }),
        ("a hold is lost at once", "hold_lost", |l| {
            l[6]["available"] = json!("600.00")
        }),
        ("a hold is lost later", "available", |l| {
            l.insert(7, line(json!({"type":"completed","op":"balance","balance":"600.00","seq":4,"decided":6}), 16, (121, 122)));
        }),
        ("a hold stays when it was posted", "available", |l| {
            l[7]["available"] = json!("400.00")
        }),
        ("a hold stays when it was given back", "available", |l| {
            l[14]["available"] = json!("490.00")
        }),
        ("more is posted than was told", "balance", |l| {
            l[7]["amount"] = json!("150.00")
        }),
        ("posted after it was given back", "ended_twice", |l| {
            l.push(line(json!({"type":"completed","op":"withdraw","amount":"50.00","balance":"490.00","seq":8,"decided":12}), 8, (140, 300)));
        }),
        ("posted twice", "ended_twice", |l| {
            l.push(line(json!({"type":"completed","op":"withdraw","amount":"100.00","balance":"440.00","seq":8,"decided":12}), 6, (110, 300)));
        }),
        ("refused after it was completed", "ended_twice", |l| {
            l.push(line(json!({"type":"refused","op":"withdraw","amount":"300.00","reason":"insufficient_funds","decided":11}), 2, (30, 300)));
        }),
        ("failed after it was completed", "ended_twice", |l| {
            l.push(line(
                json!({"type":"failed","op":"withdraw","amount":"300.00","reason":"worker_died"}),
                2,
                (30, 300),
            ));
        }),
        ("an entry's number is left out", "seq_gap", |l| {
            (l[14]["seq"], l[15]["seq"]) = (json!(7), json!(8));
        }),
        ("an entry's number comes twice", "seq_twice", |l| {
            l[14]["seq"] = json!(5)
        }),
        ("a change's number is left out", "undecided", |l| {
            (l[14]["decided"], l[15]["decided"]) = (json!(11), json!(12));
        }),
        ("a change's number comes twice", "number_twice", |l| {
            l[14]["decided"] = json!(9)
        }),
        ("an id is completed twice", "completed_twice", |l| {
            after(
                l,
                json!({"type":"completed","op":"withdraw","id":"a","amount":"5.00","balance":"535.00","seq":8,"decided":12}),
            );
        }),
        ("a repeat is done again", "completed_twice", |l| {
            after(
                l,
                json!({"type":"completed","op":"deposit","id":"a","amount":"100.00","balance":"640.00","seq":8,"decided":12}),
            );
        }),
        ("a repeat has another amount", "duplicate_differs", |l| {
            l[12]["amount"] = json!("50.00")
        }),
        ("a repeat has another entry", "duplicate_differs", |l| {
            l[12]["seq"] = json!(3)
        }),
        ("a repeat has another balance", "duplicate_differs", |l| {
            (l[12]["balance"], l[12]["available"]) = (json!("1000.00"), json!("1000.00"));
        }),
        ("a repeat of nothing", "repeat_of_nothing", |l| {
            l[12]["id"] = json!("z")
        }),
        ("a conflict with nothing", "refused", |l| {
            l[13]["id"] = json!("z");
            l.push(summary());
        }),
        ("a conflict in a run without an end", "undecided", |l| {
            l[13]["id"] = json!("z")
        }),
        ("a conflict in a run cut short", "undecided", |l| {
            l[13]["id"] = json!("z");
            l.push(summary());
            l[16]["ended_early"] = json!("interrupted");
        }),
        ("a conflict with the same", "refused", |l| {
            l[13]["op"] = json!("deposit");
            l[13]["amount"] = json!("100.00");
        }),
        ("under way though it ended", "refused", |l| {
            l[13]["reason"] = json!("in_progress")
        }),
        (
            "a line was done, of which no line tells",
            "undecided",
            |l| l[13]["reason"] = json!("line_done"),
        ),
        ("unknown although it was opened", "refused", |l| {
            l[11]["account"] = json!("main")
        }),
        ("unknown although money came in", "undecided", |l| {
            l[11]["account"] = json!("ops")
        }),
        ("an unknown account pays", "accepted", |l| {
            after(
                l,
                json!({"type":"completed","op":"withdraw","account":"ghost","amount":"1.00","balance":"-1.00","seq":8,"decided":12}),
            );
        }),
        ("an unknown account is seen", "accepted", |l| {
            after(
                l,
                json!({"type":"completed","op":"balance","account":"ghost","balance":"0.00","seq":7,"decided":11}),
            );
        }),
        ("money goes round in one account", "accepted", |l| {
            after(
                l,
                json!({"type":"completed","op":"transfer","to":"main","amount":"1.00","balance":"540.00","seq":8,"decided":12}),
            );
        }),
        ("two accounts are told to be one", "refused", |l| {
            l[10]["to"] = json!("ops")
        }),
        ("an amount is negative", "not_positive", |l| {
            l[2]["amount"] = json!("-300.00")
        }),
        ("an amount is nothing", "not_positive", |l| {
            l[2]["amount"] = json!("0.00")
        }),
        (
            "more is available than there is",
            "available_above_balance",
            |l| {
                l[2]["available"] = json!("900.00");
            },
        ),
        ("no place in the order", "undecided", |l| {
            l[5].as_object_mut().expect("an object").remove("decided");
        }),
    ];
    plant(table, right);
}
