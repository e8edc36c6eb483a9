//! How an operation ends that was begun.

use super::{Decision, End};
use crate::bank::journal::{Journal, Owner, RequestContext, RunLine};
use crate::bank::ledger_state::Hold;
use crate::bank::{Answer, Outcome, Rejection, VoidReason};

impl<J: Journal> Decision<'_, J> {
    pub(in crate::bank::ledger_state) fn end_begun(&mut self, end: End) -> Option<Answer> {
        let hold = self.state.begun(self.caller.run, self.caller.number)?;
        let held = self.state.holds.get(&hold)?;
        let tells = matches!(
            held.owner,
            Owner::Run {
                has_side_effects: true,
                ..
            }
        );
        let may = match end {
            End::Post(None)
            | End::GiveBack(VoidReason::Voided | VoidReason::Expired)
            | End::Decline => true,
            End::Post(amount) => {
                amount == held.operation.amount() || tells && held.operation.amount().is_some()
            }
            End::GiveBack(VoidReason::Unspent) => tells,
        };
        if !may {
            return None;
        }
        let taken = self.take(hold)?;
        Some(self.end_taken(hold, &taken, end).into())
    }

    /// Ends a hold that was taken off the ledger state. No matter which caller does it, the end counts for the line that the
    /// hold was begun for.
    pub(in crate::bank::ledger_state) fn end_taken(
        &mut self,
        hold: u64,
        taken: &Hold,
        end: End,
    ) -> Outcome {
        let operation = &taken.operation;
        let caller = match taken.line {
            Some(RunLine { run, line }) => &RequestContext {
                run,
                line: Some(line),
                ..*self.caller
            },
            None => &RequestContext {
                line: None,
                ..*self.caller
            },
        };
        let mut decision = Decision::new(caller, self.state, self.journal);
        let outcome = match end {
            End::Post(amount) => decision.post(hold, operation, amount.or(operation.amount())),
            End::GiveBack(release) => decision.give_back(hold, operation, release),
            End::Decline => {
                decision.give_back(hold, operation, VoidReason::Voided);
                decision.refuse(operation, Rejection::Declined)
            }
        };
        self.other_side = decision.other_side;
        outcome
    }
}
