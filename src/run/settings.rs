//! What a run goes by: fixed from its start to its end.

use std::time::Duration;

use super::pacing::Pacing;
use super::resume::Named;
use crate::bank::{Balance, Line, Name, Operation, RequestContext, SharePoint};
use crate::event::{Micros, Mode};
use crate::work::{Pace, Work};

/// How many operations without work a worker may have in its hands: while it does one half, the next
/// is on its way.
const WINDOW: usize = 1_024;
/// How many operations all workers together may have in their hands where a ledger lasts: while one
/// full batch is made durable, the next is on its way.
const IN_HANDS: usize = 16_384;

/// What a run goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which mode.
    pub mode: Mode,
    /// The most workers at a time.
    pub jobs: usize,
    /// How many operations a worker takes before it is replaced; `None`: no limit.
    pub ops_per_worker: Option<u64>,
    /// How many operations a worker may have in its hands; `None`: as many as keep it busy.
    pub in_hand: Option<usize>,
    /// How long simulated work takes.
    pub pace: Pace,
    /// How long work may take.
    pub limits: WorkLimits,
    /// How operations are handed out.
    pub pacing: Pacing,
    /// The command that is the operations' work, if one is.
    pub command: Option<CommandSettings>,
    /// The run can be continued.
    pub named: Option<Named>,
    /// What the run says of itself when it asks the bank.
    pub caller: RequestContext,
    /// The ledger's name, if it lasts.
    pub ledger: Option<String>,
    /// Every step is told.
    pub steps: bool,
    /// The host's clock when the run began, from which what workers tell counts.
    pub clock_us: Micros,
    /// One worker is to be killed before it takes this access to shared data.
    pub kill_before: Option<SharePoint>,
    /// In memory, the accounts that are open from the start, and what they start with.
    pub starts: Vec<(Name, Balance)>,
}

/// How long a worker may take for an operation's work, and for its lease.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkLimits {
    /// If that is simulated; `None`: its own duration and a minute.
    pub simulated: Option<Duration>,
    /// For one attempt and its pause, if that is a command; `None`: for ever.
    pub command: Option<Duration>,
    /// To get a lease; `None`: for as long as others hold it, who have limits of their own.
    pub lease: Option<Duration>,
}

/// What a run needs to know of its command.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// When the worker ends the command, for messages.
    pub timeout: Option<Duration>,
    /// The status by which it says no.
    pub declined: u8,
    /// What is in doubt is run again.
    pub retry_in_doubt: bool,
    /// What the id of an operation without one begins with.
    pub id_prefix: String,
}

impl Settings {
    /// How many operations a worker may have in its hands: one that works, one; of those without work
    /// more where it takes longer until they are answered.
    pub(super) fn window(&self) -> usize {
        if self.command.is_some() || !self.pace.is_none() {
            1
        } else if let Some(in_hand) = self.in_hand {
            in_hand
        } else if self.ledger.is_some() {
            (IN_HANDS / self.jobs.max(1)).max(WINDOW)
        } else {
            WINDOW
        }
    }

    /// How many operations a worker takes in all.
    pub(super) fn quota(&self) -> u64 {
        self.ops_per_worker.unwrap_or(u64::MAX)
    }

    /// How many operations a new worker will take at first.
    pub(super) fn first_share(&self) -> usize {
        let quota = usize::try_from(self.quota()).unwrap_or(usize::MAX);
        self.window().min(quota).max(1)
    }

    /// What an operation's work is. A view and what opens an account set nothing
    /// aside, and have no command.
    pub(super) fn work_of(&self, operation: &Operation, line: Option<Line>) -> Work {
        match &self.command {
            Some(_) if operation.moves_money() => Work::Command {
                line: line.map(|line| line.number),
            },
            _ => {
                let parts = operation.parts().iter();
                Work::lasting(parts.map(|part| self.pace.of(part.kind())).sum())
            }
        }
    }

    /// How the run asks the bank about one of its operations.
    pub(super) fn caller_for(&self, number: u64, work: Work, line: Option<Line>) -> RequestContext {
        let command = self.command.as_ref();
        let command = command.filter(|_| matches!(work, Work::Command { .. }));
        RequestContext {
            number,
            line: line.filter(|_| self.named.is_some()),
            has_side_effects: command.is_some(),
            retry_in_doubt: command.is_some_and(|command| command.retry_in_doubt),
            ..self.caller
        }
    }
}
