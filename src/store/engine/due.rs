//! Reading beside writers. Nothing is written and no other process is waited for: what is over by now,
//! and what runs that are gone have left, is read as the next writer will record it.

use std::collections::{BTreeSet, HashMap};

use super::backend::{Backend, DueBy, WantedRows};
use super::cache::CacheState;
use super::{Engine, UnitOfWork};
use crate::bank::{
    Account, Amount, Budget, Name, Now, NullJournal, Owner, Postings, Sides, VoidReason,
};
use crate::store::{LedgerError, OpenHold, Standing};

/// What the next writer will do before anything else.
#[derive(Default)]
pub(super) struct Due {
    /// The accounts as they will be.
    accounts: HashMap<Name, (Account, Option<Budget>)>,
    /// The holds that will be given back.
    ended: BTreeSet<u64>,
    /// Those that will be in doubt.
    doubted: BTreeSet<u64>,
}

impl Due {
    /// How the account will stand, with the refill that is due by now.
    pub(super) fn standing(
        &self,
        name: &Name,
        known: (Account, Option<Budget>),
        now: &Now,
    ) -> Standing {
        let (mut account, mut budget) = self.accounts.get(name).cloned().unwrap_or(known);
        if let Some(budget) = budget.as_mut().filter(|budget| budget.is_due(now.wall)) {
            let window = budget.allowance().window(now.wall);
            let mut sides = Sides {
                debit: Account::the_banks(),
                credit: account,
            };
            // No hold is looked at by the number of the record.
            let Postings { lapse, refill } = budget.enter(window, &sides, u64::MAX);
            let minor = |amount: Option<Amount>| amount.map_or(0, Amount::minor);
            let moved = minor(refill).saturating_sub(minor(lapse));
            sides.credit.posted = account.posted.saturating_add(moved);
            account = sides.credit;
        }
        Standing::with_budget(name, &account, budget.as_ref())
    }

    /// The hold as it will be, if it will be there.
    pub(super) fn hold(&self, mut hold: OpenHold) -> Option<OpenHold> {
        if self.doubted.contains(&hold.number) {
            hold.in_doubt = true;
            // No run works on it any more, but it was begun for a line of one.
            hold.run = hold.run.filter(|_| hold.line.is_some());
        }
        (!self.ended.contains(&hold.number)).then_some(hold)
    }
}

impl<B: Backend> Engine<B> {
    /// Reads one state of the ledger, and what is due in it. A further page of the same list goes by
    /// what was due at the first, as long as nothing was written.
    pub(super) fn read_with_due<T>(
        &mut self,
        is_first: bool,
        read: impl FnOnce(&mut UnitOfWork<'_>, &Due) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let last = self.last_due.take().filter(|_| !is_first);
        let (found, due) = self.read(|work| {
            let due = match last {
                Some(due) if !work.tx.is_changed() => due,
                _ => work.look_ahead()?,
            };
            Ok((read(work, &due)?, due))
        })?;
        self.last_due = Some(due);
        Ok(found)
    }
}

impl UnitOfWork<'_> {
    fn look_ahead(&mut self) -> Result<Due, LedgerError> {
        let dead = self.tx.dead_runs()?;
        let now = self.now;
        let limit = usize::MAX;
        let loaded = self.tx.load(&WantedRows {
            holds_of: dead.into_iter().map(|run| run.number).collect(),
            due: Some(DueBy { now, limit }),
            ..WantedRows::default()
        })?;
        if loaded.due.is_empty() && loaded.holds_of.is_empty() {
            return Ok(Due::default());
        }
        self.catch_up()?;
        // From here on the state goes ahead of the ledger.
        self.cache.validity = CacheState::Invalid;
        let left = self.add_to_cache(loaded)?;
        let (mut due, mut names) = (Due::default(), BTreeSet::new());
        let state = &mut self.cache.state;
        for number in left.due.iter().chain(&left.of_runs) {
            let Some(hold) = state.held(*number) else {
                continue;
            };
            if let Some(movement) = hold.operation.movement() {
                names.extend([movement.debit, movement.credit].map(Name::clone));
            }
            match hold.owner {
                Owner::Run {
                    has_side_effects: true,
                    ..
                } => due.doubted.insert(*number),
                _ => due.ended.insert(*number),
            };
        }
        for number in left.due {
            state.release(number, VoidReason::Expired, &mut NullJournal);
        }
        for number in left.of_runs {
            state.abandon(number, &mut NullJournal);
        }
        let account = |name: Name| {
            let slot = state.place(&name)?;
            let (account, budget) = (state.at(slot).1, state.budget(slot).cloned());
            Some((name, (account, budget)))
        };
        due.accounts = names.into_iter().filter_map(account).collect();
        Ok(due)
    }
}
