//! Allowances: a window is refilled once, and with what is missing to the limit.

use std::collections::HashSet;

use super::super::contradiction::Disagreement;
use super::super::history::{Observed, ToldWindow};
use super::RuleReplay;
use super::known::Epochs;
use crate::bank::{Moment, WindowEntry};

/// What is known of an account's allowance. What stands and what was taken back is known as long as no entry is
/// missing.
#[derive(Debug, Default)]
pub(super) struct KnownAllowance {
    /// The windows for which it was refilled.
    refilled: HashSet<Moment>,
    /// Those of them whose refills stand.
    standing: HashSet<Moment>,
    standing_in: u32,
    /// In which epoch it is known that no refill was ever taken back; 0: it is not.
    is_whole_in: u32,
    /// There was no allowance before this one.
    is_first: bool,
}

impl KnownAllowance {
    fn stands(&mut self, start: Moment, epochs: &Epochs) -> bool {
        self.standing_in == epochs.entries() && self.standing.contains(&start)
    }

    /// The least and the most with which it is refilled for a window in which it never was, where so much is
    /// available.
    fn refill(&self, told: &ToldWindow, available: i64, epochs: &Epochs) -> (i64, i64) {
        let limit = told.window.limit.minor();
        let missing = limit.saturating_sub(available);
        // What is due for windows that were left before they began comes with it.
        let is_whole = self.is_whole_in == epochs.entries();
        match told.window.rollover {
            true if is_whole => (limit, limit),
            true => (limit, i64::MAX),
            false if available < 0 && is_whole => (limit, limit),
            false if available < 0 => (limit, missing),
            false => (missing.max(0), missing.max(0)),
        }
    }

    fn note(&mut self, told: &ToldWindow, epochs: &Epochs) {
        if told.lapse > 0 || self.standing_in != epochs.entries() {
            self.standing.clear();
            self.standing_in = epochs.entries();
        }
        if told.lapse > 0 {
            self.is_whole_in = 0;
        }
        if told.refill > 0 {
            self.refilled.insert(told.window.start);
            self.standing.insert(told.window.start);
        }
    }
}

impl RuleReplay<'_> {
    /// An account came into a window, or has another allowance now.
    pub(super) fn entered(&mut self, one: &Observed) -> Result<(), Disagreement> {
        let epochs = self.epochs;
        let available = self.account(one.account).available(&epochs);
        let Some(told) = self.history.window(one).copied() else {
            return Ok(());
        };
        let account = one.account;
        let known = self.allowances.entry(account).or_default();
        let start = told.window.start;
        let is_twice = match told.window.entry {
            WindowEntry::New => known.refilled.contains(&start),
            WindowEntry::Again => {
                told.refill > 0 && told.lapse == 0 && known.stands(start, &epochs)
            }
            WindowEntry::Changed => false,
        };
        if is_twice {
            return Err(Disagreement::RefilledTwice { account });
        }
        let is_judged = match told.window.entry {
            WindowEntry::New => true,
            WindowEntry::Changed => std::mem::take(&mut known.is_first),
            WindowEntry::Again => false,
        };
        if let Some(available) = available.filter(|_| is_judged) {
            let available = available.saturating_sub(told.lapse);
            let (least, most) = known.refill(&told, available, &epochs);
            if !(least..=most).contains(&told.refill) {
                return Err(Disagreement::Refill {
                    account,
                    expected: told.refill.clamp(least, most),
                    told: told.refill,
                });
            }
        }
        known.note(&told, &epochs);
        Ok(())
    }

    /// A request opens the account, or changes what it may: what is known of its allowance counts no more, but for
    /// the windows for which it was refilled.
    pub(super) fn opens_allowance(&mut self, account: u32) {
        let epochs = self.epochs;
        let is_first = self.account(account).is_absent(&epochs);
        let known = self.allowances.entry(account).or_default();
        known.standing.clear();
        known.is_first = is_first;
        known.is_whole_in = match is_first {
            true => epochs.entries(),
            false => 0,
        };
    }

    /// Nothing that depends on what was left out is known any more.
    pub(super) fn forget_allowance(&mut self, account: u32) {
        if let Some(known) = self.allowances.get_mut(&account) {
            known.standing.clear();
            (known.is_whole_in, known.is_first) = (0, false);
        }
    }
}
