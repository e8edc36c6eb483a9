//! Groups: all parts are posted, or none.

use super::{Decision, FoundSides};
use crate::bank::journal::{Journal, RequestContext};
use crate::bank::{
    Account, Amount, EndedHold, Group, GroupTerms, Name, Operation, Outcome, PartView, Rejection,
    Sides, State,
};

/// How the sides of a part follow from what they were.
type PartRule = fn(Sides, Amount) -> Result<Sides, Rejection>;

impl<J: Journal> Decision<'_, J> {
    pub(super) fn execute_group(
        &mut self,
        operation: &Operation,
        group: &Group,
    ) -> Result<Outcome, Rejection> {
        let sides = self.decide_parts(group, Sides::execute, &[])?;
        self.room_for(group)?;
        Ok(self.enter_parts(operation, group, sides, None))
    }

    /// Sets aside what all parts together need.
    pub(super) fn set_parts_aside(&mut self, group: &Group) -> Result<(), Rejection> {
        self.decide_parts(group, Sides::execute, &[])?;
        for (name, account) in self.room_for(group)? {
            let slot = self.state.bring_account(&name, account);
            self.journal.changed(slot);
            self.note_spent(slot);
            if self.budget.is_some() && self.group.part == 0 {
                self.group.part = part_that_takes(group, &name);
            }
        }
        Ok(())
    }

    /// Posts all parts of what was held, whatever is available.
    pub(super) fn post_group(
        &mut self,
        hold: u64,
        operation: &Operation,
        group: &Group,
    ) -> Result<Outcome, Rejection> {
        let held = group.set_aside();
        let sides = self.decide_parts(group, Sides::book, &held)?;
        let outcome = self.enter_parts(operation, group, sides, Some(hold));
        for (name, held) in held {
            let posted = Some(held);
            let ended = EndedHold { hold, held, posted };
            self.end_hold(name, ended);
        }
        Ok(outcome)
    }

    /// The sides of each part after it, once so much of the accounts is given back. If one of them is
    /// refused, the answer names it.
    fn decide_parts(
        &mut self,
        group: &Group,
        rule: PartRule,
        held: &[(&Name, Amount)],
    ) -> Result<Vec<Sides>, Rejection> {
        let state = &*self.state;
        let known = |name: &Name| {
            let account = state.accounts[state.slot(name)?];
            let held = held.iter().find(|(known, _)| *known == name);
            Some(held.map_or(account, |(_, held)| account.giving_back(*held)))
        };
        let terms = GroupTerms {
            known,
            new: Account::new(state.overdraft),
            strict: self.caller.strict && held.is_empty(),
            rule,
        };
        group.decide(&terms).map_err(|refused| {
            self.group.part = refused.part;
            refused.rejection
        })
    }

    /// The accounts with what the parts need set aside.
    fn room_for(&mut self, group: &Group) -> Result<Vec<(Name, Account)>, Rejection> {
        let mut accounts = Vec::new();
        for (name, amount) in group.set_aside() {
            let new = || Account::new(self.state.overdraft);
            let slot = self.state.slot(name);
            let account = slot.map_or_else(new, |slot| self.state.accounts[slot]);
            let Some(account) = account.setting_aside(amount) else {
                self.group.part = part_that_takes(group, name);
                return Err(Rejection::BalanceOverflow);
            };
            accounts.push((name.clone(), account));
        }
        Ok(accounts)
    }

    /// Enters all parts, of which the last one settles the group: from here on nothing can fail.
    fn enter_parts(
        &mut self,
        operation: &Operation,
        group: &Group,
        sides: Vec<Sides>,
        hold: Option<u64>,
    ) -> Outcome {
        let entries = group.entries(operation.id.as_ref());
        let last = entries.len();
        // What stands on no line of a named run says no run.
        let run = self.caller.line.map_or(0, |_| self.caller.run);
        let own = RequestContext {
            run,
            ..*self.caller
        };
        let before = RequestContext { line: None, ..own };
        let mut parts = Vec::with_capacity(last);
        let mut posted = None;
        for ((part, entry), sides) in (1u8..).zip(&entries).zip(sides) {
            let Some(movement) = entry.movement() else {
                continue;
            };
            let is_last = usize::from(part) == last;
            let caller = if is_last { &own } else { &before };
            let mut decision = Decision::new(caller, self.state, self.journal);
            let found = FoundSides {
                sides,
                debit: decision.state.place_of(movement.debit, sides.debit),
                credit: decision.state.slot(movement.credit),
            };
            let outcome = decision.enter(entry, &movement, found, hold.filter(|_| is_last));
            let (other_side, budget) = (decision.other_side, decision.budget);
            if budget.is_some() {
                (self.budget, self.group.part) = (budget, part);
            }
            if let (Outcome::Posted { view, .. }, Some(other_side)) = (outcome, other_side) {
                parts.push(PartView { view, other_side });
            }
            posted = Some(outcome);
        }
        self.group.parts = parts;
        // A group has at least one part, and each of them moves money.
        let outcome = posted.unwrap_or(Outcome::Refused {
            rejection: Rejection::UnknownAccount,
            view: None,
        });
        let amount = None;
        let state = State::Settled { outcome, amount };
        self.state.ids.put(operation, state);
        outcome
    }
}

/// The first part that takes money from this account.
fn part_that_takes(group: &Group, name: &Name) -> u8 {
    let takes = |part: &Operation| part.movement().is_some_and(|by| by.debit == name);
    let mut parts = (1u8..).zip(group.parts());
    parts
        .find(|(_, part)| takes(part))
        .map_or(0, |(part, _)| part)
}

impl crate::bank::LedgerState {
    /// The place of an account, which is added if it is new.
    fn place_of(&mut self, name: &Name, new: Account) -> usize {
        let slot = self.slot(name);
        slot.unwrap_or_else(|| self.add(name, new))
    }
}
