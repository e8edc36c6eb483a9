//! Every mode from end to end.

use std::collections::BTreeSet;

use crate::cli::{MODES, Run, account, assert_sound, json_feed, json_run, run};
use serde_json::{Value, json};

/// The ones in which the bank decides.
const ASKING: [&str; 3] = ["parallel", "queue", "pipe"];

/// Text without the two numbers that differ from run to run.
fn without_times(text: &str) -> String {
    let line = |line: &str| match line.starts_with("Elapsed: ") {
        true => "Elapsed\n".to_string(),
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
/// What a run says after its first line, which names its mode.
#[track_caller]
fn after_first<'a>(mode: &str, run: &'a Run) -> &'a str {
    let (first, rest) = run.stdout.split_once('\n').unwrap();
    assert!(first.starts_with(&format!("{mode}: ")), "{first}");
    rest
}

#[test]
fn one_after_another_the_five_say_the_classic_words() {
    let expected = "\
Withdrawal of $100.00 started
Withdrawal of $100.00 completed. Updated balance: $900.00
Deposit of $100.00 started
Deposit of $100.00 completed. Updated balance: $1000.00
Transfer of $100.00 started
Transfer of $100.00 completed. Updated balance: $900.00
Loan application for $100.00 started
Loan application for $100.00 completed. Updated balance: $1000.00
Current balance: $1000.00

5 operations: 5 completed
5 processes started
Elapsed
Balance of main: $1000.00 (as it must be)
Balance of @loans: -$100.00 (as it must be)
Balance of @world: -$900.00 (as it must be)
Sum over all accounts: $0.00
";
    for mode in MODES {
        let flags = [
            "--jobs",
            "1",
            "--time-scale",
            "0.001",
            "--detail",
            "results",
        ];
        let all = run(&[&[mode], &flags[..]].concat()).expect(0);
        // Shared data has nothing to hold, but the messages are the same.
        assert_eq!(without_times(after_first(mode, &all)), expected, "{mode}");
    }
}

#[test]
fn without_work_only_results_are_told() {
    let expected = "\
Withdrawal of $100.00 completed. Updated balance: $900.00
Deposit of $100.00 completed. Updated balance: $1000.00
Transfer of $100.00 completed. Updated balance: $900.00
Loan application for $100.00 completed. Updated balance: $1000.00
Current balance: $1000.00
";
    for mode in MODES {
        let flags = ["--jobs", "1", "--time-scale", "0", "--detail", "results"];
        let all = run(&[&[mode], &flags[..]].concat()).expect(0);
        let told = after_first(mode, &all);
        assert!(told.starts_with(expected), "{mode}: {told}");
        let kinds: BTreeSet<String> = json_run(mode, &["--time-scale", "0"])
            .expect(0)
            .events()
            .iter()
            .map(|event| event["type"].to_string())
            .collect();
        assert_eq!(
            kinds,
            BTreeSet::from(["\"completed\"".into(), "\"summary\"".into()]),
            "{mode}"
        );
    }
}

#[test]
fn at_the_same_time_the_five_tell_the_same_in_any_order() {
    for mode in MODES {
        let all = run(&[mode, "--time-scale", "0.01"]).expect(0);
        let lines: Vec<&str> = all.stdout.lines().collect();
        for title in [
            "Withdrawal of",
            "Deposit of",
            "Transfer of",
            "Loan application for",
        ] {
            let at = |end: &str| {
                lines
                    .iter()
                    .position(|line| line.starts_with(&format!("{title} $100.00 {end}")))
            };
            let (started, completed) = (at("started"), at("completed. Updated balance: $"));
            assert!(
                started.is_some() && started < completed,
                "{mode}: {title}: {}",
                all.stdout
            );
        }
        let views = lines
            .iter()
            .filter(|line| line.starts_with("Current balance: $"))
            .count();
        assert_eq!(views, 1, "{mode}: {}", all.stdout);
        assert!(
            lines.contains(&"Balance of main: $1000.00 (as it must be)"),
            "{}",
            all.stdout
        );
    }
}

#[test]
fn with_work_between_every_event_has_its_fields() {
    for mode in MODES {
        let all = json_run(mode, &["--time-scale", "0.001"]).expect(0);
        let mut told = Vec::new();
        for event in all.events() {
            assert_eq!(event["v"], 1);
            let fields: Vec<&str> = event
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let kind = event["type"].as_str().unwrap().to_string();
            let has = |field| fields.contains(&field);
            if kind != "summary" {
                let op = event["op"].as_str().unwrap();
                assert!(
                    ["worker", "pid", "at_us", "account"].into_iter().all(has),
                    "{event}"
                );
                assert_eq!(has("amount"), op != "balance", "{event}");
                assert_eq!(has("to"), op == "transfer", "{event}");
                assert_eq!(
                    has("balance") && has("available"),
                    kind != "started",
                    "{event}"
                );
                assert_eq!(
                    has("seq") && has("elapsed_us"),
                    kind == "completed",
                    "{event}"
                );
                assert!(!has("line") && !has("id") && !has("reason"), "{event}");
                told.push((op.to_string(), kind));
            }
        }
        let of = |op: &str| {
            told.iter()
                .filter(|(o, _)| o == op)
                .map(|(_, kind)| kind.as_str())
                .collect::<Vec<_>>()
        };
        for op in ["withdraw", "deposit", "transfer", "loan"] {
            match mode {
                "server-share" | "shared-memory" => {
                    assert_eq!(of(op), ["started", "completed"], "{mode}: {op}")
                }
                _ => assert_eq!(of(op), ["started", "held", "completed"], "{mode}: {op}"),
            }
        }
        assert_eq!(of("balance"), ["completed"], "{mode}");
        let summary = all.summary();
        assert_sound(&summary);
        assert_eq!(
            (&summary["mode"], &summary["status"]),
            (&json!(mode), &json!(0))
        );
        assert_eq!(account(&summary, "main")["balance"], "1000.00");
        assert_eq!(account(&summary, "@loans")["balance"], "-100.00");
    }
}

#[test]
fn the_flags_choose_the_operations() {
    let all = json_run(
        "parallel",
        &[
            "--time-scale",
            "0",
            "--jobs",
            "1",
            "--amount",
            "7.5",
            "--balance",
            "20",
            "--overdraft",
            "5.01",
            "--account",
            "ops",
            "--to",
            "rent",
            "--op",
            "deposit",
            "--op",
            "withdraw=30",
            "--op",
            "transfer",
            "--op",
            "withdraw",
            "--op",
            "balance",
            "--op",
            "withdraw=2.51",
            "--op",
            "withdraw=0.01",
        ],
    )
    .expect(1);
    let results: Vec<Value> = all
        .events()
        .iter()
        .map(|event| {
            json!([
                event["type"],
                event["op"],
                event["amount"],
                event["balance"]
            ])
        })
        .collect();
    let expected = [
        json!(["completed", "deposit", "7.50", "27.50"]),
        json!(["completed", "withdraw", "30.00", "-2.50"]),
        json!(["refused", "transfer", "7.50", "-2.50"]),
        json!(["refused", "withdraw", "7.50", "-2.50"]),
        json!(["completed", "balance", null, "-2.50"]),
        json!(["completed", "withdraw", "2.51", "-5.01"]),
        json!(["refused", "withdraw", "0.01", "-5.01"]),
    ];
    assert_eq!(results[..7], expected);
    let summary = all.summary();
    assert_sound(&summary);
    assert_eq!(account(&summary, "ops")["balance"], "-5.01");
}

#[test]
fn a_transfer_goes_where_it_is_told() {
    for mode in MODES {
        let all = run(&[
            mode,
            "--op",
            "transfer",
            "--to",
            "rent",
            "--account",
            "ops",
            "--time-scale",
            "0",
            "--detail",
            "results",
        ])
        .expect(0);
        let said =
            "Transfer of $100.00 to rent (account ops) completed. Updated balance: $900.00\n";
        assert!(after_first(mode, &all).starts_with(said), "{}", all.stdout);
        for balance in [
            "Balance of ops: $900.00 (",
            "Balance of rent: $100.00 (",
            "Balance of @world: -$1000.00 (",
        ] {
            assert!(all.stdout.contains(balance), "{mode}: {}", all.stdout);
        }
    }
}

#[test]
fn the_bank_says_no_and_why() {
    for mode in MODES {
        let check = |line: &str, reason: &str| {
            let all = json_feed(mode, &["--balance", "10"], line).expect(1);
            let refused = all.of("refused");
            assert_eq!(refused.len(), 1, "{mode}: {}", all.stdout);
            assert_eq!(
                (&refused[0]["reason"], &refused[0]["line"]),
                (&json!(reason), &json!(1)),
                "{mode}"
            );
            let summary = all.summary();
            assert_sound(&summary);
            assert_eq!(
                (&summary["refused"], &summary["status"]),
                (&json!(1), &json!(1))
            );
            assert_eq!(account(&summary, "main")["balance"], "10.00", "{mode}");
        };
        check(
            r#"{"op":"withdraw","amount":"10.01"}"#,
            "insufficient_funds",
        );
        check(
            r#"{"op":"transfer","amount":11,"to":"rent"}"#,
            "insufficient_funds",
        );
        check(
            r#"{"op":"withdraw","amount":1,"account":"nobody"}"#,
            "unknown_account",
        );
        check(
            r#"{"op":"transfer","amount":1,"account":"nobody"}"#,
            "unknown_account",
        );
        check(r#"{"op":"balance","account":"nobody"}"#, "unknown_account");
        check(
            r#"{"op":"transfer","amount":1,"to":"main"}"#,
            "same_account",
        );
        check(
            r#"{"op":"deposit","amount":"92233720368547758.07"}"#,
            "balance_overflow",
        );
    }
}

#[test]
fn a_refusal_in_words_tells_what_is_available() {
    let flags = ["--time-scale", "0", "--detail", "results"];
    let all = run(&[&["pipe", "--op", "withdraw=1000.01"], &flags[..]].concat()).expect(1);
    let said = "Withdrawal of $1000.01 refused: insufficient funds. Available: $1000.00\n";
    assert!(
        after_first("pipe", &all).starts_with(said),
        "{}",
        all.stdout
    );
    assert!(
        all.stdout.contains("1 operation: 0 completed, 1 refused\n"),
        "{}",
        all.stdout
    );
}

#[test]
fn money_coming_in_opens_an_account() {
    let lines = r#"{"op":"deposit","amount":5,"account":"new"}
{"op":"transfer","amount":3,"to":"newer"}
{"op":"loan","amount":2,"account":"newest"}
{"op":"withdraw","amount":5,"account":"new"}
"#;
    for mode in MODES {
        let all = json_feed(mode, &["--jobs", "1"], lines).expect(0);
        let summary = all.summary();
        assert_sound(&summary);
        let balance = |name| account(&summary, name)["balance"].clone();
        assert_eq!(
            [balance("new"), balance("newer"), balance("newest")],
            ["0.00", "3.00", "2.00"],
            "{mode}"
        );
    }
}

#[test]
fn held_money_is_not_spent_twice() {
    for mode in ASKING {
        let eight = ["--op", "withdraw=300"].repeat(8);
        let all = json_run(mode, &[&["--time-scale", "0.01"][..], &eight].concat()).expect(1);
        let summary = all.summary();
        assert_sound(&summary);
        assert_eq!(
            (&summary["completed"], &summary["refused"]),
            (&json!(3), &json!(5)),
            "{mode}"
        );
        assert!(
            all.of("completed")
                .iter()
                .all(|event| !event["available"].as_str().unwrap().starts_with('-'))
        );
    }
}
