//! Answers as JSON Lines. Fields are written in the order in which they stand here; a field that does
//! not apply is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Subject;
use crate::bank::{
    Annotations, Answer, Balance, EntryKey, Id, Kind, Moment, Name, Operation, Percent, Period,
};
use crate::event::{Event, OperationEvent, PartEvent, Total, add_line, is_zero, rfc3339};
use crate::store::{OpenHold, RunName, Standing, StandingAllowance};

/// What an answer is subject, as an event.
pub(super) fn event(subject: Subject<'_>, answer: &Answer, overdraft: Option<Balance>) -> Event {
    let event = match subject {
        Subject::Operation(operation) => operation.clone().into(),
        Subject::Hold(id) => OperationEvent {
            id: Some(id.clone()),
            ..OperationEvent::default()
        },
        Subject::Entry(EntryKey::Id(id)) => OperationEvent {
            op: Some(Kind::Reverse),
            id: Some(id.clone()),
            ..OperationEvent::default()
        },
        Subject::Entry(EntryKey::Seq(seq)) => OperationEvent {
            op: Some(Kind::Reverse),
            reverses: Some(*seq),
            ..OperationEvent::default()
        },
        Subject::Account { name, overdraft } => OperationEvent {
            account: Some(name.clone()),
            overdraft,
            ..OperationEvent::default()
        },
    };
    let overdraft = event.overdraft.or(overdraft);
    OperationEvent { overdraft, ..event }.answered(answer)
}

/// Adds the line of an account. Memory takes every byte, so nothing fails.
pub(super) fn account(standing: &Standing, held: i128, out: &mut Vec<u8>) {
    let line = AccountLine {
        account: &standing.name,
        balance: standing.view.posted,
        held: Total(held),
        available: standing.view.available,
        overdraft: standing.overdraft,
        allowance: standing.allowance.as_ref().map(AllowanceFields::new),
    };
    let _ = add_line(out, "balance", &line);
}

/// Adds the line of an account as it stood before a moment.
pub(super) fn account_at(account: &Name, posted: i128, at: Moment, out: &mut Vec<u8>) {
    let line = EarlierAccountLine {
        account,
        balance: Total(posted),
        at: rfc3339(at),
    };
    let _ = add_line(out, "balance", &line);
}

/// Adds the line of a hold.
pub(super) fn hold(hold: &OpenHold, run: Option<&RunName>, out: &mut Vec<u8>) {
    let Operation { id, account, .. } = &hold.operation;
    let is_group = hold.operation.kind() == Kind::Group;
    let parts = || hold.operation.parts().iter().map(PartEvent::of).collect();
    let Annotations { date, memo, meta } = hold.operation.annotations();
    let line = HoldLine {
        date,
        memo,
        meta,
        id: id.as_ref(),
        op: hold.operation.kind(),
        account: Some(account).filter(|_| !is_group),
        to: hold.operation.to(),
        parts: is_group.then(parts),
        amount: hold.operation.amount().map(Balance::from),
        at: rfc3339(hold.at),
        expires: hold.expires.map(rfc3339),
        run: run.map(RunName::as_str),
        line: hold.line,
        in_doubt: hold.in_doubt,
    };
    let _ = add_line(out, "hold", &line);
}

/// `balance`.
#[derive(Serialize)]
struct AccountLine<'a> {
    account: &'a Name,
    balance: Balance,
    held: Total,
    available: Balance,
    #[serde(skip_serializing_if = "Option::is_none")]
    overdraft: Option<Balance>,
    #[serde(flatten)]
    allowance: Option<AllowanceFields<'a>>,
}

/// What the line of an account with an allowance tells of it.
#[derive(Serialize)]
struct AllowanceFields<'a> {
    limit: Balance,
    period: Period,
    zone: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    rollover: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_at: Option<Percent>,
    spent: Balance,
    left: Balance,
    refills: String,
}

impl<'a> AllowanceFields<'a> {
    fn new(standing: &'a StandingAllowance) -> Self {
        let StandingAllowance { allowance, view } = standing;
        AllowanceFields {
            limit: view.limit.into(),
            period: allowance.period,
            zone: allowance.zone.name(),
            rollover: allowance.rollover,
            warn_at: allowance.warn,
            spent: view.spent,
            left: view.left,
            refills: rfc3339(view.next),
        }
    }
}

/// `balance --at`.
#[derive(Serialize)]
struct EarlierAccountLine<'a> {
    account: &'a Name,
    balance: Total,
    at: String,
}

/// `hold`.
#[derive(Serialize)]
struct HoldLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    op: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartEvent>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Balance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: BTreeMap<String, String>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    in_doubt: bool,
}
