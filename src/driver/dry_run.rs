//! A dry run: what a run would do, without doing it.

use std::io;

use super::{Commands, Forecast};
use crate::event::{Event, InvalidLine, Micros, OperationEvent};
use crate::report::{BACKLOG_LIMIT, Reporter, stderr_line};
use crate::run::{Ending, Ids};
use crate::status::Status;
use crate::store::LedgerError;
use crate::wake::{Alarm, TICK};
use crate::workload::{Feed, Item, Next};

/// The most events that are told at once.
const BLOCK: usize = 1_024;

/// Prints what would be set aside, run and posted for each operation, and what would be refused, if all
/// were run in this order. Nothing is touched.
pub fn dry_run(
    commands: Option<&Commands>,
    name: Option<&str>,
    mut forecast: Forecast,
    mut feed: Feed,
    mut reporter: Reporter,
    mut alarm: Alarm,
) -> io::Result<Ending> {
    let ids = commands.map(|commands| commands.id_prefix(name));
    let mut ids = ids.transpose()?.map(Ids::of_commands);
    let mut status = Status::Posted;
    let (mut count, mut refused, mut done) = (0u64, 0u64, 0u64);
    let mut events = Vec::new();
    while reporter.broken().is_none() {
        match feed.next() {
            Next::Item(Item::Operation {
                line,
                mut operation,
            }) => {
                let number = line.map(|line| line.number);
                if number.is_some_and(|line| forecast.is_done(line)) {
                    done += 1;
                    continue;
                }
                let refusal = match forecast.refusal(&operation) {
                    Ok(refusal) => refusal,
                    Err(error) => {
                        status = status.worse(unreadable(&error));
                        break;
                    }
                };
                if let Some(ids) = &mut ids {
                    ids.name(line, &mut operation);
                }
                if refusal.is_some() {
                    refused += 1;
                    status = status.worse(Status::Refused);
                } else {
                    count += 1;
                }
                let planned = OperationEvent {
                    command: ids.is_some() && operation.amount().is_some(),
                    line: number,
                    at_us: Some(Micros::default()),
                    ..operation.into()
                };
                events.push(Event::Planned(match refusal {
                    Some((rejection, view)) => planned.rejected(rejection).seeing(view),
                    None => planned,
                }));
            }
            Next::Item(Item::Invalid { line, reason }) => {
                status = status.worse(Status::Usage);
                events.push(Event::Invalid(InvalidLine {
                    line,
                    reason,
                    at_us: Micros::default(),
                }));
            }
            // Only a run that was opened knows what it has done.
            Next::Item(Item::Done { .. } | Item::Skipped { .. }) => {}
            Next::NotYet => {
                tell(&reporter, &mut events);
                alarm.wait(TICK)?;
            }
            Next::End => break,
            Next::Failed(error) => {
                status = status.worse(Status::Usage);
                stderr_line(format_args!("error: {error}"));
                break;
            }
        }
        if events.len() >= BLOCK {
            tell(&reporter, &mut events);
            while reporter.backlog() >= BACKLOG_LIMIT && reporter.broken().is_none() {
                alarm.wait(TICK)?;
            }
        }
    }
    tell(&reporter, &mut events);
    if reporter.close().wait(|| alarm.wait(TICK))?.is_some() {
        status = status.worse(Status::EndedEarly);
    }
    let at_least = if status == Status::EndedEarly {
        "at least "
    } else {
        ""
    };
    let told = |count: u64, what: &str| match count {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    stderr_line(format_args!(
        "{at_least}{} would be run{}{}; nothing was touched",
        counted(count),
        told(refused, "refused"),
        told(done, "not, since they are done"),
    ));
    Ok(Ending {
        status,
        signal: None,
        passed_on: None,
    })
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 operation".to_string(),
        count => format!("{count} operations"),
    }
}

fn unreadable(error: &LedgerError) -> Status {
    stderr_line(format_args!("error: {error}"));
    Status::Ledger
}

fn tell(reporter: &Reporter, events: &mut Vec<Event>) {
    reporter.tell(std::mem::take(events));
}
