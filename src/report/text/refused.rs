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
    let (part, when, available) = of_part(operation);
    let title = NamedOperation(operation);
    write!(out, "{title} refused: {part}{rejection}")?;
    if let (Rejection::InsufficientFunds, Some(available)) = (rejection, available) {
        write!(out, ". Available{when}: {}", MoneyText::of(available))?;
        if let Some(overdraft) = operation.overdraft {
            write!(out, ", and {} of overdraft", MoneyText::of(overdraft))?;
        }
        if let Some(refills) = &operation.refills {
            write!(out, ". Refilled at {refills}")?;
        }
    }
    writeln!(out, "{}", mark(operation.duplicate))
}

/// Which part of a group is refused, as it is put before the reason, and when its account has what.
fn of_part(operation: &OperationEvent) -> (String, &'static str, Option<Balance>) {
    let Some((told, part)) = refused_part(operation) else {
        return (String::new(), "", operation.available);
    };
    let all = operation.parts.iter().flatten();
    let mut before = all.take_while(|one| !std::ptr::eq(*one, part));
    let is_moved =
        before.any(|one| one.account == part.account || one.to.as_ref() == Some(&part.account));
    // What those before it would have moved is not in it, since nothing of them was done.
    let when = if is_moved { " before part 1" } else { "" };
    (told, when, part.available)
}

/// What a dry run says of an operation.
pub(super) fn planned(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let title = NamedOperation(operation);
    if let Some(Reason::Rejected(rejection)) = operation.reason {
        let (part, when, available) = of_part(operation);
        write!(out, "{title} would be refused: {part}{rejection}")?;
        if let (Rejection::InsufficientFunds, Some(available)) = (rejection, available) {
            write!(out, ". Available then{when}: {}", MoneyText::of(available))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_account_has_that_an_earlier_part_would_have_moved_is_told_as_of_before() {
        for (before, when) in [
            (r#""account":"a""#, " before part 1"),
            (r#""account":"b","to":"a""#, " before part 1"),
            (r#""account":"b""#, ""),
        ] {
            let text = format!(
                r#"{{"op":"all","part":2,"reason":"insufficient_funds","parts":[
                    {{"op":"transfer",{before},"amount":"60.00"}},
                    {{"op":"withdraw","account":"a","amount":"60.00","available":"95.00"}}]}}"#
            );
            let operation: OperationEvent = serde_json::from_str(&text).expect("an event");
            let mut out = Vec::new();
            refused(&operation, &mut out).expect("memory");
            let told = String::from_utf8(out).expect("text");
            let words = format!("insufficient funds. Available{when}: $95.00\n");
            assert!(told.ends_with(&words), "{told}");
        }
    }
}
