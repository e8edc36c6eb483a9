//! Whoever is killed, whenever: what was acknowledged is there once, and a repeat goes on.
//!
//! `BANK_PAR_KILLS=N` kills so many times at random, instead of a few, and where windows begin at each call,
//! instead of every fourth.

mod command;
mod points;
mod windows;

pub(crate) use points::{CALLS, kill_at_each};
pub(crate) use windows::earlier;

use std::fmt::Write;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cli::{Run, Running, Written, program};
use crate::ledger::{at_once, create};
use crate::power::Draws;
use crate::process::{Process, orphans};
use crate::promised::Promised;

pub(crate) const LINES: u64 = 400;

/// How many kills at random.
fn kills(default: u64) -> u64 {
    let wanted = std::env::var("BANK_PAR_KILLS").ok();
    wanted.map_or(default, |wanted| wanted.parse().expect("a number of kills"))
}

/// A ledger, what was promised of it, and the figures.
struct Rig {
    folder: TempDir,
    promised: Promised,
    kills: u64,
    lost: usize,
    doubled: usize,
}

impl Rig {
    fn new() -> Self {
        Rig {
            folder: tempfile::tempdir().unwrap(),
            promised: Promised::default(),
            kills: 0,
            lost: 0,
            doubled: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("bank.db")
    }

    /// Starts a command on the ledger.
    fn start(&self, words: &[&str]) -> Running {
        let path = self.path();
        let ledger = ["--output", "json", "--ledger", path.to_str().unwrap()];
        Running::start(program(&[words, &ledger].concat()))
    }

    /// Waits for the end of whoever was killed or has lost someone, and looks at the ledger.
    fn look(&mut self, running: Running) -> Run {
        let run = running.finish();
        self.promised.hear(&run.stdout);
        self.check();
        run
    }

    fn check(&mut self) {
        let found = self.promised.find(&self.path()).unwrap();
        self.lost += found.lost.len();
        self.doubled += found.doubled.len();
        assert!((self.lost, self.doubled) == (0, 0), "{found:?}");
    }

    #[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
    fn tell(&self, what: &str) {
        let Rig {
            kills,
            lost,
            doubled,
            ..
        } = self;
        let acknowledged = self.promised.posted();
        println!(
            "{what}: {kills} kills, {acknowledged} acknowledged, {lost} lost, {doubled} doubled"
        );
    }
}

/// Deposits of different amounts.
pub(crate) fn lines() -> String {
    (1..=LINES).fold(String::new(), |mut lines, amount| {
        writeln!(lines, "{{\"op\":\"deposit\",\"amount\":{amount}}}").unwrap();
        lines
    })
}

/// Kills a parent or one of its workers again and again, after so many lines as chance will have it,
/// until its run is at its end; then begins another run.
#[test]
fn killed_parents_and_workers_lose_nothing() {
    let input = Written::new("lines.jsonl", lines());
    let each = at_once(2, |number| {
        let mut rig = Rig::new();
        let mut draws = Draws::new(number as u64);
        let mut run = 0;
        while rig.kills < kills(20) / 2 {
            run += 1;
            rig.promised.next_run();
            run_to_its_end(&mut rig, input.path(), run, &mut draws);
        }
        rig.tell("parents and workers");
        rig.promised.posted()
    });
    assert!(each.iter().all(|posted| *posted >= LINES));
}

/// It may have ended just now.
fn kill(pid: i32) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

fn run_to_its_end(rig: &mut Rig, input: &str, run: u64, draws: &mut Draws) {
    let name = format!("run-{run}");
    for round in 0.. {
        assert!(round < 100, "{name} does not come to an end");
        let mode = ["parallel", "queue", "pipe"][draws.below(3) as usize];
        let stay = ["0", "1", "7"][draws.below(3) as usize];
        let jobs = ["1", "2", "4"][draws.below(3) as usize];
        let words = [
            mode,
            input,
            "--run",
            &name,
            "--jobs",
            jobs,
            "--ops-per-worker",
            stay,
        ];
        let mut running = rig.start(&words);
        let wanted = draws.below(LINES / 2);
        for _ in 0..wanted {
            match running.hear().as_str() {
                "" => break,
                line => rig.promised.hear(&format!("{line}\n")),
            }
        }
        let parent = Process(running.pid.cast_signed());
        let workers = orphans(parent);
        match workers.first().filter(|_| draws.below(3) == 0) {
            Some(worker) => kill(worker.0),
            None => running.kill(),
        }
        rig.kills += 1;
        let ended = rig.look(running);
        if ended.status.success() && rig.promised.lines() == LINES {
            return;
        }
    }
}

/// Kills the server while clients ask it, each for one operation at a time, and starts it again.
#[test]
fn a_killed_server_loses_nothing() {
    let mut rig = Rig::new();
    let socket = rig.folder.path().join("private").join("socket");
    let at = format!("unix:{}", socket.display());
    let mut draws = Draws::new(7);
    for round in 0..kills(6) {
        let path = rig.path();
        create(path.to_str().unwrap());
        let words = [
            "serve",
            "--ledger",
            path.to_str().unwrap(),
            "--socket",
            socket.to_str().unwrap(),
        ];
        let mut server = Running::start(program(&words));
        // It says so when clients can connect.
        assert!(!server.hear().is_empty());
        let asked = 5 + draws.below(40);
        let pid = server.pid.cast_signed();
        let said = at_once(4, |client| {
            let mut said = String::new();
            for number in 0..asked {
                if client == 0 && number == asked / 2 {
                    kill(pid);
                }
                // The same ids in the next round, so that what was lost on the way is asked again.
                let id = format!("{client}-{}", number + 5 * (round / 2));
                let words = [
                    "deposit", "1", "--id", &id, "--output", "json", "--ledger", &at,
                ];
                let run = crate::cli::run(&words);
                assert!(matches!(run.code(), 0 | 8), "{run:?}");
                said += &run.stdout;
                if run.code() == 8 {
                    break;
                }
            }
            said
        });
        rig.kills += 1;
        drop(server.stdout.take());
        server.finish();
        rig.promised.hear(&said.concat());
        rig.check();
    }
    rig.tell("servers");
}
