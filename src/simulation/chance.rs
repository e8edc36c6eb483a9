//! Chance that is the same every time for the same seed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::rng::Rng;
use crate::run::{Pending, RequestOrder};
use crate::store::CommitFate;

/// What a seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Chance(Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        rng.number();
        Chance(rng)
    }

    /// A stream of its own, for a part whose choices must not depend on those of others.
    pub(crate) fn fork(&mut self) -> Self {
        Chance(Rng::new(self.0.number()))
    }

    /// A number below this one, or 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.0.number() % limit.max(1) as u64) as usize
    }

    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn happens(&mut self, of_thousand: usize) -> bool {
        self.below(1_000) < of_thousand
    }

    pub(crate) fn millis(&mut self, most: usize) -> Duration {
        Duration::from_millis(self.below(most + 1) as u64)
    }

    /// What goes wrong with a commit.
    pub(crate) fn fate(&mut self) -> CommitFate {
        const FATES: [CommitFate; 4] = [
            CommitFate::NotDone,
            CommitFate::Lost,
            CommitFate::Untold,
            CommitFate::Unsynced,
        ];
        FATES[self.below(FATES.len())]
    }
}

/// Any worker's first request, or none for now.
impl RequestOrder for Chance {
    fn choose(&mut self, pending: &VecDeque<Pending>) -> Result<Option<usize>, String> {
        Ok(match self.happens(100) {
            true => None,
            false => Some(self.below(pending.len())),
        })
    }
}
