//! How operations are handed out: their fields in the command's arguments, in which order, how soon, and up
//! to which failure.

use serde_json::Value;

use super::{MODES, Office, ends, only};
use crate::cli::{Run, Running, run};

fn lines(count: u32) -> String {
    let line = |id: u32| format!("{{\"op\":\"withdraw\",\"amount\":1,\"id\":\"p{id}\"}}\n");
    (1..=count).map(line).collect()
}

fn ids(run: &Run, kind: &str) -> Vec<String> {
    let events = run.of(kind);
    let id = |event: &Value| event["id"].as_str().unwrap().to_string();
    events.iter().map(id).collect()
}

/// Runs a mode over `in.jsonl` with these words as the command.
fn argued(office: &Office, mode: &str, words: &[&str]) -> Run {
    let mut command = office
        .ledger
        .command(&format!("{mode} in.jsonl --output json"));
    command.arg("--").args(words).current_dir(office.path("."));
    Running::start(command).finish()
}

#[test]
fn fields_stand_in_arguments_and_are_never_split() {
    let line = r#"{"op":"transfer","to":"rent","amount":"1.50","id":"r 1","memo":"a  b; $HOME","meta":{"iban":"DE02 1203"}}"#;
    for mode in MODES {
        let office = Office::with("10");
        office.write("in.jsonl", line);
        let words = [
            "printf",
            "[%s]",
            "{id}",
            "{op}/{account}/{to}",
            "{amount}",
            "{memo}",
            "{meta.iban}",
            "{{id}}",
        ];
        let run = argued(&office, mode, &words);
        assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
        assert_eq!(
            only(&run, "completed")["stdout"],
            "[r 1][transfer/main/rent][1.50][a  b; $HOME][DE02 1203][{id}]"
        );
    }
}

#[test]
fn a_field_that_no_operation_has_is_refused_before_anything_is_run() {
    let office = Office::with("10");
    office.write("in.jsonl", &lines(1));
    let run = argued(&office, "parallel", &["echo", "{ammount}"]);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("`{ammount}` is no field"), "{run:?}");
    // A payout without its IBAN is none.
    let run = argued(&office, "parallel", &["echo", "{meta.iban}"]);
    assert_eq!(ends(&run), ([0, 0, 1, 0], 4), "{run:?}");
    let mut one = office.ledger.command("withdraw 1 --id x --meta iban=DE02");
    one.args(["--", "echo", "{id} {meta.iban}"]);
    let one = Running::start(one).finish();
    assert_eq!((one.code(), one.stdout.as_str()), (0, "x DE02\n"));
    let mut one = office.ledger.command("withdraw 1");
    one.args(["--", "echo", "{meta.iban}"]);
    assert_eq!(Running::start(one).finish().code(), 2);
    assert_eq!(office.money(), ["9.00", "0.00", "9.00"]);
}

#[test]
fn results_come_in_the_order_of_the_input() {
    for mode in MODES {
        let office = Office::with("10");
        office.write("in.jsonl", &format!("{}no operation\n", lines(4)));
        // Each waits for the one after it.
        let script = r#"n=${BANK_PAR_ID#p}; [ $n = 4 ] || until [ -e done$((n + 1)) ]; do sleep 0.01; done; touch done$n"#;
        let run = office.run(&format!("{mode} in.jsonl --jobs 4 --keep-order"), script);
        assert_eq!(ends(&run), ([4, 0, 0, 0], 2), "{run:?}");
        assert_eq!(ids(&run, "completed"), ["p1", "p2", "p3", "p4"]);
        let kinds: Vec<String> = run
            .events()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_string())
            .collect();
        let place = |kind: &str| kinds.iter().rposition(|one| one == kind);
        assert!(place("invalid") > place("completed"), "{kinds:?}");
    }
}

#[test]
fn a_run_halts_after_so_many_failures() {
    for mode in MODES {
        let office = Office::with("10");
        office.write("in.jsonl", &lines(9));
        let run = office.run(
            &format!("{mode} in.jsonl --jobs 1 --halt soon,fail=2"),
            "exit 3",
        );
        assert_eq!(ends(&run), ([0, 0, 2, 0], 10), "{run:?}");
        assert_eq!(
            run.summary()["ended_early"],
            "2 operations have failed, as `--halt` says"
        );
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
    }
}

#[test]
fn a_run_halts_after_so_many_that_succeeded_or_ended() {
    for (halt, ended, why) in [
        ("now,success=2", 2, "2 operations have succeeded"),
        ("soon,done=3", 3, "3 operations have ended"),
    ] {
        let words = format!(
            "parallel --op deposit=1*9 --jobs 1 --time-scale 0 --output json --halt {halt}"
        );
        let run = run(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(ends(&run), ([ended, 0, 0, 0], 10), "{run:?}");
        let told = format!("{why}, as `--halt` says");
        assert_eq!(run.summary()["ended_early"], told);
    }
}

#[test]
fn what_is_under_way_goes_on_or_is_ended() {
    // The first fails when the second has begun, and the second succeeds when it sees that.
    let script = r#"if [ $BANK_PAR_ID = p1 ]; then until [ -e begun ]; do sleep 0.01; done; touch failing; exit 3; fi
        touch begun; until [ -e failing ]; do sleep 0.01; done; $LINGER"#;
    for (halt, linger, expected) in [
        ("soon", "exit 0", [1, 0, 1, 0]),
        ("now", "sleep 600", [0, 0, 2, 0]),
    ] {
        let office = Office::with("10");
        office.write("in.jsonl", &lines(2));
        let mut command = office.command(
            &format!("parallel in.jsonl --jobs 2 --halt {halt},fail=1"),
            script,
        );
        command.env("LINGER", linger);
        let run = Running::start(command).finish();
        let (ended, _) = ends(&run);
        assert_eq!(ended, expected, "{run:?}");
        assert_eq!(office.money()[1], "0.00");
    }
}

#[test]
fn operations_begin_one_after_another() {
    for words in ["--max-rate 20/second", "--delay 50ms --max-rate 1000/s"] {
        let run = run(&format!("parallel --op deposit --op deposit --op deposit --time-scale 0.001 --output json {words}").split(' ').collect::<Vec<_>>());
        assert_eq!(ends(&run), ([3, 0, 0, 0], 0), "{run:?}");
        let mut begun: Vec<u64> = run
            .of("started")
            .iter()
            .map(|event| event["at_us"].as_u64().unwrap())
            .collect();
        begun.sort_unstable();
        let is_apart = |pair: &[u64]| pair[1] - pair[0] >= 50_000;
        assert!(begun.windows(2).all(is_apart), "{begun:?}");
    }
}
