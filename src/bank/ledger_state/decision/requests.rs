//! What a caller asks, and which decision that is.

use core::time::Duration;

use super::{Decision, End};
use crate::bank::journal::{Journal, Request, WorkEnd};
use crate::bank::{Answer, Id, Kind, Operation, VoidReason};

impl<J: Journal> Decision<'_, J> {
    /// Answers a request, if it is one that the caller can ask.
    pub(in crate::bank::ledger_state) fn answer(&mut self, request: &Request) -> Option<Answer> {
        Some(match request {
            Request::Execute(operation)
            | Request::Begin(operation)
            | Request::Hold { operation, .. }
                if !operation.is_a_users() || has_the_banks_id(operation) =>
            {
                return None;
            }
            // There is no work between, and nothing to set aside.
            Request::Begin(operation) | Request::Hold { operation, .. }
                if operation.kind() == Kind::Open =>
            {
                return None;
            }
            Request::Execute(operation) => self.execute(operation),
            Request::Begin(operation) => self.begin(operation, false)?,
            Request::End(end) => self.end_work(end)?,
            Request::Hold { lasts, .. } if is_nothing(*lasts) => return None,
            Request::Hold { operation, lasts } => {
                if self.caller.has_side_effects {
                    return self.begin(operation, true);
                }
                let owner = self.any_request(*lasts);
                self.hold(operation, owner, true)
            }
            Request::PostHold { id, amount } => self.post_hold(id, *amount),
            Request::VoidHold { id } => self.void_hold(id),
            Request::DeclineHold { id } => self.decline_hold(id),
            Request::Open {
                account,
                overdraft,
                allowance,
            } => self.open(account, *overdraft, allowance.as_ref()),
            Request::Reverse(entry) => self.reverse(entry),
        })
    }

    fn end_work(&mut self, end: &WorkEnd) -> Option<Answer> {
        match end {
            WorkEnd::Post { amount } => self.end_begun(End::Post(*amount)),
            WorkEnd::Void => self.end_begun(End::GiveBack(VoidReason::Voided)),
            WorkEnd::Unspent => self.end_begun(End::GiveBack(VoidReason::Unspent)),
            WorkEnd::Decline => self.end_begun(End::Decline),
            WorkEnd::Doubt => self.doubt_begun(),
            WorkEnd::Keep { lasts } if is_nothing(*lasts) => None,
            WorkEnd::Keep { lasts } => self.keep(*lasts),
        }
    }
}

/// No caller may take the id under which an entry would be reversed, or an account refilled.
fn has_the_banks_id(operation: &Operation) -> bool {
    operation.id.as_ref().is_some_and(Id::is_the_banks)
}

/// Whether this is no time at all by the ledger's clock.
fn is_nothing(lasts: Option<Duration>) -> bool {
    lasts.is_some_and(|lasts| lasts.as_micros() == 0)
}
