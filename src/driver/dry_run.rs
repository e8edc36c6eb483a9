//! A rehearsal: what a run would do, without doing it.

use std::io;
use std::os::fd::AsFd;

use super::{ALARM, Commands};
use crate::event::{Event, Fact, Subject};
use crate::link::Watch;
use crate::report::{BACKLOG_LIMIT, Broken, Reporter, talk};
use crate::run::{Ending, Ids};
use crate::status::Status;
use crate::wake::{Alarm, TICK};
use crate::workload::{Feed, Item, Next};

/// The most facts that are told at once.
const BLOCK: usize = 1_024;

/// Tells what would be set aside, run and posted for each operation, and touches nothing: the ledger is
/// not asked, so what it would refuse or knows already is told like the rest.
pub fn rehearse(
    commands: &Commands,
    name: Option<&str>,
    mut feed: Feed,
    mut reporter: Reporter,
    mut alarm: Alarm,
) -> io::Result<Ending> {
    let mut ids = Ids::of_commands(commands.id_prefix(name)?);
    let (mut status, mut count) = (Status::Posted, 0u64);
    let mut facts = Vec::new();
    while reporter.broken().is_none() {
        match feed.next() {
            Next::Item(Item::Operation {
                line,
                mut operation,
            }) => {
                ids.name(line, &mut operation);
                let line = line.map(|line| line.number);
                count += 1;
                facts.push(Fact::Planned(Subject::of(operation, line)));
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
                talk(format_args!("error: {error}"));
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
            talk(why);
        }
        status = status.worse(Status::EndedEarly);
    }
    let at_least = if status == Status::EndedEarly {
        "at least "
    } else {
        ""
    };
    talk(format_args!(
        "{at_least}{count} operations would be run; nothing was touched"
    ));
    Ok(Ending {
        status,
        signal: None,
        passed_on: None,
    })
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
