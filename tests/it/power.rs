//! No acknowledged operation is lost when the power fails.
//!
//! The program is recorded as it works: every write to the ledger's folder, every sync, and what it
//! says on its stdout. From that the disks are rebuilt that a power loss at any sync may leave: with
//! what was not synced dropped, there, or dropped, torn and reordered by chance. On each of them, what
//! had been said by then must be there, nothing may be there twice, and the ledger must go on.
//!
//! `BANK_PAR_POWER=N` checks N disks by chance for each power loss instead of a few.

mod crash;
mod disk;
mod mounted;
mod recording;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tempfile::TempDir;

pub(crate) use crash::image_folder;
use crash::{Found, assert_whole, cut_everywhere};
pub(crate) use disk::{Draws, Unsynced, round};
pub(crate) use mounted::{Mounted, Syncs, can_mount};
pub(crate) use recording::has_strace;
use recording::{Recording, What};

use crate::cli::{Written, program};
use crate::promised::Promised;

pub(crate) const LEDGER: &str = "bank.db";

/// The lines of the run that is recorded.
const LINES: u64 = 150;

/// How many disks by chance are checked for each power loss.
fn by_chance(default: u64) -> u64 {
    let wanted = std::env::var("BANK_PAR_POWER").ok();
    wanted.map_or(default, |wanted| wanted.parse().expect("a number of disks"))
}

/// Holds a disk against what had been said before the power failed.
fn check(folder: &Path, said: &str) -> Result<(), String> {
    let mut promised = Promised::default();
    promised.hear(said);
    promised.check(&folder.join(LEDGER)).map(drop)
}

/// One-shot commands, from the creation of the file on.
fn one_shots() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let mut commands: Vec<String> = [
            "open ops --overdraft 5",
            "deposit 100 --id first",
            "hold 3 --id posted",
            "post posted --amount 2",
            "hold 4 --id voided",
            "void voided",
            "hold 5 --id stays --to rent",
            "transfer 1 --id moved --to rent",
            "withdraw 1000 --id refused",
            "loan 7 --id lent --account ops",
        ]
        .map(String::from)
        .into();
        commands.extend((1..=15).map(|number| format!("deposit 0.{number:02} --id more-{number}")));
        record(&commands)
    })
}

fn record(commands: &[String]) -> Recording {
    let folder = TempDir::new().unwrap();
    let mut recording = Recording::default();
    for words in commands {
        let mut words: Vec<&str> = words.split(' ').collect();
        let ledger = folder.path().join(LEDGER);
        words.extend(["--output", "json", "--ledger", ledger.to_str().unwrap()]);
        let status = recording.add(folder.path(), &program(&words));
        assert!(matches!(status.code(), Some(0 | 1)), "{words:?}: {status}");
    }
    assert_whole(&recording, folder.path());
    recording
}

/// The lines of a run.
fn lines() -> String {
    let line = |number| match number % 3 {
        0 => format!(
            "{{\"op\":\"withdraw\",\"amount\":\"0.{:02}\"}}\n",
            number % 99 + 1
        ),
        1 => format!("{{\"op\":\"deposit\",\"amount\":{number}}}\n"),
        _ => format!("{{\"op\":\"transfer\",\"amount\":\"0.01\",\"to\":\"a{number}\"}}\n"),
    };
    (1..=LINES).map(line).collect()
}

#[test]
fn one_shots_survive_a_power_loss() {
    if !has_strace() {
        return;
    }
    let found = cut_everywhere(one_shots(), by_chance(8), check);
    tell("one-shot commands", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
    assert!(found.cuts > 50 && found.images > 200, "{found:?}");
}

#[test]
fn a_power_loss_during_creation_leaves_nothing_in_the_way() {
    if !has_strace() {
        return;
    }
    let recording = record(&["deposit 1 --id first".to_string()]);
    let found = cut_everywhere(&recording, by_chance(100), check);
    tell("creation", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
}

/// Many workers, of which each does little, so that the batches are small and many; an account that
/// may go below zero, so that their order does not matter.
#[test]
#[ignore = "slow: loses power at many moments"]
fn a_named_run_survives_a_power_loss_and_goes_on() {
    if !has_strace() {
        return;
    }
    let input = Written::new("lines.jsonl", lines());
    let run = format!("parallel {} --run nightly", input.path());
    let recording = record(&[
        "open main --overdraft 1000".to_string(),
        format!("{run} --jobs 4 --ops-per-worker 2"),
    ]);
    let images = AtomicU64::new(0);
    let again = format!("{run} --jobs 1 --ops-per-worker 0");
    let found = cut_everywhere(&recording, by_chance(3), |folder, said| {
        let path = folder.join(LEDGER);
        let mut promised = Promised::default();
        promised.hear(said);
        // Now and then it is seen to its end, which does not create a ledger.
        if path.exists() && images.fetch_add(1, Relaxed).is_multiple_of(16) {
            let words: Vec<&str> = again.split(' ').collect();
            let ledger = ["--output", "json", "--ledger", path.to_str().unwrap()];
            let ended = crate::cli::run(&[&words[..], &ledger].concat());
            promised.hear(&ended.stdout);
            if !matches!(ended.code(), 0 | 1) || promised.lines() != LINES {
                return Err(format!("{} lines: {ended:?}", promised.lines()));
            }
        }
        promised.check(&path).map(drop)
    });
    tell("a named run", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
    assert!(found.cuts > 30 && found.images > 60, "{found:?}");
}

/// Large batches let the log grow, and it is copied back and removed at the end; what comes later begins
/// a new one.
#[test]
fn large_batches_survive_a_power_loss() {
    if !has_strace() {
        return;
    }
    let input = Written::new("lines.jsonl", lines().repeat(4));
    let run = |name| {
        format!(
            "parallel {} --run {name} --ops-per-worker 0 --jobs 2",
            input.path()
        )
    };
    let deposit = |name| format!("deposit 1 --id {name}");
    let recording = record(&[
        "open main --overdraft 1000".to_string(),
        run("one"),
        deposit("between"),
        run("two"),
        deposit("last"),
    ]);
    let removed = |what: &What| matches!(what, What::Removed(name) if name.ends_with("-wal"));
    assert!(recording.steps.iter().any(|step| removed(&step.what)));
    let found = cut_everywhere(&recording, by_chance(3), check);
    tell("large batches", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
    assert!(found.cuts > 10 && found.images > 20, "{found:?}");
}

/// What clients of a server were told is durable, too. All of it is one recording: the server's writes
/// and syncs, and what its clients say.
#[test]
fn what_a_server_acknowledged_survives_a_power_loss() {
    if !has_strace() {
        return;
    }
    let recording = served();
    let found = cut_everywhere(recording, by_chance(3), check);
    tell("a server", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
    assert!(found.cuts > 12 && found.images > 30, "{found:?}");
    let early = cut_everywhere(&recording.said_early(), 1, check);
    assert!(!early.losses.is_empty(), "{early:?}");
}

/// Four shells with twelve commands each through one server.
const SERVED: &str = r#"
    "$0" open main --ledger "$1/bank.db" > "$2/opened" || exit
    pid=$("$0" serve --background --ledger "$1/bank.db" --socket "$2/private/socket" | sed 's/.*pid //; s/)//')
    [ -n "$pid" ] || exit
    for shell in 1 2 3 4; do (
        for number in 1 2 3 4 5 6 7 8 9 10 11 12; do
            "$0" deposit 1 --id "$shell-$number" --ledger "unix:$2/private/socket" --output json
        done
    ) & shells="$shells $!"; done
    wait $shells
    kill "$pid"
"#;

fn served() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let (folder, socket) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut sh = Command::new("sh");
        sh.args(["-c", SERVED, env!("CARGO_BIN_EXE_bank-par")]);
        sh.arg(folder.path()).arg(socket.path());
        let mut recording = Recording::default();
        assert!(recording.add(folder.path(), &sh).success());
        assert_whole(&recording, folder.path());
        recording
    })
}

/// After a failed sync the system shows what is not on the disk and never will be. What is acknowledged
/// later must not depend on it: neither where one sync fails, nor where the log cannot be copied back
/// either and stays for the next process.
#[test]
fn what_is_acknowledged_after_a_failed_sync_survives_a_power_loss() {
    if !has_strace() {
        return;
    }
    for failing in ["1", "1+"] {
        let recording = with_failing_syncs(failing);
        let found = cut_everywhere(&recording, by_chance(12), check);
        tell("a failed sync", &found);
        assert!(found.losses.is_empty(), "{failing}: {:#?}", found.losses);
        assert!(recording.fails() && found.cuts > 15, "{found:?}");
    }
}

/// Commands of which one has these of its syncs fail, and is repeated later.
fn with_failing_syncs(failing: &str) -> Recording {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(LEDGER);
    let mut recording = Recording::default();
    for id in ["a", "b", "fails", "c", "fails", "d"] {
        let words = ["deposit", "1", "--id", id, "--output", "json"];
        let ledger = ["--ledger", path.to_str().unwrap()];
        let command = program(&[&words[..], &ledger].concat());
        // The first time that it is tried.
        let fails = id == "fails" && !recording.fails();
        let inject = ["-e", &format!("inject=fsync:error=EIO:when={failing}")];
        let more = if fails { &inject[..] } else { &[] };
        let status = recording.add_with(folder.path(), &command, more);
        assert_eq!(status.code(), Some(if fails { 8 } else { 0 }));
    }
    recording
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn planted_faults_are_found() {
    if !has_strace() {
        return;
    }
    let right = one_shots();
    let log = |what: &What| matches!(what, What::SyncedFile { name, .. } if name.ends_with("-wal"));
    let file = |what: &What| matches!(what, What::SyncedFile { name, .. } if name == LEDGER);
    let folder = |what: &What| matches!(what, What::SyncedFolder { .. });
    let faults = [
        ("no sync", right.without_syncs(|_| true)),
        ("no sync of the log", right.without_syncs(log)),
        ("no sync of the file", right.without_syncs(file)),
        ("no sync of the folder", right.without_syncs(folder)),
        ("said before the sync", right.said_early()),
    ];
    for (fault, recording) in faults {
        let found = cut_everywhere(&recording, by_chance(4), check);
        assert!(!found.losses.is_empty(), "{fault}: {found:?}");
        println!("planted, {fault}: 1 tried, 1 found");
    }
}

#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn tell(what: &str, found: &Found) {
    let Found {
        cuts,
        images,
        losses,
    } = found;
    println!(
        "{what}: {cuts} power losses, {images} disks, {} lost",
        losses.len()
    );
}
