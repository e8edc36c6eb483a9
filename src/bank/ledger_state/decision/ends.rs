//! How an operation ends that was begun.

use super::{Decision, End};
use crate::bank::journal::{Journal, Owner, Record, RequestContext, RunLine};
use crate::bank::ledger_state::Hold;
use crate::bank::{
    Action, Amount, Answer, EndedHold, LineState, Movement, Operation, Outcome, Rejection, State,
    VoidReason,
};

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
        self.touch(operation);
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
        (self.other_side, self.budget) = (decision.other_side, decision.budget);
        self.moves.append(&mut decision.moves);
        self.group = decision.group;
        outcome
    }

    /// Moves `amount` of what was held and gives back the rest, or moves more. Where there is no room for
    /// it any more, all of it is given back and the operation is refused.
    fn post(&mut self, hold: u64, operation: &Operation, amount: Option<Amount>) -> Outcome {
        if let Action::Group(group) = &operation.action {
            let posted = self.post_group(hold, operation, group);
            return posted.unwrap_or_else(|rejection| self.post_fails(hold, operation, rejection));
        }
        let (Some(movement), Some(amount)) = (operation.movement(), amount) else {
            let seen = self.look(operation, Some(hold));
            return seen.unwrap_or_else(|rejection| self.refuse(operation, rejection));
        };
        let posted = self
            .find(&movement, false)
            .and_then(|found| found.decided(|sides| sides.post(movement.amount, amount)));
        match posted {
            Ok(found) => {
                let held = movement.amount;
                let movement = Movement { amount, ..movement };
                let outcome = self.enter(operation, &movement, found, Some(hold));
                let ended = EndedHold {
                    hold,
                    held,
                    posted: Some(amount),
                };
                self.end_hold(movement.debit, ended);
                outcome
            }
            Err(rejection) => self.post_fails(hold, operation, rejection),
        }
    }

    fn post_fails(&mut self, hold: u64, operation: &Operation, rejection: Rejection) -> Outcome {
        self.give_back(hold, operation, VoidReason::Voided);
        self.refuse(operation, rejection)
    }

    pub(super) fn give_back(
        &mut self,
        hold: u64,
        operation: &Operation,
        release: VoidReason,
    ) -> Outcome {
        let held = operation.set_aside();
        for (name, amount) in &held {
            if let Some(slot) = self.state.slot(name) {
                self.state.accounts[slot] = self.state.accounts[slot].giving_back(*amount);
                self.journal.changed(slot);
            }
        }
        let number = self.next_record();
        let view = self.state.view_or_nothing(&operation.account);
        self.journal.record(
            self.caller,
            &Record::Released {
                number,
                hold,
                operation,
                release,
                view,
            },
        );
        for (name, held) in held {
            let posted = None;
            let ended = EndedHold { hold, held, posted };
            self.end_hold(name, ended);
        }
        let is_unspent = release == VoidReason::Unspent;
        self.note_line(is_unspent.then_some(LineState::Done));
        if is_unspent {
            let outcome = Outcome::Unspent { view };
            let amount = None;
            let state = State::Settled { outcome, amount };
            self.state.ids.put(operation, state);
            return outcome;
        }
        self.state.ids.put(operation, State::Released(release));
        Outcome::Voided { view }
    }
}
