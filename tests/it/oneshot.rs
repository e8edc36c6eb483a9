//! One operation at a time, as a script asks for it.

mod repeated;

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
        "refused: unknown account: `ops`: check the name, or open it with `bank-par open ops` and the same `--ledger`",
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
        "refused: unknown account: `ops`: check the name, or open it with `bank-par open ops` and the same `--ledger`",
    );
    ledger.refuses(
        "transfer 1 --strict --to ops",
        1,
        "refused: unknown account: `ops`: check the name, or open it with `bank-par open ops` and the same `--ledger`",
    );
    ledger.say("open ops");
    ledger.say("deposit 5 --strict --account ops");
    // A new ledger would have no account that is open.
    let none = Ledger::new();
    assert_eq!(none.run("deposit 5 --strict").code(), 8);
    assert!(!Path::new(&none.path()).exists());
}

#[test]
fn an_unknown_account_hides_no_other() {
    let ledger = Ledger::new();
    ledger.say("deposit 3");
    let run = ledger.run("balance main nobody main");
    let main = "main\t3.00\t0.00\t3.00\t0.00\n";
    let said = "bank-par: refused: unknown account: `nobody`: check the name, or open it with `bank-par open nobody` and the same `--ledger`\n";
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
        let (first, answer) = run.stderr.split_at(said.len());
        assert_eq!((run.code(), first), (10, said), "{words}");
        // What it says has happened all the same.
        let mut answer = answer.lines();
        assert!(
            answer.all(|line| line.starts_with("bank-par: not written: ")),
            "{words}"
        );
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
