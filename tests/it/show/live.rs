//! Pictures of a run when it ends.

use std::fs;

use rexpect::session::spawn_command;

use super::{Documents, refused};
use crate::cli::{feed, program, run};
use crate::ledger::at_once;

const QUICK: [&str; 3] = ["parallel", "--time-scale", "0.01"];

fn quick(flags: &[&str]) -> Vec<String> {
    let words = QUICK.iter().chain(flags);
    words.map(|word| (*word).to_string()).collect()
}

#[track_caller]
fn said(flags: &[&str]) -> String {
    let words = quick(flags);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(&words).expect(0).stdout
}

#[test]
fn a_timeline_follows_the_summary_where_it_is_asked_for() {
    let (without, with) = (said(&[]), said(&["--timeline", "always"]));
    assert!(!without.contains("posted"), "{without}");
    let (summary, drawn) = with.split_once("\n\nparallel, process ").expect(&with);
    assert!(summary.contains("5 operations: 5 completed"), "{summary}");
    for lane in ["1 withdraw $100.00", "5 balance"] {
        assert!(drawn.contains(lane), "{drawn}");
    }
    assert!(
        drawn.contains("; p posted; v viewed; | process ends"),
        "{drawn}"
    );
    assert!(!said(&["--timeline", "never"]).contains("p posted"));
}

#[test]
fn the_lesson_shows_whose_update_was_lost() {
    let words = [
        "server-share",
        "--sync",
        "none",
        "--op",
        "withdraw",
        "--op",
        "deposit",
        "--op",
        "deposit",
        "--time-scale",
        "0.25",
        "--timeline",
        "always",
    ];
    let shown = run(&words).expect(3).stdout;
    // Where the machine stands still, one of three may be alone, and not the other two.
    for account in ["main", "@world"] {
        let lost = ["1 update of NAME was lost", "2 updates of NAME were lost"];
        let is_told = |words: &str| shown.contains(&words.replace("NAME", account));
        assert!(lost.into_iter().any(is_told), "{account}: {shown}");
    }
    for words in ["reads main $1000.00, @world -$1000.00", "LOST on main"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn documents_are_written_when_the_run_ends() {
    let documents = Documents::new();
    let (trace, page) = (documents.name("t.json"), documents.name("r.html"));
    let text = said(&["--trace", &trace, "--report", &page]);
    assert!(
        !text.contains("p posted"),
        "a timeline that is not asked for: {text}"
    );
    let read: serde_json::Value = serde_json::from_str(&documents.read("t.json")).unwrap();
    let events = read["traceEvents"].as_array().unwrap();
    let count = |field: &str, value: &str| {
        let events = events.iter();
        events.filter(|event| event[field] == value).count()
    };
    assert_eq!(count("name", "work"), 4);
    // Four operations are begun and posted, and one is looked at: nine requests and nine replies.
    assert_eq!([count("ph", "s"), count("ph", "f")], [18, 18]);
    assert!(documents.read("r.html").ends_with("</html>\n"));
}

#[test]
fn what_cannot_be_drawn_is_told_before_anything_is_done() {
    let documents = Documents::new();
    fs::write(documents.path("notes"), "mine").unwrap();
    let ops = "{\"op\":\"deposit\",\"amount\":1}\n";
    let (ledger, notes) = (documents.name("bank.db"), documents.name("notes"));
    let nowhere = documents.name("no/such/folder.html");
    for (flags, why) in [
        (["--report", notes.as_str()], "was left as it is"),
        (["--trace", &ledger], "is the ledger `"),
        (["--report", &nowhere], "cannot write `"),
    ] {
        let words = [&["parallel", "-", "--ledger", &ledger][..], &flags].concat();
        refused(feed(&words, ops), why);
        assert!(!documents.path("bank.db").exists(), "{flags:?}");
    }
    let both = ["parallel", "--timeline", "always", "--output", "json"];
    refused(run(&both), "stdout takes the events or the timeline");
    assert_eq!(documents.read("notes"), "mine");
}

/// What a terminal of this width shows.
fn on_terminal(width: u16) -> String {
    let mut bash = std::process::Command::new("bash");
    bash.args(["--norc", "--noprofile", "-i"])
        .env("PS1", "ready> ")
        .env("LC_ALL", "C.UTF-8");
    let mut shell = spawn_command(bash, Some(60_000)).unwrap();
    shell.process_mut().set_kill_timeout(Some(1));
    shell.exp_string("ready> ").unwrap();
    shell
        .send_line(&format!("stty -echo cols {width}"))
        .unwrap();
    shell.exp_string("ready> ").unwrap();
    let program = program(&[]).get_program().to_str().unwrap().to_string();
    shell
        .send_line(&format!("{program} parallel --time-scale 0.3"))
        .unwrap();
    let shown = shell.exp_string("ready> ").unwrap();
    // Each byte is seen as a letter.
    let bytes = shown
        .chars()
        .map(|byte| u8::try_from(u32::from(byte)).unwrap())
        .collect();
    String::from_utf8(bytes).unwrap()
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_terminal_shows_a_handful_in_its_width() {
    at_once(3, |place| {
        let width = [40, 80, 200][place];
        let shown = on_terminal(width);
        let (_, drawn) = shown.split_once("\nparallel, process ").expect(&shown);
        let works = |line: &str| line.starts_with(" 3 transfer") && line.contains('━');
        assert!(drawn.lines().any(works), "{drawn}");
        for line in drawn.lines() {
            assert!(
                line.chars().count() <= usize::from(width),
                "{width}: `{line}`"
            );
        }
    });
}

#[test]
fn many_operations_are_drawn_only_where_they_are_asked_for() {
    let ops = "{\"op\":\"deposit\",\"amount\":1}\n".repeat(60);
    let shown = feed(&["parallel", "-", "--timeline", "always"], ops)
        .expect(0)
        .stdout;
    assert!(
        shown.contains("note: the first 40 operations are drawn, and 20 are not"),
        "{shown}"
    );
}
