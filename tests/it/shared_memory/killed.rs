//! Holders of locks that die, stand still, or wait for each other.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cli::{Run, account, assert_sound, json_run, run};
use crate::process::{Program, until};

/// Whether a lock of this kind stays locked when its holder dies.
fn stays_locked(sync: &str) -> bool {
    ["spin", "mutex", "semaphore"].contains(&sync)
}

/// Four deposits, of whose workers one is killed. Those that need not give up have all the time they want.
fn killed(sync: &str, when: &str) -> Run {
    let four = ["--op", "deposit"].repeat(4);
    let when = format!("--kill-holder={when}");
    let timeout = if stays_locked(sync) { "700ms" } else { "60s" };
    let flags = [
        "shared-memory",
        &when,
        "--sync",
        sync,
        "--timeout",
        timeout,
        "--output",
        "json",
    ];
    run(&[&flags[..], &four].concat())
}

#[test]
#[ignore = "slow: waits for locks until a deadline"]
fn a_lock_stays_locked_or_does_not_when_its_holder_is_killed() {
    for sync in ["spin", "mutex", "semaphore", "robust", "file-lock"] {
        let stays = stays_locked(sync);
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
            died.contains("was killed on purpose before its first write"),
            "{died}"
        );
        assert_eq!(died.contains("its lock stays locked"), stays, "{died}");
        let (completed, waited) = if stays { (0, 3) } else { (3, 0) };
        assert_eq!(
            (&summary["completed"], of("deadline").count()),
            (&json!(completed), waited)
        );
        for event in of("deadline") {
            let detail = event["detail"].as_str().unwrap();
            let expected = "waited 700ms for the lock: worker ";
            assert!(
                detail.starts_with(expected) && detail.ends_with(" died with it"),
                "{detail}"
            );
        }
        assert_eq!(summary["wrong_accounts"], 0, "{sync}: nothing was written");
    }
}

#[test]
fn where_no_lock_is_held_the_killed_one_alone_has_failed() {
    for sync in ["none", "atomic", "cas"] {
        let all = killed(sync, "write").expect(7);
        let failed = all.of("failed");
        assert_eq!(failed.len(), 1, "{sync}: {failed:?}");
        // An addition has no read that its write belongs to.
        let detail = failed[0]["detail"].as_str().unwrap();
        let told = "was killed on purpose before its first write";
        assert!(
            detail.contains(told) && !detail.contains("read"),
            "{detail}"
        );
        assert_eq!(all.summary()["completed"], 3, "{sync}");
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
        // Behind a file lock others may have written over it before its death was seen.
        let half = match sync {
            "mutex" => "the memory is half-written: `@world` was written and `main` was not",
            _ => "half-written",
        };
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
    let repaired = all.of("repaired");
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    let dead = repaired[0]["operation"].as_u64().unwrap();
    let completed = all.of("completed");
    assert!(completed.iter().any(|one| one["operation"] == dead));
    assert_ne!(repaired[0].get("repaired_by"), Some(&repaired[0]["worker"]));
    assert!(
        all.stderr.contains("its operation counts"),
        "{}",
        all.stderr
    );
}

#[test]
#[ignore = "slow: waits for locks until a deadline"]
fn all_locks_are_compared_in_one_table() {
    let four = ["--op", "deposit"].repeat(4);
    let table =
        |flags: &[&str]| run(&[&["shared-memory", "--timeout", "700ms"], flags, &four].concat());
    let expected = "\
One worker is killed between its read and its write, while it holds the lock.

lock               completed  gave up  the killed one the money     the lock
spin                       0        3  does not count right         stays locked
mutex                      0        3  does not count right         stays locked
mutex-per-account          0        3  does not count right         stays locked
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
        row("mutex-per-account", false, 1),
        row("semaphore", false, 1),
        row("robust", true, 0),
        row("file-lock", false, 1),
    ];
    assert_eq!(rows, expected);
}

/// A withdrawal and a deposit, each of which takes first the lock that the other one takes second.
fn opposite(flags: &[&str]) -> Run {
    let usual = [
        "--sync",
        "mutex-per-account",
        "--op",
        "withdraw",
        "--op",
        "deposit",
    ];
    json_run("shared-memory", &[&usual[..], flags].concat())
}

#[test]
#[ignore = "slow: waits for locks until a deadline"]
fn two_that_take_their_locks_in_opposite_order_wait_for_each_other() {
    // Seconds stand between the two locks of each.
    let slowly = ["--time-scale", "2.5", "--timeout", "4s"];
    let all = opposite(&[&slowly[..], &["--detail", "steps"]].concat());
    assert_eq!(all.code(), 6, "{all:?}");
    assert!(all.stderr.contains("a deadlock: workers wait"), "{all:?}");
    assert_eq!(all.summary()["wrong_accounts"], 0);
    let failed = all.of("failed");
    let detail = failed[0]["detail"].as_str().unwrap();
    let other = match failed[0]["op"].as_str().unwrap() {
        "withdraw" => "@world",
        _ => "main",
    };
    assert_eq!(
        detail,
        format!("waited 4s for the lock of `{other}`: a deadlock")
    );
    // Who waits for whom was told long before.
    let waits = all.of("lease_wait");
    for (wait, place) in waits.iter().zip(0..) {
        let (worker, holder) = (wait["worker"].as_u64(), wait["holder"].as_u64());
        assert!(holder.is_some() && worker != holder, "{wait}");
        assert_eq!(wait.get("in_vain").is_some(), place >= 2, "{waits:?}");
    }
    assert_eq!(waits.len(), 4, "{waits:?}");
    assert_eq!(waits[3]["in_vain"], "deadlock");
    assert_eq!(all.of("lease_granted").len(), 1);
    let summary = opposite(&["--lock-order", "--time-scale", "0.1"])
        .expect(0)
        .summary();
    assert_eq!(summary["completed"], 2);
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_deadlock_ends_at_the_first_signal() {
    let flags = ["shared-memory", "--sync", "mutex-per-account"];
    let more = ["--op", "withdraw", "--op", "deposit", "--time-scale", "2.5"];
    let mut program = Program::start(flags.iter().chain(&more).chain(&["--detail", "steps"]));
    let waits = program.events("lease_wait", 3);
    assert_eq!(waits[2]["in_vain"], "deadlock");
    program.process().signal(Signal::INT);
    let ended = program.end();
    ended.check_signal(Signal::INT);
    // The usual wait is half a minute long, and would be told otherwise.
    for failed in ended.of("failed") {
        let detail = failed["detail"].as_str().unwrap();
        assert!(detail.starts_with("was ended in a "), "{detail}");
        assert_eq!(failed["reason"], "worker_died");
    }
    assert_eq!(ended.of("failed").len(), 2);
}

#[test]
#[ignore = "slow: waits for locks until a deadline"]
fn a_holder_that_stands_still_is_ended_and_the_others_say_whom_they_waited_for() {
    let two = ["--op", "deposit", "--op", "deposit"];
    let flags = [
        "shared-memory",
        "--sync",
        "spin",
        "--timeout",
        "3s",
        "--time-scale",
        "1.5",
    ];
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
    let held = "waited 3s for the lock, which worker ";
    let failed = ended.of("failed");
    let details: Vec<&str> = failed
        .iter()
        .map(|one| one["detail"].as_str().unwrap())
        .collect();
    assert!(
        details.iter().any(|detail| detail.starts_with(held)),
        "{details:?}"
    );
    let stood = "did not finish its operation within 6s";
    assert!(
        details.iter().any(|detail| detail.contains(stood)),
        "{details:?}"
    );
}
