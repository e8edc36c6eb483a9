//! Brings in what a batch needs further: of accounts whose refill is due, whether its id is free, and the entries
//! that are to be reversed. Nothing is looked for where no account of the ledger has an allowance and nothing is
//! reversed.

use std::collections::HashMap;

use super::UnitOfWork;
use super::backend::{EntryFilter, WantedRows};
use super::load::LeftOver;
use super::rows::sound;
use crate::bank::{
    AllowanceChange, Asked, BUDGET, EntryKey, Id, Kind, Name, Operation, Outcome, Request, State,
    refill_id, reversal_id,
};
use crate::store::{Entry, LedgerError, LedgerRequest};

impl UnitOfWork<'_> {
    /// Brings in `@budget` and the ids under which accounts are refilled in this batch.
    pub(super) fn load_refilled(
        &mut self,
        batch: &[LedgerRequest],
        left: &LeftOver,
    ) -> Result<(), LedgerError> {
        let mut wanted = WantedRows::default();
        self.want_changed(batch, &mut wanted);
        if self.cache.state.has_budgets() {
            for name in self.touched(batch, left) {
                wanted.ids.extend(self.cache.state.due_refill(&name));
            }
        } else if wanted.ids.is_empty() {
            return Ok(());
        }
        if self.cache.state.place(&BUDGET).is_none() {
            wanted.accounts.push(BUDGET.clone());
        }
        wanted
            .ids
            .retain(|id| self.cache.state.ids().get(id).is_none());
        self.load_missing(&wanted).map(drop)
    }

    /// The ids under which accounts are refilled whose allowance changes.
    fn want_changed(&self, batch: &[LedgerRequest], wanted: &mut WantedRows) {
        for request in batch {
            if let LedgerRequest::Decide(Asked { request, .. }) = request
                && let Some((account, AllowanceChange::Set(allowance))) = request.allowance()
            {
                let (start, _) = allowance.window(self.now.wall);
                wanted.ids.extend(refill_id(account, start, None));
            }
        }
    }

    /// The accounts that a batch touches.
    fn touched(&mut self, batch: &[LedgerRequest], left: &LeftOver) -> Vec<Name> {
        let state = &mut self.cache.state;
        let mut names = Vec::new();
        let mut touch = |operation: &Operation| {
            names.extend(operation.accounts().cloned());
        };
        let mut ended: Vec<u64> = left.due.iter().chain(&left.of_runs).copied().collect();
        let mut opened = Vec::new();
        for request in batch {
            let Asked { caller, request } = match request {
                LedgerRequest::Decide(asked) => asked,
                LedgerRequest::EndRun { run, .. } => {
                    ended.extend(state.begun_by(*run));
                    continue;
                }
                LedgerRequest::BeginRun(_) => continue,
            };
            match request {
                Request::Execute(operation)
                | Request::Begin(operation)
                | Request::Hold { operation, .. } => touch(operation),
                Request::End(_) => ended.extend(state.begun(caller.run, caller.number)),
                Request::PostHold { id, .. }
                | Request::VoidHold { id }
                | Request::DeclineHold { id }
                | Request::Reverse(EntryKey::Id(id)) => {
                    if let Some(known) = state.ids().get(id) {
                        touch(&known.operation);
                    }
                }
                Request::Reverse(EntryKey::Seq(seq)) => {
                    if let Some(operation) = state.posted(*seq) {
                        touch(operation);
                    }
                }
                Request::Open { account, .. } => opened.push(account.clone()),
            }
        }
        for hold in ended.iter().filter_map(|hold| state.held(*hold)) {
            touch(&hold.operation);
        }
        names.extend(opened);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Brings in the entries that are to be reversed, and what became of that before.
    pub(super) fn load_reversed(&mut self, batch: &[LedgerRequest]) -> Result<(), LedgerError> {
        for request in batch {
            let LedgerRequest::Decide(Asked {
                request: Request::Reverse(entry),
                ..
            }) = request
            else {
                continue;
            };
            let seq = match entry {
                EntryKey::Seq(seq) => Some(*seq),
                EntryKey::Id(id) => self.posted_as(id),
            };
            if let Some(seq) = seq.filter(|seq| *seq > 0) {
                self.load_posted(seq)?;
            }
        }
        Ok(())
    }

    /// The number of the entry that was posted under an id.
    fn posted_as(&mut self, id: &Id) -> Option<u64> {
        match self.cache.state.ids().get(id)?.state {
            State::Settled {
                outcome: Outcome::Posted { seq, .. },
                ..
            } => Some(seq),
            _ => None,
        }
    }

    fn load_posted(&mut self, seq: u64) -> Result<(), LedgerError> {
        let found = self.tx.entries(&EntryFilter {
            after: seq - 1,
            up_to: Some(seq),
            limit: 1,
            ..EntryFilter::default()
        })?;
        let Some(read) = found.into_iter().next() else {
            return Ok(());
        };
        let wrong = |number| self.damaged(format!("the entry {number} is wrong"));
        let row = sound(read).map_err(wrong)?;
        let operation = row.operation().ok_or_else(|| wrong(seq.cast_signed()))?;
        let mut wanted = WantedRows::default();
        if let Ok(reversal) = operation.reversed(seq) {
            wanted.ids.extend(reversal.id.clone());
            super::load::want_accounts(&mut wanted, &self.cache.state, &reversal);
        }
        self.cache.state.bring_posted(seq, operation);
        wanted
            .ids
            .retain(|id| self.cache.state.ids().get(id).is_none());
        self.load_missing(&wanted).map(drop)
    }

    /// Has entries say by which other ones they were made undone.
    pub(super) fn note_reversals(&mut self, entries: &mut [Entry]) -> Result<(), LedgerError> {
        let is_reversible = |entry: &&mut Entry| Kind::ALL.contains(&entry.kind());
        let mut by_id: HashMap<Id, &mut Entry> = HashMap::new();
        for entry in entries.iter_mut().filter(is_reversible) {
            by_id.extend(reversal_id(entry.seq).map(|id| (id, entry)));
        }
        let loaded = self.tx.load(&WantedRows {
            ids: by_id.keys().cloned().collect(),
            ..WantedRows::default()
        })?;
        for found in loaded.ids {
            let reversal = found.entry.and_then(|entry| sound(entry).ok());
            let reversal = reversal.filter(|row| {
                let operation = row.operation();
                operation.is_some_and(|operation| operation.kind() == Kind::Reverse)
            });
            if let (Some(row), Some(entry)) = (reversal, by_id.get_mut(&found.id)) {
                entry.reversed_by = Some(row.seq);
            }
        }
        Ok(())
    }
}
