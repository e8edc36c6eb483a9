//! A ledger that takes its time, or fails: the ledger state behind a queue.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::scenario::SeededRun;
use crate::bank::{Name, Outcome};
use crate::protocol::ReplyBody;
use crate::server::{InMemory, Incoming, Outgoing, outgoing};
use crate::store::{Cells, Certainty, LedgerError, Memory, Standing};

mod shared;
pub(super) use shared::{LedgerProcess, SharedRun};

/// How long it takes until a ledger is asked again that could not do what it was asked.
const AGAIN: Duration = Duration::from_secs(1);

/// Who decides.
enum DecidedBy {
    /// The run's own ledger state.
    Own(InMemory),
    /// A ledger that other processes use too.
    Shared(SharedRun),
}

/// What was really posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) number: u64,
    pub(super) seq: u64,
}

pub(super) struct SimLedger {
    decider: DecidedBy,
    /// It decides later, and not where it is asked.
    is_slow: bool,
    asked: VecDeque<Incoming>,
    /// Decided and not told, and whether it settles a request.
    decided: VecDeque<(Outgoing, bool)>,
    settled: u64,
    decides_at: Duration,
    /// The longest that it takes for a batch, in milliseconds.
    takes: usize,
    pub(super) failed: bool,
    /// What is known of the batch that it failed with.
    pub(super) certainty: Certainty,
    /// The failure was not told yet.
    untold: bool,
    /// All that was posted.
    pub(super) posts: Vec<Post>,
}

impl SimLedger {
    pub(super) fn new(scenario: &SeededRun) -> Self {
        let overdraft = Default::default();
        let (account, balance) = (&scenario.account, scenario.balance);
        SimLedger {
            decider: DecidedBy::Own(match scenario.shares {
                None => InMemory::Bank(Box::new(Memory::new(account, balance, overdraft))),
                Some(_) => InMemory::Shared(Box::new(Cells::new(account, balance, overdraft))),
            }),
            is_slow: scenario.settings.ledger.is_some(),
            asked: VecDeque::new(),
            decided: VecDeque::new(),
            settled: 0,
            decides_at: Duration::ZERO,
            takes: scenario.ledger_takes,
            failed: false,
            certainty: Certainty::NotDone,
            untold: false,
            posts: Vec::new(),
        }
    }

    /// A run in a ledger that others use too.
    pub(super) fn shared(scenario: &SeededRun, run: SharedRun) -> Self {
        SimLedger {
            decider: DecidedBy::Shared(run),
            ..SimLedger::new(scenario)
        }
    }

    /// Takes a batch. In memory it is decided at once.
    pub(super) fn submit(&mut self, batch: Vec<Incoming>, now: Duration, chance: &mut Chance) {
        if self.failed {
            return;
        }
        if self.asked.is_empty() {
            self.decides_at = now + chance.millis(self.takes);
        }
        self.asked.extend(batch);
        if !self.is_slow {
            self.decide(usize::MAX, now);
        }
    }

    /// When it decides the next batch, if there is one.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let is_closing = matches!(&self.decider, DecidedBy::Shared(run) if run.is_closing());
        let has_work = !self.asked.is_empty() || is_closing;
        (has_work && !self.failed).then_some(self.decides_at)
    }

    /// Decides a batch, or fails; then it certainly does not count, or nothing tells whether it does.
    pub(super) fn step(&mut self, now: Duration, fails: usize, chance: &mut Chance) {
        if let DecidedBy::Shared(run) = &mut self.decider {
            run.draw_fate(fails, chance);
            if self.asked.is_empty() {
                let closed = run.close();
                return closed.unwrap_or_else(|error| self.not_decided(&error, now));
            }
        }
        let is_own = matches!(self.decider, DecidedBy::Own(_));
        let most = chance.between(1, self.asked.len());
        if is_own && chance.happens(fails) {
            self.failed = true;
            self.untold = true;
            let is_known = chance.happens(500);
            if !is_known {
                self.certainty = Certainty::Unknown;
            }
            if !is_known && chance.happens(500) {
                let told = self.decided.len();
                self.decide(most, now);
                self.decided.truncate(told);
            }
            self.asked.clear();
            return;
        }
        self.decides_at = now + chance.millis(self.takes);
        self.decide(most, now);
    }

    fn decide(&mut self, most: usize, now: Duration) {
        let most = most.min(self.asked.len());
        let memory = match &mut self.decider {
            DecidedBy::Own(memory) => memory,
            DecidedBy::Shared(run) => {
                return match run.decide(self.asked.range(..most)) {
                    Ok(answers) => {
                        let asked = self.asked.drain(..answers.len());
                        let all: Vec<_> = asked.zip(answers).collect();
                        for (incoming, answer) in all {
                            let number = incoming.caller.number;
                            let all = vec![outgoing(number, incoming.abandoned, answer)];
                            self.decided(number, all);
                        }
                    }
                    Err(error) => self.not_decided(&error, now),
                };
            }
        };
        let mut decided = Vec::new();
        for incoming in self.asked.drain(..most) {
            let (number, mut all) = (incoming.caller.number, Vec::new());
            memory.decide(incoming, &mut all);
            decided.push((number, all));
        }
        for (number, all) in decided {
            self.decided(number, all);
        }
    }

    /// What follows from a request of this number, its own answer first.
    fn decided(&mut self, number: u64, all: Vec<Outgoing>) {
        for (place, outgoing) in all.into_iter().enumerate() {
            if let Outgoing::Reply(of, ReplyBody::Decided(answer)) = &outgoing
                && *of == number
                && let Outcome::Posted { seq, .. } = answer.outcome
                && !answer.duplicate
            {
                self.posts.push(Post { number, seq });
            }
            self.decided.push_back((outgoing, place == 0));
        }
    }

    /// It could not do what it was asked: it is asked again for as long as that may help.
    fn not_decided(&mut self, error: &LedgerError, now: Duration) {
        if let DecidedBy::Shared(run) = &mut self.decider
            && run.asks_again(error, now)
        {
            self.decides_at = now + AGAIN;
            return;
        }
        self.fail(error.certainty());
    }

    /// Nothing is decided any more, and this is known of what was asked.
    pub(super) fn fail(&mut self, certainty: Certainty) {
        self.failed = true;
        self.untold = true;
        self.certainty = certainty;
        self.asked.clear();
    }

    /// Asks for the end: no more requests come.
    pub(super) fn begin_to_close(&mut self, names: Vec<Name>) {
        if let DecidedBy::Shared(run) = &mut self.decider {
            run.begin_to_close(names);
        }
    }

    /// How the accounts stand at the end, once that has come.
    pub(super) fn closed(&mut self) -> Option<Vec<Standing>> {
        if self.failed && !self.has_news() {
            return Some(self.standings());
        }
        match &mut self.decider {
            DecidedBy::Own(_) => self.is_idle().then(|| self.standings()),
            DecidedBy::Shared(run) if self.decided.is_empty() => run.closed(),
            DecidedBy::Shared(_) => None,
        }
    }

    /// Whether the run was ended in a ledger that others use too.
    pub(super) fn has_ended(&self) -> bool {
        matches!(&self.decider, DecidedBy::Shared(run) if run.has_ended())
    }

    /// Whether others use it too.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.decider, DecidedBy::Shared(_))
    }

    /// What was decided and not told yet, at most so much of it, and how many requests are settled then.
    pub(super) fn collect(&mut self, most: usize) -> (Vec<Outgoing>, u64) {
        let mut outgoing = Vec::new();
        for (one, settles) in self.decided.drain(..most.min(self.decided.len())) {
            self.settled += u64::from(settles);
            outgoing.push(one);
        }
        (outgoing, self.settled)
    }

    /// Whether something of this number is being decided.
    pub(super) fn is_asked(&self, number: u64) -> bool {
        self.asked
            .iter()
            .any(|incoming| incoming.caller.number == number)
    }

    pub(super) fn has_news(&self) -> bool {
        let is_closed = matches!(&self.decider, DecidedBy::Shared(run) if run.is_closed());
        !self.decided.is_empty() || self.untold || is_closed
    }

    /// Whether it failed, told once, after all that it had decided before.
    pub(super) fn failure(&mut self) -> bool {
        self.decided.is_empty() && std::mem::take(&mut self.untold)
    }

    /// Whether all that was asked is decided and told.
    pub(super) fn is_idle(&self) -> bool {
        self.asked.is_empty() && self.decided.is_empty() && !self.untold
    }

    pub(super) fn extend_lease_waits(&self) -> Vec<Outgoing> {
        match &self.decider {
            DecidedBy::Own(memory) => memory.extend_lease_waits(),
            DecidedBy::Shared(_) => Vec::new(),
        }
    }

    /// Its own accounts. Those of a ledger that others use too are held against its rows.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let DecidedBy::Own(memory) = &self.decider else {
            return Vec::new();
        };
        let mut standings = memory.standings();
        standings.sort_by(|a, b| a.name.cmp(&b.name));
        standings
    }
}
