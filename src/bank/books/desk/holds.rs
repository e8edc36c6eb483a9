//! What becomes of money that is held: the second of two steps, and doubts.

use super::Desk;
use crate::bank::books::Hold;
use crate::bank::claims::refused;
use crate::bank::journal::{Journal, Owner, Record};
use crate::bank::{Amount, Answer, Id, Operation, Outcome, Rejection, Release, State};

impl<J: Journal> Desk<'_, J> {
    /// The hold of this very operation, if it is in doubt.
    pub(super) fn in_doubt(&self, operation: &Operation) -> Option<u64> {
        let claim = self.books.claims.get(operation.id.as_ref()?)?;
        match claim.state {
            State::InDoubt { hold } if claim.operation == *operation => Some(hold),
            _ => None,
        }
    }

    pub(super) fn take_over(&mut self, hold: u64, owner: Owner) -> Answer {
        let Some(Hold { operation, .. }) = self.take(hold) else {
            return refused(Rejection::UnknownHold);
        };
        let number = self.next_record();
        let view = self.books.view_or_nothing(&operation.account);
        self.journal.record(
            self.caller,
            &Record::TakenOver {
                number,
                hold,
                operation: &operation,
                owner,
                view,
            },
        );
        self.books.claims.put(&operation, State::UnderWay);
        self.books.bring_hold(hold, Hold { operation, owner });
        Outcome::Held { view }.into()
    }

    /// Nobody saw the end of the work that this is held for.
    pub(in crate::bank::books) fn doubt(&mut self, hold: u64) {
        let Some(Hold { operation, .. }) = self.take(hold) else {
            return;
        };
        let number = self.next_record();
        let view = self.books.view_or_nothing(&operation.account);
        self.journal.record(
            self.caller,
            &Record::Doubted {
                number,
                hold,
                operation: &operation,
                view,
            },
        );
        self.books.claims.put(&operation, State::InDoubt { hold });
        let owner = Owner::Doubt;
        self.books.bring_hold(hold, Hold { operation, owner });
    }

    pub(in crate::bank::books) fn post_hold(&mut self, id: &Id, amount: Option<Amount>) -> Answer {
        let (hold, operation) = match self.two_step_hold(id, amount) {
            Ok(hold) => hold,
            Err(answer) => return answer,
        };
        let amount = amount.or(operation.amount());
        if amount > operation.amount() {
            return refused(Rejection::ExceedsHold);
        }
        self.take(hold);
        self.post(hold, &operation, amount).into()
    }

    pub(in crate::bank::books) fn void_hold(&mut self, id: &Id) -> Answer {
        let (hold, operation) = match self.two_step_hold(id, None) {
            Ok(hold) => hold,
            Err(answer) => {
                return match answer.outcome {
                    Outcome::Posted { .. } => refused(Rejection::AlreadyPosted),
                    Outcome::Refused {
                        rejection: Rejection::AlreadyVoided,
                        view: Some(view),
                    } => Answer {
                        outcome: Outcome::Voided { view },
                        duplicate: true,
                    },
                    _ => answer,
                };
            }
        };
        self.take(hold);
        self.give_back(hold, &operation, Release::Voided).into()
    }

    /// The open hold of this id, or what there is to say instead.
    fn two_step_hold(
        &mut self,
        id: &Id,
        amount: Option<Amount>,
    ) -> Result<(u64, Operation), Answer> {
        let unknown = || refused(Rejection::UnknownHold);
        let claim = self.books.claims.get(id).ok_or_else(unknown)?;
        let no = |rejection| Outcome::Refused {
            rejection,
            view: self.books.view(&claim.operation.account),
        };
        Err(match claim.state {
            State::Held { hold, .. } | State::InDoubt { hold } => {
                return Ok((hold, claim.operation.clone()));
            }
            State::UnderWay => refused(Rejection::InProgress),
            State::Released(Release::Voided) => no(Rejection::AlreadyVoided).into(),
            State::Released(Release::Expired) => no(Rejection::Expired).into(),
            State::Settled {
                outcome: outcome @ Outcome::Posted { .. },
                amount: posted,
            } if amount.or(claim.operation.amount()) == posted => Answer {
                outcome,
                duplicate: true,
            },
            State::Settled {
                outcome: Outcome::Posted { .. },
                ..
            } => no(Rejection::AlreadyPosted).into(),
            State::Settled { .. } => unknown(),
        })
    }
}
