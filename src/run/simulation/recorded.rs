//! The history that a simulated run tells, judged as any other.

use std::time::Duration;

use super::promises::Broken;
use super::scenario::SeededRun;
use crate::bank::Moment;
use crate::check::{Judgement, ObservedHistory, check};
use crate::event::{Event, Mode, RunStarted};

/// The lines of a run.
pub(super) struct Recorded {
    lines: Vec<u8>,
    /// Workers that share the data may write what they like.
    may_lie: bool,
}

impl Recorded {
    pub(super) fn of(scenario: &SeededRun) -> Self {
        let mut recorded = Recorded {
            lines: Vec::new(),
            may_lie: scenario.evil.rogue > 0 && scenario.shares.is_some(),
        };
        recorded.write(&Event::RunStarted(Box::new(RunStarted {
            mode: Mode::Other("simulated".to_string()),
            mechanism: "from a seed".into(),
            sync: None,
            pid: 1,
            started_at: Moment::default(),
            clock_us: Duration::ZERO.into(),
            operations: None,
            jobs: 1,
            ops_per_worker: 0,
            ledger: None,
            run: None,
            account: scenario.account.clone(),
            balance: Some(scenario.balance),
            overdraft: None,
        })));
        recorded
    }

    fn write(&mut self, event: &Event) {
        event
            .write(&mut self.lines)
            .expect("memory takes every line");
    }

    /// An event that is told. What a run before this one did is made up, and its ledger knows nothing of it.
    pub(super) fn told(&mut self, event: &Event) {
        if event.operation().is_none_or(|told| told.worker != 0) {
            self.write(event);
        }
    }

    /// What was told must be possible.
    pub(super) fn judge(&self) -> Result<(), Broken> {
        let text = String::from_utf8_lossy(&self.lines);
        let mut history = ObservedHistory::default();
        for (number, line) in (1..).zip(text.lines()) {
            let added = history.add(0, number, line);
            added.map_err(|fault| format!("it tells what is no event: {fault}: {line}"))?;
        }
        history.finish();
        let checked = check(&history);
        match checked.judgement() {
            Judgement::Wrong if !self.may_lie => Err(format!("{checked:?} is wrong:\n{text}")),
            _ => Ok(()),
        }
    }
}
