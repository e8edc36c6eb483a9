//! What a ledger counts: how fine its amounts are, and what they are called.

use std::fs;

use serde_json::Value;

use crate::cli::Run;
use crate::ledger::Ledger;
use crate::serve::Served;

/// Lines of deposits and withdrawals with amounts of all sizes that so many decimals allow, and what is left of
/// them, added up here by whole minor units.
fn lines(decimals: usize) -> (String, i128) {
    let scale = 10u64.pow(decimals as u32);
    let (mut input, mut sum, mut seed) = (String::new(), 0i128, 7u64);
    for number in 0..1_000u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let minor = (seed >> 20) % (1 + (seed % 7) * scale) + 1;
        let is_deposit = number % 3 != 2 || sum < i128::from(minor);
        sum += if is_deposit { 1 } else { -1 } * i128::from(minor);
        let amount = format!("{minor:0>width$}", width = decimals + 1);
        let (major, fraction) = amount.split_at(amount.len() - decimals);
        let point = if decimals > 0 { "." } else { "" };
        let op = if is_deposit { "deposit" } else { "withdraw" };
        // A number of JSON is read by its own text too.
        let quote = if number % 2 == 0 { "\"" } else { "" };
        input +=
            &format!("{{\"op\":\"{op}\",\"amount\":{quote}{major}{point}{fraction}{quote}}}\n");
    }
    (input, sum)
}

fn last_balance(run: &Run) -> i128 {
    let line = run.stdout.lines().last().unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let mut balances = line["balances"].as_array().unwrap().iter();
    let main = balances.find(|one| one["account"] == "main").unwrap();
    main["balance"]
        .as_str()
        .unwrap()
        .replace('.', "")
        .parse()
        .unwrap()
}

#[test]
fn a_thousand_lines_of_each_unit_are_exact_to_the_last_decimal() {
    for (unit, decimals) in [("USD", 6), ("tokens", 0), ("BTC", 8)] {
        let (input, sum) = lines(decimals);
        let ledger = Ledger::new();
        let flags = format!("--unit {unit} --decimals {decimals}");
        ledger.say(&format!("init {flags}"));
        let file = ledger.file("input.jsonl", &input);
        let modes = "--jobs 1 --ops-per-worker 0 -o json";
        let run = ledger.run(&format!("queue {file} {modes}"));
        assert_eq!(last_balance(&run), sum, "{unit}");
        let run = ledger.run(&format!(
            "pipe {file} {flags} --ledger memory --balance 0 {modes}"
        ));
        assert_eq!(last_balance(&run), sum, "{unit}");
        // A recording is read by what it counts itself.
        let recorded = ledger.file("recorded.jsonl", &run.stdout);
        ledger.run(&format!("check {recorded}")).expect(0);
        let drawn = ledger.say(&format!("show {recorded}"));
        assert!(drawn.contains(unit), "{drawn}");
        assert!(ledger.say("verify").starts_with("ok: 1000 entries"));
        let history = ledger.say("history --tail 1");
        assert!(
            history.trim_end().ends_with(&format!("\t{unit}")),
            "{history}"
        );
    }
}

#[test]
fn a_ledger_keeps_what_it_was_created_with() {
    let ledger = Ledger::new();
    let said = ledger.say("deposit 0.000345 --decimals 6 --unit USD");
    assert!(
        said.ends_with("available 0.000345 seq 1 unit USD\n"),
        "{said}"
    );
    let (first, _) = end(&ledger);
    for words in ["init", "init --decimals 6 --unit USD", "init --unit USD"] {
        assert!(ledger.say(words).starts_with("there is "), "{words}");
    }
    for words in [
        "init --decimals 2",
        "init --unit EUR",
        "deposit 1 --unit EUR",
        "open x --decimals 0",
        "parallel --op deposit=1 --decimals 2",
        "deposit 0.0000001",
        "parallel --op deposit=0.0000001",
        "open x --overdraft 0.0000001",
    ] {
        let run = ledger.run(words);
        assert_eq!(
            (run.status.code(), run.stdout.as_str()),
            (Some(2), ""),
            "{words}"
        );
    }
    let refused = ledger.run("withdraw 5").stderr;
    assert!(
        refused.contains("`main` has 0.000345 USD available"),
        "{refused}"
    );
    let line: Value = serde_json::from_str(&ledger.say("balance main -o json")).unwrap();
    assert_eq!(
        (&line["unit"], &line["decimals"]),
        (&"USD".into(), &6.into())
    );
    // The chain begins with it.
    let other = Ledger::new();
    other.say("deposit 345 --decimals 0");
    let (second, _) = end(&other);
    assert_ne!(first, second);
}

/// The chain's end, and the rest of what `verify` says.
fn end(ledger: &Ledger) -> (String, String) {
    let said = ledger.say("verify");
    let (rest, end) = said.split_once("end ").unwrap();
    (end.trim().to_string(), rest.to_string())
}

#[test]
fn a_new_ledger_takes_only_amounts_that_it_can_hold() {
    let ledger = Ledger::new();
    let run = ledger.run("deposit 0.5 --unit tokens --decimals 0");
    assert_eq!(run.code(), 2);
    assert!(fs::metadata(ledger.path()).is_err(), "nothing was created");
    let run = ledger.run("init --decimals 10");
    assert_eq!(run.code(), 2);
    let run = ledger.run("init --unit 5x");
    assert_eq!(run.code(), 2);
    assert!(fs::metadata(ledger.path()).is_err(), "nothing was created");
    assert!(ledger.say("init").starts_with("created "));
    assert!(
        ledger
            .say("deposit 1.25")
            .ends_with("available 1.25 seq 1\n")
    );
}

#[test]
fn only_what_a_command_says_it_spent_is_rounded() {
    let ledger = Ledger::new();
    ledger.say("deposit 1 --decimals 6 --unit USD");
    let script = ledger.file("spend.sh", "echo 1.23456e-05 > \"$BANK_PAR_ACTUAL\"\n");
    let run = ledger.run(&format!("withdraw 0.5 --id call -- sh {script}"));
    assert!(
        run.stderr.contains("1.23456e-05, which was rounded up"),
        "{}",
        run.stderr
    );
    assert!(
        ledger
            .say("history")
            .contains("\t0.000013\t0.999987\tcall\tUSD")
    );
    // In a run, its worker knows the unit too.
    let input = ledger.file("input.jsonl", "{\"op\":\"withdraw\",\"amount\":\"0.5\"}\n");
    let run = ledger.run(&format!("parallel {input} -o json -- sh {script}"));
    assert!(
        run.stdout.contains("\"amount\":\"0.000013\""),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("\"spent\":\"1.23456e-05\""),
        "{}",
        run.stdout
    );
}

#[test]
fn recordings_of_two_units_are_not_held_against_each_other() {
    let ledger = Ledger::new();
    let modes = "parallel --op deposit=1 --time-scale 0 --ledger memory -o json";
    let euros = ledger.say(&format!("{modes} --unit EUR"));
    let euros = ledger.file("euros.jsonl", &euros);
    let dollars = ledger.say(modes);
    let dollars = ledger.file("dollars.jsonl", &dollars);
    for files in [format!("{euros} {dollars}"), format!("{dollars} {euros}")] {
        let run = ledger.run(&format!("check {files}"));
        assert!(
            run.stderr.contains("and those before it are"),
            "{}",
            run.stderr
        );
        assert_eq!(run.status.code(), Some(2));
    }
}

#[test]
fn clients_of_a_server_learn_what_its_ledger_counts() {
    let ledger = Ledger::new();
    ledger.say("init --decimals 3 --unit tokens");
    let served = Served::over(ledger, &[]);
    let said = served.say("deposit 1.005");
    assert!(
        said.ends_with("available 1.005 seq 1 unit tokens\n"),
        "{said}"
    );
    for words in ["deposit 1.0005", "deposit 1 --unit EUR"] {
        assert_eq!(served.run(words).code(), 2, "{words}");
    }
    let input = served.ledger.file(
        "input.jsonl",
        "{\"op\":\"withdraw\",\"amount\":\"0.005\"}\n",
    );
    let run = served.run(&format!("queue {input}")).expect(0).stdout;
    assert!(
        run.contains(
            "Withdrawal of 0.005 tokens (line 1) completed. Updated balance: 1.000 tokens"
        ),
        "{run}"
    );
    assert!(served.say("init").starts_with("there is unix:"));
}
