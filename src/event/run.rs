//! What happened to a run, its processes and what they share.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fields::{Micros, moment};
use super::{EventFields, Mode};
use crate::bank::{Balance, Moment, Name, WaitInVain};

/// A run began: what it is, and what its times count from. What other programs leave out is read as
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunStarted {
    /// Which mode.
    pub mode: Mode,
    /// How the processes or threads of this mode share the balance, in words.
    pub mechanism: Cow<'static, str>,
    /// How they keep out of each other's way, where that can be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<Cow<'static, str>>,
    /// The parent's process.
    pub pid: u32,
    /// By the wall clock.
    #[serde(with = "moment")]
    pub started_at: Moment,
    /// By the machine's monotonic clock, which is the same for all its processes: what `at_us` counts
    /// from.
    pub clock_us: Micros,
    /// How many operations it has, where that is known from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// The most processes or threads at a time.
    pub jobs: u32,
    /// How many operations a process does before another one takes its place; 0 is no limit.
    pub ops_per_worker: u64,
    /// The ledger, if it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// The run's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The account of operations that name none.
    pub account: Name,
    /// What it starts with, in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// How far below zero each account may go, in memory, where that is more than nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdraft: Option<Balance>,
}

/// What happened to a worker's process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerEvent {
    /// The worker's number within the run, from 1.
    pub worker: u32,
    /// Its process.
    pub pid: u32,
    /// The status with which it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Since the run began.
    pub at_us: Micros,
}

/// A request of a worker, from its call to its return. All times count from the run's begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestEvent {
    /// The operation's number within the run.
    pub operation: u64,
    /// The worker that asked.
    pub worker: u32,
    /// Its process.
    pub pid: u32,
    /// What it asked.
    pub request: RequestName,
    /// Just before the worker sent it; `None` where the worker did not live to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_us: Option<Micros>,
    /// When the parent had it.
    pub received_us: Micros,
    /// When it was decided.
    pub decided_us: Micros,
    /// When the answer left the parent.
    pub answered_us: Micros,
    /// Just after the worker had the answer; `None` where the worker did not live to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_us: Option<Micros>,
    /// The number of the last change that the answer made or saw, where something was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<u64>,
}

/// What a worker asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestName {
    /// Set aside and post in one step.
    Execute,
    /// Set aside.
    Begin,
    /// Post what was set aside.
    Post,
    /// Give back what was set aside.
    Void,
    /// Give it back: nothing was spent.
    Unspent,
    /// Give it back: the command said no.
    Decline,
    /// Leave it set aside: it is not known what the command did.
    Doubt,
    /// Claim the operation's id, where data is shared.
    Claim,
    /// Read cells.
    Read,
    /// Wait for the lease on cells, and read them.
    Lock,
    /// Write cells, whatever they hold.
    Write,
    /// Write cells that are still as they were read.
    CompareAndSet,
    /// End an operation that writes nothing, or tell how it was decided.
    Settle,
    /// May it take its next access to shared memory?
    Turn,
}

/// What a process or thread read of one shared balance, or wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellEvent {
    /// The operation's number within the run.
    pub operation: u64,
    /// The worker's number within the run.
    pub worker: u32,
    /// Its process.
    pub pid: u32,
    /// The account.
    pub account: Name,
    /// What was read or written; of a conflict, what stands there instead of what was read.
    pub balance: Balance,
    /// What was added to what stood there, where that was one step and nothing was read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Balance>,
    /// The version of that, one more with each write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Since the run began.
    pub at_us: Micros,
}

/// A wait for the lease on shared balances, or for another lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaseEvent {
    /// The operation's number within the run.
    pub operation: u64,
    /// The worker's number within the run.
    pub worker: u32,
    /// Its process.
    pub pid: u32,
    /// What it wants alone.
    pub accounts: Vec<Name>,
    /// The worker that has it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<u32>,
    /// Why the wait is in vain, where that is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_vain: Option<WaitInVain>,
    /// How long it waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<Micros>,
    /// Since the run began.
    pub at_us: Micros,
}

/// What a worker had half-written when it died was completed, as it had noted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repair {
    /// The operation's number within the run.
    pub operation: u64,
    /// The worker that died.
    pub worker: u32,
    /// Its process.
    pub pid: u32,
    /// The worker that completed it, which got the lock next; `None`: the parent did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired_by: Option<u32>,
    /// Since the run began.
    pub at_us: Micros,
}

/// A line of the input is no operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvalidLine {
    /// Which one, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// Since the run began.
    pub at_us: Micros,
}

/// How one way to synchronise did in `sync`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Race {
    /// Its name.
    pub remedy: Cow<'static, str>,
    /// How many threads raced.
    pub threads: u32,
    /// How many operations all of them ran together.
    pub operations: u64,
    /// How many of those the bank refused.
    pub refused: u64,
    /// What the balance must be.
    pub expected: Balance,
    /// What it is.
    pub actual: Balance,
    /// The updates that the balance does not include.
    pub lost_updates: u64,
    /// From the first thread's start to the last one's end.
    pub elapsed_us: Micros,
    /// How long that is for each operation.
    pub ns_per_operation: u64,
}

/// What became of a run of which one worker was killed while it held a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HolderKilled {
    /// Which mode.
    pub mode: Mode,
    /// What the workers held.
    pub sync: Cow<'static, str>,
    /// Before which access the worker was killed: `write` or `half_written`.
    pub before: Cow<'static, str>,
    /// How many operations were completed.
    pub completed: u64,
    /// How many were given up when their wait for the lock had lasted too long.
    pub gave_up: u64,
    /// Whether the operation of the killed worker counts.
    pub counts: bool,
    /// The accounts whose balance is not what the completed operations add up to.
    pub wrong_accounts: u64,
    /// Whether the lock stayed locked.
    pub stays_locked: bool,
    /// From start to end.
    pub elapsed_us: Micros,
}

macro_rules! steps {
    ($($step:ty),*) => {$(
        impl EventFields for $step {
            fn at_mut(&mut self) -> Option<&mut Micros> {
                Some(&mut self.at_us)
            }

            fn is_step(&self) -> bool {
                true
            }
        }
    )*};
}

steps!(WorkerEvent, CellEvent, LeaseEvent);

impl EventFields for RequestEvent {
    fn is_step(&self) -> bool {
        true
    }
}

impl EventFields for Repair {
    fn at_mut(&mut self) -> Option<&mut Micros> {
        Some(&mut self.at_us)
    }
}

impl EventFields for InvalidLine {
    fn at_mut(&mut self) -> Option<&mut Micros> {
        Some(&mut self.at_us)
    }
}

impl EventFields for Box<RunStarted> {}
impl EventFields for Box<Race> {}
impl EventFields for Box<HolderKilled> {}
