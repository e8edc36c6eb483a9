//! The world of a simulated run: its parent process, workers, links, ledger, input and clock.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::chance::Chance;
use super::ledger::SimLedger;
use super::promises::{Broken, Promises, hold, limit, obeys_signals};
use super::recorded::Recorded;
use super::scenario::SeededRun;
use super::worker::{SimMessage, SimWorker};
use crate::exit::Exit;
use crate::link::{Arrival, Arrived};
use crate::protocol::{Assignment, Report};
use crate::run::{Conclusion, Effect, Input, InputState, Run};
use crate::work::{CommandEvent, Work};
use crate::workload::Item;

/// More steps than any run takes.
const MOST_STEPS: usize = 50_000;
/// The longest that a worker may take to start or to end.
const START_LIMIT: Duration = Duration::from_secs(60);
const INTERRUPT: i32 = 2;
pub(super) const HANGUP: i32 = 1;
const KILLED: i32 = 9;

/// One process and its link, as the parent's side of the world sees them.
struct SimProcess {
    worker: SimWorker,
    to_parent: VecDeque<(Duration, Arrived)>,
    /// Its end and that of its link were prepared for the parent.
    ended: bool,
    exit_told: bool,
    link_end_told: bool,
    /// When the parent last heard of it, or gave it something to do.
    contact: Duration,
    ready: bool,
    closing: bool,
    given: u64,
    /// What is in its hands.
    hand: VecDeque<(u64, Work)>,
    /// Its requests that have reached the parent and were not answered.
    asked: i64,
    killed: bool,
}

pub(super) struct World {
    scenario: SeededRun,
    run: Run,
    chance: Chance,
    now: Duration,
    wakes_at: Duration,
    effects: VecDeque<Effect>,
    processes: BTreeMap<u32, SimProcess>,
    ledger: SimLedger,
    input: VecDeque<Item>,
    input_ended: bool,
    closing: bool,
    /// Those that came.
    signals: Vec<i32>,
    /// When workers that wait were last told to go on waiting.
    extended_at: Duration,
    /// What arrived of workers that were given up.
    late: HashSet<(u64, AskKind)>,
    started: u64,
    conclusion: Option<Conclusion>,
    /// The run's own process was ended.
    killed: bool,
    promises: Promises,
    recorded: Recorded,
    /// What happened, if that is wanted.
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    /// What this seed makes of a run, without these parts.
    pub(super) fn new(seed: u64, without: &[String], traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let scenario = SeededRun::of(&mut chance).without(without);
        let order = Box::new(chance.fork());
        let mut world = World {
            run: Run::new(scenario.settings.clone(), order),
            now: Duration::ZERO,
            wakes_at: Duration::ZERO,
            effects: VecDeque::new(),
            processes: BTreeMap::new(),
            ledger: SimLedger::new(&scenario),
            input: scenario.items.iter().cloned().collect(),
            input_ended: false,
            closing: false,
            signals: Vec::new(),
            extended_at: Duration::ZERO,
            late: HashSet::new(),
            started: 0,
            conclusion: None,
            killed: false,
            promises: Promises::of(&scenario),
            recorded: Recorded::of(&scenario),
            trace: traced.then(Vec::new),
            chance,
            scenario,
        };
        let first = format!("{:?}", world.scenario);
        world.note(|| first);
        world
    }

    /// The parts of it that can be left out.
    pub(super) fn parts(mut self) -> Vec<String> {
        self.scenario.parts()
    }

    fn note(&mut self, words: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:?} {}", words()));
        }
    }

    /// Runs it to its end.
    pub(super) fn live(&mut self) -> Result<(), Broken> {
        for _ in 0..MOST_STEPS {
            if self.killed {
                return self.recorded.judge();
            }
            if let Some(conclusion) = self.conclusion.take() {
                self.recorded.judge()?;
                let (scenario, ledger) = (&self.scenario, &self.ledger);
                return self
                    .promises
                    .at_the_end(scenario, ledger, &conclusion, self.started);
            }
            self.step()?;
        }
        Err(format!("it does not end: {:?}", self.now))
    }

    /// One step of one of those that can do something now; where none can, time passes.
    fn step(&mut self) -> Result<(), Broken> {
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= self.now);
        let processes = self.processes.iter();
        let mut due: Vec<u32> = processes
            .filter(|(_, process)| is_due(process.worker.next_at()))
            .map(|(worker, _)| *worker)
            .collect();
        const PARENT: u32 = 0;
        const LEDGER: u32 = u32::MAX;
        due.extend(self.parent_is_due().then_some(PARENT));
        due.extend(is_due(self.ledger.next_at()).then_some(LEDGER));
        if due.is_empty() {
            self.now = self.next_at();
            return Ok(());
        }
        self.misfortune();
        match due[self.chance.below(due.len())] {
            PARENT => self.parent(),
            LEDGER => {
                let fails = self.scenario.evil.ledger;
                self.ledger.step(self.now, fails, &mut self.chance);
                self.promises.ledger_state(&self.ledger)
            }
            worker => self.worker(worker),
        }
    }

    fn next_at(&self) -> Duration {
        let processes = self.processes.values();
        let processes = processes.flat_map(|process| {
            [
                process.worker.next_at(),
                process.to_parent.front().map(|(at, _)| *at),
            ]
        });
        let all = processes.chain([self.ledger.next_at(), Some(self.wakes_at)]);
        all.flatten().min().unwrap_or(self.wakes_at).max(self.now)
    }

    fn parent_is_due(&self) -> bool {
        let has_news = |process: &SimProcess| {
            let message = process.to_parent.front();
            message.is_some_and(|(at, _)| *at <= self.now) || process.ended && !process.exit_told
        };
        self.wakes_at <= self.now || self.ledger.has_news() || self.processes.values().any(has_news)
    }

    fn worker(&mut self, worker: u32) -> Result<(), Broken> {
        let Some(process) = self.processes.get_mut(&worker) else {
            return Ok(());
        };
        let sent = process
            .worker
            .step(self.now, self.scenario.evil, &mut self.chance);
        for arrived in &sent {
            let words = format!("worker {worker} sends {arrived:?}");
            if let Some(trace) = &mut self.trace {
                trace.push(words);
            }
        }
        let starts = sent.iter().any(starts_command);
        for arrived in sent {
            send(process, arrived, self.now, &mut self.chance);
        }
        let untrue = process.worker.untrue.take();
        hold!(
            !starts || self.signals.is_empty(),
            "worker {worker} starts a command after a signal"
        );
        self.see_to_end(worker);
        untrue.map_or(Ok(()), Err)
    }

    /// One turn of the parent, in the order of the driver.
    fn parent(&mut self) -> Result<(), Broken> {
        let outputs_are_full = self.chance.happens(self.scenario.evil.full);
        self.tell(Input::Turn { outputs_are_full });
        self.act()?;
        if self.conclusion.is_some() || self.killed {
            return Ok(());
        }
        self.signals()?;
        self.exits();
        if self.chance.happens(self.scenario.evil.output) {
            self.promises.stopped = true;
            self.tell(Input::OutputBroken("stdout was closed".to_string()));
        }
        self.arrivals();
        if self.chance.happens(self.scenario.evil.abort) {
            self.promises.stopped = true;
            self.promises.aborted = true;
            self.tell(Input::Aborted("no more memory".to_string()));
        }
        self.act()?;
        self.wakes_at = self.run.wake_at(self.now);
        self.deadlines()
    }

    fn tell(&mut self, input: Input) {
        let words = self.trace.is_some().then(|| format!("  -> {input:?}"));
        self.note(|| words.unwrap_or_default());
        let effects = self.run.handle(input, self.now);
        self.effects.extend(effects);
    }

    fn signals(&mut self) -> Result<(), Broken> {
        if self.signals.len() == 3 || !self.chance.happens(self.scenario.evil.signal) {
            return Ok(());
        }
        let signal = [INTERRUPT, HANGUP][self.chance.below(2)];
        self.signals.push(signal);
        self.promises.stopped = true;
        let before = self.effects.len();
        self.tell(Input::Signal(signal));
        let effects = self.effects.range(before..);
        let has_command = self.scenario.settings.command.is_some();
        obeys_signals(&self.signals, has_command, effects)
    }

    /// Workers that have ended are reaped, some of them; the link of some is read to the end at once.
    fn exits(&mut self) {
        let workers: Vec<u32> = self.processes.keys().copied().collect();
        for worker in workers {
            let Some(process) = self.processes.get_mut(&worker) else {
                continue;
            };
            let exit = process
                .worker
                .exit
                .filter(|_| process.ended && !process.exit_told);
            if let Some(exit) = exit.filter(|_| self.chance.happens(800)) {
                process.exit_told = true;
                process.contact = self.now;
                self.tell(Input::Exited { worker, exit });
                if self.chance.happens(500) {
                    let arrivals = self.receive(worker, usize::MAX);
                    self.tell(Input::Arrived(arrivals));
                }
            }
        }
    }

    fn arrivals(&mut self) {
        let workers: Vec<u32> = self.processes.keys().copied().collect();
        let mut arrivals = Vec::new();
        for worker in workers {
            let Some(process) = self.processes.get(&worker) else {
                continue;
            };
            let here = process.to_parent.iter().filter(|(at, _)| *at <= self.now);
            let most = self.chance.below(here.count() + 1);
            arrivals.extend(self.receive(worker, most));
        }
        if !arrivals.is_empty() {
            self.tell(Input::Arrived(arrivals));
        }
    }

    fn receive(&mut self, worker: u32, most: usize) -> Vec<Arrival> {
        let may_halt = self.may_halt();
        let Some(process) = self.processes.get_mut(&worker) else {
            return Vec::new();
        };
        let count = most.min(process.to_parent.len());
        let mut arrivals = Vec::new();
        for (_, what) in process.to_parent.drain(..count) {
            match &what {
                Arrived::Ready => process.ready = true,
                Arrived::Requests(requests) => {
                    process.asked += requests.len() as i64;
                    let numbers = requests.iter().map(|request| request.number);
                    numbers.for_each(|number| self.promises.asked(number));
                    let late = requests.iter().filter(|_| process.killed && !may_halt);
                    self.late
                        .extend(late.map(|request| (request.number, kind(&request.ask))));
                }
                Arrived::Reports(reports) => {
                    reports
                        .iter()
                        .for_each(|report| self.promises.reported(report));
                }
                Arrived::Timings(_) | Arrived::Probes(_) => {}
                Arrived::Closed | Arrived::Broken(_) => process.link_end_told = true,
            }
            if !matches!(what, Arrived::Requests(_)) {
                process.contact = self.now;
            }
            arrivals.push(Arrival { worker, what });
        }
        arrivals
    }

    /// Does what the run wants, until it wants nothing more.
    fn act(&mut self) -> Result<(), Broken> {
        loop {
            while let Some(effect) = self.effects.pop_front() {
                let words = self.trace.is_some().then(|| format!("  <- {effect:?}"));
                self.note(|| words.unwrap_or_default());
                hold!(
                    self.conclusion.is_none(),
                    "something is to be done after the end"
                );
                self.perform(effect)?;
            }
            self.collect();
            if self.effects.is_empty() {
                return self.promises.ledger_state(&self.ledger);
            }
        }
    }

    fn collect(&mut self) {
        if self.ledger.has_news() {
            let most = self.chance.below(10);
            let (outgoing, settled) = self.ledger.collect(most);
            for outgoing in &outgoing {
                self.answered(outgoing);
            }
            self.tell(Input::Decided { outgoing, settled });
        }
        if self.ledger.failure() {
            self.promises.stopped = true;
            let (why, certainty) = ("it failed".to_string(), self.ledger.certainty);
            self.tell(Input::LedgerFailed { why, certainty });
        }
        if self.closing && (self.ledger.is_idle() || self.ledger.failed && !self.ledger.has_news())
        {
            self.closing = false;
            let (standings, elapsed) = (self.ledger.standings(), self.now);
            self.tell(Input::LedgerClosed { standings, elapsed });
        }
    }
}

/// Whether a worker tells that it starts a command.
fn starts_command(arrived: &Arrived) -> bool {
    let starting = |report: &Report| matches!(report.event, CommandEvent::Starting { .. });
    matches!(arrived, Arrived::Reports(reports) if reports.iter().any(starting))
}

/// Puts something on the way to the parent.
fn send(process: &mut SimProcess, what: Arrived, now: Duration, chance: &mut Chance) {
    let last = process
        .to_parent
        .back()
        .map_or(Duration::ZERO, |(at, _)| *at);
    let at = last.max(now + chance.millis(3));
    process.to_parent.push_back((at, what));
}

mod deadlines;
mod deaths;
mod effects;
use effects::{AskKind, kind};
