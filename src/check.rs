//! Checks histories: whether what was observed can all be true.
//!
//! A history is what clients were answered. It is right if its operations can be put into one order, one
//! after another, in which the bank's rules give every one of these answers, and in which no operation comes
//! before one that had been answered before it was asked for. Finding such an order is hard in general; so
//! there are three tiers. Sums and ids need no order. Where the history claims an order, only that one is
//! tried. Where it claims none, the balances that were told lead from one operation of an account to the
//! next: an Euler trail.
//!
//! An operation that was not answered, or is in doubt, may take effect at any later moment or never. A
//! history is accused only where no order and no operation of others could explain it; what is left open is
//! undecided.

mod contradiction;
mod history;
mod order;
mod ordered;
mod rules;
mod shrink;
mod sums;
mod text_table;
mod trail;
mod unordered;

pub use contradiction::{Contradiction, Disagreement, FittingOrder};
pub use history::{LineFault, Observed, ObservedEvent, ObservedHistory, ToldWindow};
pub use order::ClaimedBy;
pub use text_table::NO_TEXT;

use std::collections::BTreeMap;

/// What a tier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// All of it can be true.
    Right,
    /// Some of it cannot.
    Wrong,
    /// Something is left open.
    Undecided,
    /// The history does not tell what this tier looks at.
    NotTold,
}

/// What a tier leaves open, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOpen {
    /// Changes that stand at some place of the order and in no line.
    MissingChanges(u64),
    /// Answers that do not say when they were decided.
    WithoutPlace(u64),
    /// Refusals that depend on what no answer tells.
    Refusals(u64),
    /// Answers that took an account below zero, whose limit no answer tells.
    Limits(u64),
    /// Accounts of which not every answer tells the balance.
    UntoldBalances(u64),
    /// What was set aside, and when, of which nothing is known without an order.
    Holds(u64),
    /// Accounts with operations whose effect is not known.
    Unanswered(u64),
    /// Accounts whose operations overlap in too many ways to try them all.
    TooManyOrders(u64),
    /// Runs that wrote to one file at once, or of which one was killed, and have ledgers of their own.
    MixedRuns,
    /// The sums of a run of which not every operation is told.
    Sums(u64),
    /// Answers that tell neither their place nor a balance, so that any order may be right.
    NoOrder(u64),
    /// There is nothing to judge.
    NoAnswers,
    /// There are results of `sync` alone, which has no answers.
    Races(u64),
}

/// What one tier found.
#[derive(Clone, Debug)]
pub struct TierReport {
    /// What it says.
    pub judgement: Judgement,
    /// How many answers it looked at.
    pub answers: u64,
    /// The contradiction, where it found one.
    pub contradiction: Option<Contradiction>,
    /// What it leaves open.
    pub left_open: Vec<LeftOpen>,
}

impl TierReport {
    fn new(answers: u64) -> Self {
        TierReport {
            judgement: Judgement::Right,
            answers,
            contradiction: None,
            left_open: Vec::new(),
        }
    }

    fn not_told() -> Self {
        TierReport {
            judgement: Judgement::NotTold,
            ..TierReport::new(0)
        }
    }

    /// Leaves something open, if there is any of it.
    fn leave(&mut self, count: u64, open: fn(u64) -> LeftOpen) {
        if count > 0 {
            self.left_open.push(open(count));
        }
    }

    fn judged(mut self) -> Self {
        self.judgement = match (&self.contradiction, self.left_open.is_empty()) {
            (Some(_), _) => Judgement::Wrong,
            (None, false) if self.judgement != Judgement::NotTold => Judgement::Undecided,
            (None, _) => self.judgement,
        };
        self
    }

    /// Adds what the same tier says of another ledger.
    fn and(mut self, other: TierReport) -> Self {
        if self.judgement == Judgement::NotTold {
            self.judgement = other.judgement;
        }
        self.answers += other.answers;
        self.contradiction = self.contradiction.or(other.contradiction);
        self.left_open.extend(other.left_open);
        self
    }
}

/// What was found about a history.
#[derive(Clone, Debug)]
pub struct CheckedHistory {
    /// How many answers there are.
    pub answers: u64,
    /// To how many ledgers.
    pub ledgers: u64,
    /// Operations that were begun and of which no end was observed.
    pub unanswered: u64,
    /// Lines that were cut off when their writer was killed.
    pub cut_lines: u64,
    /// Answers of runs that were read twice, which count once.
    pub told_twice: u64,
    /// What the order is claimed by, if one is.
    pub claimed_by: Option<ClaimedBy>,
    /// Sums and ids; the claimed order; balances without an order.
    pub tiers: [TierReport; 3],
}

impl CheckedHistory {
    /// What follows from all tiers: nothing may be wrong, and an order must have been found.
    pub fn judgement(&self) -> Judgement {
        let [sums, ordered, unordered] = &self.tiers;
        let judgements = [sums, ordered, unordered].map(|tier| tier.judgement);
        if judgements.contains(&Judgement::Wrong) {
            return Judgement::Wrong;
        }
        let has_order = [ordered, unordered]
            .map(|tier| tier.judgement)
            .contains(&Judgement::Right);
        let is_open = self.tiers.iter().any(|tier| !tier.left_open.is_empty());
        match sums.judgement == Judgement::Right && has_order && !is_open {
            true => Judgement::Right,
            false => Judgement::Undecided,
        }
    }
}

/// Holds a history against itself and against the bank's rules.
pub fn check(history: &ObservedHistory) -> CheckedHistory {
    let mut ledgers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (number, one) in (0..).zip(&history.observed) {
        let ledger = history.ledger_of(one);
        ledgers.entry(ledger).or_default().push(number);
    }
    let mut sums = sums::SumChecks::new(history);
    let mut tiers = [
        TierReport::not_told(),
        TierReport::not_told(),
        TierReport::not_told(),
    ];
    let mut claimed_by = None;
    for answers in ledgers.values() {
        let [first, second, third] = tiers;
        let first = first.and(sums.judge(answers));
        tiers = match ordered::judge(history, answers) {
            Some((by, ordered)) => {
                claimed_by = Some(by);
                [first, second.and(ordered), third]
            }
            None => [first, second, third.and(unordered::judge(history, answers))],
        };
    }
    let tiers = tiers.map(|tier| match history.is_mixed {
        true => TierReport {
            judgement: tier.judgement,
            contradiction: None,
            left_open: vec![LeftOpen::MixedRuns],
            ..tier
        },
        false => tier,
    });
    let all = ledgers.values().map(|answers| history.answers(answers));
    let answers = all.sum();
    let mut tiers = tiers.map(TierReport::judged);
    if answers == 0 {
        tiers[0].left_open.push(match history.races {
            0 => LeftOpen::NoAnswers,
            races => LeftOpen::Races(races),
        });
    }
    CheckedHistory {
        answers,
        ledgers: ledgers.len() as u64,
        unanswered: history.runs.iter().map(|run| run.unanswered).sum(),
        cut_lines: history.cut_lines,
        told_twice: history.told_twice,
        claimed_by,
        tiers,
    }
}

#[cfg(test)]
mod tests;
