//! Answers as JSON Lines. Fields are written in the order in which they stand here; a field that does
//! not apply is left out.

use serde::Serialize;

use super::About;
use crate::bank::{Answer, Balance, Id, Name, Operation, Outcome, View};
use crate::report::json::{Money, VERSION, add, is_false};
use crate::report::moment;
use crate::store::{OpenHold, RunName, Standing};

/// Adds the line of an answer. Memory takes every byte, so nothing fails.
pub(super) fn answer(
    about: About<'_>,
    answer: &Answer,
    overdraft: Option<Balance>,
    out: &mut Vec<u8>,
) {
    let mut line = AnswerLine::new(about, answer);
    line.overdraft = line.overdraft.or(overdraft.map(Money::from));
    let _ = add(out, &line);
}

/// Adds the line of an account.
pub(super) fn account(standing: &Standing, held: &str, out: &mut Vec<u8>) {
    let line = AccountLine {
        v: VERSION,
        r#type: "balance",
        account: standing.name.as_str(),
        balance: standing.view.posted.into(),
        held,
        available: standing.view.available.into(),
        overdraft: standing.overdraft.map(Money::from),
    };
    let _ = add(out, &line);
}

/// Adds the line of a hold.
pub(super) fn hold(hold: &OpenHold, run: Option<&RunName>, out: &mut Vec<u8>) {
    let operation = &hold.operation;
    let line = HoldLine {
        v: VERSION,
        r#type: "hold",
        id: operation.id.as_ref().map(Id::as_str),
        op: operation.kind().word(),
        account: operation.account.as_str(),
        to: operation.to().map(Name::as_str),
        amount: amount(operation),
        at: moment(hold.at),
        expires: hold.expires.map(moment),
        run: run.map(RunName::as_str),
        line: hold.line,
        in_doubt: hold.in_doubt,
    };
    let _ = add(out, &line);
}

fn amount(operation: &Operation) -> Option<Money> {
    operation.amount().map(|amount| Money(amount.minor()))
}

/// `completed`, `held`, `voided`, `opened` and `refused`.
#[derive(Serialize)]
struct AnswerLine<'a> {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    overdraft: Option<Money>,
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
}

impl<'a> AnswerLine<'a> {
    fn new(about: About<'a>, answer: &Answer) -> Self {
        let mut line = AnswerLine {
            v: VERSION,
            r#type: "",
            id: None,
            op: None,
            account: None,
            to: None,
            amount: None,
            overdraft: None,
            balance: None,
            available: None,
            seq: None,
            duplicate: answer.duplicate,
            reason: None,
        };
        line.say_what(about);
        line.say_how(answer.outcome);
        line
    }

    fn say_what(&mut self, about: About<'a>) {
        match about {
            About::Operation(operation) => {
                self.id = operation.id.as_ref().map(Id::as_str);
                self.op = Some(operation.kind().word());
                self.account = Some(operation.account.as_str());
                self.to = operation.to().map(Name::as_str);
                self.amount = amount(operation);
            }
            About::Hold(id) => self.id = Some(id.as_str()),
            About::Account { name, overdraft } => {
                self.account = Some(name.as_str());
                self.overdraft = overdraft.map(Money::from);
            }
        }
    }

    fn say_how(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Held { view } => self.fill("held", Some(view), None),
            Outcome::Posted { seq, view, .. } | Outcome::Viewed { seq, view } => {
                self.fill("completed", Some(view), Some(seq));
            }
            Outcome::Unspent { view } => {
                self.amount = Some(Money(0));
                self.fill("completed", Some(view), None);
            }
            Outcome::Doubted { view } => self.fill("in_doubt", Some(view), None),
            Outcome::Voided { view } => self.fill("voided", Some(view), None),
            Outcome::Opened { view } => self.fill("opened", Some(view), None),
            Outcome::Refused { rejection, view } => {
                self.fill("refused", view, None);
                self.reason = Some(rejection.word());
            }
        }
    }

    fn fill(&mut self, r#type: &'static str, view: Option<View>, seq: Option<u64>) {
        self.r#type = r#type;
        self.balance = view.map(|view| view.posted.into());
        self.available = view.map(|view| view.available.into());
        self.seq = seq;
    }
}

/// `balance`.
#[derive(Serialize)]
struct AccountLine<'a> {
    v: u8,
    r#type: &'static str,
    account: &'a str,
    balance: Money,
    held: &'a str,
    available: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    overdraft: Option<Money>,
}

/// `hold`.
#[derive(Serialize)]
struct HoldLine<'a> {
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
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    in_doubt: bool,
}
