//! What happened, in the past tense: the facts that the reporter shows and records.

use std::time::Duration;

use crate::bank::{Amount, Answer, Balance, Name, Operation, Outcome, Rejection, View};
use crate::status::Status;
use crate::work::CommandReport;

/// One fact, and when it was known.
#[derive(Clone, Debug)]
pub struct Event {
    /// Since the run began.
    pub at: Duration,
    /// The fact.
    pub fact: Fact,
}

/// The facts of a run.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A worker was given an operation that has work.
    Started(Subject),
    /// The bank set the money aside; the work began.
    Held {
        /// The operation.
        subject: Subject,
        /// Its account since then.
        view: View,
    },
    /// An attempt at the operation's work failed, and another follows.
    Retried {
        /// The operation.
        subject: Subject,
        /// What went wrong.
        fault: Fault,
        /// When the next attempt begins, from now.
        pause: Duration,
    },
    /// The operation was posted, or the balance was seen.
    Completed {
        /// The operation.
        subject: Subject,
        /// The entry's number; of a view, the number of the last entry that it includes; nothing where
        /// the work spent nothing.
        seq: Option<u64>,
        /// Its account after it.
        view: View,
        /// From the moment a worker was given it.
        elapsed: Duration,
        /// This is the stored outcome of an earlier operation with the same id, or of the line when a
        /// named run did it.
        duplicate: bool,
    },
    /// The bank said no.
    Refused {
        /// The operation.
        subject: Subject,
        /// Why.
        rejection: Rejection,
        /// Its account, where there is one.
        view: Option<View>,
        /// How far below zero that may go, where its money was not enough and that is not at zero.
        overdraft: Option<Balance>,
        /// From the moment a worker was given it.
        elapsed: Duration,
        /// This is the stored outcome of an earlier operation with the same id, or of the line when a
        /// named run did it.
        duplicate: bool,
    },
    /// More was spent than was set aside. What was set aside is posted.
    Overspent {
        /// The operation.
        subject: Subject,
        /// How much more.
        excess: Amount,
    },
    /// Nobody saw the end of the operation's work, or knows what it spent: its money stays set aside
    /// until somebody decides.
    Doubted {
        /// The operation.
        subject: Subject,
        /// What went wrong.
        fault: Fault,
        /// From the moment a worker was given it.
        elapsed: Duration,
    },
    /// What would be done with the operation, if this were no dry run.
    Planned {
        /// The operation.
        subject: Subject,
        /// Its work is a command.
        has_command: bool,
        /// Why the bank would say no, and its account then, where there is one.
        refusal: Option<(Rejection, Option<View>)>,
    },
    /// The operation was voided, or never began, because its work or its worker failed.
    Failed {
        /// The operation.
        subject: Subject,
        /// What went wrong.
        fault: Fault,
        /// From the moment a worker was given it.
        elapsed: Duration,
    },
    /// A line that was given up in a named run, and is not run.
    Skipped {
        /// Which one, from 1.
        line: u64,
        /// What it asks for, if it is an operation.
        operation: Option<Operation>,
    },
    /// A line of the input is no operation.
    Invalid {
        /// Which one, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// Something a person should know that changes no result.
    Warned(String),
    /// One remedy of `sync` was run.
    Raced(Race),
    /// The run ended.
    Ended(Box<Summary>),
}

impl Fact {
    /// How an operation ended that the bank decided; nothing if the answer is no end.
    pub fn decided(subject: Subject, answer: Answer, elapsed: Duration) -> Option<Fact> {
        let duplicate = answer.duplicate;
        let seq = match answer.outcome {
            Outcome::Posted { seq, .. } | Outcome::Viewed { seq, .. } => Some(seq),
            _ => None,
        };
        match answer.outcome {
            Outcome::Posted { view, .. }
            | Outcome::Viewed { view, .. }
            | Outcome::Unspent { view } => Some(Fact::Completed {
                subject: subject.settled_by(&answer.outcome),
                seq,
                view,
                elapsed,
                duplicate,
            }),
            Outcome::Refused { rejection, view } => Some(Fact::Refused {
                subject,
                rejection,
                view,
                overdraft: None,
                elapsed,
                duplicate,
            }),
            Outcome::Held { .. }
            | Outcome::Voided { .. }
            | Outcome::Doubted { .. }
            | Outcome::Opened { .. } => None,
        }
    }
}

impl Fact {
    /// The same fact, saying how far below zero its account may go, where that matters.
    pub fn with_overdraft(mut self, limit: impl FnOnce(&Name) -> Option<Balance>) -> Self {
        self.add_overdraft(limit);
        self
    }

    /// Adds how far below zero its account may go, where that matters.
    pub fn add_overdraft(&mut self, limit: impl FnOnce(&Name) -> Option<Balance>) {
        if let Fact::Refused {
            subject,
            rejection: Rejection::InsufficientFunds,
            overdraft,
            duplicate: false,
            ..
        } = self
        {
            *overdraft = limit(&subject.operation.account).filter(|limit| limit.minor() > 0);
        }
    }
}

/// The operation that an event is about, and who ran it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What was asked for; where it was posted, its amount is what was really moved.
    pub operation: Operation,
    /// What was set aside for it, where that is not what was moved.
    pub set_aside: Option<Amount>,
    /// The line of the input it came from, from 1.
    pub line: Option<u64>,
    /// The worker's number within the run, from 1; 0 if there was no need of one.
    pub worker: u32,
    /// The worker's process; 0 if there was no need of one.
    pub pid: u32,
    /// What its command did, if it has one that was started.
    pub ran: Option<Box<CommandReport>>,
}

impl Subject {
    /// An operation that no worker was needed for.
    pub fn of(operation: Operation, line: Option<u64>) -> Self {
        Subject {
            operation,
            set_aside: None,
            line,
            worker: 0,
            pid: 0,
            ran: None,
        }
    }

    /// The operation as its outcome settled it.
    fn settled_by(mut self, outcome: &Outcome) -> Self {
        let asked = self.operation.amount();
        self.operation = self.operation.posted_by(outcome);
        let moved = match outcome {
            Outcome::Unspent { .. } => None,
            _ => self.operation.amount(),
        };
        self.set_aside = asked.filter(|_| moved != asked);
        self
    }

    /// How much memory it takes beyond that of any other, in bytes.
    fn weight(&self) -> usize {
        self.ran.as_ref().map_or(0, |ran| ran.weight())
    }
}

impl Event {
    /// How much memory it takes, as a multiple of what an event takes without the output of a command.
    pub fn weight(&self) -> usize {
        /// Roughly what an event takes, in bytes.
        const USUAL: usize = 512;
        let outputs = match &self.fact {
            Fact::Retried { subject, .. }
            | Fact::Completed { subject, .. }
            | Fact::Refused { subject, .. }
            | Fact::Doubted { subject, .. }
            | Fact::Failed { subject, .. } => subject.weight(),
            _ => 0,
        };
        1 + outputs / USUAL
    }
}

/// Why an operation could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of fault.
    pub cause: Cause,
    /// In words: who, what, how long.
    pub detail: String,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The worker's process ended before its operation did.
    Died,
    /// A deadline passed and the worker was ended.
    Deadline,
    /// The worker sent what no worker sends and was ended.
    Protocol,
    /// The ledger failed.
    Ledger,
    /// The operation's command failed.
    Command,
    /// Its command succeeded, and what it says it has spent cannot be read.
    Unreadable,
    /// Somebody decided that its work, whose end nobody saw, counts as failed.
    Voided,
}

impl Cause {
    /// The stable word for it in JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Died => "worker_died",
            Cause::Deadline => "deadline",
            Cause::Protocol => "protocol",
            Cause::Ledger => "ledger",
            Cause::Command => "command_failed",
            Cause::Unreadable => "unreadable_actual",
            Cause::Voided => "voided",
        }
    }

    /// The exit status that follows from it.
    pub fn status(self) -> Status {
        match self {
            Cause::Deadline => Status::Deadline,
            Cause::Died | Cause::Protocol => Status::Died,
            Cause::Ledger | Cause::Unreadable => Status::Ledger,
            Cause::Command | Cause::Voided => Status::Failed,
        }
    }
}

/// How one remedy of `sync` did.
#[derive(Clone, Debug)]
pub struct Race {
    /// The remedy's name.
    pub remedy: &'static str,
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
    pub elapsed: Duration,
}

/// The counts and balances of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The mode's name.
    pub mode: &'static str,
    /// From start to end.
    pub elapsed: Duration,
    /// The work that was done, summed: what it would take one after another.
    pub sequential: Duration,
    /// Worker processes started.
    pub processes: u64,
    /// How the operations ended.
    pub counts: Counts,
    /// The ledger, if it lasts.
    pub ledger: Option<String>,
    /// The first accounts by name, the bank's own first; of a ledger that lasts, those that the run
    /// dealt with and that are not the bank's own.
    pub accounts: Vec<AccountSummary>,
    /// How many accounts there are beyond those.
    pub accounts_omitted: u64,
    /// What a check of all accounts found. Nothing stands for a ledger that lasts, since others may
    /// write to it too.
    pub check: Option<Check>,
    /// Why the run ended before its work did, if it did.
    pub ended_early: Option<String>,
    /// The run's exit status.
    pub status: Status,
}

/// What a check of all accounts found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// The sum over all accounts in minor units; anything but zero is a violation.
    pub sum: i128,
    /// The accounts whose balance is not what the completed operations add up to, or where money is
    /// still set aside.
    pub wrong_accounts: u64,
    /// The updates of shared cells that were lost.
    pub lost_updates: u64,
}

/// How many operations ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Posted or viewed.
    pub completed: u64,
    /// Refused by the bank.
    pub refused: u64,
    /// Ended by a fault.
    pub failed: u64,
    /// Nobody knows what their work did, so that their money stays set aside.
    pub in_doubt: u64,
    /// Lines that are no operation.
    pub invalid: u64,
    /// Lines that were given up.
    pub skipped: u64,
    /// Of those completed and refused, how many were answered with a stored outcome.
    pub duplicates: u64,
}

/// One account at the end of a run.
#[derive(Clone, Debug)]
pub struct AccountSummary {
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub view: View,
    /// What it must hold, added up from the completed operations, if nobody else writes to it.
    pub expected: Option<Balance>,
    /// Of the updates of its shared cell, how many were lost.
    pub lost_updates: u64,
}
