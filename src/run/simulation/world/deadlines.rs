//! How long workers may take, and what they hear meanwhile.

use super::*;
use crate::run::EXTEND_INTERVAL;

/// The turn that does something comes after the moment.
const SLACK: Duration = Duration::from_secs(1);

impl World {
    /// How long a worker may take for what it is at.
    fn limit_of(&self, process: &SimProcess) -> Option<Duration> {
        match process.hand.front() {
            _ if process.exit_told || !process.ready || process.closing => Some(START_LIMIT),
            Some((_, work)) => limit(&self.scenario, *work),
            None if process.link_end_told => Some(START_LIMIT),
            None => None,
        }
    }

    /// No worker takes longer than it may, and all that wait hear so.
    pub(super) fn deadlines(&self) -> Result<(), Broken> {
        for (worker, process) in &self.processes {
            if process.exit_told || process.killed || process.asked > 0 {
                continue;
            }
            let late = self.now.saturating_sub(process.contact);
            let limit = self.limit_of(process);
            let kept = limit.is_none_or(|limit| late <= limit + SLACK);
            hold!(kept, "worker {worker} took {late:?} and was not ended");
        }
        let silent = self.now.saturating_sub(self.extended_at);
        hold!(
            silent <= EXTEND_INTERVAL + SLACK || self.processes.is_empty(),
            "those that wait were not told so for {silent:?}"
        );
        Ok(())
    }

    /// Workers may be ended because enough operations failed. What they had asked still counts.
    pub(super) fn may_halt(&self) -> bool {
        let settings = &self.scenario.settings;
        let halt = settings.pacing.halt;
        halt.is_some_and(|halt| halt.at_once) && settings.command.is_none()
    }

    /// A worker is ended only where it took too long, or where something went wrong that it answers for.
    pub(super) fn may_kill(&self, worker: u32) -> Result<(), Broken> {
        let evil = self.scenario.evil;
        let may_be_blamed = evil.rogue > 0 || evil.cut_off > 0 || self.ledger.failed;
        let Some(process) = self.processes.get(&worker) else {
            return Ok(());
        };
        // Who waits for a lease is ended with those that wait for it, and who is at work where enough failed.
        if may_be_blamed || self.may_halt() || self.scenario.shares.is_some() {
            return Ok(());
        }
        let took = self.now.saturating_sub(process.contact);
        // Not all that it sends is progress.
        let limit = self.limit_of(process);
        let is_late = limit.is_some_and(|limit| took + SLACK >= limit);
        hold!(is_late, "worker {worker} was ended after {took:?}");
        Ok(())
    }

    /// Workers whose requests are not answered are told to go on waiting.
    pub(super) fn all_who_wait_are(&self, told: &[u32]) -> Result<(), Broken> {
        let evil = self.scenario.evil;
        if evil.rogue > 0 || self.scenario.shares.is_some() || self.ledger.failed {
            return Ok(());
        }
        for (worker, process) in &self.processes {
            let waits = process.asked > 0 && !process.killed && !process.exit_told;
            hold!(
                !waits || told.contains(worker),
                "worker {worker} waits and is not told so"
            );
        }
        Ok(())
    }
}
