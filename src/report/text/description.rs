//! What an operation asks for, and which one it is, in words.

use std::fmt::{self, Display};

use crate::bank::{Balance, Decimal, Kind, Name, Operation, Unit, WORLD};
use crate::event::{OperationEvent, PartEvent};

/// What an operation asks for. The default account goes without saying.
pub(in crate::report) struct Description<'a> {
    op: Option<Kind>,
    amount: Option<Balance>,
    account: Option<&'a Name>,
    to: Option<&'a Name>,
    /// The operations of a group.
    parts: &'a [PartEvent],
}

impl<'a> Description<'a> {
    pub(super) fn about(operation: &'a OperationEvent) -> Self {
        Description {
            op: operation.op,
            amount: operation.amount,
            account: operation.account.as_ref(),
            to: operation.to.as_ref(),
            parts: operation.parts.as_deref().unwrap_or_default(),
        }
    }

    pub(super) fn about_part(part: &'a PartEvent) -> Self {
        Description {
            op: Some(part.op),
            amount: Some(part.amount),
            account: Some(&part.account),
            to: part.to.as_ref(),
            parts: &[],
        }
    }

    pub(in crate::report) fn of(operation: &'a Operation) -> Self {
        Description {
            op: Some(operation.kind()),
            amount: operation.amount().map(Balance::from),
            account: Some(&operation.account),
            to: operation.to(),
            parts: &[],
        }
    }

    fn called(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.op {
            Some(Kind::Withdraw) => "Withdrawal of ",
            Some(Kind::Deposit) => "Deposit of ",
            Some(Kind::Transfer) => "Transfer of ",
            Some(Kind::Loan) => "Loan application for ",
            Some(Kind::Open) => "Opening",
            Some(Kind::Refill) => "Refill of ",
            Some(Kind::Lapse) => "Lapse of ",
            Some(Kind::Reverse) => "Reversal of ",
            Some(Kind::Group) => return write!(f, "All of {} operations", self.parts.len()),
            Some(Kind::Balance) | None => "Balance",
        })?;
        if let Some(amount) = self.amount {
            let (unit, amount) = (Unit::current(), Decimal::new(amount.minor()));
            match unit.is_sign() {
                true => write!(f, "{}{}", unit.name(), amount.as_str())?,
                false => write!(f, "{} {}", amount.as_str(), unit.name())?,
            }
        }
        match self.to {
            Some(to) if *to != WORLD => write!(f, " to {to}"),
            _ => Ok(()),
        }
    }

    /// Its account, unless it is the default one.
    fn other_account(&self) -> Option<&'a Name> {
        self.account.filter(|account| **account != Name::default())
    }
}

impl Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.called(f)?;
        match self.other_account() {
            Some(account) => write!(f, " (account {account})"),
            None => Ok(()),
        }
    }
}

/// What an operation asks for, and which one it is.
pub(super) struct NamedOperation<'a>(pub(super) &'a OperationEvent);

impl Display for NamedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Description::about(self.0).called(f)?;
        OperationIdentity(self.0).fmt(f)
    }
}

/// OperationIdentity operation it is: its account, unless that is the default one, which goes without saying; its
/// line of the input and its id, if it has them.
pub(super) struct OperationIdentity<'a>(pub(super) &'a OperationEvent);

impl Display for OperationIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OperationEvent { id, line, .. } = self.0;
        let account = Description::about(self.0).other_account();
        let parts = [
            account.map(|account| format!("account {account}")),
            line.map(|line| format!("line {line}")),
            id.as_ref().map(|id| format!("id `{}`", id.as_str())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", parts.join(", ")),
        }
    }
}
