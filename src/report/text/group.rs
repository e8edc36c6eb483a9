//! Operations that are posted together or refused together.

use std::io::{self, Write};

use super::{Description, MoneyText, NamedOperation, mark};
use crate::event::{OperationEvent, PartEvent};

/// All of them, one below the other.
pub(super) fn completed(
    operation: &OperationEvent,
    parts: &[PartEvent],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let duplicate = mark(operation.duplicate);
    writeln!(out, "{} completed{duplicate}", NamedOperation(operation))?;
    for (number, part) in (1..).zip(parts) {
        write!(out, "  {number}. {}", Description::about_part(part))?;
        if let Some(balance) = part.balance {
            write!(out, ". Updated balance: {}", MoneyText::of(balance))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Which of them was refused, where that is told.
pub(super) fn refused_part(operation: &OperationEvent) -> Option<(String, &PartEvent)> {
    let place = usize::from(operation.part).checked_sub(1)?;
    let parts = operation.parts.as_ref()?;
    let (part, of) = (parts.get(place)?, parts.len());
    let told = Description::about_part(part);
    Some((format!("part {} of {of}, {told}: ", operation.part), part))
}
