//! An entry is made undone by its opposite, once.

use super::Decision;
use crate::bank::idempotency_keys::refused;
use crate::bank::journal::{EntryKey, Journal};
use crate::bank::{Answer, Operation, Outcome, Rejection, State};

impl<J: Journal> Decision<'_, J> {
    /// Posts the opposite of an entry. It obeys funds as any movement does, and a refusal is not remembered:
    /// the same may be asked for again.
    pub(super) fn reverse(&mut self, entry: &EntryKey) -> Answer {
        let operation = match self.reversal(entry) {
            Ok(operation) => operation,
            Err(rejection) => return refused(rejection),
        };
        if let Some(answer) = self.state.ids.known(&operation, false, true) {
            return answer;
        }
        self.touch(&operation);
        let Some(movement) = operation.movement() else {
            return refused(Rejection::UnknownEntry);
        };
        let found = self.find(&movement, false);
        match found.and_then(|found| found.decided(|sides| sides.execute(movement.amount))) {
            Ok(found) => self.enter(&operation, &movement, found, None).into(),
            Err(rejection) => {
                if rejection == Rejection::InsufficientFunds {
                    self.tell_refill(&operation);
                }
                let view = self.state.view(movement.debit);
                Outcome::Refused { rejection, view }.into()
            }
        }
    }

    /// The opposite of an entry.
    fn reversal(&self, entry: &EntryKey) -> Result<Operation, Rejection> {
        let seq = match entry {
            EntryKey::Seq(seq) => *seq,
            EntryKey::Id(id) => match self.state.ids.get(id).map(|known| known.state) {
                Some(State::Settled {
                    outcome: Outcome::Posted { seq, .. },
                    ..
                }) => seq,
                Some(State::UnderWay | State::Held { .. }) => return Err(Rejection::InProgress),
                Some(State::InDoubt { .. }) => return Err(Rejection::InDoubt),
                _ => return Err(Rejection::UnknownEntry),
            },
        };
        let posted = self.state.posted.get(&seq);
        posted.ok_or(Rejection::UnknownEntry)?.reversed(seq)
    }
}
