//! Kills at named points: before each call that opens, changes, syncs, locks or removes a file, and
//! before the reply, one after another until none is left.

use std::process::Command;

use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;

use super::Rig;
use crate::cli::{Running, Written, program};
use crate::ledger::{Ledger, at_once, create};
use crate::power::has_strace;

/// This command, which is killed on its `number`th call of this name, or a process that it starts on its own.
pub(super) fn under_strace(call: &str, number: u64, command: &Command) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={number}")]);
    strace.arg(command.get_program()).args(command.get_args());
    strace.env_remove("BANK_PAR_LEDGER");
    strace
}

/// A command that is killed at its first, second, ... call of this name, until none is left. Each time it is
/// repeated, and then counts once. `words` says it of each number, and what is done before.
pub(crate) fn kill_at_each(
    ledger: &Ledger,
    call: &str,
    words: impl Fn(u64) -> (Option<String>, String),
) -> u64 {
    for number in 1.. {
        let (before, words) = words(number);
        if let Some(before) = before {
            ledger.say(&before);
        }
        let command = ledger.command(&words);
        let mut killed = under_strace(call, number, &command);
        killed.env("BANK_PAR_LEDGER", ledger.path());
        let run = Running::start(killed).finish();
        let again = ledger.run(&format!("{words} --output json")).expect(0);
        if run.status.code() == Some(0) {
            assert_eq!(again.events()[0]["duplicate"], true, "{again:?}");
            return number;
        }
    }
    0
}

/// The words of a command that is killed on its `number`th call of this name.
fn killed_at(call: &str, number: u64, words: &[&str], ledger: &str) -> Command {
    let words = [words, &["--output", "json", "--ledger", ledger]].concat();
    under_strace(call, number, &program(&words))
}

/// Kills a one-shot command at its first, second, ... call of this name until it comes to its end.
/// Each time the command is repeated, and then counts once.
fn kill_in_rig(rig: &mut Rig, call: &str, fresh: bool) {
    for number in 1.. {
        if fresh {
            rig.renew();
        }
        let id = format!("{call}-{number}");
        let words = ["deposit", "1", "--id", &id];
        let path = rig.path();
        let killed = killed_at(call, number, &words, path.to_str().unwrap());
        let run = Running::start(killed).finish();
        rig.promised.hear(&run.stdout);
        let was_killed = run.status.signal() == Some(Signal::KILL.as_raw());
        if was_killed {
            rig.kills += 1;
        } else {
            assert_eq!(run.code(), 0, "{run:?}");
        }
        let again = rig.start(&words);
        let again = rig.look(again).expect(0);
        let duplicate = again.events()[0]["duplicate"] == true;
        assert!(was_killed || duplicate, "{again:?}");
        if !was_killed {
            return;
        }
    }
}

/// The calls at which what a command does to a ledger can be cut.
pub(crate) const CALLS: [&str; 6] = [
    "openat",
    "pwrite64",
    "fsync",
    "ftruncate",
    "write",
    "unlink",
];

#[test]
fn a_one_shot_killed_at_any_call_counts_once() {
    if !has_strace() {
        return;
    }
    let rigs = at_once(2, |number| {
        let mut rig = Rig::new();
        for call in CALLS.iter().skip(number).step_by(2) {
            kill_in_rig(&mut rig, call, false);
        }
        rig
    });
    rigs.iter()
        .for_each(|rig| rig.tell("one-shots at each call"));
    assert!(rigs.iter().map(|rig| rig.kills).sum::<u64>() > 20);
}

#[test]
#[ignore = "slow: kills at hundreds of calls"]
fn a_one_shot_that_creates_the_file_counts_once_wherever_it_is_killed() {
    if !has_strace() {
        return;
    }
    let rigs = at_once(2, |number| {
        let mut rig = Rig::new();
        for call in CALLS.iter().skip(number).step_by(2) {
            kill_in_rig(&mut rig, call, true);
        }
        rig
    });
    rigs.iter()
        .for_each(|rig| rig.tell("creations at each call"));
    assert!(rigs.iter().map(|rig| rig.kills).sum::<u64>() > 40);
}

/// Kills a run, one of its processes or another, at calls further and further on, and repeats it.
#[test]
fn a_run_killed_at_named_points_goes_on() {
    if !has_strace() {
        return;
    }
    let input = Written::new("lines.jsonl", super::lines());
    let rigs = at_once(2, |number| {
        let mut rig = Rig::new();
        let points = [
            ("pwrite64", 9),
            ("fsync", 2),
            ("write", 11),
            ("sendto", 3),
            ("unlink", 1),
        ];
        for (place, (call, step)) in points.iter().enumerate().skip(number).step_by(2) {
            rig.promised.next_run();
            let name = format!("run-{place}");
            let words = [
                "parallel",
                input.path(),
                "--run",
                &name,
                "--jobs",
                "2",
                "--ops-per-worker",
                "40",
            ];
            for round in 1..4 {
                let path = rig.path();
                create(path.to_str().unwrap());
                let killed = killed_at(call, round * step, &words, path.to_str().unwrap());
                // A worker or the parent, whoever comes to that call first.
                let run = Running::start(killed).finish();
                let killed = run.status.signal() == Some(Signal::KILL.as_raw());
                rig.kills += u64::from(killed || run.status.code() == Some(7));
                rig.promised.hear(&run.stdout);
            }
            let last = rig.start(&words);
            let last = rig.look(last);
            assert_eq!(
                (last.code(), rig.promised.lines()),
                (0, super::LINES),
                "{last:?}"
            );
        }
        rig
    });
    rigs.iter().for_each(|rig| rig.tell("runs at named points"));
    assert!(rigs.iter().map(|rig| rig.kills).sum::<u64>() > 4);
}
