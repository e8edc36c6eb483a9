//! Lines that open accounts, or change their limits.

use serde_json::Value;

use crate::ledger::Ledger;

/// A thousand accounts, then a withdrawal from each that only its limit allows.
fn accounts() -> String {
    let line = |number: u32| {
        let amount = number % 9 + 1;
        format!(
            "{{\"op\":\"open\",\"account\":\"a{number}\",\"overdraft\":{amount}}}\n\
             {{\"op\":\"withdraw\",\"account\":\"a{number}\",\"amount\":{amount}}}\n"
        )
    };
    (0..1_000).map(line).collect()
}

#[test]
fn what_another_allowance_ends_is_told() {
    let ledger = Ledger::new();
    let open = |words: &str| {
        let run = ledger.run(&format!("open a --allowance {words}"));
        assert_eq!(run.code(), 0, "{run:?}");
        run.stderr
    };
    let all = "5/day --zone Europe/Berlin --rollover --warn-at 80%";
    assert_eq!(open(all), "");
    assert_eq!(open(&all.replace('5', "6")), "");
    let said = open("7/day --warn-at 90%");
    let ended = "had its allowance with `--zone Europe/Berlin --rollover`, which";
    assert!(said.contains(ended), "{said}");
    assert_eq!(open("7/day --warn-at 90%"), "");
    assert_eq!(open("none"), "");
}

fn kinds(events: &str, kind: &str) -> usize {
    let kind = format!("\"type\":\"{kind}\"");
    events.lines().filter(|line| line.contains(&kind)).count()
}

#[test]
fn a_thousand_accounts_are_one_file() {
    let ledger = Ledger::created();
    let input = ledger.file("accounts.jsonl", &accounts());
    let words = format!("queue {input} --strict --jobs 1 --ops-per-worker 0 --run open -o json");
    let said = ledger.say(&words);
    assert_eq!(
        (kinds(&said, "opened"), kinds(&said, "completed")),
        (1_000, 1_000)
    );
    let opened: Value = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&opened["op"], &opened["overdraft"]),
        (&"open".into(), &"1.00".into())
    );
    assert!(
        ledger
            .say("balance a7")
            .starts_with("a7\t-8.00\t0.00\t-8.00\t8.00")
    );
    // All of it is done, and stays done.
    let said = ledger.say(&words);
    assert!(
        said.contains("\"completed\":2000,"),
        "{}",
        said.lines().last().unwrap()
    );
    assert!(
        said.contains("\"duplicates\":2000,"),
        "{}",
        said.lines().last().unwrap()
    );
    let runs = ledger.say("runs -o json");
    assert!(runs.contains("\"done\":2000"), "{runs}");
    assert!(
        ledger
            .say("verify")
            .starts_with("ok: 1000 entries, 1000 other records")
    );
    // In memory it is the same.
    let said = ledger.say(&format!(
        "pipe {input} --strict --jobs 1 --ops-per-worker 0 --ledger memory -o json"
    ));
    assert_eq!(
        (kinds(&said, "opened"), kinds(&said, "completed")),
        (1_000, 1_000)
    );
    let recorded = ledger.file("recorded.jsonl", &said);
    ledger.say(&format!("check {recorded}"));
}

#[test]
fn a_line_that_was_done_is_protected_also_where_it_changed_nothing() {
    let ledger = Ledger::new();
    ledger.say("open ops --overdraft 5");
    let input = "op,account,overdraft,allowance,zone,warn_at\nopen,ops,5,,,\nopen,api,,5/day,Europe/Berlin,80%\n";
    let path = ledger.file("accounts.csv", input);
    // A command is not run for it.
    let run = format!("parallel {path} --run accounts -- false");
    ledger.say(&run);
    let api: Value = serde_json::from_str(&ledger.say("balance api -o json")).unwrap();
    assert_eq!(api["balance"], "5.00", "{api}");
    for (changed, status) in [("open,ops,5", 0), ("open,ops,6", 2)] {
        ledger.file("accounts.csv", &input.replace("open,ops,5", changed));
        assert_eq!(ledger.run(&run).code(), status, "{changed}");
    }
    assert!(ledger.say("verify").starts_with("ok: "));
}

#[test]
fn what_opens_nothing_is_named() {
    let ledger = Ledger::created();
    for (line, why) in [
        (r#"{"op":"open"}"#, "`open` does not say which `account`"),
        (
            r#"{"op":"open","account":"a","amount":1}"#,
            "`open` takes no `amount`",
        ),
        (
            r#"{"op":"open","account":"a","id":"x"}"#,
            "`open` takes no `id`",
        ),
        (
            r#"{"op":"open","account":"a","meta":{"b":1}}"#,
            "`open` takes no `meta`",
        ),
        (
            r#"{"op":"open","account":"a","overdraft":-1}"#,
            "overdraft `-1`: an amount is never negative",
        ),
        (
            r#"{"op":"open","account":"a","allowance":"5"}"#,
            "allowance `5`: an allowance is an amount",
        ),
        (
            r#"{"op":"open","account":"a","rollover":true}"#,
            "`zone`, `rollover` and `warn_at` are about",
        ),
        (
            r#"{"op":"deposit","amount":1,"overdraft":1}"#,
            "`deposit` takes no `overdraft`",
        ),
    ] {
        let input = ledger.file("input.jsonl", &format!("{line}\n"));
        let said = ledger.run(&format!("queue {input} -o json")).stdout;
        assert!(said.contains(&format!("\"reason\":\"{why}")), "{said}");
    }
    let input = ledger.file("input.jsonl", "{\"op\":\"open\",\"account\":\"a\"}\n");
    let said = ledger
        .run(&format!("server-share {input} --ledger memory -o json"))
        .stdout;
    assert!(said.contains("where the bank decides"), "{said}");
}

#[test]
fn a_run_in_memory_finds_what_allowances_gave() {
    let ledger = Ledger::new();
    let input = "op,account,allowance,amount\nopen,api,5/day,\nwithdraw,api,,4\n\
                 open,seats,3/month,\nwithdraw,seats,,2\n";
    let path = ledger.file("accounts.csv", input);
    let said = ledger.say(&format!("pipe {path} --jobs 1 --ledger memory -o json"));
    let summary = said.lines().last().unwrap();
    assert!(summary.contains("\"wrong_accounts\":0"), "{summary}");
    let recorded = ledger.file("recorded.jsonl", &said);
    let judged = ledger.run(&format!("check {recorded}"));
    assert!(!judged.stdout.contains("contradict"), "{}", judged.stdout);
    // What an account has, and no allowance gave it, is wrong.
    let other = said.replace("\"balance\":\"-8.00\"", "\"balance\":\"-7.00\"");
    assert_ne!(other, said, "what `@budget` has");
    let recorded = ledger.file("other.jsonl", &other);
    let judged = ledger.run(&format!("check {recorded}"));
    assert!(judged.stdout.contains("contradict"), "{}", judged.stdout);
}
