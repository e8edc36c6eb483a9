//! Each step on the way: processes, requests with their times, what is read and written, and what a person
//! sees of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::{MODES, all_events, feed, run};
use crate::ledger::at_once;

const STEPS: [&str; 9] = [
    "spawned",
    "connected",
    "exited",
    "request",
    "read",
    "wrote",
    "conflict",
    "lease_wait",
    "lease_granted",
];

fn is_step(event: &Value) -> bool {
    STEPS.contains(&event["type"].as_str().unwrap())
}

/// The events of a run that tells every step.
#[track_caller]
fn steps(flags: &[&str]) -> Vec<Value> {
    let more = ["--detail", "steps", "--output", "json"];
    let run = run(&[flags, &more[..]].concat());
    all_events(&run.stdout)
}

/// How many events there are of a type.
fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn every_process_is_told_from_its_start_to_its_end() {
    for mode in MODES {
        let events = steps(&[mode, "--time-scale", "0.001"]);
        for kind in ["spawned", "connected", "exited"] {
            assert_eq!(count(&events, kind), 5, "{mode}: {kind}");
        }
        let mut pids: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for event in events.iter().filter(|event| event["pid"].is_u64()) {
            let pid = event["pid"].as_u64().unwrap();
            pids.entry(pid)
                .or_default()
                .push(event["type"].as_str().unwrap());
        }
        // The parent's own is told once, with the run.
        let workers: Vec<_> = pids.into_values().filter(|of| of[0] == "spawned").collect();
        assert_eq!(workers.len(), 5, "{mode}");
        for of in workers {
            assert_eq!(
                (of[1], of.contains(&"exited")),
                ("connected", true),
                "{of:?}"
            );
        }
    }
}

#[test]
fn a_request_is_told_with_its_times_in_their_order() {
    for mode in ["parallel", "queue", "pipe"] {
        // A view has no work, so it asks once.
        for (scale, asked) in [("0.001", 9), ("0", 5)] {
            let events = steps(&[mode, "--time-scale", scale]);
            assert_eq!(count(&events, "request"), asked, "{mode}");
            for request in events.iter().filter(|event| event["type"] == "request") {
                let times = [
                    "sent_us",
                    "received_us",
                    "decided_us",
                    "answered_us",
                    "returned_us",
                ];
                let times = times.map(|time| request[time].as_u64().unwrap());
                assert!(times.is_sorted(), "{mode}: {request}");
                assert!(request["decided"].as_u64() > Some(0), "{mode}: {request}");
            }
        }
    }
}

#[test]
fn what_was_read_and_written_is_told_with_its_version() {
    let flags = ["server-share", "--time-scale", "0", "--jobs", "1", "--sync"];
    for sync in ["none", "lock", "cas"] {
        let ops = [sync, "--op", "withdraw=100", "--op", "deposit=30"];
        let events = steps(&[&flags[..], &ops].concat());
        let seen: Vec<String> = events
            .iter()
            .filter(|event| event["account"] == "main" && is_step(event))
            .map(|event| {
                format!(
                    "{} {} {} v{}",
                    event["operation"],
                    event["type"].as_str().unwrap(),
                    event["balance"].as_str().unwrap(),
                    event["version"]
                )
            })
            .collect();
        let expected = [
            "1 read 1000.00 v0",
            "1 wrote 900.00 v1",
            "2 read 900.00 v1",
            "2 wrote 930.00 v2",
        ];
        assert_eq!(seen, expected, "{sync}");
    }
}

#[test]
fn waits_and_conflicts_are_told() {
    // Where the machine stands still, one of three may be alone, and not the other two.
    let flags = [
        "server-share",
        "--op",
        "deposit",
        "--op",
        "deposit",
        "--op",
        "deposit",
    ];
    let scale = ["--time-scale", "0.15", "--sync"];
    let [locked, compared] = at_once(2, |case| {
        steps(&[&flags[..], &scale, &[["lock", "cas"][case]]].concat())
    })
    .try_into()
    .unwrap();
    let waits = count(&locked, "lease_wait");
    assert!((1..=2).contains(&waits), "{locked:?}");
    assert_eq!(count(&locked, "lease_granted"), waits);
    // Both sides of the movement were written by another one meanwhile: for one of them at least once.
    let conflicts = count(&compared, "conflict");
    assert!([2, 4, 6].contains(&conflicts), "{compared:?}");
}

#[test]
fn steps_are_told_only_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let events = path.to_str().unwrap();
    let flags = ["parallel", "--time-scale", "0"];
    // Text for a person shows them, and the recording beside it does not.
    let shown = run(&[&flags[..], &["--events", events]].concat()).expect(0);
    assert!(shown.stdout.contains("over its socket"), "{}", shown.stdout);
    let recorded = all_events(&std::fs::read_to_string(&path).unwrap());
    assert!(!recorded.iter().any(is_step));
    let asked = ["--events", events, "--detail", "steps"];
    run(&[&flags[..], &asked].concat()).expect(0);
    let recorded = all_events(&std::fs::read_to_string(&path).unwrap());
    assert!(recorded.iter().any(is_step));
    let json = run(&[&flags[..], &["--output", "json"]].concat());
    assert!(!all_events(&json.stdout).iter().any(is_step));
    let many = "{\"op\":\"deposit\",\"amount\":1}\n";
    let read = feed(&["parallel", "-"], many).expect(0);
    assert!(!read.stdout.contains("over its socket"), "{}", read.stdout);
}

/// What a person sees, with workers by their numbers alone and without times.
fn shown(flags: &[&str]) -> Vec<String> {
    let run = run(flags);
    let line = |line: &str| {
        let line = match line.split_once(" (pid ") {
            Some((start, rest)) => format!("{start}{}", rest.split_once(')').unwrap().1),
            None => line.to_string(),
        };
        let end = [", answered in ", ", after "]
            .iter()
            .find_map(|end| line.find(end));
        end.map_or(line.clone(), |end| line[..end].to_string())
    };
    let lines = run.stdout.lines().take_while(|line| !line.is_empty());
    lines.map(line).collect()
}

#[test]
fn a_person_sees_what_a_process_read_computed_and_wrote() {
    let flags = ["server-share", "--sync", "none", "--op", "withdraw=100"];
    let all = shown(&[&flags[..], &["--time-scale", "0.001"]].concat());
    let expected = "\
server-share: 1 operation, each in its own process, sharing data over sockets
the parent keeps the data, the processes decide (sync none)
v0, v1 and so on count how often a balance was written
  worker 1 started
Withdrawal of $100.00 started
  worker 1 read main $1000.00 v0
  worker 1 computed $1000.00 - $100.00 and wrote main $900.00 v1
Withdrawal of $100.00 completed. Updated balance: $900.00";
    assert_eq!(all.join("\n"), expected);
}

#[test]
fn a_person_sees_how_the_modes_differ() {
    for (mode, says) in [
        ("parallel", "sent `begin` over its socket"),
        ("queue", "put `begin` on the queue"),
        ("pipe", "wrote `begin` into its pipe"),
    ] {
        let all = shown(&[mode, "--op", "withdraw=100", "--time-scale", "0.001"]);
        assert!(all.contains(&format!("  worker 1 {says}")), "{all:#?}");
        assert_eq!(all[1], "the parent owns the balance and decides");
    }
}

#[test]
fn a_person_sees_what_is_written_over_without_being_read() {
    let flags = ["server-share", "--sync", "none", "--time-scale", "0.25"];
    // Where the machine stands still, one of three may be alone, and not the other two.
    let ops = ["--op", "withdraw", "--op", "deposit", "--op", "deposit"];
    let all = shown(&[&flags[..], &ops].concat());
    let is_over = |line: &String| {
        let rest = line.strip_prefix("    it wrote over v");
        rest.is_some_and(|rest| rest.ends_with(", which it had not read"))
    };
    assert!(all.iter().any(is_over), "{all:#?}");
}

#[test]
fn what_a_person_sees_fits_into_eighty_columns() {
    for mode in MODES {
        let all = run(&[mode, "--time-scale", "0.01"]).expect(0);
        let long: Vec<&str> = all.stdout.lines().filter(|line| line.len() > 80).collect();
        assert!(long.is_empty(), "{mode}: {long:#?}");
    }
}
