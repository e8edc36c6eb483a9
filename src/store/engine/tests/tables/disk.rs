//! The disk beneath the rows: what a commit comes to, and what is left of it after a loss of power.
//!
//! Commits are written to a log and synced. One whose sync failed does not count, and a later one is written in
//! its place; but where none was, a loss of power may leave it in the log, and then it counts. Where syncs lie,
//! writes are reordered: each commit since may be there or not, and the log is believed up to the first that is
//! missing or torn. So what is left is always a state that once was.

use std::sync::Arc;

use super::{Flaw, Tables};
use crate::store::LedgerError;

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CommitFate {
    /// It is durable, and told so.
    #[default]
    Done,
    /// Nothing was written, and that is told: the disk is full.
    NotDone,
    /// Nothing was written, and that is not known.
    Lost,
    /// It is durable, and that is not known.
    Untold,
    /// It was written and its sync failed: it does not count, unless it is the last when the power is lost.
    Unsynced,
}

pub(super) struct Disk {
    /// What is read.
    pub(super) rows: Arc<Tables>,
    /// What is surely there after a loss of power.
    synced: Arc<Tables>,
    /// What was written since and not synced, in its order.
    written: Vec<Arc<Tables>>,
    /// What was written last and could not be synced.
    unsynced: Option<Arc<Tables>>,
    /// How many commits there ever were.
    commits: u64,
    /// What becomes of the next ones, in this order; of the others, that they are done.
    pub(super) fates: Vec<CommitFate>,
    /// No transaction begins: another process keeps it locked, or the server is away.
    pub(super) is_locked: bool,
    pub(super) flaw: Option<Flaw>,
}

impl Disk {
    pub(super) fn new(tables: Tables) -> Self {
        let rows = Arc::new(tables);
        Disk {
            synced: Arc::clone(&rows),
            rows,
            written: Vec::new(),
            unsynced: None,
            commits: 0,
            fates: Vec::new(),
            is_locked: false,
            flaw: None,
        }
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(super) fn check_open(&self) -> Result<(), LedgerError> {
        match self.is_locked {
            false => Ok(()),
            true => Err(LedgerError::Unreachable {
                ledger: "memory".to_string(),
                what: "is away".to_string(),
            }),
        }
    }

    /// Ends a transaction that made these rows of the ones before.
    pub(super) fn commit(&mut self, mut rows: Arc<Tables>) -> Result<(), LedgerError> {
        let fate = match self.fates.is_empty() {
            true => CommitFate::Done,
            false => self.fates.remove(0),
        };
        self.commits += 1;
        Arc::make_mut(&mut rows).commit = self.commits;
        let counts = match fate {
            CommitFate::Done | CommitFate::Untold => true,
            CommitFate::Unsynced => {
                self.unsynced = Some(Arc::clone(&rows));
                false
            }
            CommitFate::NotDone => self.has(Flaw::NotDoneCounts),
            CommitFate::Lost => {
                let before = &self.rows;
                if let Some(torn) = self.flaw.and_then(|flaw| torn(flaw, before, &rows)) {
                    self.rows = Arc::new(torn);
                    self.synced = Arc::clone(&self.rows);
                }
                false
            }
        };
        if counts {
            self.rows = Arc::clone(&rows);
            self.written.push(rows);
            if !self.has(Flaw::OldLogComesBack) {
                self.unsynced = None;
            }
            if !self.has(Flaw::LyingSync) {
                self.written.clear();
                self.synced = Arc::clone(&self.rows);
            }
        }
        self.told(fate)
    }

    /// What is told of a commit.
    fn told(&self, fate: CommitFate) -> Result<(), LedgerError> {
        let ledger = "memory".to_string();
        let not_done = LedgerError::Unwritable {
            ledger: ledger.clone(),
            doing: "write",
            cause: "the disk is full".to_string(),
        };
        match fate {
            CommitFate::Done => Ok(()),
            CommitFate::NotDone => Err(not_done),
            _ if self.has(Flaw::UnknownIsDone) => Ok(()),
            CommitFate::Untold if self.has(Flaw::UntoldIsNotDone) => Err(not_done),
            CommitFate::Lost | CommitFate::Untold | CommitFate::Unsynced => {
                let cause = "no answer came".to_string();
                Err(LedgerError::Unknown { ledger, cause })
            }
        }
    }

    /// The power is lost. Of what was written and not synced, `is_left` tells of each whether the disk has it.
    pub(super) fn lose_power(&mut self, mut is_left: impl FnMut() -> bool) {
        let left = self.written.iter().take_while(|_| is_left()).count();
        if let Some(last) = left.checked_sub(1) {
            self.synced = Arc::clone(&self.written[last]);
        }
        if let Some(unsynced) = self.unsynced.take().filter(|_| is_left()) {
            self.synced = unsynced;
        }
        self.written.clear();
        self.rows = Arc::clone(&self.synced);
    }
}

/// What is left of a commit that is torn.
fn torn(flaw: Flaw, before: &Tables, after: &Tables) -> Option<Tables> {
    let commit = after.commit;
    match flaw {
        Flaw::TornCommit => Some(Tables {
            accounts: after.accounts.clone(),
            commit,
            ..before.clone()
        }),
        Flaw::TornAccounts => Some(Tables {
            accounts: before.accounts.clone(),
            ..after.clone()
        }),
        _ => None,
    }
}
