//! The leases of runs, of either kind: those that end with their process, as the locks of a file do, and
//! those that end by the clock unless they are made to last longer, as in a database that several hosts use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// By what a lease ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LeaseKind {
    /// Its process ends.
    #[default]
    Process,
    /// It was not made to last longer for so long.
    Time(Duration),
}

/// Which process has a run.
#[derive(Clone, Copy, Debug)]
struct Holder {
    process: u32,
    /// Tells this lease from an earlier one of the same process.
    epoch: u64,
    ends: Duration,
}

#[derive(Default)]
pub(super) struct Leases {
    pub(super) kind: LeaseKind,
    pub(super) now: Duration,
    runs: BTreeMap<u32, Holder>,
    /// The runs that each process believes to have, and by which lease.
    believed: BTreeMap<(u32, u32), u64>,
    epochs: u64,
    /// One that was lost is not noticed.
    pub(super) is_blind: bool,
}

impl Leases {
    fn is_over(&self, holder: &Holder) -> bool {
        self.kind != LeaseKind::Process && holder.ends <= self.now
    }

    pub(super) fn is_live(&self, run: u32) -> bool {
        self.runs
            .get(&run)
            .is_some_and(|holder| !self.is_over(holder))
    }

    /// Takes the lease of a run, if no other process has it.
    pub(super) fn take(&mut self, run: u32, process: u32, anyway: bool) -> Option<u64> {
        if self.is_live(run) && !anyway {
            return None;
        }
        self.epochs += 1;
        let lasts = match self.kind {
            LeaseKind::Process => Duration::ZERO,
            LeaseKind::Time(lasts) => lasts,
        };
        let holder = Holder {
            process,
            epoch: self.epochs,
            ends: self.now + lasts,
        };
        self.runs.insert(run, holder);
        self.believed.insert((process, run), self.epochs);
        Some(self.epochs)
    }

    /// Whichever process had this run writes nothing any more. What a process has by a lock ends with it alone.
    pub(super) fn revoke(&mut self, run: u32) {
        if self.kind != LeaseKind::Process {
            self.runs.remove(&run);
        }
    }

    /// Makes all leases of a process last longer that it still has.
    pub(super) fn prolong(&mut self, process: u32) {
        if let LeaseKind::Time(lasts) = self.kind {
            let ends = self.now + lasts;
            let own = self
                .runs
                .values_mut()
                .filter(|holder| holder.process == process);
            own.for_each(|holder| holder.ends = ends);
        }
    }

    /// A run that this process believes to have and has not any more.
    pub(super) fn lost(&self, process: u32) -> Option<u32> {
        let own = self.believed.range((process, 0)..=(process, u32::MAX));
        let mut lost = own.filter(|((_, run), epoch)| {
            let holder = self.runs.get(run);
            holder.is_none_or(|holder| holder.epoch != **epoch)
        });
        lost.next()
            .map(|((_, run), _)| *run)
            .filter(|_| !self.is_blind)
    }
}

/// A run that one process has until this is dropped.
pub(super) struct Leased {
    pub(super) leases: Arc<Mutex<Leases>>,
    pub(super) run: u32,
    pub(super) process: u32,
    pub(super) epoch: u64,
}

impl Drop for Leased {
    fn drop(&mut self) {
        let mut leases = self.leases.lock().unwrap();
        let own = (self.process, self.run);
        if leases.believed.get(&own) == Some(&self.epoch) {
            leases.believed.remove(&own);
        }
        let holder = leases.runs.get(&self.run);
        if holder.is_some_and(|holder| holder.epoch == self.epoch) {
            leases.runs.remove(&self.run);
        }
    }
}
