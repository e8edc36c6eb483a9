//! A transaction of PostgreSQL: what the engine asks of it.

use std::ops::RangeInclusive;

use super::{Postgres, apply, check, commit, faults, load, pages};
use crate::bank::{LastNumbers, Unit};
use crate::store::engine::backend::{
    AccountsAfter, Changes, EntryFilter, FoundById, IdOfRow, LedgerPosition, LoadedRows,
    RecordFilter, RunFilter, Table, Tx, TxMode, WantedRows,
};
use crate::store::engine::rows::{
    AccountRow, EntryRow, HoldRow, LineRow, Read, ReadRun, RecordRow, RunRow,
};
use crate::store::{Lease, LeaseHolder, LedgerError};

use super::faults::PgError;
use super::session::PgSession;

/// A transaction. What it did is taken back when it is dropped.
pub(super) struct PgTransaction<'a> {
    pub(super) ledger: &'a mut Postgres,
    mode: TxMode,
    is_changed: bool,
    /// The id of the batch that it writes.
    pub(super) batch: String,
    /// The head says this batch from now on.
    pub(super) is_applied: bool,
    pub(super) is_open: bool,
    /// The runs that it ends.
    pub(super) ended: Vec<u32>,
}

impl<'a> PgTransaction<'a> {
    pub(super) fn begin(ledger: &'a mut Postgres, mode: TxMode) -> Result<Self, LedgerError> {
        let begun = ledger.begin_anew(mode)?;
        let limits = ledger.address.limits;
        ledger.session.answer_within(match mode {
            TxMode::Read => limits.reading,
            TxMode::Write => limits.writing,
        });
        let known = ledger.seen.replace(begun.head.clone());
        Ok(PgTransaction {
            is_changed: known.as_ref() != Some(&begun.head),
            ledger,
            mode,
            batch: begun.batch,
            is_applied: false,
            is_open: true,
            ended: Vec::new(),
        })
    }

    /// The transaction that makes a ledger.
    pub(super) fn created(ledger: &'a mut Postgres, batch: String) -> Self {
        PgTransaction {
            ledger,
            mode: TxMode::Write,
            is_changed: true,
            batch,
            is_applied: false,
            is_open: true,
            ended: Vec::new(),
        }
    }

    /// Asks the server within the transaction.
    pub(super) fn ask<T>(
        &mut self,
        doing: &'static str,
        ask: impl FnOnce(&mut PgSession) -> Result<T, PgError>,
    ) -> Result<T, LedgerError> {
        let asked = ask(&mut self.ledger.session);
        asked.map_err(|error| faults::not_done(&self.ledger.name, doing, &error))
    }

    fn read<T>(
        &mut self,
        ask: impl FnOnce(&mut PgSession) -> Result<T, PgError>,
    ) -> Result<T, LedgerError> {
        self.ask("read", ask)
    }
}

impl Drop for PgTransaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // A connection that is gone has done it already.
            let _ = self.ledger.session.script("ROLLBACK");
        }
    }
}

impl Tx for PgTransaction<'_> {
    fn is_changed(&self) -> bool {
        self.is_changed
    }

    fn position(&mut self) -> Result<LedgerPosition, LedgerError> {
        let found = self.read(pages::position)?;
        found.ok_or_else(|| {
            self.ledger
                .damaged("the head of the ledger must be one row")
        })
    }

    fn unit(&mut self) -> Result<Read<Unit>, LedgerError> {
        let found = self.read(pages::unit)?;
        found.ok_or_else(|| {
            self.ledger
                .damaged("what the ledger counts must be one row")
        })
    }

    fn load(&mut self, wanted: &WantedRows) -> Result<LoadedRows, LedgerError> {
        self.read(|session| load::load(session, wanted))
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), LedgerError> {
        let batch = self.batch.clone();
        self.is_applied = true;
        let ended = changes.runs.iter().filter(|run| run.live == 0);
        self.ended = ended.map(|run| run.number).collect();
        self.ask("write", |session| apply::apply(session, changes, &batch))
    }

    fn commit(self: Box<Self>) -> Result<(), LedgerError> {
        match self.mode {
            TxMode::Read => commit::end_reading(*self),
            TxMode::Write => commit::commit(*self),
        }
    }

    fn lease_run(&mut self, run: u32) -> Result<Option<Lease>, LedgerError> {
        let Postgres {
            leases,
            session,
            name,
            ..
        } = &mut *self.ledger;
        let leased = leases.take(session, run);
        leased.map_err(|error| faults::not_done(name, "write", &error))
    }

    fn lease_holder(&mut self, run: u32) -> Result<Option<LeaseHolder>, LedgerError> {
        self.read(|session| pages::lease_holder(session, run))
    }

    fn dead_runs(&mut self) -> Result<Vec<RunRow>, LedgerError> {
        let (own, mode) = (self.ledger.leases.own(), self.mode);
        let dead = self.read(|session| pages::dead_runs(session, &own))?;
        let dead: Vec<RunRow> = dead.into_iter().flatten().collect();
        if mode == TxMode::Write && !dead.is_empty() {
            // Their processes write nothing any more.
            let runs: Vec<i64> = dead.iter().map(|run| i64::from(run.number)).collect();
            const SQL: &str = "DELETE FROM leases WHERE run = ANY($1)";
            self.ask("write", |session| session.query(SQL, &[&runs]))?;
        }
        Ok(dead)
    }

    fn accounts(
        &mut self,
        after: AccountsAfter<'_>,
        limit: usize,
    ) -> Result<Vec<Read<AccountRow>>, LedgerError> {
        self.read(|session| pages::accounts(session, after, limit))
    }

    fn holds(&mut self, after: u64, limit: usize) -> Result<Vec<Read<HoldRow>>, LedgerError> {
        self.read(|session| pages::holds(session, after, limit))
    }

    fn entries(&mut self, filter: &EntryFilter<'_>) -> Result<Vec<Read<EntryRow>>, LedgerError> {
        self.read(|session| pages::entries(session, filter))
    }

    fn records(&mut self, filter: &RecordFilter<'_>) -> Result<Vec<Read<RecordRow>>, LedgerError> {
        self.read(|session| pages::records(session, filter))
    }

    fn runs(&mut self, filter: RunFilter<'_>) -> Result<Vec<ReadRun>, LedgerError> {
        self.read(|session| pages::runs(session, filter))
    }

    fn lines(
        &mut self,
        table: Table,
        after: u64,
        runs: RangeInclusive<u32>,
        each: &mut dyn FnMut(LineRow),
    ) -> Result<(), LedgerError> {
        self.read(|session| pages::lines(session, table, after, runs, each))
    }

    fn last_rows(&mut self) -> Result<LastNumbers, LedgerError> {
        self.read(pages::last_rows)
    }

    fn look_up_ids(&mut self, rows: &[IdOfRow]) -> Result<Vec<FoundById>, LedgerError> {
        self.read(|session| check::look_up_ids(session, rows))
    }

    fn check(&mut self, ids: LastNumbers) -> Result<Option<String>, LedgerError> {
        self.read(|session| check::check(session, ids))
    }
}
