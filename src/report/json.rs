//! Events as JSON Lines: the stable interface for programs. Fields are written in the order in which
//! they stand here; a field that does not apply is left out.

mod operation;
mod summary;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::decimal;
use crate::bank::{Balance, Decimal, Operation};
use crate::event::{Event, Fact, Race};
use operation::OperationLine;
use summary::SummaryLine;

/// Grows when readers of the old lines would misread the new ones; a new field is no reason.
pub(super) const VERSION: u8 = 1;

/// The types of all lines that an event can have.
pub(super) const TYPES: [&str; 13] = [
    "started",
    "planned",
    "skipped",
    "held",
    "retried",
    "completed",
    "overspent",
    "refused",
    "in_doubt",
    "failed",
    "invalid",
    "raced",
    "summary",
];

/// Adds the line of an event, if it has one: a warning is a message on stderr and has none.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let at_us = micros(event.at);
    match &event.fact {
        Fact::Warned(_) => Ok(()),
        Fact::Invalid { line, reason } => add(out, &InvalidLine::new(*line, reason, at_us)),
        Fact::Raced(race) => add(out, &RacedLine::new(race)),
        Fact::Ended(summary) => add(out, &SummaryLine::new(summary)),
        Fact::Started(subject) => add(out, &OperationLine::new("started", subject, at_us)),
        Fact::Planned {
            subject, refusal, ..
        } => {
            let view = refusal.and_then(|(_, view)| view);
            let mut line = OperationLine::new("planned", subject, at_us).seeing(view.as_ref());
            line.reason = refusal.map(|(rejection, _)| rejection.word());
            add(out, &line)
        }
        Fact::Skipped { line, operation } => {
            add(out, &GivenUpLine::new(*line, operation.as_ref(), at_us))
        }
        Fact::Retried {
            subject,
            fault,
            pause,
        } => {
            let mut line = OperationLine::new("retried", subject, at_us).faulted(fault);
            line.pause_us = Some(micros(*pause));
            add(out, &line)
        }
        Fact::Overspent { subject, excess } => {
            let mut line = OperationLine::new("overspent", subject, at_us);
            line.excess = Some(Money(excess.minor()));
            add(out, &line)
        }
        Fact::Doubted {
            subject,
            fault,
            elapsed,
        } => {
            let line = OperationLine::new("in_doubt", subject, at_us).faulted(fault);
            add(out, &line.after(*elapsed))
        }
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
            line.seq = *seq;
            line.duplicate = *duplicate;
            if seq.is_none() {
                line.amount = Some(Money(0));
            }
            add(out, &line.after(*elapsed))
        }
        Fact::Refused {
            subject,
            rejection,
            view,
            overdraft,
            elapsed,
            duplicate,
        } => {
            let mut line = OperationLine::new("refused", subject, at_us).seeing(view.as_ref());
            line.reason = Some(rejection.word());
            line.overdraft = overdraft.map(Money::from);
            line.duplicate = *duplicate;
            let ran = subject.ran.as_ref();
            line.detail = ran.and_then(|ran| ran.last_line()).map(Cow::from);
            add(out, &line.after(*elapsed))
        }
        Fact::Failed {
            subject,
            fault,
            elapsed,
        } => {
            let line = OperationLine::new("failed", subject, at_us).faulted(fault);
            add(out, &line.after(*elapsed))
        }
    }
}

pub(super) fn add(out: &mut Vec<u8>, line: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

/// `skipped`.
#[derive(Serialize)]
struct GivenUpLine<'a> {
    v: u8,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    line: u64,
    at_us: u64,
}

impl<'a> GivenUpLine<'a> {
    fn new(line: u64, operation: Option<&'a Operation>, at_us: u64) -> Self {
        GivenUpLine {
            v: VERSION,
            r#type: "skipped",
            id: operation.and_then(|operation| Some(operation.id.as_ref()?.as_str())),
            op: operation.map(|operation| operation.kind().word()),
            account: operation.map(|operation| operation.account.as_str()),
            to: operation.and_then(|operation| Some(operation.to()?.as_str())),
            amount: operation.and_then(|operation| Some(Money(operation.amount()?.minor()))),
            line,
            at_us,
        }
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
