//! Chance that is the same every time for the same seed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::run::{Pending, RequestOrder};

/// A stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        chance.next();
        chance
    }

    /// A stream of its own, for a part whose choices must not depend on those of others.
    pub(super) fn fork(&mut self) -> Self {
        Chance(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one, or 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub(super) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    /// True in so many of a thousand cases.
    pub(super) fn happens(&mut self, of_thousand: usize) -> bool {
        self.below(1_000) < of_thousand
    }

    pub(super) fn millis(&mut self, most: usize) -> Duration {
        Duration::from_millis(self.below(most + 1) as u64)
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
