//! A command as every operation's work: what the run's workers are told of it, and what they tell.

use std::ffi::OsString;
use std::io;

use super::{Run, named};
use crate::bank::{Answer, Caller, Id, Kind, Line, Operation, Outcome};
use crate::errand::{Chore, Terms};
use crate::event::{Cause, Fact, Fault};
use crate::ids;
use crate::limits::Limits;
use crate::link::Folder;
use crate::protocol::Report;
use crate::server::RunLedger;
use crate::status::Status;
use crate::work::{Cut, Ran, Work};

use super::crew::Task;

/// A command that is the work of every operation that moves money.
#[derive(Clone, Debug)]
pub struct Commands {
    /// The command and its arguments.
    pub words: Vec<OsString>,
    /// On which terms it is run.
    pub terms: Terms,
    /// The status by which it says no.
    pub declined: u8,
    /// What is in doubt is run again.
    pub takes_over: bool,
    /// The limits that it has.
    pub limits: Limits,
}

/// How a run has its commands run.
pub(super) struct Office {
    /// What its workers are told.
    pub(super) chore: Chore,
    takes_over: bool,
    /// What an id begins with that nobody chose.
    prefix: String,
    /// How many operations had neither an id nor a line.
    nameless: u64,
    _folder: Folder,
}

impl Office {
    /// For a run of this name, if it has one, in this ledger, if it lasts.
    pub(super) fn open(
        commands: &Commands,
        name: Option<&str>,
        ledger: Option<&RunLedger>,
    ) -> io::Result<Self> {
        let folder = Folder::create()?;
        let prefix = match name {
            Some(name) => name.to_string(),
            None => ids::random("run")?.as_str().to_string(),
        };
        let chore = Chore {
            words: commands.words.clone(),
            terms: commands.terms,
            declined: commands.declined,
            run: name.map(str::to_string),
            run_file: ledger.and_then(|ledger| ledger.ledger.run_file(ledger.run)),
            folder: folder.path().to_path_buf(),
            limits: commands.limits,
        };
        Ok(Office {
            chore,
            takes_over: commands.takes_over,
            prefix,
            nameless: 0,
            _folder: folder,
        })
    }

    /// The operation with an id, by which it is found again whatever becomes of its command: a line of a
    /// named run has the same one every time.
    pub(super) fn name(&mut self, line: Option<u64>, operation: &mut Operation) {
        if operation.id.is_some() || operation.kind() == Kind::Balance {
            return;
        }
        let number = line.unwrap_or_else(|| {
            self.nameless += 1;
            self.nameless
        });
        operation.id = named::id(&self.prefix, number);
    }

    /// On which terms an operation is begun.
    pub(super) fn caller(&self, caller: Caller) -> Caller {
        Caller {
            doubtful: true,
            takes_over: self.takes_over,
            ..caller
        }
    }
}

impl Run {
    /// What an operation's work is. A view sets nothing aside, and has no command.
    pub(super) fn work_of(&self, operation: &Operation, line: Option<Line>) -> Work {
        match &self.office {
            Some(_) if operation.kind() != Kind::Balance => Work::Command {
                line: line.map(|line| line.number),
            },
            _ => Work::lasting(self.plan.pace.of(operation.kind())),
        }
    }

    /// Takes note of what a worker tells of its operation's command.
    pub(super) fn hear(&mut self, worker: u32, reports: Vec<Report>) {
        for Report { number, news } in reports {
            let Some(member) = self.members.get_mut(&worker) else {
                return;
            };
            member.got_on(self.now);
            let heard = member.hears(number).map(|task| {
                let ran = task.ran.get_or_insert_default();
                let may = ran.hear(news);
                let again = ran.ended.as_ref().and_then(|ended| ended.again);
                (may, again)
            });
            match heard {
                Some((true, None)) => {}
                Some((true, Some(pause))) => self.tried(worker, pause),
                _ => return self.blame(worker, "told of a command that it does not run"),
            }
        }
    }

    /// An attempt failed, and another follows.
    fn tried(&mut self, worker: u32, pause: std::time::Duration) {
        let member = self.members.get(&worker);
        let Some((member, task)) = member.and_then(|member| Some((member, member.tasks.front()?)))
        else {
            return;
        };
        let subject = member.subject(task);
        let fault = self.fault_of(task.ran.as_deref());
        self.note(Fact::Retried {
            subject,
            fault,
            pause,
        });
    }

    /// What is wrong with a command that failed, or of which nobody knows what it has spent.
    fn fault_of(&self, ran: Option<&Ran>) -> Fault {
        let timeout = self.plan.timeout.unwrap_or_default();
        let ended = ran.and_then(|ran| ran.ended.as_ref());
        let cut = ended.and_then(|ended| ended.cut);
        let trouble = ended.and_then(|ended| ended.trouble.as_deref());
        let exit = ended.and_then(|ended| ended.exit);
        let (cause, what) = match (cut, trouble, exit) {
            (Some(Cut::TimeOver), ..) => {
                let what = format!("its command took longer than {timeout:?} and was ended");
                (Cause::Deadline, what)
            }
            (_, Some(trouble), Some(_)) => (Cause::Unreadable, trouble.to_string()),
            (_, Some(trouble), None) => (Cause::Command, trouble.to_string()),
            (Some(Cut::Asked), ..) => {
                let what = "its command was ended, as the run was asked to end";
                (Cause::Command, what.to_string())
            }
            (None, None, Some(exit)) => (Cause::Command, format!("its command {exit}")),
            (None, None, None) => (Cause::Command, "its command did not run".to_string()),
        };
        let words = ran.and_then(Ran::first_words);
        let detail = match words {
            Some(words) => format!("{what}: {words}"),
            None => what,
        };
        Fault { cause, detail }
    }

    /// The end of an operation whose command did not succeed, or of which nobody knows what it did; an
    /// operation that the bank decided otherwise is given back.
    pub(super) fn command_ended(
        &mut self,
        worker: u32,
        task: Task,
        answer: &Answer,
    ) -> Option<Task> {
        let is_in_doubt = matches!(answer.outcome, Outcome::Doubted { .. });
        if !is_in_doubt && !matches!(answer.outcome, Outcome::Voided { .. }) {
            return Some(task);
        }
        let fault = self.fault_of(task.ran.as_deref());
        let elapsed = self.now.saturating_sub(task.given_at);
        let member = self.members.get(&worker)?;
        let subject = member.subject_of(task);
        if is_in_doubt {
            self.tally.doubted(&subject.operation, &fault);
            self.note(Fact::Doubted {
                subject,
                fault,
                elapsed,
            });
        } else {
            self.tally.failed(&fault);
            self.note(Fact::Failed {
                subject,
                fault,
                elapsed,
            });
        }
        None
    }

    /// Tells that a command spent more than was set aside, if it did.
    pub(super) fn tell_overspent(&mut self, worker: u32, task: &Task) {
        let ended = task.ran.as_ref().and_then(|ran| ran.ended.as_ref());
        let excess = ended.and_then(|ended| ended.overspent);
        if let (Some(excess), Some(member)) = (excess, self.members.get(&worker)) {
            let mut subject = member.subject(task);
            subject.ran = None;
            self.tally.met(Status::Refused);
            let id = task.operation.id.as_ref().map_or("", Id::as_str);
            self.note(Fact::Warned(format!(
                "the command of `{id}` spent {excess} more than was set aside"
            )));
            self.note(Fact::Overspent { subject, excess });
        }
    }
}
