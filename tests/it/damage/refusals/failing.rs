//! Writes and syncs that the system fails.

use super::*;

/// Has one call on a file of the ledger fail, each time a later one, until none is left to fail.
fn fail_each(call: &str, error: &str, ending: &str, why: &[&str]) {
    let mut failed = 0;
    for number in 1.. {
        let ledger = small_ledger();
        let mut promised = Promised::default();
        promised.hear(&ledger.say("deposit 1 --id before --output json"));
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-o",
            "/dev/null",
            "-P",
            &format!("{}{ending}", ledger.path()),
        ]);
        strace.args(["-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:error={error}:when={number}")]);
        let command = ledger.command("deposit 1 --id late --output json");
        strace.arg(command.get_program()).args(command.get_args());
        strace.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let run = Running::start(strace).finish();
        promised.hear(&run.stdout);
        if run.code() != 0 {
            failed += 1;
            assert_unavailable(&run, "");
            assert!(why.iter().any(|why| run.stderr.contains(why)), "{run:?}");
        }
        let late = promised.posted() - 1;
        // What failed may count or not; asked again, it counts once.
        let again = ledger.run("deposit 1 --id late --output json").expect(0);
        promised.hear(&again.stdout);
        let kept = promised.check(ledger.path().as_ref()).unwrap();
        assert_eq!((promised.posted(), kept.entries), (2, 7), "{run:?}");
        if late == 1 {
            break;
        }
    }
    assert!(failed > 0, "no {call} of {ending} ever failed");
}

#[test]
fn a_failing_write_is_said_and_leaves_nothing_half() {
    if !has_strace() {
        return;
    }
    fail_each("pwrite64", "ENOSPC", "-wal", &["full"]);
}

#[test]
fn a_failing_sync_is_said_and_leaves_nothing_half() {
    if !has_strace() {
        return;
    }
    fail_each("fsync", "EIO", "-wal", &["I/O"]);
}

/// The program on a ledger, with some of the calls on its log failing: `3+` is the third and all
/// behind it.
fn failing(ledger: &Ledger, call: &str, error: &str, which: &str, words: &[&str]) -> Command {
    let mut strace = Command::new("strace");
    let log = format!("{}-wal", ledger.path());
    strace.args([
        "-f",
        "-o",
        "/dev/null",
        "-P",
        &log,
        "-e",
        &format!("trace={call}"),
    ]);
    strace.args(["-e", &format!("inject={call}:error={error}:when={which}")]);
    strace.arg(env!("CARGO_BIN_EXE_bank-par")).args(words);
    strace.env("BANK_PAR_LEDGER", ledger.path());
    strace
}

const NIGHTLY: [&str; 8] = [
    "--run",
    "nightly",
    "--output",
    "json",
    "--jobs",
    "2",
    "--ops-per-worker",
    "20",
];

#[test]
fn a_run_ends_when_a_commit_fails_and_goes_on_when_repeated() {
    if !has_strace() {
        return;
    }
    let input = Written::new("lines.jsonl", kills::lines());
    let ledger = Ledger::new();
    ledger.say("open main");
    let words = [&["parallel", input.path()], &NIGHTLY[..]].concat();
    let broken = Running::start(failing(&ledger, "fsync", "EIO", "3+", &words)).finish();
    assert_eq!(broken.code(), 8, "{broken:?}");
    assert!(
        broken.stderr.contains("not known whether"),
        "{}",
        broken.stderr
    );
    let mut promised = Promised::default();
    promised.hear(&broken.stdout);
    assert!(promised.lines() < kills::LINES);
    let again = crate::cli::run(&[&words[..], &["--ledger", &ledger.path()]].concat());
    promised.hear(&again.stdout);
    assert_eq!(
        (again.code(), promised.lines()),
        (0, kills::LINES),
        "{again:?}"
    );
    let kept = promised.check(ledger.path().as_ref()).unwrap();
    assert_eq!(kept.entries, kills::LINES);
}

/// A write that failed was not done, whatever became of its beginning: it is asked for again until the
/// disk takes it, and each line is done once.
#[test]
#[ignore = "slow: waits until a disk takes what is written"]
fn a_run_waits_until_its_disk_takes_what_it_writes() {
    if !has_strace() {
        return;
    }
    let input = Written::new("lines.jsonl", kills::lines());
    at_once(3, |place| {
        let error = ["ENOSPC", "EIO", "EROFS"][place];
        let ledger = Ledger::new();
        ledger.say("open main");
        let words = [&["parallel", input.path()], &NIGHTLY[..]].concat();
        let run = Running::start(failing(&ledger, "pwrite64", error, "40..44", &words)).finish();
        let new = "bank-par: a new run begins: `nightly`\n";
        assert_eq!((run.code(), run.stderr.as_str()), (0, new), "{error}");
        let mut promised = Promised::default();
        promised.hear(&run.stdout);
        assert_eq!(promised.lines(), kills::LINES);
        let kept = promised.check(ledger.path().as_ref()).unwrap();
        assert_eq!(kept.entries, kills::LINES);
    });
}

/// Reading writes nothing beside the ledger that a full disk has no room for.
#[test]
fn a_ledger_on_a_full_disk_is_read() {
    let ledger = Ledger::new();
    ledger.say("deposit 5");
    for (command, code) in [
        ("balance", 0),
        ("history", 0),
        ("verify", 0),
        ("deposit 1", 8),
    ] {
        // A limit on the size of files is a full disk that anyone can have.
        let run = ledger.script(&format!("ulimit -f 0; bank-par {command}"));
        assert_eq!(run.code(), code, "{command}: {run:?}");
    }
    assert_eq!(ledger.money("main"), ["5.00", "0.00", "5.00"]);
}

#[test]
fn a_server_whose_commit_fails_acknowledges_nothing_more() {
    if !has_strace() {
        return;
    }
    let ledger = Ledger::new();
    let mut promised = Promised::default();
    promised.hear(&ledger.say("deposit 1 --id first --output json"));
    let socket = format!("{}-private/socket", ledger.path());
    let at = format!("unix:{socket}");
    let mut server = Running::start(failing(
        &ledger,
        "fsync",
        "EIO",
        "3+",
        &["serve", "--socket", &socket],
    ));
    assert!(server.hear().contains(&socket));
    let mut failed = 0;
    for number in 0..8 {
        let id = number.to_string();
        let run = crate::cli::run(&[
            "deposit", "1", "--id", &id, "--output", "json", "--ledger", &at,
        ]);
        promised.hear(&run.stdout);
        failed += u32::from(run.code() == 8);
        assert!(
            run.code() == 8 || (run.code() == 0 && failed == 0),
            "{run:?}"
        );
    }
    assert!(failed > 0);
    let _ = kill_process(
        Pid::from_raw(server.pid.cast_signed()).unwrap(),
        Signal::TERM,
    );
    let server = server.finish();
    assert!(server.stderr.contains("not known whether"), "{server:?}");
    promised.check(ledger.path().as_ref()).unwrap();
}
