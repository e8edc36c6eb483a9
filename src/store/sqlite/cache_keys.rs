//! What is known of the file beside the ledger state.

use super::rows::Head;

/// What is known of the file beside the ledger state.
pub(super) struct CacheKeys {
    /// SQLite's count of other connections' commits, when the ledger state was last right; nothing before
    /// they are.
    pub(super) version: Option<i64>,
    pub(super) head: Head,
    /// The last entry so far, within a batch.
    pub(super) seq: u64,
    /// The key of each account in the file, by its place in the ledger state.
    pub(super) keys: Vec<AccountKey>,
    /// The next account's key.
    pub(super) next_key: i64,
    /// The places of the accounts that changed in this batch.
    pub(super) changed: Vec<usize>,
}

#[derive(Clone, Copy)]
pub(super) struct AccountKey {
    pub(super) number: i64,
    pub(super) is_new: bool,
    pub(super) is_changed: bool,
}

impl CacheKeys {
    pub(super) fn change(&mut self, slot: usize) {
        while self.keys.len() <= slot {
            let number = self.next_key;
            self.next_key += 1;
            self.keys.push(AccountKey {
                number,
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
    pub(super) fn know(&mut self, slot: usize, number: i64) {
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
}
