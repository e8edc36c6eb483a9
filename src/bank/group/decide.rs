//! Whether all parts of a group can be posted, one after another.

use super::Group;
use crate::bank::{Account, Amount, Name, Operation, Rejection, Sides};

/// Why a group is refused: one of its parts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRejection {
    /// Which part, from 1.
    pub part: u8,
    /// Why.
    pub rejection: Rejection,
}

/// On which terms the parts are decided.
pub struct GroupTerms<A> {
    /// The accounts as they are before the first part.
    pub known: A,
    /// An account that a part opens by bringing money.
    pub new: Account,
    /// A request must have opened every account.
    pub strict: bool,
    /// How the sides of a part follow from what they were.
    pub rule: fn(Sides, Amount) -> Result<Sides, Rejection>,
}

impl Group {
    /// The two accounts of each part after it, where all of them can be posted in their order: a part may
    /// spend what one before it has brought.
    pub fn decide<A: Fn(&Name) -> Option<Account>>(
        &self,
        terms: &GroupTerms<A>,
    ) -> Result<Vec<Sides>, PartRejection> {
        let mut changed: Vec<(&Name, Account)> = Vec::new();
        let mut decided = Vec::with_capacity(self.parts.len());
        for (part, operation) in (1..).zip(&self.parts) {
            let sides = part_sides(operation, &changed, terms);
            let sides = sides.map_err(|rejection| PartRejection { part, rejection })?;
            let movement = operation.movement();
            if let Some(movement) = movement {
                for (name, account) in [
                    (movement.debit, sides.debit),
                    (movement.credit, sides.credit),
                ] {
                    changed.retain(|(known, _)| *known != name);
                    changed.push((name, account));
                }
            }
            decided.push(sides);
        }
        Ok(decided)
    }

    /// How much is set aside on which accounts while the group is held: of each the most that its parts
    /// take beyond what those before have brought.
    pub fn set_aside(&self) -> Vec<(&Name, Amount)> {
        let mut sums: Vec<(&Name, i64, i64)> = Vec::new();
        let mut add = |name, minor| {
            let place = sums.iter().position(|(known, ..)| *known == name);
            let place = place.unwrap_or_else(|| {
                sums.push((name, 0, 0));
                sums.len() - 1
            });
            let (_, sum, least) = &mut sums[place];
            // The amounts together are in the range of one.
            *sum += minor;
            *least = (*least).min(*sum);
        };
        for movement in self.parts.iter().filter_map(Operation::movement) {
            add(movement.debit, -movement.amount.minor());
            add(movement.credit, movement.amount.minor());
        }
        let taken = |(name, _, least): (_, _, i64)| Some((name, Amount::new(-least)?));
        sums.into_iter().filter_map(taken).collect()
    }
}

fn part_sides<A: Fn(&Name) -> Option<Account>>(
    operation: &Operation,
    changed: &[(&Name, Account)],
    terms: &GroupTerms<A>,
) -> Result<Sides, Rejection> {
    let movement = operation.movement().ok_or(Rejection::UnknownAccount)?;
    movement.check()?;
    let account = |name: &Name| {
        let changed = changed.iter().find(|(known, _)| *known == name);
        changed
            .map(|(_, account)| *account)
            .or_else(|| (terms.known)(name))
    };
    let debit = account(movement.debit).ok_or(Rejection::UnknownAccount)?;
    let credit = account(movement.credit);
    let is_opened = |name: &Name, account: Option<Account>| {
        name.is_the_banks() || account.is_some_and(|account| account.is_opened())
    };
    if terms.strict
        && !(is_opened(movement.debit, Some(debit)) && is_opened(movement.credit, credit))
    {
        return Err(Rejection::UnknownAccount);
    }
    let credit = credit.unwrap_or(terms.new);
    (terms.rule)(Sides { debit, credit }, movement.amount)
}
