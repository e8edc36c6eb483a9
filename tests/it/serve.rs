//! A served ledger, and clients of every kind.

mod clients;
mod place;

use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use bank_par::bank::{
    Action, Amount, Asked, Id, Name, Operation, Outcome, Request, RequestContext, Unit,
};
use bank_par::store::{Access, LedgerError, Place, RunName};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cli::{Run, Running, Written, program};
use crate::ledger::{Ledger, at_once};

/// A ledger, and a server in front of it.
pub(crate) struct Served {
    pub(crate) ledger: Ledger,
    folder: TempDir,
    server: Running,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::over(Ledger::created(), &[])
    }

    pub(crate) fn over(ledger: Ledger, arguments: &[&str]) -> Self {
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

    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// A command that is a client of the server.
    fn command(&self, words: &str) -> Command {
        let mut command = self.ledger.command(words);
        command.env("BANK_PAR_LEDGER", self.address());
        command
    }

    pub(crate) fn run(&self, words: &str) -> Run {
        Running::start(self.command(words)).finish()
    }

    #[track_caller]
    pub(crate) fn say(&self, words: &str) -> String {
        self.run(words).expect(0).stdout
    }

    /// The most memory that the server has had resident so far, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.server.peak_memory()
    }

    /// A client within this process.
    fn client(&self) -> Box<dyn bank_par::store::Ledger> {
        Place::Server(self.socket())
            .open(Access::Create(&Unit::default()))
            .unwrap()
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
        detail: None,
    };
    Asked {
        caller: RequestContext::default(),
        request: Request::Execute(operation),
    }
}

#[test]
fn a_served_ledger_answers_as_the_file_does() {
    let direct = Ledger::created();
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
    let answers = client.transact(&batch.collect::<Vec<_>>()).unwrap();
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
        let mut client = place.open(Access::Create(&Unit::default())).unwrap();
        let mut count = 0;
        loop {
            let asked = execute(Some(&format!("{thread}-{count}")), "ops", 1);
            match client.transact(&[asked]) {
                Ok(_) => count += 1,
                Err(LedgerError::Interrupted { .. } | LedgerError::NotServed { .. }) => {
                    return count;
                }
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
        let answers = client.transact(&again.collect::<Vec<_>>()).unwrap();
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
        detail: None,
    };
    let mut client = served.client();
    let run = client.begin_run(Some(&name)).unwrap().number;
    let caller = RequestContext {
        run,
        number: 1,
        ..RequestContext::default()
    };
    let begin = Asked {
        caller,
        request: Request::Begin(withdraw),
    };
    client.transact(&[begin]).unwrap();
    assert_eq!(served.say("balance ops"), "ops\t10.00\t4.00\t6.00\t0.00\n");
    let mut other = served.client();
    let error = other.begin_run(Some(&name)).unwrap_err();
    assert!(matches!(error, LedgerError::RunIsLive { .. }), "{error}");
    drop(client);
    // Whoever was refused a run may go on, and may have it once it has ended.
    other.begin_run(Some(&name)).unwrap();
    assert_eq!(served.say("balance ops"), "ops\t10.00\t0.00\t10.00\t0.00\n");
}

#[test]
fn a_signal_lets_what_has_arrived_finish() {
    let served = Served::start();
    let (place, pid) = (Place::Server(served.socket()), served.server.pid);
    let all_are_connected = Barrier::new(3);
    let counts = at_once(3, |thread| {
        let mut client = place.open(Access::Create(&Unit::default())).unwrap();
        all_are_connected.wait();
        let mut count = 0u32;
        while client.transact(&[execute(None, "ops", 1)]).is_ok() {
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
fn a_named_run_goes_on_through_the_server() {
    let served = Served::start();
    let lines: String = (0..300)
        .map(|_| "{\"op\":\"deposit\",\"amount\":\"0.01\",\"account\":\"ops\"}\n")
        .collect();
    let input = Written::new("ops.jsonl", lines);
    let words = format!("pipe {} --run november --output json", input.path());
    let mut first = Running::start(served.command(&words));
    assert_eq!(first.hear_event()["type"], "completed");
    first.kill();
    first.finish();
    let again = served.run(&words);
    assert_eq!(again.code(), 0, "{again:?}");
    assert_eq!(again.of("completed").len(), 300);
    assert!(again.summary()["duplicates"].as_u64().unwrap() > 0);
    assert_eq!(served.say("balance ops"), "ops\t3.00\t0.00\t3.00\t0.00\n");
    served.run("verify").expect(0);
}
