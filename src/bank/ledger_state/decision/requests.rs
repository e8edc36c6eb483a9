//! What a caller asks, and which decision that is.

use super::{Decision, End};
use crate::bank::journal::{Journal, Request};
use crate::bank::{Answer, VoidReason};

impl<J: Journal> Decision<'_, J> {
    /// Answers a request, if it is one that the caller can ask.
    pub(in crate::bank::ledger_state) fn answer(&mut self, request: &Request) -> Option<Answer> {
        Some(match request {
            Request::Execute(operation) => self.execute(operation),
            Request::Begin(operation) => self.begin(operation, false)?,
            Request::Post { amount } => self.end_begun(End::Post(*amount))?,
            Request::Void => self.end_begun(End::GiveBack(VoidReason::Voided))?,
            Request::Unspent => self.end_begun(End::GiveBack(VoidReason::Unspent))?,
            Request::Decline => self.end_begun(End::Decline)?,
            Request::Doubt => self.doubt_begun()?,
            Request::Hold { lasts, .. } | Request::Keep { lasts }
                if lasts.is_some_and(|lasts| lasts.as_micros() == 0) =>
            {
                return None;
            }
            Request::Hold { operation, lasts } => {
                if self.caller.has_side_effects {
                    return self.begin(operation, true);
                }
                let owner = self.anyone(*lasts);
                self.hold(operation, owner, true)
            }
            Request::Keep { lasts } => self.keep(*lasts)?,
            Request::PostHold { id, amount } => self.post_hold(id, *amount),
            Request::VoidHold { id } => self.void_hold(id),
            Request::Open { account, overdraft } => self.open(account, *overdraft),
        })
    }
}
