//! Which part of a group an entry is, as the entry carries it.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Annotations, Group, Id, Operation, OperationDetail};

/// Which part of which group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlace {
    /// The group's id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// How many parts the group has.
    pub of: usize,
    /// Which one of them it is, from 1.
    pub part: usize,
}

/// What the text begins with that the last entry carries.
const ALL: &str = "{\"all\":";
/// What stands in the text of the others.
const GROUP: &str = "\"group\":";

/// What an entry carries of its group: the last one all of it, the others their place.
#[derive(Default, Deserialize)]
struct OfGroup {
    all: Option<Vec<IgnoredAny>>,
    group: Option<GroupPlace>,
}

impl GroupPlace {
    /// What an entry carries that is not the last one, with what its caller added.
    pub(super) fn detail(&self, added: &Annotations) -> Option<OperationDetail> {
        let mut carried = serde_json::to_value(added).ok()?;
        let fields = carried.as_object_mut()?;
        fields.insert("group".to_string(), serde_json::to_value(self).ok()?);
        OperationDetail::read(&carried.to_string()).ok()
    }
}

impl Operation {
    /// Which part of a group it is, if it was posted as one.
    pub fn group_place(&self) -> Option<GroupPlace> {
        let text = self.detail.as_ref()?.text();
        if !text.starts_with(ALL) && !text.contains(GROUP) {
            return None;
        }
        let OfGroup { all, group } = serde_json::from_str(text).unwrap_or_default();
        let last = all.map(|all| GroupPlace {
            id: self.id.clone(),
            of: all.len(),
            part: all.len(),
        });
        last.or(group)
    }

    /// The whole group, if it was posted as the last part of one.
    pub fn posted_group(&self) -> Option<Group> {
        let text = self.detail.as_ref()?.text();
        match text.starts_with(ALL) {
            true => Group::read(text).ok(),
            false => None,
        }
    }
}
