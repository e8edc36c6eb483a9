//! What was refused, and what would be.

use std::io::{self, Write};

use super::group::refused_part;
use super::{MoneyText, NamedOperation, mark};
use crate::bank::{Balance, Kind, Rejection};
use crate::event::{OperationEvent, Reason};

/// Why an operation was refused, and what could have gone out.
pub(super) fn refused(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let Some(Reason::Rejected(rejection)) = operation.reason else {
        return Ok(());
    };
    let (part, available) = of_part(operation);
    let title = NamedOperation(operation);
    write!(out, "{title} refused: {part}{rejection}")?;
    if let (Rejection::InsufficientFunds, Some(available)) = (rejection, available) {
        write!(out, ". Available: {}", MoneyText::of(available))?;
        if let Some(overdraft) = operation.overdraft {
            write!(out, ", and {} of overdraft", MoneyText::of(overdraft))?;
        }
        if let Some(refills) = &operation.refills {
            write!(out, ". Refilled at {refills}")?;
        }
    }
    writeln!(out, "{}", mark(operation.duplicate))
}

/// Which part of a group is refused, as it is put before the reason, and what its account has.
fn of_part(operation: &OperationEvent) -> (String, Option<Balance>) {
    match refused_part(operation) {
        Some((told, part)) => (told, part.available),
        None => (String::new(), operation.available),
    }
}

/// What a dry run says of an operation.
pub(super) fn planned(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let title = NamedOperation(operation);
    if let Some(Reason::Rejected(rejection)) = operation.reason {
        let (part, available) = of_part(operation);
        write!(out, "{title} would be refused: {part}{rejection}")?;
        if let (Rejection::InsufficientFunds, Some(available)) = (rejection, available) {
            write!(out, ". Available then: {}", MoneyText::of(available))?;
        }
        return writeln!(out);
    }
    match operation.amount {
        None if operation.op == Some(Kind::Open) => writeln!(out, "{title} would be done"),
        None if operation.op == Some(Kind::Group) && operation.command => {
            let id = operation.id.as_ref().map_or("", |id| id.as_str());
            writeln!(
                out,
                "{title} would be set aside, the command be run as `{id}`, and all of it posted if that succeeds"
            )
        }
        None if operation.op == Some(Kind::Group) => writeln!(out, "{title} would be posted"),
        None => writeln!(out, "{title} would be shown"),
        Some(_) if !operation.command => writeln!(out, "{title} would be posted"),
        Some(amount) => {
            let amount = MoneyText::of(amount);
            let id = operation.id.as_ref().map_or("", |id| id.as_str());
            writeln!(
                out,
                "{title} would set aside {amount}, run the command as `{id}`, and post it if that succeeds"
            )
        }
    }
}
