//! Who may end a hold, when, and with how much.

use super::RowCheck;
use super::words::told;
use crate::bank::{Hold, Line, Moment, Now, Operation, Owner};
use crate::store::engine::rows::RecordRow;

/// What a row tells of who ends a hold.
pub(super) struct Ender {
    pub(super) run: Option<u32>,
    pub(super) line: Option<Line>,
}

/// What was begun for a line ends for it, no matter which caller ends it; the run itself ends its other work.
pub(super) fn is_ended_by(hold: &Hold, by: &Ender) -> RowCheck {
    let must = hold.line;
    if by.run.is_none_or(|by| is_of_run(hold, by)) && by.line == must.map(|must| must.line) {
        return Ok(());
    }
    let line_of = |run: Option<u32>, line: Option<Line>| {
        let line = line.map_or("no line".to_string(), |line| {
            format!("line {}", line.number)
        });
        format!("{line} of run {}", run.unwrap_or(0))
    };
    let run = match hold.owner {
        Owner::Run { run, .. } => Some(run),
        Owner::Doubt | Owner::AnyRequest { .. } => None,
    };
    Err(format!(
        "says {}, must be {}, as it was begun",
        line_of(by.run, by.line),
        line_of(
            must.map(|must| must.run).or(run),
            must.map(|must| must.line)
        ),
    ))
}

/// Whether it is this run's to end: it was begun for a line of it, or without a line by it.
pub(super) fn is_of_run(hold: &Hold, by: u32) -> bool {
    match (hold.line, hold.owner) {
        (Some(line), _) => line.run == by,
        (None, Owner::Run { run, .. }) => run == by,
        (None, Owner::Doubt | Owner::AnyRequest { .. }) => true,
    }
}

/// The record says by which clocks its time was over; one of the earlier format says only the moment
/// of that time's own clock.
pub(super) fn has_expired(hold: &Hold, row: &RecordRow) -> RowCheck {
    let expiry = match hold.owner {
        Owner::AnyRequest { expires } => expires,
        Owner::Run { .. } | Owner::Doubt => None,
    };
    let expiry = expiry.ok_or("gives back a hold that does not expire")?;
    let now = Now {
        label: row.at,
        wall: row.expires.map_or(row.at, Moment::new),
        boot_time: row.boot_time,
    };
    if now.is_past(&expiry) {
        return Ok(());
    }
    Err(format!(
        "gives back a hold at {}, before its time: it must be {} or later",
        now.wall.micros(),
        expiry.at.micros()
    ))
}

/// Only work with consequences of its own tells what it has really spent.
pub(super) fn may_tell_what_was_spent(hold: &Hold) -> RowCheck {
    match hold.owner {
        Owner::Run {
            has_side_effects: false,
            ..
        } => Err("spends a part or more of what a run's own work holds".into()),
        _ => Ok(()),
    }
}

/// The operation is that of the hold.
pub(super) fn same_content(operation: &Operation, held: &Operation) -> RowCheck {
    if operation == held {
        return Ok(());
    }
    Err(format!(
        "is {}, must be {}, as the hold that it ends",
        told(operation),
        told(held)
    ))
}
