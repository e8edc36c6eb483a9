//! What is to be compared, and how.

use std::path::PathBuf;
use std::time::Duration;

use super::{Section, figures};
use crate::bank::{Balance, Name, Operation};
use crate::race::RacePlan;

/// What is to be compared, and how.
#[derive(Clone, Debug)]
pub struct ComparePlan {
    /// What the runs in memory do again and again.
    pub operations: Vec<Operation>,
    /// Whose balance it is.
    pub account: Name,
    /// What stands on it before.
    pub balance: Balance,
    /// How far below zero every account may go.
    pub overdraft: Balance,
    /// How many workers several are.
    pub several: u32,
    /// How long each measurement lasts.
    pub each: Duration,
    /// How often each is taken.
    pub rounds: u32,
    /// The sizes of messages, in bytes.
    pub sizes: Vec<usize>,
    /// Where processes run.
    pub placement: Placement,
    /// Where the files are made that are written and synced.
    pub folder: PathBuf,
    /// What is measured.
    pub sections: Vec<Section>,
}

/// Where processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Wherever the system puts them.
    Free,
    /// All on one processor.
    OneCore,
    /// The parent on the first processor, and each worker on the next one in turn.
    Spread,
}

impl Placement {
    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Placement::Free => "free",
            Placement::OneCore => "one-core",
            Placement::Spread => "spread",
        }
    }
}

impl ComparePlan {
    /// How many figures there are.
    pub fn count(&self) -> usize {
        figures(self).len()
    }

    /// Whether threads can run these operations: they have one balance.
    pub(super) fn fits_threads(&self) -> bool {
        let race = self.race(1);
        self.operations.iter().all(|one| race.delta(one).is_ok())
    }

    /// A race of so many threads.
    pub fn race(&self, threads: u32) -> RacePlan {
        RacePlan {
            account: self.account.clone(),
            start: self.balance,
            overdraft: self.overdraft,
            threads,
            rounds: 1,
        }
    }
}
