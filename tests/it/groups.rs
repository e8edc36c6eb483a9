//! Lines that hold several operations: all are posted or none.

use serde_json::Value;

use crate::cli::Run;
use crate::kills::kill_at_each;
use crate::ledger::{Ledger, at_once};
use crate::power::has_strace;
use crate::serve::Served;

const RENT: &str = r#"{"op":"deposit","account":"a","amount":10}
{"id":"rent","all":[{"op":"withdraw","account":"a","amount":5,"memo":"May"},{"op":"deposit","account":"b","amount":5},{"op":"transfer","account":"b","to":"c","amount":2}]}
{"id":"no","all":[{"op":"deposit","account":"b","amount":5},{"op":"withdraw","account":"a","amount":6}]}
{"id":"rent","all":[{"op":"withdraw","account":"a","amount":5,"memo":"May"},{"op":"deposit","account":"b","amount":5},{"op":"transfer","account":"b","to":"c","amount":2}]}
{"id":"rent","all":[{"op":"withdraw","account":"a","amount":5,"memo":"June"},{"op":"deposit","account":"b","amount":5},{"op":"transfer","account":"b","to":"c","amount":2}]}
"#;

/// What is told of the lines of [`RENT`], wherever they are run.
fn check_events(run: &Run) {
    let events = run.events();
    let told = |place: usize| events.get(place).cloned().unwrap_or_default();
    let (posted, refused) = (told(1), told(2));
    let part = |event: &Value, place: usize, field: &str| event["parts"][place][field].clone();
    assert_eq!(
        (&posted["type"], &posted["op"]),
        (&"completed".into(), &"all".into()),
        "{run:?}"
    );
    assert_eq!(posted["account"], Value::Null);
    let balances = [0, 1, 2].map(|place| part(&posted, place, "balance"));
    assert_eq!(balances, ["5.00", "5.00", "3.00"]);
    assert_eq!(part(&posted, 2, "to_balance"), "2.00");
    let last = posted["seq"].as_u64().unwrap();
    let seqs = [0, 1, 2].map(|place| part(&posted, place, "seq"));
    assert_eq!(seqs, [last - 2, last - 1, last]);
    assert_eq!(
        (&refused["reason"], &refused["part"]),
        (&"insufficient_funds".into(), &2.into())
    );
    assert_eq!(
        (part(&refused, 1, "balance"), part(&refused, 0, "balance")),
        ("5.00".into(), Value::Null)
    );
    assert_eq!(
        (&told(3)["duplicate"], &told(3)["seq"]),
        (&true.into(), &posted["seq"])
    );
    assert_eq!(told(4)["reason"], "id_conflict");
    let summary = run.summary();
    assert_eq!(
        (
            &summary["completed"],
            &summary["refused"],
            &summary["moved"]
        ),
        (&3.into(), &2.into(), &"22.00".into())
    );
}

#[test]
fn all_operations_of_a_line_are_posted_or_none() {
    let ledger = Ledger::created();
    let input = ledger.file("rent.jsonl", RENT);
    for mode in ["parallel", "queue", "pipe"] {
        let run = ledger.run(&format!("{mode} {input} --jobs 1 --ledger memory -o json"));
        check_events(&run.expect(5));
    }
    let events = input.replace("rent.jsonl", "events.jsonl");
    let run = ledger.run(&format!("pipe {input} --jobs 1 -o json --events {events}"));
    check_events(&run.expect(5));
    // What is recorded is right, and can be drawn.
    let checked = ledger.run(&format!("check {events}"));
    assert!(!checked.stdout.contains("contradict"), "{checked:?}");
    assert_ne!(checked.code(), 3, "{checked:?}");
    assert!(ledger.say(&format!("show {events}")).contains("all"));
    ledger.verify();
    let history: Vec<Value> = ledger
        .say("history --id rent -o json")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let places = history
        .iter()
        .map(|entry| (entry["part"].clone(), entry["of"].clone()));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [1, 2, 3].map(|part| (part.into(), 3.into()))
    );
    assert_eq!(
        (&history[0]["memo"], &history[2]["memo"]),
        (&"May".into(), &Value::Null)
    );
    let csv = ledger.say("history --id rent -o csv");
    let places = csv.lines().map(|line| line.rsplit(',').take(2).collect());
    assert_eq!(
        places.collect::<Vec<Vec<_>>>(),
        [["of", "part"], ["3", "1"], ["3", "2"], ["3", "3"]]
    );
    for entry in ["rent", "2"] {
        let refused = ledger.run(&format!("reverse {entry}"));
        let why = "or a part of an `all` line is not reversed";
        assert!(
            refused.code() == 1 && refused.stderr.contains(why),
            "{refused:?}"
        );
    }
}

#[test]
fn it_is_so_on_a_served_ledger_and_only_where_the_bank_decides() {
    let served = Served::start();
    let input = served.ledger.file("rent.jsonl", RENT);
    check_events(
        &served
            .run(&format!("queue {input} --jobs 1 -o json"))
            .expect(5),
    );
    served.ledger.verify();
    for mode in ["server-share", "shared-memory"] {
        let run = served
            .ledger
            .run(&format!("{mode} {input} --ledger memory"));
        assert!(
            run.stdout
                .contains("`all` stands in the input of `parallel`, `queue` and `pipe`"),
            "{run:?}"
        );
    }
    let csv = served.ledger.file("rent.csv", "op,all\ndeposit,1\n");
    let run = served.ledger.run(&format!("pipe {csv} --ledger memory"));
    assert_eq!(run.code(), 2);
    assert!(run.stderr.contains("`all` is not a column"), "{run:?}");
}

#[test]
fn a_line_of_a_named_run_is_one_line() {
    let ledger = Ledger::created();
    let lines: String = RENT.split_inclusive('\n').take(3).collect();
    let input = ledger.file("rent.jsonl", &lines);
    let words = format!("parallel {input} --jobs 1 --run may -o json");
    let first = ledger.run(&words);
    let again = ledger.run(&words);
    assert_eq!(again.summary()["duplicates"], 3, "{first:?} {again:?}");
    assert_eq!(ledger.entries(), 4);
    let history = ledger.say("history --run may");
    assert_eq!(history.lines().count(), 4, "{history}");
    ledger.say("deposit 10 --account a");
    let planned = ledger.run(&format!("{words} --retry-refused --dry-run"));
    assert!(
        planned.stderr.contains("1 operation would be run"),
        "{planned:?}"
    );
    let retried = ledger.run(&format!("{words} --retry-refused"));
    assert_eq!(retried.summary()["refused"], 0, "{retried:?}");
    assert_eq!(ledger.money("b")[0], "8.00");
    let changed = lines.replacen("\"amount\":2}", "\"amount\":3}", 1);
    ledger.file("rent.jsonl", &changed);
    assert_eq!(ledger.run(&words).code(), 2);
    ledger.verify();
}

const PAID: &str = r#"{"id":"rent","all":[{"op":"withdraw","account":"a","amount":6,"memo":"May"},{"op":"deposit","account":"a","amount":4},{"op":"withdraw","account":"a","amount":8}]}
"#;

#[test]
fn what_a_command_stands_between_is_held_under_one_id() {
    let ledger = Ledger::new();
    ledger.say("deposit 10 --account a");
    let input = ledger.file("rent.jsonl", PAID);
    let run = |script: &str| {
        let script = format!("bank-par pipe {input} -o json -- sh -c '{script}'");
        ledger.script(&script)
    };
    // At most ten are ever missing, though fourteen go out.
    let failed = run("bank-par balance a | cut -f 2-4; bank-par balance --holds | wc -l; exit 1");
    assert_eq!(
        failed.of("failed")[0]["stdout"],
        "10.00\t10.00\t0.00\n3\n",
        "{failed:?}"
    );
    assert_eq!(ledger.money("a"), ["10.00", "0.00", "10.00"]);
    let told =
        run("echo $BANK_PAR_OP-$BANK_PAR_ACCOUNT-$BANK_PAR_AMOUNT; cat; echo 3 > $BANK_PAR_ACTUAL");
    let doubted = &told.of("in_doubt")[0];
    assert!(
        doubted["detail"]
            .as_str()
            .unwrap()
            .contains("posted as it is"),
        "{told:?}"
    );
    let stdout = doubted["stdout"].as_str().unwrap();
    let object = stdout.strip_prefix("all--\n").unwrap();
    let object: Value = serde_json::from_str(object).unwrap();
    assert_eq!(
        (&object["all"][0]["memo"], &object["all"][2]["amount"]),
        (&"May".into(), &"8.00".into())
    );
    ledger.verify();
    assert_eq!(ledger.money("a"), ["10.00", "10.00", "0.00"]);
    let why = "refused: an `all` line is posted as it is, without an amount: `rent`";
    ledger.refuses("post rent --amount 3", 1, why);
    ledger.say("post rent");
    assert_eq!(ledger.money("a"), ["0.00", "0.00", "0.00"]);
    assert!(run("true").of("completed")[0]["duplicate"] == true);
    ledger.verify();
}

#[test]
fn a_line_that_is_killed_at_any_call_counts_once_and_whole() {
    if !has_strace() {
        return;
    }
    let kills = at_once(2, |place| {
        let ledger = Ledger::new();
        ledger.say("deposit 1000 --account a");
        // The calls by which a ledger changes, and is told of.
        let calls = [&["pwrite64", "ftruncate"][..], &["fsync", "write"]][place];
        let asked = calls.iter().map(|call| {
            kill_at_each(&ledger, call, |number| {
                let line = format!(
                    "{{\"id\":\"{call}-{number}\",\"all\":[{{\"op\":\"withdraw\",\"account\":\"a\",\"amount\":1}},\
                     {{\"op\":\"deposit\",\"account\":\"b\",\"amount\":1}}]}}\n"
                );
                let input = ledger.file(&format!("{call}.jsonl"), &line);
                (None, format!("pipe {input}"))
            })
        });
        let asked: u64 = asked.sum();
        assert_eq!(ledger.money("b")[0], format!("{asked}.00"));
        assert_eq!(ledger.money("a")[0], format!("{}.00", 1_000 - asked));
        ledger.verify();
        asked
    });
    assert!(kills.iter().all(|asked| *asked > 5), "{kills:?}");
}
