//! Commands as work in a real terminal, below a shell with job control.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::ledger::Ledger;
use crate::process::{Process, until};

/// How long an answer may take, in milliseconds.
const PATIENCE: u64 = 120_000;

/// A shell in a terminal of its own, and a ledger with 10.00 on `main`.
struct Terminal {
    shell: PtySession,
    ledger: Ledger,
}

impl Terminal {
    fn open() -> Self {
        let ledger = Ledger::new();
        ledger.say("deposit 10");
        let mut bash = Command::new("bash");
        bash.args(["--norc", "--noprofile", "-i"])
            .env("PS1", "ready> ")
            .env("BANK_PAR_LEDGER", ledger.path())
            .current_dir(std::path::Path::new(&ledger.path()).parent().unwrap());
        let mut shell = spawn_command(bash, Some(PATIENCE)).expect("`bash`, which is typed at");
        // A shell that waits for somebody to type is not asked to end.
        shell.process_mut().set_kill_timeout(Some(1));
        shell.exp_string("ready> ").unwrap();
        let mut terminal = Terminal { shell, ledger };
        // What is typed is not shown, so that all that is seen was printed.
        terminal.send("stty -echo");
        terminal.see("ready> ");
        terminal
    }

    fn send(&mut self, line: &str) {
        self.shell.send_line(line).unwrap();
    }

    #[track_caller]
    fn see(&mut self, text: &str) -> String {
        let seen = self.shell.exp_string(text);
        seen.unwrap_or_else(|error| panic!("`{text}`: {error}"))
    }

    /// Starts the program with these words.
    fn start(&mut self, words: &str) {
        self.send(&format!("{} {words}", env!("CARGO_BIN_EXE_bank-par")));
    }

    fn control(&mut self, key: char) {
        self.shell.send_control(key).unwrap();
    }

    /// The status of what ran last.
    #[track_caller]
    fn expect_status(&mut self, status: i32) {
        self.see("ready> ");
        self.send("echo status-$?-");
        self.see(&format!("status-{status}-"));
    }
}

#[test]
fn a_command_answers_at_the_terminal() {
    let mut terminal = Terminal::open();
    terminal.start("withdraw 1 -- sh -c 'echo asks; read x; echo got-$x'");
    terminal.see("asks");
    terminal.send("hello");
    terminal.see("got-hello");
    terminal.expect_status(0);
    assert_eq!(terminal.ledger.money("main"), ["9.00", "0.00", "9.00"]);
}

#[test]
fn ctrl_c_ends_the_command_and_gives_the_money_back() {
    let mut terminal = Terminal::open();
    terminal.start("withdraw 1 -- sh -c 'echo begun; sleep 999'");
    terminal.see("begun");
    terminal.control('c');
    terminal.expect_status(130);
    assert_eq!(terminal.ledger.money("main"), ["10.00", "0.00", "10.00"]);
}

#[test]
fn ctrl_z_stops_a_command_and_fg_goes_on_with_it() {
    let mut terminal = Terminal::open();
    terminal.start("withdraw 1 -- sh -c 'echo asks; read x; echo got-$x'");
    terminal.see("asks");
    terminal.control('z');
    terminal.see("Stopped");
    terminal.see("ready> ");
    terminal.send("fg");
    terminal.send("hello");
    terminal.see("got-hello");
    terminal.expect_status(0);
    assert_eq!(terminal.ledger.money("main"), ["9.00", "0.00", "9.00"]);
}

#[test]
fn all_that_a_command_prints_comes_through() {
    let mut terminal = Terminal::open();
    terminal.start("withdraw 1 -- head -c 100000000 /dev/zero | wc -c");
    terminal.see("100000000");
    terminal.expect_status(0);
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_workload_stops_and_goes_on_and_is_interrupted() {
    let mut terminal = Terminal::open();
    terminal.start(
        "parallel --op withdraw=1 --output json -- sh -c 'until [ -e go ]; do sleep 0.01; done'",
    );
    terminal.see("\"held\"");
    terminal.control('z');
    terminal.see("Stopped");
    terminal.see("ready> ");
    terminal.send("touch go; fg");
    terminal.see("\"completed\"");
    terminal.expect_status(0);
    terminal.start("parallel --op withdraw=1 --output json -- sleep 999");
    terminal.see("\"held\"");
    terminal.control('c');
    terminal.see("a second signal ends them");
    terminal.control('c');
    terminal.see("\"failed\"");
    terminal.expect_status(130);
    assert_eq!(terminal.ledger.money("main"), ["9.00", "0.00", "9.00"]);
}

#[test]
fn a_terminal_that_is_closed_takes_everything_with_it() {
    for words in ["withdraw 1", "parallel --op withdraw=1 --output json"] {
        let mut terminal = Terminal::open();
        terminal.start(&format!(
            "{words} -- sh -c 'echo $$ > pid; setsid sleep 999 & echo $! >> pid; wait'"
        ));
        let path = std::path::PathBuf::from(terminal.ledger.path()).with_file_name("pid");
        let processes = until("the command to run", || {
            let pids = std::fs::read_to_string(&path).ok()?;
            let pids: Vec<Process> = pids
                .lines()
                .map(|pid| Process(pid.parse().unwrap()))
                .collect();
            (pids.len() == 2).then_some(pids)
        });
        let Terminal { shell, ledger } = terminal;
        drop(shell);
        processes.into_iter().for_each(Process::ended);
        until("the money to be given back", || {
            (ledger.money("main") == ["10.00", "0.00", "10.00"]).then_some(())
        });
        ledger.verify();
    }
}

#[test]
#[ignore = "slow: types for seconds"]
fn a_key_takes_the_next_step_of_a_replay() {
    for by in ["--processes", "--threads"] {
        let mut terminal = Terminal::open();
        terminal.start(&format!("replay x1/none/main=10/w5,d5/1221 --step {by}"));
        terminal.see("next: 1 (2 could too)");
        for (row, next) in [
            ("1  read $10.00", "next: 2 (1 could too)"),
            (" read $10.00", "next: 2 (1 could too)"),
            (" write $15.00", "next: 1 (no other can)"),
            ("4  write $5.00", "reproduced 1 of 1"),
        ] {
            terminal.shell.send(" ").unwrap();
            terminal.shell.flush().unwrap();
            terminal.see(row);
            terminal.see(next);
        }
        terminal.expect_status(0);
        terminal.start(&format!("replay x1/none/main=10/w5,d5/1221 --step {by}"));
        terminal.see("next: 1 (2 could too)");
        terminal.shell.send(" ").unwrap();
        terminal.shell.flush().unwrap();
        terminal.see("next: 2 (1 could too)");
        terminal.control('c');
        terminal.see("a key ended the replay after step `1`");
        terminal.expect_status(10);
    }
}

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn a_deadlock_step_by_step_ends_with_what_each_waits_for() {
    let mut terminal = Terminal::open();
    terminal.start("replay x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12 --step");
    for next in ["next: 1 (2 could too)", "next: 2 (1 could too)"] {
        terminal.see(next);
        terminal.shell.send(" ").unwrap();
        terminal.shell.flush().unwrap();
    }
    terminal.see("waits for b  |");
    terminal.see("waits for a\r\n");
    terminal.see("1 waits for b, which 2 holds.");
    terminal.expect_status(0);
}
