//! `show`: recordings as pictures.

#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::{Run, feed, run};

/// A recording that is kept with the tests.
fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    path.join(name).to_str().unwrap().to_string()
}

/// A folder for documents.
struct Documents(tempfile::TempDir);

impl Documents {
    fn new() -> Self {
        Documents(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_string()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// The run, which must have been refused for this reason.
#[track_caller]
fn refused(run: Run, why: &str) {
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(run.stderr.contains(why), "{run:?}");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_recorded_run_is_drawn_later() {
    let documents = Documents::new();
    let events = documents.name("events.jsonl");
    run(&["parallel", "--time-scale", "0.01", "--events", &events]).expect(0);
    let shown = run(&["show", &events]).expect(0).stdout;
    assert!(shown.starts_with("parallel, "), "{shown}");
    for lane in ["withdraw", "deposit ", "transfer", "loan    ", "balance"] {
        let lanes = shown
            .lines()
            .filter(|line| line.contains(&format!(" {lane}")));
        assert_eq!(lanes.count(), 1, "{lane}: {shown}");
    }
    assert_eq!(
        run(&["show", &events, "--timeline"]).expect(0).stdout,
        shown
    );
    let from_stdin = feed(&["show", "-"], fs::read(&events).unwrap())
        .expect(0)
        .stdout;
    assert_eq!(from_stdin.replace("(-)", &format!("({events})")), shown);
}

#[test]
fn recordings_of_several_parents_are_one_picture() {
    let files = [recording("first.jsonl"), recording("second.jsonl")];
    let arguments = ["show", &files[0], &files[1], "--width", "100", "--ascii"];
    let shown = run(&arguments).expect(0).stdout;
    assert!(
        shown.contains("run 2: parallel, on bank.db, process 2000"),
        "{shown}"
    );
    assert!(shown.is_ascii());
}

#[test]
fn documents_are_written_and_only_own_ones_replaced() {
    let documents = Documents::new();
    let lesson = recording("lesson.jsonl");
    for (flag, name) in [
        ("--trace", "t.json"),
        ("--report", "r.html"),
        ("--csv", "o.csv"),
    ] {
        let path = documents.name(name);
        let shown = run(&["show", &lesson, flag, &path]).expect(0);
        assert_eq!(shown.stdout, "", "a picture that is not asked for");
        let first = documents.read(name);
        run(&["show", &recording("first.jsonl"), flag, &path]).expect(0);
        assert_ne!(documents.read(name), first);
        fs::write(documents.path("notes"), "mine").unwrap();
        let notes = documents.name("notes");
        refused(run(&["show", &lesson, flag, &notes]), "was left as it is");
        assert_eq!(documents.read("notes"), "mine");
    }
    let files = fs::read_dir(documents.0.path()).unwrap().count();
    assert_eq!(files, 4, "something was left beside the documents");
}

#[test]
fn no_document_replaces_a_recording() {
    let documents = Documents::new();
    fs::copy(recording("lesson.jsonl"), documents.path("e.jsonl")).unwrap();
    std::os::unix::fs::symlink("e.jsonl", documents.path("link")).unwrap();
    let (events, link) = (documents.name("e.jsonl"), documents.name("link"));
    let before = documents.read("e.jsonl");
    for path in [&events, &link] {
        refused(run(&["show", &events, "--csv", path]), "is the input `");
    }
    let run = feed(&["show", "-", "--trace", "/"], before.clone());
    refused(run, "is a directory");
    assert_eq!(documents.read("e.jsonl"), before);
}

#[test]
fn a_trace_has_the_recorded_processes() {
    let documents = Documents::new();
    let path = documents.name("trace.json");
    run(&["show", &recording("lesson.jsonl"), "--trace", &path]).expect(0);
    let trace: Value = serde_json::from_str(&documents.read("trace.json")).unwrap();
    let names = trace["traceEvents"].as_array().unwrap().iter();
    let names = names.filter(|event| event["name"] == "process_name");
    let pids: Vec<u64> = names.map(|event| event["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids, [4000, 4001, 4002, 4003, 4004, 4005]);
}

#[test]
fn a_table_has_a_line_for_each_operation() {
    let documents = Documents::new();
    let path = documents.name("operations.csv");
    run(&["show", &recording("first.jsonl"), "--csv", &path]).expect(0);
    let table = documents.read("operations.csv");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    let columns: Vec<usize> = lines.iter().map(|line| line.split(',').count()).collect();
    assert_eq!(columns, [23; 4], "{table}");
    let first =
        "1,parallel,1,1,1001,withdraw,main,,5.00,,1,10,44000,286000,340000,339990,completed,";
    assert!(lines[1].starts_with(first), "{table}");
}

#[test]
fn what_is_no_recording_is_refused() {
    let documents = Documents::new();
    fs::write(documents.path("notes"), "buy milk\n").unwrap();
    fs::write(documents.path("empty"), "").unwrap();
    let named = |name: &str| documents.name(name);
    refused(run(&["show", &named("notes")]), "is no recording of events");
    refused(run(&["show", &named("empty")]), "has no events");
    refused(run(&["show", &named("nowhere")]), "cannot read `");
    refused(run(&["show", &named("")]), "cannot draw `");
}

#[test]
fn two_outputs_are_two_files() {
    let documents = Documents::new();
    let (file, other, link) = (
        documents.name("file"),
        documents.name("other"),
        documents.name("link"),
    );
    let lesson = recording("lesson.jsonl");
    for (one, next) in [
        ("--trace", "--report"),
        ("--report", "--csv"),
        ("--trace", "--csv"),
    ] {
        let shown = run(&["show", &lesson, one, &file, next, &file]);
        refused(shown, &format!("is where `{one}` writes, which"));
    }
    for (one, next) in [
        ("--trace", "--report"),
        ("--events", "--trace"),
        ("--events", "--report"),
    ] {
        let started = run(&["parallel", "--time-scale", "0", one, &file, next, &file]);
        refused(started, &format!("is where `{one}` writes, which"));
    }
    assert_eq!(fs::read_dir(documents.0.path()).unwrap().count(), 0);
    for file in [&file, &other] {
        fs::write(file, "").unwrap();
    }
    fs::hard_link(&file, &link).unwrap();
    let named_twice = ["parallel", "--events", &file, "--report", &link];
    refused(run(&named_twice), "is where `--events` writes, which");
    let of_shell = format!("parallel --time-scale 0 --events fd:3 --report {link} 3>>{file}");
    let program = env!("CARGO_BIN_EXE_bank-par");
    let script = std::process::Command::new("sh")
        .args(["-c", &format!("{program} {of_shell}")])
        .output();
    let script = script.unwrap();
    assert_eq!(script.status.code(), Some(2), "{script:?}");
    run(&["show", &lesson, "--trace", &file, "--report", &other]).expect(0);
}

#[test]
fn no_document_is_written_to_a_stream() {
    let documents = Documents::new();
    let lesson = recording("lesson.jsonl");
    for name in ["-", "fd:1", "fd:x"] {
        for flag in ["--trace", "--report", "--csv"] {
            let shown = run(&["show", &lesson, flag, name]);
            refused(shown, &format!("(one of that name is `./{name}`)"));
        }
        for flag in ["--trace", "--report"] {
            let started = run(&["parallel", "--time-scale", "0", flag, name]);
            refused(started, "written to a file, and to no stream");
        }
    }
    let path = documents.path("-");
    run(&["show", &lesson, "--csv", path.to_str().unwrap()]).expect(0);
}

#[test]
fn a_refused_race_leaves_no_recording() {
    let documents = Documents::new();
    let events = documents.name("events.jsonl");
    for arguments in [
        &["--rounds", "1000000"][..],
        &["--rounds", "0"],
        &["--threads", "0"],
    ] {
        let started = run(&[&["sync", "--events", &events][..], arguments].concat());
        assert_eq!(started.code(), 2, "{started:?}");
        assert!(!documents.path("events.jsonl").exists(), "{arguments:?}");
    }
}

#[test]
fn a_damaged_line_is_named_and_what_is_wrong_with_it() {
    let documents = Documents::new();
    let good = fs::read_to_string(recording("first.jsonl")).unwrap();
    let (first, rest) = good.split_once('\n').unwrap();
    let shown = |text: &str| {
        fs::write(documents.path("events.jsonl"), text).unwrap();
        run(&["show", &documents.name("events.jsonl")])
    };
    for (damaged, why) in [
        (
            format!("\u{feff}{good}"),
            "line 1 begins with a byte order mark",
        ),
        (first[..40].to_string(), "line 1 was cut off"),
        (
            good.replacen("{\"v\": 1,", "{", 1),
            "line 1: missing field `v`",
        ),
        (
            good.replacen("{\"v\": 1,", "{\"v\": 1, \"v\": 1,", 1),
            "line 1: duplicate field `v`",
        ),
    ] {
        refused(shown(&damaged), &format!("events.jsonl`: {why}"));
    }
    let event = rest.lines().next().unwrap();
    let without = event.replacen("\"v\": 1,", "", 1);
    let later = shown(&format!("{good}{without}\n{without}\n{}", &event[..20]));
    let later = later.expect(0).stdout.replace('\n', " ");
    let words: Vec<&str> = later.split_whitespace().collect();
    let later = words.join(" ");
    let number = good.lines().count() + 1;
    for note in [
        &format!("events.jsonl`, line {number}: missing field `v`"),
        "the line is not drawn, and 1 other line is damaged",
        "1 line is no whole event",
    ] {
        assert!(later.contains(note), "{note}: {later}");
    }
}

#[test]
fn the_table_of_killed_holders_is_told_from_a_file_without_events() {
    let documents = Documents::new();
    let line = r#"{"v":1,"type":"holder_killed","mode":"shared-memory","sync":"mutex","before":"write","completed":0,"gave_up":4,"counts":false,"wrong_accounts":0,"stays_locked":true,"elapsed_us":1}"#;
    fs::write(documents.path("table.jsonl"), format!("{line}\n")).unwrap();
    let shown = run(&["show", &documents.name("table.jsonl")]);
    refused(shown, "has the table of `--kill-holder` and no run to draw");
}
