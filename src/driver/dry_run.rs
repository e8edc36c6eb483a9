//! A dry run: what a run would do, without doing it.

use std::io;
use std::os::fd::AsFd;

use super::{ALARM, Commands, Forecast};
use crate::event::{Event, Fact, Subject};
use crate::link::Watch;
use crate::report::{BACKLOG_LIMIT, Broken, Reporter, stderr_line};
use crate::run::{Ending, Ids};
use crate::status::Status;
use crate::store::LedgerError;
use crate::wake::{Alarm, TICK};
use crate::workload::{Feed, Item, Next};

/// The most facts that are told at once.
const BLOCK: usize = 1_024;

/// Tells what would be set aside, run and posted for each operation, and what would be refused, if all
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
    let mut facts = Vec::new();
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
                facts.push(Fact::Planned {
                    subject: Subject::of(operation, number),
                    has_command: ids.is_some(),
                    refusal,
                });
            }
            Next::Item(Item::Invalid { line, reason }) => {
                status = status.worse(Status::Usage);
                facts.push(Fact::Invalid { line, reason });
            }
            // Only a run that was opened knows what it has done.
            Next::Item(Item::Done { .. } | Item::Skipped { .. }) => {}
            Next::NotYet => {
                tell(&mut reporter, &mut facts);
                wait(&mut alarm)?;
            }
            Next::End => break,
            Next::Failed(error) => {
                status = status.worse(Status::Usage);
                stderr_line(format_args!("error: {error}"));
                break;
            }
        }
        if facts.len() >= BLOCK {
            tell(&mut reporter, &mut facts);
            while reporter.backlog() >= BACKLOG_LIMIT && reporter.broken().is_none() {
                wait(&mut alarm)?;
            }
        }
    }
    tell(&mut reporter, &mut facts);
    reporter.close();
    while !reporter.done() {
        wait(&mut alarm)?;
    }
    if let Some(broken) = reporter.broken() {
        if let Broken::Failed(why) = broken {
            stderr_line(why);
        }
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

fn tell(reporter: &mut Reporter, facts: &mut Vec<Fact>) {
    let at = std::time::Duration::ZERO;
    let events = facts.drain(..).map(|fact| Event { at, fact });
    reporter.tell(events.collect());
}

fn wait(alarm: &mut Alarm) -> io::Result<()> {
    let mut watch = Watch::default();
    watch.read(ALARM, alarm.as_fd());
    if watch.wait(TICK)?.iter().any(|ready| ready.key == ALARM) {
        alarm.reset();
    }
    Ok(())
}
