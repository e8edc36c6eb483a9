//! What workers that share data tell the server process, and are told.

use serde::{Deserialize, Serialize};

use crate::bank::{
    Answer, Balance, Cell, LockWait, MemoryAccess, Name, Operation, Outcome, SharePoint,
};

/// What a worker of `server-share` or `shared-memory` asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareRequest {
    /// Claim the operation's id before anything else.
    Claim(Operation),
    /// Read these cells, all at one moment.
    Read(Vec<Name>),
    /// Wait until no worker holds a lease on any of these cells, hold it, and read them.
    Lock(Vec<Name>),
    /// Write these cells, whatever stands there now, and end a lease held on them.
    Write(Vec<Cell>),
    /// Write these cells if all of them still have the version that was read.
    CompareAndSet(Vec<Cell>),
    /// Nothing is to be written: the operation ends with this outcome. Ends a lease.
    Settle(Outcome),
    /// The operation was decided on memory that all processes share.
    Decided(Answer),
    /// May it take this access now? The worker waits for the answer.
    Turn(SharePoint),
    /// What its last access to the cells has read or written, the account that gives first. Told where
    /// it takes turns; this has no answer.
    Saw([i64; 2]),
    /// It waits for a lock that it reaches itself. Told again and again; this has no answer.
    Waits {
        /// For which one.
        wait: LockWait,
        /// Since when, by the clock that all processes of the machine share.
        since_us: u64,
    },
    /// It has the lock that it waited for. Told where every step is told; this has no answer.
    HasLock {
        /// Since when, by that clock.
        at_us: u64,
    },
    /// It read or wrote a balance in memory that it reaches itself. This has no answer.
    Accessed {
        /// What it did.
        access: MemoryAccess,
        /// The account.
        account: Name,
        /// What it read or wrote.
        balance: Balance,
        /// How many updates that includes.
        version: u64,
        /// When, by that clock.
        at_us: u64,
    },
    /// It gave the operation up, and why; nothing was written. This has no answer.
    GaveUp(String),
}

/// What the server process answers a worker of `server-share` or `shared-memory`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareReply {
    /// The id is this worker's.
    Claimed,
    /// The cells as they stand.
    Cells(Vec<Cell>),
    /// Another worker wrote since; the cells as they stand now.
    Conflict(Vec<Cell>),
    /// Others hold the lease, and it went on to another of them: the wait is not in vain.
    Waiting,
    /// It is the worker's turn.
    Turn,
}
