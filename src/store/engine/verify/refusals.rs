//! Refusals: the rules must refuse it too, and for the same reason.

use super::RowCheck;
use super::recount::Recount;
use super::shape::is_remembered;
use super::words::shown;
use crate::bank::{Account, Movement, Name, Operation, Rejection};
use crate::store::engine::rows::RecordRow;

impl Recount {
    pub(super) fn refused(&mut self, row: &RecordRow, operation: &Operation) -> RowCheck {
        is_remembered(row)?;
        let place = row.rejection.and_then(|place| usize::try_from(place).ok());
        let rejection = place.and_then(|place| Rejection::ALL.get(place).copied());
        let rejection = rejection.ok_or("is refused for an unknown reason")?;
        let unopened = |movement: Movement<'_>| {
            let is_opened = |name: &Name| {
                let account = self.accounts.get(name);
                name.is_the_banks() || account.is_some_and(Account::is_opened)
            };
            !is_opened(movement.debit) || !is_opened(movement.credit)
        };
        // Those who ask strictly are refused where a request did not open both accounts.
        let mut movements = operation.parts().iter().filter_map(Operation::movement);
        let is_strict = rejection == Rejection::UnknownAccount && movements.any(unopened);
        match self.decide(operation).err() {
            Some(must) if must == rejection || is_strict => {}
            None if is_strict => {}
            // What was begun may find no room in the end.
            _ if matches!(rejection, Rejection::Declined | Rejection::BalanceOverflow) => {
                self.was_given_back(row, operation)?;
            }
            Some(must) => return Err(format!("is refused: {rejection}, must be: {must}")),
            None => return Err(format!("is refused: {rejection}, must not be refused")),
        }
        let view = |of: &Operation| self.accounts.get(&of.account).map(Account::view);
        let said = row.view();
        // Of a group it is that of the part that was refused.
        match operation.parts().iter().any(|part| view(part) == said) {
            true => Ok(()),
            false => Err(format!(
                "says {}, must be {}",
                shown(said),
                shown(view(operation))
            )),
        }
    }

    /// What is refused at its end was given back just before.
    fn was_given_back(&self, row: &RecordRow, operation: &Operation) -> RowCheck {
        match &self.given_back {
            Some((record, given)) if record + 1 == row.record && given == operation => Ok(()),
            _ => Err("is refused at its end, and nothing of it was given back just before".into()),
        }
    }
}
