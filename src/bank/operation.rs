//! What a user asks for.

mod kind;

use core::iter;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    AllowanceChange, Amount, Annotations, BUDGET, Balance, Group, Id, LOANS, Name, OperationDetail,
    Outcome, Rejection, WORLD,
};
pub use kind::Kind;

/// What an operation does to its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// `account -> @world`.
    Withdraw(Amount),
    /// `@world -> account`.
    Deposit(Amount),
    /// `account -> to`.
    Transfer {
        /// How much.
        amount: Amount,
        /// The other account.
        to: Name,
    },
    /// `@loans -> account`.
    Loan(Amount),
    /// Changes nothing.
    Balance,
    /// Opens the account, or changes its limits.
    Open {
        /// How far below zero it may go; `None` leaves that as it is.
        #[serde(deserialize_with = "Balance::read_limit")]
        overdraft: Option<Balance>,
        /// What becomes of its allowance; `None` leaves that as it is.
        allowance: Option<Box<AllowanceChange>>,
    },
    /// `@budget -> account`, by the bank itself.
    Refill(Amount),
    /// `account -> @budget`, by the bank itself.
    Lapse(Amount),
    /// The opposite of an entry, whose number the operation carries.
    Reverse {
        /// How much.
        amount: Amount,
        /// The other account.
        other: Name,
        /// The money comes from the other account; else it goes there.
        comes_in: bool,
    },
    /// Several operations, of which all are posted or none.
    Group(Box<Group>),
}

/// One operation of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The caller's id, if it gave one.
    pub id: Option<Id>,
    /// The account it is about; never one of the bank's own.
    #[serde(deserialize_with = "Name::read_users")]
    pub account: Name,
    /// What it does.
    pub action: Action,
    /// What it carries beyond itself.
    pub detail: Option<OperationDetail>,
}

/// Why an operation's parts do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// A word that is no operation of a user.
    #[error("an operation is one of `withdraw`, `deposit`, `transfer`, `loan`, `balance`, `open`")]
    UnknownKind,
    /// A movement without an amount.
    #[error("`{0}` needs an amount")]
    NoAmount(Kind),
    /// An amount where nothing moves.
    #[error("`balance` takes no amount")]
    NeedlessAmount,
    /// Another account where there is no other side to choose.
    #[error("`{0}` takes no other account (`to`)")]
    NeedlessTo(Kind),
}

impl Operation {
    /// Puts an operation together; a transfer without `to` goes to `@world`.
    pub fn new(
        kind: Kind,
        id: Option<Id>,
        account: Name,
        to: Option<Name>,
        amount: Option<Amount>,
    ) -> Result<Self, OperationError> {
        if to.is_some() && kind != Kind::Transfer {
            return Err(OperationError::NeedlessTo(kind));
        }
        let action = match (kind, amount) {
            (Kind::Open | Kind::Refill | Kind::Lapse | Kind::Reverse | Kind::Group, _) => {
                return Err(OperationError::UnknownKind);
            }
            (Kind::Balance, None) => Action::Balance,
            (Kind::Balance, Some(_)) => return Err(OperationError::NeedlessAmount),
            (_, None) => return Err(OperationError::NoAmount(kind)),
            (Kind::Withdraw, Some(amount)) => Action::Withdraw(amount),
            (Kind::Deposit, Some(amount)) => Action::Deposit(amount),
            (Kind::Loan, Some(amount)) => Action::Loan(amount),
            (Kind::Transfer, Some(amount)) => Action::Transfer {
                amount,
                to: to.unwrap_or(WORLD.clone()),
            },
        };
        Ok(Operation {
            id,
            account,
            action,
            detail: None,
        })
    }

    /// What its caller added to it.
    pub fn annotations(&self) -> Annotations {
        // The last part of a group carries all of them.
        match self.posted_group() {
            Some(group) => group.parts().last().map(Operation::annotations),
            None => self.detail.as_ref().map(OperationDetail::annotations),
        }
        .unwrap_or_default()
    }

    /// Opens an account, or changes its limits. That needs no id: a repeat changes nothing.
    pub fn opening(
        account: Name,
        overdraft: Option<Balance>,
        allowance: Option<AllowanceChange>,
    ) -> Self {
        let allowance = allowance.map(Box::new);
        let action = Action::Open {
            overdraft,
            allowance,
        };
        let (id, detail) = (None, None);
        Operation {
            id,
            account,
            action,
            detail,
        }
    }

    /// The same, carrying this.
    pub fn carrying(self, detail: Option<OperationDetail>) -> Self {
        Operation { detail, ..self }
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self.action {
            Action::Withdraw(_) => Kind::Withdraw,
            Action::Deposit(_) => Kind::Deposit,
            Action::Transfer { .. } => Kind::Transfer,
            Action::Loan(_) => Kind::Loan,
            Action::Balance => Kind::Balance,
            Action::Open { .. } => Kind::Open,
            Action::Refill(_) => Kind::Refill,
            Action::Lapse(_) => Kind::Lapse,
            Action::Reverse { .. } => Kind::Reverse,
            Action::Group(_) => Kind::Group,
        }
    }

    /// Whether a user may ask for it as it is.
    pub fn is_a_users(&self) -> bool {
        let kind = self.kind();
        (matches!(kind, Kind::Open | Kind::Group) || Kind::ALL.contains(&kind))
            && self.to() != Some(&BUDGET)
            && self.group_place().is_none()
    }

    /// The operations that it consists of: those of a group, else itself.
    pub fn parts(&self) -> &[Operation] {
        match &self.action {
            Action::Group(group) => group.parts(),
            _ => core::slice::from_ref(self),
        }
    }

    /// Whether money is set aside for it, or moves.
    pub fn moves_money(&self) -> bool {
        self.parts().iter().any(|part| part.movement().is_some())
    }

    /// The accounts that it is about.
    pub fn accounts(&self) -> impl Iterator<Item = &Name> {
        let parts = self.parts().iter();
        parts.flat_map(|part| iter::once(&part.account).chain(part.to().or(part.from())))
    }

    /// How much is set aside for it on which accounts.
    pub fn set_aside(&self) -> Vec<(&Name, Amount)> {
        match (&self.action, self.movement()) {
            (Action::Group(group), _) => group.set_aside(),
            (_, Some(movement)) => vec![(movement.debit, movement.amount)],
            (_, None) => Vec::new(),
        }
    }

    /// What is kept with it as one text: what it carries, or all parts of a group.
    pub fn kept_text(&self) -> Option<&SmolStr> {
        match &self.action {
            Action::Group(group) => Some(group.text()),
            _ => self.detail.as_ref().map(OperationDetail::text),
        }
    }

    /// How much it moves, if it moves anything.
    pub fn amount(&self) -> Option<Amount> {
        self.movement().map(|movement| movement.amount)
    }

    /// The other account that the user named, or that a transfer goes to by default.
    pub fn to(&self) -> Option<&Name> {
        match &self.action {
            Action::Transfer { to, .. } => Some(to),
            Action::Reverse {
                other,
                comes_in: false,
                ..
            } => Some(other),
            _ => None,
        }
    }

    /// The other account that money comes from, where the operation does not tell by its kind.
    pub fn from(&self) -> Option<&Name> {
        match &self.action {
            Action::Reverse {
                other,
                comes_in: true,
                ..
            } => Some(other),
            _ => None,
        }
    }

    /// The two sides of it, if it moves anything.
    pub fn movement(&self) -> Option<Movement<'_>> {
        let (debit, credit, amount) = match &self.action {
            Action::Withdraw(amount) => (&self.account, &WORLD, amount),
            Action::Deposit(amount) => (&WORLD, &self.account, amount),
            Action::Transfer { amount, to } => (&self.account, to, amount),
            Action::Loan(amount) => (&LOANS, &self.account, amount),
            Action::Refill(amount) => (&BUDGET, &self.account, amount),
            Action::Lapse(amount) => (&self.account, &BUDGET, amount),
            Action::Reverse {
                amount,
                other,
                comes_in: true,
            } => (other, &self.account, amount),
            Action::Reverse { amount, other, .. } => (&self.account, other, amount),
            Action::Balance | Action::Open { .. } | Action::Group(_) => return None,
        };
        Some(Movement {
            debit,
            credit,
            amount: *amount,
        })
    }

    /// The operation as it was posted: of what was set aside, a part may be.
    pub fn posted_by(self, outcome: &Outcome) -> Self {
        let Outcome::Posted { amount, .. } = *outcome else {
            return self;
        };
        let action = match self.action {
            Action::Withdraw(_) => Action::Withdraw(amount),
            Action::Deposit(_) => Action::Deposit(amount),
            Action::Transfer { to, .. } => Action::Transfer { amount, to },
            Action::Loan(_) => Action::Loan(amount),
            own => own,
        };
        Operation { action, ..self }
    }

    /// How much more than it asks for was posted in the end.
    pub fn excess(&self, outcome: &Outcome) -> Option<Amount> {
        let (Outcome::Posted { amount, .. }, Some(asked)) = (outcome, self.amount()) else {
            return None;
        };
        Amount::new(amount.minor().saturating_sub(asked.minor()))
    }

    /// Whether another operation under the same id asks for the same.
    pub fn same_content(&self, other: &Operation) -> bool {
        self.account == other.account && self.action == other.action && self.detail == other.detail
    }
}

/// The two sides of an operation: what leaves one account arrives at the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement<'a> {
    /// The account that gives.
    pub debit: &'a Name,
    /// The account that receives.
    pub credit: &'a Name,
    /// How much.
    pub amount: Amount,
}

impl Movement<'_> {
    /// Refuses a movement between an account and itself.
    pub fn check(&self) -> Result<(), Rejection> {
        if self.debit == self.credit {
            return Err(Rejection::SameAccount);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(kind: Kind, to: Option<&str>, minor: Option<i64>) -> Result<Operation, OperationError> {
        let to = to.map(|to| Name::other_side(to).expect("a name"));
        Operation::new(kind, None, Name::default(), to, minor.and_then(Amount::new))
    }

    fn check(kind: Kind, to: Option<&str>, expected: (&str, &str)) {
        let operation = new(kind, to, Some(5)).expect("an operation");
        let movement = operation.movement().expect("a movement");
        assert_eq!(
            (movement.debit.as_str(), movement.credit.as_str()),
            expected
        );
        assert_eq!(operation.kind(), kind);
        assert_eq!(operation.amount(), Amount::new(5));
    }

    #[test]
    fn every_movement_has_two_sides() {
        check(Kind::Withdraw, None, ("main", "@world"));
        check(Kind::Deposit, None, ("@world", "main"));
        check(Kind::Transfer, None, ("main", "@world"));
        check(Kind::Transfer, Some("ops"), ("main", "ops"));
        check(Kind::Transfer, Some("@loans"), ("main", "@loans"));
        check(Kind::Loan, None, ("@loans", "main"));
        let view = new(Kind::Balance, None, None).expect("a view");
        assert_eq!(view.movement(), None);
    }

    #[test]
    fn a_view_moves_no_money_and_a_group_does() {
        let of = |kind, minor| new(kind, None, minor).expect("an operation");
        let view = of(Kind::Balance, None);
        assert!(!view.moves_money() && of(Kind::Deposit, Some(5)).moves_money());
        let parts = vec![of(Kind::Deposit, Some(5)), of(Kind::Withdraw, Some(5))];
        let group = Group::new(parts).expect("a group");
        assert!(group.operation(None).moves_money());
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        assert_eq!(
            new(Kind::Loan, None, None),
            Err(OperationError::NoAmount(Kind::Loan))
        );
        assert_eq!(
            new(Kind::Balance, None, Some(1)),
            Err(OperationError::NeedlessAmount)
        );
        assert_eq!(
            new(Kind::Deposit, Some("ops"), Some(1)),
            Err(OperationError::NeedlessTo(Kind::Deposit))
        );
        assert_eq!("steal".parse::<Kind>(), Err(OperationError::UnknownKind));
    }
}
