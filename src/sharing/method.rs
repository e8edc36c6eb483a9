//! The ways to share by name: what a person chooses among.

use serde::{Deserialize, Serialize};

use super::Sharing;

/// One of several ways, chosen by its word.
pub trait SharingChoice: Copy + Send + Sync + 'static {
    /// The stable word for it on the command line and in JSON output.
    fn word(self) -> &'static str;

    /// What it does, for the help text.
    fn help(self) -> &'static str;
}

/// How requests travel to the owner, where there is one. Its steps are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// By a local socket.
    #[default]
    Socket,
    /// By one queue of all workers, and a reply channel for each.
    Queue,
    /// By a pair of anonymous pipes for each worker.
    Pipe,
}

/// How operations share their accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharingMethod {
    /// The steps.
    pub sharing: Sharing,
    /// Locks of accounts are taken in the order of the accounts' names, and not the debit side first.
    pub lock_order: bool,
    /// How requests travel to the owner.
    pub transport: Transport,
}

impl SharingMethod {
    /// This way to share.
    pub const fn of(sharing: Sharing) -> Self {
        SharingMethod {
            sharing,
            lock_order: false,
            transport: Transport::Socket,
        }
    }

    /// With the locks of accounts in the order of their names, if there are any.
    pub const fn in_lock_order(self, lock_order: bool) -> Self {
        let lock_order = lock_order && matches!(self.sharing, Sharing::LockPerAccount);
        SharingMethod { lock_order, ..self }
    }

    /// With requests that travel like this, if there are any.
    pub const fn over(self, transport: Transport) -> Self {
        match self.sharing {
            Sharing::Owner | Sharing::OwnerWithWork => SharingMethod { transport, ..self },
            _ => self,
        }
    }

    /// With work between the two requests to the owner, if there is one.
    pub const fn with_work(self) -> Self {
        match self.sharing {
            Sharing::Owner => SharingMethod {
                sharing: Sharing::OwnerWithWork,
                ..self
            },
            _ => self,
        }
    }
}

impl SharingChoice for SharingMethod {
    fn word(self) -> &'static str {
        match (self.sharing, self.transport) {
            (Sharing::Unguarded, _) => "none",
            (Sharing::CompareAndSet, _) => "cas",
            (Sharing::Lock, _) => "lock",
            (Sharing::LockPerAccount, _) => "mutex-per-account",
            (Sharing::Owner | Sharing::OwnerWithWork, Transport::Socket) => "server",
            (Sharing::Owner | Sharing::OwnerWithWork, Transport::Queue) => "queue",
            (Sharing::Owner | Sharing::OwnerWithWork, Transport::Pipe) => "pipe",
        }
    }

    fn help(self) -> &'static str {
        match (self.sharing, self.transport) {
            (Sharing::Unguarded, _) => {
                "Not at all: each reads, then writes. Updates are lost, and counted"
            }
            (Sharing::CompareAndSet, _) => {
                "Compare and set: write only over what was read, else decide again"
            }
            (Sharing::Lock, _) => "One lock, from before the read until after the write",
            (Sharing::LockPerAccount, _) => {
                "A lock for each of the two accounts, taken one after the other"
            }
            (Sharing::Owner | Sharing::OwnerWithWork, Transport::Socket) => {
                "The server process decides, as in `parallel`"
            }
            (Sharing::Owner | Sharing::OwnerWithWork, Transport::Queue) => {
                "The owner decides, as in `queue`"
            }
            (Sharing::Owner | Sharing::OwnerWithWork, Transport::Pipe) => {
                "The owner decides, as in `pipe`"
            }
        }
    }
}
