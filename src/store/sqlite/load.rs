//! Brings in what a batch touches: accounts, holds and ids, each held against its checksum.

use rusqlite::OptionalExtension;

use super::Sqlite;
use super::rows::{
    self, Content, DOUBTED, EXPIRED, EntryRow, HELD, HoldRow, KEPT, REFUSED, RecordRow, TAKEN_OVER,
    UNSPENT, VIEWED, VOIDED, checksum,
};
use crate::bank::{
    Amount, Id, KnownId, LOANS, Name, Operation, Outcome, Owner, Rejection, Request,
    RequestContext, State, VoidReason, WORLD,
};
use crate::store::LedgerError;

impl Sqlite {
    /// Brings in all that a request may touch.
    pub(super) fn bring(
        &mut self,
        request: &Request,
        caller: &RequestContext,
    ) -> Result<(), LedgerError> {
        if caller.line.is_some() && !self.ledger_state.lines().is_watched(caller.run) {
            self.watch_run(caller.run)?;
        }
        match request {
            Request::Execute(operation)
            | Request::Begin(operation)
            | Request::Hold { operation, .. } => {
                if let Some(id) = &operation.id {
                    self.bring_claim(id)?;
                    let claim = self.ledger_state.claims().get(id);
                    // It may be taken over.
                    if let Some(State::InDoubt { hold }) = claim.map(|claim| claim.state) {
                        self.bring_hold(hold)?;
                    }
                }
                self.bring_accounts_of(operation)
            }
            Request::Post { .. }
            | Request::Void
            | Request::Unspent
            | Request::Decline
            | Request::Doubt
            | Request::Keep { .. } => match self.ledger_state.begun(caller.run, caller.number) {
                Some(hold) => self.bring_hold(hold),
                None => Ok(()),
            },
            Request::PostHold { id, .. } | Request::VoidHold { id } => {
                self.bring_claim(id)?;
                let claim = self.ledger_state.claims().get(id);
                let claim = claim.map(|claim| (claim.state, claim.operation.account.clone()));
                match claim {
                    Some((State::Held { hold, .. } | State::InDoubt { hold }, _)) => {
                        self.bring_hold(hold)
                    }
                    Some((_, account)) => self.bring_account(&account),
                    None => Ok(()),
                }
            }
            Request::Open { account, .. } => self.bring_account(account),
        }
    }

    /// The bank's own accounts, which are always there.
    pub(super) fn bring_own_accounts(&mut self) -> Result<(), LedgerError> {
        for name in [&WORLD, &LOANS] {
            self.bring_account_anew(name)?;
        }
        Ok(())
    }

    fn bring_accounts_of(&mut self, operation: &Operation) -> Result<(), LedgerError> {
        self.bring_account(&operation.account)?;
        operation.to().map_or(Ok(()), |to| self.bring_account(to))
    }

    fn bring_account(&mut self, name: &Name) -> Result<(), LedgerError> {
        match self.ledger_state.place(name) {
            Some(_) => Ok(()),
            None => self.bring_account_anew(name),
        }
    }

    fn bring_account_anew(&mut self, name: &Name) -> Result<(), LedgerError> {
        const SQL: &str = "SELECT account, name, posted, held, floor, checksum, opened FROM accounts WHERE name = ?";
        let found = self
            .connection
            .prepare_cached(SQL)
            .and_then(|mut query| query.query_row([name.as_str()], rows::account).optional());
        match found.map_err(|error| self.fault("read", &error))? {
            None => Ok(()),
            Some(Some((key, found, account))) if found == *name => {
                let slot = self.ledger_state.bring_account(name, account);
                self.cache_keys.know(slot, key);
                Ok(())
            }
            Some(_) => Err(self.damaged(&format!("the row of the account `{name}` is wrong"))),
        }
    }

    /// Brings in a hold and the accounts that it is about.
    pub(super) fn bring_hold(&mut self, number: u64) -> Result<(), LedgerError> {
        if self.ledger_state.held(number).is_some() {
            return Ok(());
        }
        let Some(row) = self.hold_row(number)? else {
            return Ok(());
        };
        self.bring_accounts_of(&row.hold.operation)?;
        self.ledger_state.bring_hold(number, row.hold);
        Ok(())
    }

    /// Brings in what the runs of this process have begun: after a transaction that did not count, the
    /// ledger state may know of more, or of less.
    pub(super) fn bring_begun(&mut self) -> Result<(), LedgerError> {
        self.ledger_state.forget_begun();
        let ours: Vec<u32> = self.runs.ours().collect();
        for run in ours {
            for hold in self.holds_of(run)? {
                self.bring_hold(hold)?;
            }
        }
        Ok(())
    }

    fn hold_row(&self, number: u64) -> Result<Option<HoldRow>, LedgerError> {
        let sql = format!("SELECT {} WHERE hold = ?", HoldRow::COLUMNS);
        let found = self.connection.prepare_cached(&sql).and_then(|mut query| {
            query
                .query_row([number.cast_signed()], HoldRow::read)
                .optional()
        });
        match found.map_err(|error| self.fault("read", &error))? {
            None => Ok(None),
            Some(Some(row)) => Ok(Some(row)),
            Some(None) => Err(self.damaged(&format!("the row of the hold {number} is wrong"))),
        }
    }

    /// Brings in what became of an id, if it was ever used.
    fn bring_claim(&mut self, id: &Id) -> Result<(), LedgerError> {
        if self.ledger_state.claims().get(id).is_some() {
            return Ok(());
        }
        let claim = match self.posted_claim(id)? {
            Some(claim) => Some(claim),
            None => self.recorded_claim(id)?,
        };
        if let Some(KnownId { operation, state }) = claim {
            self.bring_accounts_of(&operation)?;
            self.ledger_state.claims().put(&operation, state);
        }
        Ok(())
    }

    /// What was posted under an id; nothing can come after that.
    fn posted_claim(&self, id: &Id) -> Result<Option<KnownId>, LedgerError> {
        let sql = format!(
            "SELECT {} WHERE e.id = ? ORDER BY e.seq DESC LIMIT 1",
            EntryRow::COLUMNS
        );
        let read = || {
            let mut query = self.connection.prepare_cached(&sql)?;
            let mut rows = query.query([id.as_str()])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let read = EntryRow::read(row)?.filter(|(entry, sealed)| {
                checksum(&entry.hash(&mut Content::default())) == *sealed
            });
            let claim = read.and_then(|(entry, _)| {
                let amount = Amount::new(entry.amount)?;
                let outcome = Outcome::Posted {
                    seq: entry.seq,
                    amount,
                    view: entry.view(),
                };
                let amount = Some(amount);
                let state = State::Settled { outcome, amount };
                Some((entry.operation()?, state, entry.hold))
            });
            Ok(Some(claim))
        };
        let found = read().map_err(|error| self.fault("read", &error))?;
        let Some(found) = found else { return Ok(None) };
        let wrong = || self.damaged(&format!("the entry of the id `{}` is wrong", id.as_str()));
        let (mut operation, state, hold) = found.ok_or_else(wrong)?;
        if let Some(hold) = hold {
            // The entry says what was moved; what was asked for, its hold says.
            let held = self.record_row("record = ?", hold.cast_signed())?;
            operation = held.ok_or_else(wrong)?.operation;
        }
        Ok(Some(KnownId { operation, state }))
    }

    fn recorded_claim(&self, id: &Id) -> Result<Option<KnownId>, LedgerError> {
        let Some(claim) = self.record_row("id = ?", id.as_str())? else {
            return Ok(None);
        };
        let State::Held { hold, view } = claim.state else {
            return Ok(Some(claim));
        };
        let row = self.hold_row(hold)?;
        let gone = || self.damaged(&format!("the row of the hold {hold} is missing"));
        let state = match row.ok_or_else(gone)?.hold.owner {
            Owner::Run { .. } => State::UnderWay,
            Owner::Doubt => State::InDoubt { hold },
            Owner::Anyone { .. } => State::Held { hold, view },
        };
        Ok(Some(KnownId { state, ..claim }))
    }

    /// What the last record of this condition says became of its operation.
    fn record_row(
        &self,
        condition: &str,
        value: impl rusqlite::ToSql,
    ) -> Result<Option<KnownId>, LedgerError> {
        let sql = format!(
            "SELECT {} WHERE {condition} ORDER BY record DESC LIMIT 1",
            RecordRow::COLUMNS
        );
        let read = || {
            let mut query = self.connection.prepare_cached(&sql)?;
            let mut rows = query.query([value])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let (record, sealed) = RecordRow::read(row)?;
            let right = checksum(&record.hash(&mut Content::default())) == sealed;
            Ok(Some(
                right.then(|| claim(&record)).flatten().ok_or(record.record),
            ))
        };
        let found = read().map_err(|error| self.fault("read", &error))?;
        let wrong = |number| self.damaged(&format!("the record {number} is wrong"));
        found.transpose().map_err(wrong)
    }
}

/// What a record says became of its operation.
fn claim(record: &RecordRow<'_>) -> Option<KnownId> {
    let settled = |outcome| State::Settled {
        outcome,
        amount: record.amount.and_then(Amount::new),
    };
    let state = match record.kind {
        HELD => State::Held {
            hold: record.record,
            view: record.view()?,
        },
        DOUBTED | TAKEN_OVER | KEPT => State::Held {
            hold: record.hold?,
            view: record.view()?,
        },
        VOIDED => State::Released(VoidReason::Voided),
        EXPIRED => State::Released(VoidReason::Expired),
        REFUSED => settled(refused(record)?),
        VIEWED => settled(viewed(record)?),
        UNSPENT => settled(unspent(record)?),
        _ => return None,
    };
    let operation = record.operation()?;
    Some(KnownId { operation, state })
}

pub(super) fn unspent(record: &RecordRow<'_>) -> Option<Outcome> {
    record.view().map(|view| Outcome::Unspent { view })
}

pub(super) fn refused(record: &RecordRow<'_>) -> Option<Outcome> {
    let place = usize::try_from(record.rejection?).ok()?;
    Some(Outcome::Refused {
        rejection: *Rejection::ALL.get(place)?,
        view: record.view(),
    })
}

pub(super) fn viewed(record: &RecordRow<'_>) -> Option<Outcome> {
    Some(Outcome::Viewed {
        seq: record.seq,
        view: record.view()?,
    })
}
