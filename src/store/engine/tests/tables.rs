//! Rows in memory, for tests: the least that a backend must do, and a count of what it was asked. Several
//! processes may share them, with what can go wrong between them and the disk beneath.

mod disk;
mod flaw;
mod leases;
mod shared;
mod transaction;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::bank::Unit;
use crate::store::engine::backend::*;
use crate::store::engine::rows::*;
use crate::store::{LedgerError, Verified};

pub(crate) use disk::CommitFate;
use disk::Disk;
pub(crate) use flaw::Flaw;
pub(crate) use leases::LeaseKind;
use leases::{Leased, Leases};
pub(crate) use shared::HostClock;

/// All rows of a ledger.
#[derive(Clone)]
struct Tables {
    /// Which commit made them so.
    commit: u64,
    unit: Stored<Unit>,
    head: Stored<Head>,
    accounts: BTreeMap<i64, Stored<AccountRow>>,
    entries: BTreeMap<u64, Stored<EntryRow>>,
    records: BTreeMap<u64, Stored<RecordRow>>,
    holds: BTreeMap<u64, Stored<HoldRow>>,
    runs: BTreeMap<u32, RunRow>,
}

/// Rows that several ledgers share.
#[derive(Clone)]
pub(crate) struct Shared {
    disk: Arc<Mutex<Disk>>,
    leases: Arc<Mutex<Leases>>,
}

/// How often a backend was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) begun: usize,
    pub(super) loads: usize,
    pub(super) applies: usize,
    pub(super) others: usize,
}

/// One user of shared rows.
pub(crate) struct InMemory {
    shared: Shared,
    /// The process that it belongs to.
    process: u32,
    /// Which commit its last transaction saw.
    seen: Option<u64>,
    pub(super) calls: Calls,
}

/// A transaction on a copy of the rows, which takes their place.
struct Copied<'a> {
    disk: MutexGuard<'a, Disk>,
    leases: &'a Arc<Mutex<Leases>>,
    process: u32,
    seen: &'a mut Option<u64>,
    calls: &'a mut Calls,
    mode: TxMode,
    rows: Arc<Tables>,
    is_changed: bool,
    is_applied: bool,
}

impl Tables {
    /// Those of a ledger in which nothing was done.
    fn new() -> Self {
        let unit = Unit::default();
        let content = &mut Content::default();
        let own = own_accounts().map(|row| (row.key, Stored::sealed(row, content)));
        Tables {
            commit: 0,
            head: Stored::sealed(Head::first(&unit), content),
            unit: Stored::sealed(unit, content),
            accounts: own.into(),
            entries: BTreeMap::new(),
            records: BTreeMap::new(),
            holds: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }
}

impl Shared {
    pub(crate) fn new() -> Self {
        Shared {
            disk: Arc::new(Mutex::new(Disk::new(Tables::new()))),
            leases: Arc::default(),
        }
    }

    pub(super) fn open(&self) -> InMemory {
        self.open_in(0)
    }

    /// Opens them in this process.
    pub(super) fn open_in(&self, process: u32) -> InMemory {
        InMemory {
            shared: self.clone(),
            process,
            seen: None,
            calls: Calls::default(),
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }
}

impl InMemory {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Backend for InMemory {
    fn begin(&mut self, mode: TxMode) -> Result<Box<dyn Tx + '_>, LedgerError> {
        self.calls.begun += 1;
        let disk = self.shared.disk.lock().unwrap();
        disk.check_open()?;
        if mode == TxMode::Write
            && let Some(run) = self.shared.leases.lock().unwrap().lost(self.process)
        {
            let ledger = "memory".to_string();
            return Err(LedgerError::LeaseLost { ledger, run });
        }
        let rows = Arc::clone(&disk.rows);
        let is_changed = match self.seen.replace(rows.commit) {
            Some(known) => known != rows.commit && !disk.has(Flaw::ChangesUntold),
            None => true,
        };
        Ok(Box::new(Copied {
            disk,
            leases: &self.shared.leases,
            process: self.process,
            seen: &mut self.seen,
            calls: &mut self.calls,
            mode,
            rows,
            is_changed,
            is_applied: false,
        }))
    }

    fn name(&self) -> String {
        "memory".to_string()
    }

    fn backup(&mut self, _: &Path) -> Result<Verified, LedgerError> {
        unreachable!("no test copies it")
    }
}
