//! Recordings of events: where they may go, and what they say of one operation.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cli::{Run, Running, all_events, events, feed, program};
use crate::ledger::Ledger;

/// The run, which must have ended with this status, whatever it said.
#[track_caller]
fn ended(run: Run, code: i32) -> Run {
    assert_eq!(run.code(), code, "{run:?}");
    run
}

/// A ledger with some money, and a folder beside it.
struct Recorded {
    ledger: Ledger,
    folder: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Self {
        let (ledger, folder) = (Ledger::new(), tempfile::tempdir().unwrap());
        ledger.say("deposit 10");
        Recorded { ledger, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the program whose events go to this file, with a shell's script as its work.
    fn work(&self, words: &str, script: &str) -> Run {
        let mut command = self.ledger.command(words);
        command.arg("--events").arg(self.path("events.jsonl"));
        command.args(["--", "sh", "-c", script]);
        Running::start(command).finish()
    }

    fn events(&self) -> Vec<Value> {
        events(&fs::read_to_string(self.path("events.jsonl")).unwrap())
    }

    /// Runs a shell's script in the folder, in which `bank-par` is the program.
    fn script(&self, script: &str) -> Run {
        let script = format!("cd {}; {script}", self.folder.path().display());
        self.ledger.script(&script)
    }
}

#[test]
#[ignore = "slow: tries two dozen scripts"]
fn no_recording_replaces_what_a_run_needs() {
    let recorded = Recorded::new();
    let ops = recorded.path("ops.jsonl");
    fs::write(&ops, "{\"op\":\"withdraw\",\"amount\":1}\n").unwrap();
    let ledger = recorded.ledger.path();
    std::os::unix::fs::symlink(&ledger, recorded.path("link")).unwrap();
    let before = fs::read(&ops).unwrap();
    let refused = |events: &str, why: &str| {
        let words = format!("parallel {} --events {events}", ops.display());
        let run = ended(recorded.ledger.run(&words), 2);
        assert!(run.stderr.contains(why), "{run:?}");
        assert_eq!(recorded.ledger.money("main")[0], "10.00");
        assert_eq!(fs::read(&ops).unwrap(), before);
    };
    refused(&ledger, "is the ledger `");
    refused(
        &format!("{ledger}-journal"),
        "is a file beside the ledger `",
    );
    refused(recorded.path("link").to_str().unwrap(), "is the ledger `");
    refused(ops.to_str().unwrap(), "is the input `");
    refused("/proc/version", "is no recording of events");
    for script in [
        "bank-par parallel ops.jsonl >> ops.jsonl",
        "bank-par parallel - < ops.jsonl >> ops.jsonl",
        "bank-par parallel - --events ops.jsonl < ops.jsonl",
        "bank-par balance >> $BANK_PAR_LEDGER",
        "bank-par history 2>> $BANK_PAR_LEDGER",
        "bank-par withdraw 1 --events fd:3 -- true 3>> $BANK_PAR_LEDGER",
        "bank-par withdraw 1 --events $BANK_PAR_LEDGER -- true",
        "bank-par parallel ops.jsonl > out --events out",
        "mkfifo fifo; bank-par parallel ops.jsonl --events fifo",
        "bank-par parallel ops.jsonl --events .",
    ] {
        ended(recorded.script(script), 2);
        recorded.ledger.verify();
        assert_eq!(recorded.ledger.money("main")[0], "10.00", "{script}");
        assert_eq!(fs::read(&ops).unwrap(), before, "{script}");
    }
}

#[test]
fn a_run_that_goes_on_appends_to_its_recording() {
    let recorded = Recorded::new();
    let script = "echo '{\"op\":\"withdraw\",\"amount\":1}' > ops.jsonl
        for _ in 1 2; do bank-par parallel ops.jsonl --run r --events events.jsonl -- echo receipt; done";
    recorded.script(script).expect(0);
    let seen = recorded.events();
    let summaries = seen.iter().filter(|event| event["type"] == "summary");
    assert_eq!(summaries.count(), 2);
    let receipts = seen.iter().filter(|event| event["stdout"] == "receipt\n");
    assert_eq!(receipts.count(), 1);
}

#[test]
fn runs_at_once_leave_each_others_lines_whole() {
    let recorded = Recorded::new();
    let lines = "{\"op\":\"balance\"}\n".repeat(2_000);
    let path = recorded.path("events.jsonl");
    // What a run that was killed has left.
    fs::write(&path, "{\"v\":1,\"type\":\"completed\",\"op\"").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let events = path.to_str().unwrap();
                feed(
                    &["pipe", "-", "--ops-per-worker", "0", "--events", events],
                    lines.clone(),
                )
                .expect(0);
            });
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    let (cut, rest) = text.split_once('\n').unwrap();
    assert_eq!(cut, "{\"v\":1,\"type\":\"completed\",\"op\"");
    assert_eq!(events(rest).len(), 3 * 2_001);
}

#[test]
fn a_dash_is_stdout() {
    let run = feed(
        &["parallel", "-", "--events", "-"],
        "{\"op\":\"deposit\",\"amount\":1}\n",
    );
    let run = run.expect(0);
    let types: Vec<_> = run
        .events()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(types, ["completed", "summary"]);
    let both = ["parallel", "-", "--events", "-", "--output", "text"];
    let run = ended(feed(&both, ""), 2);
    assert!(
        run.stderr.contains("stdout takes the text or the events"),
        "{run:?}"
    );
    assert!(!PathBuf::from("-").exists());
}

#[test]
fn one_operation_leaves_a_receipt_however_it_ends() {
    let recorded = Recorded::new();
    let run = recorded.work(
        "withdraw 4 --id a",
        "echo 1.25 > $BANK_PAR_ACTUAL; echo paid",
    );
    assert_eq!((run.code(), run.stdout.as_str()), (0, "paid\n"));
    ended(recorded.work("withdraw 4 --id a", "exit 9"), 0);
    ended(recorded.work("withdraw 4 --id f", "exit 3"), 3);
    ended(recorded.work("withdraw 40 --id r", "true"), 75);
    ended(recorded.work("withdraw 5 --id a", "true"), 76);
    ended(
        recorded.work("withdraw 5 --account none --id n", "true"),
        77,
    );
    ended(recorded.work("transfer 1 --to main --id s", "true"), 77);
    ended(
        recorded.work("withdraw 1 --id d", "echo x > $BANK_PAR_ACTUAL"),
        78,
    );
    ended(recorded.work("withdraw 1 --id d", "true"), 78);
    ended(recorded.work("hold 1 --id h", "true"), 0);
    ended(
        recorded.work("withdraw 1 --id t --timeout 300ms", "sleep 60"),
        6,
    );
    let told = |event: &Value| {
        let field = |name: &str| event[name].clone();
        json!([
            field("type"),
            field("id"),
            field("seq"),
            field("exit"),
            field("reason")
        ])
    };
    let told: Vec<Value> = recorded.events().iter().map(told).collect();
    assert_eq!(
        told,
        [
            json!(["completed", "a", 2, 0, null]),
            json!(["completed", "a", 2, null, null]),
            json!(["failed", "f", null, 3, "command_failed"]),
            json!(["refused", "r", null, null, "insufficient_funds"]),
            json!(["refused", "a", null, null, "id_conflict"]),
            json!(["refused", "n", null, null, "unknown_account"]),
            json!(["refused", "s", null, null, "same_account"]),
            json!(["in_doubt", "d", null, 0, "unreadable_actual"]),
            json!(["refused", "d", null, null, "in_doubt"]),
            json!(["held", "h", null, 0, null]),
            json!(["failed", "t", null, null, "deadline"]),
        ]
    );
    assert_eq!(recorded.events()[10]["signal"], 15);
    let attempts = |place: usize| recorded.events()[place].get("attempts").cloned();
    assert_eq!([0, 1].map(attempts), [Some(json!(1)), None]);
    let first = &recorded.events()[0];
    assert_eq!(
        (&first["amount"], &first["set_aside"], first.get("stdout")),
        (&json!("1.25"), &json!("4.00"), None)
    );
}

#[test]
fn a_receipt_goes_to_an_open_descriptor_too() {
    let recorded = Recorded::new();
    let script = "exec 3> receipts
        bank-par withdraw 1 --id a --events fd:3 -- echo paid && bank-par withdraw 1 --id b --events fd:3
        echo done >&3";
    let run = recorded.script(script).expect(0);
    assert!(run.stdout.starts_with("paid\n"), "{run:?}");
    let text = fs::read_to_string(recorded.path("receipts")).unwrap();
    let (receipts, done) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(done, "done");
    let ids: Vec<Value> = events(receipts)
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn stdout_is_the_commands() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    for flag in ["--output json", "--events -"] {
        let mut command: Command = ledger.command(&format!("withdraw 1 {flag}"));
        command.args(["--", "echo", "paid"]);
        let run = ended(Running::start(command).finish(), 2);
        assert!(run.stderr.contains("stdout is the command's"), "{run:?}");
        assert!(run.stderr.contains("`--events FILE`"), "{run:?}");
    }
    assert_eq!(ledger.money("main")[0], "1.00");
    let mut command = program(&["withdraw", "1", "--events", "fd:9", "--", "true"]);
    command
        .env("BANK_PAR_LEDGER", ledger.path())
        .stdout(Stdio::null());
    let run = ended(Running::start(command).finish(), 2);
    assert!(
        run.stderr.contains("`fd:9` is not open for writing"),
        "{run:?}"
    );
}

#[test]
fn a_run_says_what_could_have_gone_out() {
    let ledger = Ledger::new();
    ledger.say("open main --overdraft 5");
    ledger.say("deposit 1");
    let lines = "{\"op\":\"withdraw\",\"amount\":7,\"id\":\"a\"}\n";
    let durable = ["pipe", "-", "--ledger", &ledger.path()].map(str::to_string);
    let in_memory = ["pipe", "-", "--balance=1", "--overdraft=5"].map(str::to_string);
    for arguments in [durable, in_memory] {
        let arguments = arguments.each_ref().map(String::as_str);
        let run = ended(feed(&arguments, lines), 1);
        let said = "Withdrawal of $7.00 (line 1, id `a`) refused: insufficient funds. Available: $1.00, and $5.00 of overdraft\n";
        assert!(run.stdout.contains(said), "{run:?}");
    }
}

/// What the first event says, which must be the run's beginning.
#[track_caller]
fn begun(run: &Run) -> Value {
    let first = all_events(&run.stdout).remove(0);
    assert_eq!(first["type"], "run_started", "{first}");
    assert_eq!(all_events(&run.stdout).len(), run.events().len() + 1);
    first
}

#[test]
fn a_run_says_first_what_it_is_and_what_its_times_count_from() {
    let now = || rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let before = now();
    for (mode, mechanism) in [
        ("parallel", "asking over local sockets"),
        ("queue", "asking through one queue"),
        ("pipe", "asking through a pair of pipes each"),
        ("server-share", "sharing data over sockets"),
        ("shared-memory", "sharing one mapping"),
        ("sync", "racing for one balance in memory"),
    ] {
        let flags = ["--op", "deposit=5", "--output", "json"];
        // Threads do no simulated work.
        let pace = ["--time-scale", "0"];
        let pace = if mode == "sync" { &[][..] } else { &pace };
        let run = feed(&[&[mode], &flags[..], pace].concat(), "").expect(0);
        let first = begun(&run);
        assert_eq!(
            (&first["mode"], &first["mechanism"], &first["balance"]),
            (&json!(mode), &json!(mechanism), &json!("1000.00"))
        );
        assert!(first["pid"].as_u64().unwrap() > 0);
        assert!(first["started_at"].as_str().unwrap().ends_with('Z'));
        let clock = first["clock_us"].as_i64().unwrap() / 1_000_000;
        assert!(before.tv_sec <= clock && clock <= now().tv_sec, "{first}");
    }
}

#[test]
fn a_run_on_a_ledger_names_it_and_itself() {
    let recorded = Recorded::new();
    let script = "echo '{\"op\":\"withdraw\",\"amount\":1}' > ops.jsonl
        bank-par pipe ops.jsonl --run r --output json";
    let run = recorded.script(script);
    let first = begun(&run);
    let ledger = recorded.ledger.path();
    assert_eq!(
        (&first["ledger"], &first["run"], &first["operations"]),
        (&json!(ledger), &json!("r"), &Value::Null)
    );
    assert_eq!(first.get("balance"), None);
}
