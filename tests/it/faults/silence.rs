//! Workers that stand still.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rustix::process::Signal;

use super::{ALL, in_each, start};
use crate::process::{Program, until};

#[test]
#[ignore = "slow: a stopped worker has seconds until its deadline"]
fn a_silent_worker_is_ended_at_its_deadline() {
    in_each(&ALL, |mode| {
        let ops = [
            "--op",
            "withdraw=300",
            "--op",
            "deposit=20",
            "--op",
            "withdraw=5",
        ];
        let program = start(
            mode,
            ["--timeout", "8s", "--time-scale", "1.5"]
                .iter()
                .chain(&ops),
        );
        let silent = program.working(3)[0];
        silent.signal(Signal::STOP);
        let ended = program.end();
        ended.check(6, 2, 1);
        let failed = ended.of("failed")[0];
        assert_eq!(
            (&failed["reason"], &failed["pid"]),
            (&"deadline".into(), &silent.0.into())
        );
        let detail = failed["detail"].as_str().unwrap();
        // A worker of `shared-memory` keeps the limit itself, and its parent waits a little longer.
        let limit = match mode {
            "shared-memory" => "11s",
            _ => "8s",
        };
        assert!(
            detail.ends_with(&format!("did not finish its operation within {limit}")),
            "{detail}"
        );
    });
}

#[test]
#[ignore = "slow: a stopped worker has seconds until its deadline"]
fn the_lease_of_a_silent_worker_goes_to_those_who_wait() {
    let ops = [
        "--op",
        "withdraw=300",
        "--op",
        "deposit=20",
        "--op",
        "withdraw=5",
        "--op",
        "deposit=1",
    ];
    let flags = [
        "server-share",
        "--sync",
        "lock",
        "--time-scale",
        "1.25",
        "--timeout",
        "8s",
    ];
    let program = Program::start(flags.iter().chain(&ops));
    let holder = until("a worker with the lease and three that wait", || {
        let workers = program.workers();
        let (works, wait) = (
            workers.iter().find(|w| w.works()),
            workers.iter().filter(|w| w.waits()).count(),
        );
        works.filter(|_| wait == 3).copied()
    });
    holder.signal(Signal::STOP);
    let ended = program.end();
    ended.check(6, 3, 1);
    assert_eq!(ended.reasons(), ["deadline"]);
    assert_eq!(ended.of("failed")[0]["pid"], holder.0);
}

#[test]
#[ignore = "slow: a stopped worker has seconds until its deadline"]
fn one_stopped_worker_of_four_does_not_hold_up_the_others() {
    // In shared memory no worker waits for a link, so that none can hold it up.
    in_each(&ALL[..4], |mode| {
        let mut program = start(
            mode,
            &[
                "-",
                "--ops-per-worker",
                "0",
                "--jobs",
                "4",
                "--timeout",
                "15s",
            ],
        );
        let mut said = 0;
        let mut more = |program: &Program, wanted: usize| {
            let mut lines = String::new();
            while said < wanted {
                said += 1;
                writeln!(
                    lines,
                    "{{\"op\":\"deposit\",\"amount\":1,\"id\":\"line-{said}\"}}"
                )
                .unwrap();
            }
            program.say(&lines);
            said
        };
        let stopped = until("four workers that all get work", || {
            // So many lines are under way that each worker has some in its hands.
            let done = program.count("completed");
            more(&program, done + 8_000);
            let workers = program.workers();
            (done > 1_000 && workers.len() == 4).then(|| workers[0])
        });
        stopped.signal(Signal::STOP);
        until("it to stand still", || stopped.stopped());
        let before = more(&program, 0);
        until("a result of what was said since", || {
            let done = program.count("completed");
            more(&program, done + 4_000);
            (done > before).then_some(())
        });
        assert_eq!((stopped.state(), program.count("failed")), (Some('T'), 0));
        let said = more(&program, 0);
        let failed = &program.events("failed", 1)[0];
        assert_eq!(
            (&failed["reason"], &failed["pid"]),
            (&"deadline".into(), &stopped.0.into())
        );
        let ended = program.end();
        ended.check(6, said - 1, 1);
        let lines = ended
            .of("completed")
            .into_iter()
            .filter_map(|event| event["line"].as_u64());
        let lines: BTreeSet<u64> = lines.collect();
        assert_eq!(lines.len(), said - 1, "every line once");
    });
}
