//! What was refused, and what would be.

use std::io::{self, Write};

use super::{MoneyText, NamedOperation, mark};
use crate::bank::{Kind, Rejection};
use crate::event::{OperationEvent, Reason};

/// Why an operation was refused, and what could have gone out.
pub(super) fn refused(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let Some(Reason::Rejected(rejection)) = operation.reason else {
        return Ok(());
    };
    write!(out, "{} refused: {rejection}", NamedOperation(operation))?;
    if let (Rejection::InsufficientFunds, Some(available)) = (rejection, operation.available) {
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

/// What a dry run says of an operation.
pub(super) fn planned(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let title = NamedOperation(operation);
    if let Some(Reason::Rejected(rejection)) = operation.reason {
        write!(out, "{title} would be refused: {rejection}")?;
        if let (Rejection::InsufficientFunds, Some(available)) = (rejection, operation.available) {
            write!(out, ". Available then: {}", MoneyText::of(available))?;
        }
        return writeln!(out);
    }
    match operation.amount {
        None if operation.op == Some(Kind::Open) => writeln!(out, "{title} would be done"),
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
