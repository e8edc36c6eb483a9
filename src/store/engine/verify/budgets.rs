//! Allowances, added up anew: each window that an account enters moves what the rules say, at once and once.

use super::RowCheck;
use super::recount::Recount;
use super::words::told;
use crate::bank::{
    Account, Amount, BUDGET, Budget, EndedHold, EnteredWindow, Kind, Moment, Movement, Name,
    Operation, Postings, Sides, refill_id,
};
use crate::store::engine::rows::{EntryRow, RecordRow};

/// What an allowance moves next.
pub(super) struct DuePosting {
    kind: Kind,
    account: Name,
    amount: Amount,
    /// When the window began that is refilled.
    start: Option<Moment>,
}

/// A reversal is the opposite of the entry that it names.
pub(super) fn is_the_opposite(operation: &Operation, reversed: Option<Operation>) -> RowCheck {
    let number = operation.reverses().ok_or("reverses no entry")?;
    let posted =
        reversed.ok_or_else(|| format!("reverses the entry {number}, which is not there"))?;
    let must = posted.reversed(number);
    match must {
        Ok(must) if must == *operation => Ok(()),
        Ok(must) => Err(format!(
            "is {}, must be {}, as the opposite of the entry {number}",
            told(operation),
            told(&must)
        )),
        Err(why) => Err(format!("reverses the entry {number}: {why}")),
    }
}

impl Recount {
    /// What the bank itself moves is what is due, and nothing else comes before it.
    pub(super) fn is_due(&mut self, row: &EntryRow, operation: &Operation) -> RowCheck {
        let Some(due) = self.due.pop_front() else {
            return match operation.kind() {
                Kind::Refill | Kind::Lapse => Err("moves an allowance, and nothing is due".into()),
                _ => Ok(()),
            };
        };
        let is_right = |seq| {
            let id = due.start.map(|start| refill_id(&due.account, start, seq));
            operation.id == id.flatten()
        };
        let is_it = operation.kind() == due.kind
            && operation.account == due.account
            && operation.amount() == Some(due.amount);
        match is_it && (is_right(None) || is_right(Some(row.seq))) {
            true => Ok(()),
            false => Err(format!("is {}, must be {}", told(operation), due.told())),
        }
    }

    /// Nothing else comes before what is due.
    pub(super) fn nothing_is_due(&self) -> RowCheck {
        match self.due.front() {
            Some(due) => Err(format!("comes before what is due: {}", due.told())),
            None => Ok(()),
        }
    }

    /// An account enters a window.
    pub(super) fn window(&mut self, row: &RecordRow, is_refilled: bool) -> RowCheck {
        let name = Name::user(&row.account).map_err(|error| error.to_string())?;
        let start = row.window().ok_or("tells no window")?.window;
        let account = self.accounts.get(&name).copied();
        let sides = self.budget_sides(account.unwrap_or_else(Account::the_banks));
        let budget = self.budgets.get_mut(&name);
        let budget = budget.ok_or_else(|| format!("is of `{name}`, which has no allowance"))?;
        let entered = EnteredWindow {
            window: (start, start),
            is_refilled,
            record: row.record,
        };
        let postings = budget.enter(entered, &sides);
        let view = row.view().ok_or("says no balance")?;
        self.shows(&name, view)?;
        self.expect(&name, start, postings);
        Ok(())
    }

    /// What a request to open an account says of its allowance.
    pub(super) fn allowance(&mut self, row: &RecordRow, name: &Name, account: Account) -> RowCheck {
        if row.detail.is_none() {
            return Ok(());
        }
        let told = row.window().ok_or("carries what is no allowance")?;
        let start = told.window;
        let Some(allowance) = told.allowance.ok_or("carries no allowance")? else {
            let removed = self.budgets.remove(name);
            return removed
                .map(drop)
                .ok_or_else(|| format!("takes an allowance from `{name}`, which has none"));
        };
        let known = self.budgets.get(name);
        let sides = self.budget_sides(account);
        let (budget, postings) =
            Budget::changed(known, allowance, (start, start), &sides, row.record);
        self.budgets.insert(name.clone(), budget);
        self.expect(name, start, postings);
        Ok(())
    }

    fn expect(&mut self, name: &Name, start: Moment, Postings { lapse, refill }: Postings) {
        let mut due = |kind, amount, start| {
            let account = name.clone();
            self.due.push_back(DuePosting {
                kind,
                account,
                amount,
                start,
            });
        };
        if let Some(amount) = lapse {
            due(Kind::Lapse, amount, None);
        }
        if let Some(amount) = refill {
            due(Kind::Refill, amount, Some(start));
        }
    }

    /// A hold has ended.
    pub(super) fn end_hold(&mut self, name: &Name, ended: EndedHold) {
        let budget = self.budgets.get_mut(name);
        if let Some(amount) = budget.and_then(|budget| budget.end_hold(ended)) {
            self.due.push_back(DuePosting {
                kind: Kind::Lapse,
                account: name.clone(),
                amount,
                start: None,
            });
        }
    }

    /// Money moved as a user asked.
    pub(super) fn note_moved(&mut self, movement: &Movement<'_>) {
        if let Some(budget) = self.budgets.get_mut(movement.credit) {
            budget.receive(movement.amount);
        }
        self.note_spent(movement.debit);
    }

    /// Money of this account went out or was set aside.
    pub(super) fn note_spent(&mut self, name: &Name) {
        if let (Some(budget), Some(account)) = (self.budgets.get_mut(name), self.accounts.get(name))
        {
            budget.spend(account);
        }
    }

    fn budget_sides(&self, credit: Account) -> Sides {
        let debit = self.accounts.get(&BUDGET).copied();
        let debit = debit.unwrap_or_else(Account::the_banks);
        Sides { debit, credit }
    }
}

impl DuePosting {
    fn told(&self) -> String {
        let DuePosting {
            kind,
            account,
            amount,
            start,
        } = self;
        let id = start.and_then(|start| refill_id(account, start, None));
        let id = id.map_or_else(String::new, |id| format!(" under the id `{}`", id.as_str()));
        format!("a {kind} of {amount} of `{account}`{id}")
    }
}
