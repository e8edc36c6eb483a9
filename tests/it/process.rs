//! The program as a process: started, signalled, and looked at from outside through `/proc`.
//!
//! Every wait here ends after [`LIMIT`] with a failure that names what was waited for, and whoever
//! drops a [`Program`] kills it: so no test can hang.

mod seen;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use seen::all;
pub(crate) use seen::{Process, all_in, orphans};

/// How long any one thing may take.
const LIMIT: Duration = Duration::from_secs(100);

/// Waits until there is something.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        if let Some(found) = condition() {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "waited {LIMIT:?} for {what}");
        // What is costly to ask is asked less often, and leaves the processors to what it waits for.
        let pause = asked.elapsed().min(Duration::from_millis(20));
        thread::sleep(pause.max(Duration::from_micros(300)));
    }
}

/// Lets so much time pass between two signals that they are two requests: what comes together counts as
/// one.
pub(crate) fn ask_anew() {
    thread::sleep(Duration::from_millis(200));
}

/// One run of the program, with JSON Lines as its output and a folder for temporary files of its own.
pub(crate) struct Program {
    child: Child,
    stdin: Option<Sender<String>>,
    folder: TempDir,
    events: Vec<Value>,
    arriving: Receiver<Value>,
    stderr: Option<JoinHandle<String>>,
}

/// What a run leaves behind.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
    /// What lies in its folder for temporary files.
    pub(crate) left: Vec<PathBuf>,
}

impl Program {
    /// Starts the program with these arguments.
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bank-par"));
        command.args(arguments);
        Program::launch(command)
    }

    /// Starts a command that is, or becomes, the program.
    pub(crate) fn launch(mut command: Command) -> Self {
        let folder = tempfile::Builder::new().prefix("it-").tempdir().unwrap();
        command
            .args(["--output", "json"])
            .env("TMPDIR", folder.path())
            .env_remove("XDG_RUNTIME_DIR");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, arriving) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if tell.send(event).is_err() {
                    return;
                }
            }
        });
        let (say, said) = channel::<String>();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever speaks must not wait for the program to listen.
        thread::spawn(move || {
            said.iter()
                .try_for_each(|text| stdin.write_all(text.as_bytes()))
        });
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        });
        Program {
            stdin: Some(say),
            child,
            folder,
            events: Vec::new(),
            arriving,
            stderr: Some(stderr),
        }
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id().cast_signed())
    }

    /// Its folder for temporary files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of its sockets, once there is one.
    pub(crate) fn private_folder(&self) -> Option<PathBuf> {
        let user = rustix::process::geteuid().as_raw();
        let home = self.folder().join(format!("bank-par-{user}"));
        let mut found = fs::read_dir(home).ok()?.flatten();
        let run = found.find(|entry| entry.file_name().to_str().unwrap().starts_with("run-"));
        run.map(|run| run.path())
    }

    /// Writes to its standard input.
    pub(crate) fn say(&self, text: &str) {
        let stdin = self.stdin.as_ref().expect("an open standard input");
        stdin
            .send(text.to_string())
            .expect("a program that listens");
    }

    /// Ends its standard input.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// The first `count` events of this type, as soon as they have come.
    pub(crate) fn events(&mut self, r#type: &str, count: usize) -> Vec<Value> {
        let began = Instant::now();
        let mut found: Vec<Value> = of_type(&self.events, r#type).take(count).cloned().collect();
        while found.len() < count {
            match self
                .arriving
                .recv_timeout(LIMIT.saturating_sub(began.elapsed()))
            {
                Ok(event) => {
                    found.extend((event["type"] == r#type).then(|| event.clone()));
                    self.events.push(event);
                }
                Err(error) => panic!(
                    "{error}: of {count} `{}`, {} came: {:#?}",
                    r#type,
                    found.len(),
                    self.events
                ),
            }
        }
        found
    }

    /// How many events of this type have come so far.
    pub(crate) fn count(&mut self, r#type: &str) -> usize {
        self.events.extend(self.arriving.try_iter());
        of_type(&self.events, r#type).count()
    }

    /// Its workers that have not ended.
    pub(crate) fn workers(&self) -> Vec<Process> {
        let parent = self.process();
        all()
            .filter(|process| process.parent() == Some(parent) && process.is_worker())
            .collect()
    }

    /// Its workers, as soon as there are this many and each is at its simulated work.
    pub(crate) fn working(&self, count: usize) -> Vec<Process> {
        until(&format!("{count} workers at work"), || {
            let workers = self.workers();
            (workers.len() == count && workers.iter().all(|worker| worker.works()))
                .then_some(workers)
        })
    }

    /// Stops it, with all its threads.
    pub(crate) fn stop(&self) {
        self.process().signal(Signal::STOP);
        until("the program to stop", || self.process().stopped());
    }

    /// Waits for its end, and holds what must be true of every run against it.
    pub(crate) fn end(mut self) -> Ended {
        self.hang_up();
        let status = until("the program to end", || self.child.try_wait().unwrap());
        let began = Instant::now();
        loop {
            match self
                .arriving
                .recv_timeout(LIMIT.saturating_sub(began.elapsed()))
            {
                Ok(event) => self.events.push(event),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("stdout stays open after the program's end")
                }
            }
        }
        let stderr = self.stderr.take().expect("read once");
        until("the end of stderr", || stderr.is_finished().then_some(()));
        let ended = Ended {
            status,
            events: std::mem::take(&mut self.events),
            stderr: stderr.join().unwrap(),
            left: fs::read_dir(self.folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect(),
        };
        let parent = self.process();
        until("the workers to be gone", || {
            orphans(parent).is_empty().then_some(())
        });
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The events of this type.
    pub(crate) fn of(&self, r#type: &str) -> Vec<&Value> {
        of_type(&self.events, r#type).collect()
    }

    pub(crate) fn summary(&self) -> &Value {
        self.events
            .last()
            .filter(|event| event["type"] == "summary")
            .expect("a summary at the end")
    }

    /// What the account `main` holds and what of it is available.
    pub(crate) fn main(&self) -> (&str, &str) {
        let balances = self.summary()["balances"].as_array().expect("balances");
        let main = balances
            .iter()
            .find(|account| account["account"] == "main")
            .expect("the account");
        (
            main["balance"].as_str().unwrap(),
            main["available"].as_str().unwrap(),
        )
    }

    /// Checks the exit status, how many operations ended in which way, and what follows from them for
    /// the balance of an account that began with 1000.00.
    pub(crate) fn check(&self, status: i32, completed: usize, failed: usize) {
        let seen = (
            self.status.code(),
            self.of("completed").len(),
            self.of("failed").len(),
        );
        assert_eq!(
            seen,
            (Some(status), completed, failed),
            "{}{:#?}",
            self.stderr,
            self.events
        );
        self.check_books();
        assert_eq!(self.left, Vec::<PathBuf>::new());
    }

    /// Checks that the signal ended the run.
    pub(crate) fn check_signal(&self, signal: Signal) {
        assert_eq!(
            self.status.signal(),
            Some(signal.as_raw()),
            "{}",
            self.stderr
        );
        self.check_books();
        assert_eq!(self.left, Vec::<PathBuf>::new());
    }

    /// Each operation has one outcome, the summary counts them, and the balance is what they add up to.
    fn check_books(&self) {
        let summary = self.summary();
        for r#type in ["completed", "refused", "failed"] {
            assert_eq!(summary[r#type], self.of(r#type).len(), "{summary:#}");
        }
        let mut cents = 100_000;
        for done in self.of("completed") {
            cents += match done["op"].as_str().unwrap() {
                "withdraw" | "transfer" => -amount(done),
                "deposit" | "loan" => amount(done),
                _ => 0,
            };
        }
        let balance = format!("{}.{:02}", cents / 100, cents % 100);
        assert_eq!(
            self.main(),
            (balance.as_str(), balance.as_str()),
            "{:#?}",
            self.events
        );
        assert_eq!(
            (&summary["sum"], &summary["wrong_accounts"]),
            (&"0.00".into(), &0.into())
        );
    }

    /// The reasons of the operations that failed.
    pub(crate) fn reasons(&self) -> Vec<&str> {
        self.of("failed")
            .iter()
            .map(|event| event["reason"].as_str().unwrap())
            .collect()
    }
}

fn of_type<'a>(events: &'a [Value], r#type: &str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["type"] == r#type)
}

fn amount(event: &Value) -> i64 {
    event["amount"]
        .as_str()
        .unwrap()
        .replace('.', "")
        .parse()
        .unwrap()
}
