//! What goes wrong in a rehearsal, and what was found in it: faults as a seed draws them, what a command did,
//! and what became of each operation, held against that. [`crate::rehearse`] does it.

mod faults;
mod judgement;
mod step;

use std::time::Duration;

pub use faults::{CommandFault, FaultKind, FaultMoment, RunFault, RunFaultKind};
pub use judgement::{Evidence, FindingKind, RehearsalFinding, UnknownPayment};
pub use step::{CommandStep, JournalLine};

/// How a round went.
#[derive(Clone, Debug)]
pub struct RehearsedRound {
    /// Its number, from 1.
    pub number: u32,
    /// The seed that repeats it, as the first round.
    pub seed: u64,
    /// How often its run was started.
    pub starts: u32,
    /// What whole runs met, and in which start.
    pub run_faults: Vec<(u32, RunFault)>,
    /// How often commands met something.
    pub command_faults: u64,
    /// How often commands began.
    pub commands: u64,
    /// How many operations of the run were posted.
    pub posted: u64,
    /// What was left in doubt.
    pub in_doubt: Vec<String>,
    /// What is not as promised, or cannot be known.
    pub findings: Vec<RehearsalFinding>,
    /// What `verify` found wrong in the ledger.
    pub violation: Option<String>,
}

/// How a rehearsal went.
#[derive(Clone, Debug, Default)]
pub struct Rehearsed {
    /// How many rounds came to their end.
    pub rounds: u32,
    /// The time was over before all had.
    pub is_time_over: bool,
    /// How long it took.
    pub took: Duration,
}
