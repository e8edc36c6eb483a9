//! A second user of the machine, who gets in nowhere. To become one takes root.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::cli::{Run, Running, install};
use crate::faults::start;
use crate::ledger::Ledger;
use crate::serve::Served;
use crate::web::Page;

/// The user and the group that are no one's.
const OTHER: u32 = 65_534;

/// The program where a second user can start it; nothing where this process is not root and so cannot be one.
struct OtherUser {
    folder: TempDir,
}

impl OtherUser {
    #[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not checked: only root can become another user");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let path = folder.path().join("bank-par");
        install(env!("CARGO_BIN_EXE_bank-par"), path.to_str().unwrap());
        Some(OtherUser { folder })
    }

    fn run(&self, words: &str, ledger: &str) -> Run {
        let mut command = Command::new(self.folder.path().join("bank-par"));
        command
            .args(words.split(' '))
            .env("BANK_PAR_LEDGER", ledger);
        become_other(&mut command);
        Running::start(command).finish()
    }

    fn shell(&self, script: &str) -> Run {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        become_other(&mut command);
        Running::start(command).finish()
    }

    #[track_caller]
    fn is_refused(&self, words: &str, ledger: &str, status: i32) {
        let run = self.run(words, ledger);
        assert_eq!(
            (run.code(), run.stdout.as_str()),
            (status, ""),
            "{words}: {run:?}"
        );
    }
}

fn become_other(command: &mut Command) {
    command.uid(OTHER).gid(OTHER).current_dir("/");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn folder_of(ledger: &Ledger) -> PathBuf {
    Path::new(&ledger.path()).parent().unwrap().to_path_buf()
}

#[test]
fn another_user_reads_and_writes_no_ledger_that_is_not_theirs() {
    let Some(other) = OtherUser::new() else {
        return;
    };
    let ledger = Ledger::new();
    ledger.say("deposit 100 --id first");
    let path = ledger.path();
    let before = fs::read(&path).unwrap();
    // Its folder is its user's own; then the file alone is.
    for (folder, file) in [(0o700, 0o644), (0o755, 0o600)] {
        set_mode(&folder_of(&ledger), folder);
        set_mode(Path::new(&path), file);
        for words in ["balance", "history", "verify", "deposit 1", "hold 1 --id x"] {
            other.is_refused(words, &path, 8);
        }
    }
    // Those who may read it read it, and change nothing.
    set_mode(Path::new(&path), 0o644);
    assert!(
        other
            .run("balance", &path)
            .expect(0)
            .stdout
            .contains("100.00")
    );
    for words in ["deposit 1", "open ops", "hold 1 --id x"] {
        other.is_refused(words, &path, 8);
    }
    assert!(fs::read(&path).unwrap() == before);
    ledger.verify();
}

#[test]
fn another_user_reaches_no_served_ledger() {
    let Some(other) = OtherUser::new() else {
        return;
    };
    let served = Served::start();
    served.say("deposit 100");
    let address = served.address();
    other.is_refused("balance", &address, 8);
    other.is_refused("deposit 1", &address, 8);
    // Even where its user opens the folder and the socket to all, the server looks who asks.
    let socket = Path::new(address.strip_prefix("unix:").unwrap());
    set_mode(socket, 0o666);
    for folder in socket.ancestors().skip(1).take(2) {
        set_mode(folder, 0o755);
    }
    other.is_refused("balance", &address, 8);
    other.is_refused("deposit 1", &address, 8);
    assert!(served.say("balance").contains("100.00"));
}

#[test]
fn another_user_sees_nothing_behind_the_port_of_a_page() {
    let Some(other) = OtherUser::new() else {
        return;
    };
    let page = Page::start();
    for path in ["/", "/runs", "/?token=link-00", "/runs/1/events"] {
        let port = page.port;
        let ask = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n' >&3; cat <&3"
        );
        let answer = other.shell(&ask).expect(0).stdout;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
        assert!(!answer.contains(&page.token) && !answer.contains("Set-Cookie"));
    }
}

#[test]
fn another_user_reaches_no_run_and_no_worker() {
    let Some(other) = OtherUser::new() else {
        return;
    };
    let run = start(
        "parallel",
        &["--op", "deposit", "--op", "loan", "--time-scale", "9"],
    );
    let workers = run.working(2);
    let private = run.private_folder().unwrap();
    let script = format!(
        "ls '{0}' && exit 1; cat '{0}/server' && exit 1; kill {1} && exit 1; kill {2} && exit 1; exit 7",
        private.display(),
        workers[0].0,
        run.process().0,
    );
    let tried = other.shell(&script);
    assert_eq!((tried.code(), tried.stdout.as_str()), (7, ""), "{tried:?}");
    workers
        .iter()
        .for_each(|worker| assert!(worker.state().is_some()));
    workers.iter().for_each(|worker| worker.kill());
    run.end().check(7, 0, 2);
}
