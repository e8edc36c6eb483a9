//! Which clock the times of a run are told by.

use super::reading::ReadingState;
use crate::bank::Moment;
use crate::event::{Micros, RunStarted};

/// Clocks of one start of one machine are this near to each other, measured by the wall clock.
const SAME_BOOT_US: u64 = 5_000_000;

impl ReadingState {
    /// The number of the clock that this run's times are told by.
    pub(super) fn clock(&mut self, start: &RunStarted) -> u32 {
        if start.clock_us == Micros::default() || start.started_at == Moment::default() {
            // Nothing tells which one it is, so it is like no other.
            self.clocks.push(i64::MIN);
            return (self.clocks.len() - 1) as u32;
        }
        let clock_us = i64::try_from(start.clock_us.0).unwrap_or(i64::MAX);
        let behind = start.started_at.micros().saturating_sub(clock_us);
        let same = |seen: &i64| seen.abs_diff(behind) <= SAME_BOOT_US;
        let known = self.clocks.iter().position(same);
        known.unwrap_or_else(|| {
            self.clocks.push(behind);
            self.clocks.len() - 1
        }) as u32
    }
}
