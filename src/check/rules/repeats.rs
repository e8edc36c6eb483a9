//! What is known of the ids that callers gave: the bank's own rules say what a repeat is answered with.

use super::super::contradiction::Disagreement;
use super::super::history::{Observed, ObservedEvent, ObservedHistory};
use super::super::text_table::NO_TEXT;
use crate::bank::{
    Amount, Balance, Id, IdempotencyKeys, Kind, Name, Operation, Outcome, Rejection, State, View,
    VoidReason,
};

/// What became of the operation under an id, as far as answers told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum IdState {
    /// No answer told anything, or what it told is out of date.
    #[default]
    Unknown,
    UnderWay,
    InDoubt,
    Settled,
    Refused(Rejection),
    Released,
}

/// One id.
#[derive(Clone, Copy, Debug, Default)]
struct KnownUse {
    under: IdState,
    /// The answer that told it.
    teller: u32,
    /// How often gaps were passed when it was told.
    gaps: u32,
    /// An answer that told of it was left out.
    is_forgotten: bool,
    /// How many answers have this id, up to two.
    answers: u8,
}

pub(super) struct Repeats<'a> {
    history: &'a ObservedHistory,
    uses: Vec<KnownUse>,
    gaps: u32,
    is_from_the_start: bool,
}

impl<'a> Repeats<'a> {
    pub(super) fn new(history: &'a ObservedHistory, is_from_the_start: bool) -> Self {
        let mut uses = vec![KnownUse::default(); history.ids.count()];
        for one in &history.observed {
            if let Some(known) = uses.get_mut(one.id as usize) {
                known.answers = known.answers.saturating_add(1).min(2);
            }
        }
        Repeats {
            history,
            uses,
            gaps: 0,
            is_from_the_start,
        }
    }
}

impl Repeats<'_> {
    /// Changes were passed that stand in no line.
    pub(super) fn pass_gap(&mut self) {
        self.gaps += 1;
    }

    /// Nothing is known of the id any more.
    pub(super) fn forget(&mut self, id: u32) {
        self.note(id, IdState::Unknown, 0);
    }

    /// Something was begun, or done in one step: nothing must stand against that.
    pub(super) fn begun(&mut self, number: u32) -> Result<(), Disagreement> {
        let one = self.history.at(number);
        if one.id == NO_TEXT {
            return Ok(());
        }
        let takes_over = one.event == ObservedEvent::Held && self.known(one.id) == IdState::InDoubt;
        match self.expected(one).filter(|_| !takes_over) {
            // A request may ask to decide a refusal anew.
            Some(Outcome::Refused { rejection, .. })
                if !matches!(self.known(one.id), IdState::Refused(_)) =>
            {
                return Err(accepted(rejection));
            }
            Some(Outcome::Posted { .. }) => return Err(accepted(Rejection::AlreadyPosted)),
            _ => {}
        }
        self.note(one.id, IdState::UnderWay, number);
        Ok(())
    }

    pub(super) fn settled(&mut self, number: u32) {
        self.note(self.history.at(number).id, IdState::Settled, number);
    }

    pub(super) fn refused(&mut self, number: u32) {
        let one = self.history.at(number);
        if let Some(rejection) = one.reason.filter(is_remembered) {
            self.note(one.id, IdState::Refused(rejection), number);
        }
    }

    pub(super) fn released(&mut self, id: u32) {
        self.change(id, IdState::Released);
    }

    pub(super) fn doubted(&mut self, id: u32) {
        self.change(id, IdState::InDoubt);
    }

    /// It is answered as an earlier one was: there must have been one.
    pub(super) fn repeated(&mut self, number: u32) -> Result<(), Disagreement> {
        let one = self.history.at(number);
        let is_stored = matches!(one.event, ObservedEvent::Completed | ObservedEvent::Refused);
        if one.id == NO_TEXT || !is_stored {
            if one.event == ObservedEvent::Held {
                self.change(one.id, IdState::UnderWay);
            }
            return Ok(());
        }
        match self.known(one.id) {
            IdState::Settled | IdState::Refused(_) => Ok(()),
            IdState::Unknown if !self.is_new(one.id) => Ok(()),
            _ => Err(Disagreement::RepeatOfNothing),
        }
    }

    /// It is refused for what was asked under its id before. Tells whether that is certain.
    pub(super) fn objected(&self, number: u32, rejection: Rejection) -> Result<bool, Disagreement> {
        let one = self.history.at(number);
        let wrong = Err(Disagreement::Refused {
            rejection,
            available: None,
        });
        if one.id == NO_TEXT {
            return Ok(false);
        }
        if self.known(one.id) == IdState::Unknown {
            // Where workers share the data, an id is claimed before any answer tells of it.
            let is_alone = self
                .uses
                .get(one.id as usize)
                .is_none_or(|known| known.answers < 2);
            return match self.is_new(one.id) && is_alone {
                // Nor is an answer told of one that was claimed when its run was cut short.
                true if self.may_be_claimed(one) => Ok(false),
                true => wrong,
                false => Ok(true),
            };
        }
        let expected = match self.expected(one) {
            Some(Outcome::Refused { rejection, .. }) => Some(rejection),
            _ => None,
        };
        match (expected == Some(rejection), rejection) {
            (true, _) => Ok(true),
            // Where workers share the data, it stays under way for some time after what it saw.
            (false, Rejection::InProgress) => match self.ended_before(one) {
                Some(true) => wrong,
                told => Ok(told.is_some()),
            },
            (false, _) => wrong,
        }
    }

    /// Whether it is certain that the second of two steps is refused so.
    pub(super) fn has_ended(&self, id: u32, rejection: Rejection) -> bool {
        match self.known(id) {
            IdState::Settled => rejection == Rejection::AlreadyPosted,
            IdState::Released => rejection == Rejection::AlreadyVoided,
            IdState::Unknown if self.is_new(id) => rejection == Rejection::UnknownHold,
            IdState::Unknown => true,
            IdState::UnderWay | IdState::InDoubt | IdState::Refused(_) => false,
        }
    }

    /// Whether an operation may have been under way of which no line tells.
    fn may_be_claimed(&self, one: &Observed) -> bool {
        let ledger = self.history.ledger_of(one);
        let mut runs = self.history.runs.iter().skip(1);
        runs.any(|run| run.ledger == ledger && run.is_cut_short())
    }

    /// Whether the operation that has the id was answered before this one was asked for.
    fn ended_before(&self, one: &Observed) -> Option<bool> {
        let known = self.uses.get(one.id as usize)?;
        self.history.is_before(self.history.at(known.teller), one)
    }

    fn note(&mut self, id: u32, under: IdState, teller: u32) {
        let gaps = self.gaps;
        if let Some(known) = self.uses.get_mut(id as usize) {
            *known = KnownUse {
                under,
                teller,
                gaps,
                is_forgotten: under == IdState::Unknown,
                ..*known
            };
        }
    }

    /// Something else became of the operation that was told before.
    fn change(&mut self, id: u32, under: IdState) {
        if let Some(known) = self.uses.get(id as usize).copied() {
            let told = known.under != IdState::Unknown;
            self.note(
                id,
                if told { under } else { IdState::Unknown },
                known.teller,
            );
        }
    }

    fn known(&self, id: u32) -> IdState {
        match self.uses.get(id as usize) {
            // What is settled stays so.
            Some(known) if known.gaps == self.gaps || known.under == IdState::Settled => {
                known.under
            }
            _ => IdState::Unknown,
        }
    }

    /// Whether all is known that was asked under the id.
    pub(super) fn is_certain(&self, id: u32) -> bool {
        self.known(id) != IdState::Unknown || self.is_new(id)
    }

    /// Whether it is certain that nothing was asked under the id before.
    fn is_new(&self, id: u32) -> bool {
        let known = self.uses.get(id as usize);
        self.is_from_the_start && self.gaps == 0 && known.is_none_or(|known| !known.is_forgotten)
    }

    /// What the rules answer to this operation.
    fn expected(&self, one: &Observed) -> Option<Outcome> {
        let known = self.uses.get(one.id as usize)?;
        let first = self.history.at(known.teller);
        let view = View {
            posted: Balance::default(),
            available: Balance::default(),
        };
        let settled = |outcome| State::Settled {
            outcome,
            amount: Amount::new(first.amount),
        };
        let state = match self.known(one.id) {
            IdState::Unknown => return None,
            IdState::UnderWay => State::UnderWay,
            IdState::InDoubt => State::InDoubt { hold: 0 },
            IdState::Released => State::Released(VoidReason::Voided),
            IdState::Refused(rejection) => settled(Outcome::Refused {
                rejection,
                view: None,
            }),
            IdState::Settled => settled(Outcome::Posted {
                seq: first.seq,
                amount: Amount::new(first.amount).or(Amount::new(1))?,
                view,
            }),
        };
        let mut keys = IdempotencyKeys::default();
        keys.put(&self.operation(first)?, state);
        let answer = keys.known(&self.operation(one)?, false, false)?;
        Some(answer.outcome)
    }

    /// What was asked for.
    fn operation(&self, one: &Observed) -> Option<Operation> {
        let name = |number| Name::other_side(self.history.account(number)).ok();
        let to = match one.kind {
            Kind::Transfer => Some(name(one.other)?),
            _ => None,
        };
        let id = Id::new(self.history.id(one.id)?).ok();
        Operation::new(one.kind, id, name(one.account)?, to, Amount::new(one.asked)).ok()
    }
}

fn accepted(rejection: Rejection) -> Disagreement {
    Disagreement::Accepted {
        rejection,
        available: None,
    }
}

/// Whether a refusal for this reason is what every repeat is answered with.
fn is_remembered(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::InsufficientFunds
            | Rejection::UnknownAccount
            | Rejection::SameAccount
            | Rejection::BalanceOverflow
            | Rejection::Declined
    )
}
