//! How a command of one operation ends, and what is known of it, whatever is done to those who see to it.

use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::cli::{Run, Running};
use crate::ledger::{Ledger, at_once};
use crate::process::{Process, ask_anew, until};

/// A ledger with 10.00 on `main`, and the folder in which the command runs.
struct Desk {
    ledger: Ledger,
}

impl Desk {
    fn new() -> Self {
        let ledger = Ledger::new();
        ledger.say("deposit 10");
        Desk { ledger }
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.ledger.path()).with_file_name(name)
    }

    fn command(&self, words: &str, script: &str) -> Command {
        let mut command = self.ledger.command(words);
        command
            .args(["--", "sh", "-c", script])
            .current_dir(self.path("."));
        command
    }

    fn start(&self, words: &str, script: &str) -> Running {
        Running::start(self.command(words, script))
    }

    #[track_caller]
    fn check(&self, run: &Run, code: i32, money: [&str; 3]) {
        assert_eq!(run.code(), code, "{run:?}");
        assert_eq!(self.ledger.money("main"), money, "{run:?}");
        self.ledger.verify();
    }
}

const POSTED: [&str; 3] = ["9.00", "0.00", "9.00"];
const GIVEN_BACK: [&str; 3] = ["10.00", "0.00", "10.00"];
const IN_DOUBT: [&str; 3] = ["10.00", "1.00", "9.00"];

/// The only child of a process.
fn child_of(parent: Process) -> Process {
    until("a child", || {
        crate::process::orphans(parent).into_iter().next()
    })
}

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn a_command_that_ended_in_time_is_not_late_however_late_that_is_seen() {
    let desk = Desk::new();
    // Time enough to start it on a machine that is busy.
    let words = "withdraw 1 --timeout 5s";
    let run = desk.start(words, "kill -STOP $PPID").finish();
    desk.check(&run, 0, POSTED);
}

#[test]
fn a_stopped_guard_or_command_voids_no_deadline() {
    const SCRIPTS: [&str; 3] = [
        "kill -STOP $PPID; sleep 999",
        "kill -STOP $$; sleep 999",
        "kill -STOP $$ $PPID; sleep 999",
    ];
    at_once(SCRIPTS.len(), |place| {
        let desk = Desk::new();
        let late = desk.start("withdraw 1 --timeout 100ms", SCRIPTS[place]);
        desk.check(&late.finish(), 6, GIVEN_BACK);
    });
}

#[test]
fn a_stopped_worker_voids_no_deadline() {
    let desk = Desk::new();
    let run = desk
        .start(
            "parallel --op withdraw=1 --timeout 100ms",
            "kill -STOP $PPID; sleep 999",
        )
        .finish();
    desk.check(&run, 6, GIVEN_BACK);
}

#[test]
fn a_command_that_began_is_in_doubt_whatever_is_cleaned_away() {
    let desk = Desk::new();
    let temporary = desk.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let clean = "rm -rf \"$TMPDIR\"/* \"$TMPDIR\"/.[!.]* \"$XDG_RUNTIME_DIR\"/*";
    let mut command = desk.command(
        "withdraw 1 --id a",
        &format!("{clean}; kill -9 $PPID; sleep 999"),
    );
    command
        .env("TMPDIR", &temporary)
        .env("XDG_RUNTIME_DIR", &temporary);
    let run = Running::start(command).finish();
    assert!(run.stderr.contains("in doubt"), "{run:?}");
    assert_eq!(desk.ledger.money("main"), IN_DOUBT);
}

#[test]
fn an_end_is_known_although_its_guard_is_gone() {
    let desk = Desk::new();
    let mut running = desk.start("withdraw 1", "echo ready; read go; exit 3");
    assert_eq!(running.hear(), "ready");
    let guard = child_of(Process(running.pid.cast_signed()));
    // By then it has told of the start.
    until("the guard to wait", || guard.waits().then_some(()));
    guard.signal(Signal::STOP);
    until("the guard to be stopped", || guard.stopped());
    let command = guard.any_child().unwrap();
    running.say("go");
    command.ended();
    guard.kill();
    desk.check(&running.finish(), 3, GIVEN_BACK);
}

/// Whom the signals go to, one after another.
#[derive(Clone, Copy, Debug)]
enum To {
    Program,
    Guard,
    Group,
}

#[test]
fn a_command_has_its_grace_whoever_signals_whom_and_however_often() {
    // What the trap starts must not be ended by what the command has heard already.
    const SCRIPT: &str = "trap 'touch asked; sh -c \"until [ -e go ]; do sleep 0.01; done\" && exit 0; exit 9' TERM; touch ready; sleep 999 & wait";
    for to in [
        &[To::Program, To::Group][..],
        &[To::Group; 3],
        &[To::Group, To::Program, To::Program, To::Guard],
        &[To::Program, To::Guard, To::Group],
    ] {
        let desk = Desk::new();
        let mut command = desk.command("withdraw 1", SCRIPT);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let running = Running::start(command);
        let program = Process(running.pid.cast_signed());
        let exists = |name: &str| desk.path(name).exists().then_some(());
        until("the command to be ready", || exists("ready"));
        let guard = child_of(program);
        for to in to {
            match to {
                To::Program => program.signal(Signal::TERM),
                To::Guard => guard.signal(Signal::TERM),
                To::Group => {
                    let group = Pid::from_raw(program.0).unwrap();
                    kill_process_group(group, Signal::TERM).unwrap();
                }
            }
        }
        until("the command to be asked", || exists("asked"));
        // What would still be sent to it is sent by then.
        ask_anew();
        std::fs::write(desk.path("go"), "").unwrap();
        let run = running.finish();
        assert_eq!(run.code(), 0, "{to:?}: {run:?}");
        desk.check(&run, 0, POSTED);
    }
}

#[test]
fn a_command_of_a_run_finishes_although_its_worker_is_asked_to_end() {
    const SCRIPT: &str = "trap '' TERM; touch ready; until [ -e go ]; do sleep 0.01; done; exit 0";
    let desk = Desk::new();
    let running = desk.start("parallel --op withdraw=1", SCRIPT);
    let program = Process(running.pid.cast_signed());
    until("the command to be ready", || {
        desk.path("ready").exists().then_some(())
    });
    // As a service manager signals every process of a service.
    for process in [program, child_of(program)] {
        process.signal(Signal::TERM);
    }
    ask_anew();
    std::fs::write(desk.path("go"), "").unwrap();
    let run = running.finish();
    assert_eq!(run.status.code(), None, "{run:?}");
    assert_eq!(desk.ledger.money("main"), POSTED);
}

#[test]
fn processes_that_go_on_by_starting_others_are_ended() {
    // Each starts the next one and ends; some in sessions of their own.
    const CHAIN: &str = "cd -P . && (sh \"$0\" &) ; exit 0";
    for start in [
        "setsid sh chain &",
        "sh chain &",
        "setsid setsid sh chain &",
    ] {
        let desk = Desk::new();
        std::fs::write(desk.path("chain"), CHAIN).unwrap();
        let script = start.repeat(8);
        let run = desk
            .start("withdraw 1", &format!("{script} exit 0"))
            .finish();
        desk.check(&run, 0, POSTED);
        assert_eq!(crate::process::all_in(&desk.path(".")), [], "{start}");
    }
}

#[test]
fn processes_say_what_they_are() {
    for (words, title) in [
        ("withdraw 1", "bank-par: guard"),
        ("parallel --op withdraw=1", "bank-par: worker 1"),
    ] {
        let desk = Desk::new();
        let script =
            "for f in comm cmdline; do tr '\\0' '\\n' < /proc/$PPID/$f | head -n 1; done >&2";
        let run = desk.start(words, &format!("({script}) 2> said")).finish();
        assert_eq!(run.code(), 0, "{run:?}");
        let said = std::fs::read_to_string(desk.path("said")).unwrap();
        assert_eq!(said, format!("bank-par\n{title}\n"));
    }
}
