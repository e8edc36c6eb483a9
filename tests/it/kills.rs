//! Any process is killed at any moment: what was acknowledged is there once, and a repeat goes on.
//!
//! `BANK_PAR_KILLS=N` kills so many times at drawn moments, for each kind of process, instead of a few, and where
//! windows begin at each call, instead of every fourth.

mod command;
mod moments;
mod one_shots;
mod outages;
mod points;
mod servers;
mod windows;

pub(crate) use points::{CALLS, kill_at_each};
pub(crate) use windows::earlier;

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use moments::Moments;
use outages::Outages;

use crate::cli::{Run, Running, Written, program};
use crate::ledger::{Ledger, at_once};
use crate::power::Draws;
use crate::process::{Process, orphans};
use crate::promised::Promised;

pub(crate) const LINES: u64 = 400;

/// How many kills at drawn moments.
fn kills(default: u64) -> u64 {
    let wanted = std::env::var("BANK_PAR_KILLS").ok();
    wanted.map_or(default, |wanted| wanted.parse().expect("a number of kills"))
}

/// A ledger, what was promised of it, and the figures of it and of those before it.
struct Rig {
    /// What the ledger stands on, if that loses its power before each look at it.
    disk: Option<Outages>,
    ledger: Ledger,
    promised: Promised,
    kills: u64,
    /// How many kills there are to be; then what goes on comes to its end.
    wanted: u64,
    looks: u64,
    checked_before: u64,
    lost: usize,
    doubled: usize,
}

impl Rig {
    fn new() -> Self {
        Rig {
            disk: None,
            ledger: Ledger::new(),
            promised: Promised::default(),
            kills: 0,
            wanted: 0,
            looks: 0,
            checked_before: 0,
            lost: 0,
            doubled: 0,
        }
    }

    /// The same, for one of two threads that kill so many times together, unless more are asked for.
    fn killing(default: u64) -> Self {
        Rig {
            wanted: kills(default).div_ceil(2),
            ..Rig::new()
        }
    }

    fn kills_on(&self) -> bool {
        self.kills < self.wanted
    }

    /// Goes on with a new ledger: each look at one reads all of it.
    fn renew(&mut self) {
        self.checked_before = self.checked();
        self.promised = Promised::default();
        self.disk = None;
        self.ledger = Ledger::new();
    }

    /// How many acknowledged answers were held against their ledger.
    fn checked(&self) -> u64 {
        self.checked_before + self.promised.posted()
    }

    fn path(&self) -> PathBuf {
        self.ledger.path().into()
    }

    /// Starts a command on the ledger.
    fn start(&self, words: &[&str]) -> Running {
        let path = self.path();
        let ledger = ["--output", "json", "--ledger", path.to_str().unwrap()];
        Running::start(program(&[words, &ledger].concat()))
    }

    /// Has a ledger be there, which no run creates. Another process does so: see [`Outages`].
    fn open(&self) {
        let ended = self
            .start(&["open", "main", "--overdraft", "1000"])
            .finish();
        assert!(ended.status.success(), "{ended:?}");
    }

    /// Waits for the end of a command that was killed or has lost a worker, and looks at the ledger.
    fn look(&mut self, running: Running) -> Run {
        let run = running.finish();
        self.promised.hear(&run.stdout);
        self.check();
        run
    }

    fn check(&mut self) {
        self.looks += 1;
        let path = match &mut self.disk {
            Some(disk) => disk.lose_power(),
            None => self.path(),
        };
        let found = self.promised.find(&path).unwrap();
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
        let checked = self.checked();
        println!(
            "{what}: {kills} kills, {checked} answers checked, {lost} lost, {doubled} doubled"
        );
    }
}

/// Deposits of different amounts.
pub(crate) fn lines() -> String {
    deposits(LINES)
}

fn deposits(count: u64) -> String {
    (1..=count).fold(String::new(), |mut lines, amount| {
        writeln!(lines, "{{\"op\":\"deposit\",\"amount\":{amount}}}").unwrap();
        lines
    })
}

/// The inputs of runs: most are short, since what tells is how often one is killed.
struct Inputs(Vec<(u64, Written)>);

impl Inputs {
    fn new() -> Self {
        let written = |count| (count, Written::new("lines.jsonl", deposits(count)));
        Inputs([5, 20, 20, 60, LINES].map(written).into())
    }

    /// The number of lines of one, and its path.
    fn draw(&self, draws: &mut Draws) -> (u64, &str) {
        let (count, written) = &self.0[draws.below(self.0.len() as u64) as usize];
        (*count, written.path())
    }
}

/// It may have ended just now.
fn kill(pid: i32) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

/// Whether it was killed, or lost a worker that was.
fn was_killed(run: &Run) -> bool {
    run.status.signal() == Some(Signal::KILL.as_raw()) || run.status.code() == Some(7)
}

/// Kills a parent, one of its workers or all of them again and again, after so many lines or so long as is drawn,
/// until its run is at its end; then begins another run.
#[test]
fn killed_parents_and_workers_lose_nothing() {
    let inputs = Inputs::new();
    let each = at_once(2, |number| {
        let mut rig = Rig::killing(20);
        let mut draws = Draws::new(number as u64);
        let mut moments = Moments::new();
        while rig.kills_on() {
            rig.renew();
            run_to_its_end(&mut rig, inputs.draw(&mut draws), &mut draws, &mut moments);
        }
        rig.tell("parents and workers");
        rig.kills
    });
    assert!(each.iter().all(|kills| *kills > 0));
}

fn run_to_its_end(
    rig: &mut Rig,
    (lines, input): (u64, &str),
    draws: &mut Draws,
    moments: &mut Moments,
) {
    rig.open();
    for round in 0.. {
        assert!(round < 1000, "a run does not come to its end");
        let mode = ["parallel", "queue", "pipe"][draws.below(3) as usize];
        let stay = ["0", "1", "7"][draws.below(3) as usize];
        let jobs = ["1", "2", "4"][draws.below(3) as usize];
        let words = [
            mode,
            input,
            "--run",
            "nightly",
            "--jobs",
            jobs,
            "--ops-per-worker",
            stay,
        ];
        let mut running = rig.start(&words);
        if rig.kills_on() {
            match draws.below(2) {
                0 => hear(&mut running, &mut rig.promised, draws.below(lines / 2 + 1)),
                _ => moments.wait(draws),
            }
            kill_some(&running, draws);
        }
        let ended = rig.look(running);
        rig.kills += u64::from(was_killed(&ended));
        moments.learn(was_killed(&ended));
        if ended.status.success() && rig.promised.lines() == lines {
            return;
        }
    }
}

/// Hears so many lines of what a run says, if it says so many.
fn hear(running: &mut Running, promised: &mut Promised, count: u64) {
    for _ in 0..count {
        match running.hear().as_str() {
            "" => break,
            line => promised.hear(&format!("{line}\n")),
        }
    }
}

/// Kills a parent alone, one of its workers, or all of them with it.
fn kill_some(running: &Running, draws: &mut Draws) {
    let parent = Process(running.pid.cast_signed());
    match draws.below(4) {
        0 => orphans(parent)
            .first()
            .map_or_else(|| running.kill(), |worker| kill(worker.0)),
        1 => {
            let workers = orphans(parent);
            running.kill();
            workers.iter().for_each(|worker| kill(worker.0));
        }
        _ => running.kill(),
    }
}
