//! Many operations, and how many processes they take.

use std::collections::BTreeSet;

use crate::cli::{MODES, account, assert_sound, json_feed, json_run};
use serde_json::json;

#[test]
fn a_worker_takes_as_many_operations_as_it_may() {
    for mode in MODES {
        let processes = |arguments: &[&str]| {
            let nine = ["--op", "deposit"].repeat(9);
            let all =
                json_run(mode, &[&["--time-scale", "0"], arguments, &nine].concat()).expect(0);
            let summary = all.summary();
            assert_sound(&summary);
            assert_eq!(summary["completed"], 9);
            let completed = all.of("completed");
            let pids: BTreeSet<u64> = completed
                .iter()
                .map(|event| event["pid"].as_u64().unwrap())
                .collect();
            let most = pids
                .iter()
                .map(|pid| {
                    completed
                        .iter()
                        .filter(|event| event["pid"] == *pid)
                        .count()
                })
                .max();
            let started = summary["processes"].as_u64().unwrap();
            assert!(pids.len() as u64 <= started, "{mode}: {summary}");
            (started, most.unwrap())
        };
        assert_eq!(processes(&[]), (9, 1), "{mode}");
        assert_eq!(
            processes(&["--ops-per-worker", "1", "--jobs", "2"]),
            (9, 1),
            "{mode}"
        );
        assert_eq!(processes(&["--ops-per-worker", "3"]), (3, 3), "{mode}");
        assert_eq!(
            processes(&["--ops-per-worker", "0", "--jobs", "1"]),
            (1, 9),
            "{mode}"
        );
        assert!(
            processes(&["--ops-per-worker", "0", "--jobs", "4"]).0 <= 4,
            "{mode}"
        );
    }
}

/// Four operations whose sum is five.
const FOUR: &str = r#"{"op":"deposit","amount":10}
{"op":"withdraw","amount":"3"}
{"op":"balance"}
{"op":"transfer","amount":"2.00"}
"#;

/// Runs that many times the four operations, and checks what came out of it.
fn check_many(mode: &str, fours: usize, balance: &str) {
    let all = json_feed(
        mode,
        &["--ops-per-worker", "0", "--jobs", "4"],
        &FOUR.repeat(fours),
    )
    .expect(0);
    let summary = all.summary();
    assert_sound(&summary);
    assert_eq!(summary["completed"], 4 * fours, "{mode}");
    assert_eq!(account(&summary, "main")["balance"], balance, "{mode}");
    assert!(summary["processes"].as_u64().unwrap() <= 4, "{mode}");
    let completed = all.of("completed");
    let mut lines: Vec<u64> = completed
        .iter()
        .map(|event| event["line"].as_u64().unwrap())
        .collect();
    lines.sort_unstable();
    assert!(
        lines.into_iter().eq(1..=4 * fours as u64),
        "{mode}: not every line once"
    );
    // A view has the number of the last entry that it includes; entry 1 is the starting balance.
    let mut last = 1;
    for event in completed {
        let step = u64::from(event["op"] != "balance");
        assert_eq!(event["seq"], last + step, "{mode}: {event}");
        last += step;
    }
}

#[test]
fn ten_thousand_lines_over_sockets() {
    check_many("parallel", 2_500, "13500.00");
}

#[test]
fn ten_thousand_lines_over_a_queue() {
    check_many("queue", 2_500, "13500.00");
}

#[test]
fn ten_thousand_lines_over_pipes() {
    check_many("pipe", 2_500, "13500.00");
}

#[test]
fn five_hundred_lines_on_shared_data() {
    check_many("server-share", 125, "1625.00");
}

#[test]
fn a_line_that_is_no_operation_has_no_process() {
    for mode in MODES {
        let lines = format!(
            "{{\"op\":\"loan\",\"amount\":1}}\n{}",
            "nonsense\n".repeat(50)
        );
        let all = json_feed(mode, &[], &lines);
        assert_eq!((all.code(), all.stderr.as_str()), (2, ""), "{mode}");
        let summary = all.summary();
        assert_eq!(
            (&summary["completed"], &summary["invalid"]),
            (&json!(1), &json!(50))
        );
        assert_eq!(summary["processes"], 1, "{mode}");
    }
}
