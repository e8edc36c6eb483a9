//! Runs the real program, under a watchdog.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A run that takes longer is killed, and its test fails. A browser and what it looks at last as long as all
/// of their test, on a busy machine too, and a server for as many runs as were asked for.
fn patience() -> Duration {
    let runs = crate::soak::asked_for().unwrap_or(0);
    Duration::from_secs(300) + Duration::from_secs(60) * runs
}

/// The modes with a process per operation.
pub(crate) const MODES: [&str; 5] = ["parallel", "server-share", "queue", "pipe", "shared-memory"];

/// A command that runs the program.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bank-par"));
    command.args(arguments).env_remove("BANK_PAR_LEDGER");
    command
}

/// Copies a program to a place from which all may start it. Another process writes it there: a file cannot be
/// started while a child of this process, which another test is just starting, still has it open for writing.
#[cfg(target_os = "linux")]
pub(crate) fn install(program: &str, place: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "755", program, place]);
    assert!(install.status().unwrap().success());
}

/// Runs the program to its end with nothing on stdin.
pub(crate) fn run(arguments: &[&str]) -> Run {
    feed(arguments, "")
}

/// Runs the program to its end with this on stdin.
pub(crate) fn feed(arguments: &[&str], input: impl Into<Vec<u8>>) -> Run {
    let mut running = Running::start(program(arguments));
    let mut stdin = running.stdin.take().unwrap();
    let input = input.into();
    // Whoever does not read all of it is judged by what it says and not by this write.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let run = running.finish();
    writing.join().unwrap();
    run
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Run {
    /// The exit status; a signal is a failure of the test.
    pub(crate) fn code(&self) -> i32 {
        let code = self.status.code();
        code.unwrap_or_else(|| panic!("ended by signal {:?}: {self:?}", self.status.signal()))
    }

    /// This run, which must have ended with `code` and nothing to say but that a named run is new.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let is_news = |line: &&str| !line.starts_with("bank-par: a new run begins: ");
        let said: Vec<&str> = self.stderr.lines().filter(is_news).collect();
        assert_eq!(
            (self.code(), said),
            (code, Vec::new()),
            "stdout: {}",
            self.stdout
        );
        self
    }

    /// This run, whose events must be what can be true; or not, where it says so itself.
    #[track_caller]
    pub(crate) fn judged(self) -> Self {
        let judged = feed(&["check", "-"], self.stdout.clone());
        let lost = |event: &Value| event["lost_updates"].as_u64() > Some(0);
        let code = judged.code();
        match self
            .stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .any(|event| lost(&event))
        {
            true => assert_eq!(code, 3, "{judged:?}"),
            false => assert!(matches!(code, 0 | 9), "{judged:?}"),
        }
        self
    }

    /// Every line of JSON, all of which must be whole.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.stdout)
    }

    /// The events of one type.
    pub(crate) fn of(&self, kind: &str) -> Vec<Value> {
        let mut events = all_events(&self.stdout);
        events.retain(|event| event["type"] == kind);
        events
    }

    /// The summary, which must stand at the end.
    #[track_caller]
    pub(crate) fn summary(&self) -> Value {
        let last = self
            .events()
            .pop()
            .unwrap_or_else(|| panic!("no events: {self:?}"));
        assert_eq!(last["type"], "summary");
        last
    }
}

/// The events that these lines are, without those that say what a run is.
pub(crate) fn events(lines: &str) -> Vec<Value> {
    let mut events = all_events(lines);
    events.retain(|event| event["type"] != "run_started");
    events
}

/// All events that these lines are.
pub(crate) fn all_events(lines: &str) -> Vec<Value> {
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    lines.lines().map(event).collect()
}

/// What a summary says of one account.
#[track_caller]
pub(crate) fn account(summary: &Value, name: &str) -> Value {
    let accounts = summary["balances"].as_array().unwrap();
    let found = accounts.iter().find(|account| account["account"] == name);
    found
        .unwrap_or_else(|| panic!("no `{name}` in {summary}"))
        .clone()
}

/// Runs a mode with JSON output.
pub(crate) fn json_run(mode: &str, arguments: &[&str]) -> Run {
    run(&[&[mode, "--output", "json"], arguments].concat()).judged()
}

pub(crate) fn json_feed(mode: &str, arguments: &[&str], input: &str) -> Run {
    let arguments = [&[mode, "-", "--output", "json"], arguments].concat();
    feed(&arguments, input).judged()
}

/// What every summary of a run that lost nothing must say.
#[track_caller]
pub(crate) fn assert_sound(summary: &Value) {
    let wrong = (
        &summary["sum"],
        &summary["wrong_accounts"],
        &summary["lost_updates"],
    );
    assert_eq!(wrong, (&json!("0.00"), &json!(0), &json!(0)), "{summary}");
    assert_eq!(summary["failed"], 0, "{summary}");
    for account in summary["balances"].as_array().unwrap() {
        assert_eq!(account["balance"], account["expected"], "{summary}");
        assert_eq!(account["balance"], account["available"], "{summary}");
    }
}

/// A program that is running.
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    ending: Receiver<Ending>,
    has_ended: bool,
}

struct Ending {
    status: ExitStatus,
    overdue: bool,
}

impl Running {
    /// Starts a command with a pipe for each stream that it has no other plans for.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        Self::start_with(command, Stdio::piped())
    }

    /// The same, with another stdout.
    pub(crate) fn start_onto(mut command: Command, stdout: impl Into<Stdio>) -> Self {
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        Self::start_with(command, stdout.into())
    }

    /// Starts a command with this as its stdin.
    pub(crate) fn start_reading(mut command: Command, stdin: impl Into<Stdio>) -> Self {
        command.stdin(stdin).stderr(Stdio::piped());
        Self::start_with(command, Stdio::piped())
    }

    fn start_with(mut command: Command, stdout: Stdio) -> Self {
        let mut child = command.stdout(stdout).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Running {
            pid: child.id(),
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr: Some(thread::spawn(move || read_all(stderr))),
            ending: watch(child),
            has_ended: false,
        }
    }

    /// Writes a line to its stdin.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The next line of its stdout, without its end; empty once that is closed.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line.truncate(line.trim_end().len());
        line
    }

    /// The next line of its stdout as JSON.
    #[track_caller]
    pub(crate) fn hear_event(&mut self) -> Value {
        loop {
            if let [event] = &events(&self.hear())[..] {
                return event.clone();
            }
        }
    }

    /// The most memory that it has had resident so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        kill(self.pid);
    }

    /// Closes its stdin, reads the rest of its output and waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        drop(self.stdin.take());
        let stdout = self.stdout.take().map(read_all).unwrap_or_default();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let Ending { status, overdue } = self.ending.recv().unwrap();
        self.has_ended = true;
        let run = Run {
            stdout,
            stderr,
            status,
        };
        let patience = patience();
        assert!(!overdue, "still running after {patience:?}: {run:?}");
        run
    }
}

impl Drop for Running {
    /// A program whose end nobody waits for ends with its test.
    fn drop(&mut self) {
        if !self.has_ended {
            kill(self.pid);
        }
    }
}

fn read_all(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Waits for a child on threads of their own, and kills it when that takes too long, so that whoever
/// reads its output comes to an end too.
fn watch(mut child: Child) -> Receiver<Ending> {
    let pid = child.id();
    let (exited, exit) = channel();
    let (ended, ending) = channel();
    thread::spawn(move || exited.send(child.wait().unwrap()));
    thread::spawn(move || {
        let in_time = exit.recv_timeout(patience());
        let overdue = in_time == Err(RecvTimeoutError::Timeout);
        if overdue {
            kill(pid);
        }
        let status = in_time.or_else(|_| exit.recv()).unwrap();
        ended.send(Ending { status, overdue })
    });
    ending
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // It may have ended just now.
    let _ = kill_process(pid, Signal::KILL);
}

/// A folder with one file in it.
pub(crate) struct Written {
    _folder: TempDir,
    path: PathBuf,
}

impl Written {
    pub(crate) fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        File::create(&path)
            .unwrap()
            .write_all(content.as_ref())
            .unwrap();
        Written {
            _folder: folder,
            path,
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    pub(crate) fn read(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }
}
