//! Which ids were used, for what, and what became of it.

use std::collections::HashMap;

use super::{Amount, Answer, Id, Operation, Outcome, Rejection, View};

/// The ids that callers gave, each with the operation and what became of it last.
#[derive(Default)]
pub struct IdempotencyKeys {
    known: HashMap<Id, KnownId>,
}

/// What is known under one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownId {
    /// What was asked for.
    pub operation: Operation,
    /// What became of it.
    pub state: State,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has begun, and its caller works on it.
    UnderWay,
    /// It was held in the first of two steps, and the second is still to come.
    Held {
        /// The hold's number.
        hold: u64,
        /// Its account since then.
        view: View,
    },
    /// Its work was begun, and the end was not seen.
    InDoubt {
        /// The hold's number.
        hold: u64,
    },
    /// It was posted, viewed or refused.
    Settled {
        /// The outcome that every repeat is answered with.
        outcome: Outcome,
        /// How much was posted, if anything was.
        amount: Option<Amount>,
    },
    /// What was set aside was given back; it may be tried again.
    Released(VoidReason),
}

/// Why a hold was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoidReason {
    /// A caller voided it, or the run that worked on it is gone.
    Voided,
    /// Its time was over.
    Expired,
    /// Its work was done and spent nothing: that settles the operation.
    Unspent,
}

impl IdempotencyKeys {
    /// What is already decided about this operation through its id; `None` if it is new or has none.
    ///
    /// A repeat of the first of two steps (`two_steps`) is answered with the hold while that is open, and
    /// refused once it was posted: nothing is held then.
    /// `retry` overlooks a refusal, which is then decided anew.
    pub fn known(&self, operation: &Operation, two_steps: bool, retry: bool) -> Option<Answer> {
        let claim = self.known.get(operation.id.as_ref()?)?;
        let outcome = match claim.state {
            State::Released(_) => return None,
            _ if !claim.operation.same_content(operation) => {
                return Some(refused(Rejection::IdConflict));
            }
            State::Held { view, .. } if two_steps => Outcome::Held { view },
            State::InDoubt { .. } => return Some(refused(Rejection::InDoubt)),
            State::UnderWay | State::Held { .. } => return Some(refused(Rejection::InProgress)),
            State::Settled { outcome, .. } => match outcome {
                Outcome::Refused { .. } if retry => return None,
                Outcome::Refused { .. } => outcome,
                _ if two_steps => return Some(refused(Rejection::AlreadyPosted)),
                _ => outcome,
            },
        };
        Some(Answer::repeated(outcome))
    }

    /// The claim on this id.
    pub fn get(&self, id: &Id) -> Option<&KnownId> {
        self.known.get(id)
    }

    /// Notes what became of an operation, if it has an id.
    pub fn put(&mut self, operation: &Operation, state: State) {
        if let Some(id) = &operation.id {
            let operation = operation.clone();
            self.known.insert(id.clone(), KnownId { operation, state });
        }
    }

    /// Remembers the outcome of an operation without a hold of its own.
    pub fn settle(&mut self, operation: &Operation, outcome: Outcome) {
        let amount = operation.amount();
        self.put(operation, State::Settled { outcome, amount });
    }

    /// How many ids are known.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Forgets every id; a store that keeps them brings back those that matter.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}

pub(super) fn refused(rejection: Rejection) -> Answer {
    Outcome::Refused {
        rejection,
        view: None,
    }
    .into()
}

#[cfg(test)]
mod tests;
