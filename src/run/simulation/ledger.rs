//! A ledger that takes its time, or fails: the ledger state behind a queue.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::scenario::{SeededRun, Sharing};
use crate::bank::{Answer, Asked, Outcome, Request as BankRequest, RequestContext, ShareReply};
use crate::protocol::{Ask, Said};
use crate::server::{Incoming, Outgoing};
use crate::store::{Cells, Certainty, Memory, Standing, Verdict};

/// What was really posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) number: u64,
    pub(super) seq: u64,
}

pub(super) struct SimLedger {
    ledger_state: State,
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

enum State {
    Memory(Memory),
    Cells(Cells),
}

impl SimLedger {
    pub(super) fn new(scenario: &SeededRun) -> Self {
        let overdraft = Default::default();
        let (account, balance) = (&scenario.account, scenario.balance);
        SimLedger {
            ledger_state: match scenario.shares {
                None => State::Memory(Memory::new(account, balance, overdraft)),
                Some(Sharing::CompareAndSet | Sharing::Lock) => {
                    State::Cells(Cells::new(account, balance, overdraft))
                }
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

    pub(super) fn abandon(
        &mut self,
        caller: RequestContext,
        in_doubt: bool,
        now: Duration,
        chance: &mut Chance,
    ) {
        let request = match in_doubt {
            true => BankRequest::Doubt,
            false => BankRequest::Void,
        };
        let incoming = Incoming {
            caller,
            operation: None,
            ask: Ask::Bank(request),
            abandoned: true,
        };
        self.submit(vec![incoming], now, chance);
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
            let outgoing = match &mut self.ledger_state {
                State::Memory(memory) => vec![decide_by_bank(memory, incoming)],
                State::Cells(cells) => decide_by_cells(cells, incoming),
            };
            for (place, outgoing) in outgoing.into_iter().enumerate() {
                if let Outgoing::Reply(of, Said::Decided(answer)) = &outgoing
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

    pub(super) fn extend_waits(&self) -> Vec<Outgoing> {
        match &self.ledger_state {
            State::Memory(_) => Vec::new(),
            State::Cells(cells) => {
                let news = |number| Outgoing::Reply(number, Said::Shared(ShareReply::Waiting));
                cells.waiting().map(news).collect()
            }
        }
    }

    pub(super) fn standings(&self) -> Vec<Standing> {
        let mut standings = match &self.ledger_state {
            State::Memory(memory) => memory.standings(),
            State::Cells(cells) => cells.standings(),
        };
        standings.sort_by(|a, b| a.name.cmp(&b.name));
        standings
    }
}

fn decide_by_bank(memory: &mut Memory, incoming: Incoming) -> Outgoing {
    let Incoming {
        caller,
        ask,
        abandoned,
        ..
    } = incoming;
    let number = caller.number;
    let Ask::Bank(request) = ask else {
        return Outgoing::Impossible(number, "shared data");
    };
    let answer: Option<Answer> = memory.decide(&Asked { caller, request });
    match answer {
        _ if abandoned => Outgoing::Abandoned(number),
        Some(answer) => Outgoing::Reply(number, Said::Decided(answer)),
        None => Outgoing::Impossible(number, "the end of an operation that was not begun"),
    }
}

fn decide_by_cells(cells: &mut Cells, incoming: Incoming) -> Vec<Outgoing> {
    let number = incoming.caller.number;
    let (own, ends) = if incoming.abandoned {
        cells.abandon(number);
        (Outgoing::Abandoned(number), true)
    } else {
        let (Ask::Share(request), Some(operation)) = (&incoming.ask, &incoming.operation) else {
            return vec![Outgoing::Impossible(number, "a decision of the bank")];
        };
        match cells.ask(number, operation, request) {
            Verdict::Shared(reply) => (Outgoing::Reply(number, Said::Shared(reply)), false),
            Verdict::Decided(answer) => (Outgoing::Reply(number, Said::Decided(answer)), true),
            Verdict::Waits => (Outgoing::Waits(number), false),
            Verdict::Impossible(why) => (Outgoing::Impossible(number, why), false),
        }
    };
    let mut all = vec![own];
    if ends {
        let granted = |(number, reply)| Outgoing::Reply(number, Said::Shared(reply));
        all.extend(cells.grant().into_iter().map(granted));
    }
    all
}
