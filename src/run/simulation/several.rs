//! Several parents, servers and single commands on one ledger, on one host or several, from one seed.
//!
//! Each parent is a whole [`World`] with its workers; the ledger is the engine over rows that all processes
//! share. Parents, servers and hosts are killed or stopped, commits fail in every way, the power is lost, and
//! each run is repeated until it has come to its end. The promises of each parent hold after every step, and
//! so do those that speak of all of them: each id and each line is posted once, no account is overdrawn, what
//! was acknowledged to any of them stays, and a command is not run again unless a person said so.

mod known;
mod mishaps;
mod program;
mod shells;
mod starting;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::chance::Chance;
use super::ledger::LedgerProcess;
use super::promises::{Broken, hold};
use super::recorded;
use super::world::World;
use crate::bank::Kind;
use crate::store::{CommitFate, Flaw, HostClock, LeaseKind, LedgerError, SharedRows};
use known::Known;
use mishaps::Mishaps;
use program::{Program, ProgramAttempt, ProgramState, all_was_told};

/// More steps than any of them takes.
const MOST_STEPS: usize = 100_000;
/// How long a lease lasts that ends by the clock.
const LEASE: Duration = Duration::from_secs(30);
/// What the wall clocks show at first, in microseconds.
const BEGIN: i64 = 1_774_648_800_000_000;

/// A machine.
struct Host {
    clock: HostClock,
    /// By so many microseconds its wall clock is wrong.
    jumped: i64,
    boot: i64,
    booted_at: Duration,
    /// Nothing on it goes on until then.
    stopped_until: Duration,
    /// How long its stops last, all together. The clocks that its processes keep deadlines by stand still meanwhile.
    stood: Duration,
}

/// All that uses one ledger.
pub(super) struct SharedWorld {
    chance: Chance,
    now: Duration,
    rows: SharedRows,
    kind: LeaseKind,
    hosts: Vec<Host>,
    programs: Vec<Program>,
    /// The server through which some of them ask, while it is there.
    server: Option<LedgerProcess>,
    /// The runs of clients that are gone, which their server could not end yet.
    left: Vec<(LedgerProcess, u32)>,
    /// The leases of processes that were killed, which last a while.
    lingering: Vec<(Duration, LedgerProcess)>,
    mishaps: Mishaps,
    locked_until: Option<Duration>,
    known: Known,
    /// How many parents have begun.
    parents: u32,
    /// How many processes have opened the ledger.
    processes: u32,
    /// The rows were looked at as of this commit.
    checked: u64,
    /// What was told, each attempt by itself.
    files: Vec<Vec<u8>>,
    pub(super) trace: Option<Vec<String>>,
}

impl SharedWorld {
    /// What this seed makes, without these parts.
    pub(super) fn new(seed: u64, without: &[String], traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let kind = match chance.happens(400) {
            true => LeaseKind::Time(LEASE),
            false => LeaseKind::Process,
        };
        let hosts = match kind {
            LeaseKind::Process => 1,
            LeaseKind::Time(_) => chance.between(1, 3),
        };
        let programs = Program::draw_all(hosts, &mut chance);
        let programs = programs.into_iter().enumerate();
        let is_out = |part: &str| without.iter().any(|out| out == part);
        let world = SharedWorld {
            now: Duration::ZERO,
            rows: SharedRows::new(),
            kind,
            hosts: (0..hosts).map(|_| Host::new()).collect(),
            mishaps: Mishaps::draw(&mut chance).without(is_out),
            programs: programs
                .filter(|(place, _)| !is_out(&format!("program-{place}")))
                .map(|(place, program)| program.without(place, without))
                .collect(),
            server: None,
            left: Vec::new(),
            lingering: Vec::new(),
            locked_until: None,
            known: Known::default(),
            parents: 0,
            processes: 0,
            checked: 0,
            files: Vec::new(),
            trace: traced.then(Vec::new),
            chance,
        };
        world.rows.lease_by(kind);
        world.set_clocks();
        world
    }

    /// The parts of it that can be left out.
    pub(super) fn parts(seed: u64) -> Vec<String> {
        let world = SharedWorld::new(seed, &[], false);
        let mut parts = world.mishaps.parts();
        for (place, mut program) in world.programs.into_iter().enumerate() {
            parts.push(format!("program-{place}"));
            parts.extend(program.parts(place));
        }
        parts
    }

    /// Plants an error in what the engine relies upon.
    pub(super) fn plant(&self, flaw: Option<Flaw>) {
        self.rows.plant(flaw);
    }

    fn note(&mut self, words: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:?} {}", words()));
        }
    }

    /// Everything goes on until every run has come to its end.
    pub(super) fn live(&mut self) -> Result<(), Broken> {
        self.begin()?;
        for _ in 0..MOST_STEPS {
            if self.programs.iter().all(Program::is_done) {
                return self.at_the_end();
            }
            self.step()?;
        }
        Err(format!("it does not end: {:?}", self.now))
    }

    fn step(&mut self) -> Result<(), Broken> {
        self.mishap()?;
        self.end_left();
        let due: Vec<usize> = (0..self.programs.len())
            .filter(|place| self.is_due(*place))
            .collect();
        if due.is_empty() {
            self.pass();
            return Ok(());
        }
        let place = due[self.chance.below(due.len())];
        match self.programs[place].state {
            ProgramState::Waits(_) => self.start(place)?,
            ProgramState::Runs(_) => self.run(place)?,
            ProgramState::Done => {}
        }
        self.check_rows()
    }

    fn is_due(&self, place: usize) -> bool {
        let program = &self.programs[place];
        let host = &self.hosts[program.host];
        let at = program.next_at(host.stood);
        at.is_some_and(|at| at <= self.now) && host.stopped_until <= self.now
    }

    /// Time passes until something can happen.
    fn pass(&mut self) {
        let at = |program: &Program| {
            let host = &self.hosts[program.host];
            let at = program.next_at(host.stood)?;
            Some(at.max(host.stopped_until))
        };
        let next = self.programs.iter().filter_map(at).chain(self.locked_until);
        self.now = next.min().unwrap_or(self.now).max(self.now);
        if self.locked_until.is_some_and(|until| until <= self.now) {
            self.locked_until = None;
            self.rows.lock(false);
        }
        self.set_clocks();
        self.rows.passed(self.now);
        for program in &self.programs {
            if let ProgramState::Runs(attempt) = &program.state
                && self.hosts[program.host].stopped_until <= self.now
            {
                self.rows.prolong(attempt.process.number);
            }
        }
        let now = self.now;
        for (_, process) in self.lingering.extract_if(.., |(until, _)| *until <= now) {
            process.end();
        }
    }

    fn set_clocks(&self) {
        let now = i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX);
        for host in &self.hosts {
            let up = self.now - host.booted_at;
            host.clock.set(BEGIN + now + host.jumped, host.boot, up);
        }
    }

    /// Opens the ledger in a new process.
    fn open(&mut self, host: usize) -> LedgerProcess {
        self.processes += 1;
        let ledger = self.rows.open_on(self.processes, &self.hosts[host].clock);
        LedgerProcess {
            ledger: Rc::new(RefCell::new(Some(ledger))),
            rows: self.rows.clone(),
            number: self.processes,
        }
    }

    /// Something may go wrong with the next commit.
    fn draw_fate(&mut self) {
        let fate = match self.chance.happens(self.mishaps.commit) {
            true => self.chance.fate(),
            false => CommitFate::Done,
        };
        self.rows.next_commit(fate);
    }

    /// The server ends the runs of clients that are gone. What it cannot end yet it ends later, and what dies
    /// with it is found to be dead.
    fn end_left(&mut self) {
        self.left.retain(|(server, run)| {
            let ended = server.with(|ledger| ledger.end_run(*run));
            ended.is_err_and(|error| error.may_pass())
        });
    }

    /// One step of a parent and its workers.
    fn run(&mut self, place: usize) -> Result<(), Broken> {
        let program = &mut self.programs[place];
        let ProgramState::Runs(attempt) = &mut program.state else {
            return Ok(());
        };
        let stood = self.hosts[program.host].stood - attempt.stood;
        attempt.world.pass(self.now - attempt.began, stood);
        let stepped = attempt.world.step();
        if let (Some(trace), Some(told)) = (&mut self.trace, &mut attempt.world.trace) {
            trace.extend(told.drain(..).map(|line| format!("[{place}] {line}")));
        }
        stepped.map_err(|why| format!("program {place}: {why}"))?;
        let (commands, posted) = attempt.world.take_told();
        let is_over = attempt.world.is_over();
        for (line, step) in commands {
            if let Some(key) = program.command_key(line) {
                self.known.command(key, step)?;
            }
        }
        for posted in posted {
            self.known.posted(&self.rows, &posted)?;
            let seq = posted.seq.filter(|_| posted.op != Some(Kind::Balance));
            let entry = seq.and_then(|seq| self.rows.entry(seq));
            // A line that repeats the id of another is told with the entry of that one.
            let own = entry.filter(|entry| entry.run == Some(program.run));
            program.lines.extend(own.and_then(|entry| entry.line));
        }
        match is_over {
            true => self.ended(place),
            false => Ok(()),
        }
    }

    /// What must hold of all that is posted, whichever process wrote it.
    fn check_rows(&mut self) -> Result<(), Broken> {
        let commit = self.rows.commit();
        if std::mem::replace(&mut self.checked, commit) != commit {
            self.rows.check()?;
        }
        Ok(())
    }

    fn at_the_end(&mut self) -> Result<(), Broken> {
        self.rows.lock(false);
        self.rows.next_commit(CommitFate::Done);
        self.known.all_are_there(&self.rows)?;
        let process = self.open(0);
        let verified = process.with(|ledger| ledger.verify(None).map(drop));
        verified.map_err(|error| format!("it is not sound: {error}"))?;
        all_was_told(&self.programs, &self.rows)?;
        let files: Vec<&[u8]> = self.files.iter().map(Vec::as_slice).collect();
        recorded::judge(&files)
    }
}

impl Host {
    fn new() -> Self {
        Host {
            clock: HostClock::new(),
            jumped: 0,
            boot: 1,
            booted_at: Duration::ZERO,
            stopped_until: Duration::ZERO,
            stood: Duration::ZERO,
        }
    }

    /// It stops now, or stays stopped, until then at least.
    fn stop(&mut self, now: Duration, until: Duration) {
        let from = self.stopped_until.max(now);
        self.stopped_until = from.max(until);
        self.stood += self.stopped_until - from;
    }
}
