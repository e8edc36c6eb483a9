//! Faults in what becomes of money that was set aside, and of ids.

use serde_json::{Value, json};

use super::*;

/// One more line behind the history, as the operation of this number asks.
fn more(lines: &mut Vec<Value>, fields: Value, operation: u64) {
    let at = 10 * lines.len() as u64 + 400;
    lines.push(line(fields, operation, (at, at + 5)));
}

/// Sets 10 aside under the id, after which the account has this available.
fn held(lines: &mut Vec<Value>, available: &str, decided: u64, operation: u64) {
    let fields = json!({"type":"held","op":"withdraw","id":"h","amount":"10.00","balance":"540.00",
        "available":available,"decided":decided});
    more(lines, fields, operation);
}

/// What was set aside under the id is given back.
fn voided(lines: &mut Vec<Value>, decided: u64) -> &mut Value {
    let fields = json!({"type":"voided","op":"withdraw","id":"h","amount":"10.00","balance":"540.00",
        "available":"540.00","decided":decided});
    more(lines, fields, 17);
    lines.last_mut().expect("a line")
}

/// An end is refused for what became of its id.
fn ends(lines: &mut Vec<Value>, id: &str, reason: &str, decided: u64) {
    let fields = json!({"type":"refused","op":"withdraw","id":id,"reason":reason,"amount":"10.00","decided":decided});
    more(lines, fields, 18);
}

#[test]
fn faults_in_what_becomes_of_a_hold_are_caught() {
    let table: &[(&str, &str, Plant)] = &[
        ("it is set aside twice", "accepted", |l| {
            held(l, "530.00", 12, 16);
            held(l, "520.00", 13, 17);
        }),
        ("it is in doubt and taken over", "right", |l| {
            held(l, "530.00", 12, 16);
            more(
                l,
                json!({"type":"in_doubt","op":"withdraw","id":"h","amount":"10.00","reason":"worker_died","decided":13}),
                16,
            );
            held(l, "530.00", 13, 17);
            l.last_mut().expect("a line")["duplicate"] = json!(true);
            ends(l, "h", "in_progress", 13);
        }),
        ("it is taken over with another balance", "balance", |l| {
            held(l, "530.00", 12, 16);
            more(
                l,
                json!({"type":"in_doubt","op":"withdraw","id":"h","amount":"10.00","reason":"worker_died","decided":13}),
                16,
            );
            held(l, "531.00", 14, 17);
            l.last_mut().expect("a line")["balance"] = json!("541.00");
        }),
        ("it is given back", "right", |l| {
            held(l, "530.00", 12, 16);
            voided(l, 13);
            ends(l, "h", "already_voided", 13);
        }),
        ("it is given back and that is repeated", "right", |l| {
            held(l, "530.00", 12, 16);
            voided(l, 13);
            let again = voided(l, 13);
            (again["duplicate"], again["operation"]) = (json!(true), json!(19));
            ends(l, "h", "already_voided", 13);
        }),
        ("there was none", "right", |l| {
            ends(l, "other", "unknown_hold", 11);
        }),
        ("it was posted and not voided", "undecided", |l| {
            ends(l, "a", "already_voided", 11);
        }),
        ("it is refused in the end", "undecided", |l| {
            let started = json!({"type":"started","op":"withdraw","amount":"50.00"});
            l.insert(8, line(started, 8, (140, 141)));
            l[10]["type"] = json!("refused");
            l[10]["reason"] = json!("balance_overflow");
        }),
        ("a view with another balance is set aside", "balance", |l| {
            more(
                l,
                json!({"type":"held","op":"balance","balance":"541.00","decided":12}),
                16,
            );
        }),
        (
            "it has the number of the change before",
            "number_twice",
            |l| {
                l[6]["decided"] = json!(5);
            },
        ),
        ("a refusal has no reason", "undecided", |l| {
            l[5].as_object_mut().expect("an object").remove("reason");
        }),
        (
            "it was under way, at a time that is not told",
            "undecided",
            |l| {
                l[13]["reason"] = json!("in_progress");
                let fields = l[13].as_object_mut().expect("an object");
                fields.retain(|name, _| !["at_us", "elapsed_us"].contains(&name.as_str()));
            },
        ),
        (
            "an unknown account pays where an answer is lost",
            "undecided",
            |l| {
                l.remove(2);
                after(
                    l,
                    json!({"type":"completed","op":"withdraw","account":"ghost","amount":"1.00","balance":"-1.00","seq":8,"decided":12}),
                );
            },
        ),
        ("one ends as the other is asked for", "right", |l| {
            (l[3]["at_us"], l[3]["elapsed_us"]) = (json!(28), json!(8));
        }),
        ("all entries have the next number", "seq_gap", |l| {
            for line in &mut l[1..] {
                if let Some(seq) = line["seq"].as_u64() {
                    line["seq"] = json!(seq + 1);
                }
            }
        }),
    ];
    plant(table, right);
}

#[test]
fn a_hold_of_which_no_line_tells_is_posted_from_outside_of_any_run() {
    let line = |fields: Value, at: u64| {
        let mut line = line(fields, 0, (at, at + 5));
        line.as_object_mut().expect("an object").remove("operation");
        line
    };
    let mut lines = vec![
        line(
            json!({"type":"completed","op":"deposit","amount":"10.00","balance":"100.00","available":"50.00","seq":5,"decided":9}),
            10,
        ),
        line(
            json!({"type":"completed","op":"withdraw","id":"h","amount":"50.00","balance":"50.00","available":"50.00","seq":6,"decided":10}),
            20,
        ),
    ];
    assert_eq!(found(&lines), "right");
    lines[1].as_object_mut().expect("an object").remove("id");
    assert_ne!(found(&lines), "right", "it was never set aside");
}

/// The history with the numbers of its entries alone.
fn by_entries() -> Vec<Value> {
    let mut lines = right();
    for line in &mut lines[1..] {
        line.as_object_mut().expect("an object").remove("decided");
    }
    lines
}

#[test]
fn the_numbers_of_entries_alone_claim_an_order_too() {
    let word = |lines: &[Value]| contradiction(&checked(lines)).map(|found| found.why.word());
    let claimed = |lines: &[Value]| checked(lines).tiers[1].answers;
    // All that were completed, and not what was answered by an id.
    assert_eq!((word(&by_entries()), claimed(&by_entries())), (None, 7));
    let mut lines = by_entries();
    lines[15]["amount"] = json!("40.00");
    assert_eq!(word(&lines), Some("balance"));
}
