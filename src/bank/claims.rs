//! Which ids were used, for what, and with which outcome.

use std::collections::HashMap;

use super::{Answer, Id, Operation, Outcome, Rejection};

/// The ids that callers gave, with the operation and the outcome of each.
#[derive(Default)]
pub struct Claims {
    known: HashMap<Id, Claim>,
}

struct Claim {
    operation: Operation,
    /// Nothing while the operation is under way.
    outcome: Option<Outcome>,
}

impl Claims {
    /// What is already decided about this operation through its id; nothing if it is new or has none.
    pub fn known(&self, operation: &Operation) -> Option<Answer> {
        let claim = self.known.get(operation.id.as_ref()?)?;
        if !claim.operation.same_content(operation) {
            return Some(refused(Rejection::IdConflict));
        }
        Some(match claim.outcome {
            Some(outcome) => Answer {
                outcome,
                duplicate: true,
            },
            None => refused(Rejection::InProgress),
        })
    }

    /// Notes that an operation is under way.
    pub fn open(&mut self, operation: &Operation) {
        self.put(operation, None);
    }

    /// Remembers how an operation ended. A voided one may be tried again under its id.
    pub fn settle(&mut self, operation: &Operation, outcome: Outcome) {
        match (outcome, &operation.id) {
            (_, None) => {}
            (Outcome::Voided, Some(id)) => {
                self.known.remove(id);
            }
            (_, Some(_)) => self.put(operation, Some(outcome)),
        }
    }

    fn put(&mut self, operation: &Operation, outcome: Option<Outcome>) {
        if let Some(id) = &operation.id {
            let operation = operation.clone();
            self.known.insert(id.clone(), Claim { operation, outcome });
        }
    }
}

fn refused(rejection: Rejection) -> Answer {
    Outcome::Refused {
        rejection,
        view: None,
    }
    .into()
}

#[cfg(test)]
mod tests;
