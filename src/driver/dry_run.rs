//! A dry run: what a run would do, without doing it.

use std::fmt::Display;
use std::io;

use super::{Commands, Forecast};
use crate::bank::{Line, Operation};
use crate::event::{Event, InvalidLine, Micros, OperationEvent};
use crate::report::{BACKLOG_LIMIT, Reporter, stderr_line};
use crate::run::Ids;
use crate::status::{Ending, Status};
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
    forecast: Forecast,
    feed: Feed,
    reporter: Reporter,
    alarm: Alarm,
) -> io::Result<Ending> {
    let ids = commands.map(|commands| commands.id_prefix(name));
    let run = DryRun {
        forecast,
        ids: ids.transpose()?.map(Ids::of_commands),
        reporter,
        alarm,
        events: Vec::new(),
        counts: PlannedCounts::default(),
        status: Status::Posted,
    };
    run.run(feed)
}

/// How many operations would end in which way.
#[derive(Default)]
struct PlannedCounts {
    run: u64,
    refused: u64,
    done: u64,
}

/// A dry run on its way.
struct DryRun {
    forecast: Forecast,
    ids: Option<Ids>,
    reporter: Reporter,
    alarm: Alarm,
    /// What was not told to the reporter yet.
    events: Vec<Event>,
    counts: PlannedCounts,
    status: Status,
}

impl DryRun {
    fn run(mut self, mut feed: Feed) -> io::Result<Ending> {
        while self.reporter.broken().is_none() {
            match feed.next() {
                Next::Item(item) => {
                    if let Err(error) = self.plan(item) {
                        self.fail(Status::Ledger, &error);
                        break;
                    }
                }
                Next::Warned(warning) => stderr_line(warning),
                Next::NotYet => {
                    self.tell();
                    self.alarm.wait(TICK)?;
                }
                Next::End => break,
                Next::Failed(error) => {
                    self.fail(Status::Usage, &error);
                    break;
                }
            }
            if self.events.len() >= BLOCK {
                self.tell();
                while self.reporter.backlog() >= BACKLOG_LIMIT && self.reporter.broken().is_none() {
                    self.alarm.wait(TICK)?;
                }
            }
        }
        self.end()
    }

    /// Forecasts what becomes of one item of the input.
    fn plan(&mut self, item: Item) -> Result<(), LedgerError> {
        match item {
            Item::Operation { line, operation } => self.plan_operation(line, operation)?,
            Item::Invalid { line, reason } => {
                self.status = self.status.worse(Status::Usage);
                self.events.push(Event::Invalid(InvalidLine {
                    line,
                    reason,
                    at_us: Micros::default(),
                }));
            }
            // Only a run that was opened knows what it has done.
            Item::Done { .. } | Item::Skipped { .. } => {}
        }
        Ok(())
    }

    fn plan_operation(
        &mut self,
        line: Option<Line>,
        mut operation: Operation,
    ) -> Result<(), LedgerError> {
        let number = line.map(|line| line.number);
        if number.is_some_and(|line| self.forecast.is_done(line)) {
            self.counts.done += 1;
            return Ok(());
        }
        let refusal = self.forecast.refusal(&operation)?;
        if let Some(ids) = &mut self.ids {
            ids.name(line, &mut operation);
        }
        let planned = OperationEvent {
            command: self.ids.is_some() && operation.moves_money(),
            line: number,
            at_us: Some(Micros::default()),
            ..operation.into()
        };
        let planned = match refusal {
            Some(refusal) => {
                self.counts.refused += 1;
                self.status = self.status.worse(Status::Refused);
                planned.refused(&refusal)
            }
            None => {
                self.counts.run += 1;
                planned
            }
        };
        self.events.push(Event::Planned(planned));
        Ok(())
    }

    fn fail(&mut self, status: Status, error: &dyn Display) {
        self.status = self.status.worse(status);
        stderr_line(format_args!("error: {error}"));
    }

    fn tell(&mut self) {
        self.reporter.tell(std::mem::take(&mut self.events));
    }

    /// Waits until everything is written, and says what it adds up to.
    fn end(mut self) -> io::Result<Ending> {
        self.tell();
        let (closed, alarm) = (self.reporter.close(), &mut self.alarm);
        if closed.wait(|| alarm.wait(TICK))?.is_some() {
            self.status = self.status.worse(Status::EndedEarly);
        }
        let at_least = match self.status {
            Status::EndedEarly => "at least ",
            _ => "",
        };
        let told = |count: u64, what: &str| match count {
            0 => String::new(),
            count => format!(", {count} {what}"),
        };
        let PlannedCounts { run, refused, done } = self.counts;
        stderr_line(format_args!(
            "{at_least}{} would be run{}{}; nothing was touched",
            counted(run),
            told(refused, "refused"),
            told(done, "not, since they are done"),
        ));
        Ok(self.status.into())
    }
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 operation".to_string(),
        count => format!("{count} operations"),
    }
}
