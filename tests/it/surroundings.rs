//! What the program finds where it is started: signals that its caller blocked or ignored, streams that
//! are closed, and the place of a container's first process.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use nix::sys::signal::{SigSet, Signal as Blocked};
use rustix::process::Signal;

use crate::cli::{Run, Running};
use crate::family::{FAMILY, Family};
use crate::ledger::{Ledger, at_once};
use crate::process::{Process, until};

/// Acts in a thread that blocks these signals, as what it starts does then.
fn blocking<T: Send>(signals: SigSet, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let blocked = scope.spawn(move || {
            signals.thread_block().unwrap();
            act()
        });
        blocked.join().unwrap()
    })
}

fn each_way_of_blocking() -> [SigSet; 3] {
    let of = |signals: &[Blocked]| signals.iter().copied().collect();
    [
        of(&[Blocked::SIGTERM]),
        of(&[
            Blocked::SIGCHLD,
            Blocked::SIGUSR1,
            Blocked::SIGUSR2,
            Blocked::SIGALRM,
        ]),
        SigSet::all(),
    ]
}

const WAYS: [&str; 4] = [
    "withdraw 1",
    "parallel --op withdraw=1",
    "queue --op withdraw=1",
    "pipe --op withdraw=1",
];

fn with_ten() -> Ledger {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    ledger
}

fn command(ledger: &Ledger, words: &str, script: &str) -> Command {
    let mut command = ledger.command(words);
    command.args(["--", "sh", "-c", script]);
    command
}

#[test]
#[ignore = "slow: waits for many deadlines"]
fn signals_that_the_caller_blocked_void_no_deadline() {
    for signals in each_way_of_blocking() {
        for way in WAYS {
            let ledger = with_ten();
            let late = command(&ledger, &format!("{way} --timeout 100ms"), "sleep 999");
            let run = blocking(signals, || Running::start(late)).finish();
            assert_eq!(run.code(), 6, "{run:?}");
            assert_eq!(ledger.money("main"), ["10.00", "0.00", "10.00"]);
        }
    }
}

#[test]
fn signals_that_the_caller_blocked_leave_no_orphans() {
    for way in WAYS {
        let ledger = with_ten();
        let family = command(&ledger, way, FAMILY);
        let family = blocking(SigSet::all(), || Family::start(family));
        family.parent().kill();
        family.end();
        assert_eq!(ledger.money("main"), ["10.00", "1.00", "9.00"]);
    }
}

#[test]
fn a_command_blocks_and_ignores_nothing_of_what_is_ours() {
    // The terminal's signals are the caller's to ignore.
    const SCRIPT: &str = "grep -E 'Sig(Blk|Ign)' /proc/self/status > said";
    for way in WAYS {
        let ledger = with_ten();
        let folder = Path::new(&ledger.path()).with_file_name("");
        let mut sh = Command::new("sh");
        let ignoring = "trap '' TERM CHLD PIPE USR1 USR2 ALRM; exec \"$0\" \"$@\"";
        sh.args(["-c", ignoring, env!("CARGO_BIN_EXE_bank-par")])
            .args(way.split(' '))
            .args(["--", "sh", "-c", SCRIPT])
            .env("BANK_PAR_LEDGER", ledger.path())
            .current_dir(&folder);
        let run = blocking(SigSet::all(), || Running::start(sh)).finish();
        assert_eq!(run.code(), 0, "{run:?}");
        let said = std::fs::read_to_string(folder.join("said")).unwrap();
        let sets: Vec<u64> = said
            .lines()
            .map(|line| u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap())
            .collect();
        let bit = |signal: i32| 1u64 << (signal - 1);
        let ours = [15, 17, 13, 10, 12, 14].map(bit).iter().sum::<u64>();
        assert_eq!((sets[0], sets[1] & ours), (0, 0), "{way}: {said}");
    }
}

#[test]
fn signals_that_the_caller_ignored_void_no_deadline() {
    for way in WAYS {
        let ledger = with_ten();
        let mut sh = Command::new("sh");
        let ignoring = "trap '' TERM CHLD PIPE INT HUP USR1 USR2 ALRM; exec \"$0\" \"$@\"";
        sh.args(["-c", ignoring, env!("CARGO_BIN_EXE_bank-par")])
            .args(way.split(' '))
            .args(["--timeout", "100ms", "--", "sleep", "999"])
            .env("BANK_PAR_LEDGER", ledger.path());
        let run = Running::start(sh).finish();
        assert_eq!(run.code(), 6, "{run:?}");
    }
}

#[test]
fn streams_that_are_closed_harm_nobody() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        for way in WAYS {
            let ledger = with_ten();
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("exec \"$0\" \"$@\" {closed}")])
                .arg(env!("CARGO_BIN_EXE_bank-par"))
                .args(way.split(' '))
                .args(["--", "sh", "-c", "echo a; echo b >&2; exit 0"])
                .env("BANK_PAR_LEDGER", ledger.path());
            let run = Running::start(sh).finish();
            assert_eq!(run.code(), 0, "{way} {closed}: {run:?}");
            assert_eq!(ledger.money("main"), ["9.00", "0.00", "9.00"]);
            ledger.verify();
        }
    }
}

/// Starts the program as the first process of a container; nothing where that may not be done.
fn start_first(ledger: &Ledger, words: &str) -> Option<(Running, Process)> {
    let unshare = ["--fork", "--pid", "--mount-proc", "--kill-child"];
    let may = |more: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(more).args(unshare).arg("true");
        command.stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let more: &[&str] = match (may(&[]), may(&["--map-root-user"])) {
        (true, _) => &[],
        (_, true) => &["--map-root-user"],
        _ => return None,
    };
    let mut command = Command::new("unshare");
    command
        .args(more)
        .args(unshare)
        .arg(env!("CARGO_BIN_EXE_bank-par"))
        .args(words.split(' '))
        .env("BANK_PAR_LEDGER", ledger.path())
        .current_dir(Path::new(&ledger.path()).with_file_name(""));
    let running = Running::start(command);
    let outside = Process(running.pid.cast_signed());
    let first = until("the first process", || {
        let child = outside.any_child()?;
        (child.name()? == "bank-par").then_some(child)
    });
    Some((running, first))
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn the_first_process_of_a_container_ends_by_the_status_of_a_signal() {
    const CASES: [(&str, &str); 7] = [
        (
            "parallel --op withdraw=1 --time-scale 1.25 --output json",
            "held",
        ),
        (
            "queue --op withdraw=1 --time-scale 1.25 --output json",
            "held",
        ),
        (
            "pipe --op withdraw=1 --time-scale 1.25 --output json",
            "held",
        ),
        (
            "server-share --op withdraw=1 --op deposit=1 --time-scale 1.25 --output json",
            "started",
        ),
        ("withdraw 1 -- sh ready", "ready"),
        ("serve --socket private/socket", "private/socket"),
        ("history --follow", "deposit"),
    ];
    at_once(CASES.len(), |case| {
        let (words, is_ready) = CASES[case];
        let ledger = with_ten();
        let script = Path::new(&ledger.path()).with_file_name("ready");
        std::fs::write(script, "echo ready; exec sleep 999").unwrap();
        let Some((mut running, first)) = start_first(&ledger, words) else {
            return;
        };
        while !running.hear().contains(is_ready) {}
        first.signal(Signal::TERM);
        let run: Run = running.finish();
        assert_eq!(run.status.code(), Some(128 + 15), "{words}: {run:?}");
        ledger.verify();
    });
}

#[test]
fn a_server_reaps_what_a_container_leaves_to_its_first_process() {
    let ledger = with_ten();
    let Some((mut running, first)) = start_first(&ledger, "serve --socket private/socket") else {
        return;
    };
    running.hear();
    // A process that leaves another one to the first.
    let pid = first.0.to_string();
    let mut orphan = Command::new("nsenter");
    orphan.args(["--target", &pid, "--pid", "--mount", "--user", "sh", "-c"]);
    orphan.arg("(sleep 0.05 &) ; exit 0").stderr(Stdio::null());
    if orphan.status().is_ok_and(|status| status.success()) {
        until("the orphan to be reaped", || {
            first.any_child().is_none().then_some(())
        });
    }
    first.signal(Signal::TERM);
    assert_eq!(running.finish().status.code(), Some(128 + 15));
}
