//! What rows say, in words.

use crate::bank::{Operation, Rejection, View};

pub(super) fn must_be_refused(rejection: Rejection) -> String {
    format!("must have been refused: {rejection}")
}

pub(super) fn shown(view: Option<View>) -> String {
    let told = |view: View| format!("posted {}, available {}", view.posted, view.available);
    view.map_or("no balance".to_string(), told)
}

/// An operation in words.
pub(super) fn told(operation: &Operation) -> String {
    let mut told = format!("{} `{}`", operation.kind(), operation.account);
    if let Some(amount) = operation.amount() {
        told += &format!(" {amount}");
    }
    if let Some(to) = operation.to() {
        told += &format!(" to `{to}`");
    }
    if let Some(id) = &operation.id {
        told += &format!(" under the id `{}`", id.as_str());
    }
    told
}
