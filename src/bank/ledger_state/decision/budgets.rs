//! Accounts with an allowance: the first touch in a window refills them, and what holds of earlier windows give
//! back goes to `@budget`.

use super::{Decision, FoundSides};
use crate::bank::journal::{Journal, Moment, Record, RequestContext};
use crate::bank::ledger_state::LastNumbers;
use crate::bank::{
    Account, Action, AllowanceChange, AllowanceMove, AllowanceWindow, Amount, BUDGET, Budget,
    BudgetView, EndedHold, EnteredWindow, Name, Operation, Postings, Sides, WindowEntry, refill_id,
};

/// What becomes of an account's budget where it is opened.
pub(super) enum BudgetChange {
    /// Nothing.
    Same,
    /// It has another one, and this much moves. The window began at this moment.
    To(Box<Budget>, Postings),
    /// It has none any more.
    Removed,
}

impl<J: Journal> Decision<'_, J> {
    /// Refills what is due of the accounts that an operation is about.
    pub(in crate::bank::ledger_state) fn touch(&mut self, operation: &Operation) {
        if self.state.budgets.is_empty() {
            return;
        }
        for name in operation.accounts() {
            self.touch_account(name);
        }
    }

    /// Refills the account if it enters another window by now.
    pub(super) fn touch_account(&mut self, name: &Name) {
        let wall = self.state.now.wall;
        let slot = self.state.slot(name).filter(|slot| {
            let budget = self.state.budgets.get(slot);
            budget.is_some_and(|budget| budget.is_due(wall))
        });
        let Some(slot) = slot else { return };
        let number = self.next_record();
        let sides = self.state.budget_sides(slot);
        let Some(budget) = self.state.budgets.get_mut(&slot) else {
            return;
        };
        let window = budget.allowance().window(wall);
        let id = refill_id(name, window.0, None);
        let is_refilled = id.is_some_and(|id| self.state.ids.get(&id).is_some());
        let entry = match is_refilled || budget.remembers(window.0) {
            true => WindowEntry::Again,
            false => WindowEntry::New,
        };
        let entered = EnteredWindow {
            window,
            is_refilled,
            record: number,
        };
        let postings = budget.enter(entered, &sides);
        let window = budget.current(entry);
        let (start, view) = (window.start, sides.credit.view());
        let record = Record::Window {
            number,
            account: name,
            start,
            view,
        };
        self.journal.record(&RequestContext::default(), &record);
        self.journal.changed(slot);
        self.post_budget(name, Some(window), postings);
    }

    /// Posts what a window, another allowance or a hold that gave something back moves, and has the answer tell it.
    pub(super) fn post_budget(
        &mut self,
        name: &Name,
        window: Option<AllowanceWindow>,
        postings: Postings,
    ) {
        let Postings { lapse, refill } = postings;
        if let Some(amount) = lapse {
            self.move_budget(name, Action::Lapse(amount), None);
        }
        if let Some(amount) = refill {
            let start = window.map(|window| window.start);
            self.move_budget(name, Action::Refill(amount), start);
        }
        let LastNumbers { seq, record } = self.state.last;
        self.moves.push(AllowanceMove {
            account: name.clone(),
            window,
            lapse,
            refill,
            view: self.state.view_or_nothing(name),
            seq,
            decided: seq + record,
        });
    }

    /// Moves money between an account and `@budget`, whatever is available.
    fn move_budget(&mut self, name: &Name, action: Action, refilled: Option<Moment>) {
        let operation = Operation {
            id: refilled.and_then(|start| self.state.refill_id(name, start)),
            account: name.clone(),
            action,
            detail: None,
        };
        let (Some(movement), Some(slot)) = (operation.movement(), self.state.slot(name)) else {
            return;
        };
        let budget = self.state.budget_slot();
        let (debit, credit) = match movement.credit == name {
            true => (budget, slot),
            false => (slot, budget),
        };
        let sides = Sides {
            debit: self.state.accounts[debit],
            credit: self.state.accounts[credit],
        };
        // How much may move was bounded by what both accounts hold.
        if let Ok(sides) = sides.book(movement.amount) {
            let caller = RequestContext::default();
            let mut decision = Decision::new(&caller, self.state, self.journal);
            let credit = Some(credit);
            let found = FoundSides {
                sides,
                debit,
                credit,
            };
            decision.enter(&operation, &movement, found, None);
        }
    }

    /// A hold of this account has ended: what a refill stands in for goes to the budget.
    pub(super) fn end_hold(&mut self, name: &Name, ended: EndedHold) {
        let slot = self.state.slot(name);
        let budget = slot.and_then(|slot| self.state.budgets.get_mut(&slot));
        if let Some(amount) = budget.and_then(|budget| budget.end_hold(ended)) {
            let postings = Postings {
                lapse: Some(amount),
                refill: None,
            };
            self.post_budget(name, None, postings);
        }
    }

    /// Money moves from one account to the other as a user asked.
    pub(super) fn note_moved(&mut self, debit: usize, credit: usize, amount: Amount) {
        if self.state.budgets.is_empty() {
            return;
        }
        if let Some(budget) = self.state.budgets.get_mut(&credit) {
            budget.receive(amount);
        }
        self.note_spent(debit);
    }

    /// Money of this account went out or was set aside.
    pub(super) fn note_spent(&mut self, slot: usize) {
        if let Some(budget) = self.state.budgets.get_mut(&slot) {
            let account = &self.state.accounts[slot];
            if budget.spend(account) {
                self.budget = Some(budget.view(account));
            }
        }
    }

    /// Has the answer tell when the account is refilled whose funds were not enough.
    pub(super) fn tell_refill(&mut self, operation: &Operation) {
        if !self.state.budgets.is_empty() {
            let part = usize::from(self.group.part.saturating_sub(1));
            let part = operation.parts().get(part);
            let from = part.and_then(|part| Some(part.movement()?.debit));
            self.budget = from.and_then(|from| self.state.budget_view(from));
        }
    }

    /// What an allowance that is asked for changes about an account, of which the record has this number.
    pub(super) fn change_budget(
        &self,
        change: Option<&AllowanceChange>,
        name: &Name,
        account: Account,
        record: u64,
    ) -> BudgetChange {
        let slot = self.state.slot(name);
        let known = slot.and_then(|slot| self.state.budgets.get(&slot));
        match (change, known) {
            (None, _) | (Some(AllowanceChange::Removed), None) => BudgetChange::Same,
            (Some(AllowanceChange::Removed), Some(_)) => BudgetChange::Removed,
            (Some(AllowanceChange::Set(new)), Some(known)) if known.allowance() == new => {
                BudgetChange::Same
            }
            (Some(AllowanceChange::Set(new)), known) => {
                let window = new.window(self.state.now.wall);
                let sides = Sides {
                    debit: self.state.budget_account(),
                    credit: account,
                };
                let (budget, postings) =
                    Budget::changed(known, new.clone(), window, &sides, record);
                BudgetChange::To(Box::new(budget), postings)
            }
        }
    }
}

impl crate::bank::LedgerState {
    /// How the allowance of an account stands, if it has one.
    pub fn budget_view(&self, name: &Name) -> Option<BudgetView> {
        let slot = self.slot(name)?;
        let budget = self.budgets.get(&slot)?;
        Some(budget.view(&self.accounts[slot]))
    }

    fn budget_account(&self) -> Account {
        let slot = self.slot(&BUDGET);
        slot.map_or_else(Account::the_banks, |slot| self.accounts[slot])
    }

    fn budget_slot(&mut self) -> usize {
        match self.slot(&BUDGET) {
            Some(slot) => slot,
            None => self.add(&BUDGET, Account::the_banks()),
        }
    }

    fn budget_sides(&self, slot: usize) -> Sides {
        Sides {
            debit: self.budget_account(),
            credit: self.accounts[slot],
        }
    }
}
