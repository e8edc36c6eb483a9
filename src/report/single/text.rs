//! Answers as lines of words, with one space between.

use std::fmt::{self, Display};

use super::Subject;
use super::budget::ToTheSecond;
use crate::bank::{
    Answer, Balance, EntryKey, Id, Name, Operation, Outcome, Rejection, Unit, View, WORLD,
};
use crate::event::rfc3339;
use crate::report::columns::or_nothing;
use crate::report::money::BareMoney;
use crate::store::{OpenHold, RunName};

/// Adds the line of an answer that is no refusal.
pub(super) fn answer(subject: Subject<'_>, answer: &Answer, out: &mut Vec<u8>) {
    let (word, view, seq) = match answer.outcome {
        Outcome::Held { view } => ("held", view, None),
        Outcome::Posted { seq, view, .. } => ("posted", view, Some(seq)),
        Outcome::Unspent { view } => ("unspent", view, None),
        Outcome::Doubted { view } => ("doubted", view, None),
        Outcome::Viewed { seq, view } => ("viewed", view, Some(seq)),
        Outcome::Voided { view } => ("voided", view, None),
        Outcome::Opened { view } => ("opened", view, None),
        Outcome::Refused { .. } => return,
    };
    let View { posted, available } = view;
    let described = Described(subject);
    let mut line = format!("{word} {described} balance {posted} available {available}");
    if let Some(seq) = seq {
        line += &format!(" seq {seq}");
    }
    if let Some(to) = other_side(subject) {
        line += &format!(" to {to}");
    }
    if let Subject::Operation(operation) = subject
        && let Some(from) = operation.from()
    {
        line += &format!(" from {from}");
    }
    if answer.duplicate {
        line += " duplicate";
    }
    let unit = Unit::current();
    if !unit.is_default() {
        line += &format!(" unit {}", unit.name());
    }
    line.push('\n');
    out.extend(line.into_bytes());
}

/// What an answer is subject, in words.
struct Described<'a>(Subject<'a>);

impl Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Subject::Account { name, .. } => name.fmt(f),
            Subject::Hold(id) | Subject::Entry(EntryKey::Id(id)) => f.write_str(id.as_str()),
            Subject::Entry(EntryKey::Seq(seq)) => seq.fmt(f),
            Subject::Operation(operation) => {
                let (kind, account) = (operation.kind(), &operation.account);
                match operation.amount() {
                    Some(amount) => write!(f, "{kind} {amount} {account}"),
                    None => write!(f, "{kind} {account}"),
                }
            }
        }
    }
}

fn other_side(subject: Subject<'_>) -> Option<&Name> {
    match subject {
        Subject::Operation(operation) => operation.to(),
        Subject::Hold(_) | Subject::Account { .. } | Subject::Entry(_) => None,
    }
}

/// Why the bank said no, and what would help.
pub(super) struct Refusal<'a>(
    pub(super) Subject<'a>,
    pub(super) &'a Answer,
    /// How far below zero the account may go, where that is known.
    pub(super) Option<Balance>,
);

impl Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal(subject, answer, overdraft) = self;
        let Outcome::Refused { rejection, view } = answer.outcome else {
            return Ok(());
        };
        write!(f, "refused: {rejection}")?;
        match (rejection, subject) {
            (Rejection::InsufficientFunds, Subject::Operation(operation)) => {
                let movement = operation.movement();
                let account = movement.map_or(&operation.account, |movement| movement.debit);
                let available = view.map(|view| view.available).unwrap_or_default();
                write!(f, ": `{account}` has {} available", BareMoney(available))?;
                if let Some(overdraft) = overdraft.filter(|limit| limit.minor() > 0) {
                    let most = available.minor().saturating_add(overdraft.minor()).max(0);
                    let most = Balance::new(most);
                    write!(
                        f,
                        " and may go {} below zero: at most {} can go out",
                        BareMoney(overdraft),
                        BareMoney(most)
                    )?;
                }
            }
            (Rejection::UnknownEntry, Subject::Entry(EntryKey::Seq(seq))) => write!(f, ": {seq}")?,
            (Rejection::UnknownAccount, _) => {
                if let Some(account) = unknown(*subject, view) {
                    write!(
                        f,
                        ": `{account}`: check the name, or open it with `bank-par open {account}` and the same `--ledger`"
                    )?;
                }
            }
            (Rejection::SameAccount, Subject::Operation(operation)) => {
                write!(f, ": `{}`", operation.account)?;
            }
            _ => {
                if let Some(id) = id(*subject) {
                    write!(f, ": `{}`", id.as_str())?;
                    if rejection == Rejection::InDoubt {
                        let id = id.as_argument();
                        write!(
                            f,
                            "; look at what it did, then `bank-par post {id}` or `bank-par void {id}`"
                        )?;
                    }
                }
            }
        }
        if let Some(budget) = &answer.budget {
            write!(f, "; it is refilled at {}", ToTheSecond(budget.next))?;
        }
        f.write_str(match (answer.duplicate, rejection, subject) {
            (false, ..) => "",
            // The account may have the money by now.
            (true, Rejection::InsufficientFunds, Subject::Operation(_)) => {
                " (duplicate: it was refused so before, and `--retry-refused` has it decided anew)"
            }
            (true, ..) => " (duplicate)",
        })
    }
}

/// The account that was not opened. An operation's own account comes first, and where that one could
/// be seen, it is the other side.
fn unknown<'a>(subject: Subject<'a>, view: Option<View>) -> Option<&'a Name> {
    match subject {
        Subject::Account { name, .. } => Some(name),
        Subject::Operation(operation) if view.is_none() => Some(&operation.account),
        Subject::Operation(operation) => operation.to().filter(|to| **to != WORLD),
        Subject::Hold(_) | Subject::Entry(_) => None,
    }
}

fn id(subject: Subject<'_>) -> Option<&Id> {
    match subject {
        Subject::Operation(operation) => operation.id.as_ref(),
        Subject::Hold(id) => Some(id),
        Subject::Entry(EntryKey::Id(id)) => Some(id),
        Subject::Account { .. } | Subject::Entry(EntryKey::Seq(_)) => None,
    }
}

/// The cells of a hold, and of the run that it belongs to, if that has a name: a row for each of its
/// operations.
pub(super) fn hold(hold: &OpenHold, run: Option<&RunName>) -> Vec<[String; 9]> {
    let parts = hold.operation.parts().iter();
    parts.map(|part| row(hold, part, run)).collect()
}

fn row(hold: &OpenHold, operation: &Operation, run: Option<&RunName>) -> [String; 9] {
    let text = |text: Option<&str>| or_nothing(text).to_string();
    let amount = operation.amount().map(|amount| amount.to_string());
    let line = hold.line.map(|line| line.to_string());
    let expires = match (hold.expires, hold.run) {
        _ if hold.in_doubt => "in doubt".to_string(),
        (Some(expires), _) => rfc3339(expires),
        (None, Some(_)) => text(None),
        (None, None) => "never".to_string(),
    };
    [
        text(hold.operation.id.as_ref().map(Id::as_str)),
        operation.kind().word().to_string(),
        operation.account.to_string(),
        text(operation.to().map(Name::as_str)),
        text(amount.as_deref()),
        rfc3339(hold.at),
        expires,
        text(run.map(RunName::as_str)),
        text(line.as_deref()),
    ]
}
