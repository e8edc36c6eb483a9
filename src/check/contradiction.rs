//! What contradicts what.

use crate::bank::Rejection;

/// Answers that cannot all be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// In which way they contradict each other.
    pub why: Disagreement,
    /// The answers, in their order, by their numbers in the history.
    pub answers: Vec<u32>,
    /// The summary that they contradict, by its run.
    pub summary: Option<u32>,
    /// How many answers more it takes, which are not shown.
    pub omitted: u64,
    /// No answer can be left out without the contradiction going away.
    pub is_smallest: bool,
    /// What fits before it, where an order is claimed and was tried.
    pub fitting: Option<FittingOrder>,
}

/// The longest beginning of a claimed order in which each answer can be true after those before it. The
/// next one is the last answer of the contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FittingOrder {
    /// How many answers it has.
    pub answers: u64,
    /// The latest of them, in their order, by their numbers in the history.
    pub latest: Vec<u32>,
}

impl Contradiction {
    pub(super) fn new(why: Disagreement, answers: Vec<u32>) -> Self {
        Contradiction {
            why,
            answers,
            summary: None,
            omitted: 0,
            is_smallest: true,
            fitting: None,
        }
    }

    pub(super) fn one(why: Disagreement, answer: u32) -> Self {
        Contradiction::new(why, vec![answer])
    }

    pub(super) fn pair(why: Disagreement, first: u32, second: u32) -> Self {
        Contradiction::new(why, vec![first, second])
    }

    pub(super) fn with_summary(self, run: u32) -> Self {
        Contradiction {
            summary: Some(run),
            ..self
        }
    }
}

/// The ways in which answers contradict each other, or a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// An amount that is not more than nothing.
    NotPositive,
    /// More is available than there is.
    AvailableAboveBalance,
    /// One id was completed twice.
    CompletedTwice,
    /// A repeat was answered with something else than the first.
    DuplicateDiffers,
    /// One operation of a run ended twice.
    EndedTwice,
    /// Two entries have one number.
    SeqTwice,
    /// The summary counts others than there are: what, told, counted.
    Count {
        /// Which of the counts.
        what: &'static str,
        /// By the summary.
        told: u64,
        /// In the history.
        counted: u64,
    },
    /// The start and what was completed do not add up to the end.
    Sum {
        /// The account.
        account: u32,
        /// What it must hold.
        expected: i128,
        /// What the summary tells.
        told: i64,
    },
    /// All accounts together do not hold nothing.
    SumOfAll {
        /// What they hold.
        sum: i128,
    },
    /// The summary itself tells of lost updates.
    LostUpdates {
        /// How many.
        count: u64,
    },
    /// Two changes have one number.
    NumberTwice,
    /// The number of an entry is not higher than that of one before it.
    SeqNotRising,
    /// Entries are missing where no change is.
    SeqGap,
    /// An answer was there before another was asked for, and stands behind it.
    TimeReversed,
    /// The account holds something else than was told.
    Balance {
        /// The account.
        account: u32,
        /// What it must hold.
        expected: i64,
        /// What was told.
        told: i64,
    },
    /// Other money is available than was told.
    Available {
        /// The account.
        account: u32,
        /// What must be available.
        expected: i64,
        /// What was told.
        told: i64,
    },
    /// An account was refilled with something else than its allowance says.
    Refill {
        /// The account.
        account: u32,
        /// With what it must be.
        expected: i64,
        /// With what it is told to be.
        told: i64,
    },
    /// An account was refilled twice for one window.
    RefilledTwice {
        /// The account.
        account: u32,
    },
    /// Less is set aside than was set aside for this operation.
    HoldLost {
        /// The account.
        account: u32,
    },
    /// The bank's rules refuse what was accepted.
    Accepted {
        /// Why.
        rejection: Rejection,
        /// What was available, where that matters.
        available: Option<i64>,
    },
    /// The bank's rules accept what was refused.
    Refused {
        /// Why it is said to have been.
        rejection: Rejection,
        /// What was available, where that matters.
        available: Option<i64>,
    },
    /// It is told to be a repeat, and nothing was asked under its id before.
    RepeatOfNothing,
    /// More operations found the account with this balance than left it so.
    FoundTooOften {
        /// The account.
        account: u32,
        /// The balance.
        balance: i64,
        /// How many found it.
        found: u64,
        /// How many left it, the start among them.
        left: u64,
    },
    /// Operations found balances that nothing before led to.
    Unreachable {
        /// The account.
        account: u32,
        /// A balance that was found.
        balance: i64,
    },
    /// The operations that overlap in time cannot have come one after another.
    NoOrderInTime {
        /// The account.
        account: u32,
    },
    /// Each of the accounts has its order, and together they have none.
    Circle,
}

impl Disagreement {
    /// The stable word for it in JSON output.
    pub fn word(&self) -> &'static str {
        match self {
            Disagreement::NotPositive => "not_positive",
            Disagreement::AvailableAboveBalance => "available_above_balance",
            Disagreement::CompletedTwice => "completed_twice",
            Disagreement::DuplicateDiffers => "duplicate_differs",
            Disagreement::EndedTwice => "ended_twice",
            Disagreement::SeqTwice => "seq_twice",
            Disagreement::Count { .. } => "count",
            Disagreement::Sum { .. } => "sum",
            Disagreement::SumOfAll { .. } => "sum_of_all",
            Disagreement::LostUpdates { .. } => "lost_updates",
            Disagreement::NumberTwice => "number_twice",
            Disagreement::SeqNotRising => "seq_not_rising",
            Disagreement::SeqGap => "seq_gap",
            Disagreement::TimeReversed => "time_reversed",
            Disagreement::Balance { .. } => "balance",
            Disagreement::Available { .. } => "available",
            Disagreement::Refill { .. } => "refill",
            Disagreement::RefilledTwice { .. } => "refilled_twice",
            Disagreement::HoldLost { .. } => "hold_lost",
            Disagreement::Accepted { .. } => "accepted",
            Disagreement::Refused { .. } => "refused",
            Disagreement::RepeatOfNothing => "repeat_of_nothing",
            Disagreement::FoundTooOften { .. } => "found_too_often",
            Disagreement::Unreachable { .. } => "unreachable",
            Disagreement::NoOrderInTime { .. } => "no_order_in_time",
            Disagreement::Circle => "circle",
        }
    }
}
