//! Accounts that are refilled, and faults planted in that.

use serde_json::{Value, json};

use super::{Judgement, checked, contradiction};

/// A month of the year, as a window's start.
fn month(month: u8) -> String {
    format!("2026-{month:02}-01T00:00:00.000000Z")
}

/// The account comes into the window of a month, and is filled up to 5.00.
fn filled(at: u8, entry: &str, refill: &str, seq: u64, decided: u64) -> Value {
    json!([{
        "account": "api", "window": {"start": month(at), "entry": entry, "limit": "5.00"},
        "refill": refill, "balance": "5.00", "available": "5.00", "seq": seq, "decided": decided,
    }])
}

fn withdrawn(minor: u64, left: &str, seq: u64, decided: u64) -> Value {
    json!({
        "v": 1, "type": "completed", "op": "withdraw", "account": "api", "amount": format!("{minor}.00"),
        "balance": left, "available": left, "seq": seq, "decided": decided,
    })
}

/// What single commands were answered: an account with 5.00 a month, of which 2.00 are spent in October and
/// 1.00 in November and in December.
fn right() -> Vec<Value> {
    let mut lines = vec![
        json!({
            "v": 1, "type": "opened", "account": "api", "balance": "5.00", "available": "5.00", "decided": 2,
            "allowances": filled(10, "changed", "5.00", 1, 2),
        }),
        withdrawn(2, "3.00", 2, 3),
        withdrawn(1, "4.00", 4, 6),
        withdrawn(1, "4.00", 6, 9),
    ];
    lines[2]["allowances"] = filled(11, "new", "2.00", 3, 5);
    lines[3]["allowances"] = filled(12, "new", "1.00", 5, 8);
    lines
}

/// The word for what is found in the first of these lines, with a change of them.
fn found(count: usize, plant: impl Fn(&mut [Value])) -> &'static str {
    let mut lines = right();
    lines.truncate(count);
    plant(&mut lines);
    let checked = checked(&lines);
    match (contradiction(&checked), checked.judgement()) {
        (Some(found), Judgement::Wrong) => found.why.word(),
        (None, Judgement::Right) => "right",
        (None, Judgement::Undecided) => "undecided",
        _ => panic!("{checked:#?}"),
    }
}

/// Has a line tell another refill, as if all went by that.
fn refilled(line: &mut Value, refill: &str, then: &str, left: &str) {
    let moved = &mut line["allowances"][0];
    moved["refill"] = json!(refill);
    (moved["balance"], moved["available"]) = (json!(then), json!(then));
    (line["balance"], line["available"]) = (json!(left), json!(left));
}

#[test]
fn what_was_refilled_as_it_must_be_is_right() {
    assert_eq!(found(4, |_| ()), "right");
    // Also of a ledger of which nothing was told before.
    let later = checked(&right()[1..]);
    assert_eq!(later.judgement(), Judgement::Right, "{later:#?}");
    assert_eq!(later.answers, 3);
}

#[test]
fn a_refill_that_is_not_told_is_left_open() {
    let untold = |lines: &mut [Value]| {
        let line = lines[2].as_object_mut().expect("an object");
        line.remove("allowances");
    };
    assert_eq!(found(3, untold), "undecided");
}

#[test]
fn a_refill_of_the_wrong_size_is_found() {
    for (refill, then, left) in [
        ("3.00", "6.00", "5.00"),
        ("1.00", "4.00", "3.00"),
        ("5.00", "8.00", "7.00"),
    ] {
        let plant = |lines: &mut [Value]| refilled(&mut lines[2], refill, then, left);
        assert_eq!(found(3, plant), "refill", "{refill}");
    }
    let none = |lines: &mut [Value]| {
        refilled(&mut lines[2], "0.00", "3.00", "2.00");
        let moved = lines[2]["allowances"][0]
            .as_object_mut()
            .expect("an object");
        moved.remove("refill");
        moved.insert("seq".to_string(), json!(2));
        moved.insert("decided".to_string(), json!(4));
        (lines[2]["seq"], lines[2]["decided"]) = (json!(3), json!(5));
    };
    assert_eq!(found(3, none), "refill");
    let first = |lines: &mut [Value]| {
        refilled(&mut lines[0], "6.00", "6.00", "6.00");
    };
    assert_eq!(found(1, first), "refill");
    // What it says of itself must fit what was told of the account.
    let alone = |lines: &mut [Value]| {
        lines[2]["allowances"][0]["refill"] = json!("2.50");
    };
    assert_eq!(found(3, alone), "refill");
    let again = |lines: &mut [Value]| {
        alone(lines);
        lines[2]["allowances"][0]["window"]["entry"] = json!("again");
    };
    assert_eq!(found(3, again), "balance");
}

#[test]
fn a_second_refill_of_a_window_is_found() {
    for entry in ["new", "again"] {
        for month_before in [10, 11] {
            let plant = |lines: &mut [Value]| {
                lines[3]["allowances"] = filled(month_before, entry, "1.00", 5, 8);
            };
            assert_eq!(found(4, plant), "refilled_twice", "{entry} {month_before}");
        }
    }
    // A clock went back, and what was given for the window ahead of it was taken back.
    let taken_back = |lines: &mut [Value]| {
        lines[3]["allowances"] = json!([{
            "account": "api", "window": {"start": month(10), "entry": "again", "limit": "5.00"},
            "lapse": "2.00", "balance": "2.00", "available": "2.00", "seq": 5, "decided": 8,
        }]);
        (lines[3]["balance"], lines[3]["available"]) = (json!("1.00"), json!("1.00"));
    };
    assert_eq!(found(4, taken_back), "right");
}
