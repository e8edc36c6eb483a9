//! The ids of a run whose workers share the data: claimed before the operation, settled with it.

use std::collections::HashMap;

use crate::bank::{Answer, IdempotencyKeys, Operation, Outcome, State, VoidReason};

/// The ids that are known, and those that are claimed now.
#[derive(Default)]
pub(super) struct ClaimedIds {
    known: IdempotencyKeys,
    /// The operations that hold a claim, by number.
    claimed: HashMap<u64, Operation>,
}

impl ClaimedIds {
    /// Claims the id of an operation; the answer, if it was known before.
    pub(super) fn claim(&mut self, number: u64, operation: &Operation) -> Option<Answer> {
        let known = self.known.known(operation, false, false);
        if known.is_none() {
            self.known.put(operation, State::UnderWay);
            self.claimed.insert(number, operation.clone());
        }
        known
    }

    /// An operation has ended so.
    pub(super) fn settle(&mut self, number: u64, outcome: Outcome) {
        if let Some(operation) = self.claimed.remove(&number) {
            self.known.settle(&operation, outcome);
        }
    }

    /// An operation did not happen: its id is free again.
    pub(super) fn release(&mut self, number: u64) {
        if let Some(operation) = self.claimed.remove(&number) {
            let state = State::Released(VoidReason::Voided);
            self.known.put(&operation, state);
        }
    }
}
