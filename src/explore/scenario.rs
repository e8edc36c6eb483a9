//! The operations that are put in every order, and what they share.

use crate::bank::{Amount, Balance, Name, Operation};
use crate::sharing::{Sharing, SharingMethod};

/// The most operations that are explored.
pub const MAX_OPERATIONS: usize = 60;

/// Why operations cannot be explored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Nothing is moved.
    #[error("there is no operation that moves money, so there is nothing to put in order")]
    Nothing,
    /// The orders of so many cannot be told apart in a token.
    #[error(
        "there are more than `{MAX_OPERATIONS}` operations, which are too many to put in order: leave some out"
    )]
    TooMany,
    /// A movement between an account and itself.
    #[error(
        "operation `{number}` moves money from `{name}` to itself, which is always refused; leave it out"
    )]
    SameAccount {
        /// Which operation, from 1.
        number: usize,
        /// Whose account.
        name: Name,
    },
    /// Sums that a balance cannot hold.
    #[error("the amounts add up to more than a balance holds: use smaller amounts")]
    TooMuch,
}

/// One account or bank account that operations touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAccount {
    /// Whose.
    pub name: Name,
    /// What stands there before.
    pub start: i64,
    /// The least that a debit may leave.
    pub floor: i64,
    /// Whether it is open before.
    pub open: bool,
}

/// What an operation moves, by the numbers of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Move {
    /// Debit and credit.
    pub(super) sides: [usize; 2],
    pub(super) amount: Amount,
}

impl Move {
    /// What it adds to this place if it is accepted and not lost.
    pub(super) fn delta(&self, place: usize) -> i64 {
        let minor = self.amount.minor();
        match self.sides {
            [debit, _] if debit == place => -minor,
            [_, credit] if credit == place => minor,
            _ => 0,
        }
    }

    pub(super) fn touches(&self, place: usize) -> bool {
        self.sides.contains(&place)
    }
}

/// Operations, what they share and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub(super) method: SharingMethod,
    pub(super) overdraft: Balance,
    /// What stands on each user's account before, the judged one first where it was given first.
    pub(super) starts: Vec<(Name, Balance)>,
    /// What is touched; the first one is judged.
    pub(super) places: Vec<SharedAccount>,
    pub(super) operations: Vec<Operation>,
    pub(super) moves: Vec<Move>,
    /// The operations that are equal to each other, by number.
    pub(super) groups: Vec<Vec<usize>>,
}

impl Scenario {
    /// Puts a scenario together. The first of `starts` is judged, or the first operation's account if
    /// none touches that.
    ///
    /// # Errors
    ///
    /// No operation, too many, or one that no order lets happen.
    pub fn new(
        method: SharingMethod,
        starts: Vec<(Name, Balance)>,
        overdraft: Balance,
        operations: Vec<Operation>,
    ) -> Result<Self, ScenarioError> {
        let movements = operations.iter().filter_map(Operation::movement);
        let movements: Vec<_> = movements.collect();
        let Some(first) = operations.first() else {
            return Err(ScenarioError::Nothing);
        };
        if movements.len() != operations.len() {
            return Err(ScenarioError::Nothing);
        }
        if operations.len() > MAX_OPERATIONS {
            return Err(ScenarioError::TooMany);
        }
        let touched = |name: &Name| {
            let mut movements = movements.iter();
            movements.any(|movement| movement.debit == name || movement.credit == name)
        };
        let given = starts.first().map(|(name, _)| name);
        let judged = given.filter(|name| touched(name)).unwrap_or(&first.account);
        let mut names = vec![judged.clone()];
        let mut place = |name: &Name| {
            let known = names.iter().position(|known| known == name);
            known.unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            })
        };
        let mut moves = Vec::new();
        for (number, movement) in (1..).zip(&movements) {
            if movement.debit == movement.credit {
                let name = movement.debit.clone();
                return Err(ScenarioError::SameAccount { number, name });
            }
            moves.push(Move {
                sides: [place(movement.debit), place(movement.credit)],
                amount: movement.amount,
            });
        }
        let places = places(names, &starts, overdraft, &moves)?;
        let groups = groups(&moves);
        Ok(Scenario {
            method,
            overdraft,
            starts,
            places,
            operations,
            moves,
            groups,
        })
    }

    /// How the operations share.
    pub fn method(&self) -> SharingMethod {
        self.method
    }

    /// What stands on each user's account before.
    pub fn starts(&self) -> &[(Name, Balance)] {
        &self.starts
    }

    /// How far below zero every user's account may go.
    pub fn overdraft(&self) -> Balance {
        self.overdraft
    }

    /// What is touched; the first one is judged.
    pub fn places(&self) -> &[SharedAccount] {
        &self.places
    }

    /// What is put in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The two places of an operation, the debit side first.
    pub fn sides(&self, operation: usize) -> [usize; 2] {
        self.moves
            .get(operation)
            .map_or([0, 0], |moves| moves.sides)
    }

    /// What must stand there if every operation is accepted and none is lost.
    pub fn end(&self, place: usize) -> i64 {
        let start = self.places.get(place).map_or(0, |place| place.start);
        let deltas = self.moves.iter().map(|moves| moves.delta(place));
        start + deltas.sum::<i64>()
    }

    /// Whether no order can have an operation refused: even if all other credits were lost, every debit
    /// finds its money.
    pub fn refuses_nothing(&self) -> bool {
        (0..self.places.len()).all(|number| {
            let place = &self.places[number];
            let deltas = self.moves.iter().map(|moves| moves.delta(number));
            let debits: i64 = deltas.filter(|delta| *delta < 0).sum();
            debits == 0 || place.open && place.start + debits >= place.floor
        })
    }

    /// The places of a lock of an operation.
    pub fn locked_places(&self, operation: usize, lock: usize) -> Vec<usize> {
        let bits = self.lock(operation, lock);
        let places = 0..self.places.len();
        places.filter(|place| bits & 1 << place != 0).collect()
    }

    /// The places of a lock, as a set of bits.
    pub(super) fn lock(&self, operation: usize, lock: usize) -> u128 {
        let bit = |place: usize| 1u128 << place;
        let [debit, credit] = self.moves[operation].sides;
        if self.method.sharing == Sharing::Lock {
            return bit(debit) | bit(credit);
        }
        let name = |place: usize| &self.places[place].name;
        let swapped = self.method.lock_order && name(debit) > name(credit);
        match (lock == 0) != swapped {
            true => bit(debit),
            false => bit(credit),
        }
    }
}

fn places(
    names: Vec<Name>,
    starts: &[(Name, Balance)],
    overdraft: Balance,
    moves: &[Move],
) -> Result<Vec<SharedAccount>, ScenarioError> {
    let magnitude = |minor: i64| i128::from(minor.unsigned_abs());
    let given = starts.iter().map(|(_, start)| magnitude(start.minor()));
    let moved = moves.iter().map(|moves| magnitude(moves.amount.minor()));
    let reach: i128 = given.chain(moved).sum::<i128>() + magnitude(overdraft.minor());
    // Half of the range, so that no difference leaves it either.
    if reach > i128::from(i64::MAX / 2) {
        return Err(ScenarioError::TooMuch);
    }
    let sum: i64 = starts.iter().map(|(_, start)| start.minor()).sum();
    let place = |name: Name| {
        let start = starts.iter().find(|(known, _)| *known == name);
        match name.is_the_banks() {
            true => SharedAccount {
                start: if name == crate::bank::WORLD { -sum } else { 0 },
                floor: i64::MIN,
                open: true,
                name,
            },
            false => SharedAccount {
                start: start.map_or(0, |(_, start)| start.minor()),
                floor: -overdraft.minor(),
                open: start.is_some(),
                name,
            },
        }
    };
    Ok(names.into_iter().map(place).collect())
}

fn groups(moves: &[Move]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, own) in moves.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| group.iter().all(|other| moves[*other] == *own);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(number),
            None => groups.push(vec![number]),
        }
    }
    groups
}
