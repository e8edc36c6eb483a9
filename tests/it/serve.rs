//! A served ledger, and clients of every kind.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bank_par::bank::{Action, Amount, Asked, Caller, Id, Name, Operation, Outcome, Request};
use bank_par::store::{Access, LedgerError, Place, RunName};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cli::{Run, Running, program};
use crate::ledger::{Ledger, at_once};

/// A ledger, and a server in front of it.
struct Served {
    ledger: Ledger,
    folder: TempDir,
    server: Running,
}

impl Served {
    fn start() -> Self {
        Self::over(Ledger::new(), &[])
    }

    fn over(ledger: Ledger, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = start(&ledger, folder.path(), arguments);
        Served {
            ledger,
            folder,
            server,
        }
    }

    fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }

    fn address(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// A command that is a client of the server.
    fn command(&self, words: &str) -> Command {
        let mut command = self.ledger.command(words);
        command.env("BANK_PAR_LEDGER", self.address());
        command
    }

    fn run(&self, words: &str) -> Run {
        Running::start(self.command(words)).finish()
    }

    #[track_caller]
    fn say(&self, words: &str) -> String {
        self.run(words).expect(0).stdout
    }

    /// A client within this process.
    fn client(&self) -> Box<dyn bank_par::store::Ledger> {
        Place::Server(self.socket()).open(Access::Create).unwrap()
    }

    /// A connection that says what it wants.
    fn connection(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    fn signal(&self, which: Signal) {
        signal(self.server.pid, which);
    }

    /// Ends the server with SIGTERM; returns the ledger and what the server said.
    fn end(self) -> (Ledger, Run) {
        self.signal(Signal::TERM);
        let run = self.server.finish();
        assert_eq!(run.status.signal(), Some(15), "{run:?}");
        (self.ledger, run)
    }
}

fn signal(pid: u32, which: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, which).unwrap();
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("sockets/bank")
}

fn serve(ledger: &Ledger, socket: &Path, arguments: &[&str]) -> Command {
    let mut command = program(&["serve", "--ledger", &ledger.path(), "--socket"]);
    command.arg(socket).args(arguments);
    command
}

/// Starts a server, and waits until it listens.
fn start(ledger: &Ledger, folder: &Path, arguments: &[&str]) -> Running {
    let socket = socket_in(folder);
    let mut server = Running::start(serve(ledger, &socket, arguments));
    let ready = format!(
        "listening on unix:{} (pid {})",
        socket.display(),
        server.pid
    );
    assert_eq!(server.hear(), ready);
    server
}

fn execute(id: Option<&str>, account: &str, minor: i64) -> Asked {
    let operation = Operation {
        id: id.map(|id| Id::new(id).unwrap()),
        account: Name::user(account).unwrap(),
        action: Action::Deposit(Amount::new(minor).unwrap()),
    };
    Asked {
        caller: Caller::default(),
        request: Request::Execute(operation),
    }
}

/// A frame: its length, its kind, a number, its body.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 5) as u32;
    [&length.to_le_bytes()[..], &[kind], &[0; 4], body].concat()
}

fn greeting(version: u32) -> Vec<u8> {
    frame(16, &version.to_le_bytes())
}

#[test]
fn a_served_ledger_answers_as_the_file_does() {
    let direct = Ledger::new();
    let served = Served::start();
    for words in [
        "open ops --overdraft 10",
        "deposit 20 --account ops",
        "withdraw 25.5 --account ops --output json",
        "withdraw 500 --account ops",
        "transfer 1 --account ops --to rent --id a",
        "transfer 1 --account ops --to rent --id a",
        "transfer 2 --account ops --to rent --id a",
        "hold 3 --account ops --id h",
        "post h --amount 2",
        "void h",
        "void nothing",
        "balance",
        "balance ops nobody",
        "verify",
    ] {
        let (here, there) = (direct.run(words), served.run(words));
        let told = |run: &Run| {
            // The chain's end depends on when things happened.
            let stdout = run.stdout.lines().filter(|line| !line.starts_with("end "));
            (run.code(), stdout.collect::<String>(), run.stderr.clone())
        };
        assert_eq!(told(&here), told(&there), "{words}");
    }
    let (ledger, run) = served.end();
    assert_eq!(run.stderr, "");
    assert_eq!(ledger.say("balance"), direct.say("balance"));
}

#[test]
fn long_lists_come_whole() {
    let served = Served::start();
    let mut client = served.client();
    let long = "x".repeat(60);
    // More than fits one message, whatever the limit of a page is.
    let batch = (0..1_500).map(|n| execute(Some(&format!("{n}-{long}")), &format!("a{n}"), 1));
    let answers = client.transact(batch.collect()).unwrap();
    let seqs = answers
        .into_iter()
        .map(|answer| match answer.unwrap().outcome {
            Outcome::Posted { seq, .. } => seq,
            other => panic!("{other:?}"),
        });
    assert!(seqs.eq(1..=1_500));
    drop(client);
    assert_eq!(served.say("history").lines().count(), 1_500);
    assert_eq!(served.say("balance").lines().count(), 1_502);
    let names: Vec<Name> = (0..1_200)
        .map(|n| Name::user(&format!("a{n}")).unwrap())
        .collect();
    let standings = served.client().look_up(&names).unwrap();
    assert!(
        standings
            .iter()
            .map(|standing| &standing.as_ref().unwrap().name)
            .eq(&names)
    );
}

#[test]
fn what_was_acknowledged_survives_the_server() {
    let served = Served::start();
    let (place, pid) = (Place::Server(served.socket()), served.server.pid);
    let counts = at_once(4, |thread| {
        let mut client = place.open(Access::Create).unwrap();
        let mut count = 0;
        loop {
            let asked = execute(Some(&format!("{thread}-{count}")), "ops", 1);
            match client.transact(vec![asked]) {
                Ok(_) => count += 1,
                Err(LedgerError::Server { .. }) => return count,
                Err(other) => panic!("{other}"),
            }
            if count == 50 && thread == 0 {
                signal(pid, Signal::KILL);
            }
        }
    });
    let Served {
        ledger,
        folder,
        server,
    } = served;
    assert_eq!(server.finish().status.signal(), Some(9));
    // The dead server's socket is replaced.
    let server = start(&ledger, folder.path(), &[]);
    let served = Served {
        ledger,
        folder,
        server,
    };
    let mut client = served.client();
    for (thread, count) in counts.into_iter().enumerate() {
        let again = (0..count).map(|n| execute(Some(&format!("{thread}-{n}")), "ops", 1));
        let answers = client.transact(again.collect()).unwrap();
        assert!(answers.into_iter().all(|answer| answer.unwrap().duplicate));
    }
    served.run("verify").expect(0);
}

#[test]
fn a_client_that_dies_loses_what_it_had_begun_and_nothing_more() {
    let served = Served::start();
    served.say("deposit 10 --account ops");
    let name: RunName = "november".parse().unwrap();
    let withdraw = Operation {
        id: None,
        account: Name::user("ops").unwrap(),
        action: Action::Withdraw(Amount::new(400).unwrap()),
    };
    let mut client = served.client();
    let run = client.open_run(Some(&name)).unwrap();
    let caller = Caller {
        run,
        number: 1,
        ..Caller::default()
    };
    let begin = Asked {
        caller,
        request: Request::Begin(withdraw),
    };
    client.transact(vec![begin]).unwrap();
    assert_eq!(served.say("balance ops"), "ops\t10.00\t4.00\t6.00\n");
    let mut other = served.client();
    let error = other.open_run(Some(&name)).unwrap_err();
    assert!(matches!(error, LedgerError::RunIsLive { .. }), "{error}");
    drop(client);
    // Whoever was refused a run may go on, and may have it once it has ended.
    other.open_run(Some(&name)).unwrap();
    assert_eq!(served.say("balance ops"), "ops\t10.00\t0.00\t10.00\n");
}

#[test]
fn a_client_asks_only_for_itself() {
    let served = Served::start();
    let mut owner = served.client();
    let run = owner.open_run(None).unwrap();
    let mut stranger = served.client();
    let mut asked = execute(None, "ops", 5);
    asked.caller.run = run;
    let error = stranger.transact(vec![asked.clone()]).unwrap_err();
    assert!(matches!(error, LedgerError::Server { .. }), "{error}");
    let error = stranger.transact(vec![asked.clone()]).unwrap_err();
    assert!(matches!(error, LedgerError::Failed { .. }), "{error}");
    served.client().close_run(run).unwrap_err();
    owner.transact(vec![asked]).unwrap();
    owner.close_run(run).unwrap();
}

#[test]
fn what_hostile_clients_send_harms_only_them() {
    let served = Served::start();
    let huge = [&u32::MAX.to_le_bytes()[..], &[18]].concat();
    let rubbish: [Vec<u8>; 8] = [
        b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        huge.clone(),
        [greeting(1), huge].concat(),
        [greeting(1), frame(18, &[255; 40])].concat(),
        [greeting(1), frame(17, &[251, 255, 255, 1])].concat(),
        [greeting(1), greeting(1)].concat(),
        frame(17, &[]),
        [greeting(1), frame(99, &[])].concat(),
    ];
    let mut client = served.client();
    for bytes in rubbish {
        let mut hostile = served.connection();
        hostile.write_all(&bytes).unwrap();
        // It is greeted, and then its connection ends.
        let mut heard = Vec::new();
        let _ = hostile.read_to_end(&mut heard);
        assert_eq!(heard, greeting(1), "{bytes:?}");
        client.transact(vec![execute(None, "ops", 1)]).unwrap();
    }
    // A half message, and a client that says nothing.
    let mut half = served.connection();
    half.write_all(&greeting(1)[..7]).unwrap();
    let _silent = served.connection();
    client.transact(vec![execute(None, "ops", 1)]).unwrap();
    drop(client);
    assert_eq!(served.say("balance ops"), "ops\t0.09\t0.00\t0.09\n");
    let (_, run) = served.end();
    let first = run.stderr.lines().next().unwrap();
    assert!(
        first.starts_with("bank-par: a client was sent away: "),
        "{first}"
    );
}

#[test]
fn a_client_of_another_version_is_told_both() {
    let served = Served::start();
    let mut other = served.connection();
    other.write_all(&greeting(7)).unwrap();
    let mut heard = Vec::new();
    let _ = other.read_to_end(&mut heard);
    assert_eq!(heard, greeting(1));
    let (_, run) = served.end();
    assert!(
        run.stderr.contains("version 7 ") && run.stderr.contains("version 1:"),
        "{run:?}"
    );

    // And a server of another version is not used.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bank");
    let listener = UnixListener::bind(&socket).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(&greeting(7)).unwrap();
        let mut heard = Vec::new();
        let _ = client.read_to_end(&mut heard);
    });
    let error = Place::Server(socket)
        .open(Access::Create)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("version 7 ") && error.contains("version 1:"),
        "{error}"
    );
    answering.join().unwrap();
}

#[test]
fn a_client_that_never_reads_stops_only_itself() {
    let served = Served::start();
    served
        .client()
        .transact(
            (0..500)
                .map(|n| execute(None, &format!("a{n}"), 1))
                .collect(),
        )
        .unwrap();
    let mut deaf = served.connection();
    deaf.set_nonblocking(true).unwrap();
    // Asks for pages of accounts until the server takes no more.
    let question = frame(18, &[1, 0]);
    let mut asked = greeting(1);
    let mut sent = 0;
    while sent < 50_000_000 {
        match deaf.write(&asked) {
            Ok(count) => sent += asked.drain(..count).len(),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                break;
            }
        }
        if asked.is_empty() {
            asked = question.repeat(500);
        }
    }
    let mut client = served.client();
    for _ in 0..20 {
        client.transact(vec![execute(None, "ops", 1)]).unwrap();
    }
    #[cfg(target_os = "linux")]
    assert!(served.server.peak_memory() < 64 * 1024);
    drop(deaf);
    assert_eq!(served.say("balance ops"), "ops\t0.20\t0.00\t0.20\n");
}

#[test]
fn one_client_too_many_is_told_so() {
    let served = Served::over(Ledger::new(), &["--max-clients", "2"]);
    let (first, _second) = (served.client(), served.client());
    let run = served.run("balance");
    assert_eq!(run.code(), 8);
    assert!(run.stderr.contains("--max-clients"), "{run:?}");
    drop(first);
    served.client();
}

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
    refused(&folder.path().join("bank"), "chmod 700");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    refused(&folder.path().join("x".repeat(108)), "1 to 107 bytes");
    File::create(folder.path().join("file")).unwrap();
    refused(&folder.path().join("file"), "not a socket");
    assert!(folder.path().join("file").exists());
}

#[test]
fn a_signal_lets_what_has_arrived_finish() {
    let served = Served::start();
    let (place, pid) = (Place::Server(served.socket()), served.server.pid);
    let counts = at_once(3, |thread| {
        let mut client = place.open(Access::Create).unwrap();
        let mut count = 0u32;
        while client.transact(vec![execute(None, "ops", 1)]).is_ok() {
            count += 1;
            if count == 30 && thread == 0 {
                signal(pid, Signal::TERM);
            }
        }
        count
    });
    let Served {
        ledger,
        folder,
        server,
    } = served;
    assert_eq!(server.finish().status.signal(), Some(15));
    assert!(!socket_in(folder.path()).exists());
    // Every answer was an entry; what arrived was answered.
    let total: u32 = counts.iter().sum();
    assert_eq!(ledger.entries(), total as usize);
    ledger.run("verify").expect(0);
}

#[test]
fn a_client_without_a_server_says_what_to_do() {
    let ledger = Ledger::new();
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
    let ledger = Ledger::new();
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

#[test]
fn only_a_file_is_served() {
    for (place, why) in [
        ("memory", "ends with this command"),
        ("unix:x", "in a file"),
    ] {
        let words = ["serve", "--ledger", place, "--socket", "sockets/bank"];
        let run = Running::start(program(&words)).finish();
        assert_eq!(run.code(), 2);
        assert!(run.stderr.contains(why), "{run:?}");
    }
}
