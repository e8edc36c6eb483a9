//! `compare`: what it measures of the real program. No test looks at a time: a machine may be busy.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;

use crate::browser::complaints;
use crate::cli::{Written, run};
use crate::process::{Process, Program, until};

/// The figures of a comparison, behind its first line.
fn figures(arguments: &[&str]) -> Vec<Value> {
    let run = run(&[&["compare", "--output", "json"], arguments].concat()).expect(0);
    let comparison = &run.of("comparison")[0];
    let figures = run.of("figure");
    assert_eq!(comparison["figures"], figures.len());
    figures
}

fn of<'a>(figures: &'a [Value], way: &str) -> Vec<&'a Value> {
    let found: Vec<&Value> = figures
        .iter()
        .filter(|figure| figure["way"] == way)
        .collect();
    assert!(!found.is_empty(), "no `{way}`");
    found
}

#[test]
#[ignore = "slow: measures for seconds"]
fn updates_are_lost_where_nothing_keeps_others_out_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let arguments = ["--quick", "--only", "sharing", "--workers", "4", "--report"];
    let figures = figures(&[&arguments[..], &[page.to_str().unwrap()]].concat());
    // What is wrong stands out on the page, and everyone can read that.
    assert!(fs::read_to_string(&page).unwrap().contains(" LOST"));
    assert_eq!(complaints(&page), Vec::<String>::new());
    let lost = |figure: &Value| figure["lost_updates"].as_u64().unwrap();
    let mut racy = 0;
    for figure in figures.iter().filter(|figure| figure["is_limit"] == false) {
        let samples = figure["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 1);
        let [operations, off_by] = ["operations", "off_by"].map(|name| &samples[0][name]);
        assert!(operations.as_u64() > Some(0), "{figure:#}");
        if figure["sync"] == "none" && figure["workers"] == 4 {
            racy += lost(figure);
        } else {
            assert_eq!(lost(figure), 0, "{figure:#}");
            assert_eq!(figure["balance_is_right"], true, "{figure:#}");
        }
        // Each of the deposits is the smallest there is, so the money tells how many of them are gone.
        let cents: u64 = off_by.as_str().unwrap().replace('.', "").parse().unwrap();
        assert_eq!(cents, lost(figure), "{figure:#}");
        assert!(figure["limit_per_second"].as_u64() > Some(0), "{figure:#}");
    }
    assert!(racy > 0, "{figures:#?}");
    for (way, ways) in [("sync", 8), ("shared-memory", 9), ("server-share", 3)] {
        assert_eq!(of(&figures, way).len(), 2 * ways, "{way}");
    }
    for way in ["parallel", "queue", "pipe"] {
        let in_flight: Vec<&Value> = of(&figures, way)
            .iter()
            .map(|one| &one["in_flight"])
            .collect();
        assert_eq!(in_flight, [1, 64, 1, 64], "{way}");
    }
}

#[test]
#[ignore = "slow: measures for seconds"]
fn the_operations_of_a_workload_are_run_again_and_again() {
    let workload = Written::new(
        "ops.jsonl",
        concat!(
            r#"{"op":"deposit","amount":"5","id":"a"}"#,
            "\n",
            r#"{"op":"deposit","amount":"1","account":"ops"}"#,
            "\n",
        ),
    );
    let figures = figures(&[
        workload.path(),
        "--each",
        "1ms",
        "--rounds",
        "2",
        "--only",
        "sharing",
        "--pin",
        "one-core",
    ]);
    // Threads have one balance, and these operations have two.
    assert!(figures.iter().all(|figure| figure["way"] != "sync"));
    for figure in of(&figures, "parallel") {
        assert_eq!(figure["samples"].as_array().unwrap().len(), 2);
        assert_eq!(figure["balance_is_right"], true, "{figure:#}");
    }
    let odd = Written::new("odd.jsonl", r#"{"op":"deposit"}"#);
    let refused = run(&["compare", odd.path()]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("line 1 is invalid"), "{refused:?}");
    let idle = Written::new("idle.jsonl", r#"{"op":"balance"}"#);
    let refused = run(&["compare", idle.path()]);
    assert!(refused.stderr.contains("moves money"), "{refused:?}");
}

#[test]
#[ignore = "slow: measures for seconds"]
fn links_and_starts_are_held_against_their_limits() {
    let parts = ["--only", "links", "--only", "processes", "--size", "100"];
    let figures = figures(&[&["--quick", "--pin", "spread"][..], &parts].concat());
    for (way, limit) in [
        ("link of parallel", "raw socket"),
        ("link of queue", "raw socket"),
        ("link of pipe", "raw pipes"),
        ("parallel", "empty process"),
        ("queue", "empty process"),
        ("pipe", "empty process"),
    ] {
        for figure in of(&figures, way) {
            assert_eq!(figure["limit"], limit);
            // On a busy machine it may be less than a thousandth.
            assert!(figure["of_limit"].as_f64() >= Some(0.0), "{figure:#}");
            assert!(figure["per_second"].as_u64() > Some(0), "{figure:#}");
            assert!(figure.get("lost_updates").is_none());
        }
        for figure in of(&figures, limit) {
            assert_eq!(figure["is_limit"], true);
            assert!(figure["per_second"].as_u64() > Some(0));
        }
    }
    for figure in of(&figures, "raw socket") {
        let [p50, p99] = ["p50_ns", "p99_ns"].map(|name| figure[name].as_u64().unwrap());
        assert!(0 < p50 && p50 <= p99, "{figure:#}");
        assert_eq!(figure["bytes"], 100);
    }
    of(&figures, "raw memory, spinning");
    of(&figures, "raw memory, futex");
}

#[test]
fn what_lasts_is_measured_in_a_folder_that_is_clean_again() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let dir = folder.path().join("files");
    fs::create_dir(&dir).unwrap();
    let [dir_name, page_name] = [&dir, &page].map(|path| path.to_str().unwrap());
    let all = run(&[
        "compare", "--quick", "--only", "durable", "--dir", dir_name, "--report", page_name,
        "--output", "markdown",
    ])
    .expect(0);
    assert!(
        all.stdout
            .contains("| parallel --ledger FILE, 64 under way |"),
        "{all:?}"
    );
    assert!(all.stdout.contains(&format!("files in {dir_name}")));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    let page = fs::read_to_string(&page).unwrap();
    assert!(page.starts_with("<!doctype html>\n<!-- bank-par report -->\n"));
    assert!(page.contains("default-src 'none'") && !page.contains("<script"));
    let missing = run(&["compare", "--dir", &format!("{dir_name}/none")]);
    assert_eq!(missing.code(), 2);
    assert!(missing.stderr.contains("is no folder"), "{missing:?}");
    let kept = folder.path().join("kept.html");
    fs::write(&kept, "mine").unwrap();
    let refused = run(&["compare", "--report", kept.to_str().unwrap()]);
    assert_eq!(
        (refused.code(), fs::read(kept).unwrap()),
        (2, b"mine".to_vec())
    );
}

/// A comparison that would go on for long, once it measures this part.
fn endless(part: &str) -> (Program, Process) {
    let program = Program::start([
        "compare", "--rounds", "1000", "--each", "300ms", "--only", part,
    ]);
    let child = until("a child", || program.process().any_child());
    (program, child)
}

#[test]
#[ignore = "slow: measures for seconds"]
fn an_interrupted_comparison_leaves_nothing_behind() {
    for (part, signal) in [
        ("sharing", Signal::INT),
        ("links", Signal::TERM),
        ("processes", Signal::INT),
        ("durable", Signal::HUP),
    ] {
        let (program, child) = endless(part);
        program.process().signal(signal);
        let ended = program.end();
        assert_eq!(
            ended.status.signal(),
            Some(signal.as_raw()),
            "{part}: {}",
            ended.stderr
        );
        assert_eq!(ended.left, Vec::<PathBuf>::new(), "{part}");
        assert_eq!(ended.events, Vec::<Value>::new(), "{part}");
        child.ended();
    }
}

#[test]
fn the_children_of_a_killed_comparison_end_too() {
    for part in ["links", "durable"] {
        let (program, child) = endless(part);
        program.process().kill();
        child.ended();
    }
}
