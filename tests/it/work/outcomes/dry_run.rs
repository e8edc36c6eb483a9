//! A dry run with a command.

use super::*;

#[test]
fn a_dry_run_touches_nothing() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    ledger.say("hold 3 --expires never");
    let input = ledger.path() + ".jsonl";
    let lines = [
        r#"{"op":"withdraw","amount":4}"#,
        "rubbish",
        r#"{"op":"withdraw","amount":4}"#,
        r#"{"op":"deposit","amount":2,"id":"own"}"#,
        r#"{"op":"withdraw","amount":4}"#,
        r#"{"op":"withdraw","amount":1,"account":"nosuch"}"#,
        r#"{"op":"transfer","amount":1}"#,
    ];
    std::fs::write(&input, lines.join("\n")).unwrap();
    let before = std::fs::read(ledger.path()).unwrap();
    let ran = ledger.path() + ".ran";
    let path = ledger.path();
    let words = |tail: &[&'static str]| {
        let words = ["parallel", &input, "--ledger", &path, "--run", "november"];
        let words = words.into_iter().chain(["--dry-run", "--output", "json"]);
        let mut words: Vec<String> = words.map(String::from).collect();
        words.extend(tail.iter().map(ToString::to_string));
        words
    };
    for (tail, id) in [
        (&[][..], Value::Null),
        (&["--", "touch"], json!("november:1")),
    ] {
        let mut words = words(tail);
        if !tail.is_empty() {
            words.push(ran.clone());
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let dry_run = run(&words);
        assert_eq!(dry_run.code(), 2, "{dry_run:?}");
        let told = dry_run.events().into_iter().map(|event| {
            let field = |name: &str| event[name].as_str().unwrap_or("").to_string();
            (
                event["line"].as_u64().unwrap(),
                field("type"),
                field("reason"),
            )
        });
        let mut told: Vec<_> = told.filter(|(_, kind, _)| kind == "planned").collect();
        told.sort();
        let told: Vec<_> = told
            .into_iter()
            .map(|(line, _, reason)| (line, reason))
            .collect();
        let expected = [
            (1, ""),
            (3, "insufficient_funds"),
            (4, ""),
            (5, ""),
            (6, "unknown_account"),
        ];
        assert_eq!(
            told,
            expected.map(|(line, reason)| (line, reason.to_string()))
        );
        assert_eq!(dry_run.events()[0]["id"], id);
        let telling = "3 operations would be run, 2 refused; nothing was touched";
        assert!(dry_run.stderr.contains(telling), "{dry_run:?}");
    }
    assert!(!std::fs::exists(&ran).unwrap());
    assert!(std::fs::read(ledger.path()).unwrap() == before);
    assert_eq!(ledger.run("runs").stdout, "");
    // What a run has done is not planned again.
    let done = [
        "parallel", &input, "--ledger", &path, "--run", "november", "--jobs", "1",
    ];
    run(&done).expect(2);
    let dry_run = run(&[&done[..], &["--dry-run"]].concat());
    let telling = "0 operations would be run, 5 not, since they are done";
    assert!(dry_run.stderr.contains(telling), "{dry_run:?}");
    let missing = run(&["pipe", &input, "--ledger", "/nowhere/bank.db", "--dry-run"]);
    assert_eq!((missing.code(), missing.stdout.as_str()), (8, ""));
}
