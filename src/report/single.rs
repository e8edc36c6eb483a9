//! The answers to one operation at a time: a line that a person reads and a script can cut, or one
//! JSON object. Both are a stable interface.

mod budget;
mod csv;
mod json;
mod text;

#[cfg(test)]
mod tests;

use std::fmt::Display;

use super::columns::{Column, fixed, id, moments, numbers, or_nothing, words};
use super::csv::CsvRecords;
use super::{Format, Output, stderr_line};

use crate::bank::{
    Answer, Balance, EntryKey, Id, Moment, Name, Operation, Outcome, Rejection, View,
};
use crate::event::{BudgetEvent, Event, decimal};
use crate::status::Status;
use crate::store::{OpenHold, RunName, Standing};
pub use budget::low_budget;

const ACCOUNTS: [Column; 5] = [
    words("account"),
    numbers("posted"),
    numbers("held"),
    numbers("available"),
    numbers("overdraft"),
];

const HOLDS: [Column; 9] = [
    id("id"),
    fixed("op"),
    words("account"),
    words("to"),
    numbers("amount"),
    moments("since"),
    moments("expires"),
    words("run"),
    words("line"),
];

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// An operation; where it was posted, its amount is what was really moved.
    Operation(&'a Operation),
    /// What is held under this id.
    Hold(&'a Id),
    /// An account.
    Account {
        /// Which one.
        name: &'a Name,
        /// The limit that was asked for.
        overdraft: Option<Balance>,
    },
    /// An entry that was to be reversed.
    Entry(&'a EntryKey),
}

/// What a refusal is told with. The overdraft is the account's limit, where that matters.
pub fn refusal<'a>(
    operation: &'a Operation,
    answer: &'a Answer,
    overdraft: Option<Balance>,
) -> impl Display + use<'a> {
    text::Refusal(Subject::Operation(operation), answer, overdraft)
}

/// The answers of one command.
pub struct Answers {
    output: Output,
    format: Format,
    /// Lists are comma-separated values instead.
    records: Option<CsvRecords>,
    /// How far below zero the account may go whose money was not enough, where that is known.
    pub overdraft: Option<Balance>,
}

impl Answers {
    /// Answers in this format.
    pub fn new(output: Output, format: Format) -> Self {
        Answers {
            output,
            format,
            records: None,
            overdraft: None,
        }
    }

    /// Lists are comma-separated values with a header.
    pub fn list_as_csv(&mut self) {
        self.records = Some(CsvRecords::new());
    }

    /// Prints one answer; returns the status that follows from it. A refusal is a message on stderr, unless a program reads.
    pub fn answer(&mut self, subject: Subject<'_>, answer: &Answer) -> Status {
        match (self.format, answer.outcome) {
            (Format::Json, _) => {
                let event = json::event(subject, answer, self.overdraft);
                // Memory takes every byte, so nothing fails.
                drop(event.write(&mut self.output.block));
            }
            (Format::Text, Outcome::Refused { .. }) => {
                // On a terminal both streams are one, and what was told before stands above.
                self.output.write();
                stderr_line(text::Refusal(subject, answer, self.overdraft));
            }
            (Format::Text, _) => text::answer(subject, answer, &mut self.output.block),
        }
        status(answer)
    }

    /// Prints the warning that the answer about an account comes with, if it does.
    pub fn warn(&mut self, account: &Name, answer: &Answer) {
        let Some(budget) = BudgetEvent::warned(account, answer) else {
            return;
        };
        match self.format {
            Format::Json => drop(Event::LowBudget(budget).write(&mut self.output.block)),
            Format::Text => {
                self.output.write();
                stderr_line(low_budget(&budget));
            }
        }
    }

    /// Prints a hold's id, which is all that a script needs for the second step.
    pub fn held(&mut self, operation: &Operation, answer: &Answer) -> Status {
        match (self.format, answer.outcome, &operation.id) {
            (Format::Text, Outcome::Held { .. }, Some(id)) => {
                self.output.block.extend(id.as_str().as_bytes());
                self.output.block.push(b'\n');
                status(answer)
            }
            _ => self.answer(Subject::Operation(operation), answer),
        }
    }

    /// Begins a list of accounts.
    pub fn accounts(&mut self) {
        self.titles(&ACCOUNTS, &csv::ACCOUNTS);
    }

    /// Prints how an account stands.
    pub fn account(&mut self, standing: &Standing) {
        let View { posted, available } = standing.view;
        let held = i128::from(posted.minor()) - i128::from(available.minor());
        if let Some(records) = &mut self.records {
            return csv::account(records, standing, held, &mut self.output.block);
        }
        match self.format {
            Format::Json => json::account(standing, held, &mut self.output.block),
            Format::Text => {
                let (posted, available) = (posted.to_string(), available.to_string());
                let held = decimal(held);
                let overdraft = standing.overdraft.map(|overdraft| overdraft.to_string());
                let overdraft = or_nothing(overdraft.as_deref());
                let cells = [
                    standing.name.as_str(),
                    &posted,
                    &held,
                    &available,
                    overdraft,
                ];
                budget::account(&mut self.output, &cells, standing);
            }
        }
    }

    /// Prints what was posted to an account before this moment. What was set aside then, no entry tells.
    pub fn account_at(&mut self, name: &Name, posted: i128, at: Moment) {
        if let Some(records) = &mut self.records {
            return csv::account_at(records, name, posted, &mut self.output.block);
        }
        match self.format {
            Format::Json => json::account_at(name, posted, at, &mut self.output.block),
            Format::Text => {
                let (posted, nothing) = (decimal(posted), or_nothing(None));
                let cells = [name.as_str(), &posted, nothing, nothing, nothing];
                self.output.row(&cells);
            }
        }
    }

    /// Begins a list of holds.
    pub fn holds(&mut self) {
        self.titles(&HOLDS, &csv::HOLDS);
    }

    /// Prints what is set aside, and for which run, if that has a name.
    pub fn hold(&mut self, hold: &OpenHold, run: Option<&RunName>) {
        if let Some(records) = &mut self.records {
            return csv::hold(records, hold, run, &mut self.output.block);
        }
        match self.format {
            Format::Json => json::hold(hold, run, &mut self.output.block),
            Format::Text => {
                for cells in text::hold(hold, run) {
                    self.output.row(&cells.each_ref().map(String::as_str));
                }
            }
        }
    }

    /// Writes what was told. Tells whether stdout takes more.
    pub fn write(&mut self) -> bool {
        self.output.write()
    }

    /// Writes the rest, and says what was lost.
    pub fn finish(self) -> Status {
        self.output.finish()
    }

    fn titles(&mut self, columns: &[Column], names: &[&str]) {
        if let Some(records) = &mut self.records {
            return records.header(names, &mut self.output.block);
        }
        if self.format == Format::Text {
            self.output.begin_table_of_money(columns);
        }
    }
}

fn status(answer: &Answer) -> Status {
    match answer.outcome {
        Outcome::Refused {
            rejection: Rejection::IdConflict,
            ..
        } => Status::IdConflict,
        Outcome::Refused { .. } => Status::Refused,
        _ => Status::Posted,
    }
}
