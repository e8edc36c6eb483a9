//! A picture in the trace format that Perfetto and Chrome read, as JSON.
//!
//! Every process has a track: its life, in it its operations, in each of them its requests and its work.
//! The parent has tracks for what it decides. A flow leads from each request to the decision, and another
//! one from there to where the reply arrived; counters show what accounts hold. Spans of one track never
//! overlap but lie in each other, as the format wants it: where the moments of a recording say otherwise
//! by some microseconds, the earlier span wins.

mod decisions;
mod event;
mod nested;
mod process;

use std::io::{self, Write};

use super::shown::word;
use crate::show::{Picture, PicturedOperation};
use decisions::Decisions;
use event::{TraceEvent, decimal_number, object};
use process::Tracks;

/// The most bytes of a trace. Perfetto opens ten times as much, slowly.
pub(super) const MAX_TRACE: usize = 64_000_000;

/// The most accounts that have counters: those that change most.
const MAX_COUNTERS: usize = 16;

/// What every trace begins with that this program writes.
pub(super) const TRACE_START: &str =
    r#"{"writtenBy":"bank-par","displayTimeUnit":"ms","traceEvents":["#;

/// Writes a trace of at most so many bytes. Says how many operations it has.
pub(super) fn trace(picture: &Picture, most: usize, out: &mut impl Write) -> io::Result<usize> {
    let tracks = Tracks::new(picture);
    let mut decisions = Decisions::new(picture, &tracks);
    let mut events = LimitedEvents {
        out,
        written: 0,
        most: most.saturating_sub(END_ROOM),
    };
    events.out.write_all(TRACE_START.as_bytes())?;
    events.add(&tracks.parents(picture))?;
    events.add(&decisions.names(picture, &tracks))?;
    let counters = counters(picture);
    let mut counted = counters.iter().peekable();
    let mut begins = vec![true; picture.lanes.len()];
    let mut drawn = 0;
    let mut requests = requests_by_operation(picture);
    for (place, operation) in picture.operations.iter().enumerate() {
        let mut unit = Vec::new();
        if std::mem::take(&mut begins[operation.lane]) {
            unit.extend(tracks.lane(picture, operation.lane));
        }
        let own = std::mem::take(&mut requests[place]);
        tracks.operation(picture, place, &own, &mut decisions, &mut unit);
        while let Some(counter) = counted.next_if(|counter| counter.0 <= place) {
            unit.push(tracks.counter(picture, counter.1, counter.2));
        }
        if !events.add(&unit)? {
            break;
        }
        drawn += 1;
    }
    let end = format!(
        "\n],\"otherData\":{{\"operations\":\"{drawn} of {}\"}}}}\n",
        picture.operations.len()
    );
    events.out.write_all(end.as_bytes())?;
    events.out.flush()?;
    Ok(drawn)
}

/// What the end of a trace takes.
const END_ROOM: usize = 512;

/// Events while they are written, up to a limit.
struct LimitedEvents<'a, W> {
    out: &'a mut W,
    written: usize,
    most: usize,
}

impl<W: Write> LimitedEvents<'_, W> {
    /// Adds events, all of them or, where there is no more room, none. Says which.
    fn add(&mut self, events: &[TraceEvent]) -> io::Result<bool> {
        let mut block = Vec::new();
        for event in events {
            block.extend_from_slice(if self.written + block.len() == 0 {
                b"\n"
            } else {
                b",\n"
            });
            serde_json::to_writer(&mut block, event)?;
        }
        if TRACE_START.len() + self.written + block.len() > self.most {
            return Ok(false);
        }
        self.out.write_all(&block)?;
        self.written += block.len();
        Ok(true)
    }
}

/// The changes of the accounts that have counters: the operation after which each is written, the
/// account's place and the change's.
fn counters(picture: &Picture) -> Vec<(usize, usize, usize)> {
    let mut counters = Vec::new();
    for (account, history) in picture.accounts.iter().enumerate().take(MAX_COUNTERS) {
        for (place, change) in history.changes.iter().enumerate() {
            counters.push((change.operation.unwrap_or(0), account, place));
        }
    }
    counters.sort_unstable();
    counters
}

/// The requests of each operation, as places, in the order in which they were sent.
fn requests_by_operation(picture: &Picture) -> Vec<Vec<usize>> {
    let mut requests = vec![Vec::new(); picture.operations.len()];
    for (place, request) in picture.requests.iter().enumerate() {
        requests[request.operation].push(place);
    }
    requests
}

/// What an operation is called in a trace.
fn operation_name(picture: &Picture, operation: &PicturedOperation) -> String {
    let account = &picture.accounts[operation.account].name;
    match operation.amount {
        Some(amount) => format!("{} {} {account}", operation.kind, decimal_number(amount)),
        None => format!("{} {account}", operation.kind),
    }
}

/// What is known of an operation beside its times.
fn operation_arguments(operation: &PicturedOperation) -> Option<Box<serde_json::value::RawValue>> {
    let mut fields = vec![
        ("operation", operation.number.into()),
        ("end", operation.end.word().into()),
    ];
    let mut text = |name, text: Option<String>| {
        if let Some(text) = text {
            fields.push((name, text.into()));
        }
    };
    text("id", operation.id.as_deref().map(String::from));
    text("reason", operation.reason.as_ref().map(word));
    text("detail", operation.detail.as_deref().map(String::from));
    text(
        "balance",
        operation
            .balance
            .map(|minor| decimal_number(minor).to_string()),
    );
    text("line", operation.line.map(|line| line.to_string()));
    text("seq", operation.seq.map(|seq| seq.to_string()));
    object(&fields)
}

#[cfg(test)]
mod tests;
