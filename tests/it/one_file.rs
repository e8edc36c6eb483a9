//! A ledger is one file, whatever is done to it: copied, moved, put back, kept from others.

mod backup;
mod logs;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{Running, Written, program};
use crate::ledger::Ledger;
use logs::{States, states};

fn folder(ledger: &Ledger) -> PathBuf {
    Path::new(&ledger.path()).parent().unwrap().to_owned()
}

/// The names of what is in the ledger's folder.
fn names(ledger: &Ledger) -> Vec<String> {
    let files = fs::read_dir(folder(ledger)).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What is said of a ledger at another path.
fn balance_at(path: &Path) -> String {
    let words = ["balance", "main", "--ledger", path.to_str().unwrap()];
    crate::cli::run(&words).expect(0).stdout
}

/// A process that has the ledger open until it is dropped.
struct Server {
    running: Option<Running>,
    at: String,
}

impl Server {
    fn of(ledger: &Ledger) -> Self {
        let socket = format!("{}-private/socket", ledger.path());
        let words = ["serve", "--ledger", &ledger.path(), "--socket", &socket];
        let mut running = Running::start(program(&words));
        // It says so when clients can connect.
        assert!(running.hear().contains(&socket));
        Server {
            running: Some(running),
            at: format!("unix:{socket}"),
        }
    }

    /// Ends the server by a signal, unless it has ended by itself, and waits for that.
    fn end(mut self, signal: Signal) {
        let running = self.running.take().unwrap();
        let pid = Pid::from_raw(running.pid.cast_signed()).unwrap();
        assert!(matches!(
            kill_process(pid, signal),
            Ok(()) | Err(Errno::SRCH)
        ));
        running.finish();
    }
}

#[test]
fn nothing_lies_beside_an_idle_ledger() {
    let ledger = Ledger::new();
    let lines = Written::new(
        "lines.jsonl",
        "{\"op\":\"deposit\",\"amount\":1}\n".repeat(60),
    );
    let run = format!("parallel {} --run nightly --jobs 2", lines.path());
    let commanded = format!("parallel {} --run paid --jobs 2 -- true", lines.path());
    for words in [
        "deposit 100",
        "withdraw 3 -- true",
        "hold 5 --id held",
        "balance",
        "history",
        "verify",
        &run,
        &commanded,
    ] {
        ledger.say(words);
        assert_eq!(names(&ledger), ["bank.db"], "{words}");
    }
    assert_eq!(ledger.run("withdraw 5 --id x -- false").code(), 1);
    assert_eq!(ledger.run("withdraw 1000").code(), 1);
    Server::of(&ledger).end(Signal::TERM);
    fs::remove_dir(format!("{}-private", ledger.path())).unwrap();
    assert_eq!(names(&ledger), ["bank.db"]);
}

#[test]
fn a_ledger_is_copied_moved_and_closed_off_like_any_file() {
    let ledger = Ledger::new();
    ledger.say("deposit 100");
    ledger.say("withdraw 3");
    let elsewhere = Ledger::new();
    fs::copy(ledger.path(), elsewhere.path()).unwrap();
    assert_eq!(elsewhere.money("main"), ["97.00", "0.00", "97.00"]);
    elsewhere.verify();
    let moved = folder(&ledger).join("budget-run-1");
    fs::rename(ledger.path(), &moved).unwrap();
    assert_eq!(balance_at(&moved), "main\t97.00\t0.00\t97.00\t0.00\n");
    // A run on a ledger whose name begins like that of another.
    let lines = Written::new("lines.jsonl", "{\"op\":\"deposit\",\"amount\":1}\n");
    let budget = folder(&ledger).join("budget");
    let path = budget.to_str().unwrap();
    for words in [
        vec!["deposit", "1"],
        vec!["pipe", lines.path(), "--run", "first"],
    ] {
        crate::cli::run(&[&words[..], &["--ledger", path]].concat()).expect(0);
    }
    assert_eq!(balance_at(&moved), "main\t97.00\t0.00\t97.00\t0.00\n");
}

/// The bytes of a file's header that tell a copy of a ledger in use.
fn mark(path: &str) -> Vec<u8> {
    fs::read(path).unwrap()[72..92].to_vec()
}

#[test]
#[ignore = "slow: a log is waited for before it is refused"]
fn a_copy_of_a_ledger_in_use_is_right_or_refused() {
    let (ledger, copies) = (Ledger::new(), tempfile::tempdir().unwrap());
    ledger.say("deposit 1");
    let copy = |name: &str, endings: &[&str]| {
        let path = copies.path().join(name);
        for ending in endings {
            let to = format!("{}{ending}", path.display());
            fs::copy(ledger.path() + ending, to).unwrap();
        }
        path
    };
    let refused = |path: &Path| {
        for command in ["balance", "verify", "history", "deposit 1"] {
            let mut words: Vec<&str> = command.split(' ').collect();
            words.extend(["--ledger", path.to_str().unwrap()]);
            let said = crate::cli::run(&words);
            let why = said.stderr.contains("was copied or moved while");
            assert!((said.code() == 8) && why, "{command}: {said:?}");
        }
    };
    let server = Server::of(&ledger);
    // Nothing is in the log yet, or everything is in the file.
    assert!(balance_at(&copy("before", &[""])).contains("1.00"));
    let deposit = ["deposit", "100", "--ledger", &server.at];
    crate::cli::run(&deposit).expect(0);
    let alone = copy("alone", &[""]);
    refused(&alone);
    for _ in 0..2 {
        // The second time, nothing lies beside it any more.
        let both = copies.path().join("both");
        if !both.exists() {
            copy("both", &["", "-wal"]);
        }
        assert!(balance_at(&both).contains("101.00"));
    }
    server.end(Signal::KILL);
    refused(&copy("left", &[""]));
    // The file itself, at another path than its log.
    let moved = folder(&ledger).join("moved");
    fs::rename(ledger.path(), &moved).unwrap();
    refused(&moved);
    fs::rename(&moved, ledger.path()).unwrap();
    assert_ne!(mark(&ledger.path()), [0; 20]);
    assert_eq!(ledger.money("main")[0], "101.00");
    assert_eq!(mark(&ledger.path()), [0; 20]);
    assert!(balance_at(&copy("idle", &[""])).contains("101.00"));
    // The way out that the message names.
    fs::write(format!("{}-wal", alone.display()), "").unwrap();
    assert!(balance_at(&alone).contains("1.00"));
    assert!(balance_at(&alone).contains("1.00"));
}

#[test]
fn a_log_that_a_killed_process_left_is_copied_back() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let server = Server::of(&ledger);
    for number in 0..5 {
        let id = number.to_string();
        let words = ["deposit", "1", "--id", &id, "--ledger", &server.at];
        crate::cli::run(&words).expect(0);
    }
    server.end(Signal::KILL);
    assert!(fs::metadata(ledger.path() + "-wal").unwrap().len() > 0);
    assert_eq!(ledger.money("main")[0], "6.00");
    assert!(!fs::exists(ledger.path() + "-wal").unwrap());
    ledger.verify();
}

#[test]
fn what_lies_beside_a_ledger_in_use_has_its_mode() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let server = Server::of(&ledger);
    ledger.say("deposit 2");
    fs::set_permissions(ledger.path(), Permissions::from_mode(0o600)).unwrap();
    ledger.say("deposit 3");
    for ending in ["", "-wal", "-shm"] {
        let about = fs::metadata(ledger.path() + ending).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600, "`{ending}`");
    }
    server.end(Signal::TERM);
}

#[test]
#[ignore = "slow: a log is waited for before it is refused"]
fn what_is_prepared_beside_a_ledger_neither_hangs_nor_misleads() {
    let precious = Written::new("precious", "precious");
    for ending in ["-wal", "-shm", "-journal"] {
        for kind in ["fifo", "link", "dangling", "folder"] {
            let ledger = Ledger::new();
            ledger.say("deposit 1");
            let beside = ledger.path() + ending;
            match kind {
                "fifo" => mknodat(CWD, &beside, FileType::Fifo, Mode::from(0o666), 0).unwrap(),
                "link" => symlink(precious.path(), &beside).unwrap(),
                "dangling" => symlink("nowhere", &beside).unwrap(),
                _ => fs::create_dir(&beside).unwrap(),
            }
            for words in ["deposit 1", "balance", "verify"] {
                let run = ledger.run(words);
                assert_eq!(run.code(), 8, "{kind} {ending}: {run:?}");
                assert!(run.stderr.contains(&beside), "{run:?}");
            }
            assert_eq!(fs::read_to_string(precious.path()).unwrap(), "precious");
        }
    }
}

/// Only root can show this.
#[test]
fn another_users_files_beside_a_ledger_are_not_believed() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let States { files, log } = states();
    let ledger = Ledger::new();
    let beside = ledger.path() + "-wal";
    fs::write(ledger.path(), &files[2]).unwrap();
    fs::write(&beside, &log).unwrap();
    std::os::unix::fs::chown(&beside, Some(12_345), Some(12_345)).unwrap();
    let run = ledger.run("balance");
    assert_eq!(run.code(), 8, "{run:?}");
    assert!(
        run.stderr.contains("may not write to the ledger"),
        "{run:?}"
    );
    // Whoever may write to the ledger may have put it there.
    std::os::unix::fs::chown(ledger.path(), Some(12_345), Some(12_345)).unwrap();
    assert_eq!(ledger.money("main")[0], "6.00");
    // What root leaves behind belongs to the ledger's owner.
    let server = Server::of(&ledger);
    let deposit = ["deposit", "1", "--ledger", &server.at];
    crate::cli::run(&deposit).expect(0);
    server.end(Signal::KILL);
    for ending in ["-wal", "-shm"] {
        let about = fs::metadata(ledger.path() + ending).unwrap();
        let owner = (
            std::os::unix::fs::MetadataExt::uid(&about),
            std::os::unix::fs::MetadataExt::gid(&about),
        );
        assert_eq!(owner, (12_345, 12_345), "{ending}");
    }
}

#[test]
fn a_log_that_was_removed_while_in_use_is_noticed() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let server = Server::of(&ledger);
    crate::cli::run(&["deposit", "1", "--ledger", &server.at]).expect(0);
    for ending in ["-wal", "-shm"] {
        fs::remove_file(ledger.path() + ending).unwrap();
    }
    let run = ledger.run("deposit 1");
    assert_eq!(run.code(), 8, "{run:?}");
    assert!(run.stderr.contains("not the log beside it"), "{run:?}");
    // Nor does the one that has it write into what nobody else finds.
    let late = crate::cli::run(&["deposit", "1", "--ledger", &server.at]);
    assert_eq!(late.code(), 8, "{late:?}");
    assert!(late.stderr.contains("or the log beside it"), "{late:?}");
    server.end(Signal::TERM);
    assert_eq!(ledger.money("main")[0], "2.00");
}

#[test]
fn a_log_in_use_for_a_file_that_was_moved_away_is_not_shared() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let copy = fs::read(ledger.path()).unwrap();
    let server = Server::of(&ledger);
    let moved = folder(&ledger).join("moved.db");
    fs::rename(ledger.path(), &moved).unwrap();
    fs::write(ledger.path(), copy).unwrap();
    let run = ledger.run("deposit 1");
    assert_eq!(run.code(), 8, "{run:?}");
    assert!(run.stderr.contains("end that process"), "{run:?}");
    server.end(Signal::TERM);
    ledger.say("deposit 1");
    assert_eq!(ledger.money("main")[0], "2.00");
}

#[test]
fn a_file_without_a_log_gets_one() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let copy = Ledger::new();
    let sqlite = Connection::open(ledger.path()).unwrap();
    sqlite.execute("VACUUM INTO ?", [copy.path()]).unwrap();
    sqlite.close().map_err(|(_, error)| error).unwrap();
    let sqlite = Connection::open(copy.path()).unwrap();
    let mode = "PRAGMA journal_mode = DELETE";
    sqlite.query_row(mode, [], |_| Ok(())).unwrap();
    sqlite.close().map_err(|(_, error)| error).unwrap();
    copy.say("deposit 1");
    // Where the file's header tells its mode.
    assert_eq!(fs::read(copy.path()).unwrap()[18..20], [2, 2]);
    assert_eq!(copy.money("main")[0], "2.00");
    assert_eq!(names(&copy), ["bank.db"]);
}

#[test]
fn an_empty_file_becomes_a_ledger_and_stays_as_private_as_it_was() {
    let ledger = Ledger::new();
    fs::write(ledger.path(), "").unwrap();
    fs::set_permissions(ledger.path(), Permissions::from_mode(0o600)).unwrap();
    ledger.say("deposit 1");
    let mode = fs::metadata(ledger.path()).unwrap().permissions().mode();
    assert_eq!(
        (mode & 0o777, names(&ledger)),
        (0o600, vec!["bank.db".to_string()])
    );
}

#[test]
fn a_ledger_that_is_gone_is_not_begun_anew_beside_its_log() {
    for ending in ["-wal", "-journal"] {
        let ledger = Ledger::new();
        fs::write(ledger.path() + ending, "what is left").unwrap();
        let run = ledger.run("deposit 1");
        assert_eq!(run.code(), 8, "{run:?}");
        assert!(run.stderr.contains("put that one back"), "{run:?}");
        assert!(!fs::exists(ledger.path()).unwrap());
    }
}
