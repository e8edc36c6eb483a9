//! Groups: what is posted together is an answer for each of its parts, and whatever else happens to a group is
//! one answer, which says only that money of any account may have been set aside or given back.

use super::reading::{LineFault, LinePlace};
use super::{NO_TEXT, ObservedEvent, ObservedHistory};
use crate::bank::Kind;
use crate::event::{OperationEvent, PartEvent};

impl ObservedHistory {
    /// Takes what event to the operations of a group.
    pub(super) fn add_group(
        &mut self,
        place: LinePlace,
        event: ObservedEvent,
        told: &OperationEvent,
        parts: &[PartEvent],
    ) -> Result<(), LineFault> {
        let Some(last) = parts.last() else {
            let (line, field) = (u64::from(place.1), "parts");
            return Err(LineFault::Missing { line, field });
        };
        let mut settled = self.observe(place, event, &of_part(told, last))?;
        self.note_work(&mut settled);
        if event != ObservedEvent::Completed {
            settled.kind = Kind::Group;
            return self.keep(settled);
        }
        if settled.duplicate {
            return self.keep(settled);
        }
        let before = &parts[..parts.len() - 1];
        for (part, later) in before.iter().zip((1..parts.len() as u64).rev()) {
            let mut one = self.observe(place, event, &of_part(told, part))?;
            one.has_work = settled.has_work;
            one.decided = settled.decided.saturating_sub(later);
            (one.operation, one.id, one.is_part) = (0, NO_TEXT, true);
            self.keep(one)?;
        }
        self.keep(settled)
    }
}

/// What was told of a part, as if it were an operation of its own.
fn of_part(told: &OperationEvent, part: &PartEvent) -> OperationEvent {
    OperationEvent {
        op: Some(part.op),
        account: Some(part.account.clone()),
        to: part.to.clone(),
        amount: Some(part.amount),
        balance: part.balance,
        available: part.available,
        to_balance: part.to_balance,
        seq: part.seq,
        parts: None,
        ..told.clone()
    }
}
