//! Holds everything in the file against everything else.
//!
//! The entries and records are walked in the chain's order, and the ledger is added up anew from them:
//! every row must be what the bank's rules make of the rows before it. At the end the rows that are
//! kept beside them (accounts, holds, head) must say the same.
//!
//! The walk goes in pages, each a short read transaction of its own, since a long one would let the
//! log of those who write meanwhile grow. What was walked never changes, so the pages fit together; the
//! rest of the tail and what is kept beside it are read in one transaction, as of one moment.

mod budgets;
mod groups;
mod hold_ends;
mod lookups;
mod recount;
mod refusals;
mod shape;
mod tables;
mod walk;
mod words;

use std::fmt::Display;

use super::Engine;
use super::backend::{Backend, Tx, TxMode};
use super::rows::{BadRow, sound};
use crate::store::{ChainEnd, LedgerError, Verified};
use walk::Walk;

/// The rows of one page: few enough that the next page takes the same room.
const PAGE: usize = 2_000;

/// What a check comes to.
type Checked<T = ()> = Result<T, Stop>;

/// A row is right, or why it is not.
type RowCheck<T = ()> = Result<T, String>;

/// Why the checking ends before all is checked.
enum Stop {
    /// Something is wrong: what it says, and what it must be.
    Wrong(String),
    /// The backend cannot go on.
    Failed(LedgerError),
}

impl Stop {
    /// The same, said of something.
    fn of(self, what: impl Display) -> Self {
        match self {
            Stop::Wrong(why) => Stop::Wrong(format!("{what} {why}")),
            stop => stop,
        }
    }
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Stop::Wrong(why)
    }
}

impl From<BadRow> for Stop {
    fn from(bad: BadRow) -> Self {
        Stop::Wrong(bad.why)
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Damaged { what, .. } => Stop::Wrong(what),
            error => Stop::Failed(error),
        }
    }
}

fn wrong<T>(why: impl Into<String>) -> Checked<T> {
    Err(Stop::Wrong(why.into()))
}

impl<B: Backend> Engine<B> {
    /// Checks everything, and writes nothing.
    pub(crate) fn check_all(&mut self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        self.check_in_pages(PAGE, expect)
    }

    /// The same, in pages of so many rows.
    pub(crate) fn check_in_pages(
        &mut self,
        page: usize,
        expect: Option<&ChainEnd>,
    ) -> Result<Verified, LedgerError> {
        let mut walk = Walk::new(expect.copied());
        let violation = match self.check(&mut walk, page) {
            Ok(()) => None,
            Err(Stop::Wrong(why)) => Some(why),
            Err(Stop::Failed(error)) => return Err(error),
        };
        Ok(walk.verified(violation))
    }

    fn check(&mut self, walk: &mut Walk, page: usize) -> Checked {
        let unit = self.reading(|tx| Ok(tx.unit()?))?;
        let unit =
            sound(unit).map_err(|_| "the row of what the ledger counts is wrong".to_string())?;
        walk.begin(&unit)?;
        self.catch_up_with_writers(walk, page)?;
        self.reading(|tx| {
            while !walk.page(tx, page)? {}
            walk.check_tables(tx)?;
            walk.check_expected_was_met()?;
            match tx.check(walk.ids)? {
                Some(why) => wrong(why),
                None => Ok(()),
            }
        })
    }

    /// Walks in pages until little is left, or until those who write are about as fast.
    fn catch_up_with_writers(&mut self, walk: &mut Walk, page: usize) -> Checked {
        let mut left = self.reading(|tx| walk.left(tx))?;
        while left > page as u64 {
            let goal = walk.walked().saturating_add(left);
            while walk.walked() < goal {
                if self.reading(|tx| walk.page(tx, page))? {
                    return Ok(());
                }
            }
            let more = self.reading(|tx| walk.left(tx))?;
            if more > left / 2 {
                return Ok(());
            }
            left = more;
        }
        Ok(())
    }

    /// Reads in a transaction of its own.
    fn reading<T>(&mut self, read: impl FnOnce(&mut dyn Tx) -> Checked<T>) -> Checked<T> {
        let (mut tx, ..) = self.begin(TxMode::Read)?;
        let found = read(&mut *tx)?;
        tx.commit()?;
        Ok(found)
    }
}
