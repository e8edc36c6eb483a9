//! What surrounds an operation on shared memory: its turns, its work, and what is told of it.

use crate::bank::{LockWait, MemoryAccess, Name, Packed, SharePoint};

/// An operation was given up; why, as what its worker did: "waited 2s for ...". It holds no lock any more.
#[derive(Debug)]
pub(crate) struct GaveUp(pub(crate) String);

/// What surrounds an operation: a worker, or a test.
pub(crate) trait Surroundings {
    /// Why the operation cannot go on.
    type Error: From<GaveUp>;

    /// Waits for the turn to take what comes next.
    fn turn(&mut self, point: SharePoint) -> Result<(), Self::Error>;
    /// Takes note of what two cells held that were read, or hold that were written.
    fn saw(&mut self, balances: [i64; 2]) -> Result<(), Self::Error>;
    /// Does so many halves of the operation's work.
    fn work(&mut self, halves: u32) -> Result<(), Self::Error>;
    /// Takes note of an access to a balance.
    fn accessed(
        &mut self,
        access: MemoryAccess,
        name: &Name,
        money: Packed,
    ) -> Result<(), Self::Error>;
    /// Takes note that a lock is waited for; told again and again.
    fn waits(&mut self, wait: LockWait) -> Result<(), Self::Error>;
    /// Takes note that it was got, waited for or not.
    fn has_lock(&mut self) -> Result<(), Self::Error>;
}
