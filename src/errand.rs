//! A command as an operation's work: the money is set aside, the command runs, and what follows from its
//! end is posted or given back.
//!
//! Whoever keeps a command (`keep`) is its parent, ends it and all that it started, and is told by the
//! kernel when its own parent ends. For one operation that is a guard, a process between this program
//! and the command, which has this program's terminal, stdin, stdout and stderr; for the operations of a
//! run it is the worker. The command itself comes into being through a process of this program (`shim`)
//! that is tied to its keeper first. When nobody saw a command's end, its operation is in doubt.

mod actual;
mod brief;
mod capture;
mod guard;
mod guard_report;
mod keep;
mod one;
mod settle;
mod shim;
mod terms;
mod watch;
mod workers;

use std::time::Duration;

pub use guard::{ENTRY as GUARD, run as run_guard};
pub use one::{Done, Errand, ErrandError, Ran, run};
pub use shim::{ENTRY as SHIM, run as run_shim};
pub use terms::Terms;
pub use workers::{Attempt, Chore, Executor, Follows};

/// How long a command has between being asked to end and being killed.
pub const GRACE: Duration = Duration::from_secs(5);
