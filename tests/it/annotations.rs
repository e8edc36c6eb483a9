//! What operations carry: a memo, texts by name, a date.

use serde_json::{Value, json};

use crate::ledger::Ledger;

fn entry(ledger: &Ledger) -> Value {
    serde_json::from_str(&ledger.say("history --tail 1 -o json")).unwrap()
}

#[test]
fn what_is_added_is_kept_and_told() {
    let ledger = Ledger::new();
    let words = "deposit 5 --id rent --memo May --meta iban=DE02=1 --meta n=2 --date 2026-05-01";
    let said: Value = serde_json::from_str(&ledger.say(&format!("{words} -o json"))).unwrap();
    for told in [&said, &entry(&ledger)] {
        assert_eq!(told["memo"], "May");
        assert_eq!(told["meta"], json!({"iban": "DE02=1", "n": "2"}));
        assert_eq!(told["date"], "2026-05-01");
    }
    let csv = ledger.say("history --output csv");
    let row = csv.lines().last().unwrap();
    assert!(
        row.ends_with(r#",2026-05-01,May,"{""iban"":""DE02=1"",""n"":""2""}",,,,"#),
        "{csv}"
    );
    assert!(ledger.say("history").ends_with("\trent\tMay\n"));
    // It is a part of what the id stands for.
    assert!(ledger.say(words).contains("duplicate"));
    for other in [
        "deposit 5 --id rent",
        "deposit 5 --id rent --memo June",
        "deposit 5 --id rent --memo May --meta iban=DE02=1 --meta n=2",
    ] {
        assert_eq!(ledger.run(other).code(), 5, "{other}");
    }
    ledger.say("hold 1 --id later --memo lunch");
    let held: Value = serde_json::from_str(&ledger.say("balance --holds -o json")).unwrap();
    assert_eq!(held["memo"], "lunch");
    ledger.say("post later");
    assert_eq!(entry(&ledger)["memo"], "lunch");
    assert!(ledger.say("verify").starts_with("ok: "));
    for wrong in [
        format!("deposit 1 --memo {}", "x".repeat(1_025)),
        "deposit 1 --date yesterday".to_string(),
        "deposit 1 --meta x".to_string(),
        "deposit 1 --meta x!=1".to_string(),
        "deposit 1 --meta x=1 --meta x=2".to_string(),
    ] {
        assert_eq!(ledger.run(&wrong).code(), 2, "{wrong}");
    }
}

/// Writes down what the command of each line is told.
const SCRIPT: &str = r#"echo "$BANK_PAR_ID|$BANK_PAR_MEMO|$BANK_PAR_DATE|$BANK_PAR_META_IBAN|$BANK_PAR_META_END_TO_END" >> told
cat >> told"#;

#[test]
fn a_payout_tells_its_command_where_the_money_goes() {
    let ledger = Ledger::new();
    ledger.say("deposit 100");
    ledger.file("pay.sh", SCRIPT);
    ledger.file(
        "payouts.jsonl",
        "{\"op\":\"withdraw\",\"amount\":1,\"id\":\"a\",\"memo\":\"rent \\\"May\\\"\",\"meta\":{\"iban\":\"DE02\",\"end-to-end\":7,\"new\":true},\"date\":\"2026-05-01T10:00:00+02:00\"}\n\
         {\"op\":\"withdraw\",\"amount\":1,\"id\":\"b\"}\n",
    );
    ledger.file("more.csv", "op,amount,id,memo,meta.iban,date\nwithdraw,1,c,\"a, b\",FR76,2026-05-02\nwithdraw,1,d,,,\n");
    for input in ["payouts.jsonl", "more.csv"] {
        let run = ledger.script(&format!(
            "BANK_PAR_META_IBAN=other bank-par queue {input} --jobs 1 --run {input} -- sh pay.sh; cat told; rm told"
        ));
        let told: Vec<&str> = run
            .stdout
            .lines()
            .filter(|line| line.contains('|'))
            .collect();
        let expected = match input {
            "payouts.jsonl" => ["a|rent \"May\"|2026-05-01T10:00:00+02:00|DE02|7", "b||||"],
            _ => ["c|a, b|2026-05-02|FR76|", "d||||"],
        };
        assert_eq!(told, expected, "{run:?}");
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with("{\"v\""))
            .unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            line["meta"]["iban"].as_str(),
            Some(expected[0].rsplit('|').nth(1).unwrap())
        );
    }
    let recorded = ledger.say("history --output json --limit 2");
    assert!(
        recorded.contains(r#""meta":{"end-to-end":"7","iban":"DE02","new":"true"}"#),
        "{recorded}"
    );
    // A line that was done and now says something else is another line.
    let changed =
        "op,amount,id,memo,meta.iban,date\nwithdraw,1,c,\"a, b\",XX,2026-05-02\nwithdraw,1,d,,,\n";
    ledger.file("more.csv", changed);
    let run = ledger.script("bank-par queue more.csv --run more.csv -- sh pay.sh");
    assert_eq!(run.code(), 2, "{run:?}");
}

#[test]
fn a_field_that_is_none_is_named_with_the_nearest_one() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    for (line, why) in [
        (
            r#"{"op":"deposit","ammount":1}"#,
            "unknown field `ammount`: did you mean `amount`?",
        ),
        (
            r#"{"op":"deposit","amount":1,"colour":1}"#,
            "unknown field `colour`: an operation has `op`, ",
        ),
        (
            r#"{"op":"deposit","amount":1,"meta":{"a":{}}}"#,
            "meta `a`: `meta` is a flat object",
        ),
        (
            r#"{"op":"deposit","amount":1,"meta":[1]}"#,
            "field `meta`: it is a flat object",
        ),
        (
            r#"{"op":"deposit","amount":1,"date":"May"}"#,
            "date `May`: a date is written as",
        ),
    ] {
        let input = ledger.file("input.jsonl", &format!("{line}\n"));
        let run = ledger.run(&format!("queue {input} -o json"));
        let invalid = run
            .stdout
            .lines()
            .find(|line| line.contains("\"invalid\""))
            .unwrap();
        assert!(
            invalid.contains(&format!("\"reason\":\"{why}")),
            "{invalid}"
        );
    }
    let input = ledger.file("input.csv", "op,amonut\ndeposit,1\n");
    let run = ledger.run(&format!("queue {input}"));
    assert!(
        run.stderr
            .contains("`amonut` is not a column: did you mean `amount`?"),
        "{}",
        run.stderr
    );
}
