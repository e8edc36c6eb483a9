//! Every order of some operations, as the program tells it.

use crate::cli::{Run, feed, run};
use serde_json::{Value, json};

/// Explores with JSON output.
fn explored(arguments: &[&str], code: i32) -> Value {
    let run = run(&[&["explore", "--output", "json"], arguments].concat()).expect(code);
    let mut events = run.events();
    assert_eq!(events.len(), 1, "{run:?}");
    let explored = events.remove(0);
    assert_eq!(
        (&explored["v"], &explored["type"], &explored["status"]),
        (&json!(1), &json!("explored"), &json!(code))
    );
    explored
}

/// Orders, serial, right by luck, wrong.
fn counts(explored: &Value) -> [u64; 4] {
    ["orders", "serial", "right_by_luck", "wrong"].map(|key| explored[key].as_u64().unwrap())
}

/// What the judged account can end with, and after how many orders.
fn finals(explored: &Value) -> Vec<(String, u64)> {
    let finals = explored["accounts"][0]["finals"].as_array().unwrap();
    let one = |end: &Value| {
        let balance = end["balance"].as_str().unwrap().to_string();
        (balance, end["orders"].as_u64().unwrap())
    };
    finals.iter().map(one).collect()
}

fn flags(operations: &[&str]) -> Vec<String> {
    let flag = |operation: &&str| ["--op".to_string(), operation.to_string()];
    operations.iter().flat_map(flag).collect()
}

#[test]
fn the_known_figures_come_from_the_command_line() {
    let two = explored(&["--op", "withdraw", "--op", "deposit"], 3);
    assert_eq!(counts(&two), [6, 2, 0, 4]);
    // The view is left out.
    let five = explored(&["--amount", "500"], 3);
    assert_eq!(counts(&five), [2_520, 24, 704, 1_792]);
    assert_eq!(five["views_left_out"], 1);
    let expected = [
        ("0.00", 176),
        ("500.00", 720),
        ("1000.00", 728),
        ("1500.00", 720),
        ("2000.00", 176),
    ];
    let expected = expected.map(|(balance, orders)| (balance.to_string(), orders));
    assert_eq!(finals(&five), expected);
    let unlike = [
        "--op=withdraw=100",
        "--op=deposit=200",
        "--op=transfer=300",
        "--op=loan=400",
    ];
    let unlike = explored(&unlike, 3);
    assert_eq!(counts(&unlike), [2_520, 24, 288, 2_208]);
    assert_eq!(finals(&unlike).len(), 11);
}

#[test]
fn what_keeps_operations_apart_is_told_by_the_status() {
    for sync in ["cas", "lock", "server", "queue", "pipe"] {
        let found = explored(&["--amount", "700", "--sync", sync], 0);
        assert_eq!(
            (&found["wrong"], &found["example"]),
            (&json!(0), &Value::Null),
            "{sync}"
        );
        assert_eq!(found["sync"], sync);
    }
    let with_work = explored(&["--sync", "server", "--with-work"], 0);
    assert_eq!(with_work["orders"], 2_520);
}

/// An order as its picture shows it.
fn picture(arguments: &[&str], code: i32) -> Run {
    let run = run(&[&["explore"], arguments].concat()).expect(code);
    // Counts and tokens have all their digits, however many; the picture keeps to a projector's width.
    let lines = run
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("step"));
    for line in lines.take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    run
}

#[test]
fn the_shortest_wrong_order_has_a_lane_for_each_operation() {
    let two = picture(&["--op", "withdraw", "--op", "deposit"], 3);
    let expected = "\
step  1 withdraw    2 deposit
        $100.00       $100.00
   1  read $1000.00  |
   2  |              read $1000.00
   3  |              write $1100.00
   4  write $900.00  |
";
    let words = |text: &str| -> Vec<Vec<String>> {
        let line = |line: &str| line.split_whitespace().map(String::from).collect();
        text.lines().map(line).collect()
    };
    let (two, expected) = (words(&two.stdout), words(expected));
    assert!(
        two.windows(expected.len()).any(|lines| lines == expected),
        "{two:?}"
    );
    for many in [4, 5, 12, 40] {
        let operations = flags(&vec!["deposit"; many]);
        let operations: Vec<&str> = operations.iter().map(String::as_str).collect();
        let many = picture(&operations, 3).stdout;
        assert!(
            many.contains("replay x1/none/main=1000/d100,d100,"),
            "{many}"
        );
    }
}

#[test]
fn an_order_is_shown_for_a_balance_that_is_asked_for() {
    let operations = ["--op", "withdraw=500", "--op", "deposit=500"];
    let found = explored(&[&operations[..], &["--final", "1500"]].concat(), 3);
    assert_eq!(found["example"]["balances"][0]["balance"], "1500.00");
    assert_eq!(found["example"]["shortest"], true);
    let right = explored(&[&operations[..], &["--final", "1000"]].concat(), 3);
    assert_eq!(right["example"]["interruptions"], 0);
    let below = [
        "--op=withdraw=500",
        "--balance=0",
        "--overdraft=500",
        "--final=-500",
    ];
    assert_eq!(
        explored(&below, 0)["example"]["token"],
        "x1/none/main=0+500/w500/11"
    );
    let none = picture(&[&operations[..], &["--final", "7"]].concat(), 3).stdout;
    assert!(
        none.contains("No order was found that ends with $7.00."),
        "{none}"
    );
}

#[test]
fn opposite_transfers_deadlock_unless_locks_have_an_order() {
    let lines = "{\"op\":\"transfer\",\"account\":\"a\",\"to\":\"b\",\"amount\":5}\n\
                 {\"op\":\"transfer\",\"account\":\"b\",\"to\":\"a\",\"amount\":5}\n";
    let open = [
        "explore",
        "-",
        "--open",
        "a=10",
        "--open",
        "b=10",
        "--sync",
        "mutex-per-account",
    ];
    let stuck = feed(&open, lines).expect(3).stdout;
    assert!(
        stuck.contains("waits for b") && stuck.contains("waits for a"),
        "{stuck}"
    );
    let cured = feed(&[&open[..], &["--lock-order"]].concat(), lines).expect(0);
    assert!(
        cured.stdout.contains("There is no wrong order."),
        "{cured:?}"
    );
}

#[test]
fn forty_operations_are_counted_to_the_last_digit() {
    let all: Vec<String> = (1..=40)
        .map(|n| format!("--op={}={}", ["deposit", "withdraw"][n % 2], n * 100))
        .collect();
    let mut arguments: Vec<&str> = all.iter().map(String::as_str).collect();
    arguments.push("--balance=50000");
    let text = picture(&arguments, 3).stdout;
    // All fits a projector but the token.
    let wide = text.lines().filter(|line| line.chars().count() > 80);
    assert!(
        wide.clone().all(|line| line.contains("replay x1/")),
        "{text}"
    );
    assert_eq!(wide.count(), 1, "{text}");
    // Counts of any size are numbers in JSON, which no reader here holds: their digits are compared.
    let json = run(&[&["explore", "--output", "json"], &arguments[..]].concat()).expect(3);
    let (_, orders) = json.stdout.split_once("\"orders\":").unwrap();
    let digits: String = orders.chars().take_while(char::is_ascii_digit).collect();
    // 80! / 2^40
    let expected = {
        let (mut number, mut twos) = (vec![1u64], 40);
        for mut factor in 2..=80u64 {
            while factor % 2 == 0 && twos > 0 {
                (factor, twos) = (factor / 2, twos - 1);
            }
            let mut carry = 0;
            for digit in &mut number {
                carry += *digit * factor;
                (*digit, carry) = (carry % 10, carry / 10);
            }
            while carry > 0 {
                number.push(carry % 10);
                carry /= 10;
            }
        }
        number.iter().rev().map(u64::to_string).collect::<String>()
    };
    assert_eq!(digits, expected);
    let ten = &arguments[..10];
    let ten = explored(&[ten, &["--balance=3000"]].concat(), 3);
    assert_eq!(ten["orders"], 2_375_880_867_360_000u64);
    assert_eq!(
        (&ten["method"], finals(&ten).len()),
        (&json!("closed_form"), 56)
    );
}

#[test]
fn orders_that_are_not_all_examined_are_said_to_be_so() {
    let drawn = ["--sync=cas", "--max-states=20", "--samples=500", "--seed=7"];
    let found = explored(&drawn, 10);
    assert_eq!(
        (&found["exact"], &found["method"]),
        (&json!(false), &json!("drawn"))
    );
    assert_eq!(found["drawn"]["samples"], 500);
    assert_eq!(found["wrong"], 0);
    assert_eq!(explored(&drawn, 10), found, "a seed draws the same again");
    let text = picture(&drawn, 10).stdout;
    assert!(text.contains("with 95 % confidence"), "{text}");
    let wrong = explored(
        &[
            "--max-states=20",
            "--op=withdraw=600",
            "--op=withdraw=700",
            "--op=loan",
        ],
        3,
    );
    assert_eq!(wrong["example"]["shortest"], false);
}

#[test]
fn what_cannot_be_explored_is_refused() {
    let check = |arguments: &[&str], input: &str, expected: &str| {
        let run = feed(&[&["explore"], arguments].concat(), input);
        assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(expected), "{run:?}");
    };
    check(&["--op", "balance"], "", "nothing to put in order");
    check(&["--lock-order"], "", "`--sync mutex-per-account`");
    check(&["--with-work"], "", "`--sync server`");
    check(&["--open", "main=5"], "", "opens `main` a second time");
    check(&["--ledger", "bank.db"], "", "cannot use the ledger");
    check(&["-"], "{\"op\":\"steal\"}\n", "line 1 is invalid");
    let same = "{\"op\":\"transfer\",\"amount\":1,\"to\":\"main\"}\n";
    check(&["-"], same, "moves money from `main` to itself");
    let twice = "{\"op\":\"deposit\",\"amount\":1,\"id\":\"a\"}\n".repeat(2);
    check(&["-"], &twice, "the id `a` stands on two lines");
    let many = "{\"op\":\"deposit\",\"amount\":1}\n".repeat(100);
    check(&["-"], &many, "more than `60` operations");
}

#[test]
fn too_many_operations_are_told_without_a_wrong_count() {
    let many = "{\"op\":\"withdraw\",\"amount\":1}\n".repeat(200);
    let run = crate::cli::feed(&["explore", "-"], many);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:?}");
    let told = "there are more than `60` operations";
    assert_eq!(run.stderr.matches(told).count(), 1, "{run:?}");
}

#[test]
fn the_help_has_no_line_that_a_terminal_of_80_columns_breaks_in_its_examples() {
    for command in ["explore", "replay"] {
        let help = run(&[command, "--help"]).expect(0).stdout;
        let (examples, _) = help.split_once("Exit status").unwrap();
        let long = examples.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{command}");
    }
    let commands = run(&["--help"]).expect(0).stdout;
    assert!(!commands.contains("real threads"), "{commands}");
}
