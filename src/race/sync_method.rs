//! The remedies by name.

use std::fmt;

use crate::sharing::SharingChoice;

/// What keeps threads from overwriting each other's updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncMethod {
    /// Nothing does.
    None,
    /// A lock that one thread holds at a time.
    Mutex,
    /// A lock that many readers or one writer hold.
    RwLock,
    /// An addition that nothing can come between.
    Atomic,
    /// A write that fails if another thread wrote since the read.
    Cas,
    /// A lock that is waited for by trying again.
    Spin,
    /// One owner, to whom all others send messages.
    Channel,
    /// A count of permits.
    Semaphore,
}

impl SyncMethod {
    /// All of them, none first.
    pub const ALL: [SyncMethod; 8] = [
        SyncMethod::None,
        SyncMethod::Mutex,
        SyncMethod::RwLock,
        SyncMethod::Atomic,
        SyncMethod::Cas,
        SyncMethod::Spin,
        SyncMethod::Channel,
        SyncMethod::Semaphore,
    ];
}

impl SharingChoice for SyncMethod {
    fn word(self) -> &'static str {
        match self {
            SyncMethod::None => "none",
            SyncMethod::Mutex => "mutex",
            SyncMethod::RwLock => "rwlock",
            SyncMethod::Atomic => "atomic",
            SyncMethod::Cas => "cas",
            SyncMethod::Spin => "spin",
            SyncMethod::Channel => "channel",
            SyncMethod::Semaphore => "semaphore",
        }
    }

    fn help(self) -> &'static str {
        match self {
            SyncMethod::None => "Nothing. Updates are lost, and counted",
            SyncMethod::Mutex => "A lock that one thread holds at a time",
            SyncMethod::RwLock => "A lock that many readers or one writer hold",
            SyncMethod::Atomic => "An addition that nothing can come between",
            SyncMethod::Cas => "A write that fails if another thread wrote since the read",
            SyncMethod::Spin => "A lock that is waited for by trying again",
            SyncMethod::Channel => "One owner, to whom all others send messages",
            SyncMethod::Semaphore => "A count of permits",
        }
    }
}

impl fmt::Display for SyncMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
