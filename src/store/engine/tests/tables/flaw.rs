//! Errors that a backend might have.

/// An error of a backend that breaks what the engine relies upon: planted, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A sync says that it is done, and nothing is on the disk yet.
    LyingSync,
    /// Of a commit that fails without its being known, only the accounts are written.
    TornCommit,
    /// Of a commit that fails without its being known, all but the accounts is written.
    TornAccounts,
    /// A commit that is told not to have been done counts.
    NotDoneCounts,
    /// A commit of which nothing is known is told to have been done.
    UnknownIsDone,
    /// A commit that counts is told to be not done.
    UntoldIsNotDone,
    /// That another process has written is not told.
    ChangesUntold,
    /// A run is leased to a process although another has it.
    LeasedTwice,
    /// A run whose process lives is taken for dead.
    LiveIsDead,
    /// A run whose process is gone is never found to be dead.
    DeadIsLive,
    /// The holds of a run are not found.
    HoldsOfRunMissed,
    /// What became of an id is not found.
    IdsMissed,
    /// A process whose lease ended may still write.
    LostLeaseWrites,
    /// A commit whose sync failed may count after a loss of power although others were made since.
    OldLogComesBack,
}

impl Flaw {
    /// All of them.
    pub(crate) const ALL: [Flaw; 14] = [
        Flaw::LyingSync,
        Flaw::TornCommit,
        Flaw::TornAccounts,
        Flaw::NotDoneCounts,
        Flaw::UnknownIsDone,
        Flaw::UntoldIsNotDone,
        Flaw::ChangesUntold,
        Flaw::LeasedTwice,
        Flaw::LiveIsDead,
        Flaw::DeadIsLive,
        Flaw::HoldsOfRunMissed,
        Flaw::IdsMissed,
        Flaw::LostLeaseWrites,
        Flaw::OldLogComesBack,
    ];
}
