//! What commands are told, what becomes of what they do, and how it is told.

mod dry_run;

use std::process::Command;

use serde_json::{Value, json};

use super::{MODES, Office, ends, only};
use crate::cli::{Running, run};
use crate::ledger::Ledger;

#[test]
fn every_mode_runs_the_command_for_each_operation() {
    const SCRIPT: &str = r#"cat; echo "$BANK_PAR_ID $BANK_PAR_OP $BANK_PAR_ACCOUNT $BANK_PAR_TO $BANK_PAR_AMOUNT $BANK_PAR_ATTEMPT $BANK_PAR_RUN $BANK_PAR_LINE" >&2"#;
    for mode in MODES {
        let office = Office::with("10");
        office.write(
            "in.jsonl",
            "{\"op\":\"transfer\",\"amount\":\"1.50\",\"to\":\"rent\"}\n{\"op\":\"deposit\",\"amount\":2,\"account\":\"ops\",\"id\":\"own\"}\n{\"op\":\"balance\"}\n",
        );
        let run = office.run(&format!("{mode} in.jsonl --run november"), SCRIPT);
        assert_eq!(ends(&run), ([3, 0, 0, 0], 0), "{run:?}");
        let done = run.of("completed");
        let of = |op: &str| done.iter().find(|event| event["op"] == op).unwrap();
        let told = |event: &Value| {
            let object: Value = serde_json::from_str(event["stdout"].as_str().unwrap()).unwrap();
            (object, event["stderr"].as_str().unwrap().to_string())
        };
        assert_eq!(
            told(of("transfer")),
            (
                json!({"v":1,"id":"november:1","op":"transfer","account":"main","to":"rent","amount":"1.50","attempt":1,"run":"november","line":1}),
                "november:1 transfer main rent 1.50 1 november 1\n".to_string()
            )
        );
        assert_eq!(
            told(of("deposit")),
            (
                json!({"v":1,"id":"own","op":"deposit","account":"ops","amount":"2.00","attempt":1,"run":"november","line":2}),
                "own deposit ops  2.00 1 november 2\n".to_string()
            )
        );
        // A view sets nothing aside, and has no command.
        assert_eq!(of("balance").get("stdout"), None);
        assert_eq!(office.money(), ["8.50", "0.00", "8.50"]);
        office.ledger.verify();
    }
}

#[test]
fn a_command_is_the_work_of_the_built_in_operations_too() {
    for mode in MODES {
        let mut words = vec![mode, "--ledger", "memory", "--output", "json"];
        for op in ["withdraw", "deposit", "transfer", "loan", "balance"] {
            words.extend(["--op", op]);
        }
        words.extend(["--", "sh", "-c", "exit 0"]);
        let run = run(&words);
        assert_eq!(ends(&run), ([5, 0, 0, 0], 0), "{run:?}");
        assert_eq!(run.summary()["wrong_accounts"], 0);
        let ids: Vec<_> = run.of("held").iter().map(|e| e["id"].clone()).collect();
        assert_eq!(ids.len(), 4, "{ids:?}");
    }
}

#[test]
fn a_decline_is_told_apart_from_a_fault() {
    for mode in MODES {
        let office = Office::with("10");
        let words = format!("{mode} --op withdraw=4");
        let run = office.run(&words, "echo 'card expired' >&2; exit 75");
        assert_eq!(ends(&run), ([0, 1, 0, 0], 1), "{run:?}");
        let declined = only(&run, "refused");
        assert_eq!(
            (&declined["reason"], &declined["detail"], &declined["exit"]),
            (&json!("declined"), &json!("card expired"), &json!(75))
        );
        let run = office.run(&words, "echo broken >&2; exit 3");
        assert_eq!(ends(&run), ([0, 0, 1, 0], 4), "{run:?}");
        let failed = only(&run, "failed");
        assert_eq!(
            (&failed["reason"], &failed["detail"], &failed["exit"]),
            (
                &json!("command_failed"),
                &json!("its command exited with status 3: broken"),
                &json!(3)
            )
        );
        let run = office.run(&words, "kill -9 $$");
        assert_eq!(ends(&run), ([0, 0, 1, 0], 4), "{run:?}");
        let failed = only(&run, "failed");
        assert_eq!(
            (&failed["detail"], &failed["signal"]),
            (&json!("its command was killed by SIGKILL"), &json!(9))
        );
        let run = office.run(&format!("{words} --declined-code 9"), "exit 9");
        assert_eq!(ends(&run), ([0, 1, 0, 0], 1), "{run:?}");
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
        office.ledger.verify();
    }
}

#[test]
fn a_decline_is_remembered_and_a_fault_tried_again() {
    let office = Office::with("10");
    office.write(
        "in.jsonl",
        &"{\"op\":\"withdraw\",\"amount\":1}\n".repeat(3),
    );
    let words = "parallel in.jsonl --run november";
    const SCRIPT: &str =
        "echo $BANK_PAR_LINE >> log; case $BANK_PAR_LINE in 1) exit 75;; 2) exit 1;; esac";
    let run = office.run(words, SCRIPT);
    assert_eq!(ends(&run), ([1, 1, 1, 0], 4), "{run:?}");
    assert!(run.stderr.contains("to go on: "), "{}", run.stderr);
    let again = office.run(words, "echo again $BANK_PAR_LINE >> log");
    assert_eq!(ends(&again), ([2, 1, 0, 0], 1), "{again:?}");
    assert_eq!(only(&again, "refused")["duplicate"], true);
    let anew = office.run(
        &format!("{words} --retry-refused"),
        "echo anew $BANK_PAR_LINE >> log",
    );
    assert_eq!(ends(&anew), ([3, 0, 0, 0], 0), "{anew:?}");
    let mut log: Vec<String> = office.read("log").lines().map(String::from).collect();
    log[..3].sort();
    assert_eq!(log, ["1", "2", "3", "again 2", "anew 1"]);
    assert_eq!(office.money(), ["7.00", "0.00", "7.00"]);
    office.ledger.verify();
}

#[test]
fn the_bank_refuses_before_the_command_runs() {
    let office = Office::with("3");
    let run = office.run("queue --op withdraw=4", "echo ran >> log");
    assert_eq!(ends(&run), ([0, 1, 0, 0], 1), "{run:?}");
    assert_eq!(only(&run, "refused")["reason"], "insufficient_funds");
    assert_eq!(office.read("log"), "");
}

#[test]
fn the_beginning_of_what_a_command_writes_is_told_and_the_rest_counted() {
    for mode in MODES {
        let run = run(&[
            mode,
            "--ledger",
            "memory",
            "--op",
            "deposit",
            "--output",
            "json",
            "--",
            "sh",
            "-c",
            "head -c 100000 /dev/zero | tr '\\0' x; head -c 40000 /dev/zero | tr '\\0' y >&2",
        ]);
        let done = only(&run, "completed");
        assert_eq!(done["stdout"], "x".repeat(32 * 1024));
        assert_eq!(done["stdout_dropped"], 100_000 - 32 * 1024);
        assert_eq!(done["stderr"], "y".repeat(32 * 1024));
        assert_eq!(done["stderr_dropped"], 40_000 - 32 * 1024);
    }
}

#[test]
fn a_command_may_do_what_it_likes_with_its_streams() {
    for script in [
        "exec >&- 2>&- <&-",
        "printf '\\377\\000\\n'",
        // What runs on in the background is ended with the command, and not waited for.
        "sleep 999 & echo done",
        "setsid sh -c 'trap \"\" TERM HUP; sleep 999' & echo done",
        "kill -TERM 0; sleep 1; echo survived",
    ] {
        let run = run(&[
            "pipe", "--ledger", "memory", "--op", "deposit", "--output", "json", "--", "sh", "-c",
            script,
        ]);
        let status = if script.starts_with("kill") { 4 } else { 0 };
        assert_eq!(run.code(), status, "{script}: {run:?}");
    }
}

#[test]
fn a_failed_command_is_run_again_with_the_same_id() {
    const SCRIPT: &str = "echo $BANK_PAR_ID $BANK_PAR_ATTEMPT >> log; [ $BANK_PAR_ATTEMPT = 3 ] || { echo no; exit 1; }";
    for mode in MODES {
        let office = Office::with("10");
        office.write("in.csv", "op,amount,id\nwithdraw,1,a\n");
        let words = format!("{mode} in.csv --retries 5 --backoff 10ms");
        let run = office.run(&words, SCRIPT);
        assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
        assert_eq!(office.read("log"), "a 1\na 2\na 3\n");
        let retried = run.of("retried");
        let pauses: Vec<_> = retried.iter().map(|event| &event["pause_us"]).collect();
        assert_eq!(pauses, [&json!(10_000), &json!(20_000)]);
        assert_eq!(retried[1]["stdout"], "no\n");
        let done = only(&run, "completed");
        assert_eq!(
            (&done["attempts"], &done["stdout"]),
            (&json!(3), &json!(""))
        );
        let gives_up = office.run(
            &format!("{mode} --op withdraw=1 --retries 1 --backoff 10ms"),
            "exit 1",
        );
        assert_eq!(ends(&gives_up), ([0, 0, 1, 0], 4), "{gives_up:?}");
        assert_eq!(only(&gives_up, "failed")["attempts"], 2);
        let declined = office.run(&format!("{mode} --op withdraw=1 --retries 5"), "exit 75");
        assert_eq!(only(&declined, "refused")["attempts"], 1);
        assert_eq!(office.money(), ["9.00", "0.00", "9.00"]);
    }
}

#[test]
fn a_run_that_makes_no_sense_is_refused_before_it_begins() {
    let ledger = tempfile::tempdir().unwrap();
    let path = ledger.path().join("bank.db");
    let path = path.to_str().unwrap();
    for (words, why) in [
        (
            &["--", "no-such-command"][..],
            "there is no command `no-such-command`",
        ),
        (&["--", "/etc/passwd"], "there is no command `/etc/passwd`"),
        (
            &["--in-doubt", "retry"],
            "`--in-doubt retry` needs the command",
        ),
        (&["--in-doubt", "post", "--", "true"], "a run with a name"),
        (
            &["--time-scale", "1", "--", "true"],
            "the work is a command",
        ),
        (&["--retries", "1"], "COMMAND"),
        (&["--declined-code", "0", "--", "true"], "declined-code"),
    ] {
        let words = [&["parallel", "--ledger", path][..], words].concat();
        let refused = run(&words);
        assert_eq!(refused.code(), 2, "{words:?}: {refused:?}");
        assert!(refused.stderr.contains(why), "{words:?}: {refused:?}");
        assert!(!std::fs::exists(path).unwrap(), "{words:?}");
    }
    let share = run(&["server-share", "--", "true"]);
    assert_eq!(share.code(), 2, "{share:?}");
}

#[test]
fn a_command_has_the_limits_that_the_program_was_started_with() {
    let office = Office::with("10");
    let mut command = Command::new("sh");
    let script = format!(
        "ulimit -S -n 123; exec {} parallel --op withdraw=1 --output json -- sh -c 'ulimit -S -n; ulimit -H -n'",
        env!("CARGO_BIN_EXE_bank-par")
    );
    command
        .args(["-c", &script])
        .env("BANK_PAR_LEDGER", office.ledger.path());
    let run = Running::start(command).finish();
    let told = only(&run, "completed")["stdout"].clone();
    let (soft, hard) = told.as_str().unwrap().trim().split_once('\n').unwrap();
    assert_eq!(soft, "123");
    assert_ne!(hard, "123");
}

#[test]
fn a_worker_that_is_asked_to_end_leaves_the_rest_to_others() {
    for (mode, signal) in [("parallel", "USR1"), ("queue", "TERM"), ("pipe", "USR1")] {
        let office = Office::with("10");
        office.write(
            "in.jsonl",
            &"{\"op\":\"withdraw\",\"amount\":1}\n".repeat(6),
        );
        let script = format!(
            "[ $BANK_PAR_LINE = 1 ] && [ ! -e asked ] && touch asked && kill -{signal} $PPID; exit 0"
        );
        let words = format!("{mode} in.jsonl --jobs 1 --ops-per-worker 0");
        let run = office.run(&words, &script);
        let ([completed, _, failed, _], _) = ends(&run);
        // What ran when it was asked may have been ended.
        assert_eq!((completed + failed, failed <= 1), (6, true), "{run:?}");
    }
}

#[test]
fn children_of_a_shell_that_became_the_program_are_left_alone() {
    let office = Office::with("10");
    office.write(
        "gen.sh",
        "for n in 1 2 3 4 5 6; do sleep 0.05; echo '{\"op\":\"withdraw\",\"amount\":1}'; done",
    );
    let run = |script: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-c", script])
            .env("BANK_PAR_LEDGER", office.ledger.path())
            .current_dir(office.path("."));
        Running::start(bash).finish()
    };
    let program = env!("CARGO_BIN_EXE_bank-par");
    // The first command kills its worker, and what that leaves behind is ended.
    let fed = run(&format!(
        "exec {program} parallel - --jobs 1 --output json -- sh -c 'mkdir once 2>/dev/null && kill -9 $PPID; exit 0' < <(bash gen.sh)"
    ));
    let (counts, _) = ends(&fed);
    assert_eq!(counts.iter().sum::<u64>(), 6, "{fed:?}");
    run(&format!(
        "exec {program} withdraw 1 -- seq 1 200 > >(while read -r l; do sleep 0.001; echo $l >> out; done; touch all)"
    ));
    crate::process::until("the reader to have read all", || {
        office.path("all").exists().then_some(())
    });
    assert_eq!(office.read("out").lines().count(), 200);
}

#[test]
fn a_run_says_how_to_go_on_without_what_is_the_commands_own() {
    let office = Office::with("10");
    office.write("in.jsonl", "{\"op\":\"withdraw\",\"amount\":1}\n");
    let mut command = office.ledger.command("parallel in.jsonl --run november");
    command
        .args(["--", "sh", "-c", "exit 1", "-", "--ledger=foo"])
        .current_dir(office.path("."));
    let run = Running::start(command).finish();
    let words = format!("to go on: BANK_PAR_LEDGER={} ", office.ledger.path());
    assert!(run.stderr.contains(&words), "{run:?}");
    assert!(
        run.stderr.contains(" -- sh -c 'exit 1' - --ledger=foo"),
        "{run:?}"
    );
}

#[test]
fn a_signal_ends_the_pause_before_another_attempt() {
    for words in ["parallel --op withdraw=1", "pipe --op withdraw=1"] {
        let office = Office::with("10");
        // As a shell without job control starts what runs in the background.
        let script = format!(
            "trap '' INT; exec {} {words} --retries 9 --backoff 1h --output json -- sh -c 'echo ran >> log; exit 3'",
            env!("CARGO_BIN_EXE_bank-par")
        );
        let mut sh = Command::new("sh");
        sh.args(["-c", &script])
            .env("BANK_PAR_LEDGER", office.ledger.path())
            .current_dir(office.path("."));
        let mut running = Running::start(sh);
        while running.hear_event()["type"] != "retried" {}
        let process = crate::process::Process(running.pid.try_into().unwrap());
        process.signal(rustix::process::Signal::TERM);
        let run = running.finish();
        assert_eq!(run.status.code(), None, "{run:?}");
        assert_eq!(run.of("failed").len(), 1, "{run:?}");
        assert_eq!(office.read("log"), "ran\n");
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
    }
}
