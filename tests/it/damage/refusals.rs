//! What the system refuses, and what is no ledger: a clear message, 8, and nothing half-done.

mod failing;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};

use super::small_ledger;
use crate::cli::{Run, Running, Written, program};
use crate::kills;
use crate::ledger::{Ledger, at_once};
use crate::power::has_strace;
use crate::promised::Promised;

/// Runs a command of the program on the ledger at `path`.
fn on(path: &str, words: &str) -> Run {
    let words = words.split(' ').chain(["--ledger", path]);
    Running::start(program(&words.collect::<Vec<_>>())).finish()
}

/// Checks that a command refused to go on and said why.
#[track_caller]
fn assert_unavailable(run: &Run, why: &str) {
    assert_eq!((run.code(), run.stdout.as_str()), (8, ""), "{run:?}");
    let said = &run.stderr;
    assert!(
        said.starts_with("bank-par: error: ") && said.lines().count() == 1,
        "{said}"
    );
    assert!(said.contains(why), "not `{why}`: {said}");
}

/// The files in a folder and what is in them.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |entry: fs::DirEntry| {
        let bytes = fs::read(entry.path()).unwrap_or_default();
        (entry.file_name().into_string().unwrap(), bytes)
    };
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| name(entry.unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_no_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    fs::write(path("text"), "a shopping list\n".repeat(100)).unwrap();
    fs::write(path("short"), "SQLite format 3\0").unwrap();
    fs::create_dir(path("folder")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    let other = Connection::open(path("other.db")).unwrap();
    other
        .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)")
        .unwrap();
    other.close().unwrap();
    let ledger = small_ledger();
    for (name, sql) in [
        ("newer.db", "PRAGMA user_version = 9"),
        ("more.db", "CREATE TABLE more(x)"),
    ] {
        fs::copy(ledger.path(), path(name)).unwrap();
        let changed = Connection::open(path(name)).unwrap();
        changed.execute_batch(sql).unwrap();
        changed.close().unwrap();
    }
    let before = files(folder.path());
    for (name, why) in [
        ("text", "another program wrote it"),
        ("short", "it is too short"),
        ("folder", "it is a directory"),
        ("other.db", "another program wrote it"),
        ("newer.db", "it has format 9"),
        ("more.db", "its tables are not those of a ledger"),
        ("missing/bank.db", "No such file or directory"),
        ("dangling", "it is a link to nothing"),
        ("text/bank.db", "Not a directory"),
    ] {
        for words in ["deposit 1", "balance", "hold 1", "history", "verify"] {
            assert_unavailable(&on(&path(name), words), why);
        }
    }
    let side = |files: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
        // A file that is ours by its header is opened, which leaves these beside it.
        let ours = |name: &str| name.starts_with("more.db-");
        files.into_iter().filter(|(name, _)| !ours(name)).collect()
    };
    assert_eq!(side(files(folder.path())), before);
    assert_unavailable(&on("/dev/null", "deposit 1"), "it is no regular file");
}

/// Runs a script with a file system of its own mounted on `place`, which only it sees, if the system
/// allows that.
fn in_own_mounts(place: &Path, mount: &str, script: &str) -> Option<Run> {
    let mut allowed = Command::new("unshare");
    allowed
        .args(["-rm", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !allowed.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["-rm", "sh", "-c", &format!("{mount} && {script}")]);
    unshare
        .env("PLACE", place)
        .env("BANK_PAR", env!("CARGO_BIN_EXE_bank-par"));
    unshare.env_remove("BANK_PAR_LEDGER");
    Some(Running::start(unshare).finish())
}

#[test]
fn a_full_disk_takes_nothing_back_and_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    // 400 KiB hold a few dozen one-shot commands. Then the disk is full, and then it is not.
    let script = r#"
        touch "$PLACE/spare" && dd if=/dev/zero of="$PLACE/spare" bs=4096 count=10 2>/dev/null
        number=0
        while :; do
            "$BANK_PAR" deposit 1 --id "$number" --ledger "$PLACE/bank.db" --output json
            status=$?; [ $status = 0 ] || break
            number=$((number + 1)); [ $number -lt 1000 ] || exit 99
            dd if=/dev/zero bs=4096 count=2 >>"$PLACE/spare" 2>/dev/null
        done
        echo "status $status" >&2
        "$BANK_PAR" runs --ledger "$PLACE/bank.db" >&2 || echo "runs ended with $?" >&2
        rm "$PLACE/spare"
        "$BANK_PAR" deposit 1 --id again --ledger "$PLACE/bank.db" --output json
        "$BANK_PAR" verify --ledger "$PLACE/bank.db" >&2
        cp "$PLACE"/* "$KEPT"
    "#;
    let script = script.replace("$KEPT", kept.path().to_str().unwrap());
    let mount = r#"mount -t tmpfs -o size=400k none "$PLACE""#;
    let Some(run) = in_own_mounts(folder.path(), mount, &script) else {
        return;
    };
    assert_eq!(run.code(), 0, "{run:?}");
    let mut said = run.stderr.lines();
    assert!(said.next().unwrap().contains("full"), "{run:?}");
    assert_eq!(said.next(), Some("status 8"), "{run:?}");
    assert!(said.next().unwrap().starts_with("ok: "), "{run:?}");
    let mut promised = Promised::default();
    promised.hear(&run.stdout);
    assert!(promised.posted() > 2, "{run:?}");
    let kept = promised.check(&kept.path().join("bank.db")).unwrap();
    assert_eq!(kept.entries, promised.posted());
}

#[test]
#[ignore = "slow: waits until a disk takes what is written"]
fn a_log_that_a_full_disk_keeps_is_no_question_of_permission() {
    let folder = tempfile::tempdir().unwrap();
    // A run fills the disk, and what its log holds has no room in the file.
    let script = r#"
        export BANK_PAR_LEDGER="$PLACE/bank.db"
        "$BANK_PAR" init >&2
        yes '{"op":"deposit","amount":1}' | head -n 10000 | "$BANK_PAR" pipe - --ops-per-worker 0 -q
        echo "status $?" >&2
        for command in balance verify; do "$BANK_PAR" $command >&2 || echo "status $?" >&2; done
    "#;
    let mount = r#"mount -t tmpfs -o size=400k none "$PLACE""#;
    let Some(run) = in_own_mounts(folder.path(), mount, script) else {
        return;
    };
    assert!(run.stderr.contains("status 8"), "{run:?}");
    assert!(!run.stderr.contains("permission"), "{run:?}");
}

#[test]
fn a_file_that_may_not_grow_takes_nothing_back_and_nothing_half() {
    let ledger = Ledger::new();
    let mut promised = Promised::default();
    promised.hear(&ledger.say("deposit 1 --id 0 --output json"));
    // In blocks of 512 bytes, and without the signal that would end the program.
    let script = r#"trap "" XFSZ; ulimit -f 114
        for number in $(seq 300); do bank-par deposit 1 --id $number --output json || exit; done"#;
    let run = ledger.script(script);
    assert_eq!(run.code(), 8, "{run:?}");
    assert!(run.stderr.contains("disk I/O error"), "{run:?}");
    promised.hear(&run.stdout);
    let kept = promised.check(ledger.path().as_ref()).unwrap();
    assert_eq!(kept.entries, promised.posted());
}

/// Runs these commands on the ledger with its folder, or the file alone, mounted so that it may only be
/// read, and tells what each ended with; nothing where the system does not allow that.
fn in_a_read_only(place: &Path, ledger: &Ledger, commands: &[&str]) -> Option<(Vec<i32>, Run)> {
    let command = |words: &&str| {
        let path = ledger.path();
        format!(r#""$BANK_PAR" {words} --ledger "{path}" >&2; echo $?"#)
    };
    let script: Vec<String> = commands.iter().map(command).collect();
    let readonly = r#"mount --bind "$PLACE" "$PLACE" && mount -o remount,bind,ro "$PLACE""#;
    let run = in_own_mounts(place, readonly, &format!("{{ {}; }}", script.join("; ")))?;
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    let ends = run.stdout.lines().map(|end| end.parse().unwrap());
    Some((ends.collect(), run))
}

#[test]
fn what_may_only_be_read_is_read_and_not_written() {
    let ledger = small_ledger();
    let folder = Path::new(&ledger.path()).parent().unwrap().to_owned();
    let before = files(&folder);
    let commands = [
        "deposit 1",
        "hold 1",
        "open other",
        "balance main",
        "history",
        "verify",
    ];
    let Some((ends, run)) = in_a_read_only(&folder, &ledger, &commands) else {
        return;
    };
    assert_eq!(ends, [8, 8, 8, 0, 0, 0], "{run:?}");
    let refused = run.stderr.matches("Read-only file system").count();
    assert_eq!(refused, 3, "{run:?}");
    assert!(run.stderr.contains("main\t117.00\t5.00\t112.00"), "{run:?}");
    assert_eq!(files(&folder), before);
}

#[test]
fn a_log_that_cannot_be_copied_back_is_not_passed_over() {
    let ledger = small_ledger();
    let folder = Path::new(&ledger.path()).parent().unwrap().to_owned();
    let log = format!("{}-wal", ledger.path());
    let reader = Connection::open(ledger.path()).unwrap();
    reader
        .query_row("SELECT count(*) FROM entries", [], |_| Ok(()))
        .unwrap();
    ledger.say("deposit 1 --id late");
    let left = (fs::read(ledger.path()).unwrap(), fs::read(&log).unwrap());
    drop(reader);
    fs::write(ledger.path(), left.0).unwrap();
    fs::write(&log, left.1).unwrap();
    let commands = ["balance main", "history", "verify"];
    let Some((ends, run)) = in_a_read_only(&folder, &ledger, &commands) else {
        return;
    };
    assert_eq!(ends, [8, 8, 8], "{run:?}");
    assert!(run.stderr.contains(&log), "{run:?}");
    assert_eq!(ledger.money("main"), ["118.00", "5.00", "113.00"]);
}

#[test]
fn a_file_that_is_mounted_by_itself_is_refused() {
    let ledger = small_ledger();
    let commands = ["deposit 1", "balance", "verify"];
    let Some((ends, run)) = in_a_read_only(ledger.path().as_ref(), &ledger, &commands) else {
        return;
    };
    assert_eq!(ends, [8; 3], "{run:?}");
    let why = "mount the folder that it is in";
    assert_eq!(run.stderr.matches(why).count(), 3, "{run:?}");
}
