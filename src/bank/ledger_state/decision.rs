//! The decision about one request.

mod budgets;
mod ends;
mod groups;
mod holds;
mod lines;
mod opening;
mod requests;
mod reversal;

use super::{Hold, LedgerState};
use crate::bank::idempotency_keys::refused;
use crate::bank::journal::{Journal, Owner, Record, RequestContext, RunLine};
use crate::bank::{
    Account, Action, AllowanceMove, Amount, Answer, BudgetView, GroupAnswer, Kind, LineState,
    Movement, Operation, Outcome, Rejection, Sides, State, View, VoidReason,
};

/// How an operation that was begun ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    Post(Option<Amount>),
    GiveBack(VoidReason),
    Decline,
}

/// The accounts of a movement and their places in the ledger state; the credit side may have none yet.
pub(super) struct FoundSides {
    pub(super) sides: Sides,
    debit: usize,
    credit: Option<usize>,
}

impl FoundSides {
    fn decided(
        self,
        decide: impl FnOnce(Sides) -> Result<Sides, Rejection>,
    ) -> Result<Self, Rejection> {
        let sides = decide(self.sides)?;
        Ok(FoundSides { sides, ..self })
    }
}

/// The ledger state while it decides one caller's request.
pub(super) struct Decision<'a, J> {
    pub(super) caller: &'a RequestContext,
    pub(super) state: &'a mut LedgerState,
    pub(super) journal: &'a mut J,
    /// The movement's other account after it, once money has moved.
    pub(super) other_side: Option<View>,
    /// How the allowance of its account stands, where that is to be told.
    pub(super) budget: Option<BudgetView>,
    /// What allowances moved along with it.
    pub(super) moves: Vec<AllowanceMove>,
    /// Which part of a group was refused, or has that allowance, and the accounts after each.
    pub(super) group: GroupAnswer,
}

impl<'a, J: Journal> Decision<'a, J> {
    pub(super) fn new(
        caller: &'a RequestContext,
        state: &'a mut LedgerState,
        journal: &'a mut J,
    ) -> Self {
        Decision {
            caller,
            state,
            journal,
            other_side: None,
            budget: None,
            moves: Vec::new(),
            group: GroupAnswer::default(),
        }
    }

    pub(super) fn execute(&mut self, operation: &Operation) -> Answer {
        if let Some(answer) = self.known(operation, false) {
            return answer;
        }
        if let Some(rejection) = self.line_objection() {
            return refused(rejection);
        }
        if let Action::Open {
            overdraft,
            allowance,
        } = &operation.action
        {
            return self.open(&operation.account, *overdraft, allowance.as_deref());
        }
        self.touch(operation);
        let decided = match (&operation.action, operation.movement()) {
            (Action::Group(group), _) => self.execute_group(operation, group),
            (_, None) => self.look(operation, None),
            (_, Some(movement)) => self
                .find(&movement, self.caller.strict)
                .and_then(|found| found.decided(|sides| sides.execute(movement.amount)))
                .map(|found| self.enter(operation, &movement, found, None)),
        };
        let outcome = decided.unwrap_or_else(|rejection| self.refuse(operation, rejection));
        outcome.into()
    }

    /// Sets money aside for the caller's work, which is the first of two steps or the only one. A caller
    /// begins an operation once.
    pub(super) fn begin(&mut self, operation: &Operation, two_steps: bool) -> Option<Answer> {
        let RequestContext {
            run,
            number,
            has_side_effects,
            retry_in_doubt,
            ..
        } = *self.caller;
        let owner = Owner::Run {
            run,
            number,
            // Without an id it could never be settled.
            has_side_effects: has_side_effects && operation.id.is_some(),
        };
        if self.state.begun(run, number).is_some() {
            return None;
        }
        // A caller that works on it again must be able to say that it is in doubt again.
        let in_doubt = (retry_in_doubt && has_side_effects).then(|| self.in_doubt(operation));
        Some(match in_doubt.flatten() {
            Some(_) if self.line_objection() == Some(Rejection::LineDone) => {
                refused(Rejection::LineDone)
            }
            Some(hold) => self.take_over(hold, owner),
            None => self.hold(operation, owner, two_steps),
        })
    }

    pub(super) fn hold(&mut self, operation: &Operation, owner: Owner, two_steps: bool) -> Answer {
        if let Some(answer) = self.known(operation, two_steps) {
            return answer;
        }
        if let Some(rejection) = self.line_objection() {
            return refused(rejection);
        }
        self.touch(operation);
        match self.set_aside(operation) {
            Ok(()) => self.held(operation, owner).into(),
            Err(rejection) => self.refuse(operation, rejection).into(),
        }
    }

    fn set_aside(&mut self, operation: &Operation) -> Result<(), Rejection> {
        match (&operation.action, operation.movement()) {
            (Action::Group(group), _) => self.set_parts_aside(group),
            (_, None) => {
                let seen = self.state.view(&operation.account);
                seen.map(drop).ok_or(Rejection::UnknownAccount)
            }
            (_, Some(movement)) => {
                let found = self.find(&movement, self.caller.strict)?;
                let found = found.decided(|sides| sides.begin(movement.amount))?;
                self.keep_debit(&found);
                self.note_spent(found.debit);
                Ok(())
            }
        }
    }

    /// The money is set aside: from here on nothing can fail.
    fn held(&mut self, operation: &Operation, owner: Owner) -> Outcome {
        let number = self.next_record();
        let view = self.state.view_or_nothing(&operation.account);
        let run = self.caller.run;
        let line = self.caller.line.map(|line| RunLine { run, line });
        let held = Hold {
            operation: operation.clone(),
            owner,
            line,
            at: self.state.now.label,
        };
        let record = Record::Held {
            number,
            held: &held,
            view,
        };
        self.journal.record(self.caller, &record);
        self.state.bring_hold(number, held);
        self.note_line(Some(LineState::Begun { hold: number }));
        let state = match owner {
            Owner::Run { .. } => State::UnderWay,
            Owner::Doubt => State::InDoubt { hold: number },
            Owner::AnyRequest { .. } => State::Held { hold: number, view },
        };
        self.state.ids.put(operation, state);
        Outcome::Held { view }
    }

    fn known(&self, operation: &Operation, two_steps: bool) -> Option<Answer> {
        let ids = &self.state.ids;
        ids.known(operation, two_steps, self.caller.retry)
    }

    /// Takes a hold off the ledger state; what it set aside is still to be moved or given back.
    pub(super) fn take(&mut self, hold: u64) -> Option<Hold> {
        let taken = self.state.holds.remove(&hold)?;
        if let Owner::Run { run, number, .. } = taken.owner {
            self.state.begun.remove(&(run, number));
        }
        Some(taken)
    }

    fn refuse(&mut self, operation: &Operation, rejection: Rejection) -> Outcome {
        // Of a group, the account of the part that is refused.
        let refused = usize::from(self.group.part).checked_sub(1);
        let part = refused.and_then(|part| operation.parts().get(part));
        let view = self.state.view(&part.unwrap_or(operation).account);
        if rejection == Rejection::InsufficientFunds {
            self.tell_refill(operation);
        }
        if self.is_remembered(operation) {
            let number = self.next_record();
            self.journal.record(
                self.caller,
                &Record::Refused {
                    number,
                    operation,
                    rejection,
                    view,
                },
            );
            self.note_line(Some(LineState::Refused));
        }
        let outcome = Outcome::Refused { rejection, view };
        self.state.ids.settle(operation, outcome);
        outcome
    }

    fn look(&mut self, operation: &Operation, hold: Option<u64>) -> Result<Outcome, Rejection> {
        let view = self
            .state
            .view(&operation.account)
            .ok_or(Rejection::UnknownAccount)?;
        let seq = self.state.last.seq;
        if hold.is_some() || self.is_remembered(operation) {
            let number = self.next_record();
            self.journal.record(
                self.caller,
                &Record::Viewed {
                    number,
                    operation,
                    hold,
                    seq,
                    view,
                },
            );
            self.note_line(Some(LineState::Done));
        }
        let outcome = Outcome::Viewed { seq, view };
        self.state.ids.settle(operation, outcome);
        Ok(outcome)
    }

    /// Whether a repeat would be known as one.
    fn is_remembered(&self, operation: &Operation) -> bool {
        operation.id.is_some() || self.caller.line.is_some()
    }

    /// The two accounts of a movement. Money coming in opens an account, money going out does not; where
    /// the terms are strict, a request must have opened both.
    pub(super) fn find(
        &self,
        movement: &Movement<'_>,
        strict: bool,
    ) -> Result<FoundSides, Rejection> {
        movement.check()?;
        let state = &*self.state;
        let debit = state.slot(movement.debit);
        let debit = debit.ok_or(Rejection::UnknownAccount)?;
        let credit = state.slot(movement.credit);
        if strict && !(state.is_opened(Some(debit)) && state.is_opened(credit)) {
            return Err(Rejection::UnknownAccount);
        }
        let sides = Sides {
            debit: state.accounts[debit],
            credit: match credit {
                Some(slot) => state.accounts[slot],
                None => Account::new(state.overdraft),
            },
        };
        Ok(FoundSides {
            sides,
            debit,
            credit,
        })
    }

    /// Enters a decided movement: from here on nothing can fail.
    fn enter(
        &mut self,
        operation: &Operation,
        movement: &Movement<'_>,
        found: FoundSides,
        hold: Option<u64>,
    ) -> Outcome {
        self.keep_debit(&found);
        let FoundSides { sides, debit, .. } = found;
        let credit = match found.credit {
            Some(slot) => slot,
            None => self.state.add(movement.credit, sides.credit),
        };
        self.state.accounts[credit] = sides.credit;
        self.journal.changed(credit);
        if Kind::ALL.contains(&operation.kind()) {
            self.note_moved(debit, credit, movement.amount);
        }
        self.state.last.seq += 1;
        let seq = self.state.last.seq;
        let (own, other) = if operation.account == *movement.debit {
            (sides.debit, sides.credit)
        } else {
            (sides.credit, sides.debit)
        };
        self.other_side = Some(other.view());
        let (amount, view) = (movement.amount, own.view());
        let set_aside = operation.amount().map_or(0, Amount::minor);
        let excess = Amount::new(amount.minor().saturating_sub(set_aside));
        self.journal.record(
            self.caller,
            &Record::Posted {
                seq,
                operation,
                amount,
                excess,
                debit,
                credit,
                hold,
                view,
            },
        );
        self.note_line(Some(LineState::Done));
        let outcome = Outcome::Posted { seq, amount, view };
        let amount = Some(amount);
        let state = State::Settled { outcome, amount };
        self.state.ids.put(operation, state);
        outcome
    }

    fn keep_debit(&mut self, found: &FoundSides) {
        self.state.accounts[found.debit] = found.sides.debit;
        self.journal.changed(found.debit);
    }

    pub(super) fn next_record(&mut self) -> u64 {
        self.state.last.record += 1;
        self.state.last.record
    }
}
