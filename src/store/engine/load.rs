//! Brings in what a batch touches: accounts, holds and ids, each held against its checksum.

use super::UnitOfWork;
use super::backend::{IdRows, LoadedRows, WantedRows};
use super::rows::{
    AccountRow, DOUBTED, EXPIRED, EntryRow, HELD, HoldRow, KEPT, Read, RecordRow, TAKEN_OVER,
    VOIDED, sound,
};
use crate::bank::{
    Account, Amount, Asked, Budget, EntryKey, Id, IdempotencyKeys, KnownId, LedgerState, Name,
    Operation, Owner, Request, State, VoidReason,
};
use crate::store::{LedgerError, LedgerRequest, NEW_RUN};

/// The holds that were found because no caller ends them any more.
#[derive(Default)]
pub(super) struct LeftOver {
    /// Their time is over.
    pub(super) due: Vec<u64>,
    /// The runs that were named work on them.
    pub(super) of_runs: Vec<u64>,
}

impl UnitOfWork<'_> {
    /// All that a batch may touch and the state does not know.
    pub(super) fn wanted(&mut self, batch: &[LedgerRequest]) -> Result<WantedRows, LedgerError> {
        let mut wanted = WantedRows::default();
        for request in batch {
            let Asked { caller, request } = match request {
                LedgerRequest::Decide(asked) => asked,
                LedgerRequest::BeginRun(_) => continue,
                LedgerRequest::EndRun { run, .. } => {
                    let state = &self.cache.state;
                    let begun = state.begun_by(*run).into_iter();
                    let unknown = begun.filter(|hold| state.held(*hold).is_none());
                    wanted.holds.extend(unknown);
                    continue;
                }
            };
            let is_watched = self.cache.state.lines().is_watched(caller.run);
            if caller.line.is_some() && !is_watched && caller.run != NEW_RUN {
                self.watch_run(caller.run)?;
            }
            let state = &mut self.cache.state;
            match request {
                Request::Execute(operation)
                | Request::Begin(operation)
                | Request::Hold { operation, .. } => {
                    if let Some(id) = &operation.id {
                        want_id(&mut wanted, state.ids(), id);
                    }
                    want_accounts(&mut wanted, state, operation);
                }
                Request::End(_) => {
                    let hold = state.begun(caller.run, caller.number);
                    let unknown = hold.filter(|hold| state.held(*hold).is_none());
                    wanted.holds.extend(unknown);
                }
                Request::PostHold { id, .. }
                | Request::VoidHold { id }
                | Request::DeclineHold { id } => {
                    want_id(&mut wanted, state.ids(), id);
                }
                Request::Open { account, .. } => want_account(&mut wanted, state, account),
                Request::Reverse(EntryKey::Id(id)) => want_id(&mut wanted, state.ids(), id),
                Request::Reverse(EntryKey::Seq(_)) => {}
            }
        }
        wanted.accounts.sort_unstable();
        wanted.accounts.dedup();
        let by_text = |one: &Id, other: &Id| one.as_str().cmp(other.as_str());
        wanted.ids.sort_unstable_by(by_text);
        wanted.ids.dedup();
        Ok(wanted)
    }

    /// Brings in what is wanted, and the accounts that it leads to.
    pub(super) fn load_missing(&mut self, wanted: &WantedRows) -> Result<LeftOver, LedgerError> {
        if wanted.is_empty() {
            return Ok(LeftOver::default());
        }
        let loaded = self.tx.load(wanted)?;
        self.add_to_cache(loaded)
    }

    /// Brings in what was loaded, and the accounts that it leads to.
    pub(super) fn add_to_cache(&mut self, loaded: LoadedRows) -> Result<LeftOver, LedgerError> {
        let (mut left, mut further) = (LeftOver::default(), WantedRows::default());
        self.take_accounts(loaded.accounts)?;
        for rows in loaded.ids {
            self.take_id(rows, &mut further)?;
        }
        for row in loaded.holds {
            self.take_hold(row, &mut further)?;
        }
        for row in loaded.due {
            left.due.push(self.take_hold(row, &mut further)?);
        }
        for row in loaded.holds_of {
            left.of_runs.push(self.take_hold(row, &mut further)?);
        }
        if !further.is_empty() {
            further.accounts.sort_unstable();
            further.accounts.dedup();
            let loaded = self.tx.load(&further)?;
            self.take_accounts(loaded.accounts)?;
        }
        Ok(left)
    }

    fn take_accounts(&mut self, rows: Vec<(Name, Read<AccountRow>)>) -> Result<(), LedgerError> {
        for (name, row) in rows {
            let (key, account, budget) = self.sound_account(&name, row)?;
            let slot = self.cache.state.bring_account(&name, account);
            self.cache.state.bring_budget(slot, budget);
            self.cache.keys.know(slot, key);
        }
        Ok(())
    }

    /// The key, the account and its allowance of this name, if its row is right.
    pub(super) fn sound_account(
        &self,
        name: &Name,
        row: Read<AccountRow>,
    ) -> Result<(i64, Account, Option<Budget>), LedgerError> {
        let row = sound(row).ok().filter(|row| row.name == name.as_str());
        let found = row.and_then(|row| Some((row.key, row.account()?, row.budget()?)));
        found.ok_or_else(|| self.damaged(format!("the row of the account `{name}` is wrong")))
    }

    /// Brings in a hold, and tells its number.
    fn take_hold(
        &mut self,
        row: Read<HoldRow>,
        further: &mut WantedRows,
    ) -> Result<u64, LedgerError> {
        let HoldRow { number, hold } = self.sound_hold(row)?;
        if self.cache.state.held(number).is_none() {
            want_accounts(further, &self.cache.state, &hold.operation);
            self.cache.state.bring_hold(number, hold);
        }
        Ok(number)
    }

    pub(super) fn sound_hold(&self, row: Read<HoldRow>) -> Result<HoldRow, LedgerError> {
        let row = sound(row);
        row.map_err(|number| self.damaged(format!("the row of the hold {number} is wrong")))
    }

    pub(super) fn sound_record(&self, row: Read<RecordRow>) -> Result<RecordRow, LedgerError> {
        let row = sound(row);
        row.map_err(|number| self.wrong_record(number))
    }

    pub(super) fn wrong_record(&self, number: i64) -> LedgerError {
        self.damaged(format!("the record {number} is wrong"))
    }

    /// Brings in what became of an id.
    fn take_id(&mut self, rows: IdRows, further: &mut WantedRows) -> Result<(), LedgerError> {
        let IdRows {
            id,
            entry,
            record,
            hold,
        } = rows;
        let known = match entry {
            Some(entry) => Some(self.posted(&id, entry, record)?),
            None => record.map(|record| self.recorded(record)).transpose()?,
        };
        let Some(KnownId {
            operation,
            mut state,
        }) = known
        else {
            return Ok(());
        };
        if let State::Held { hold: number, view } = state {
            let gone = || self.damaged(format!("the row of the hold {number} is missing"));
            let row = self.sound_hold(hold.ok_or_else(gone)?)?;
            state = match row.hold.owner {
                Owner::Run { .. } => State::UnderWay,
                Owner::Doubt => State::InDoubt { hold: number },
                Owner::AnyRequest { .. } => State::Held { hold: number, view },
            };
            // It may be posted, voided or taken over.
            if state != State::UnderWay && self.cache.state.held(number).is_none() {
                self.cache.state.bring_hold(number, row.hold);
            }
        }
        want_accounts(further, &self.cache.state, &operation);
        self.cache.state.ids().put(&operation, state);
        Ok(())
    }

    /// What was posted under an id; nothing can come after that. The entry says what was moved; what was
    /// asked for, the record of its hold says.
    fn posted(
        &self,
        id: &Id,
        entry: Read<EntryRow>,
        record: Option<Read<RecordRow>>,
    ) -> Result<KnownId, LedgerError> {
        let wrong = || self.damaged(format!("the entry of the id `{}` is wrong", id.as_str()));
        let entry = sound(entry).map_err(|_| wrong())?;
        let operation = match entry.hold {
            None => entry.asked().ok_or_else(wrong)?,
            Some(_) => self.recorded(record.ok_or_else(wrong)?)?.operation,
        };
        let amount = Amount::new(entry.amount).filter(|_| operation.amount().is_some());
        let state = State::Settled {
            outcome: entry.outcome().ok_or_else(wrong)?,
            amount,
        };
        Ok(KnownId { operation, state })
    }

    /// What a record says became of its operation.
    fn recorded(&self, record: Read<RecordRow>) -> Result<KnownId, LedgerError> {
        let record = self.sound_record(record)?;
        let number = record.record.cast_signed();
        known_id(&record).ok_or_else(|| self.wrong_record(number))
    }
}

fn known_id(record: &RecordRow) -> Option<KnownId> {
    let held = |hold| {
        let view = record.view()?;
        Some(State::Held { hold, view })
    };
    let state = match record.kind {
        HELD => held(record.record)?,
        DOUBTED | TAKEN_OVER | KEPT => held(record.hold?)?,
        VOIDED => State::Released(VoidReason::Voided),
        EXPIRED => State::Released(VoidReason::Expired),
        _ => State::Settled {
            outcome: record.outcome()?,
            amount: record.amount.and_then(Amount::new),
        },
    };
    let operation = record.operation()?;
    Some(KnownId { operation, state })
}

fn want_id(wanted: &mut WantedRows, known: &IdempotencyKeys, id: &Id) {
    if known.get(id).is_none() {
        wanted.ids.push(id.clone());
    }
}

pub(super) fn want_accounts(wanted: &mut WantedRows, state: &LedgerState, operation: &Operation) {
    for name in operation.accounts() {
        want_account(wanted, state, name);
    }
}

fn want_account(wanted: &mut WantedRows, state: &LedgerState, name: &Name) {
    if state.place(name).is_none() {
        wanted.accounts.push(name.clone());
    }
}
