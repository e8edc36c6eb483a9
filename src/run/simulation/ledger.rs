//! A ledger that takes its time, or fails: the ledger state behind a queue.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::scenario::SeededRun;
use crate::bank::Outcome;
use crate::protocol::ReplyBody;
use crate::server::{InMemory, Incoming, Outgoing};
use crate::store::{Cells, Certainty, Memory, Standing};

/// What was really posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) number: u64,
    pub(super) seq: u64,
}

pub(super) struct SimLedger {
    decider: InMemory,
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
            decider: match scenario.shares {
                None => InMemory::Bank(Box::new(Memory::new(account, balance, overdraft))),
                Some(_) => InMemory::Shared(Box::new(Cells::new(account, balance, overdraft))),
            },
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
            self.decide(usize::MAX);
        }
    }

    /// When it decides the next batch, if there is one.
    pub(super) fn next_at(&self) -> Option<Duration> {
        (!self.asked.is_empty() && !self.failed).then_some(self.decides_at)
    }

    /// Decides a batch, or fails; then it certainly does not count, or nothing tells whether it does.
    pub(super) fn step(&mut self, now: Duration, fails: usize, chance: &mut Chance) {
        let most = chance.between(1, self.asked.len());
        if chance.happens(fails) {
            self.failed = true;
            self.untold = true;
            let is_known = chance.happens(500);
            if !is_known {
                self.certainty = Certainty::Unknown;
            }
            if !is_known && chance.happens(500) {
                let told = self.decided.len();
                self.decide(most);
                self.decided.truncate(told);
            }
            self.asked.clear();
            return;
        }
        self.decide(most);
        self.decides_at = now + chance.millis(self.takes);
    }

    fn decide(&mut self, most: usize) {
        for incoming in self.asked.drain(..most.min(self.asked.len())) {
            let number = incoming.caller.number;
            let mut all = Vec::new();
            self.decider.decide(incoming, &mut all);
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
        !self.decided.is_empty() || self.untold
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
        self.decider.extend_lease_waits()
    }

    pub(super) fn standings(&self) -> Vec<Standing> {
        let mut standings = self.decider.standings();
        standings.sort_by(|a, b| a.name.cmp(&b.name));
        standings
    }
}
