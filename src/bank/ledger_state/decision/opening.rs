//! Accounts are opened, and their limits changed.

use super::Decision;
use super::budgets::BudgetChange;
use crate::bank::journal::{Journal, Record};
use crate::bank::{
    Account, AllowanceChange, Answer, Balance, LineState, Name, Outcome, WindowEntry,
};

impl<J: Journal> Decision<'_, J> {
    pub(in crate::bank::ledger_state) fn open(
        &mut self,
        name: &Name,
        overdraft: Option<Balance>,
        allowance: Option<&AllowanceChange>,
    ) -> Answer {
        self.touch_account(name);
        let slot = self.state.slot(name);
        let old = slot.map(|slot| self.state.accounts[slot]);
        let new = match (old, overdraft) {
            (Some(account), None) => account,
            (Some(account), Some(overdraft)) => account.with_overdraft(overdraft),
            (None, overdraft) => Account::new(overdraft.unwrap_or(self.state.overdraft)),
        };
        let new = new.opened();
        let record = self.state.last.record + 1;
        let budget = self.change_budget(allowance, name, new, record);
        let is_same = old == Some(new) && matches!(budget, BudgetChange::Same);
        // That a line of a run is done is written down also where it changes nothing.
        let duplicate = is_same && self.caller.line.is_none();
        if !duplicate {
            self.opened(name, new, budget, allowance);
        }
        let view = self.state.view_or_nothing(name);
        Answer {
            duplicate,
            ..Outcome::Opened { view }.into()
        }
    }

    /// The account is open: from here on nothing can fail.
    fn opened(
        &mut self,
        name: &Name,
        account: Account,
        budget: BudgetChange,
        allowance: Option<&AllowanceChange>,
    ) {
        let slot = self.state.bring_account(name, account);
        self.journal.changed(slot);
        let number = self.next_record();
        let start = match &budget {
            BudgetChange::Same => None,
            BudgetChange::Removed => Some(self.state.now.wall),
            BudgetChange::To(budget, _) => Some(budget.start()),
        };
        let record = Record::Opened {
            number,
            account: name,
            overdraft: account.overdraft(),
            allowance: allowance.zip(start),
            view: account.view(),
        };
        self.journal.record(self.caller, &record);
        self.note_line(Some(LineState::Done));
        match budget {
            BudgetChange::Same => {}
            BudgetChange::Removed => self.state.bring_budget(slot, None),
            BudgetChange::To(budget, postings) => {
                let window = budget.current(WindowEntry::Changed);
                self.state.bring_budget(slot, Some(*budget));
                self.post_budget(name, Some(window), postings);
            }
        }
    }
}
