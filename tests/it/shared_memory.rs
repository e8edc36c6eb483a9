//! Memory that processes really share: each primitive, killed holders, deadlock, and its limits.

mod killed;

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::cli::{Run, account, assert_sound, feed, json_feed, json_run, run};
use crate::process::{Process, Program, until};

/// Those that keep others out from the read to the write, and those that need not.
const LOSE_NOTHING: [&str; 8] = [
    "spin",
    "mutex",
    "mutex-per-account",
    "semaphore",
    "robust",
    "file-lock",
    "atomic",
    "cas",
];

/// This workload once with this primitive.
fn shared(sync: &str, flags: &[&str], lines: &str) -> Run {
    // Without an order, what comes in and what goes out would wait for each other.
    let order = match sync {
        "mutex-per-account" => &["--lock-order"][..],
        _ => &[],
    };
    let flags = &[flags, order].concat();
    json_feed(
        "shared-memory",
        &[&["--sync", sync][..], flags].concat(),
        lines,
    )
}

/// So many operations of one dollar each: by turns a deposit, a withdrawal, a transfer and a loan.
fn lines(count: usize) -> String {
    let line = |number: usize| match number % 4 {
        0 => r#"{"op":"deposit","amount":1}"#,
        1 => r#"{"op":"withdraw","amount":1}"#,
        2 => r#"{"op":"transfer","to":"savings","amount":1}"#,
        _ => r#"{"op":"loan","amount":1}"#,
    };
    let line = |text: String, number| text + line(number) + "\n";
    (0..count).fold(String::new(), line)
}

#[test]
fn many_processes_lose_nothing_with_any_primitive() {
    for sync in LOSE_NOTHING {
        let flags = ["--jobs", "8"];
        let summary = shared(sync, &flags, &lines(80)).expect(0).summary();
        assert_sound(&summary);
        assert_eq!(summary["processes"], 80, "{sync}");
        assert_eq!(account(&summary, "main")["balance"], "1000.00", "{sync}");
        assert_eq!(account(&summary, "savings")["balance"], "20.00", "{sync}");
    }
}

#[test]
fn a_few_processes_do_many_operations_each() {
    for sync in LOSE_NOTHING {
        let flags = ["--jobs", "4", "--ops-per-worker", "0"];
        let summary = shared(sync, &flags, &lines(1_500)).expect(0).summary();
        assert_sound(&summary);
        assert_eq!(summary["completed"], 1_500, "{sync}");
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
    // No number stands for an unknown order.
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
    for sync in &LOSE_NOTHING[..6] {
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

#[test]
#[ignore = "slow: works through many lines"]
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
        (&["--sync", "hope"], "invalid value 'hope'"),
        // A blank too many is told, and nothing is run or killed.
        (
            &["--kill-holder", "half-written"],
            "did you mean `--kill-holder=half-written`?",
        ),
        (&["--timeout", "5", "s"], "without a blank, such as `5s`"),
        (&["robust"], "did you mean `--sync=robust`"),
    ] {
        let all = run(&[&["shared-memory"], flags].concat());
        assert_eq!((all.code(), all.stdout.as_str()), (2, ""), "{flags:?}");
        assert!(all.stderr.contains(expected), "{flags:?}: {}", all.stderr);
    }
}

#[test]
fn it_is_said_once_where_no_worker_writes_so_that_none_is_killed() {
    for sync in [&["--sync", "mutex"][..], &[]] {
        let views = &["shared-memory", "--kill-holder", "--op", "balance"][..];
        let all = run(&[views, sync].concat());
        let why = "no worker was killed: none came so far as to write what is shared";
        let said = all.stderr.matches(why).count();
        assert_eq!((all.code(), said), (0, 1), "{all:?}");
    }
}

#[test]
fn a_balance_beyond_its_word_is_refused_with_every_primitive() {
    const FULL: &str = "5497558138.87";
    for sync in LOSE_NOTHING.iter().chain(&["none"]) {
        for (balance, op, expected) in [
            ("5497558137.87", "deposit=1", FULL),
            ("5497558137.87", "deposit=1.01", "5497558137.87"),
            ("0", "deposit=5497558138.87", FULL),
            ("0", "deposit=5497558138.88", "0.00"),
            (FULL, "deposit=0.01", FULL),
            (FULL, "loan=1", FULL),
            ("5000000000", "deposit=1000000000", "5000000000.00"),
            // These come around to a balance that would fit.
            ("10", "deposit=99999999999", "10.00"),
            ("10", "loan=10995116277.76", "10.00"),
        ] {
            let flags = ["--sync", sync, "--balance", balance, "--op", op];
            let all = json_run(
                "shared-memory",
                &[&flags[..], &["--time-scale", "0"]].concat(),
            );
            let is_posted = !expected.starts_with(balance);
            let all = all.expect(if is_posted { 0 } else { 1 });
            let summary = all.summary();
            assert_sound(&summary);
            assert_eq!(account(&summary, "main")["balance"], expected, "{flags:?}");
            if !is_posted {
                let reason = &all.of("refused")[0]["reason"];
                assert_eq!(reason, "balance_overflow", "{flags:?}");
            }
        }
    }
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
fn each_read_and_write_is_told_where_steps_are_asked_for() {
    for sync in ["none", "atomic", "cas", "robust"] {
        let flags = [
            "--sync",
            sync,
            "--op",
            "deposit",
            "--time-scale",
            "0",
            "--detail",
            "steps",
        ];
        let all = json_run("shared-memory", &flags).expect(0);
        let told = |kind| -> Vec<(String, String, u64)> {
            let word = |event: &Value, field: &str| event[field].as_str().unwrap().to_string();
            let told = |event: &Value| {
                assert_eq!(
                    (&event["operation"], &event["worker"]),
                    (&json!(1), &json!(1))
                );
                let version = event["version"].as_u64().unwrap();
                (word(event, "account"), word(event, "balance"), version)
            };
            all.of(kind).iter().map(told).collect()
        };
        let cell = |name: &str, balance: &str, version| (name.into(), balance.into(), version);
        let read = match sync {
            // An addition is one step, which reads nothing beforehand.
            "atomic" => Vec::new(),
            _ => vec![cell("@world", "-1000.00", 0), cell("main", "1000.00", 0)],
        };
        let wrote = [cell("@world", "-1100.00", 1), cell("main", "1100.00", 1)];
        let added = all.of("wrote").pop().unwrap()["added"].clone();
        assert_eq!(added == "100.00", sync == "atomic", "{sync}: {added}");
        assert_eq!(
            (told("read"), told("wrote")),
            (read, wrote.to_vec()),
            "{sync}"
        );
    }
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
