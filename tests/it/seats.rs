//! Money that is waited for, and money that is given back whatever happens: seats.

use std::process::Command;

use crate::cli::{Run, Running};
use crate::ledger::Ledger;

fn with(amount: &str) -> Ledger {
    let ledger = Ledger::new();
    ledger.say(&format!("deposit {amount}"));
    ledger
}

fn command(ledger: &Ledger, words: &str, script: &str) -> Command {
    let mut command = ledger.command(words);
    command.args(["--", "sh", "-c", script]);
    command
}

fn run(ledger: &Ledger, words: &str, script: &str) -> Run {
    Running::start(command(ledger, words, script)).finish()
}

#[test]
fn a_wait_ends_when_the_money_comes() {
    let ledger = with("1");
    let waits = Running::start(ledger.command("withdraw 5 --id a --wait 10m"));
    let other = Running::start(command(&ledger, "withdraw 5 --wait 10m", "exit 7"));
    ledger.say("deposit 9");
    let (waits, other) = (waits.finish(), other.finish());
    assert_eq!((waits.code(), other.code()), (0, 7), "{waits:?} {other:?}");
    assert_eq!(ledger.money("main"), ["5.00", "0.00", "5.00"]);
    ledger.verify();
}

#[test]
fn a_wait_has_a_deadline_and_names_it() {
    let ledger = with("1");
    for words in ["withdraw 5 --wait 100ms", "hold 5 --wait 100ms"] {
        let waits = Running::start(ledger.command(words)).finish();
        assert_eq!(waits.code(), 1, "{waits:?}");
        let said = "waiting for `main` to have the money for up to 100ms";
        assert!(waits.stderr.contains(said), "{waits:?}");
        assert!(
            waits.stderr.contains("refused: insufficient funds"),
            "{waits:?}"
        );
    }
    // What no wait mends is refused at once.
    let unknown = run(&ledger, "withdraw 1 --account nobody --wait 10m", "exit 0");
    assert_eq!(unknown.code(), 77, "{unknown:?}");
    let without = run(&ledger, "withdraw 5 --wait 100ms", "exit 0");
    assert_eq!(without.code(), 75, "{without:?}");
}

#[test]
fn a_seat_is_given_back_whatever_becomes_of_the_command() {
    let ledger = with("1");
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("echo 0.20 > \"$BANK_PAR_ACTUAL\"", 0),
    ] {
        let ran = run(&ledger, "withdraw 1 --give-back", script);
        assert_eq!(ran.code(), code, "{ran:?}");
        assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    }
    // The command kills its guard: its end is not seen.
    let unseen = run(
        &ledger,
        "withdraw 1 --give-back",
        "kill -9 $PPID; sleep 600",
    );
    assert_eq!(unseen.code(), 7, "{unseen:?}");
    let why = "the command's end was not seen, and what was set aside for it is given back";
    assert!(unseen.stderr.contains(why), "{unseen:?}");
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    // The command kills its guard's parent.
    let killed = run(
        &ledger,
        "withdraw 1 --give-back",
        "kill -9 $(awk '/^PPid/ { print $2 }' /proc/$PPID/status); sleep 600",
    );
    assert_eq!(killed.status.code(), None, "{killed:?}");
    let next = run(&ledger, "withdraw 1 --give-back --wait 10m", "echo seated");
    assert_eq!(
        (next.code(), next.stdout.as_str()),
        (0, "seated\n"),
        "{next:?}"
    );
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    ledger.verify();
}

#[test]
fn what_is_not_set_aside_is_not_given_back() {
    let ledger = with("1");
    for words in ["deposit 1 --give-back", "hold 1 --give-back"] {
        assert_eq!(run(&ledger, words, "exit 0").code(), 2, "{words}");
    }
}
