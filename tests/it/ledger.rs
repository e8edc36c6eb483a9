//! A ledger that lasts, and commands on it.

use std::path::Path;
use std::process::Command;

use bank_par::bank::{Answer, Asked, Outcome, Request, RequestContext, Unit};
use bank_par::store::{Access, Place};
use rustix::fs::{StatVfsMountFlags, statvfs};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Run, Running, program};

/// Creates a ledger in this file.
pub(crate) fn create(path: &str) {
    drop(
        Place::File(path.into())
            .open(Access::Create(&Unit::default()))
            .unwrap(),
    );
}

/// A folder for a ledger, in memory where there is room, so that no test waits for a disk that others keep
/// busy. What a ledger asks of its disk is the same there.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let has_room = statvfs(memory).is_ok_and(|about| {
        about.f_bavail * about.f_frsize > 1 << 30
            && !about.f_flag.contains(StatVfsMountFlags::NOEXEC)
    });
    match has_room {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
    .unwrap()
}

/// A ledger of its own, of which not even the file is there at first.
pub(crate) struct Ledger {
    folder: TempDir,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Ledger { folder: folder() }
    }

    /// A ledger in whose file nothing stands yet. Only money that comes in, or `open`, creates one.
    pub(crate) fn created() -> Self {
        let ledger = Ledger::new();
        create(&ledger.path());
        ledger
    }

    pub(crate) fn path(&self) -> String {
        let path = self.folder.path().join("bank.db");
        path.to_str().unwrap().to_string()
    }

    /// Writes a file beside the ledger, and tells its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }

    /// A command of the program on this ledger, its words told apart by spaces.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = program(&words.split_whitespace().collect::<Vec<_>>());
        command.env("BANK_PAR_LEDGER", self.path());
        command
    }

    /// Runs such a command to its end.
    pub(crate) fn run(&self, words: &str) -> Run {
        Running::start(self.command(words)).finish()
    }

    /// Runs such a command, which must end with 0, and returns what it printed.
    #[track_caller]
    pub(crate) fn say(&self, words: &str) -> String {
        self.run(words).expect(0).stdout
    }

    /// Runs such a command, which must end with 0 and print one object.
    #[track_caller]
    pub(crate) fn json(&self, words: &str) -> Value {
        let run = self.run(&format!("{words} --output json")).expect(0);
        let [event] = run.events().try_into().unwrap();
        event
    }

    /// Runs a script in which `bank-par` is the program and works on this ledger.
    pub(crate) fn script(&self, script: &str) -> Run {
        let folder = Path::new(env!("CARGO_BIN_EXE_bank-par")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("BANK_PAR_LEDGER", self.path());
        Running::start(command).finish()
    }

    /// Has all of these decided in one batch, which no command can ask for.
    pub(crate) fn transact(&self, requests: impl Iterator<Item = Request>) {
        let answers = self.decide(requests);
        let refused = |outcome| matches!(outcome, Outcome::Refused { .. });
        assert!(!answers.iter().any(|answer| refused(answer.outcome)));
    }

    /// Has all of these decided in one batch on a connection of its own.
    pub(crate) fn decide(&self, requests: impl Iterator<Item = Request>) -> Vec<Answer> {
        let asked = |request| Asked {
            caller: RequestContext::default(),
            request,
        };
        let place = Place::File(self.path().into());
        let mut ledger = place.open(Access::Create(&Unit::default())).unwrap();
        let answers = ledger
            .transact(&requests.map(asked).collect::<Vec<_>>())
            .unwrap();
        answers.into_iter().map(Option::unwrap).collect()
    }

    /// What `balance` says of one account: posted, held, available.
    #[track_caller]
    pub(crate) fn money(&self, account: &str) -> [String; 3] {
        let line = self.say(&format!("balance {account}"));
        let cells: Vec<&str> = line.trim_end().split('\t').collect();
        assert_eq!(cells[0], account);
        cells[1..4]
            .iter()
            .map(|cell| cell.to_string())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap()
    }

    /// How many entries there are.
    pub(crate) fn entries(&self) -> usize {
        self.say("history").lines().count()
    }

    /// Has the ledger held against itself: `verify` must find nothing.
    #[track_caller]
    pub(crate) fn verify(&self) {
        self.run("verify").expect(0);
    }

    /// Checks that a command is refused and says so, with nothing on stdout.
    #[track_caller]
    pub(crate) fn refuses(&self, words: &str, code: i32, why: &str) {
        let run = self.run(words);
        let said = format!("bank-par: {why}\n");
        let seen = (run.code(), run.stdout.as_str(), run.stderr.as_str());
        assert_eq!(seen, (code, "", said.as_str()), "{words}");
    }
}

/// Runs the same on several threads, and returns what each got.
pub(crate) fn at_once<T: Send>(threads: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let run = &run;
        let started: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
