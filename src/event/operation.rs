//! What happened to one operation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fields::{Micros, is_zero, rfc3339};
use super::{AllowanceEvent, Event, EventFields, Fault, PartEvent, Reason};
use crate::bank::{
    Action, Amount, Annotations, Answer, Balance, Id, Kind, Name, Operation, Outcome, Rejection,
    UNORDERED, View,
};
use crate::exit::Exit;
use crate::work::{CommandReport, Termination, last_line};

/// What happened to one operation, or what one command was answered. EventFields are written in the order in
/// which they stand here; what does not apply is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperationEvent {
    /// The caller's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Which of the five operations it is, or `all` for several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<Kind>,
    /// The account it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Name>,
    /// A transfer's other account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// The other account that money comes from, of a reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Name>,
    /// The operations that are posted together or refused together, of `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Box<[PartEvent]>>,
    /// Which of them was refused, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub part: u8,
    /// The number of the entry that it makes undone, of a reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverses: Option<u64>,
    /// What was asked for; where it was posted, what was really moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Balance>,
    /// What was set aside for it, where that is not what was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<Balance>,
    /// How much more than that was spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excess: Option<Balance>,
    /// How far below zero the account may go, where its money was not enough and that is not at zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdraft: Option<Balance>,
    /// When it happened elsewhere, as its caller says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Box<str>>,
    /// Its caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<Box<str>>,
    /// Its caller's texts by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Box<BTreeMap<String, String>>>,
    /// When the account is refilled, where its money was not enough and it has an allowance (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refills: Option<Box<str>>,
    /// What allowances moved along with it, in its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowances: Option<Box<[AllowanceEvent]>>,
    /// What is posted on its account after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// What of it is not set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Balance>,
    /// What is posted on a transfer's other account after it, where money moved just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_balance: Option<Balance>,
    /// The entry's number; of a view, the number of the last entry that it includes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The number of the last change that was made or seen when it was decided, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub decided: u64,
    /// This is the stored outcome of an earlier operation with the same id, or of the line when a named
    /// run did it.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicate: bool,
    /// Why it was not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in words: who, what, how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
    /// Its work is a command, which would be run.
    #[serde(skip_serializing_if = "is_zero")]
    pub command: bool,
    /// How often its command was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The status with which its command exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Its command was ended when its time was over.
    #[serde(skip_serializing_if = "is_zero")]
    pub timed_out: bool,
    /// What its command says it has spent, where that is finer than what is posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent: Option<Box<str>>,
    /// What its command wrote to stdout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Box<str>>,
    /// How many bytes of that were dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub stdout_dropped: u64,
    /// What its command wrote to stderr.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Box<str>>,
    /// How many bytes of that were dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub stderr_dropped: u64,
    /// When its next attempt begins, from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_us: Option<Micros>,
    /// Its number within the run, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub operation: u64,
    /// The worker's number within the run, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub worker: u32,
    /// The worker's process.
    #[serde(skip_serializing_if = "is_zero")]
    pub pid: u32,
    /// The line of the input it came from, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Since the run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_us: Option<Micros>,
    /// From the moment a worker was given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_us: Option<Micros>,
}

impl From<Operation> for OperationEvent {
    fn from(operation: Operation) -> Self {
        let (op, amount) = (operation.kind(), operation.amount());
        let reverses = operation.reverses();
        let (to, from) = (operation.to().cloned(), operation.from().cloned());
        let (overdraft, parts) = match &operation.action {
            Action::Open { overdraft, .. } => (*overdraft, None),
            Action::Group(group) => {
                let parts = group.parts().iter().map(PartEvent::of);
                (None, Some(parts.collect()))
            }
            _ => (None, None),
        };
        let mut event = OperationEvent {
            id: operation.id,
            op: Some(op),
            account: Some(operation.account).filter(|_| parts.is_none()),
            to,
            from,
            parts,
            reverses,
            amount: amount.map(Balance::from),
            overdraft,
            ..OperationEvent::default()
        };
        if let Some(detail) = operation.detail {
            event.carry(detail.annotations());
        }
        event
    }
}

/// It is some hundred bytes long and there is one for each operation, so it is filled in where it stands.
impl OperationEvent {
    fn carry(&mut self, added: Annotations) {
        let Annotations { date, memo, meta } = added;
        self.date = date;
        self.memo = memo;
        self.meta = (!meta.is_empty()).then(|| Box::new(meta));
    }

    /// Adds what its operation's command did that was started.
    pub fn add_command(&mut self, report: &CommandReport) {
        let written = |bytes: &[u8]| {
            let text = || String::from_utf8_lossy(bytes).into();
            report.is_captured.then(text)
        };
        self.attempts = Some(report.attempts);
        self.stdout = written(&report.stdout);
        self.stderr = written(&report.stderr);
        let Some(ended) = &report.ended else { return };
        match ended.exit {
            Some(Exit::Status(status)) => self.exit = Some(status),
            Some(Exit::Signal(signal)) => self.signal = Some(signal),
            None => {}
        }
        self.timed_out = ended.termination == Some(Termination::TimeOver);
        self.spent = ended.finer.as_deref().map(Box::from);
        self.stdout_dropped = ended.stdout_dropped;
        self.stderr_dropped = ended.stderr_dropped;
    }

    /// Its account, where there is one.
    pub fn seeing(mut self, view: Option<View>) -> Self {
        self.see(view);
        self
    }

    fn see(&mut self, view: Option<View>) {
        // Of a group each part tells its own.
        let view = view.filter(|_| self.parts.is_none());
        self.balance = view.map(|view| view.posted);
        self.available = view.map(|view| view.available);
    }

    /// What went wrong.
    pub fn faulted(mut self, fault: Fault) -> Self {
        self.reason = Some(Reason::Faulty(fault.cause));
        self.detail = Some(fault.detail.into());
        self
    }

    /// Why the bank said no.
    pub fn rejected(mut self, rejection: Rejection) -> Self {
        self.reason = Some(Reason::Rejected(rejection));
        self
    }

    /// How long it took from the moment a worker was given it.
    pub fn after(mut self, elapsed: Duration) -> Self {
        self.elapsed_us = Some(elapsed.into());
        self
    }

    /// What was decided about it, and what type of event that is.
    pub fn answered(mut self, answer: &Answer) -> Event {
        self.duplicate = answer.duplicate;
        self.decided = answer.decided;
        self.allowances = AllowanceEvent::all(answer);
        if self.op == Some(Kind::Transfer) {
            self.to_balance = answer.other_side.map(|view| view.posted);
        }
        if let (Outcome::Refused { .. }, Some(budget)) = (&answer.outcome, &answer.budget) {
            self.refills = Some(rfc3339(budget.next).into());
        }
        if let Some(parts) = &mut self.parts {
            for (part, seen) in parts.iter_mut().zip(answer.parts()) {
                part.posted(*seen);
            }
        }
        self.note_refused_part(answer);
        self.ended(&answer.outcome)
    }

    /// Which part of a group was refused, and what its account holds.
    fn note_refused_part(&mut self, answer: &Answer) {
        let (Some(parts), Outcome::Refused { view, .. }) = (&mut self.parts, answer.outcome) else {
            return;
        };
        self.part = answer.part();
        let refused = usize::from(answer.part()).checked_sub(1);
        let refused = refused.and_then(|place| parts.get_mut(place));
        if let (Some(part), Some(view)) = (refused, view) {
            part.see(view);
        }
    }

    /// The same, which would be refused so.
    pub fn refused(mut self, answer: &Answer) -> Self {
        self.note_refused_part(answer);
        match answer.outcome {
            Outcome::Refused { rejection, view } => self.rejected(rejection).seeing(view),
            _ => self,
        }
    }

    /// What became of it, and what type of event that is.
    pub fn ended(mut self, outcome: &Outcome) -> Event {
        let r#type = self.end(outcome);
        r#type(self)
    }

    fn end(&mut self, outcome: &Outcome) -> fn(OperationEvent) -> Event {
        match *outcome {
            Outcome::Posted { seq, amount, view } => {
                self.seq = ordered(seq);
                match &mut self.parts {
                    Some(parts) => posted(parts, seq, view),
                    None => self.moved(Some(amount)),
                }
                self.see(Some(view));
                Event::Completed
            }
            Outcome::Viewed { seq, view } => {
                self.seq = ordered(seq);
                self.see(Some(view));
                Event::Completed
            }
            Outcome::Unspent { view } => {
                self.moved(None);
                self.see(Some(view));
                Event::Completed
            }
            Outcome::Refused { rejection, view } => {
                self.detail = self.stderr.as_deref().and_then(last_line).map(Box::from);
                self.reason = Some(Reason::Rejected(rejection));
                self.see(view);
                Event::Refused
            }
            Outcome::Held { view } => self.seen_as(view, Event::Held),
            Outcome::Voided { view } => self.seen_as(view, Event::Voided),
            Outcome::Doubted { view } => self.seen_as(view, Event::InDoubt),
            Outcome::Opened { view } => self.seen_as(view, Event::Opened),
        }
    }

    fn seen_as<T>(&mut self, view: View, r#type: T) -> T {
        self.see(Some(view));
        r#type
    }

    /// What was really moved of what was set aside.
    fn moved(&mut self, amount: Option<Amount>) {
        let moved = amount.map_or(Balance::default(), Balance::from);
        self.set_aside = self.amount.filter(|asked| *asked != moved);
        self.amount = Some(moved);
    }

    /// How many bytes its command wrote, as far as they are kept.
    pub(super) fn written(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        length(&self.stdout) + length(&self.stderr)
    }
}

/// Notes the numbers of the entries of a group, and what the account of the last one holds after it.
fn posted(parts: &mut [PartEvent], last: u64, view: View) {
    for (part, seq) in parts.iter_mut().rev().zip((1..=last).rev()) {
        part.seq = Some(seq);
    }
    if let Some(part) = parts.last_mut() {
        part.see(view);
    }
}

/// Where processes share memory without a lock, no number could tell an order.
fn ordered(seq: u64) -> Option<u64> {
    Some(seq).filter(|seq| *seq != UNORDERED)
}

impl EventFields for OperationEvent {
    fn at_mut(&mut self) -> Option<&mut Micros> {
        Some(self.at_us.get_or_insert_default())
    }

    fn operation(&self) -> Option<&OperationEvent> {
        Some(self)
    }
}
