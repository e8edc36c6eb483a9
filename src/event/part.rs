//! What happened to one part of a group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bank::{Annotations, Balance, Kind, Name, Operation, PartView, View};

/// One operation of those that are posted together or refused together. What does not apply is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartEvent {
    /// Which operation it is.
    pub op: Kind,
    /// The account it is about.
    pub account: Name,
    /// A transfer's other account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// How much it moves.
    pub amount: Balance,
    /// When it happened elsewhere, as its caller says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Box<str>>,
    /// Its caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<Box<str>>,
    /// Its caller's texts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// What is posted on its account after it; of a part that is refused, as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// What of it is not set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<Balance>,
    /// What is posted on a transfer's other account after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_balance: Option<Balance>,
    /// The entry's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

impl PartEvent {
    /// What a part asks for.
    pub fn of(part: &Operation) -> Self {
        let Annotations { date, memo, meta } = part.annotations();
        PartEvent {
            op: part.kind(),
            account: part.account.clone(),
            to: part.to().cloned(),
            amount: part.amount().map(Balance::from).unwrap_or_default(),
            date,
            memo,
            meta,
            balance: None,
            available: None,
            to_balance: None,
            seq: None,
        }
    }

    pub(super) fn see(&mut self, view: View) {
        self.balance = Some(view.posted);
        self.available = Some(view.available);
    }

    /// Notes what both accounts hold after it.
    pub(super) fn posted(&mut self, PartView { view, other_side }: PartView) {
        self.see(view);
        if self.op == Kind::Transfer {
            self.to_balance = Some(other_side.posted);
        }
    }
}
