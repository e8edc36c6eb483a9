//! One operation at a time, as a script asks for it.

use std::iter;
use std::path::Path;
use std::time::Duration;

use bank_par::bank::{Amount, Id, Kind, Name, Operation, Request};
use serde_json::json;

use crate::cli::{Running, program};
use crate::ledger::{Ledger, at_once};

#[test]
fn every_operation_answers_with_one_line() {
    let ledger = Ledger::new();
    for (words, line) in [
        (
            "open ops --overdraft 10",
            "opened ops balance 0.00 available 0.00",
        ),
        (
            "open ops --overdraft 10",
            "opened ops balance 0.00 available 0.00 duplicate",
        ),
        (
            "deposit 20 --account ops",
            "posted deposit 20.00 ops balance 20.00 available 20.00 seq 1",
        ),
        (
            "withdraw 25.5 --account ops",
            "posted withdraw 25.50 ops balance -5.50 available -5.50 seq 2",
        ),
        (
            "loan 100",
            "posted loan 100.00 main balance 100.00 available 100.00 seq 3",
        ),
        (
            "transfer 1 --to rent --id a",
            "posted transfer 1.00 main balance 99.00 available 99.00 seq 4 to rent",
        ),
        (
            "transfer 1 --to rent --id a",
            "posted transfer 1.00 main balance 99.00 available 99.00 seq 4 to rent duplicate",
        ),
        (
            "balance main rent",
            "main\t99.00\t0.00\t99.00\t0.00\nrent\t1.00\t0.00\t1.00\t0.00",
        ),
        ("balance @loans", "@loans\t-100.00\t0.00\t-100.00\t-"),
    ] {
        assert_eq!(ledger.say(words), format!("{line}\n"), "{words}");
    }
    let all = ledger.say("balance");
    let names: Vec<&str> = all
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(names, ["@loans", "@world", "main", "ops", "rent"]);
}

#[test]
fn every_operation_answers_with_one_object() {
    let ledger = Ledger::new();
    assert_eq!(
        ledger.json("open ops --overdraft 10"),
        json!({"v":1,"type":"opened","account":"ops","overdraft":"10.00","balance":"0.00","available":"0.00","decided":1})
    );
    assert_eq!(
        ledger.json("deposit 20 --account ops --id d"),
        json!({"v":1,"type":"completed","id":"d","op":"deposit","account":"ops","amount":"20.00","balance":"20.00","available":"20.00","seq":1,"decided":2})
    );
    assert_eq!(
        ledger.json("hold 5 --account ops --id h --to rent"),
        json!({"v":1,"type":"held","id":"h","op":"transfer","account":"ops","to":"rent","amount":"5.00","balance":"20.00","available":"15.00","decided":3})
    );
    assert_eq!(
        ledger.json("balance ops"),
        json!({"v":1,"type":"balance","account":"ops","balance":"20.00","held":"5.00","available":"15.00","overdraft":"10.00"})
    );
    assert_eq!(
        ledger.json("post h --amount 2"),
        json!({"v":1,"type":"completed","id":"h","op":"transfer","account":"ops","to":"rent","amount":"2.00","balance":"18.00","available":"18.00","to_balance":"2.00","seq":2,"decided":4})
    );
    ledger.json("hold 5 --account ops --id v");
    assert_eq!(
        ledger.json("void v"),
        json!({"v":1,"type":"voided","id":"v","balance":"18.00","available":"18.00","decided":6})
    );
    let refused = ledger
        .run("withdraw 100 --account ops --id w --output json")
        .expect(1);
    assert_eq!(
        refused.events(),
        [
            json!({"v":1,"type":"refused","id":"w","op":"withdraw","account":"ops","amount":"100.00","balance":"18.00","overdraft":"10.00","balance":"18.00","available":"18.00","decided":7,"reason":"insufficient_funds"})
        ]
    );
}

#[test]
fn a_script_decides_by_the_status() {
    let ledger = Ledger::new();
    let run = ledger.script(
        "bank-par deposit 20 --account ops >/dev/null || exit 9
         if bank-par withdraw 50 --account ops; then echo paid; else echo \"not paid: $?\"; fi
         if bank-par withdraw 15 --account ops >/dev/null; then echo paid; fi
         bank-par balance ops | cut -f4
         bank-par deposit 1 --account ops | cut -d' ' -f6
         bank-par deposit 1 --account ops | { read -r _ op amount account _ balance _; echo $op $amount $account $balance; }",
    );
    assert_eq!(
        (run.code(), run.stdout.as_str(), run.stderr.as_str()),
        (
            0,
            "not paid: 1\npaid\n5.00\n6.00\ndeposit 1.00 ops 7.00\n",
            "bank-par: refused: insufficient funds: `ops` has 20.00 available\n"
        )
    );
}

#[test]
fn the_flag_counts_before_the_variable() {
    let (one, other) = (Ledger::new(), Ledger::new());
    one.say(&format!("deposit 5 --ledger {}", other.path()));
    assert_eq!(other.money("main"), ["5.00", "0.00", "5.00"]);
    assert!(!Path::new(&one.path()).exists());
}

#[test]
fn nothing_lasts_in_memory() {
    let ledger = Ledger::new();
    let way_out =
        "name one that lasts with `--ledger FILE`, or with `BANK_PAR_LEDGER` for a whole script";
    for words in [
        "deposit 5",
        "withdraw 5",
        "transfer 5 --to b",
        "loan 5",
        "open a",
        "balance",
        "hold 5",
        "post x",
        "void x",
        "history",
    ] {
        let why = format!("error: a ledger in `memory` ends with this command: {way_out}");
        ledger.refuses(&format!("{words} --ledger memory"), 2, &why);
        let run = Running::start(program(&words.split(' ').collect::<Vec<_>>())).finish();
        let said = format!("bank-par: error: there is no ledger: {way_out}\n");
        assert_eq!((run.code(), run.stderr), (2, said), "{words}");
    }
}

#[test]
fn what_reads_does_not_create_a_ledger() {
    let ledger = Ledger::new();
    let path = ledger.path();
    for words in [
        "balance",
        "balance main",
        "balance --holds",
        "history",
        "post x",
        "void x",
    ] {
        let why = format!(
            "error: there is no ledger `{path}`: check the name; `bank-par open` or a deposit creates a new one"
        );
        ledger.refuses(words, 8, &why);
    }
    assert!(!Path::new(&path).exists());
}

#[test]
fn the_bank_says_no_in_one_line() {
    let ledger = Ledger::new();
    ledger.say("deposit 3");
    ledger.refuses(
        "withdraw 5",
        1,
        "refused: insufficient funds: `main` has 3.00 available",
    );
    ledger.refuses(
        "withdraw 5 --account ops",
        1,
        "refused: unknown account: `ops`; `bank-par open ops` opens it",
    );
    ledger.refuses(
        "transfer 5 --to main",
        1,
        "refused: both sides are the same account: `main`",
    );
    ledger.refuses("post x", 1, "refused: nothing is held under this id: `x`");
    ledger.refuses("void x", 1, "refused: nothing is held under this id: `x`");
    ledger.refuses(
        "deposit 5 --strict --account ops",
        1,
        "refused: unknown account: `ops`; `bank-par open ops` opens it",
    );
    ledger.refuses(
        "transfer 1 --strict --to ops",
        1,
        "refused: unknown account: `ops`; `bank-par open ops` opens it",
    );
    ledger.say("open ops");
    ledger.say("deposit 5 --strict --account ops");
}

#[test]
fn an_unknown_account_hides_no_other() {
    let ledger = Ledger::new();
    ledger.say("deposit 3");
    let run = ledger.run("balance main nobody main");
    let main = "main\t3.00\t0.00\t3.00\t0.00\n";
    let said = "bank-par: refused: unknown account: `nobody`; `bank-par open nobody` opens it\n";
    assert_eq!(
        (run.code(), run.stdout, run.stderr.as_str()),
        (1, main.repeat(2), said)
    );
    let run = ledger.run("balance nobody main --output json").expect(1);
    let refused = json!({"v":1,"type":"refused","account":"nobody","reason":"unknown_account"});
    assert_eq!(run.events()[0], refused);
    assert_eq!(run.of("balance").len(), 1);
}

#[test]
fn a_repeat_is_answered_as_the_first_one_was() {
    let ledger = Ledger::new();
    ledger.say("deposit 10 --id d");
    let again = ledger.say("deposit 10 --id d");
    assert!(again.ends_with(" seq 1 duplicate\n"), "{again}");
    ledger.refuses(
        "deposit 11 --id d",
        5,
        "refused: the id was used before with other content: `d`",
    );
    let poor = "refused: insufficient funds: `main` has 10.00 available";
    ledger.refuses("withdraw 50 --id w", 1, poor);
    ledger.say("deposit 90");
    ledger.refuses("withdraw 50 --id w", 1, &format!("{poor} (duplicate)"));
    ledger.say("withdraw 50 --id w --retry-refused");
    assert_eq!(ledger.json("withdraw 50 --id w")["duplicate"], true);
    assert_eq!(ledger.money("main"), ["50.00", "0.00", "50.00"]);
}

#[test]
fn the_last_money_is_spent_once() {
    let ledger = Ledger::new();
    let paid = at_once(8, |_| {
        // They race to create the ledger, too.
        let deposit = ledger.run("deposit 1 --account pot");
        assert_eq!(deposit.code(), 0, "{deposit:?}");
        let tries = (0..3).map(|_| ledger.run("withdraw 1 --account pot").code());
        tries.filter(|code| *code == 0).count()
    });
    assert_eq!(paid.iter().sum::<usize>(), 8);
    assert_eq!(ledger.money("pot"), ["0.00", "0.00", "0.00"]);
    assert_eq!(ledger.entries(), 16);
    ledger.verify();
}

#[test]
fn one_id_is_posted_once_however_many_ask() {
    let ledger = Ledger::new();
    let fresh = at_once(8, |_| {
        let asked = (0..25).map(|_| ledger.json("deposit 1 --id once"));
        asked.filter(|answer| answer["duplicate"] != true).count()
    });
    assert_eq!(fresh.iter().sum::<usize>(), 1);
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    assert_eq!(ledger.entries(), 1);
}

#[test]
fn one_id_is_posted_once_by_runs_and_commands_alike() {
    let ledger = Ledger::created();
    let run = r#"yes '{"op":"deposit","amount":"1","id":"once"}' | head -n 10000 |
        bank-par parallel - --jobs 4 --ops-per-worker 0 --output json | tail -n 1"#;
    let fresh = at_once(5, |number| match number {
        0 => {
            let summary = ledger.script(run).expect(0).summary();
            assert_eq!(summary["completed"], 10_000, "{summary}");
            10_000 - summary["duplicates"].as_u64().unwrap()
        }
        _ => {
            let asked = (0..10).map(|_| ledger.json("deposit 1 --id once"));
            asked.filter(|answer| answer["duplicate"] != true).count() as u64
        }
    });
    assert_eq!(fresh.iter().sum::<u64>(), 1, "{fresh:?}");
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    assert_eq!(ledger.entries(), 1);
    ledger.verify();
}

#[test]
fn one_id_is_posted_once_however_many_batches_ask() {
    let ledger = Ledger::new();
    let id = Id::new("once").unwrap();
    let deposit = Operation::new(
        Kind::Deposit,
        Some(id),
        Name::default(),
        None,
        Amount::new(100),
    );
    let request = Request::Execute(deposit.unwrap());
    let fresh = at_once(8, |_| {
        let batches = (0..25).map(|_| ledger.decide(iter::repeat_n(request.clone(), 50)));
        batches.flatten().filter(|answer| !answer.duplicate).count()
    });
    assert_eq!(fresh.iter().sum::<usize>(), 1);
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    assert_eq!(ledger.entries(), 1);
    ledger.verify();
}

#[test]
fn a_command_that_was_killed_can_be_repeated() {
    let ledger = Ledger::new();
    let mut acknowledged = 0;
    for number in 0..40 {
        let words = format!("deposit 1 --id {number}");
        let mut killed = Running::start(ledger.command(&words));
        // Each is killed a little later than the one before: somewhere between its start and its end.
        std::thread::sleep(Duration::from_micros(500 * number));
        killed.kill();
        let was_acknowledged = !killed.hear().is_empty();
        killed.finish();
        let again = ledger.json(&words);
        if was_acknowledged {
            acknowledged += 1;
            assert_eq!(again["duplicate"], true, "{again}");
        }
    }
    assert_eq!(ledger.money("main"), ["40.00", "0.00", "40.00"]);
    assert_eq!(ledger.entries(), 40, "{acknowledged} were acknowledged");
    ledger.verify();
}

#[test]
fn an_answer_that_nobody_reads_changes_nothing() {
    let ledger = Ledger::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for (words, code) in [
        ("deposit 5", 0),
        ("withdraw 9 --output json", 1),
        ("balance", 0),
        ("history", 0),
    ] {
        let writer = writer.try_clone().unwrap();
        Running::start_onto(ledger.command(words), writer)
            .finish()
            .expect(code);
    }
    assert_eq!(ledger.money("main"), ["5.00", "0.00", "5.00"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_said() {
    let ledger = Ledger::new();
    for words in [
        "deposit 5",
        "withdraw 9 --output json",
        "hold 1",
        "balance",
        "history",
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let run = Running::start_onto(ledger.command(words), full).finish();
        let said = "bank-par: cannot write to `stdout`: No space left on device (os error 28)\n";
        assert_eq!((run.code(), run.stderr.as_str()), (10, said), "{words}");
    }
    assert_eq!(ledger.money("main"), ["5.00", "1.00", "4.00"]);
}

/// What stands behind `--` is run: no way out that is printed leads there.
#[test]
fn a_misspelt_flag_is_not_offered_as_a_command() {
    let ledger = Ledger::new();
    ledger.say("deposit 5");
    for words in [
        "withdraw --amout 5 -- true",
        "withdraw 1 --acount main",
        "hold 1 --expire 5",
        "parallel --lines",
        "balance --acounts",
        "serve --sockets x",
    ] {
        let run = ledger.run(words);
        assert_eq!(run.code(), 2, "{run:?}");
        assert!(run.stderr.contains("unexpected argument"), "{run:?}");
        assert!(!run.stderr.contains("-- --"), "{run:?}");
    }
    for words in ["withdraw 1 -- --account ops", "parallel -- --jobs 3"] {
        let run = ledger.run(words);
        assert_eq!(run.code(), 2, "{run:?}");
        assert!(run.stderr.contains("flags stand before `--`"), "{run:?}");
    }
    assert_eq!(ledger.money("main"), ["5.00", "0.00", "5.00"]);
}
