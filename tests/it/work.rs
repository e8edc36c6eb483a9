//! A command as the work of every operation of a workload.

mod doubt;
mod handed_out;
mod leftovers;
mod outcomes;
mod shared;
mod spent;
mod storm;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cli::{Run, Running};
use crate::ledger::Ledger;

/// The modes in which workers run commands.
const MODES: [&str; 3] = ["parallel", "queue", "pipe"];

/// A ledger with some money on `main`, beside an input and whatever its commands leave behind.
struct Office {
    ledger: Ledger,
}

impl Office {
    fn with(amount: &str) -> Self {
        let ledger = Ledger::new();
        ledger.say(&format!("deposit {amount}"));
        Office { ledger }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.ledger.path()).with_file_name(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The program with these words, and a script of `sh` as the command.
    fn command(&self, words: &str, script: &str) -> Command {
        let mut command = self.ledger.command(words);
        command
            .args(["--output", "json", "--", "sh", "-c", script])
            .current_dir(self.path("."));
        command
    }

    fn start(&self, words: &str, script: &str) -> Running {
        Running::start(self.command(words, script))
    }

    fn run(&self, words: &str, script: &str) -> Run {
        self.start(words, script).finish()
    }

    /// What `balance` says of `main`: posted, held, available.
    fn money(&self) -> [String; 3] {
        self.ledger.money("main")
    }
}

/// The only event of this type.
#[track_caller]
fn only(run: &Run, kind: &str) -> Value {
    let found = run.of(kind);
    let [event] = found
        .try_into()
        .unwrap_or_else(|found| panic!("{kind}: {found:?} in {run:?}"));
    event
}

/// How many operations completed, were refused, failed, and are in doubt, and the exit status.
fn ends(run: &Run) -> ([u64; 4], i32) {
    let summary = run.summary();
    let count = |kind: &str| {
        let count = summary[kind].as_u64().unwrap();
        assert_eq!(run.of(kind).len() as u64, count, "{kind}: {run:?}");
        count
    };
    let counts = ["completed", "refused", "failed", "in_doubt"].map(count);
    (counts, run.code())
}
