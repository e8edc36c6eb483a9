//! Runs that have a name: killed anywhere and repeated, they do every line exactly once.

use std::collections::BTreeMap;
use std::fmt::Write;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{Run, Running, feed, json_feed, program, run};
use crate::ledger::create;

/// A ledger in a folder of its own, beside an input.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk { folder };
        create(&desk.path("bank.db"));
        desk.write(input);
        desk
    }

    fn write(&self, input: &str) {
        std::fs::write(self.path("payouts.jsonl"), input).unwrap();
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().unwrap().to_string()
    }

    /// The words that begin the run and go on with it.
    fn words(&self, more: &[&str]) -> Vec<String> {
        let (input, ledger) = (self.path("payouts.jsonl"), self.path("bank.db"));
        let words = ["parallel", &input, "--ledger", &ledger, "--run", "november"];
        let words = words.iter().chain(&["--output", "json"]).chain(more);
        words.map(|word| word.to_string()).collect()
    }

    fn start(&self, more: &[&str]) -> Running {
        Running::start(program(&strs(&self.words(more))))
    }

    fn run(&self, more: &[&str]) -> Run {
        run(&strs(&self.words(more)))
    }

    /// The same run with this on stdin.
    fn feed(&self, input: &str) -> Run {
        let mut words = self.words(&[]);
        words[1] = "-".to_string();
        feed(&strs(&words), input)
    }

    /// What operations without a run come to.
    fn ask(&self, lines: &str) -> Vec<Value> {
        let ledger = self.path("bank.db");
        let asked = json_feed("parallel", &["--ledger", &ledger, "--jobs", "1"], lines);
        let mut events = asked.events();
        events.retain(|event| event["type"] != "summary");
        events
    }

    /// The balance of the main account, what of it is available, and the number of the last entry.
    fn balance(&self) -> (Value, Value, Value) {
        let mut view = self.ask("{\"op\":\"balance\"}\n").remove(0);
        let mut field = |name| view[name].take();
        (field("balance"), field("available"), field("seq"))
    }

    /// Starts the run again and again, each time killing it after it has told so many lines, then lets
    /// it end. What it told before it was killed must still be so at its end.
    fn kill_and_repeat(&self, more: &[&str], tellings: &[usize]) -> Run {
        let mut told: BTreeMap<u64, Value> = BTreeMap::new();
        let mut note = |event: &Value| {
            if event["type"] == "completed" {
                let line = event["line"].as_u64().unwrap();
                let seq = &event["seq"];
                assert_eq!(told.entry(line).or_insert(seq.clone()), seq, "line {line}");
            }
        };
        for count in tellings {
            let mut running = self.start(more);
            for _ in 0..*count {
                match running.hear().as_str() {
                    "" => break,
                    line => note(&serde_json::from_str(line).unwrap()),
                }
            }
            running.kill();
            running.finish();
        }
        let last = self.run(more).expect(0);
        last.of("completed").iter().for_each(note);
        last
    }
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// A command line of words that need no quotes.
fn program_words(words: &[String]) -> String {
    format!("{} {}", env!("CARGO_BIN_EXE_bank-par"), words.join(" "))
}

fn deposits(count: u32) -> String {
    (1..=count).fold(String::new(), |mut lines, amount| {
        writeln!(lines, "{{\"op\":\"deposit\",\"amount\":{amount}}}").unwrap();
        lines
    })
}

/// The type of each event, with its line and whether it was done before.
fn what(run: &Run) -> Value {
    let mut events = run.events();
    events.retain(|event| event["type"] != "summary");
    let what = |event: &Value| json!([event["type"], event["line"], event["duplicate"] == true]);
    events.iter().map(what).collect()
}

/// Kills the run at these places and checks that in the end every line was posted exactly once.
#[track_caller]
fn check_killed(count: u32, more: &[&str], tellings: &[usize]) {
    let desk = Desk::new(&deposits(count));
    let last = desk.kill_and_repeat(more, tellings);
    let mut lines: Vec<u64> = last
        .of("completed")
        .iter()
        .map(|event| event["line"].as_u64().unwrap())
        .collect();
    lines.sort_unstable();
    assert!(lines.iter().copied().eq(1..=u64::from(count)), "{lines:?}");
    let sum = json!(format!("{}.00", count * (count + 1) / 2));
    let all = (sum.clone(), sum, json!(count));
    assert_eq!(desk.balance(), all, "{more:?}");

    let again = desk.run(more).expect(0).summary();
    let field = |name: &str| again[name].as_u64().unwrap();
    let count = u64::from(count);
    assert_eq!(
        (field("completed"), field("duplicates"), field("processes")),
        (count, count, 0)
    );
    assert_eq!(desk.balance(), all, "{more:?}");
}

#[test]
fn killed_and_repeated_every_line_is_posted_once() {
    check_killed(40, &["--jobs", "1"], &[0, 1, 5, 20, 39]);
    check_killed(60, &["--jobs", "4"], &[0, 3, 10, 30, 59]);
}

#[test]
fn killed_and_repeated_with_workers_that_stay_every_line_is_posted_once() {
    let pooled = ["--jobs", "2", "--ops-per-worker", "0"];
    check_killed(5_000, &pooled, &[0, 1, 700, 1_500, 4_000]);
}

#[test]
fn what_was_under_way_is_given_back_and_run() {
    let work = ["--jobs", "4", "--time-scale", "0.01"];
    check_killed(12, &work, &[1, 2, 6, 10, 20, 30]);
}

#[test]
fn a_change_ends_the_run_before_anything_of_it_is_run() {
    let check = |now: &str, telling: &str| {
        let desk = Desk::new(&deposits(3));
        desk.run(&[]).expect(0);
        desk.write(now);
        let changed = desk.run(&[]);
        assert_eq!(changed.code(), 2, "{changed:?}");
        assert!(changed.stderr.contains(telling), "{changed:?}");
        let completed = changed.of("completed");
        assert!(completed.iter().all(|event| event["duplicate"] == true));
        assert_eq!(desk.balance().2, 3);
        // The way out: the input as it was, and what is new at its end.
        desk.write(&deposits(4));
        let run = desk.run(&[]).expect(0);
        assert_eq!(run.summary()["duplicates"], 3);
        assert_eq!(desk.balance(), (json!("10.00"), json!("10.00"), json!(4)));
    };
    let lines = deposits(3);
    check(&lines.replace(":2}", ":9}"), "line 2 has changed");
    check(
        &format!("{{\"op\":\"balance\"}}\n{lines}"),
        "line 1 has changed",
    );
    check(&deposits(2), "the input ends before line 3");
    check("", "the input ends before line 1");
    check(&lines.replace(":3}", "}"), "line 3 has changed");
}

#[test]
fn it_works_on_stdin_and_with_lines_that_come_later() {
    let desk = Desk::new("");
    desk.feed(&deposits(2)).expect(0);
    let more = desk.feed(&deposits(3)).expect(0);
    let expected = json!([
        ["completed", 1, true],
        ["completed", 2, true],
        ["completed", 3, false],
    ]);
    assert_eq!(what(&more), expected);
    assert_eq!(more.summary()["processes"], 1);
    for event in &more.events()[..2] {
        assert_eq!(
            (&event["worker"], &event["pid"]),
            (&Value::Null, &Value::Null)
        );
    }
    // The same lines are the same run wherever they come from, and others' runs know nothing of them.
    desk.write(&deposits(3));
    assert_eq!(desk.run(&[]).expect(0).summary()["duplicates"], 3);
    let mut words = desk.words(&[]);
    words[5] = "december".to_string();
    assert_eq!(run(&strs(&words)).expect(0).summary()["duplicates"], 0);
    assert_eq!(desk.balance().2, 6);
}

#[test]
#[ignore = "slow: a run that is going on is waited for before it is refused"]
fn one_process_at_a_time_works_on_a_run() {
    let desk = Desk::new("");
    let mut words = desk.words(&[]);
    words[1] = "-".to_string();
    let mut first = Running::start(program(&strs(&words)));
    first.say("{\"op\":\"deposit\",\"amount\":1}");
    assert_eq!(first.hear_event()["type"], "completed");
    let second = desk.run(&[]);
    assert_eq!(
        (second.code(), second.stdout.as_str()),
        (8, ""),
        "{second:?}"
    );
    let telling = "the run `november` of the ledger";
    assert!(second.stderr.contains(telling), "{second:?}");
    first.finish().expect(0);
    desk.write(&deposits(1));
    assert_eq!(
        what(&desk.run(&[]).expect(0)),
        json!([["completed", 1, true]])
    );
}

#[test]
fn a_refusal_is_told_again_until_it_is_to_be_retried() {
    let desk = Desk::new(
        "{\"op\":\"withdraw\",\"amount\":5}\n{\"op\":\"withdraw\",\"amount\":6,\"id\":\"six\"}\n",
    );
    let told = |duplicate| json!([["refused", 1, duplicate], ["refused", 2, duplicate]]);
    assert_eq!(what(&desk.run(&["--jobs", "1"]).expect(1)), told(false));
    desk.ask("{\"op\":\"deposit\",\"amount\":100}\n");
    let again = desk.run(&[]).expect(1);
    assert_eq!(what(&again), told(true));
    assert_eq!(again.summary()["processes"], 0);
    let retried = desk.run(&["--retry-refused", "--jobs", "1"]).expect(0);
    let done = |duplicate| json!([["completed", 1, duplicate], ["completed", 2, duplicate]]);
    assert_eq!(what(&retried), done(false));
    assert_eq!(what(&desk.run(&["--retry-refused"]).expect(0)), done(true));
    assert_eq!(desk.balance().0, "89.00");
}

#[test]
fn a_line_whose_id_was_posted_elsewhere_is_a_duplicate() {
    let line = "{\"op\":\"deposit\",\"amount\":5,\"id\":\"x\"}\n";
    let desk = Desk::new(line);
    let elsewhere = desk.ask(line);
    let run = desk.run(&[]).expect(0);
    assert_eq!(what(&run), json!([["completed", 1, true]]));
    assert_eq!(run.events()[0]["seq"], elsewhere[0]["seq"]);
    assert_eq!(desk.balance().0, "5.00");
}

#[test]
fn a_run_that_ended_early_says_how_to_go_on() {
    let desk = Desk::new(&deposits(3));
    let mut words = desk.words(&[]);
    words[1] = "-".to_string();
    let mut running = Running::start(program(&strs(&words)));
    running.say(deposits(1).trim_end());
    assert_eq!(running.hear_event()["type"], "completed");
    let pid = Pid::from_raw(running.pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    // Its stdin is still open, so there may be more to do.
    assert_eq!(running.hear_event()["type"], "summary");
    let run = running.finish();
    let start = "to go on, with the same input from its beginning: ";
    assert!(run.stderr.contains(start), "{run:?}");
    assert!(
        run.stderr.ends_with(&format!("{}\n", words.join(" "))),
        "{run:?}"
    );
    assert_eq!(desk.run(&[]).expect(0).summary()["duplicates"], 1);
    assert_eq!(desk.balance().2, 3);
}

#[test]
fn a_line_whose_worker_died_is_done_when_the_run_is_repeated() {
    let view = "{\"op\":\"balance\"}\n";
    let desk = Desk::new(&format!("{}{view}{view}", deposits(1)));
    desk.ask(&deposits(1));
    // The first line's work takes half an hour, a view takes no time.
    let work = ["--jobs", "1", "--time-scale", "1000"];
    let mut running = desk.start(&work);
    let started = running.hear_event();
    assert_eq!(started["type"], "started");
    let worker = started["pid"].as_i64().unwrap();
    let worker = Pid::from_raw(worker.try_into().unwrap()).unwrap();
    kill_process(worker, Signal::KILL).unwrap();
    let run = running.finish();
    assert_eq!(run.code(), 7, "{run:?}");
    let words = format!("to go on: {}", program_words(&desk.words(&work)));
    assert!(run.stderr.contains(&words), "{run:?}");
    let mut again = what(&desk.run(&[]).expect(0));
    let by_line = |event: &Value| event[1].as_u64();
    again.as_array_mut().unwrap().sort_by_key(by_line);
    let expected = json!([
        ["completed", 1, false],
        ["completed", 2, true],
        ["completed", 3, true],
    ]);
    assert_eq!(again, expected);
    assert_eq!(desk.balance().2, 2);
}

#[test]
fn a_csv_is_lines_too() {
    let desk = Desk::new("");
    let header = "op,amount\n";
    let first = format!("{header}deposit,1\n");
    desk.feed(&first).expect(0);
    let run = desk.feed(&format!("{first}deposit,2\n")).expect(0);
    let expected = json!([["completed", 2, true], ["completed", 3, false]]);
    assert_eq!(what(&run), expected);
    // Another header makes other operations of the same lines.
    let other = desk.feed("op,amount,id\ndeposit,1,a\n");
    assert_eq!(other.code(), 2, "{other:?}");
    let telling = "`standard input`: line 2 has changed";
    assert!(other.stderr.contains(telling), "{other:?}");
    assert_eq!(desk.balance().2, 2);
}

#[test]
fn a_csv_that_was_cut_off_is_noticed_and_goes_on_once_it_is_whole() {
    let desk = Desk::new("");
    let cut = "op,amount\ndeposit,1\ndeposit,2";
    let piped = desk.feed(cut);
    assert_eq!(piped.of("completed").len(), 2, "{piped:?}");
    let told = "`standard input` ends without a newline: line 3 is taken as whole, `deposit,2`";
    assert!(piped.stderr.contains(told), "{piped:?}");
    // What was done of it is known to be the same, and another line is told.
    desk.feed(cut).expect(0);
    let longer = desk.feed(&format!("{cut}50\n"));
    assert_eq!(longer.code(), 2, "{longer:?}");
    assert!(longer.stderr.contains("line 3 has changed"), "{longer:?}");
}

#[test]
fn a_name_needs_lines_and_a_ledger_that_lasts() {
    let desk = Desk::new(&deposits(1));
    let (input, ledger) = (desk.path("payouts.jsonl"), desk.path("bank.db"));
    let check = |words: &[&str], telling: &str| {
        let refused = run(words);
        assert_eq!(refused.code(), 2, "{refused:?}");
        assert!(refused.stderr.contains(telling), "{refused:?}");
    };
    check(
        &["parallel", &input, "--run", "november"],
        "needs a ledger that remembers it",
    );
    check(
        &[
            "parallel", &input, "--run", "november", "--ledger", "memory",
        ],
        "needs a ledger that remembers it",
    );
    check(
        &["parallel", "--run", "november", "--ledger", &ledger],
        "<FILE>",
    );
    check(
        &["parallel", &input, "--retry-refused", "--ledger", &ledger],
        "--run",
    );
    check(
        &["parallel", &input, "--run", "a b", "--ledger", &ledger],
        "a run's name is",
    );
}
