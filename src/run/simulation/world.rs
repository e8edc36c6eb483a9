//! The world of a simulated run: its parent process, workers, links, ledger, input and clock.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::chance::Chance;
use super::ledger::SimLedger;
use super::promises::{Broken, Promises, hold, limit, obeys_signals};
use super::recorded::Recorded;
use super::scenario::SeededRun;
use super::worker::{SimMessage, SimWorker};
use crate::bank::WorkEnd;
use crate::event::OperationEvent;
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
    pub(super) scenario: SeededRun,
    run: Run,
    chance: Chance,
    now: Duration,
    /// How long its host has stood still, which `now` does not count.
    stood: Duration,
    wakes_at: Duration,
    effects: VecDeque<Effect>,
    processes: BTreeMap<u32, SimProcess>,
    pub(super) ledger: SimLedger,
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
    pub(super) recorded: Recorded,
    /// What was told to be posted, and not looked at since.
    posted: Vec<OperationEvent>,
    /// What happened to commands, by the lines that they were run for, and was not looked at since.
    commands: Vec<(u64, CommandStep)>,
    /// What happened, if that is wanted.
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    /// What this seed makes of a run, without these parts.
    pub(super) fn new(seed: u64, without: &[String], traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let scenario = SeededRun::of(&mut chance).without(without);
        let ledger = SimLedger::new(&scenario);
        World::of(scenario, ledger, chance, traced)
    }

    /// A run of this scenario.
    pub(super) fn of(
        scenario: SeededRun,
        ledger: SimLedger,
        mut chance: Chance,
        traced: bool,
    ) -> Self {
        let order = Box::new(chance.fork());
        let mut world = World {
            run: Run::new(scenario.settings.clone(), order),
            now: Duration::ZERO,
            stood: Duration::ZERO,
            wakes_at: Duration::ZERO,
            effects: VecDeque::new(),
            processes: BTreeMap::new(),
            ledger,
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
            posted: Vec::new(),
            commands: Vec::new(),
            trace: traced.then(Vec::new),
            chance,
            scenario,
        };
        let SeededRun { items, evil, .. } = &world.scenario;
        let first = match &world.scenario.shared {
            None => format!("{:?}", world.scenario),
            // The ids of a run that goes on are in no order.
            Some(_) => format!("{items:?}, {evil:?}"),
        };
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
            if self.is_over() {
                return self.judge();
            }
            if !self.step()? {
                self.now = self.next_at();
            }
        }
        Err(format!("it does not end: {:?}", self.now))
    }

    /// So long after its beginning it is now; for so much of that its host stood still, which its clocks do not count.
    pub(super) fn pass(&mut self, since: Duration, stood: Duration) {
        (self.now, self.stood) = (since - stood, stood);
        self.run.stood_still(stood);
    }

    /// Whether its process has ended.
    pub(super) fn is_over(&self) -> bool {
        self.killed || self.conclusion.is_some()
    }

    /// Its run has come to its end.
    pub(super) fn is_whole(&self) -> bool {
        let is_read = !self.scenario.input_fails;
        self.conclusion.is_some() && !self.ledger.failed && is_read && self.promises.is_whole()
    }

    /// What was told of commands and of entries since the last time.
    pub(super) fn take_told(&mut self) -> (Vec<(u64, CommandStep)>, Vec<OperationEvent>) {
        let (commands, posted) = (&mut self.commands, &mut self.posted);
        (std::mem::take(commands), std::mem::take(posted))
    }

    /// What it told must be possible, and what it ended with must be right.
    pub(super) fn judge(&self) -> Result<(), Broken> {
        self.recorded.judge()?;
        let Some(conclusion) = &self.conclusion else {
            return Ok(());
        };
        let (scenario, ledger) = (&self.scenario, &self.ledger);
        self.promises
            .at_the_end(scenario, ledger, conclusion, self.started)
    }

    /// One step of one of those that can do something now, if any can.
    pub(super) fn step(&mut self) -> Result<bool, Broken> {
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
            return Ok(false);
        }
        self.misfortune();
        match due[self.chance.below(due.len())] {
            PARENT => self.parent()?,
            LEDGER => {
                let fails = self.scenario.evil.ledger;
                self.ledger.step(self.now, fails, &mut self.chance);
                self.promises.ledger_state(&self.ledger)?;
            }
            worker => self.worker(worker)?,
        }
        Ok(true)
    }

    /// When something can happen next.
    pub(super) fn next_at(&self) -> Duration {
        if self.parent_is_due() {
            return self.now;
        }
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
        process.worker.stood = self.stood;
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
        let worked = process.worker.worked.as_ref();
        let steps = sent
            .iter()
            .flat_map(|arrived| command_steps(arrived, worked));
        let line_of = |number| self.promises.line_of(number);
        let steps = steps.filter_map(|(number, step)| Some((line_of(number)?, step)));
        self.commands.extend(steps);
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

    /// Does what the run wants, until it wants nothing more.
    pub(super) fn act(&mut self) -> Result<(), Broken> {
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
        if self.closing
            && let Some(standings) = self.ledger.closed()
        {
            self.closing = false;
            let elapsed = self.now;
            self.tell(Input::LedgerClosed { standings, elapsed });
        }
    }
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

mod commands;
mod deadlines;
mod deaths;
mod effects;
mod parent;
pub(super) use commands::CommandStep;
use commands::{command_steps, starts_command};
use effects::{AskKind, kind};
