//! Lines that hold several operations, of which all are posted or none.

use super::Defaults;
use super::fields::{Field, Fields};
use crate::bank::{Group, Id, Operation};

/// What a line holds only where the bank decides.
const ELSEWHERE: &str =
    "`all` stands in the input of `parallel`, `queue` and `pipe`, where the bank decides";

/// Why a line is no group: one of its operations is wrong.
pub(super) fn of_part(number: usize, why: &str) -> String {
    format!("part {number} of `all`: {why}")
}

impl Fields<'_> {
    /// The group of these operations that a line asks for, or the reason why it asks for none.
    pub(super) fn group(
        &self,
        parts: &[Fields<'_>],
        defaults: &Defaults,
    ) -> Result<Operation, String> {
        if !defaults.bank_decides {
            return Err(ELSEWHERE.to_string());
        }
        let given = self.given().find(|field| *field != Field::Id);
        let given = given.map(Field::word).or(self.has_meta().then_some("meta"));
        if let Some(word) = given {
            return Err(format!(
                "`{word}` stands in the operations of `all`, and not beside it"
            ));
        }
        let part = |(number, part): (usize, &Fields<'_>)| {
            let operation = part.operation(defaults);
            let part = operation.and_then(|part| match Group::check_part(&part) {
                Ok(()) => Ok(part),
                Err(error) => Err(error.to_string()),
            });
            part.map_err(|why| of_part(number, &why))
        };
        let parts = (1..).zip(parts).map(part).collect::<Result<_, _>>()?;
        let group = Group::new(parts).map_err(|error| error.to_string())?;
        Ok(group.operation(self.read(Field::Id, Id::chosen)?))
    }
}
