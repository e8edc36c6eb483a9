//! What is known of an account between two answers.

use crate::bank::{Account, Amount};

/// How often something happened that stands in no line. What was known before that is not known any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epochs {
    entries: u32,
    changes: u32,
    /// Nothing was there at first, so that all accounts are known that no answer told of.
    is_from_the_start: bool,
    /// How far below zero accounts may go that no request opened; `None`: unknown.
    pub(super) overdraft: Option<i64>,
}

/// The epoch of what is not known.
const UNKNOWN: u32 = 0;

impl Epochs {
    pub(super) fn new(is_from_the_start: bool) -> Self {
        Epochs {
            entries: UNKNOWN + 1,
            changes: UNKNOWN + 1,
            is_from_the_start,
            overdraft: is_from_the_start.then_some(0),
        }
    }

    /// Changes were passed. Any of them, also an entry, may have ended a hold.
    pub(super) fn pass(&mut self, entries: bool) {
        self.entries += u32::from(entries);
        self.changes += 1;
    }

    /// Whether changes were passed.
    pub(super) fn has_passed(&self) -> bool {
        self.changes > UNKNOWN + 1
    }

    /// How often entries were passed.
    pub(super) fn entries(&self) -> u32 {
        self.entries
    }

    /// Whether every change so far was told.
    pub(super) fn is_all_known(&self) -> bool {
        self.is_from_the_start && self.entries == UNKNOWN + 1 && self.changes == UNKNOWN + 1
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KnownAccount {
    posted: i64,
    held: i64,
    /// The epoch in which what is posted was known last.
    posted_in: u32,
    /// The epoch in which what is held was known last.
    held_in: u32,
    /// The least and the greatest limit that fit all answers since `limit_in`: an account may not go below
    /// its limit, which is zero or less.
    limit_low: i64,
    limit_high: i64,
    limit_in: u32,
    /// An answer told the limit.
    is_limit_told: bool,
    /// It was there once, and no account goes away.
    exists: bool,
    /// A request opened it.
    opened: bool,
    /// Nothing was ever told of it, from the start on.
    is_untouched: bool,
    is_the_banks: bool,
}

impl KnownAccount {
    pub(super) fn unknown(is_the_banks: bool) -> Self {
        KnownAccount {
            posted: 0,
            held: 0,
            posted_in: UNKNOWN,
            held_in: UNKNOWN,
            limit_low: i64::MIN,
            limit_high: if is_the_banks { i64::MIN } else { 0 },
            limit_in: UNKNOWN,
            is_limit_told: false,
            exists: is_the_banks,
            opened: is_the_banks,
            is_untouched: false,
            is_the_banks,
        }
    }

    /// What is known of an account before any answer told of it.
    pub(super) fn at_first(is_the_banks: bool, epochs: &Epochs) -> Self {
        let unknown = KnownAccount::unknown(is_the_banks);
        if !epochs.is_from_the_start {
            return unknown;
        }
        let first = KnownAccount {
            posted_in: UNKNOWN + 1,
            held_in: UNKNOWN + 1,
            is_untouched: true,
            ..unknown
        };
        match epochs.overdraft {
            Some(overdraft) if !is_the_banks => KnownAccount {
                limit_low: -overdraft,
                limit_high: -overdraft,
                limit_in: UNKNOWN + 1,
                is_limit_told: true,
                ..first
            },
            _ => first,
        }
    }

    /// It holds this.
    pub(super) fn tell(&mut self, balance: i64, available: Option<i64>, epochs: &Epochs) {
        self.posted = balance;
        self.posted_in = epochs.entries;
        if let Some(held) = available.and_then(|available| balance.checked_sub(available)) {
            self.held = held;
            self.held_in = epochs.changes;
        }
        self.exist();
    }

    /// It holds this, unless it is known already what it holds.
    pub(super) fn learn(&mut self, balance: i64, held: Option<i64>, epochs: &Epochs) {
        if self.balance(epochs).is_none() {
            self.posted = balance;
            self.posted_in = epochs.entries;
            // An account that is told of is there.
            self.is_untouched = false;
        }
        if let Some(held) = held.filter(|_| self.held_in != epochs.changes) {
            self.held = held;
            self.held_in = epochs.changes;
        }
    }

    /// A request opened it, with this limit.
    pub(super) fn open(&mut self, overdraft: Option<i64>, epochs: &Epochs) {
        self.exist();
        self.opened = true;
        if let Some(overdraft) = overdraft {
            self.limit(overdraft, epochs);
        }
    }

    /// Its limit is known.
    pub(super) fn limit(&mut self, overdraft: i64, epochs: &Epochs) {
        if !self.is_the_banks {
            self.limit_low = -overdraft;
            self.limit_high = -overdraft;
            self.limit_in = epochs.changes;
            self.is_limit_told = true;
        }
    }

    pub(super) fn exist(&mut self) {
        self.exists = true;
        self.is_untouched = false;
    }

    pub(super) fn forget_held(&mut self) {
        self.held_in = UNKNOWN;
    }

    /// It is certain that there is no such account.
    pub(super) fn is_absent(&self, epochs: &Epochs) -> bool {
        self.is_untouched && !self.exists && epochs.is_all_known()
    }

    /// It is certain that it is there.
    pub(super) fn exists(&self) -> bool {
        self.exists
    }

    /// It is certain that a request opened it.
    pub(super) fn is_opened(&self) -> bool {
        self.opened
    }

    pub(super) fn balance(&self, epochs: &Epochs) -> Option<i64> {
        (self.posted_in == epochs.entries).then_some(self.posted)
    }

    pub(super) fn available(&self, epochs: &Epochs) -> Option<i64> {
        let balance = self.balance(epochs)?;
        let is_held_known = self.held_in == epochs.changes;
        is_held_known.then(|| balance.saturating_sub(self.held))
    }

    pub(super) fn is_known(&self, epochs: &Epochs) -> bool {
        self.available(epochs).is_some()
    }

    /// The account as the rules see it, with the lowest limit that it may have.
    pub(super) fn most_permissive(&self, epochs: &Epochs) -> Account {
        let low = match self.limit_in == epochs.changes {
            true => self.limit_low,
            false => i64::MIN,
        };
        self.as_account(low, epochs)
    }

    /// The account as the rules see it, with the highest limit that it may have.
    pub(super) fn least_permissive(&self, epochs: &Epochs) -> Account {
        let high = match self.limit_in == epochs.changes {
            true => self.limit_high,
            false => self.highest(),
        };
        self.as_account(high, epochs)
    }

    fn highest(&self) -> i64 {
        match self.is_the_banks {
            true => i64::MIN,
            false => 0,
        }
    }

    fn as_account(&self, limit: i64, epochs: &Epochs) -> Account {
        let posted = self.balance(epochs);
        let held = (self.held_in == epochs.changes).then_some(self.held);
        // Where not both are known, no limit can be applied.
        let (limit, posted, held) = match (posted, held) {
            (Some(posted), Some(held)) => (limit, posted, held),
            (posted, held) => (i64::MIN, posted.unwrap_or(0), held.unwrap_or(0)),
        };
        Account::from_parts((posted, held, limit)).unwrap_or(Account::the_banks())
    }

    /// What the rules made of it; what was not known is not known now.
    pub(super) fn follow(&mut self, after: Account, epochs: &Epochs) {
        if self.posted_in == epochs.entries {
            self.posted = after.posted;
        }
        if self.held_in == epochs.changes {
            self.held = after.held;
        }
    }

    /// What was posted to it.
    pub(super) fn add(&mut self, minor: i64, epochs: &Epochs) {
        if self.posted_in == epochs.entries {
            self.posted = self.posted.saturating_add(minor);
        }
    }

    /// Something was accepted that took it to where it is. Tells whether it is certain that its limit allows
    /// that.
    pub(super) fn accept(&mut self, epochs: &Epochs) -> bool {
        self.exist();
        let available = match self.available(epochs) {
            Some(available) if !self.is_the_banks => available,
            _ => return true,
        };
        self.begin_limit(epochs);
        self.limit_high = self.limit_high.min(available.max(self.limit_low));
        available >= 0 || self.is_limit_told
    }

    /// An amount was refused for want of money.
    pub(super) fn refuse(&mut self, amount: Amount, epochs: &Epochs) {
        if let Some(available) = self.available(epochs).filter(|_| !self.is_the_banks) {
            self.begin_limit(epochs);
            let rest = available.saturating_sub(amount.minor());
            self.limit_low = self
                .limit_low
                .max(rest.saturating_add(1).min(self.limit_high));
        }
    }

    fn begin_limit(&mut self, epochs: &Epochs) {
        if self.limit_in != epochs.changes {
            self.limit_low = i64::MIN;
            self.limit_high = self.highest();
            self.limit_in = epochs.changes;
            self.is_limit_told = false;
        }
    }
}
