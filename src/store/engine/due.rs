//! Reading beside writers. Nothing is written and no other process is waited for: what is over by now,
//! and what runs that are gone have left, is read as the next writer will record it.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::backend::{Backend, DueBy, IdRows, WantedRows};
use super::cache::CacheState;
use super::{Engine, UnitOfWork};
use crate::bank::{
    Account, Amount, Budget, EnteredWindow, Id, Moment, Name, NullJournal, Operation, Owner,
    Postings, Sides, VoidReason, refill_id,
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
    /// The account and its allowance as they will be.
    fn known(&self, name: &Name, known: (Account, Option<Budget>)) -> (Account, Option<Budget>) {
        self.accounts.get(name).cloned().unwrap_or(known)
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
    /// How accounts will stand, with the refills that are due by now.
    pub(super) fn standings(
        &mut self,
        accounts: Vec<(Name, (Account, Option<Budget>))>,
        due: &Due,
    ) -> Result<Vec<Standing>, LedgerError> {
        let wall = self.now.wall;
        let known = |(name, known)| {
            let (account, budget) = due.known(&name, known);
            let id = budget.as_ref().and_then(|budget| {
                let window = budget.is_due(wall).then(|| budget.allowance().window(wall));
                let id = refill_id(&name, window?.0, None);
                window.zip(id)
            });
            (name, account, budget, id)
        };
        let known: Vec<_> = accounts.into_iter().map(known).collect();
        let ids = known
            .iter()
            .filter_map(|known| Some(known.3.as_ref()?.1.clone()));
        let refilled = self.known_ids(ids.collect())?;
        let standing = |(name, mut account, mut budget, entered)| {
            if let (Some((window, id)), Some(budget)) = (entered, &mut budget) {
                enter(&mut account, budget, window, refilled.contains(&id));
            }
            Standing::with_budget(&name, &account, budget.as_ref())
        };
        Ok(known.into_iter().map(standing).collect())
    }

    /// Those of some ids that the ledger knows.
    fn known_ids(&mut self, ids: Vec<Id>) -> Result<HashSet<Id>, LedgerError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let loaded = self.tx.load(&WantedRows {
            ids,
            ..WantedRows::default()
        })?;
        let known = loaded.ids.into_iter().filter(|found| {
            let IdRows { entry, record, .. } = found;
            entry.is_some() || record.is_some()
        });
        Ok(known.map(|found| found.id).collect())
    }

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
        self.load_refilled(&[], &left)?;
        let (mut due, mut names) = (Due::default(), BTreeSet::new());
        let state = &mut self.cache.state;
        for number in left.due.iter().chain(&left.of_runs) {
            let Some(hold) = state.held(*number) else {
                continue;
            };
            for movement in hold
                .operation
                .parts()
                .iter()
                .filter_map(Operation::movement)
            {
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

/// Has an account enter a window, and posts what that moves.
fn enter(account: &mut Account, budget: &mut Budget, window: (Moment, Moment), is_refilled: bool) {
    let sides = Sides {
        debit: Account::the_banks(),
        credit: *account,
    };
    let entered = EnteredWindow {
        window,
        is_refilled,
        // No hold is looked at by the number of the record.
        record: u64::MAX,
    };
    let Postings { lapse, refill } = budget.enter(entered, &sides);
    let minor = |amount: Option<Amount>| amount.map_or(0, Amount::minor);
    let moved = minor(refill).saturating_sub(minor(lapse));
    account.posted = account.posted.saturating_add(moved);
}
