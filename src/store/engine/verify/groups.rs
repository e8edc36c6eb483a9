//! Groups, added up anew: all parts stand one after another, and the last one carries the whole group.

use super::RowCheck;
use super::hold_ends::{Ender, is_ended_by, same_content};
use super::recount::{Recount, moves_between};
use super::words::{must_be_refused, told};
use crate::bank::{
    Account, Amount, BUDGET, Balance, EndedHold, Group, GroupTerms, Id, Name, Operation,
    PartRejection, Rejection, Sides,
};
use crate::store::engine::rows::EntryRow;

impl Recount {
    /// Takes an entry that is a part of a group; whether it is one. With the last part all are checked.
    pub(super) fn part(&mut self, row: &EntryRow, operation: &Operation) -> RowCheck<bool> {
        let Some(place) = operation.group_place() else {
            return self.no_part_is_missing().map(|()| false);
        };
        self.nothing_is_due()?;
        let must = self.parts.len() + 1;
        if place.part != must {
            return Err(format!(
                "is part {} of a group, must be part {must}",
                place.part
            ));
        }
        self.parts.push((row.clone(), operation.clone()));
        if place.part < place.of {
            return Ok(true);
        }
        let group = operation.posted_group();
        let group = group.ok_or("carries a group that is none")?;
        let parts = std::mem::take(&mut self.parts);
        self.group(row, &group, parts).map(|()| true)
    }

    /// Nothing else comes before the rest of a group.
    pub(super) fn no_part_is_missing(&self) -> RowCheck {
        match self.parts.last().map(|(_, part)| part.group_place()) {
            Some(Some(place)) => Err(format!(
                "follows on part {} of a group, whose {} parts must stand together",
                place.part, place.of
            )),
            _ => Ok(()),
        }
    }

    /// Money moves, all of it or nothing.
    fn group(
        &mut self,
        last: &EntryRow,
        group: &Group,
        parts: Vec<(EntryRow, Operation)>,
    ) -> RowCheck {
        let id = parts.last().and_then(|(_, last)| last.id.clone());
        let must = group.entries(id.as_ref());
        if must.len() != parts.len() {
            let (is, must) = (parts.len(), must.len());
            return Err(format!("ends a group of {must} parts after {is} of them"));
        }
        for ((part, (row, operation)), must) in (1..).zip(&parts).zip(&must) {
            is_the_part(row, operation, must).map_err(|why| of_part(part, &why))?;
            let has_own = row.line.is_some() || row.hold.is_some();
            if row.run != last.run || part < parts.len() && has_own {
                return Err(of_part(part, "has a run, a line or a hold of its own"));
            }
        }
        let held = self.group_hold(last, group, id)?;
        let rule = match last.hold {
            None => Sides::execute,
            Some(_) => Sides::book,
        };
        let decided = self.decide_group(group, rule, &held);
        let sides = decided.map_err(|PartRejection { part, rejection }| {
            of_part(part.into(), &must_be_refused(rejection))
        })?;
        for ((part, (row, operation)), sides) in (1..).zip(&parts).zip(sides) {
            let movement = operation.movement().ok_or("moves nothing")?;
            self.accounts.insert(movement.debit.clone(), sides.debit);
            self.accounts.insert(movement.credit.clone(), sides.credit);
            self.note_moved(&movement);
            let shown = self.shows(&operation.account, row.view());
            shown.map_err(|why| of_part(part, &why))?;
        }
        for (name, held) in held {
            let (hold, posted) = (last.hold.unwrap_or(0), Some(held));
            let ended = EndedHold { hold, held, posted };
            self.end_hold(name, ended);
        }
        Ok(())
    }

    /// Ends the hold that a group posts, and tells what was set aside by it.
    fn group_hold<'g>(
        &mut self,
        last: &EntryRow,
        group: &'g Group,
        id: Option<Id>,
    ) -> RowCheck<Vec<(&'g Name, Amount)>> {
        let Some(number) = last.hold else {
            return Ok(Vec::new());
        };
        let gone = || format!("ends the hold {number}, which is not open");
        let held = self.holds.remove(&number).ok_or_else(gone)?;
        same_content(&group.clone().operation(id), &held.operation)?;
        let (run, line) = (last.run, last.line);
        is_ended_by(&held, &Ender { run, line })?;
        Ok(group.set_aside())
    }

    /// What the rules say to a group, once so much is given back.
    pub(super) fn decide_group(
        &self,
        group: &Group,
        rule: fn(Sides, Amount) -> Result<Sides, Rejection>,
        held: &[(&Name, Amount)],
    ) -> Result<Vec<Sides>, PartRejection> {
        let known = |name: &Name| {
            let account = match self.accounts.get(name) {
                None if *name == BUDGET => Some(Account::the_banks()),
                account => account.copied(),
            };
            let held = held.iter().find(|(known, _)| *known == name);
            account.map(|account| held.map_or(account, |(_, held)| account.giving_back(*held)))
        };
        group.decide(&GroupTerms {
            known,
            new: Account::new(Balance::default()),
            strict: false,
            rule,
        })
    }

    /// Sets aside what all parts of a group need.
    pub(super) fn begin_group(&mut self, group: &Group) -> Result<(), Rejection> {
        let decided = self.decide_group(group, Sides::execute, &[]);
        decided.map_err(|refused| refused.rejection)?;
        for (name, account) in self.room_for(group)? {
            self.accounts.insert(name.clone(), account);
            self.note_spent(&name);
        }
        Ok(())
    }

    /// The accounts with what the parts need set aside.
    pub(super) fn room_for(&self, group: &Group) -> Result<Vec<(Name, Account)>, Rejection> {
        let set_aside = group.set_aside().into_iter();
        let accounts = set_aside.map(|(name, amount)| {
            let account = self.accounts.get(name).copied();
            let account = account.unwrap_or_else(|| Account::new(Balance::default()));
            let account = account.setting_aside(amount);
            Ok((name.clone(), account.ok_or(Rejection::BalanceOverflow)?))
        });
        accounts.collect()
    }
}

fn is_the_part(row: &EntryRow, operation: &Operation, must: &Operation) -> RowCheck {
    if operation != must {
        let (is, must) = (told(operation), told(must));
        return Err(format!("is {is}, must be {must}"));
    }
    let movement = operation.movement().ok_or("moves nothing")?;
    moves_between(row, operation, &movement)?;
    match row.excess {
        Some(_) => Err("is more than was set aside, and nothing was".into()),
        None => Ok(()),
    }
}

fn of_part(part: usize, why: &str) -> String {
    format!("ends a group whose part {part} {why}")
}
