//! What is told of a contradiction, and what several files have in common.

use serde_json::{Value, json};

use super::super::history;
use super::*;

/// The lines of the answers that contradict each other.
fn shown(lines: &[Value]) -> Vec<u32> {
    let history = history(lines);
    let checked = check(&history);
    let found = contradiction(&checked).expect("a contradiction");
    let line = |number: &u32| history.at(*number).line - 1;
    found.answers.iter().map(line).collect()
}

#[test]
fn a_sum_is_shown_with_the_answers_that_moved_its_money() {
    let mut lines = right();
    lines.push(summary());
    lines[16]["balances"][3]["balance"] = json!("149.00");
    assert_eq!(shown(&lines), [3, 15]);
    let checked = checked(&lines);
    assert_eq!(contradiction(&checked).expect("a contradiction").omitted, 0);
    lines[16]["balances"][3]["balance"] = json!("150.00");
    lines[16]["balances"][2]["balance"] = json!("541.00");
    assert_eq!(shown(&lines), [0, 1, 2, 3, 7, 14]);
}

#[test]
fn a_balance_that_was_found_too_often_is_shown_with_those_that_found_it() {
    let take = |balance: &str, operation, times| {
        let fields = json!({"type":"completed","op":"withdraw","amount":"10.00","balance":balance});
        line(fields, operation, times)
    };
    let lines = vec![
        run_started("100.00"),
        take("90.00", 1, (10, 100)),
        take("90.00", 2, (10, 100)),
        line(
            json!({"type":"completed","op":"balance","balance":"100.00"}),
            3,
            (10, 100),
        ),
        take("80.00", 4, (10, 100)),
    ];
    assert_eq!(shown(&lines), [1, 2]);
    let checked = checked(&lines);
    let why = &contradiction(&checked).expect("a contradiction").why;
    assert!(
        matches!(
            why,
            Disagreement::FoundTooOften {
                found: 2,
                left: 1,
                ..
            }
        ),
        "{why:?}"
    );
}

#[test]
fn the_same_number_is_shown_with_the_answer_that_had_it_before() {
    let mut lines = right();
    lines[14]["decided"] = json!(9);
    assert_eq!(shown(&lines), [9, 14]);
}

#[test]
fn without_a_place_and_a_balance_no_order_is_looked_for() {
    let mut lines = right();
    lines.truncate(3);
    for line in &mut lines[1..] {
        let fields = line.as_object_mut().expect("an object");
        fields
            .retain(|name, _| !["seq", "decided", "balance", "available"].contains(&name.as_str()));
    }
    let open = checked(&lines).tiers.map(|tier| tier.left_open);
    assert!(matches!(open[2][..], [LeftOpen::NoOrder(2)]), "{open:?}");
}

#[test]
fn a_recording_that_is_read_twice_tells_nothing_new() {
    let mut lines = right();
    lines.push(summary());
    let checked = check(&histories(&[&lines, &lines]));
    assert_eq!(checked.judgement(), Judgement::Right);
    assert_eq!((checked.answers, checked.told_twice), (15, 15));
    // Without its process it may be another run that went alike.
    lines[0]["pid"] = json!(0);
    assert_eq!(check(&histories(&[&lines, &lines])).told_twice, 0);
}

/// A run that begins with an answer of these numbers, on this ledger if it has one.
fn run(ledger: &str, clock: u64, decided: u64, at: u64) -> Vec<Value> {
    let mut started = run_started("0.00");
    (started["ledger"], started["clock_us"]) = (json!(ledger), json!(clock));
    started["pid"] = json!(clock);
    let mut answer = completed("deposit", "10.00", "10.00", decided, decided);
    answer["at_us"] = json!(at);
    vec![started, answer]
}

#[test]
fn each_ledger_has_numbers_of_its_own() {
    let one = run("one.db", 1_000, 7, 100);
    let other = run("other.db", 2_000, 7, 100);
    let outside = &run("", 3_000, 7, 100)[1..];
    let mut history = histories(&[&one, &other, outside]);
    assert!(contradiction(&check(&history)).is_none());
    history.join_ledgers();
    let checked = check(&history);
    let found = contradiction(&checked).expect("one ledger").why.word();
    assert_eq!(found, "seq_twice");
}

#[test]
fn times_are_compared_by_one_clock_alone() {
    // Nothing tells the first one's clock, and the other two are of two machines.
    let untold = run("bank.db", 0, 9, 50);
    let mut here = run("bank.db", 5_000, 1, 100);
    let mut there = run("bank.db", 5_000, 2, 100);
    there[0]["started_at"] = json!("2026-11-25T04:10:00.000000Z");
    (
        here[1]["amount"],
        there[1]["balance"],
        there[1]["available"],
    ) = (json!("10.00"), json!("20.00"), json!("20.00"));
    there[1]["at_us"] = json!(900_000);
    let checked = check(&histories(&[&untold, &here, &there]));
    let found = contradiction(&checked).map(|found| found.why.word());
    assert_eq!(found, None);
}

#[test]
fn the_first_entry_of_a_ledger_has_the_first_number() {
    let word = |seq: u64| {
        let mut lines = run("bank.db", 1_000, 1, 100);
        lines[1]["seq"] = json!(seq);
        contradiction(&checked(&lines)).map(|found| found.why.word())
    };
    assert_eq!((word(1), word(2)), (None, Some("seq_gap")));
}

#[test]
fn what_one_run_left_under_way_another_may_meet() {
    let mut whole = run("bank.db", 1_000, 1, 100);
    let mut end = summary();
    (end["ledger"], end["balances"]) = (json!("bank.db"), json!([]));
    for count in ["completed", "refused", "failed", "duplicates"] {
        end[count] = json!(u64::from(count == "completed"));
    }
    whole.push(end);
    let mut other = run("bank.db", 5_000, 2, 900);
    other[1] = json!({"v":1,"type":"refused","op":"withdraw","account":"main","id":"z","amount":"5.00",
        "reason":"id_conflict","decided":1,"operation":1,"at_us":900,"elapsed_us":10});
    let word = |files: &[&[Value]]| {
        let checked = check(&histories(files));
        contradiction(&checked).map(|found| found.why.word())
    };
    assert_eq!(word(&[&whole, &other]), None, "the second was cut short");
    let mut ended = whole[2].clone();
    (ended["completed"], ended["refused"]) = (json!(0), json!(1));
    other.push(ended);
    assert_eq!(word(&[&whole, &other]), Some("refused"));
}
