//! Recorded histories, judged by the program: those of every mode are right, and what is lost is found.

mod twice;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::{MODES, Run, feed, run};
use crate::ledger::Ledger;

/// A folder for recordings.
struct Recordings(tempfile::TempDir);

impl Recordings {
    fn new() -> Self {
        Recordings(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.to_str().unwrap().to_string()
    }

    /// What `check` finds in these files, which must end with this status.
    #[track_caller]
    fn check(&self, names: &[&str], code: i32) -> Value {
        let paths: Vec<String> = names.iter().map(|name| self.path(name)).collect();
        let mut arguments = vec!["check", "--output", "json"];
        arguments.extend(paths.iter().map(String::as_str));
        let checked = run(&arguments);
        assert_eq!(checked.code(), code, "{checked:?}");
        let mut events = checked.events();
        assert_eq!(events.len(), 1);
        let checked = events.remove(0);
        assert_eq!(
            (&checked["type"], &checked["status"]),
            (&json!("checked"), &json!(code))
        );
        checked
    }
}

const LINES: u32 = 80;

/// Operations of every kind, with refusals, and ids that repeat.
fn mixed() -> String {
    let mut lines = String::new();
    for number in 0..LINES {
        lines += &match number % 8 {
            0 => format!("{{\"op\":\"deposit\",\"amount\":{}}}\n", 1 + number % 7),
            1 => format!(
                "{{\"op\":\"withdraw\",\"amount\":{},\"id\":\"w{}\"}}\n",
                1 + number % 90 * 40,
                number % 16
            ),
            2 => format!(
                "{{\"op\":\"transfer\",\"amount\":{},\"to\":\"ops\"}}\n",
                1 + number % 30
            ),
            3 => "{\"op\":\"balance\"}\n".to_string(),
            4 => "{\"op\":\"transfer\",\"amount\":3,\"account\":\"ops\",\"to\":\"main\"}\n"
                .to_string(),
            5 => format!(
                "{{\"op\":\"loan\",\"amount\":2,\"id\":\"l{}\"}}\n",
                number % 16
            ),
            6 => "{\"op\":\"withdraw\",\"amount\":1,\"account\":\"none\"}\n".to_string(),
            _ => "{\"op\":\"transfer\",\"amount\":3,\"to\":\"main\"}\n".to_string(),
        };
    }
    lines
}

/// The verdict on the order.
fn order(checked: &Value) -> &Value {
    &checked["tiers"][1]["verdict"]
}

#[test]
fn the_events_of_every_mode_are_right() {
    for mode in MODES {
        let recordings = Recordings::new();
        for (name, arguments) in [
            ("plain", &["--time-scale", "0"][..]),
            ("works", &["--time-scale", "0.0001"]),
            ("workers", &["--ops-per-worker", "20"]),
        ] {
            let events = recordings.path(name);
            let fixed = [mode, "-", "--balance", "500", "--events", &events];
            let lines = mixed();
            feed(&[&fixed[..], arguments].concat(), lines);
            let checked = recordings.check(&[name], 0);
            assert_eq!(order(&checked), "ok", "{mode} {name}: {checked}");
            assert!(
                checked["answers"].as_u64() > Some(u64::from(LINES) - 1),
                "{checked}"
            );
        }
    }
}

#[test]
fn a_lost_update_between_processes_is_found() {
    let recordings = Recordings::new();
    let events = recordings.path("lost");
    let lost = [
        "server-share",
        "--sync",
        "none",
        "--time-scale",
        "0.1",
        "--events",
        &events,
    ];
    assert_eq!(run(&lost).code(), 3);
    let checked = recordings.check(&["lost"], 3);
    assert_eq!(checked["verdict"], "contradiction");
    let found = checked["tiers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tier| tier["verdict"] == "contradiction");
    assert!(found.count() > 0, "{checked}");
    // The answers that contradict each other stand before the summary that their sum contradicts.
    let shown = run(&["check", &events]).stdout;
    let answers = shown.find("answers contradict each other:");
    let summary = shown.find("the summary of the run");
    assert!(answers.is_some() && answers < summary, "{shown}");
}

#[test]
fn forty_shells_on_one_ledger_are_one_history() {
    let (ledger, recordings) = (Ledger::new(), Recordings::new());
    ledger.say("deposit 100");
    let lines =
        "{\"op\":\"withdraw\",\"amount\":1}\n{\"op\":\"transfer\",\"amount\":2,\"to\":\"ops\"}\n"
            .repeat(2);
    let names: Vec<String> = (0..40).map(|shell| format!("shell-{shell}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let modes = ["parallel", "queue", "pipe"];
    std::thread::scope(|scope| {
        for (name, mode) in names.iter().zip(modes.iter().cycle()) {
            let (events, lines, ledger) = (recordings.path(name), lines.clone(), ledger.path());
            scope.spawn(move || {
                feed(
                    &[
                        mode,
                        "-",
                        "--ledger",
                        &ledger,
                        "--ops-per-worker",
                        "5",
                        "--events",
                        &events,
                    ],
                    lines,
                );
            });
        }
    });
    let checked = recordings.check(&names, 0);
    assert_eq!(order(&checked), "ok", "{checked}");
    assert_eq!(
        (&checked["answers"], &checked["ledgers"]),
        (&json!(160), &json!(1))
    );
    // Where a line in the middle is missing, something else happened than what is told.
    for name in &names {
        let text = fs::read_to_string(recordings.path(name)).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.retain(|line| !line.contains("\"decided\":30,"));
        fs::write(recordings.path(name), lines.join("\n")).unwrap();
    }
    let hole = recordings.check(&names, 9);
    let open = json!([{"what": "missing_changes", "count": 1}]);
    assert_eq!(hole["tiers"][1]["left_open"], open, "{hole}");
}

#[test]
fn work_that_fails_or_is_in_doubt_is_no_contradiction() {
    let (ledger, recordings) = (Ledger::new(), Recordings::new());
    ledger.say("deposit 100");
    let events = recordings.path("events");
    let script = format!(
        "seq 12 | sed 's/.*/{{\"op\":\"withdraw\",\"amount\":5,\"id\":\"i&\"}}/' > {0}/ops
         bank-par parallel {0}/ops --events {events} -- sh -c '
            case $BANK_PAR_ID in i3) exit 1;; i5) echo 2 > $BANK_PAR_ACTUAL;; i7) echo x > $BANK_PAR_ACTUAL;;
            i9) echo 0 > $BANK_PAR_ACTUAL;; esac'",
        recordings.0.path().display()
    );
    ledger.script(&script);
    let text = fs::read_to_string(&events).unwrap();
    for kind in ["held", "completed", "failed", "in_doubt"] {
        assert!(
            text.contains(&format!("\"type\":\"{kind}\"")),
            "{kind}: {text}"
        );
    }
    let checked = recordings.check(&["events"], 0);
    assert_eq!(order(&checked), "ok", "{checked}");
}

/// What is shown of these lines, which contradict each other.
fn shown(lines: &str) -> Run {
    let run = feed(&["check", "-"], lines);
    assert_eq!(run.code(), 3, "{run:?}");
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    run
}

const STARTED: &str = "{\"v\":1,\"type\":\"run_started\",\"mode\":\"parallel\",\"mechanism\":\"m\",\"pid\":1,\
    \"started_at\":\"2026-11-26T04:10:00Z\",\"clock_us\":0,\"jobs\":1,\"account\":\"main\",\"balance\":\"100.00\"}\n";

fn deposit(amount: &str, balance: &str, seq: u64) -> String {
    format!(
        "{{\"v\":1,\"type\":\"completed\",\"op\":\"deposit\",\"account\":\"main\",\"amount\":\"{amount}\",\
         \"balance\":\"{balance}\",\"seq\":{seq},\"decided\":{},\"operation\":{seq}}}\n",
        seq + 1
    )
}

#[test]
fn the_smallest_contradiction_is_shown_with_its_places() {
    let mut lines = STARTED.to_string();
    for seq in 2..50 {
        lines += &deposit("1.00", &format!("{}.00", 99 + seq), seq);
    }
    lines += &deposit("5.00", "150.00", 50);
    for seq in 51..90 {
        lines += &deposit("1.00", &format!("{}.00", 100 + seq), seq);
    }
    let shown = shown(&lines).stdout;
    let expected = "
In the order of `decided`, these 2 answers contradict each other:
  stdin:49
    deposit $1.00 to main: completed, decided 50, entry 49; main holds $148.00
  stdin:50
    deposit $5.00 to main: completed, decided 51, entry 50; main holds $150.00
After all of them main must hold $153.00, and not $150.00.
";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn what_is_no_history_is_told_with_its_place() {
    let said = |lines: &str, why: &str| {
        let run = feed(&["check", "-"], lines);
        assert_eq!(run.code(), 2, "{run:?}");
        assert!(
            run.stderr.contains("cannot read `stdin`: line 2") && run.stderr.contains(why),
            "{run:?}"
        );
    };
    let good = deposit("1.00", "1.00", 1);
    said(&format!("{good}hello\n"), "no JSON object");
    said(
        &format!("{good}{{\"v\":2,\"type\":\"completed\"}}\n"),
        "version 2",
    );
    said(
        &format!("{good}{{\"v\":1,\"type\":\"completed\",\"op\":\"steal\"}}\n"),
        "op",
    );
    said(
        &format!("{good}{{\"v\":1,\"type\":\"completed\",\"op\":\"loan\",\"account\":\"a\"}}\n"),
        "`amount` is missing",
    );
    let run = run(&["check", "/no/such/file"]);
    assert_eq!(run.code(), 2);
    assert!(
        run.stderr.contains("cannot read `/no/such/file`"),
        "{run:?}"
    );
}

#[test]
fn what_a_killed_writer_left_is_passed_over() {
    let lines = format!(
        "{STARTED}{}{{\"v\":1,\"type\":\"comple\n",
        deposit("1.00", "101.00", 2)
    );
    let run = feed(&["check", "-"], lines);
    assert_eq!(run.code(), 0, "{run:?}");
    assert!(
        run.stdout
            .ends_with("ok: 1 answer about 1 ledger in 1 file; 1 line cut off\n"),
        "{run:?}"
    );
}

#[test]
fn nothing_told_is_undecided() {
    for (lines, open) in [
        ("", "there are no answers to judge."),
        (
            "{\"v\":1,\"type\":\"raced\",\"remedy\":\"none\",\"threads\":4,\"operations\":40,\"refused\":0,\"expected\":\"5000.00\",\"actual\":\"3000.00\",\"lost_updates\":20,\"elapsed_us\":60,\"ns_per_operation\":1515}\n",
            "the threads of `sync` get no answers to judge; `bank-par show FILE` shows 1 result of it.",
        ),
        (
            "{\"v\":1,\"type\":\"completed\",\"op\":\"deposit\",\"account\":\"a\",\"amount\":\"1.00\"}\n",
            "the order of 1 answer, which has neither",
        ),
    ] {
        let run = feed(&["check", "-"], lines);
        assert_eq!(run.code(), 9, "{run:?}");
        assert!(run.stdout.contains("undecided: "), "{run:?}");
        let open = format!("Left open: {open}");
        let told = run.stdout.replace('\n', " ");
        assert!(told.contains(&open), "{run:?}");
    }
}

#[test]
fn what_other_programs_leave_out_or_call_otherwise_is_judged() {
    let started = "{\"v\":1,\"type\":\"run_started\",\"balance\":\"0.00\",\"account\":\"a\"}\n";
    let told = "{\"v\":1,\"type\":\"completed\",\"op\":\"deposit\",\"account\":\"a\",\"amount\":\"1.00\",\"balance\":\"1.00\"}\n";
    let refused = "{\"v\":1,\"type\":\"refused\",\"op\":\"withdraw\",\"account\":\"a\",\"amount\":\"5.00\",\"reason\":\"my_own_reason\",\"balance\":\"1.00\"}\n";
    let end = "{\"v\":1,\"type\":\"summary\",\"completed\":1}\n";
    let right = feed(&["check", "-"], format!("{started}{told}{end}"));
    assert_eq!(right.code(), 0, "{right:?}");
    let open = feed(&["check", "-"], format!("{started}{told}{refused}{end}"));
    assert_eq!(open.code(), 9, "{open:?}");
    // Whatever the reason was, a refusal moves nothing.
    let moved = refused.replace("\"balance\":\"1.00\"", "\"balance\":\"7.00\"");
    shown(&format!("{started}{told}{moved}"));
    let ends = end.replace(":1}", ":2}");
    shown(&format!("{started}{told}{ends}"));
}

#[test]
fn the_limit_that_a_run_tells_is_known() {
    let lines = |overdraft: &str| {
        format!(
            "{{\"v\":1,\"type\":\"run_started\",\"balance\":\"1.00\",\"account\":\"a\",\"overdraft\":\"{overdraft}\"}}\n\
             {{\"v\":1,\"type\":\"completed\",\"op\":\"withdraw\",\"account\":\"a\",\"amount\":\"5.00\",\"balance\":\"-4.00\"}}\n"
        )
    };
    let right = feed(&["check", "-"], lines("4.00"));
    assert_eq!(right.code(), 0, "{right:?}");
    let open = feed(&["check", "-"], lines("3.99"));
    assert_eq!(open.code(), 9, "{open:?}");
    assert!(open.stdout.contains("as 1 answer says"), "{open:?}");
}

#[test]
fn a_run_that_was_killed_and_continued_is_no_contradiction() {
    let (ledger, recordings) = (Ledger::new(), Recordings::new());
    let script = format!(
        "cd {}; bank-par deposit 100 --events before > /dev/null
         seq 12 | sed 's/.*/{{\"op\":\"withdraw\",\"amount\":5,\"id\":\"k&\"}}/' > ops
         mkfifo started go
         bank-par parallel ops --jobs 1 --run n --events run -- sh -c '
            [ $BANK_PAR_ID = k5 ] && echo >> started && read _ < go; true' > /dev/null &
         read _ < started; until grep -q '\"held\",\"id\":\"k5\"' run; do sleep 0.01; done
         kill -9 $!; wait $! 2> /dev/null
         bank-par parallel ops --run n --events run --in-doubt retry -- true > /dev/null
         bank-par withdraw 1 --events after -- true
         bank-par void k1 --output json > voided
         for shell in 1 2 3 4 5 6 7 8; do
            (bank-par withdraw 1 --events after$shell -- true; bank-par deposit 2 --events after$shell > /dev/null) &
         done; wait",
        recordings.0.path().display()
    );
    let run = ledger.script(&script);
    let mut names = vec!["before".to_string(), "run".to_string(), "after".to_string()];
    names.push("voided".to_string());
    names.extend((1..=8).map(|shell| format!("after{shell}")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = fs::read_to_string(recordings.path("run")).unwrap();
    assert_eq!(
        text.matches("\"run_started\"").count(),
        2,
        "{run:?}\n{text}"
    );
    let checked = recordings.check(&names, 0);
    assert!(checked["unanswered"].as_u64() > Some(0), "{checked}");
}
