//! Events as JSON Lines: the stable interface for programs. Fields are written in the order in which
//! they stand here; a field that does not apply is left out.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::decimal;
use crate::bank::{Balance, Decimal, View};
use crate::event::{AccountSummary, Event, Fact, Race, Subject, Summary};

/// Grows when readers of the old lines would misread the new ones; a new field is no reason.
pub(super) const VERSION: u8 = 1;

/// Adds the line of an event, if it has one: a warning is talk and has none.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let at_us = micros(event.at);
    match &event.fact {
        Fact::Warned(_) => Ok(()),
        Fact::Invalid { line, reason } => add(out, &InvalidLine::new(*line, reason, at_us)),
        Fact::Raced(race) => add(out, &RacedLine::new(race)),
        Fact::Ended(summary) => add(out, &SummaryLine::new(summary)),
        Fact::Started(subject) => add(out, &OperationLine::new("started", subject, at_us)),
        Fact::Held { subject, view } => {
            let line = OperationLine::new("held", subject, at_us);
            add(out, &line.seeing(Some(view)))
        }
        Fact::Completed {
            subject,
            seq,
            view,
            elapsed,
            duplicate,
        } => {
            let mut line = OperationLine::new("completed", subject, at_us).seeing(Some(view));
            line.seq = Some(*seq);
            line.duplicate = *duplicate;
            add(out, &line.after(*elapsed))
        }
        Fact::Refused {
            subject,
            rejection,
            view,
            elapsed,
            duplicate,
        } => {
            let mut line = OperationLine::new("refused", subject, at_us).seeing(view.as_ref());
            line.reason = Some(rejection.word());
            line.duplicate = *duplicate;
            add(out, &line.after(*elapsed))
        }
        Fact::Failed {
            subject,
            fault,
            elapsed,
        } => {
            let mut line = OperationLine::new("failed", subject, at_us);
            line.reason = Some(fault.cause.word());
            line.detail = Some(&fault.detail);
            add(out, &line.after(*elapsed))
        }
    }
}

pub(super) fn add(out: &mut Vec<u8>, line: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

/// `started`, `held`, `completed`, `refused` and `failed`.
#[derive(Serialize)]
struct OperationLine<'a> {
    v: u8,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    op: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
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
    fn new(r#type: &'static str, subject: &'a Subject, at_us: u64) -> Self {
        let operation = &subject.operation;
        OperationLine {
            v: VERSION,
            r#type,
            id: operation.id.as_ref().map(|id| id.as_str()),
            op: operation.kind().word(),
            account: operation.account.as_str(),
            to: operation.to().map(|to| to.as_str()),
            amount: operation.amount().map(|amount| Money(amount.minor())),
            balance: None,
            available: None,
            seq: None,
            duplicate: false,
            reason: None,
            detail: None,
            worker: subject.worker,
            pid: subject.pid,
            line: subject.line,
            at_us,
            elapsed_us: None,
        }
    }

    fn seeing(mut self, view: Option<&View>) -> Self {
        self.balance = view.map(|view| view.posted.into());
        self.available = view.map(|view| view.available.into());
        self
    }

    fn after(mut self, elapsed: Duration) -> Self {
        self.elapsed_us = Some(micros(elapsed));
        self
    }
}

/// `invalid`.
#[derive(Serialize)]
struct InvalidLine<'a> {
    v: u8,
    r#type: &'static str,
    line: u64,
    reason: &'a str,
    at_us: u64,
}

impl<'a> InvalidLine<'a> {
    fn new(line: u64, reason: &'a str, at_us: u64) -> Self {
        InvalidLine {
            v: VERSION,
            r#type: "invalid",
            line,
            reason,
            at_us,
        }
    }
}

/// `raced`.
#[derive(Serialize)]
struct RacedLine {
    v: u8,
    r#type: &'static str,
    remedy: &'static str,
    threads: u32,
    operations: u64,
    refused: u64,
    expected: Money,
    actual: Money,
    lost_updates: u64,
    elapsed_us: u64,
    ns_per_operation: u128,
}

impl RacedLine {
    fn new(race: &Race) -> Self {
        RacedLine {
            v: VERSION,
            r#type: "raced",
            remedy: race.remedy,
            threads: race.threads,
            operations: race.operations,
            refused: race.refused,
            expected: race.expected.into(),
            actual: race.actual.into(),
            lost_updates: race.lost_updates,
            elapsed_us: micros(race.elapsed),
            ns_per_operation: super::ns_per_operation(race),
        }
    }
}

/// `summary`.
#[derive(Serialize)]
struct SummaryLine<'a> {
    v: u8,
    r#type: &'static str,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<&'a str>,
    status: u8,
    operations: u64,
    completed: u64,
    refused: u64,
    failed: u64,
    invalid: u64,
    duplicates: u64,
    processes: u64,
    elapsed_us: u64,
    sequential_us: u64,
    balances: Vec<AccountObject<'a>>,
    accounts_omitted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong_accounts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_updates: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_early: Option<&'a str>,
}

impl<'a> SummaryLine<'a> {
    fn new(summary: &'a Summary) -> Self {
        let counts = summary.counts;
        SummaryLine {
            v: VERSION,
            r#type: "summary",
            mode: summary.mode,
            ledger: summary.ledger.as_deref(),
            status: summary.status.code(),
            operations: super::operations(counts),
            completed: counts.completed,
            refused: counts.refused,
            failed: counts.failed,
            invalid: counts.invalid,
            duplicates: counts.duplicates,
            processes: summary.processes,
            elapsed_us: micros(summary.elapsed),
            sequential_us: micros(summary.sequential),
            balances: summary.accounts.iter().map(AccountObject::new).collect(),
            accounts_omitted: summary.accounts_omitted,
            sum: summary.check.map(|check| decimal(check.sum)),
            wrong_accounts: summary.check.map(|check| check.wrong_accounts),
            lost_updates: summary.check.map(|check| check.lost_updates),
            ended_early: summary.ended_early.as_deref(),
        }
    }
}

/// One of a summary's `balances`.
#[derive(Serialize)]
struct AccountObject<'a> {
    account: &'a str,
    balance: Money,
    available: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_updates: Option<u64>,
}

impl<'a> AccountObject<'a> {
    fn new(account: &'a AccountSummary) -> Self {
        AccountObject {
            account: account.name.as_str(),
            balance: account.view.posted.into(),
            available: account.view.available.into(),
            expected: account.expected.map(Money::from),
            lost_updates: (account.lost_updates > 0).then_some(account.lost_updates),
        }
    }
}

/// Money in minor units, written as a string so that no reader makes a float of it.
#[derive(Clone, Copy)]
pub(super) struct Money(pub(super) i64);

impl From<Balance> for Money {
    fn from(balance: Balance) -> Self {
        Money(balance.minor())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Decimal::new(self.0).as_str())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}
