//! Workers and parents that are killed.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{ALL, in_each, start};
use crate::process::{Program, orphans, until};

#[test]
fn a_worker_killed_at_once_fails_at_most_its_own_operation() {
    in_each(&ALL, |mode| {
        let ops = [
            "--op",
            "withdraw=300",
            "--op",
            "deposit=20",
            "--op",
            "loan=5",
        ];
        let program = start(mode, ["--time-scale", "0.5"].iter().chain(&ops));
        // Wherever in its short life this finds it.
        let first = until("a worker", || orphans(program.process()).first().copied());
        first.kill();
        let ended = program.end();
        let failed = ended.of("failed").len();
        ended.check(7, 3 - failed, failed);
        assert!(failed <= 1, "{:#?}", ended.events);
        assert!(
            ended
                .reasons()
                .iter()
                .all(|reason| *reason == "worker_died")
        );
        assert_eq!(
            ended
                .stderr
                .contains("was killed by SIGKILL; no operation was affected"),
            failed == 0
        );
    });
}

#[test]
fn a_worker_that_cannot_connect_fails_one_operation() {
    in_each(&["parallel", "server-share"], |mode| {
        let mut program = start(mode, &["-"]);
        let socket = until("the socket", || {
            let socket = program.private_folder().map(|folder| folder.join("server"));
            socket.filter(|socket| socket.exists())
        });
        let aside = socket.with_extension("aside");
        fs::rename(&socket, &aside).unwrap();
        program.say("{\"op\":\"withdraw\",\"amount\":300}\n");
        let failed = &program.events("failed", 1)[0];
        assert_eq!(
            (&failed["reason"], &failed["line"]),
            (&"worker_died".into(), &1.into())
        );
        fs::rename(&aside, &socket).unwrap();
        program.say("{\"op\":\"deposit\",\"amount\":20}\n");
        program.events("completed", 1);
        program.end().check(7, 1, 1);
    });
}

#[test]
fn an_idle_worker_that_is_killed_is_replaced() {
    in_each(&ALL, |mode| {
        let mut program = start(mode, &["-", "--ops-per-worker", "0", "--jobs", "1"]);
        program.say(&"{\"op\":\"deposit\",\"amount\":1}\n".repeat(10));
        program.events("completed", 10);
        let idle = program.workers()[0];
        until("the worker to be idle", || idle.waits().then_some(()));
        idle.kill();
        idle.ended();
        program.say(&"{\"op\":\"withdraw\",\"amount\":1}\n".repeat(7));
        program.events("completed", 17);
        let ended = program.end();
        ended.check(7, 17, 0);
        assert!(
            ended
                .stderr
                .contains("was killed by SIGKILL; no operation was affected"),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.summary()["processes"], 2);
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn what_a_worker_sent_before_it_was_killed_counts() {
    in_each(&ALL, |mode| {
        let program = start(mode, &["--op", "withdraw=300", "--time-scale", "1.5"]);
        let worker = program.working(1)[0];
        program.stop();
        until("the worker's last request", || worker.waits().then_some(()));
        worker.kill();
        worker.ended();
        program.process().signal(Signal::CONT);
        let ended = program.end();
        ended.check(7, 1, 0);
        assert_eq!(ended.main(), ("700.00", "700.00"));
        assert!(
            ended
                .stderr
                .contains("was killed by SIGKILL; no operation was affected"),
            "{}",
            ended.stderr
        );
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_worker_killed_at_its_work_gives_back_what_was_set_aside() {
    in_each(&ALL, |mode| {
        let ops = ["--op", "withdraw=300", "--op", "withdraw=700"];
        // One after another, so that the second one needs what the first one had set aside.
        let program = start(
            mode,
            ["--jobs", "1", "--time-scale", "1.25"].iter().chain(&ops),
        );
        program.working(1)[0].kill();
        let ended = program.end();
        ended.check(7, 1, 1);
        assert_eq!(ended.reasons(), ["worker_died"]);
        assert_eq!(ended.main(), ("300.00", "300.00"));
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn the_lease_of_a_killed_worker_goes_to_those_who_wait() {
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
    let program = Program::start(
        ["server-share", "--sync", "lock", "--time-scale", "1.25"]
            .iter()
            .chain(&ops),
    );
    let holder = until("a worker with the lease and three that wait", || {
        let workers = program.workers();
        let (works, wait) = (
            workers.iter().find(|w| w.works()),
            workers.iter().filter(|w| w.waits()).count(),
        );
        works.filter(|_| wait == 3).copied()
    });
    holder.kill();
    let ended = program.end();
    ended.check(7, 3, 1);
    assert_eq!(ended.of("failed")[0]["pid"], holder.0);
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the figure is for whoever reads the log"
)]
fn workers_are_gone_soon_after_their_parent_was_killed() {
    in_each(&ALL, |mode| {
        let ops = ["--op", "withdraw"].repeat(8);
        let program = start(mode, ["--time-scale", "100"].iter().chain(&ops));
        program.working(8);
        let parent = program.process();
        parent.kill();
        let killed = Instant::now();
        until("the workers to be gone", || {
            orphans(parent).is_empty().then_some(())
        });
        let took = killed.elapsed();
        eprintln!("{mode}: 8 workers were gone {took:?} after their parent was killed");
        // The promise is 200 ms; a busy machine may take longer to let anyone see it. Their work would take
        // five minutes.
        assert!(took < Duration::from_secs(20), "{took:?}");
    });
}

#[test]
fn workers_just_started_go_with_their_parent_too() {
    in_each(&ALL, |mode| {
        let ops = ["--op", "withdraw"].repeat(64);
        let program = start(mode, ["--time-scale", "100"].iter().chain(&ops));
        let parent = program.process();
        until("four workers", || {
            (orphans(parent).len() >= 4).then_some(())
        });
        parent.kill();
        until("the workers to be gone", || {
            orphans(parent).is_empty().then_some(())
        });
    });
}
