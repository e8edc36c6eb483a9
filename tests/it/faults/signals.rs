//! The signals that end a run, or make it pause.

use std::process::Command;

use rustix::process::Signal;

use super::{ALL, in_each, start, together};
use crate::process::{Program, ask_anew, until};

const ENDING: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn the_first_signal_lets_what_is_under_way_finish() {
    in_each(&ALL, |mode| {
        for signal in ENDING {
            let ops = ["--op", "withdraw=10"].repeat(4);
            let program = start(
                mode,
                ["--jobs", "2", "--time-scale", "1"].iter().chain(&ops),
            );
            program.working(2);
            program.process().signal(signal);
            let ended = program.end();
            ended.check_signal(signal);
            assert_eq!(ended.of("completed").len(), 2);
            assert_eq!(ended.summary()["ended_early"], "a signal asked for the end");
            assert_eq!(ended.main(), ("980.00", "980.00"));
        }
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_signal_that_leaves_nothing_undone_ends_nothing_early() {
    in_each(&ALL, |mode| {
        let program = start(mode, &["--time-scale", "1", "--op", "withdraw=10"]);
        program.working(1);
        program.process().signal(Signal::INT);
        let ended = program.end();
        ended.check_signal(Signal::INT);
        assert_eq!(ended.of("completed").len(), 1);
        assert!(ended.summary().get("ended_early").is_none());
    });
}

#[test]
fn the_second_signal_kills() {
    in_each(&ALL, |mode| {
        for signal in ENDING {
            let ops = ["--op", "withdraw=10"].repeat(4);
            let program = start(
                mode,
                ["--jobs", "2", "--time-scale", "1000"].iter().chain(&ops),
            );
            program.working(2);
            program.process().signal(signal);
            // Two that come together are one to the kernel, so it must have seen the first.
            let waits = || program.process().waits().then_some(());
            until("the parent to have heard it", || {
                (!pending(&program, signal))
                    .then_some(())
                    .and_then(|()| waits())
            });
            ask_anew();
            program.process().signal(Signal::TERM);
            let ended = program.end();
            ended.check_signal(signal);
            assert_eq!(ended.reasons(), ["worker_died"; 2]);
            assert_eq!(ended.main(), ("1000.00", "1000.00"));
        }
    });
}

/// Whether the kernel still has this signal for the program.
fn pending(program: &Program, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.process().0))
        .unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .unwrap_or("0");
    u64::from_str_radix(line.trim(), 16).unwrap_or_default() & (1 << (signal.as_raw() - 1)) != 0
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_run_and_its_workers_pause_and_go_on_together() {
    in_each(&ALL, |mode| {
        let ops = ["--op", "withdraw=10", "--op", "deposit=20"];
        let program = start(mode, ["--time-scale", "1.5"].iter().chain(&ops));
        let workers = program.working(2);
        program.process().signal(Signal::TSTP);
        for process in workers.iter().chain([&program.process()]) {
            until("everyone to stand still", || process.stopped());
        }
        program.process().signal(Signal::CONT);
        program.end().check(0, 2, 0);
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    in_each(&ALL, |mode| {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap '' HUP; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_bank-par"),
        ]);
        command.args([mode]).args(together(mode)).args([
            "--jobs",
            "1",
            "--time-scale",
            "1.5",
            "--op",
            "withdraw=10",
            "--op",
            "deposit=20",
        ]);
        let program = Program::launch(command);
        program.working(1);
        program.process().signal(Signal::HUP);
        program.end().check(0, 2, 0);
    });
}
