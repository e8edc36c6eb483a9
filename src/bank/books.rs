//! The books: every account, every operation under way, every id, and the decision about a request.

use std::collections::HashMap;

use super::{
    Account, Answer, Balance, Claims, LOANS, Movement, Name, Operation, Outcome, Rejection, Sides,
    View, WORLD,
};

/// What the bank is asked to decide about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Begin and post in one step: there is no work between.
    Execute(Operation),
    /// Validate, claim the id, set the money aside.
    Begin(Operation),
    /// Move what was set aside.
    Post,
    /// Give back what was set aside.
    Void,
}

/// The state of a bank in memory.
///
/// The caller numbers its operations; a number names an operation between its begin and its end.
pub struct Books {
    slots: HashMap<Name, usize>,
    accounts: Vec<Account>,
    under_way: HashMap<u64, Operation>,
    claims: Claims,
    last_seq: u64,
    overdraft: Balance,
}

const WORLD_SLOT: usize = 0;
const LOANS_SLOT: usize = 1;

impl Books {
    /// Empty books in which every user's account has this overdraft limit.
    pub fn new(overdraft: Balance) -> Self {
        Books {
            slots: HashMap::from([(WORLD.clone(), WORLD_SLOT), (LOANS.clone(), LOANS_SLOT)]),
            accounts: vec![Account::the_banks(); 2],
            under_way: HashMap::new(),
            claims: Claims::default(),
            last_seq: 0,
            overdraft,
        }
    }

    /// Opens an account; one that is open already stays as it is.
    pub fn open(&mut self, name: &Name) {
        self.slot_or_new(name);
    }

    /// Every account with what it holds, in no particular order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Name, View)> {
        let view = |(name, slot): (_, &usize)| (name, self.accounts[*slot].view());
        self.slots.iter().map(view)
    }

    /// Decides one request about operation `number` and keeps what follows from it.
    ///
    /// Nothing is returned for a `Post` or `Void` of an operation that is not under way.
    pub fn decide(&mut self, number: u64, request: &Request) -> Option<Answer> {
        match request {
            Request::Execute(operation) => {
                Some(self.start(operation, |books| books.execute(operation)))
            }
            Request::Begin(operation) => {
                Some(self.start(operation, |books| books.begin(number, operation)))
            }
            Request::Post => self.end(number, Self::post),
            Request::Void => self.end(number, Self::void),
        }
    }

    /// Answers from the id where it is known; otherwise decides, and remembers under the id.
    fn start(
        &mut self,
        operation: &Operation,
        decide: impl FnOnce(&mut Self) -> Result<Outcome, Rejection>,
    ) -> Answer {
        if let Some(answer) = self.claims.known(operation) {
            return answer;
        }
        let outcome = decide(self).unwrap_or_else(|rejection| Outcome::Refused {
            rejection,
            view: self
                .slot(&operation.account)
                .map(|slot| self.accounts[slot].view()),
        });
        match outcome {
            Outcome::Held { .. } => self.claims.open(operation),
            _ => self.claims.settle(operation, outcome),
        }
        outcome.into()
    }

    fn execute(&mut self, operation: &Operation) -> Result<Outcome, Rejection> {
        let Some(movement) = operation.movement() else {
            return self.look(operation);
        };
        let sides = self.sides(&movement)?.execute(movement.amount)?;
        Ok(self.enter(operation, &movement, sides))
    }

    fn begin(&mut self, number: u64, operation: &Operation) -> Result<Outcome, Rejection> {
        let view = match operation.movement() {
            None => self.look_at(&operation.account)?,
            Some(movement) => {
                let sides = self.sides(&movement)?.begin(movement.amount)?;
                self.keep_debit(&movement, sides);
                match self.slot(&operation.account) {
                    Some(slot) => self.accounts[slot].view(),
                    None => Account::new(self.overdraft).view(),
                }
            }
        };
        self.under_way.insert(number, operation.clone());
        Ok(Outcome::Held { view })
    }

    fn end(&mut self, number: u64, decide: fn(&mut Self, &Operation) -> Outcome) -> Option<Answer> {
        let operation = self.under_way.remove(&number)?;
        let outcome = decide(self, &operation);
        self.claims.settle(&operation, outcome);
        Some(outcome.into())
    }

    fn post(&mut self, operation: &Operation) -> Outcome {
        let posted = match operation.movement() {
            None => self.look(operation),
            Some(movement) => self
                .sides(&movement)
                .and_then(|sides| sides.post(movement.amount))
                .map(|sides| self.enter(operation, &movement, sides)),
        };
        posted.unwrap_or_else(|rejection| {
            self.void(operation);
            Outcome::Refused {
                rejection,
                view: self.look_at(&operation.account).ok(),
            }
        })
    }

    fn void(&mut self, operation: &Operation) -> Outcome {
        if let Some(movement) = operation.movement()
            && let Ok(sides) = self.sides(&movement)
        {
            self.keep_debit(&movement, sides.void(movement.amount));
        }
        Outcome::Voided
    }

    fn look(&self, operation: &Operation) -> Result<Outcome, Rejection> {
        let view = self.look_at(&operation.account)?;
        let seq = self.last_seq;
        Ok(Outcome::Viewed { seq, view })
    }

    fn look_at(&self, name: &Name) -> Result<View, Rejection> {
        let slot = self.slot(name).ok_or(Rejection::UnknownAccount)?;
        Ok(self.accounts[slot].view())
    }

    /// The two accounts of a movement. Money coming in opens an account, money going out does not.
    fn sides(&self, movement: &Movement<'_>) -> Result<Sides, Rejection> {
        movement.check()?;
        let debit = self.slot(movement.debit).ok_or(Rejection::UnknownAccount)?;
        let credit = self.slot(movement.credit);
        Ok(Sides {
            debit: self.accounts[debit],
            credit: credit.map_or_else(|| Account::new(self.overdraft), |slot| self.accounts[slot]),
        })
    }

    /// Enters a decided movement: from here on nothing can fail.
    fn enter(&mut self, operation: &Operation, movement: &Movement<'_>, sides: Sides) -> Outcome {
        self.keep_debit(movement, sides);
        let credit = self.slot_or_new(movement.credit);
        self.accounts[credit] = sides.credit;
        self.last_seq += 1;
        let own = if operation.account == *movement.debit {
            sides.debit
        } else {
            sides.credit
        };
        Outcome::Posted {
            seq: self.last_seq,
            view: own.view(),
        }
    }

    fn keep_debit(&mut self, movement: &Movement<'_>, sides: Sides) {
        if let Some(slot) = self.slot(movement.debit) {
            self.accounts[slot] = sides.debit;
        }
    }

    fn slot(&self, name: &Name) -> Option<usize> {
        // Nearly every movement has this side.
        if *name == WORLD {
            return Some(WORLD_SLOT);
        }
        self.slots.get(name).copied()
    }

    fn slot_or_new(&mut self, name: &Name) -> usize {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        let slot = self.accounts.len();
        self.accounts.push(Account::new(self.overdraft));
        self.slots.insert(name.clone(), slot);
        slot
    }
}

#[cfg(test)]
mod tests;
