//! The primitives by name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sharing::{Sharing, SharingChoice};

/// What keeps the workers of `shared-memory` from overwriting each other's updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Primitive {
    /// Nothing does.
    None,
    /// An addition that nothing can come between.
    Atomic,
    /// A write that fails if another process wrote since the read.
    Cas,
    /// A lock that is waited for by trying again.
    Spin,
    /// A lock whose waiters sleep.
    Mutex,
    /// Such a lock for each account.
    MutexPerAccount,
    /// A count of permits, of which there is one.
    Semaphore,
    /// A lock that tells when its holder has died.
    Robust,
    /// A lock on the file that the memory is.
    FileLock,
}

impl Primitive {
    /// All of them, none first.
    pub const ALL: [Primitive; 9] = [
        Primitive::None,
        Primitive::Atomic,
        Primitive::Cas,
        Primitive::Spin,
        Primitive::Mutex,
        Primitive::MutexPerAccount,
        Primitive::Semaphore,
        Primitive::Robust,
        Primitive::FileLock,
    ];

    /// Which steps an operation takes; `None` for the one that adds and does not read first.
    pub fn sharing(self) -> Option<Sharing> {
        match self {
            Primitive::Atomic => None,
            Primitive::None => Some(Sharing::Unguarded),
            Primitive::Cas => Some(Sharing::CompareAndSet),
            Primitive::MutexPerAccount => Some(Sharing::LockPerAccount),
            Primitive::Spin
            | Primitive::Mutex
            | Primitive::Semaphore
            | Primitive::Robust
            | Primitive::FileLock => Some(Sharing::Lock),
        }
    }

    /// Whether operations hold something from before their read until after their write. Only then is
    /// there an order of all entries that a number can tell.
    pub fn is_held(self) -> bool {
        self.sharing().is_some_and(|sharing| sharing.locks() > 0)
    }

    /// Whether it is a lock that stays locked when its holder dies.
    pub fn stays_locked(self) -> bool {
        self.is_held() && !matches!(self, Primitive::Robust | Primitive::FileLock)
    }
}

impl SharingChoice for Primitive {
    fn word(self) -> &'static str {
        match self {
            Primitive::None => "none",
            Primitive::Atomic => "atomic",
            Primitive::Cas => "cas",
            Primitive::Spin => "spin",
            Primitive::Mutex => "mutex",
            Primitive::MutexPerAccount => "mutex-per-account",
            Primitive::Semaphore => "semaphore",
            Primitive::Robust => "robust",
            Primitive::FileLock => "file-lock",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Primitive::None => "Nothing: a load, and later a store. Updates are lost, and counted",
            Primitive::Atomic => {
                "An indivisible addition to each of the two cells. It cannot check funds, so that an account \
                 may end below zero, which is told"
            }
            Primitive::Cas => {
                "A write only over what was read, else decide again; one cell after the other"
            }
            Primitive::Spin => {
                "A lock that is waited for by trying again, which keeps a processor busy"
            }
            Primitive::Mutex => "A lock whose waiters sleep. It stays locked when its holder dies",
            Primitive::MutexPerAccount => {
                "Such a lock for each account, one taken after the other: transfers may wait for each other"
            }
            Primitive::Semaphore => "One permit, which is lost when its holder dies",
            Primitive::Robust => {
                "A lock that tells when its holder has died: the next one completes what was begun"
            }
            Primitive::FileLock => {
                "A lock on the file that the memory is. The system gives it back when its holder dies"
            }
        }
    }
}

/// How the workers of a run share its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySharing {
    /// What keeps them out of each other's way.
    pub primitive: Primitive,
    /// Locks of accounts are taken in the order of the accounts' names.
    pub lock_order: bool,
    /// How long a worker waits for a lock that stays where it is, and works; `None`: half a minute,
    /// and as long as it takes.
    pub limit: Option<Duration>,
    /// Before every access to the memory a worker asks the parent for its turn
    /// ([`ShareRequest::Turn`](crate::protocol::ShareRequest::Turn)).
    pub takes_turns: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_primitives_are_held() {
        let held = Primitive::ALL.into_iter().filter(|one| one.is_held());
        assert_eq!(held.count(), 6);
    }
}
