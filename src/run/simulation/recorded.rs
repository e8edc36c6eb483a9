//! The history that a simulated run tells, judged as any other.

use super::promises::Broken;
use super::scenario::SeededRun;
use crate::check::{Judgement, ObservedHistory, check};
use crate::event::{Event, RunStarted};

/// The lines of a run.
pub(super) struct Recorded {
    lines: Vec<u8>,
    /// Others use its ledger too.
    is_shared: bool,
    /// Workers that share the data may write what they like.
    may_lie: bool,
}

impl Recorded {
    pub(super) fn of(scenario: &SeededRun) -> Self {
        let mut recorded = Recorded {
            lines: Vec::new(),
            is_shared: scenario.shared.is_some(),
            may_lie: scenario.evil.rogue > 0 && scenario.shares.is_some(),
        };
        let settings = &scenario.settings;
        // A ledger of its own is the run's alone, and nothing is known of it but what the run tells.
        let shared = scenario.shared.as_ref();
        recorded.write(&Event::RunStarted(Box::new(RunStarted {
            mode: settings.mode.clone(),
            mechanism: "from a seed".into(),
            sync: None,
            pid: shared.map_or(1, |shared| shared.process),
            started_at: shared.map(|shared| shared.started_at).unwrap_or_default(),
            clock_us: shared.map(|_| settings.clock_us).unwrap_or_default(),
            operations: None,
            jobs: 1,
            ops_per_worker: 0,
            ledger: shared.and(settings.ledger.clone()),
            run: shared
                .and(settings.named.as_ref())
                .map(|named| named.name.clone()),
            account: scenario.account.clone(),
            balance: shared.is_none().then_some(scenario.balance),
            overdraft: None,
        })));
        recorded
    }

    fn write(&mut self, event: &Event) {
        event
            .write(&mut self.lines)
            .expect("memory takes every line");
    }

    /// An event that is told. Where its ledger is the run's alone, what a run before it did is made up, and the
    /// ledger knows nothing of it.
    pub(super) fn told(&mut self, event: &Event) {
        if self.is_shared || event.operation().is_none_or(|told| told.worker != 0) {
            self.write(event);
        }
    }

    /// What was told must be possible.
    pub(super) fn judge(&self) -> Result<(), Broken> {
        match self.may_lie {
            true => Ok(()),
            false => judge(&[&self.lines]),
        }
    }

    /// All that was told.
    pub(super) fn into_lines(self) -> Vec<u8> {
        self.lines
    }
}

/// What these told, each in a file of its own, must be possible together.
pub(super) fn judge(files: &[&[u8]]) -> Result<(), Broken> {
    let mut history = ObservedHistory::default();
    for (file, lines) in (0..).zip(files) {
        let text = String::from_utf8_lossy(lines);
        for (number, line) in (1..).zip(text.lines()) {
            let added = history.add(file, number, line);
            added.map_err(|fault| format!("it tells what is no event: {fault}: {line}"))?;
        }
    }
    history.finish();
    let checked = check(&history);
    match checked.judgement() {
        Judgement::Wrong => {
            let told = files.iter().map(|lines| String::from_utf8_lossy(lines));
            let told = told.collect::<Vec<_>>().join("\n--\n");
            Err(format!("{checked:?} is wrong:\n{told}"))
        }
        _ => Ok(()),
    }
}
