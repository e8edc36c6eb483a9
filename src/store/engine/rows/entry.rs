//! The rows of entries.

use smol_str::SmolStr;

use super::{Content, Hash, KeptRow, Stored, checksum, kind, operation, view};
use crate::bank::{
    Action, Amount, Id, Kind, Line, Moment, Name, Operation, OperationDetail, Outcome, View,
};

/// A posted movement as it is kept, with its accounts' names.
#[derive(Clone, Debug)]
pub(crate) struct EntryRow {
    pub(crate) seq: u64,
    pub(crate) at: Moment,
    pub(crate) op: i64,
    pub(crate) debit: SmolStr,
    pub(crate) credit: SmolStr,
    pub(crate) amount: i64,
    pub(crate) view: (i64, i64),
    pub(crate) id: Option<SmolStr>,
    pub(crate) run: Option<u32>,
    pub(crate) line: Option<Line>,
    pub(crate) hold: Option<u64>,
    pub(crate) excess: Option<i64>,
    /// What its operation carries.
    pub(crate) detail: Option<SmolStr>,
}

/// An entry to be written, with the keys of its accounts.
pub(crate) struct NewEntry {
    pub(crate) entry: Stored<EntryRow>,
    pub(crate) debit: i64,
    pub(crate) credit: i64,
}

impl EntryRow {
    pub(crate) fn hash(&self, content: &mut Content) -> Hash {
        content
            .of(b'e')
            .number(self.seq.cast_signed())
            .number(self.at.micros());
        content
            .number(self.op)
            .text(Some(&self.debit))
            .text(Some(&self.credit));
        content
            .number(self.amount)
            .number(self.view.0)
            .number(self.view.1);
        content
            .text(self.id.as_deref())
            .maybe(self.run.map(i64::from));
        content.maybe(self.line.map(|line| line.number.cast_signed()));
        content.maybe(self.line.map(|line| line.digest.cast_signed()));
        content.maybe(self.hold.map(u64::cast_signed));
        content
            .later(1, self.excess)
            .later_text(2, self.detail.as_deref());
        content.hash()
    }

    /// The account that the operation is about, and the other one of a transfer.
    fn accounts(&self) -> (&str, Option<&str>) {
        match kind(self.op) {
            Some(Kind::Deposit | Kind::Loan) => (&self.credit, None),
            Some(Kind::Transfer) => (&self.debit, Some(&self.credit)),
            _ => (&self.debit, None),
        }
    }

    /// What was asked for, with the amount that was moved.
    pub(crate) fn operation(&self) -> Option<Operation> {
        let kind = kind(self.op)?;
        if !Kind::ALL.contains(&kind) {
            return self.the_banks(kind);
        }
        let (account, other) = self.accounts();
        let (id, detail) = (self.id.as_deref(), self.detail.as_deref());
        operation(self.op, account, other, Some(self.amount), id, detail)
    }

    /// What was asked for: of the last part of a group, the group.
    pub(crate) fn asked(&self) -> Option<Operation> {
        let operation = self.operation()?;
        match operation.posted_group() {
            Some(group) => Some(group.operation(operation.id)),
            None => Some(operation),
        }
    }

    /// What the bank itself moves.
    fn the_banks(&self, kind: Kind) -> Option<Operation> {
        let amount = Amount::new(self.amount)?;
        let (debit, credit) = (Name::any(&self.debit).ok()?, Name::any(&self.credit).ok()?);
        let (account, action) = match kind {
            Kind::Refill => (credit, Action::Refill(amount)),
            Kind::Lapse => (debit, Action::Lapse(amount)),
            // An operation is about a user's account, and of two users' about the one that gave.
            Kind::Reverse => {
                let comes_in = !credit.is_the_banks();
                let (account, other) = match comes_in {
                    true => (credit, debit),
                    false => (debit, credit),
                };
                let action = Action::Reverse {
                    amount,
                    other,
                    comes_in,
                };
                (account, action)
            }
            _ => return None,
        };
        let id = self.id.as_deref().map(Id::new).transpose().ok()?;
        let detail = self.detail.as_deref().map(OperationDetail::read);
        Some(Operation {
            id,
            account: Some(account).filter(|account| !account.is_the_banks())?,
            action,
            detail: detail.transpose().ok()?,
        })
    }

    /// What every repeat is answered with.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        Some(Outcome::Posted {
            seq: self.seq,
            amount: Amount::new(self.amount)?,
            view: self.view(),
        })
    }

    pub(crate) fn view(&self) -> View {
        view(self.view)
    }
}

impl KeptRow for EntryRow {
    fn number(&self) -> i64 {
        self.seq.cast_signed()
    }

    fn checksum(&self, content: &mut Content) -> i64 {
        checksum(&self.hash(content))
    }
}
