//! Memory that processes really share: each primitive, killed holders, deadlock, and its limits.

use std::fmt::Write as _;
use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cli::{Run, account, assert_sound, feed, json_feed, json_run, run};
use crate::process::{Process, Program, until};

/// Those by which a process keeps the others out from its read to its write.
const LOCKS: [&str; 6] = [
    "spin",
    "mutex",
    "mutex-per-account",
    "semaphore",
    "robust",
    "file-lock",
];
/// Those that keep others out, or need not.
const LOSE_NOTHING: [&str; 8] = [
    "atomic",
    "cas",
    "spin",
    "mutex",
    "mutex-per-account",
    "semaphore",
    "robust",
    "file-lock",
];

/// This workload once with this primitive.
fn shared(sync: &str, flags: &[&str], lines: &str) -> Run {
    // Without an order, transfers there and back would wait for each other.
    let order = match sync {
        "mutex-per-account" if !flags.contains(&"--time-scale") => &["--lock-order"][..],
        _ => &[],
    };
    let flags = &[flags, order].concat();
    json_feed(
        "shared-memory",
        &[&["--sync", sync][..], flags].concat(),
        lines,
    )
}

/// So many deposits and withdrawals of one dollar each, by turns, and transfers between two accounts.
fn lines(count: usize) -> String {
    let line = |number: usize| match number % 4 {
        0 => r#"{"op":"deposit","amount":1}"#,
        1 => r#"{"op":"withdraw","amount":1}"#,
        2 => r#"{"op":"transfer","to":"savings","amount":1}"#,
        _ => r#"{"op":"transfer","account":"savings","to":"main","amount":1}"#,
    };
    let line = |text: String, number| text + line(number) + "\n";
    (0..count).fold(String::new(), line)
}

#[test]
fn many_processes_lose_nothing_with_any_primitive() {
    for sync in LOSE_NOTHING {
        let flags = ["--open", "savings=100", "--jobs", "8"];
        let summary = shared(sync, &flags, &lines(80)).expect(0).summary();
        assert_sound(&summary);
        assert_eq!(summary["processes"], 80, "{sync}");
        assert_eq!(account(&summary, "main")["balance"], "1000.00", "{sync}");
        assert_eq!(account(&summary, "savings")["balance"], "100.00", "{sync}");
    }
}

#[test]
fn a_few_processes_do_many_operations_each() {
    for sync in LOSE_NOTHING {
        let flags = [
            "--open",
            "savings=100",
            "--jobs",
            "4",
            "--ops-per-worker",
            "0",
        ];
        let summary = shared(sync, &flags, &lines(4_000)).expect(0).summary();
        assert_sound(&summary);
        assert_eq!(summary["completed"], 4_000, "{sync}");
        assert_eq!(account(&summary, "main")["balance"], "1000.00", "{sync}");
    }
}

#[test]
fn without_a_primitive_updates_are_lost_and_counted() {
    // Each is a second long between its read and its write, and all eight are there by then.
    let eight = ["--op", "deposit"].repeat(8);
    let flags = ["--sync", "none", "--time-scale", "0.5"];
    let all = json_run("shared-memory", &[&flags[..], &eight].concat()).expect(3);
    let summary = all.summary();
    let main = account(&summary, "main");
    let lost = main["lost_updates"].as_i64().unwrap();
    assert!((1..=7).contains(&lost), "{summary}");
    assert_eq!(main["balance"], format!("{}.00", 1_800 - 100 * lost));
    assert_eq!(
        (&summary["completed"], &summary["status"]),
        (&json!(8), &json!(3))
    );
    // No number tells an order that there is not.
    let completed = all.of("completed");
    let numbered = |event: &Value| event.get("seq").or(event.get("decided")).is_some();
    assert_eq!(completed.len(), 8);
    assert!(!completed.iter().any(numbered), "{completed:?}");
}

#[test]
fn an_addition_checks_no_funds_and_the_others_do() {
    let twice = ["--op", "withdraw=700", "--op", "withdraw=700"];
    for sync in LOSE_NOTHING {
        let flags = ["--sync", sync, "--time-scale", "0"];
        let all = json_run("shared-memory", &[&flags[..], &twice].concat());
        let summary = all.summary();
        let main = account(&summary, "main");
        let seen = (all.code(), main["balance"].as_str().unwrap());
        match sync {
            "atomic" => {
                assert_eq!(seen, (3, "-400.00"), "{summary}");
                assert_eq!(main["overdrawn"], true);
                assert_eq!(
                    (&summary["overdrawn_accounts"], &summary["sum"]),
                    (&json!(1), &json!("0.00"))
                );
            }
            _ => {
                assert_eq!(seen, (1, "300.00"), "{sync}: {summary}");
                assert_eq!(summary.get("overdrawn_accounts"), None);
            }
        }
    }
}

#[test]
fn the_order_of_a_lock_is_the_order_of_the_balances() {
    for sync in LOCKS {
        let flags = ["--jobs", "8"];
        let all = shared(
            sync,
            &flags,
            &"{\"op\":\"deposit\",\"amount\":1}\n".repeat(40),
        )
        .expect(0);
        let mut completed: Vec<(u64, String)> = all
            .of("completed")
            .iter()
            .map(|event| {
                assert_eq!(event["seq"], event["decided"]);
                let balance = event["balance"].as_str().unwrap();
                (event["seq"].as_u64().unwrap(), balance.to_string())
            })
            .collect();
        completed.sort();
        let expected = (2..42).map(|seq| (seq, format!("{}.00", 999 + seq)));
        assert_eq!(completed, expected.collect::<Vec<_>>(), "{sync}");
    }
}

#[test]
fn ids_are_known_in_shared_memory_too() {
    let line = "{\"op\":\"deposit\",\"amount\":5,\"id\":\"a\"}\n";
    let other = "{\"op\":\"deposit\",\"amount\":6,\"id\":\"a\"}\n";
    let lines = format!("{line}{{\"op\":\"loan\",\"amount\":1}}\n{line}{other}");
    let flags = ["--jobs", "1", "--ops-per-worker", "0"];
    let all = shared("mutex", &flags, &lines).expect(5);
    let duplicates = all.of("completed");
    assert_eq!(duplicates[2]["duplicate"], true, "{duplicates:?}");
    assert_eq!(all.of("refused")[0]["reason"], "id_conflict");
    assert_eq!(account(&all.summary(), "main")["balance"], "1006.00");
}

/// Four deposits, of whose workers one is killed.
fn killed(sync: &str, when: &str) -> Run {
    let four = ["--op", "deposit"].repeat(4);
    let when = format!("--kill-holder={when}");
    let flags = [
        "shared-memory",
        &when,
        "--sync",
        sync,
        "--timeout",
        "700ms",
        "--output",
        "json",
    ];
    run(&[&flags[..], &four].concat())
}

#[test]
fn a_lock_stays_locked_or_does_not_when_its_holder_is_killed() {
    for (sync, stays) in [
        ("spin", true),
        ("mutex", true),
        ("semaphore", true),
        ("robust", false),
        ("file-lock", false),
    ] {
        let all = killed(sync, "write");
        assert_eq!(all.code(), 7, "{all:?}");
        let summary = all.summary();
        assert_eq!(summary["sum"], "0.00");
        let failed = all.of("failed");
        let of = |reason| failed.iter().filter(move |event| event["reason"] == reason);
        let died: Vec<&Value> = of("worker_died").collect();
        assert_eq!(died.len(), 1, "{sync}: {failed:?}");
        let died = died[0]["detail"].as_str().unwrap();
        assert!(
            died.contains("was killed on purpose between its read and its write"),
            "{died}"
        );
        assert_eq!(
            died.contains("which no other process can take any more"),
            stays,
            "{died}"
        );
        let (completed, waited) = if stays { (0, 3) } else { (3, 0) };
        assert_eq!(
            (&summary["completed"], of("deadline").count()),
            (&json!(completed), waited)
        );
        for event in of("deadline") {
            let detail = event["detail"].as_str().unwrap();
            let expected = "waited 700ms for the lock, which process ";
            assert!(
                detail.contains(expected) && detail.ends_with(" held when it died"),
                "{detail}"
            );
        }
        assert_eq!(summary["wrong_accounts"], 0, "{sync}: nothing was written");
    }
}

#[test]
fn what_a_killed_holder_had_half_written_only_the_robust_lock_repairs() {
    for sync in ["mutex", "file-lock"] {
        let all = killed(sync, "half-written");
        assert_eq!(all.code(), 7);
        let failed = all.of("failed");
        let died = failed
            .iter()
            .find(|event| event["reason"] == "worker_died")
            .unwrap();
        let detail = died["detail"].as_str().unwrap();
        let half = "the memory is half-written: `@world` was written and `main` was not";
        assert!(detail.contains(half), "{detail}");
        let summary = all.summary();
        assert_eq!(
            (&summary["sum"], &summary["wrong_accounts"]),
            (&json!("-100.00"), &json!(1))
        );
    }
    let all = killed("robust", "half-written");
    assert_eq!(all.code(), 7);
    let summary = all.summary();
    assert_eq!(
        (&summary["completed"], &summary["failed"]),
        (&json!(4), &json!(0))
    );
    assert_sound(&summary);
    assert_eq!(account(&summary, "main")["balance"], "1400.00");
    assert!(
        all.stderr.contains("its operation counts"),
        "{}",
        all.stderr
    );
}

#[test]
fn all_locks_are_compared_in_one_table() {
    let four = ["--op", "deposit"].repeat(4);
    let table =
        |flags: &[&str]| run(&[&["shared-memory", "--timeout", "700ms"], flags, &four].concat());
    let expected = "\
One worker is killed between its read and its write, while it holds the lock.

lock               completed  gave up  the killed one the money     the lock
spin                       0        3  does not count right         stays locked
mutex                      0        3  does not count right         stays locked
semaphore                  0        3  does not count right         stays locked
robust                     3        0  does not count right         went on
file-lock                  3        0  does not count right         went on
server-share lock          3        0  does not count right         went on
";
    assert_eq!(table(&["--kill-holder"]).expect(0).stdout, expected);
    let rows = table(&["--kill-holder=half-written", "--output", "json"]).expect(0);
    let row = |event: &Value| {
        let word = |field: &str| event[field].as_str().unwrap().to_string();
        (
            word("sync"),
            event["counts"] == true,
            event["wrong_accounts"].as_u64().unwrap(),
        )
    };
    let rows: Vec<_> = rows.of("holder_killed").iter().map(row).collect();
    let row = |sync: &str, counts, wrong| (sync.to_string(), counts, wrong);
    let expected = [
        row("spin", false, 1),
        row("mutex", false, 1),
        row("semaphore", false, 1),
        row("robust", true, 0),
        row("file-lock", false, 1),
    ];
    assert_eq!(rows, expected);
}

/// Two transfers, each of which takes first the lock that the other one takes second.
fn opposite(flags: &[&str]) -> Run {
    let lines = r#"{"op":"transfer","account":"a","to":"b","amount":1}
{"op":"transfer","account":"b","to":"a","amount":1}
"#;
    // A second stands between the two locks.
    let usual = [
        "--account",
        "a",
        "--balance",
        "10",
        "--open",
        "b=10",
        "--time-scale",
        "0.5",
        "--timeout",
        "4s",
    ];
    shared("mutex-per-account", &[&usual[..], flags].concat(), lines)
}

#[test]
fn two_that_take_their_locks_in_opposite_order_wait_for_each_other() {
    let all = opposite(&[]).expect(6);
    assert_eq!(all.summary()["wrong_accounts"], 0);
    let failed = all.of("failed");
    let detail = failed[0]["detail"].as_str().unwrap();
    let (own, other) = match failed[0]["account"].as_str().unwrap() {
        "a" => ("a", "b"),
        _ => ("b", "a"),
    };
    let waited = format!("waited 4s for the lock of account `{other}`, which process ");
    let waits = format!(" holds, which itself waits for the lock of account `{own}`");
    assert!(
        detail.contains(&waited) && detail.ends_with(&waits),
        "{detail}"
    );
    let summary = opposite(&["--lock-order"]).expect(0).summary();
    assert_eq!(summary["completed"], 2);
}

#[test]
fn a_holder_that_stands_still_is_ended_and_the_others_say_whom_they_waited_for() {
    let two = ["--op", "deposit", "--op", "deposit"];
    let flags = ["shared-memory", "--sync", "spin", "--timeout", "3s"];
    let program = Program::start(flags.iter().chain(&two));
    // Spinning is no sleep.
    let holder = until("a worker at work", || {
        let workers = program.workers();
        let works = workers.iter().find(|worker| worker.works());
        works.filter(|_| workers.len() == 2).copied()
    });
    holder.signal(Signal::STOP);
    let ended = program.end();
    ended.check(6, 0, 2);
    let held = format!("waited 3s for the lock, which process {} holds", holder.0);
    let failed = ended.of("failed");
    let details: Vec<&str> = failed
        .iter()
        .map(|one| one["detail"].as_str().unwrap())
        .collect();
    assert!(
        details.iter().any(|detail| detail.ends_with(&held)),
        "{details:?}"
    );
    let stood = "did not finish its operation within 3.5s";
    assert!(
        details.iter().any(|detail| detail.contains(stood)),
        "{details:?}"
    );
}

#[test]
fn the_memory_has_room_for_so_many_accounts_and_says_so() {
    // The bank's own two and `main` are there before.
    let more = 65_536 - 3;
    let mut lines = String::new();
    for number in 0..more + 2 {
        writeln!(
            lines,
            "{{\"op\":\"deposit\",\"account\":\"a{number}\",\"amount\":1}}"
        )
        .unwrap();
    }
    let flags = ["--jobs", "1", "--ops-per-worker", "0"];
    let all = shared("mutex", &flags, &lines).expect(1);
    let summary = all.summary();
    assert_sound(&summary);
    assert_eq!(
        (&summary["completed"], &summary["refused"]),
        (&json!(more), &json!(2))
    );
    assert_eq!(all.of("refused")[0]["reason"], "too_many_accounts");
}

#[test]
fn what_does_not_fit_here_is_refused() {
    for (flags, expected) in [
        (&["--run", "x"][..], "a run of it cannot be continued"),
        (&["--", "true"], "runs no command"),
        (&["--ledger", "x.db"], "cannot use the ledger `x.db`"),
        (
            &["--balance", "5497558138.88"],
            "holds 5497558138.87 at most",
        ),
        (
            &["--lock-order"],
            "`--lock-order` is about the locks of `--sync mutex-per-account`",
        ),
        (&["--open", "main=5"], "opens `main` a second time"),
        (&["--sync", "hope"], "invalid value 'hope'"),
    ] {
        let all = run(&[&["shared-memory"], flags].concat());
        assert_eq!((all.code(), all.stdout.as_str()), (2, ""), "{flags:?}");
        assert!(all.stderr.contains(expected), "{flags:?}: {}", all.stderr);
    }
    let full = ["--balance", "5497558138.87", "--op", "deposit=0.01"];
    let flags = [&["shared-memory", "--time-scale", "0"], &full[..]].concat();
    let refused = run(&flags).expect(1).stdout;
    assert!(refused.contains("range"), "{refused}");
}

#[test]
fn workers_share_one_file_in_memory_and_are_gone_with_their_parent() {
    let program = Program::start(["shared-memory", "--op", "transfer", "--op", "transfer"]);
    let workers = until("two workers at work", || {
        let workers = program.workers();
        let is_working = workers.len() == 2 && workers.iter().any(|worker| worker.works());
        is_working.then_some(workers)
    });
    let inode = |process: Process| {
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.0)).unwrap();
        let line = maps.lines().find(|line| line.contains("/memfd:bank-par"));
        let line = line.unwrap_or_else(|| panic!("{maps}"));
        line.split_whitespace().nth(4).unwrap().to_string()
    };
    until("both to have it", || {
        let maps = |worker: &Process| fs::read_to_string(format!("/proc/{}/maps", worker.0));
        let mut all = workers.iter().map(|worker| maps(worker).unwrap());
        all.all(|maps| maps.contains("/memfd:bank-par"))
            .then_some(())
    });
    let own = inode(program.process());
    assert!(workers.iter().all(|worker| inode(*worker) == own));
    program.process().kill();
    for worker in workers {
        worker.ended();
    }
    drop(program.end());
}

#[test]
fn an_empty_workload_ends_at_once() {
    let summary = feed(&["shared-memory", "-", "--output", "json"], "")
        .expect(0)
        .summary();
    assert_eq!(
        (&summary["operations"], &summary["processes"]),
        (&json!(0), &json!(0))
    );
}
