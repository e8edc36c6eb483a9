//! How fast the steps of an order are taken, and who looks on.

use std::sync::mpsc::{Receiver, TryRecvError};

use super::{ReplayError, StepSeen};

/// What a person typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKey {
    /// The next step may be taken.
    Next,
    /// No further one.
    Leave,
}

/// Is shown each step with its number, from 0.
type ShowStep = Box<dyn FnMut(usize, &StepSeen)>;

/// How fast the steps of an order are taken.
#[derive(Default)]
pub struct StepPace {
    keys: Option<(Receiver<StepKey>, ShowStep)>,
    /// How many steps may be taken, from the first one on, where keys count.
    allowed: usize,
    /// How many of them were shown.
    shown: usize,
}

impl StepPace {
    /// A step for each key; each is shown.
    pub fn by_key(keys: Receiver<StepKey>, spectator: ShowStep) -> Self {
        StepPace {
            keys: Some((keys, spectator)),
            ..StepPace::default()
        }
    }

    /// Whether a person sets the pace.
    pub(super) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether this step, from 0, may be taken now.
    pub(super) fn may_take(&mut self, step: usize) -> Result<bool, ReplayError> {
        while let Some((keys, _)) = self.keys.as_ref().filter(|_| self.allowed <= step) {
            match keys.try_recv() {
                Ok(StepKey::Next) => self.allowed += 1,
                Err(TryRecvError::Empty) => return Ok(false),
                Ok(StepKey::Leave) | Err(TryRecvError::Disconnected) => {
                    return Err(ReplayError::Left(self.shown));
                }
            }
        }
        Ok(true)
    }

    /// Waits until this step, from 0, may be taken.
    pub(super) fn wait_for(&mut self, step: usize) -> Result<(), ReplayError> {
        while let Some((keys, _)) = self.keys.as_ref().filter(|_| self.allowed <= step) {
            match keys.recv() {
                Ok(StepKey::Next) => self.allowed += 1,
                Ok(StepKey::Leave) | Err(_) => return Err(ReplayError::Left(self.shown)),
            }
        }
        Ok(())
    }

    /// Shows what was taken of the steps so far, as far as keys allow.
    pub(super) fn show(&mut self, steps: &[StepSeen]) {
        if let Some((_, spectator)) = &mut self.keys {
            let most = self.allowed.min(steps.len());
            for (number, step) in steps.iter().enumerate().take(most).skip(self.shown) {
                spectator(number, step);
            }
            self.shown = self.shown.max(most);
        }
    }
}
