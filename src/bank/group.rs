//! Several operations that are posted together or refused together.

mod decide;
mod place;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::{
    Action, Amount, Annotations, Id, Kind, MAX_DETAIL, Name, Operation, OperationDetail, text,
};
pub use decide::{GroupTerms, PartRejection};
pub use place::GroupPlace;

/// The most operations of a group.
pub const MAX_PARTS: usize = 16;

/// One to [`MAX_PARTS`] operations that move money, in their order. They have no ids of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    parts: Box<[Operation]>,
    /// All of it: the same group is always the same text.
    text: SmolStr,
}

/// A group as it is written.
#[derive(Serialize, Deserialize)]
struct GroupText {
    all: Vec<PartText>,
}

/// An operation of a group as it is written. The fields stand in the order of their names.
#[derive(Serialize, Deserialize)]
struct PartText {
    #[serde(deserialize_with = "Name::read_users")]
    account: Name,
    amount: Amount,
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    carries: Annotations,
    op: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Name>,
}

impl PartText {
    fn of(part: &Operation) -> Option<Self> {
        Some(PartText {
            account: part.account.clone(),
            amount: part.amount()?,
            carries: part.annotations(),
            op: part.kind(),
            to: part.to().cloned(),
        })
    }

    fn part(self) -> Option<Operation> {
        let PartText {
            account,
            amount,
            carries,
            op,
            to,
        } = self;
        let part = Operation::new(op, None, account, to, Some(amount)).ok()?;
        Some(part.carrying(carries.detail()))
    }
}

impl Group {
    /// Puts operations together.
    pub fn new(parts: Vec<Operation>) -> Result<Self, GroupError> {
        if parts.is_empty() || parts.len() > MAX_PARTS {
            return Err(GroupError::Count(parts.len()));
        }
        let mut moved = 0i64;
        let mut all = Vec::with_capacity(parts.len());
        for part in &parts {
            Group::check_part(part)?;
            let text = PartText::of(part).ok_or(GroupError::Kind(part.kind()))?;
            // So that what is set aside for all of it is an amount as well.
            moved = moved
                .checked_add(text.amount.minor())
                .ok_or(GroupError::Amount)?;
            all.push(text);
        }
        let text = serde_json::to_string(&GroupText { all }).map_err(|_| GroupError::Length)?;
        match text.len() <= MAX_DETAIL {
            true => Ok(Group {
                parts: parts.into(),
                text: text.into(),
            }),
            false => Err(GroupError::Length),
        }
    }

    /// Refuses what cannot be a part.
    pub fn check_part(part: &Operation) -> Result<(), GroupError> {
        if part.id.is_some() {
            return Err(GroupError::Id);
        }
        let is_a_users = Kind::ALL.contains(&part.kind()) && part.is_a_users();
        match is_a_users && part.movement().is_some() {
            true => Ok(()),
            false => Err(GroupError::Kind(part.kind())),
        }
    }

    /// Reads the text of a group, if it is as one is written.
    pub fn read(text: &str) -> Result<Self, NoGroup> {
        if text.len() > MAX_DETAIL {
            return Err(NoGroup);
        }
        let GroupText { all } = serde_json::from_str(text).map_err(|_| NoGroup)?;
        let parts = all.into_iter().map(PartText::part).collect::<Option<_>>();
        let group = Group::new(parts.ok_or(NoGroup)?).map_err(|_| NoGroup)?;
        match group.text == text {
            true => Ok(group),
            false => Err(NoGroup),
        }
    }

    /// The operations, in their order.
    pub fn parts(&self) -> &[Operation] {
        &self.parts
    }

    /// All of it as one text, which is cheap to clone.
    pub fn text(&self) -> &SmolStr {
        &self.text
    }

    /// The operation that asks for it. It is about the account of its last part.
    pub fn operation(self, id: Option<Id>) -> Operation {
        let account = self.parts.last().map(|part| part.account.clone());
        Operation {
            id,
            account: account.unwrap_or_default(),
            action: Action::Group(Box::new(self)),
            detail: None,
        }
    }

    /// The parts as they are posted: each says which part of which group it is; the last one has the id, and
    /// carries the whole group.
    pub fn entries(&self, id: Option<&Id>) -> Vec<Operation> {
        let of = self.parts.len();
        let entry = |(part, operation): (usize, &Operation)| match part == of {
            true => Operation {
                id: id.cloned(),
                detail: OperationDetail::read(&self.text).ok(),
                ..operation.clone()
            },
            false => {
                let place = GroupPlace {
                    id: id.cloned(),
                    of,
                    part,
                };
                let detail = place.detail(&operation.annotations());
                operation.clone().carrying(detail)
            }
        };
        (1..).zip(&self.parts).map(entry).collect()
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, Group::read)
    }
}

/// Why operations are no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Too few or too many.
    #[error("`all` has 1 to {MAX_PARTS} operations, not {0}")]
    Count(usize),
    /// An operation that cannot be a part.
    #[error(
        "`{0}` cannot be a part: `all` has `withdraw`, `deposit`, `transfer` and `loan`, which move money"
    )]
    Kind(Kind),
    /// An id where there is none.
    #[error("`id` belongs to the line and not to a part")]
    Id,
    /// More than can be counted.
    #[error("the amounts of `all` add up to more than an account holds")]
    Amount,
    /// More than is kept.
    #[error("the operations of `all` are longer than {MAX_DETAIL} bytes together")]
    Length,
}

/// A text that is no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no group of operations as one is written")]
pub struct NoGroup;

#[cfg(test)]
mod tests;
