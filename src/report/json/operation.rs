//! The lines about one operation.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::{Money, VERSION, is_false, is_zero, micros};
use crate::bank::View;
use crate::event::{Fault, Subject};
use crate::exit::Exit;
use crate::work::{CommandReport, Termination};

/// `started`, `held`, `retried`, `completed`, `refused`, `overspent`, `in_doubt`, `failed` and `planned`.
#[derive(Serialize)]
pub(super) struct OperationLine<'a> {
    v: u8,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    op: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) excess: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overdraft: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    timed_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pause_us: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    worker: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    at_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_us: Option<u64>,
}

impl<'a> OperationLine<'a> {
    pub(super) fn new(r#type: &'static str, subject: &'a Subject, at_us: u64) -> Self {
        let operation = &subject.operation;
        let line = OperationLine {
            v: VERSION,
            r#type,
            id: operation.id.as_ref().map(|id| id.as_str()),
            op: operation.kind().word(),
            account: operation.account.as_str(),
            to: operation.to().map(|to| to.as_str()),
            amount: operation.amount().map(|amount| Money(amount.minor())),
            set_aside: subject.set_aside.map(|amount| Money(amount.minor())),
            excess: None,
            overdraft: None,
            balance: None,
            available: None,
            seq: None,
            duplicate: false,
            reason: None,
            detail: None,
            attempts: None,
            exit: None,
            signal: None,
            timed_out: false,
            spent: None,
            stdout: None,
            stdout_dropped: None,
            stderr: None,
            stderr_dropped: None,
            pause_us: None,
            worker: subject.worker,
            pid: subject.pid,
            line: subject.line,
            at_us,
            elapsed_us: None,
        };
        match &subject.ran {
            Some(ran) => line.telling(ran),
            None => line,
        }
    }

    /// What the operation's command did.
    fn telling(mut self, ran: &'a CommandReport) -> Self {
        if ran.is_captured {
            self.attempts = Some(ran.attempts);
            self.stdout = Some(String::from_utf8_lossy(&ran.stdout));
            self.stderr = Some(String::from_utf8_lossy(&ran.stderr));
        }
        if let Some(ended) = &ran.ended {
            match ended.exit {
                Some(Exit::Status(status)) => self.exit = Some(status),
                Some(Exit::Signal(signal)) => self.signal = Some(signal),
                None => {}
            }
            self.spent = ended.finer.as_deref();
            self.timed_out = ended.termination == Some(Termination::TimeOver);
            let some = |dropped: u64| (dropped > 0).then_some(dropped);
            self.stdout_dropped = some(ended.stdout_dropped);
            self.stderr_dropped = some(ended.stderr_dropped);
        }
        self
    }

    pub(super) fn seeing(mut self, view: Option<&View>) -> Self {
        self.balance = view.map(|view| view.posted.into());
        self.available = view.map(|view| view.available.into());
        self
    }

    pub(super) fn faulted(mut self, fault: &'a Fault) -> Self {
        self.reason = Some(fault.cause.word());
        self.detail = Some(fault.detail.as_str().into());
        self
    }

    pub(super) fn after(mut self, elapsed: Duration) -> Self {
        self.elapsed_us = Some(micros(elapsed));
        self
    }
}
