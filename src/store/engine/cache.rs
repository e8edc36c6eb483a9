//! What is remembered of a ledger between transactions: the ledger state, and what is known beside it.

use super::UnitOfWork;
use super::backend::{Changes, LedgerPosition, WantedRows};
use super::recorder::Recorder;
use super::rows::Head;
use crate::bank::{Balance, LOANS, LedgerState, Now, WORLD};
use crate::store::LedgerError;

/// The most accounts and ids that are remembered between batches.
const MAX_REMEMBERED: usize = 500_000;

/// What is remembered of a ledger.
pub(crate) struct Cache {
    pub(crate) state: LedgerState,
    pub(crate) keys: CacheKeys,
    pub(crate) validity: CacheState,
    /// What the transaction changes.
    pub(crate) changes: Changes,
}

/// Whether what is remembered is what the ledger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheState {
    /// A transaction did not count, so the state may have gone ahead of the ledger.
    Invalid,
    /// Another process has written since the ledger stood at the head that is known.
    Stale,
    /// It is what the ledger says.
    Current,
}

/// What is known of the ledger beside the state.
#[derive(Default)]
pub(crate) struct CacheKeys {
    pub(crate) head: Head,
    /// The key of each account of the ledger, by its place in the state.
    keys: Vec<AccountKey>,
    /// The key of the newest account.
    pub(crate) last_key: i64,
    /// The places of the accounts that changed in this batch.
    changed: Vec<usize>,
}

#[derive(Clone, Copy)]
pub(crate) struct AccountKey {
    pub(crate) number: i64,
    pub(crate) is_new: bool,
    is_changed: bool,
}

impl CacheKeys {
    /// Notes that an account changed.
    pub(crate) fn change(&mut self, slot: usize) {
        while self.keys.len() <= slot {
            self.last_key += 1;
            self.keys.push(AccountKey {
                number: self.last_key,
                is_new: true,
                is_changed: false,
            });
        }
        let key = &mut self.keys[slot];
        if !key.is_changed {
            key.is_changed = true;
            self.changed.push(slot);
        }
    }

    /// Notes the key of an account that was brought in.
    pub(crate) fn know(&mut self, slot: usize, number: i64) {
        let key = AccountKey {
            number,
            is_new: false,
            is_changed: false,
        };
        match self.keys.get_mut(slot) {
            Some(known) => *known = key,
            None => self.keys.push(key),
        }
    }

    /// The key of the account in this place.
    pub(crate) fn key(&self, slot: usize) -> i64 {
        self.keys[slot].number
    }

    /// The places and keys of the accounts that changed, in the order of their keys. From now on they
    /// count as written.
    pub(crate) fn take_changed(&mut self) -> Vec<(usize, AccountKey)> {
        let keys = &mut self.keys;
        let changed = self.changed.drain(..).map(|slot| {
            let key = keys[slot];
            (keys[slot].is_new, keys[slot].is_changed) = (false, false);
            (slot, key)
        });
        let mut changed: Vec<_> = changed.collect();
        changed.sort_unstable_by_key(|(_, key)| key.number);
        changed
    }
}

impl Cache {
    pub(crate) fn new() -> Self {
        Cache {
            state: LedgerState::new(Balance::default()),
            keys: CacheKeys::default(),
            validity: CacheState::Invalid,
            changes: Changes::default(),
        }
    }

    /// Another process has written.
    pub(crate) fn mark_stale(&mut self) {
        if self.validity == CacheState::Current {
            self.validity = CacheState::Stale;
        }
    }

    /// Forgets every account, hold and id.
    fn forget(&mut self) {
        self.state.forget();
        self.keys = CacheKeys::default();
        for (slot, key) in [(0, 1), (1, 2)] {
            self.keys.know(slot, key);
        }
    }

    /// Whether so much is remembered that it is better read anew.
    fn is_full(&mut self) -> bool {
        let remembered = self.state.places().max(self.state.ids().count());
        remembered > MAX_REMEMBERED
    }

    /// The state, and the recorder of what it decides.
    pub(crate) fn recorder<'a>(&'a mut self, now: Now) -> (&'a mut LedgerState, Recorder<'a>) {
        let recorder = Recorder::new(&mut self.keys, &mut self.changes, now);
        (&mut self.state, recorder)
    }
}

impl UnitOfWork<'_> {
    /// Reads anew what may not be right any more, and sets the clocks.
    pub(super) fn catch_up(&mut self) -> Result<(), LedgerError> {
        let validity = self.cache.validity;
        if validity != CacheState::Current || self.cache.is_full() {
            // After a transaction that did not count, the state may know of lines that were not done.
            let known = (validity != CacheState::Invalid).then_some(self.cache.keys.head.last);
            self.cache.validity = CacheState::Invalid;
            self.cache.forget();
            let LedgerPosition { head, last_account } = self.tx.position()?;
            if !head.is_right() {
                return Err(self.damaged("the head's checksum is wrong"));
            }
            self.read_new_lines(known)?;
            self.cache.keys.head = head.row;
            self.cache.keys.last_key = last_account;
            let mut wanted = WantedRows {
                accounts: vec![WORLD.clone(), LOANS.clone()],
                ..WantedRows::default()
            };
            if validity == CacheState::Invalid {
                // The state may know of more holds of this process's runs, or of fewer.
                self.cache.state.forget_begun();
                wanted.holds_of = self.runs.leases.keys().copied().collect();
            }
            self.load_missing(&wanted)?;
            self.cache.validity = CacheState::Current;
            self.now.label = self.now.wall.max(head.row.at);
        }
        self.hash = self.cache.keys.head.hash;
        self.cache.state.resume(self.cache.keys.head.last, self.now);
        Ok(())
    }
}
