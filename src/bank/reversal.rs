//! The opposite of what was posted.

use serde::Deserialize;

use super::{Action, Id, Kind, Operation, OperationDetail, Rejection};

/// The id under which the entry of this number is reversed.
pub fn reversal_id(seq: u64) -> Option<Id> {
    Id::new(&format!("reverse:{seq}")).ok()
}

/// What a reversal carries.
#[derive(Deserialize)]
struct ReversalDetail {
    reverses: u64,
}

impl Operation {
    /// The opposite of this, which was posted as the entry of this number.
    pub fn reversed(&self, seq: u64) -> Result<Self, Rejection> {
        if !Kind::ALL.contains(&self.kind()) || self.group_place().is_some() {
            return Err(Rejection::NotReversible);
        }
        let movement = self.movement().ok_or(Rejection::NotReversible)?;
        let comes_in = *movement.debit == self.account;
        let other = match comes_in {
            true => movement.credit,
            false => movement.debit,
        };
        Ok(Operation {
            id: reversal_id(seq),
            account: self.account.clone(),
            action: Action::Reverse {
                amount: movement.amount,
                other: other.clone(),
                comes_in,
            },
            detail: OperationDetail::read(&format!("{{\"reverses\":{seq}}}")).ok(),
        })
    }

    /// The number of the entry that this makes undone, if it does that.
    pub fn reverses(&self) -> Option<u64> {
        let detail = self
            .detail
            .as_ref()
            .filter(|_| self.kind() == Kind::Reverse)?;
        let detail: ReversalDetail = serde_json::from_str(detail.text()).ok()?;
        Some(detail.reverses)
    }
}
