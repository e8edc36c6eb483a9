//! What a batch is made of.

use serde::{Deserialize, Serialize};

use super::{OpenedRun, RunName};
use crate::bank::{Answer, Asked};

/// The number by which the later requests of a batch know the run that was begun last in it.
pub const NEW_RUN: u32 = u32::MAX;

/// One request of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerRequest {
    /// Decide this.
    Decide(Asked),
    /// Begin or continue the run of this name, which is this process's own from then on, for as long as the
    /// ledger is open. A run without a name is always new.
    BeginRun(Option<RunName>),
    /// End a run of this process: what it has begun and not ended is given back.
    EndRun {
        /// Which run.
        run: u32,
        /// Only if it has nothing to end.
        if_idle: bool,
    },
}

/// The answer to one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerAnswer {
    /// What was decided. Nothing stands where a request ends an operation that its caller has not begun.
    Decided(Option<Answer>),
    /// The run has begun, or goes on.
    RunBegun(OpenedRun),
    /// The run of this name is going on elsewhere.
    RunIsLive(RunName),
    /// The run of this number has ended.
    RunEnded(u32),
    /// It goes on, since it has something to end.
    RunGoesOn,
}

impl LedgerRequest {
    /// Whether it is to be decided by the bank's rules.
    pub fn is_to_decide(&self) -> bool {
        matches!(self, LedgerRequest::Decide(_))
    }

    /// The run that it is asked for; 0 if that is none.
    pub fn run(&self) -> u32 {
        match self {
            LedgerRequest::Decide(asked) => asked.caller.run,
            LedgerRequest::BeginRun(_) => 0,
            LedgerRequest::EndRun { run, .. } => *run,
        }
    }

    /// The same, asked for this run.
    pub fn in_run(mut self, number: u32) -> Self {
        match &mut self {
            LedgerRequest::Decide(asked) => asked.caller.run = number,
            LedgerRequest::BeginRun(_) => {}
            LedgerRequest::EndRun { run, .. } => *run = number,
        }
        self
    }
}

impl LedgerAnswer {
    /// What was decided, if anything was.
    pub fn decided(self) -> Option<Answer> {
        match self {
            LedgerAnswer::Decided(answer) => answer,
            LedgerAnswer::RunBegun(_)
            | LedgerAnswer::RunIsLive(_)
            | LedgerAnswer::RunEnded(_)
            | LedgerAnswer::RunGoesOn => None,
        }
    }
}
