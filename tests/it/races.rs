//! What is lost without synchronisation, and what is not with each remedy.

use crate::cli::{Run, account, assert_sound, feed, json_run, run};
use serde_json::json;

const REMEDIES: [&str; 8] = [
    "none",
    "mutex",
    "rwlock",
    "atomic",
    "cas",
    "spin",
    "channel",
    "semaphore",
];

/// Eight deposits at once, each half a second long between its read and its write.
fn eight_deposits(sync: &str, scale: &str) -> Run {
    let eight = ["--op", "deposit"].repeat(8);
    let flags = ["--sync", sync, "--time-scale", scale];
    json_run("server-share", &[&flags[..], &eight].concat())
}

#[test]
fn shared_data_without_synchronisation_loses_updates_and_says_so() {
    let all = eight_deposits("none", "0.25").expect(3);
    let summary = all.summary();
    assert_eq!(
        (&summary["completed"], &summary["status"]),
        (&json!(8), &json!(3))
    );
    // Both sides are read and written at once; an operation that both lack counts once.
    let mut lost_in_all = 0;
    for (name, expected, start, step) in [
        ("main", "1800.00", 1000, 100),
        ("@world", "-1800.00", -1000, -100),
    ] {
        let found = account(&summary, name);
        let lost = found["lost_updates"].as_i64().unwrap_or(0);
        let actual = format!("{}.00", start + step * (8 - lost));
        assert_eq!(
            (&found["expected"], &found["balance"]),
            (&json!(expected), &json!(actual)),
            "{summary}"
        );
        lost_in_all = lost.max(lost_in_all);
    }
    assert!(lost_in_all > 0, "{summary}");
    assert_eq!(summary["lost_updates"], lost_in_all);
}

#[test]
fn shared_data_with_a_lease_or_compare_and_set_loses_nothing() {
    for sync in ["lock", "cas"] {
        let all = eight_deposits(sync, "0.01").expect(0);
        let summary = all.summary();
        assert_sound(&summary);
        assert_eq!(account(&summary, "main")["balance"], "1800.00", "{sync}");
    }
}

#[test]
fn shared_data_is_never_overdrawn_when_workers_keep_out_of_each_others_way() {
    for sync in ["lock", "cas"] {
        let eight = ["--op", "withdraw=300"].repeat(8);
        let flags = ["--sync", sync, "--time-scale", "0.003"];
        let all = json_run("server-share", &[&flags[..], &eight].concat()).expect(1);
        let summary = all.summary();
        assert_sound(&summary);
        assert_eq!(
            (&summary["completed"], &summary["refused"]),
            (&json!(3), &json!(5)),
            "{sync}"
        );
        assert_eq!(account(&summary, "main")["balance"], "100.00", "{sync}");
    }
}

#[test]
fn a_race_of_threads_has_a_row_for_every_remedy() {
    let all = run(&["sync", "--rounds", "200"]).expect(0);
    let mut lines = all.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("sync: 4 threads, racing for one balance in memory")
    );
    assert_eq!(
        lines.next(),
        Some("with each remedy 4 threads do 1,000 operations each")
    );
    // A loss that adds up to nothing is told.
    let lines = lines.filter(|line| !line.starts_with("  none: right by luck"));
    let rows: Vec<Vec<&str>> = lines
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "remedy",
            "expected",
            "actual",
            "lost",
            "updates",
            "ns/operation"
        ]
    );
    let names: Vec<&str> = rows[1..].iter().map(|row| row[0]).collect();
    assert_eq!(names, REMEDIES);
    for row in &rows[2..] {
        assert_eq!(row[1..4], ["$1000.00", "$1000.00", "0"], "{}", all.stdout);
    }
}

#[test]
fn each_remedy_can_be_raced_alone() {
    for remedy in REMEDIES {
        let all = run(&[
            "sync",
            "--lock",
            remedy,
            "--rounds",
            "500",
            "--threads",
            "3",
            "--output",
            "json",
        ]);
        let raced = all.events();
        assert_eq!(raced.len(), 1, "{all:?}");
        let raced = &raced[0];
        assert_eq!(
            (&raced["v"], &raced["type"], &raced["remedy"]),
            (&json!(1), &json!("raced"), &json!(remedy))
        );
        assert_eq!(
            (&raced["threads"], &raced["operations"]),
            (&json!(3), &json!(3 * 500 * 5))
        );
        assert!(
            raced["refused"].is_u64()
                && raced["elapsed_us"].is_u64()
                && raced["ns_per_operation"].is_u64()
        );
        let lost = raced["lost_updates"].as_u64().unwrap();
        // Whether nothing at all is lost without a remedy is a matter of luck, but never of opinion.
        if remedy == "none" && (lost > 0 || raced["expected"] != raced["actual"]) {
            assert_eq!(all.code(), 3, "{raced}");
        } else {
            assert_eq!((all.code(), lost), (0, 0), "{raced}");
            assert_eq!(raced["expected"], raced["actual"], "{raced}");
        }
    }
}

#[test]
fn a_race_takes_the_same_operations_as_any_mode() {
    let flags = [
        "--lock",
        "mutex",
        "--rounds",
        "10",
        "--threads",
        "2",
        "--output",
        "json",
    ];
    let choose = [
        "--op",
        "deposit=1.5",
        "--op",
        "withdraw=1",
        "--balance",
        "0",
        "--account",
        "ops",
    ];
    let all = run(&[&["sync"], &flags[..], &choose].concat()).expect(0);
    assert_eq!(all.events()[0]["actual"], "10.00");
    let lines = "op,amount,account\ndeposit,2,ops\nwithdraw,1,ops\ndeposit,1,elsewhere\n";
    let all = feed(
        &[&["sync", "-", "--account", "ops"], &flags[..]].concat(),
        lines,
    );
    assert_eq!(all.code(), 2, "{all:?}");
    assert_eq!(all.of("invalid")[0]["line"], 4);
    assert_eq!(all.of("raced")[0]["actual"], "1020.00");
}
