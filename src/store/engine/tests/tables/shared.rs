//! What a simulated world does to rows that its processes share, and what must hold of them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::bank::{Balance, BootTime, Moment, Name};
use crate::store::Ledger;
use crate::store::clock::{Clock, ClockTime};
use crate::store::engine::Engine;

/// The clocks of one host.
#[derive(Clone)]
pub(crate) struct HostClock(Arc<Mutex<ClockTime>>);

impl HostClock {
    pub(crate) fn new() -> Self {
        HostClock(Arc::new(Mutex::new(ClockTime {
            wall: Moment::default(),
            boot_time: None,
        })))
    }

    /// Sets the wall clock, and how long the host has been up since which start of it.
    pub(crate) fn set(&self, wall: i64, boot: i64, up: Duration) {
        let micros = i64::try_from(up.as_micros()).unwrap_or(i64::MAX);
        *self.0.lock().unwrap() = ClockTime {
            wall: Moment::new(wall),
            boot_time: Some(BootTime { boot, micros }),
        };
    }
}

/// An entry, as far as promises speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostedEntry {
    pub(crate) run: Option<u32>,
    pub(crate) line: Option<u64>,
    pub(crate) id: Option<String>,
}

impl PostedEntry {
    fn of(row: &EntryRow) -> Self {
        PostedEntry {
            run: row.run,
            line: row.line.map(|line| line.number),
            id: row.id.as_ref().map(ToString::to_string),
        }
    }
}

impl Shared {
    /// Opens the ledger in this process, on the host of this clock.
    pub(crate) fn open_on(&self, process: u32, clock: &HostClock) -> Box<dyn Ledger> {
        let mut engine = Engine::new(self.open_in(process));
        engine.clock = Clock::Set(Arc::clone(&clock.0));
        Box::new(engine)
    }

    pub(crate) fn plant(&self, flaw: Option<Flaw>) {
        self.disk().flaw = flaw;
        self.leases.lock().unwrap().is_blind = flaw == Some(Flaw::LostLeaseWrites);
    }

    pub(crate) fn lease_by(&self, kind: LeaseKind) {
        self.leases.lock().unwrap().kind = kind;
    }

    /// What becomes of the next commit.
    pub(crate) fn next_commit(&self, fate: CommitFate) {
        self.disk().fates = vec![fate];
    }

    /// Whether no transaction begins: the ledger is away.
    pub(crate) fn lock(&self, is_locked: bool) {
        self.disk().is_locked = is_locked;
    }

    /// Time has passed, by the clock that leases end by.
    pub(crate) fn passed(&self, now: Duration) {
        self.leases.lock().unwrap().now = now;
    }

    /// A process makes its leases last longer.
    pub(crate) fn prolong(&self, process: u32) {
        self.leases.lock().unwrap().prolong(process);
    }

    /// The power is lost where the rows are. The processes of that host must be gone.
    pub(crate) fn lose_power(&self, is_left: impl FnMut() -> bool) {
        self.disk().lose_power(is_left);
    }

    /// Which commit made the rows what they are.
    pub(crate) fn commit(&self) -> u64 {
        self.disk().rows.commit
    }

    /// What was posted by this run.
    pub(crate) fn posted_by(&self, run: u32) -> Vec<PostedEntry> {
        let rows = Arc::clone(&self.disk().rows);
        let entries = rows.entries.values().map(|stored| &stored.row);
        let own = entries.filter(|row| row.run == Some(run));
        own.map(PostedEntry::of).collect()
    }

    /// The entry of this number.
    pub(crate) fn entry(&self, seq: u64) -> Option<PostedEntry> {
        let disk = self.disk();
        let stored = disk.rows.entries.get(&seq)?;
        Some(PostedEntry::of(&stored.row))
    }

    /// What is always true of the money and of what was posted.
    pub(crate) fn check(&self) -> Result<(), String> {
        let rows = Arc::clone(&self.disk().rows);
        let accounts = || rows.accounts.values().map(|stored| &stored.row);
        let sum: i128 = accounts().map(|row| i128::from(row.posted)).sum();
        if sum != 0 {
            return Err(format!("the sum over all accounts is {sum}"));
        }
        for row in accounts() {
            let name = Name::any(&row.name).map_err(|error| error.to_string())?;
            let account = row.account().ok_or("an account's row is none")?;
            let lowest = -account.overdraft().minor();
            let available = account.view().available;
            if !name.is_the_banks() && available < Balance::new(lowest) {
                return Err(format!("`{name}` has {available} available"));
            }
        }
        let (mut ids, mut lines) = (BTreeSet::new(), BTreeSet::new());
        for row in rows.entries.values().map(|stored| &stored.row) {
            if row.id.as_ref().is_some_and(|id| !ids.insert(id)) {
                return Err(format!("the id {:?} is posted twice", row.id));
            }
            let line = row.line.map(|line| (row.run, line.number));
            if line.is_some_and(|line| !lines.insert(line)) {
                return Err(format!("the line {line:?} is posted twice"));
            }
        }
        Ok(())
    }
}
