//! The rows of accounts.

use smol_str::SmolStr;

use super::{Content, KeptRow, checksum};
use crate::bank::{Account, Budget, Moment, Name};

/// An account as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct AccountRow {
    pub(crate) key: i64,
    pub(crate) name: SmolStr,
    pub(crate) posted: i64,
    pub(crate) held: i64,
    pub(crate) floor: i64,
    /// 1 where a request opened it.
    pub(crate) opened: Option<i64>,
    /// What it is filled up with in each window.
    pub(crate) allowance: Option<SmolStr>,
    /// When the last window began for which that was done.
    pub(crate) refilled: Option<i64>,
}

impl AccountRow {
    pub(crate) fn of(key: i64, name: &Name, account: &Account, budget: Option<&Budget>) -> Self {
        let (posted, held, floor) = account.parts();
        AccountRow {
            key,
            name: name.text().clone(),
            posted,
            held,
            floor,
            opened: account.is_opened().then_some(1),
            allowance: budget.map(|budget| SmolStr::new(budget.to_text())),
            refilled: budget.map(|budget| budget.start().micros()),
        }
    }

    /// The account; `None` if that is none.
    pub(crate) fn account(&self) -> Option<Account> {
        let account = Account::from_parts((self.posted, self.held, self.floor))?;
        match self.opened {
            None => Some(account),
            Some(1) => Some(account.opened()),
            Some(_) => None,
        }
    }

    /// What is known of its allowance; `None` if that is none.
    pub(crate) fn budget(&self) -> Option<Option<Budget>> {
        let Some(text) = &self.allowance else {
            return self.refilled.is_none().then_some(None);
        };
        let refilled = Moment::new(self.refilled?);
        let budget = Budget::read(text).filter(|budget| budget.start() == refilled);
        budget.map(Some)
    }
}

impl KeptRow for AccountRow {
    fn number(&self) -> i64 {
        self.key
    }

    fn checksum(&self, content: &mut Content) -> i64 {
        content.of(b'a').number(self.key).text(Some(&self.name));
        content
            .number(self.posted)
            .number(self.held)
            .number(self.floor);
        content
            .later(1, self.opened)
            .later_text(2, self.allowance.as_deref())
            .later(3, self.refilled);
        checksum(&content.hash())
    }
}
