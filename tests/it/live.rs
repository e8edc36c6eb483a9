//! What a person sees at a terminal while a run lasts, and what of it stays: read from a real terminal, as a
//! terminal would show it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZero;
use std::process::Command;
use std::time::{Duration, Instant};

use rexpect::process::{PtyProcess, Signal, WaitStatus};
use vt100::Parser;

use crate::cli::{Run, Running};
use crate::process::until;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(120);

const ROWS: u16 = 60;

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

/// A shell's script in a terminal of its own.
struct Watched {
    process: PtyProcess,
    terminal: File,
    parser: Parser,
    raw: Vec<u8>,
    began: Instant,
}

impl Watched {
    /// Begins the script, which calls the program `bank-par`, in a terminal this wide.
    fn start(columns: u16, script: &str) -> Self {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_bank-par"));
        let path = std::env::var("PATH").unwrap();
        let mut bash = Command::new("bash");
        let script = format!("stty rows {ROWS} cols {columns} -echo; {script}");
        bash.args(["--norc", "-c", &script])
            .env(
                "PATH",
                format!("{}:{path}", program.parent().unwrap().display()),
            )
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .env_remove("BANK_PAR_LEDGER");
        let process = PtyProcess::new(bash).expect("a terminal");
        Watched {
            terminal: process.get_file_handle().expect("its other end"),
            process,
            parser: Parser::new(size(ROWS), size(columns), 0),
            raw: Vec::new(),
            began: Instant::now(),
        }
    }

    /// Takes what the terminal is sent next. Tells whether it goes on.
    fn read(&mut self) -> bool {
        assert!(self.began.elapsed() < PATIENCE, "{}", self.screen());
        let mut block = [0; 4_096];
        match self.terminal.read(&mut block) {
            Ok(0) => false,
            Ok(count) => {
                self.raw.extend(&block[..count]);
                self.parser.process(&block[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            // So a terminal ends when the last process has left it.
            Err(_) => false,
        }
    }

    fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Reads until the terminal shows all of these in one line.
    #[track_caller]
    fn see(&mut self, words: &[&str]) {
        let all = |line: &str| words.iter().all(|word| line.contains(word));
        while !self.screen().lines().any(all) {
            assert!(self.read(), "{words:?} was not seen:\n{}", self.screen());
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads to the end: what stays on the screen, and all that was sent.
    fn finish(mut self) -> (String, String) {
        while self.read() {}
        let raw = String::from_utf8_lossy(&self.raw).into_owned();
        (self.screen(), raw)
    }
}

/// Checks that nothing of the lines stayed.
#[track_caller]
fn is_clean(screen: &str) {
    for word in [" done", " left", "working", "starting", "begins"] {
        assert!(!screen.contains(word), "`{word}` stayed:\n{screen}");
    }
}

/// Where a command waits for a file that is called as the amount of its operation.
const UNTIL_TOLD: &str = "sh -c 'until [ -e $BANK_PAR_AMOUNT ]; do sleep 0.02; done'";

/// Runs a check at three widths at once.
fn at_each_width(check: impl Fn(u16) + Sync) {
    std::thread::scope(|scope| {
        for columns in [40, 80, 200] {
            let check = &check;
            scope.spawn(move || check(columns));
        }
    });
}

#[test]
fn a_handful_of_processes_has_a_line_each_while_it_works() {
    at_each_width(|columns| {
        let folder = tempfile::tempdir().unwrap();
        let tell = |amount: &str| drop(File::create(folder.path().join(amount)).unwrap());
        let script = format!(
            "cd {}; bank-par parallel --op withdraw=5 --op transfer=300 --timeline never --ledger memory -- {UNTIL_TOLD}",
            folder.path().display()
        );
        let mut seen = Watched::start(columns, &script);
        let process = if columns == 40 {
            "1 "
        } else {
            "process 1 (pid "
        };
        seen.see(&[process, "withdraw", "$5.00", "working", " s"]);
        match columns {
            200 => seen.see(&["transfer", "$300.00", "main -> @world", "working"]),
            _ => seen.see(&["transfer", "$300.00", "working"]),
        }
        tell("5.00");
        seen.see(&["1 of 2 done", "$5.00 moved"]);
        tell("300.00");
        let (screen, _) = seen.finish();
        is_clean(&screen);
        // What stays is what would stand in a file.
        let begin = "parallel: 2 operations, each in its own process, asking over local sockets";
        let words: Vec<&str> = screen.split_whitespace().collect();
        assert!(words.join(" ").starts_with(begin), "{screen}");
        assert_eq!(
            screen.lines().last().unwrap(),
            "Sum over all accounts: $0.00"
        );
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_long_workload_has_one_line_with_its_rate_and_what_is_left() {
    at_each_width(|columns| {
        let script =
            "bank-par parallel --op 'deposit*45' --jobs 9 --time-scale 0.25 -o json >/dev/null";
        let mut seen = Watched::start(columns, script);
        match columns {
            200 => seen.see(&[" of 45 done", " a second", " moved", " left"]),
            _ => seen.see(&[" of 45 done", " left"]),
        }
        let (screen, _) = seen.finish();
        assert_eq!(screen, "", "{columns}");
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn no_line_is_drawn_where_none_is_wanted_or_possible() {
    let plain = "--op withdraw --time-scale 0.2 --timeline never --color never";
    for script in [
        format!("NO_COLOR=1 bank-par parallel {plain}"),
        format!("TERM=dumb bank-par parallel {plain}"),
        format!("bank-par parallel {plain} --quiet"),
        format!("bank-par parallel {plain} --progress never"),
        format!("bank-par parallel {plain} 2>/dev/null"),
        "TERM=dumb bank-par parallel --op withdraw --time-scale 0.2 --timeline never".to_string(),
    ] {
        let (screen, raw) = Watched::start(80, &script).finish();
        assert!(!raw.contains('\u{1b}'), "{script}: {raw:?}");
        assert!(screen.ends_with("Sum over all accounts: $0.00"), "{screen}");
        is_clean(&screen);
    }
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn progress_that_is_asked_for_is_told_in_lines_where_none_can_be_drawn() {
    let arguments = "parallel --op transfer --time-scale 1.5 --progress always";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let Run { stderr, .. } = Running::start(crate::cli::program(&arguments)).finish();
    let seconds = |line: &str| {
        let told = line.strip_prefix("bank-par: progress: 0 of 1 done  ")?;
        told.strip_suffix(" s")?.parse::<f64>().ok()
    };
    let told: Option<Vec<f64>> = stderr.lines().map(seconds).collect();
    // Every two seconds, or later where the machine stood still.
    assert!(
        told.is_some_and(|told| told.first() >= Some(&2.0) && told.is_sorted()),
        "{stderr}"
    );
}

#[test]
fn an_interrupted_run_says_what_it_waits_for_and_leaves_no_line() {
    for typed in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "cd {}; exec bank-par parallel --op transfer=7 --timeline never --ledger memory -- {UNTIL_TOLD}",
            folder.path().display()
        );
        let mut seen = Watched::start(80, &script);
        seen.see(&["transfer", "working"]);
        match typed {
            true => seen.type_in("\u{3}"),
            false => seen.process.signal(Signal::SIGTERM).unwrap(),
        }
        seen.see(&["no further command is started; waiting for 1 under way: transfer"]);
        drop(File::create(folder.path().join("7.00")).unwrap());
        seen.see(&["Transfer of $7.00", "completed"]);
        let status = seen.process.wait().unwrap();
        let by = if typed {
            Signal::SIGINT
        } else {
            Signal::SIGTERM
        };
        assert!(
            matches!(status, WaitStatus::Signaled(_, signal, _) if signal == by),
            "{status:?}"
        );
        let (screen, _) = seen.finish();
        is_clean(&screen);
        assert_eq!(
            screen.lines().last().unwrap(),
            "Sum over all accounts: $0.00"
        );
    }
}

#[test]
fn a_run_that_is_ended_at_once_leaves_no_line() {
    let script = "exec bank-par parallel --op transfer --op loan --time-scale 9 --timeline never";
    let mut seen = Watched::start(80, script);
    seen.see(&["transfer", "working"]);
    seen.see(&["loan", "working"]);
    seen.type_in("\u{3}");
    seen.see(&["waiting for 2 under way"]);
    seen.type_in("\u{3}");
    let (screen, _) = seen.finish();
    is_clean(&screen);
    assert!(screen.contains("2 failed"), "{screen}");
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_terminal_that_was_stopped_holds_up_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let ended = folder.path().join("ended");
    let script = format!(
        "cd {}; stty ixon; bank-par parallel --op transfer=7 --ledger memory -o json -- {UNTIL_TOLD} > /dev/null; echo $? > ended",
        folder.path().display()
    );
    let mut seen = Watched::start(80, &script);
    seen.see(&["transfer", "working"]);
    seen.type_in("\u{13}");
    // At once, so that the run may be the first to find the terminal stopped.
    drop(File::create(folder.path().join("7.00")).unwrap());
    let status = until("the run to end", || {
        let status = std::fs::read_to_string(&ended).ok()?;
        status.ends_with('\n').then_some(status)
    });
    assert_eq!(status, "0\n");
}

#[test]
fn a_person_who_types_operations_is_told_how_to_end() {
    let mut seen = Watched::start(80, "bank-par parallel - -q; bank-par parallel -");
    seen.type_in("\u{4}");
    seen.see(&["bank-par: reading operations from the terminal; end with Ctrl-D"]);
    seen.type_in("{\"op\":\"deposit\",\"amount\":5}\n");
    seen.see(&["Deposit of $5.00 (line 1) completed"]);
    seen.type_in("\u{4}");
    let (screen, raw) = seen.finish();
    is_clean(&screen);
    assert_eq!(raw.matches("reading").count(), 1);
}

#[test]
fn a_table_fits_its_terminal_and_a_pipe_gets_it_exactly() {
    let ledger = crate::ledger::Ledger::new();
    let long = "a-rather-long-name-of-an-account";
    ledger.say(&format!("deposit 1234567.89 --account {long} --id first"));
    ledger.say("hold 5 --account a-rather-long-name-of-an-account --id second --expires 5h");
    at_each_width(|columns| {
        for words in ["balance", "balance --holds", "history", "runs"] {
            let script = format!("bank-par {words} --ledger {}", ledger.path());
            let mut seen = Watched::start(columns, &script);
            while seen.read() {}
            let screen = seen.screen();
            match (words, columns) {
                ("runs", _) => assert_eq!(screen, "no run has a name here"),
                (_, 40) => assert!(!screen.contains(long), "{words}: {screen}"),
                ("balance", _) | (_, 200) => assert!(screen.contains(long), "{words}: {screen}"),
                _ => {}
            }
            match words {
                "balance" => assert!(screen.contains("1234567.89"), "{screen}"),
                "history" => assert!(
                    screen.contains(" ago") || screen.contains("now"),
                    "{screen}"
                ),
                "balance --holds" => assert!(screen.contains("in 4 h"), "{screen}"),
                _ => {}
            }
            // No line was broken by the terminal.
            let is_broken = |row: u16| seen.parser.screen().row_wrapped(row);
            assert!(!(0..ROWS).any(is_broken), "{words} at {columns}: {screen}");
        }
    });
    let piped = ledger.say("balance --holds");
    let row: Vec<&str> = piped.trim_end().split('\t').collect();
    assert_eq!((row[0], row[2]), ("second", long), "{piped}");
    assert!(row[6].ends_with('Z') && row[6].len() == 27, "{piped}");
}
