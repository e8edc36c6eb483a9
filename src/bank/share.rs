//! The data that `server-share` shares, and the bank's rules applied to what a worker read of it.

use serde::{Deserialize, Serialize};

use super::{Account, Balance, Name, Operation, Rejection, Sides};

/// One account as workers share it: its money, and what tells one state of it from the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Whose money it is.
    pub name: Name,
    /// Whether the account is open; money coming in opens it.
    pub open: bool,
    /// The money.
    pub account: Account,
    /// Counts the writes to this cell.
    pub version: u64,
    /// Counts the updates that the money includes. Every writer adds one to what it read, so where
    /// there were more writes than this, updates were lost.
    pub updates: u64,
}

/// A wait for a lock in shared memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockWait {
    /// The account whose lock it is; `None`: it is the one over everything.
    pub account: Option<Name>,
    /// The worker that holds it, by its number, if one has said so.
    pub holder: Option<u32>,
    /// Why the wait is in vain, if it is.
    pub in_vain: Option<WaitInVain>,
}

/// Why a lock never becomes free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitInVain {
    /// Its holder waits for a lock whose holder waits, and so on, in a circle.
    Deadlock,
    /// Its holder, or one that its holder waits for, died with it.
    HolderDied,
}

/// Which process completed what a worker had half-written when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairedBy {
    /// The worker of this number, which had the lock next.
    Worker(u32),
    /// The parent, which looked after the dead.
    Parent,
}

/// How a worker reached a balance in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemoryAccess {
    /// It read it.
    Read,
    /// It wrote it.
    Wrote,
    /// It added this to it, in one step.
    Added(Balance),
    /// It found another one than it had read, and wrote nothing.
    Conflict,
}

/// The accesses to shared memory before which a worker can be made to ask for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharePoint {
    /// To take a lock.
    Acquire,
    /// To read the cells.
    Read,
    /// To write them, or to compare and set, or to add.
    Write,
    /// To write the second cell: the first one is written.
    HalfWritten,
    /// To release a lock.
    Release,
}

/// The cells that an operation touches, the debit side first.
pub fn touched(operation: &Operation) -> Vec<Name> {
    match operation.movement() {
        Some(movement) => vec![movement.debit.clone(), movement.credit.clone()],
        None => vec![operation.account.clone()],
    }
}

impl Cell {
    /// The two cells of a movement after the operation, decided on `cells` as they were read by
    /// [`touched`].
    pub fn decide(operation: &Operation, cells: &[Cell]) -> Result<Vec<Cell>, Rejection> {
        let (Some(movement), [debit, credit]) = (operation.movement(), cells) else {
            return Err(Rejection::UnknownAccount);
        };
        movement.check()?;
        if !debit.open {
            return Err(Rejection::UnknownAccount);
        }
        let before = Sides {
            debit: debit.account,
            credit: credit.account,
        };
        let after = before.execute(movement.amount)?;
        Ok(vec![
            debit.updated(after.debit),
            credit.updated(after.credit),
        ])
    }

    fn updated(&self, account: Account) -> Cell {
        Cell {
            name: self.name.clone(),
            open: true,
            account,
            version: self.version,
            updates: self.updates.wrapping_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Action, Amount, Balance, Kind};

    fn cell(name: &str, open: bool, posted: i64) -> Cell {
        let mut account = Account::new(Balance::new(0));
        account.posted = posted;
        Cell {
            name: Name::other_side(name).expect("a name"),
            open,
            account,
            version: 7,
            updates: 3,
        }
    }

    fn withdraw(minor: i64) -> Operation {
        let amount = Amount::new(minor);
        Operation::new(Kind::Withdraw, None, Name::default(), None, amount).expect("an operation")
    }

    #[test]
    fn the_same_rules_decide_on_cells_that_were_read() {
        let cells = [cell("main", true, 100), cell("@world", true, 0)];
        let after = Cell::decide(&withdraw(30), &cells).expect("funds");
        let money: Vec<_> = after
            .iter()
            .map(|c| (c.account.posted, c.version, c.updates))
            .collect();
        assert_eq!(money, [(70, 7, 4), (30, 7, 4)]);
        assert_eq!(
            Cell::decide(&withdraw(101), &cells),
            Err(Rejection::InsufficientFunds)
        );
        let within = Operation {
            action: Action::Transfer {
                amount: Amount::new(1).expect("positive"),
                to: Name::default(),
            },
            ..withdraw(1)
        };
        let same = [cell("main", true, 100), cell("main", true, 100)];
        assert_eq!(Cell::decide(&within, &same), Err(Rejection::SameAccount));
        let unknown = [cell("main", false, 0), cell("@world", true, 0)];
        assert_eq!(
            Cell::decide(&withdraw(1), &unknown),
            Err(Rejection::UnknownAccount)
        );
    }
}
