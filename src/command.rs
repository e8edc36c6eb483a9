//! A command as an operation's work: the money is set aside, the command runs, and what follows from its
//! end is posted or given back.
//!
//! The process that keeps a command (`supervise`) is its parent, ends it and all that it started, and is told by the
//! kernel when its own parent ends. For one operation that is a guard, a process between this program
//! and the command, which has this program's terminal, stdin, stdout and stderr; for the operations of a
//! run it is the worker. The command itself comes into being through a process of this program (`exec`)
//! that is tied to its supervisor first. When a command's end was not seen, its operation is in doubt.

mod actual;
mod capture;
mod env;
mod exec;
mod guard;
mod guard_report;
mod one;
mod retry_policy;
mod settle;
mod supervise;
#[cfg(any(test, fuzzing))]
pub(crate) mod untrusted;
mod watch;
mod words;
mod workers;

use std::time::Duration;

pub use exec::{ENTRY as EXEC, command_of_this_process, run as run_exec, this_program_with};
pub use guard::{ENTRY as GUARD, run as run_guard};
pub use one::{OneShotEnd, OneShotError, OneShotPlan, OneShotRun, run};
pub use retry_policy::RetryPolicy;
pub use words::{FieldError, check_fields, filled};
pub use workers::{Attempt, CommandSpec, Executor, NextAction};

/// How long a command has between being asked to end and being killed.
pub const GRACE: Duration = Duration::from_secs(5);
