//! Where a server listens, and how it is found.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use super::{Served, serve, socket_in, start};
use crate::cli::{Running, program};
use crate::ledger::Ledger;

#[test]
fn a_living_server_is_not_displaced() {
    let served = Served::start();
    let run = Running::start(serve(&served.ledger, &served.socket(), &[])).finish();
    assert_eq!(run.code(), 2);
    let who = format!("process {} listens on", served.server.pid);
    assert!(run.stderr.contains(&who), "{run:?}");
    served.say("deposit 1");
    // Nor is one that is stopped.
    served.signal(Signal::STOP);
    let run = Running::start(serve(&served.ledger, &served.socket(), &[])).finish();
    assert_eq!(run.code(), 2);
    served.signal(Signal::CONT);
    served.say("deposit 1");
}

#[test]
fn a_socket_lies_where_only_its_user_can_reach_it() {
    let served = Served::start();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    let socket = served.socket();
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    assert!(
        fs::symlink_metadata(&socket)
            .unwrap()
            .file_type()
            .is_socket()
    );
    let (ledger, _) = served.end();
    assert!(!socket.exists());

    let folder = tempfile::tempdir().unwrap();
    let refused = |socket: &Path, why: &str| {
        let run = Running::start(serve(&ledger, socket, &[])).finish();
        assert_eq!(run.code(), 2, "{run:?}");
        assert!(run.stderr.contains(why), "{run:?}");
    };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
    refused(
        &folder.path().join("bank"),
        "a folder that only you can enter",
    );
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    refused(&folder.path().join("x".repeat(108)), "1 to 107 bytes");
    File::create(folder.path().join("file")).unwrap();
    refused(&folder.path().join("file"), "not a socket");
    assert!(folder.path().join("file").exists());
    let beside = folder.path().join("file-journal");
    refused(&beside, "would be a file beside");
    assert!(!beside.exists());
}

#[test]
fn a_client_without_a_server_says_what_to_do() {
    let ledger = Ledger::created();
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(folder.path());
    let address = format!("unix:{}", socket.display());
    let ask = || {
        let mut command = ledger.command("balance");
        command.env("BANK_PAR_LEDGER", &address);
        let run = Running::start(command).finish();
        assert_eq!(run.code(), 8, "{run:?}");
        run.stderr
    };
    assert!(ask().contains("is not there: start it with `bank-par serve`"));
    let server = start(&ledger, folder.path(), &[]);
    server.kill();
    server.finish();
    assert!(ask().contains("has ended and left its socket"));
}

#[test]
fn a_script_needs_no_sleep() {
    let ledger = Ledger::created();
    let script = r#"
        line=$(bank-par serve --socket run/bank --background) || exit
        pid=${line##*(pid }
        export BANK_PAR_LEDGER=unix:run/bank
        bank-par deposit 5 --account ops
        kill "${pid%)}"
        # A server that cannot start tells how it ended.
        bank-par serve --ledger "$PWD" --socket run/other --background
        echo "status $?""#;
    let run = ledger.script(script);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "posted deposit 5.00 ops balance 5.00 available 5.00 seq 1",
            "status 8"
        ],
        "{run:?}"
    );
}

/// The reader of its streams sees their end, though the server lives on.
#[test]
fn a_server_in_the_background_keeps_none_of_the_callers_streams() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let script = r#"
        line=$(bank-par serve --socket run/bank --background 2>&1 </dev/null) || exit
        pid=${line##*(pid }; pid=${pid%)}
        echo "$line" | sed "s/$pid/PID/"
        ps -o sid= -p "$pid" | grep -qw "$pid" && echo "its own session"
        export BANK_PAR_LEDGER=unix:run/bank
        bank-par deposit 1 && kill "$pid"
        echo mine > run/other.log
        bank-par serve --ledger bank.db --socket run/other --background; echo "status $?"
        cat run/other.log"#;
    let run = ledger.script(script);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "listening on unix:run/bank, log in run/bank.log (pid PID)",
            "its own session",
            "posted deposit 1.00 main balance 2.00 available 2.00 seq 2",
            "status 2",
            "mine"
        ],
        "{run:?}"
    );
    assert!(run.stderr.contains("`run/other.log`"), "{run:?}");
}

/// A stderr that takes nothing, and a client that is sent away.
#[test]
fn a_log_that_takes_nothing_keeps_no_client_waiting() {
    let ledger = Ledger::new();
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(folder.path());
    let (_full, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[0; 4_096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    ledger.say("deposit 1");
    let mut server = serve(&ledger, &socket, &[]);
    let mut server = server
        .stdout(Stdio::piped())
        .stderr(writer)
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    for _ in 0..3 {
        let mut hostile = UnixStream::connect(&socket).unwrap();
        hostile.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let _ = hostile.read_to_end(&mut Vec::new());
        ledger.say(&format!("deposit 1 --ledger unix:{}", socket.display()));
    }
    super::signal(server.id(), Signal::TERM);
    assert_eq!(server.wait().unwrap().signal(), Some(15));
}

#[test]
fn only_a_file_is_served() {
    for (place, why) in [
        ("memory", "ends with this command"),
        ("unix:x", "not another server"),
    ] {
        let words = ["serve", "--ledger", place, "--socket", "sockets/bank"];
        let run = Running::start(program(&words)).finish();
        assert_eq!(run.code(), 2);
        assert!(run.stderr.contains(why), "{run:?}");
    }
}
