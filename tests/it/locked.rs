//! A ledger that others keep locked, and a server that goes away, while work is under way: what was not
//! done is asked for again, and nothing that was done comes into doubt.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cli::{Run, Running, Written, program};
use crate::ledger::{Ledger, at_once};
use crate::process::until;

/// Says that it runs, and waits until it may end.
const PATIENT: &str = "echo $BANK_PAR_ID >> begun; until [ -e go ]; do sleep 0.01; done";

/// By what the waits for a lock are divided, of which the longest is 20 s.
const WAIT_PART: &str = "16";

/// A ledger with 10.00 on `main`, and a folder for what commands leave behind.
struct Bank {
    ledger: Ledger,
    folder: TempDir,
    server: Option<Running>,
}

impl Bank {
    fn new() -> Self {
        let ledger = Ledger::new();
        ledger.say("deposit 10");
        Bank {
            ledger,
            folder: tempfile::tempdir().unwrap(),
            server: None,
        }
    }

    fn served() -> Self {
        let mut bank = Bank::new();
        bank.serve();
        bank
    }

    /// Starts a server, and waits until it listens.
    fn serve(&mut self) {
        let socket = self.socket();
        let socket = socket.to_str().unwrap();
        let words = ["serve", "--ledger", &self.ledger.path(), "--socket", socket];
        let mut server = program(&words);
        server.env("BANK_PAR_WAIT_PART", WAIT_PART);
        let mut server = Running::start(server);
        assert!(server.hear().contains(socket));
        self.server = Some(server);
    }

    fn end_server(&mut self, signal: Signal) {
        let server = self.server.take().unwrap();
        let pid = Pid::from_raw(server.pid.cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
        server.finish();
    }

    fn socket(&self) -> PathBuf {
        self.path("sockets/bank")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The program with these words on the ledger, through the server if there is one; what it says on
    /// stderr goes to the file `said`.
    fn start(&self, words: &str, script: Option<&str>) -> Running {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"exec "$@" 2>> said"#, "sh"]);
        shell.arg(env!("CARGO_BIN_EXE_bank-par"));
        shell.args(words.split_whitespace());
        if let Some(script) = script {
            shell.args(["--", "sh", "-c", script]);
        }
        let ledger = match self.server {
            Some(_) => format!("unix:{}", self.socket().display()),
            None => self.ledger.path(),
        };
        shell.env("BANK_PAR_LEDGER", ledger);
        shell.env("BANK_PAR_WAIT_PART", WAIT_PART);
        shell.current_dir(self.folder.path());
        Running::start(shell)
    }

    /// Waits until so many commands run.
    fn begun(&self, count: usize) {
        until("the commands to run", || {
            (self.read("begun").lines().count() == count).then_some(())
        });
    }

    /// Lets the commands end.
    fn go(&self) {
        std::fs::write(self.path("go"), "").unwrap();
    }

    /// Waits until the program says that it waits for the ledger.
    fn waits(&self) {
        until("the wait to be told", || {
            self.read("said").contains("asked again").then_some(())
        });
    }

    /// Checks that nothing is in doubt or held, and that so much is left.
    #[track_caller]
    fn has(&self, money: &str) {
        assert_eq!(self.ledger.money("main"), [money, "0.00", money]);
        self.ledger.verify();
    }
}

fn lock(ledger: &Path) -> Connection {
    let connection = Connection::open(ledger).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

fn unlock(connection: Connection) {
    connection.execute_batch("ROLLBACK").unwrap();
}

/// Locks the ledger while commands run, lets them end, and unlocks it once their program has waited
/// for longer than it does at once.
fn locked(bank: &Bank, running: Running, commands: usize) -> Run {
    bank.begun(commands);
    let connection = lock(bank.ledger.path().as_ref());
    bank.go();
    bank.waits();
    unlock(connection);
    let run = running.finish();
    assert_eq!(run.code(), 0, "{run:?}: {}", bank.read("said"));
    let said = bank.read("said");
    let own = format!("process {} (`", std::process::id());
    assert!(said.contains(&own), "who has it locked: {said}");
    run
}

#[test]
fn a_ledger_that_is_locked_for_long_leaves_nothing_in_doubt() {
    let three = Written::new("in.jsonl", "{\"op\":\"withdraw\",\"amount\":1}\n".repeat(3));
    // They wait at the same time.
    at_once(3, |case| match case {
        0 => {
            let bank = Bank::new();
            let words = format!("parallel {} --run r --output json", three.path());
            let run = locked(&bank, bank.start(&words, Some(PATIENT)), 3);
            assert_eq!(run.of("completed").len(), 3, "{run:?}");
            bank.has("7.00");
        }
        1 => {
            let bank = Bank::new();
            locked(&bank, bank.start("withdraw 1", Some(PATIENT)), 1);
            bank.has("9.00");
        }
        _ => {
            let bank = Bank::served();
            let words = format!("pipe {} --run r --output json", three.path());
            let run = locked(&bank, bank.start(&words, Some(PATIENT)), 3);
            assert_eq!(run.of("completed").len(), 3, "{run:?}");
            bank.has("7.00");
        }
    });
}

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn one_operation_says_that_nothing_was_done() {
    at_once(2, |case| {
        let bank = if case == 0 {
            Bank::new()
        } else {
            Bank::served()
        };
        let connection = lock(bank.ledger.path().as_ref());
        let run = bank.start("deposit 1 --id a", None).finish();
        let said = bank.read("said");
        assert_eq!(run.code(), 8, "{run:?}: {said}");
        assert!(said.contains("nothing was done"), "{said}");
        // Reading waits for nobody.
        assert_eq!(bank.start("balance main", None).finish().code(), 0);
        unlock(connection);
        assert_eq!(bank.start("deposit 1 --id a", None).finish().code(), 0);
        bank.has("11.00");
    });
}

#[test]
fn a_server_that_is_started_anew_leaves_nothing_in_doubt() {
    let three = Written::new("in.jsonl", "{\"op\":\"withdraw\",\"amount\":1}\n".repeat(3));
    let run = format!("parallel {} --output json", three.path());
    let named = format!("queue {} --run r --output json", three.path());
    for (words, commands, left) in [
        (run.as_str(), 3, "7.00"),
        (&named, 3, "7.00"),
        ("withdraw 1 --id w", 1, "9.00"),
    ] {
        for signal in [Signal::KILL, Signal::TERM] {
            let mut bank = Bank::served();
            let running = bank.start(words, Some(PATIENT));
            bank.begun(commands);
            bank.end_server(signal);
            bank.go();
            bank.serve();
            let run = running.finish();
            assert_eq!(run.code(), 0, "{run:?}: {}", bank.read("said"));
            bank.has(left);
        }
    }
}

#[test]
fn ids_that_were_on_their_way_to_a_dead_server_are_done_once() {
    let count = 20_000;
    let line = |id| format!("{{\"op\":\"deposit\",\"amount\":\"0.01\",\"id\":\"{id}\"}}\n");
    let input = Written::new("in.jsonl", (0..count).map(line).collect::<String>());
    let mut bank = Bank::served();
    let words = format!(
        "pipe {} --ops-per-worker 0 --jobs 2 --output json",
        input.path()
    );
    let mut running = bank.start(&words, None);
    running.hear_event();
    bank.end_server(Signal::KILL);
    bank.serve();
    let run = running.finish();
    assert_eq!(run.code(), 0, "{}", bank.read("said"));
    assert_eq!(run.of("completed").len() + 1, count);
    bank.has("210.00");
}

#[test]
fn what_is_due_is_read_as_given_back_and_nothing_is_written() {
    let bank = Bank::new();
    bank.ledger.say("hold 4 --id soon --expires 1ms");
    let connection = lock(bank.ledger.path().as_ref());
    until("the hold to expire", || {
        (bank.ledger.money("main") == ["10.00", "0.00", "10.00"]).then_some(())
    });
    assert_eq!(bank.ledger.say("balance --holds"), "");
    let count = "SELECT count(*) FROM holds";
    let stored: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 1);
    unlock(connection);
    bank.ledger.say("deposit 1");
    bank.has("11.00");
}
