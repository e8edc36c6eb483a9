//! What becomes of money that is held: the second of two steps, and doubts.

use core::time::Duration;

use super::{Decision, End};
use crate::bank::idempotency_keys::refused;
use crate::bank::journal::{Journal, Owner, OwnerChange, Record};
use crate::bank::ledger_state::Hold;
use crate::bank::{
    Amount, Answer, Id, Kind, Operation, Outcome, Rejection, State, View, VoidReason,
};

impl<J: Journal> Decision<'_, J> {
    /// The hold of this very operation, if it is in doubt.
    pub(super) fn in_doubt(&self, operation: &Operation) -> Option<u64> {
        let known = self.state.ids.get(operation.id.as_ref()?)?;
        match known.state {
            State::InDoubt { hold } if known.operation == *operation => Some(hold),
            _ => None,
        }
    }

    pub(super) fn take_over(&mut self, hold: u64, owner: Owner) -> Answer {
        match self.change_owner(hold, owner, OwnerChange::TakenOver) {
            // It was begun before.
            Some(view) => Answer::repeated(Outcome::Held { view }),
            None => refused(Rejection::UnknownHold),
        }
    }

    /// Changes who may end the hold.
    fn change_owner(&mut self, hold: u64, owner: Owner, change: OwnerChange) -> Option<View> {
        let taken = self.take(hold)?;
        let held = Hold { owner, ..taken };
        let number = self.next_record();
        let view = self.state.view_or_nothing(&held.operation.account);
        self.journal.record(
            self.caller,
            &Record::OwnerChanged {
                number,
                hold,
                change,
                held: &held,
                view,
            },
        );
        let state = match change {
            OwnerChange::Doubted => State::InDoubt { hold },
            OwnerChange::TakenOver => State::UnderWay,
            OwnerChange::Kept => State::Held { hold, view },
        };
        self.state.ids.put(&held.operation, state);
        self.state.bring_hold(hold, held);
        Some(view)
    }

    /// Any request may end the hold; it expires after `lasts`.
    pub(in crate::bank::ledger_state) fn any_request(&self, lasts: Option<Duration>) -> Owner {
        let expires = lasts.map(|lasts| self.state.now.after(lasts));
        Owner::AnyRequest { expires }
    }

    /// Any caller may now end what this one has begun.
    pub(in crate::bank::ledger_state) fn keep(
        &mut self,
        lasts: Option<Duration>,
    ) -> Option<Answer> {
        let hold = self.state.begun(self.caller.run, self.caller.number)?;
        // Without an id it could never be claimed.
        self.state.holds.get(&hold)?.operation.id.as_ref()?;
        let view = self.change_owner(hold, self.any_request(lasts), OwnerChange::Kept)?;
        Some(Outcome::Held { view }.into())
    }

    /// The end of what the caller has begun was not seen, so what it did is not known.
    pub(in crate::bank::ledger_state) fn doubt_begun(&mut self) -> Option<Answer> {
        let hold = self.state.begun(self.caller.run, self.caller.number)?;
        let owner = self.state.holds.get(&hold)?.owner;
        if !matches!(
            owner,
            Owner::Run {
                has_side_effects: true,
                ..
            }
        ) {
            return None;
        }
        self.doubt(hold).map(Answer::from)
    }

    /// The end of the work that this is held for was not seen.
    pub(in crate::bank::ledger_state) fn doubt(&mut self, hold: u64) -> Option<Outcome> {
        let view = self.change_owner(hold, Owner::Doubt, OwnerChange::Doubted)?;
        Some(Outcome::Doubted { view })
    }

    pub(in crate::bank::ledger_state) fn post_hold(
        &mut self,
        id: &Id,
        amount: Option<Amount>,
    ) -> Answer {
        let (hold, held) = match self.two_step_hold(id, amount) {
            Ok(hold) => hold,
            Err(answer) => return answer,
        };
        if let Some(amount) = amount
            && let Err(rejection) = self.check_excess(hold, held, amount)
        {
            let operation = self.state.holds.get(&hold).map(|hold| &hold.operation);
            let view = operation.and_then(|operation| self.state.view(&operation.account));
            if let Some(operation) = operation.cloned() {
                self.tell_refill(&operation);
            }
            return Outcome::Refused { rejection, view }.into();
        }
        self.end_two_steps(hold, End::Post(amount))
    }

    /// More than was set aside may only be posted by hand where it is available.
    fn check_excess(
        &self,
        hold: u64,
        held: Option<Amount>,
        amount: Amount,
    ) -> Result<(), Rejection> {
        let taken = self.state.holds.get(&hold);
        if taken.is_some_and(|hold| hold.operation.kind() == Kind::Group) {
            return Err(Rejection::WholeOnly);
        }
        let held = held.ok_or(Rejection::ExceedsHold)?;
        match taken.and_then(|hold| hold.operation.movement()) {
            Some(movement) => self
                .find(&movement, false)?
                .sides
                .check_excess(held, amount),
            None => Ok(()),
        }
    }

    pub(in crate::bank::ledger_state) fn void_hold(&mut self, id: &Id) -> Answer {
        let (hold, _) = match self.two_step_hold(id, None) {
            Ok(hold) => hold,
            Err(answer) => {
                return match answer.outcome {
                    Outcome::Posted { .. } => refused(Rejection::AlreadyPosted),
                    Outcome::Refused {
                        rejection: Rejection::AlreadyVoided,
                        view: Some(view),
                    } => Answer::repeated(Outcome::Voided { view }),
                    _ => answer,
                };
            }
        };
        self.end_two_steps(hold, End::GiveBack(VoidReason::Voided))
    }

    pub(in crate::bank::ledger_state) fn decline_hold(&mut self, id: &Id) -> Answer {
        if let Ok((hold, _)) = self.two_step_hold(id, None) {
            return self.end_two_steps(hold, End::Decline);
        }
        match self.state.ids.get(id).map(|known| known.state) {
            Some(State::Settled {
                outcome:
                    outcome @ Outcome::Refused {
                        rejection: Rejection::Declined,
                        ..
                    },
                ..
            }) => Answer::repeated(outcome),
            _ => self.void_hold(id),
        }
    }

    fn end_two_steps(&mut self, hold: u64, end: End) -> Answer {
        match self.take(hold) {
            Some(taken) => self.end_taken(hold, &taken, end).into(),
            None => refused(Rejection::UnknownHold),
        }
    }

    /// The open hold of this id and how much it is, or what there is to say instead.
    fn two_step_hold(
        &mut self,
        id: &Id,
        amount: Option<Amount>,
    ) -> Result<(u64, Option<Amount>), Answer> {
        let unknown = || refused(Rejection::UnknownHold);
        let known = self.state.ids.get(id).ok_or_else(unknown)?;
        let no = |rejection| Outcome::Refused {
            rejection,
            view: self.state.view(&known.operation.account),
        };
        Err(match known.state {
            State::Held { hold, .. } | State::InDoubt { hold } => {
                let operation = known.operation.clone();
                self.touch(&operation);
                return Ok((hold, operation.amount()));
            }
            State::UnderWay => refused(Rejection::InProgress),
            State::Released(VoidReason::Expired) => no(Rejection::Expired).into(),
            State::Released(_) => no(Rejection::AlreadyVoided).into(),
            State::Settled {
                outcome: outcome @ Outcome::Posted { .. },
                amount: posted,
            } if amount.or(known.operation.amount()) == posted => Answer::repeated(outcome),
            State::Settled {
                outcome: Outcome::Posted { .. },
                ..
            } => no(Rejection::AlreadyPosted).into(),
            State::Settled { .. } => unknown(),
        })
    }
}
