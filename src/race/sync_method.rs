//! The remedies by name.

use std::fmt;
use std::str::FromStr;

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

    /// The stable word for it on the command line and in JSON output.
    pub fn word(self) -> &'static str {
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
}

impl FromStr for SyncMethod {
    type Err = UnknownRemedy;

    fn from_str(text: &str) -> Result<Self, UnknownRemedy> {
        SyncMethod::ALL
            .into_iter()
            .find(|remedy| remedy.word() == text)
            .ok_or(UnknownRemedy)
    }
}

impl fmt::Display for SyncMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that names no remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a remedy is one of `none`, `mutex`, `rwlock`, `atomic`, `cas`, `spin`, `channel`, `semaphore`"
)]
pub struct UnknownRemedy;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remedy_has_a_word_of_its_own() {
        let message = UnknownRemedy.to_string();
        for remedy in SyncMethod::ALL {
            assert_eq!(remedy.word().parse(), Ok(remedy));
            assert!(message.contains(&format!("`{remedy}`")), "{remedy}");
        }
        assert_eq!("Mutex".parse::<SyncMethod>(), Err(UnknownRemedy));
    }
}
