//! Where balances live: the bank's own state in memory, or the cells that `server-share` shares.

mod cells;
mod memory;

pub use cells::{Cells, Verdict};
pub use memory::Memory;

use crate::bank::{Name, View};

/// One account of a store, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose money it is.
    pub name: Name,
    /// The money.
    pub view: View,
    /// Of the updates written to it, how many its money does not include.
    pub lost_updates: u64,
}
