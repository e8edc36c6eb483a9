//! Operations that were posted together, and faults planted in one of them.

use serde_json::{Value, json};

use super::{checked, completed, contradiction, run_started};

/// A run in which 3.00 go to `b` and 1.00 from there to `c`, both or neither.
fn group() -> Vec<Value> {
    let parts = json!([
        {"op": "transfer", "account": "main", "to": "b", "amount": "3.00", "balance": "8.00",
         "available": "8.00", "to_balance": "3.00", "seq": 3},
        {"op": "transfer", "account": "b", "to": "c", "amount": "1.00", "balance": "2.00",
         "available": "2.00", "to_balance": "1.00", "seq": 4},
    ]);
    let line = |kind: &str, decided: u64| {
        json!({
            "v": 1, "type": kind, "op": "all", "id": "rent", "parts": parts, "seq": 4, "decided": decided,
            "operation": 2, "at_us": 500, "elapsed_us": 10,
        })
    };
    let summary = json!({
        "v": 1, "type": "summary", "mode": "parallel", "status": 0, "operations": 3, "completed": 3,
        "refused": 0, "failed": 0, "in_doubt": 0, "duplicates": 0, "processes": 1, "elapsed_us": 1,
        "sequential_us": 1, "accounts_omitted": 0, "balances": [
            {"account": "@world", "balance": "-10.00", "available": "-10.00"},
            {"account": "main", "balance": "7.00", "available": "7.00"},
            {"account": "b", "balance": "2.00", "available": "2.00"},
            {"account": "c", "balance": "1.00", "available": "1.00"},
        ],
    });
    vec![
        run_started("10.00"),
        completed("deposit", "1.00", "11.00", 2, 3),
        line("completed", 5),
        completed("withdraw", "1.00", "7.00", 5, 6),
        summary,
    ]
}

#[test]
fn what_was_posted_together_is_right() {
    let checked = checked(&group());
    assert!(
        contradiction(&checked).is_none(),
        "{:?}",
        contradiction(&checked)
    );
    assert_eq!(checked.answers, 3);
}

#[test]
fn a_fault_in_any_part_is_found() {
    for (part, field, wrong) in [
        (0, "balance", json!("8.01")),
        (0, "to_balance", json!("3.01")),
        (0, "amount", json!("2.00")),
        (1, "balance", json!("2.01")),
        (1, "amount", json!("9.00")),
        (0, "seq", json!(4)),
    ] {
        let mut lines = group();
        lines[2]["parts"][part][field] = wrong.clone();
        assert!(
            contradiction(&checked(&lines)).is_some(),
            "{part} {field} {wrong}"
        );
    }
    let mut lines = group();
    lines[4]["completed"] = json!(4);
    assert!(
        contradiction(&checked(&lines)).is_some(),
        "a part is no answer of its own"
    );
}

#[test]
fn what_is_set_aside_together_accuses_no_later_answer() {
    let held = json!({
        "v": 1, "type": "held", "op": "all", "id": "rent", "decided": 3, "operation": 2, "at_us": 11, "elapsed_us": 1,
        "parts": [{"op": "withdraw", "account": "main", "amount": "3.00"}],
    });
    let mut withdrawn = completed("withdraw", "1.00", "9.00", 2, 4);
    withdrawn["available"] = json!("6.00");
    let right = [run_started("10.00"), held, withdrawn];
    let told = checked(&right);
    assert!(contradiction(&told).is_none(), "{:?}", contradiction(&told));
    assert_eq!(told.answers, 2);
    // Without it nothing explains that less is available.
    let [began, _, mut alone] = right;
    alone["decided"] = json!(3);
    let told = checked(&[began, alone]);
    assert!(contradiction(&told).is_some());
}
