//! A command as the work of one operation.

use std::collections::BTreeMap;
use std::process::Command;

use rustix::process::Signal;

use crate::cli::{Run, Running};
use crate::family::{FAMILY, Family};
use crate::ledger::{Ledger, at_once};

/// A ledger with some money on `main`.
fn with(amount: &str) -> Ledger {
    let ledger = Ledger::new();
    ledger.say(&format!("deposit {amount}"));
    ledger
}

/// Runs words of the program, then a command of `sh`.
fn work(ledger: &Ledger, words: &str, script: &str) -> Run {
    Running::start(command(ledger, words, script)).finish()
}

fn command(ledger: &Ledger, words: &str, script: &str) -> Command {
    let mut command = ledger.command(words);
    command.args(["--", "sh", "-c", script]);
    command
}

/// A command with children of every kind.
fn start_family(ledger: &Ledger, words: &str) -> Family {
    Family::start(command(ledger, words, FAMILY))
}

/// What a run said: its status, stdout and stderr.
fn said(run: &Run) -> (i32, &str, &str) {
    (run.code(), run.stdout.as_str(), run.stderr.as_str())
}

#[test]
fn money_is_posted_when_the_command_succeeds_and_given_back_when_not() {
    let ledger = with("10");
    let script =
        "echo $BANK_PAR_OP $BANK_PAR_AMOUNT $BANK_PAR_ACCOUNT $BANK_PAR_ID; echo aside >&2";
    let run = work(&ledger, "withdraw 4 --id a", script);
    assert_eq!(said(&run), (0, "withdraw 4.00 main a\n", "aside\n"));
    assert_eq!(ledger.money("main"), ["6.00", "0.00", "6.00"]);
    assert_eq!(said(&work(&ledger, "withdraw 4", "exit 7")), (7, "", ""));
    assert_eq!(said(&work(&ledger, "deposit 4", "exit 7")), (7, "", ""));
    assert_eq!(ledger.money("main"), ["6.00", "0.00", "6.00"]);
    let transfer = work(&ledger, "transfer 1 --to rent", "echo $BANK_PAR_TO");
    assert_eq!(said(&transfer), (0, "rent\n", ""));
    assert_eq!(ledger.money("rent"), ["1.00", "0.00", "1.00"]);
    ledger.verify();
}

#[test]
fn the_money_is_set_aside_while_the_command_runs() {
    let ledger = with("10");
    let run = work(
        &ledger,
        "withdraw 4 --id a",
        &format!("{} balance main", env!("CARGO_BIN_EXE_bank-par")),
    );
    assert_eq!(said(&run), (0, "main\t10.00\t4.00\t6.00\t0.00\n", ""));
}

#[test]
fn a_command_that_the_bank_refuses_does_not_run() {
    let ledger = with("3");
    let why = "bank-par: refused: insufficient funds: `main` has 3.00 available\n";
    let run = work(&ledger, "withdraw 4", "echo ran");
    assert_eq!(said(&run), (75, "", why));
    let run = work(&ledger, "withdraw 4 --refused-code 9", "echo ran");
    assert_eq!(said(&run), (9, "", why));
    let once = work(&ledger, "withdraw 1 --id a", "echo ran");
    assert_eq!(said(&once), (0, "ran\n", ""));
    let twice = work(&ledger, "withdraw 1 --id a", "echo ran");
    let known = "bank-par: duplicate: `a` was done before, so the command is not run\n";
    assert_eq!(said(&twice), (0, "", known));
    assert_eq!(ledger.money("main"), ["2.00", "0.00", "2.00"]);
    let dry = work(&ledger, "withdraw 1 --dry-run", "echo ran");
    assert_eq!((dry.code(), dry.stdout.as_str()), (0, ""));
    assert_eq!(ledger.money("main"), ["2.00", "0.00", "2.00"]);
}

#[test]
fn a_dry_run_says_what_the_bank_would_refuse() {
    let ledger = with("3");
    let short = "bank-par: would be refused: insufficient funds: `main` has 3.00 available\n";
    for words in ["withdraw 4 --dry-run", "hold 4 -n"] {
        let run = work(&ledger, words, "echo ran");
        assert_eq!(said(&run), (75, "", short), "{words}");
    }
    let run = work(&ledger, "withdraw 1 --account nobody -n", "echo ran");
    assert_eq!(run.code(), 77, "{run:?}");
    let run = work(&ledger, "deposit 1 --account ops --strict -n", "echo ran");
    assert_eq!(run.code(), 77, "{run:?}");
    let run = work(&Ledger::new(), "withdraw 1 -n", "echo ran");
    assert_eq!((run.code(), run.stdout.as_str()), (8, ""), "{run:?}");
    let run = work(&Ledger::new(), "deposit 1 -n", "echo ran");
    assert_eq!((run.code(), run.stdout.as_str()), (0, ""), "{run:?}");
    assert_eq!(ledger.money("main"), ["3.00", "0.00", "3.00"]);
}

#[test]
fn a_failed_operation_may_be_tried_again_under_its_id() {
    let ledger = with("3");
    for (script, status) in [("exit 1", 1), ("kill -9 $$", 137), ("exit 0", 0)] {
        let run = work(&ledger, "withdraw 1 --id a", script);
        assert_eq!(said(&run), (status, "", ""), "{script}");
    }
    assert_eq!(ledger.money("main"), ["2.00", "0.00", "2.00"]);
    let missing = ledger.run("withdraw 1 -- /nowhere/command");
    let why = "bank-par: cannot start the command `/nowhere/command`: No such file or directory (os error 2)\n";
    assert_eq!(said(&missing), (127, "", why));
    assert_eq!(ledger.money("main"), ["2.00", "0.00", "2.00"]);
    ledger.verify();
}

#[test]
fn what_was_really_spent_is_posted_and_the_rest_given_back() {
    let ledger = with("10");
    let spend =
        |words: &str, text: &str| work(&ledger, words, &format!("echo {text} > $BANK_PAR_ACTUAL"));
    assert_eq!(said(&spend("withdraw 4", "1.25")), (0, "", ""));
    assert_eq!(ledger.money("main"), ["8.75", "0.00", "8.75"]);
    assert_eq!(said(&spend("withdraw 4", "0")), (0, "", ""));
    assert_eq!(ledger.money("main"), ["8.75", "0.00", "8.75"]);
    let over = "bank-par: overspent: 1.50 more was spent than was set aside: `o`\n";
    assert_eq!(said(&spend("withdraw 4 --id o", "5.50")), (1, "", over));
    assert_eq!(ledger.money("main"), ["3.25", "0.00", "3.25"]);
    let again =
        format!("bank-par: duplicate: `o` was done before, so the command is not run\n{over}");
    assert_eq!(
        said(&spend("withdraw 4 --id o", "9")),
        (1, "", again.as_str())
    );
    let unaided = ledger.run("withdraw 4 --id o");
    assert_eq!((unaided.code(), unaided.stderr.as_str()), (1, over));
    let exceeded = "bank-par: exceeded: 0.50 more came in than was asked for: `i`\n";
    assert_eq!(said(&spend("deposit 1 --id i", "1.50")), (1, "", exceeded));
    let rounded = "bank-par: the command spent 1e-3, which was rounded up: `r`\n";
    assert_eq!(said(&spend("withdraw 4 --id r", "1e-3")), (0, "", rounded));
    ledger.say("deposit 0.01");
    let doubt = spend("withdraw 4 --id d", "four");
    assert_eq!(doubt.code(), 78);
    assert!(
        doubt
            .stderr
            .contains("`bank-par post d` or `bank-par void d`"),
        "{doubt:?}"
    );
    assert_eq!(ledger.money("main"), ["4.75", "4.00", "0.75"]);
    ledger.verify();
    ledger.say("post d --amount 0.75");
    assert_eq!(ledger.money("main"), ["4.00", "0.00", "4.00"]);
    ledger.verify();
}

#[test]
fn a_hold_stays_only_if_its_command_succeeds() {
    let ledger = with("10");
    assert_eq!(said(&work(&ledger, "hold 4 --id a", "exit 3")), (3, "", ""));
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
    assert_eq!(said(&work(&ledger, "hold 4 --id b", "true")), (0, "", ""));
    assert_eq!(ledger.money("main"), ["10.00", "4.00", "6.00"]);
    ledger.say("post b");
    ledger.verify();
}

#[test]
fn a_cap_holds_although_forty_run_at_once() {
    let ledger = with("5");
    let codes = at_once(40, |_| work(&ledger, "withdraw 0.37", "true").code());
    let mut count = BTreeMap::new();
    for code in codes {
        *count.entry(code).or_insert(0) += 1;
    }
    assert_eq!(count, BTreeMap::from([(0, 13), (75, 27)]));
    assert_eq!(ledger.money("main"), ["0.19", "0.00", "0.19"]);
    ledger.verify();
}

#[test]
fn nothing_is_left_of_a_command_whoever_is_killed() {
    let ledger = with("10");
    let family = start_family(&ledger, "withdraw 1 --id command");
    family.members[0].kill();
    assert_eq!(family.end().code(), 137);
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);

    let family = start_family(&ledger, "withdraw 1 --id guard");
    family.keeper.kill();
    assert_eq!(family.end().code(), 78);
    assert_eq!(ledger.money("main"), ["10.00", "1.00", "9.00"]);

    let family = start_family(&ledger, "withdraw 1 --id parent");
    family.parent().kill();
    family.end();
    assert_eq!(ledger.money("main"), ["10.00", "2.00", "8.00"]);
    let holds = ledger.say("balance --holds");
    let in_doubt: Vec<&str> = holds
        .lines()
        .filter(|line| line.contains("\tin doubt\t"))
        .collect();
    assert_eq!(in_doubt.len(), 2, "{holds}");
    ledger.verify();
}

#[test]
fn what_is_in_doubt_waits_for_somebody_who_knows() {
    let ledger = with("10");
    for id in ["a", "b", "c"] {
        let family = start_family(&ledger, &format!("withdraw 1 --id {id}"));
        family.parent().kill();
        family.end();
    }
    let again = work(&ledger, "withdraw 1 --id a", "echo ran");
    let why = "bank-par: refused: the end of its work was not seen: `a`; look at what it did, then \
               `bank-par post a` or `bank-par void a`\n";
    assert_eq!(said(&again), (78, "", why));
    let retried = work(
        &ledger,
        "withdraw 1 --id a --in-doubt retry",
        "echo $BANK_PAR_ID",
    );
    assert_eq!(said(&retried), (0, "a\n", ""));
    ledger.say("post b --amount 0.50");
    ledger.say("void c");
    assert_eq!(ledger.money("main"), ["8.50", "0.00", "8.50"]);
    let run = work(&ledger, "withdraw 1 --id c", "true");
    assert_eq!(said(&run), (0, "", ""));
    ledger.verify();
}

#[test]
fn a_signal_or_a_deadline_ends_the_command_and_all_that_it_started() {
    let ledger = with("10");
    let family = start_family(&ledger, "withdraw 1");
    family.parent().signal(Signal::TERM);
    let run = family.end();
    assert_eq!(run.status.code(), None, "{run:?}");
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
    let run = work(
        &ledger,
        "withdraw 1 --id t --timeout 100ms",
        "sleep 999 & wait",
    );
    let why = "bank-par: the command was ended when its time was over: `t`\n";
    assert_eq!(said(&run), (6, "", why));
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
    ledger.verify();
}

#[test]
fn a_hold_does_not_expire_while_its_command_runs() {
    let ledger = with("10");
    let program = env!("CARGO_BIN_EXE_bank-par");
    let run = work(
        &ledger,
        "hold 4 --id a --expires 1ms",
        &format!("sleep 0.05; {program} balance main"),
    );
    assert_eq!(said(&run), (0, "main\t10.00\t4.00\t6.00\t0.00\n", ""));
    crate::process::until("the hold to expire", || {
        (ledger.money("main") == ["10.00", "0.00", "10.00"]).then_some(())
    });
    let late = work(&ledger, "hold 4 --id b --expires 1ms", "sleep 0.05; exit 9");
    assert_eq!(said(&late), (9, "", ""));
    ledger.verify();
}

#[test]
fn a_hold_whose_command_nobody_saw_end_is_in_doubt() {
    let ledger = with("10");
    let family = start_family(&ledger, "hold 4 --id a --expires 1h");
    family.parent().kill();
    family.end();
    assert!(ledger.say("balance --holds").contains("\tin doubt\t"));
    let retried = work(
        &ledger,
        "hold 4 --id a --in-doubt retry",
        "echo $BANK_PAR_ATTEMPT",
    );
    assert_eq!(said(&retried), (0, "2\n", ""));
    let known = "bank-par: duplicate: `a` was done before, so the command is not run\n";
    for more in ["", " --in-doubt retry"] {
        let again = work(&ledger, &format!("hold 4 --id a{more}"), "echo ran");
        assert_eq!(said(&again), (0, "", known));
    }
    ledger.say("post a --amount 3");
    assert_eq!(ledger.money("main"), ["7.00", "0.00", "7.00"]);
    ledger.verify();
}

#[test]
#[ignore = "slow: signals two dozen commands"]
fn a_signal_leaves_no_doubt_however_early_it_comes() {
    let ledger = with("10");
    for delay in 0..24 {
        let running = Running::start(command(&ledger, "withdraw 1", "sleep 999"));
        // From before the program hears signals to after the command has begun.
        std::thread::sleep(std::time::Duration::from_micros(500 * delay));
        let process = crate::process::Process(running.pid.try_into().unwrap());
        process.signal(Signal::TERM);
        let run = running.finish();
        assert_eq!(run.status.code(), None, "{delay}: {run:?}");
    }
    assert_eq!(ledger.say("balance --holds"), "");
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
    ledger.verify();
}

#[test]
fn a_failed_command_is_run_again_with_the_same_id() {
    let ledger = with("10");
    let run = work(
        &ledger,
        "withdraw 1 --id a --retries 2 --backoff 1ms",
        "echo $BANK_PAR_ID $BANK_PAR_ATTEMPT; [ $BANK_PAR_ATTEMPT = 3 ]",
    );
    assert_eq!(said(&run), (0, "a 1\na 2\na 3\n", ""));
    let run = work(
        &ledger,
        "withdraw 1 --retries 1 --backoff 1ms",
        "echo x; exit 4",
    );
    assert_eq!(said(&run), (4, "x\nx\n", ""));
    assert_eq!(ledger.money("main"), ["9.00", "0.00", "9.00"]);
}

#[test]
fn what_cost_nothing_is_done_and_not_run_again() {
    let ledger = with("10");
    let free = |script: &str| work(&ledger, "withdraw 1 --id a", script);
    assert_eq!(said(&free("echo 0 > $BANK_PAR_ACTUAL")), (0, "", ""));
    let known = "bank-par: duplicate: `a` was done before, so the command is not run\n";
    assert_eq!(said(&free("echo ran")), (0, "", known));
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
    ledger.verify();
}

#[test]
fn a_signal_ends_the_pause_before_another_attempt() {
    let ledger = with("10");
    let mut running = Running::start(command(
        &ledger,
        "withdraw 1 --retries 9 --backoff 1h",
        "echo ran; exit 3",
    ));
    assert_eq!(running.hear(), "ran");
    let process = crate::process::Process(running.pid.try_into().unwrap());
    // Its first attempt is over when nothing of it is left.
    crate::process::until("the pause", || {
        crate::process::orphans(process).is_empty().then_some(())
    });
    process.signal(Signal::TERM);
    let run = running.finish();
    assert_eq!(run.status.code(), None, "{run:?}");
    assert_eq!(run.stdout, "");
    assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
}
