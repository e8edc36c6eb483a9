//! From lines to items.

use super::csv::{Csv, STRAY};
use super::fields::Fields;
use super::lines::{InputLine, MAX_LINE};
use super::quotes::{CsvLineEnd, line_end};
use super::{Defaults, Item, WorkloadFormat, json};
use crate::bank::{self, Operation};

/// Makes items of lines, in the format that was given or that the first line shows.
#[derive(Clone, Debug)]
pub(super) struct Parser {
    state: ParserState,
    /// A line was seen.
    begun: bool,
    defaults: Defaults,
}

#[derive(Clone, Debug)]
enum ParserState {
    /// No line was seen, and no format was given.
    Undecided,
    JsonLines {
        /// The line before, where it is an object without its end or too long. Another object cannot
        /// stand there.
        torn: Option<u64>,
    },
    /// The next line names the columns.
    Header,
    Csv {
        csv: Box<Csv>,
        /// The record that goes on in the next line.
        open: Option<Open>,
    },
    /// A line before left open whether the next ones belong to one of its fields, and why.
    Lost { line: u64, why: &'static str },
}

/// A record of more than one line.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its first line.
    line: u64,
    /// Its bytes so far.
    length: usize,
}

const TOO_LONG: &str = "the line is longer than 65536 bytes";
const _: () = assert!(MAX_LINE == 65_536);
const OPEN_QUOTE: &str = "a quote is not closed";
const INCOMPLETE: &str = "its object is not complete";

impl Parser {
    pub(super) fn new(format: Option<WorkloadFormat>, defaults: Defaults) -> Self {
        let state = match format {
            None => ParserState::Undecided,
            Some(WorkloadFormat::JsonLines) => ParserState::JsonLines { torn: None },
            Some(WorkloadFormat::Csv) => ParserState::Header,
        };
        Parser {
            state,
            begun: false,
            defaults,
        }
    }

    /// The item that ends on a line; none if the line is a header, or its record goes on.
    ///
    /// # Errors
    ///
    /// The reason why neither this line nor one after it can be read: it is no header, or it may be a
    /// part of a field.
    pub(super) fn item(&mut self, line: &InputLine<'_>) -> Result<Option<Item>, String> {
        if !self.begun {
            self.begun = true;
            refuse_array(line.text)?;
        }
        if matches!(self.state, ParserState::Undecided) {
            self.decide(line.text);
        }
        self.goes_on(line);
        match &mut self.state {
            ParserState::Csv { .. } => self.record(line),
            ParserState::Header => {
                let csv = Box::new(Csv::new(whole(line)?)?);
                self.state = ParserState::Csv { csv, open: None };
                Ok(None)
            }
            ParserState::Lost { line, why } => Err(format!(
                "neither this line nor one after it is read, since line {line} leaves open whether they are parts of one of its fields ({why})"
            )),
            ParserState::JsonLines { .. } => Ok(Some(self.object(line))),
            ParserState::Undecided => Ok(None),
        }
    }

    /// The lines are records of CSV, below their header.
    pub(super) fn is_csv(&self) -> bool {
        matches!(self.state, ParserState::Csv { .. })
    }

    /// The record that has not ended when the input does.
    pub(super) fn finish(&mut self) -> Option<Item> {
        let ParserState::Csv { open, .. } = &mut self.state else {
            return None;
        };
        let line = open.take()?.line;
        let reason = format!("{OPEN_QUOTE}, so that all lines after it belong to this record");
        Some(Item::Invalid { line, reason })
    }

    /// JSON Lines begin with `{`, which no header does.
    fn decide(&mut self, line: &[u8]) {
        self.state = match line.trim_ascii_start().first() {
            Some(b'{') => ParserState::JsonLines { torn: None },
            _ => ParserState::Header,
        };
    }

    /// What follows an object without its end, and is no object itself, is a part of it. The end of a
    /// line that is too long is not read, so that there only its last byte tells.
    fn goes_on(&mut self, line: &InputLine<'_>) {
        if let ParserState::JsonLines { torn } = &mut self.state
            && let Some(first) = torn.take()
            && (!begins_object(line.text) || line.after_long.is_some_and(|last| last != b'}'))
        {
            let (line, why) = (first, INCOMPLETE);
            self.state = ParserState::Lost { line, why };
        }
    }

    fn object(&mut self, line: &InputLine<'_>) -> Item {
        let number = line.number;
        if line.too_long && begins_object(line.text) {
            self.state = ParserState::JsonLines { torn: Some(number) };
        }
        let read = whole(line).and_then(text).and_then(|text| {
            // They take some hundred bytes, so they are set where they stand.
            let mut fields = Fields::default();
            let parsed = json::parse(text, &mut fields);
            if parsed.is_err() && json::is_incomplete(text) {
                let (line, why) = (number, INCOMPLETE);
                self.state = match json::may_hold_an_object(text) {
                    true => ParserState::Lost { line, why },
                    false => ParserState::JsonLines { torn: Some(line) },
                };
            }
            parsed?;
            fields.operation(&self.defaults)
        });
        item(number, read)
    }

    fn record(&mut self, line: &InputLine<'_>) -> Result<Option<Item>, String> {
        let ParserState::Csv { csv, open } = &mut self.state else {
            return Ok(None);
        };
        if line.after_hidden_quote {
            return Err(format!(
                "neither this line nor one after it is read, since a line before is longer than {MAX_LINE} bytes and has quotes in it"
            ));
        }
        let number = line.number;
        if line.too_long && (open.is_some() || line.text.contains(&b'"')) {
            let first = open.map_or(number, |begun| begun.line);
            let (line, why) = (first, TOO_LONG);
            self.state = ParserState::Lost { line, why };
            return Ok(Some(item(first, Err(TOO_LONG.to_string()))));
        }
        let end = line_end(line.text, open.is_some());
        let begun = open.take();
        let first = begun.map_or(number, |begun| begun.line);
        // The line feed counts too.
        let length = begun.map_or(0, |begun| begun.length) + line.text.len() + 1;
        let invalid = |reason: &str| item(first, Err(reason.to_string()));
        let found = match end {
            CsvLineEnd::Record if begun.is_none() => {
                let fields = whole(line).and_then(|text| csv.parse(text));
                item(
                    number,
                    fields.and_then(|fields| fields.operation(&self.defaults)),
                )
            }
            CsvLineEnd::Record => invalid(&format!(
                "the record goes on to line {number}, and no field of an operation is longer than its line"
            )),
            CsvLineEnd::OpenQuote if length <= MAX_LINE => {
                let line = first;
                *open = Some(Open { line, length });
                return Ok(None);
            }
            CsvLineEnd::Stray => invalid(STRAY),
            CsvLineEnd::OpenQuote | CsvLineEnd::Unclear => {
                let why = match end {
                    CsvLineEnd::Unclear => STRAY,
                    _ => OPEN_QUOTE,
                };
                self.state = ParserState::Lost { line: first, why };
                invalid(why)
            }
        };
        Ok(Some(found))
    }
}

fn item(number: u64, operation: Result<Operation, String>) -> Item {
    match operation {
        Ok(operation) => Item::Operation {
            line: Some(bank::Line { number, digest: 0 }),
            operation,
        },
        Err(reason) => Item::Invalid {
            line: number,
            reason,
        },
    }
}

/// Refuses an array where the first line stands, before each of its lines is found wrong.
fn refuse_array(line: &[u8]) -> Result<(), String> {
    match line.trim_ascii_start().first() {
        Some(b'[') => Err(
            "this is a JSON array, and operations stand one on a line: `jq -c '.[]'` makes such lines of it"
                .into(),
        ),
        _ => Ok(()),
    }
}

fn begins_object(line: &[u8]) -> bool {
    line.trim_ascii_start().first() == Some(&b'{')
}

fn whole<'a>(line: &InputLine<'a>) -> Result<&'a [u8], String> {
    if line.too_long {
        return Err(TOO_LONG.to_string());
    }
    Ok(line.text)
}

fn text(line: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(line)
        .map_err(|e| format!("the line is not UTF-8, byte {}", e.valid_up_to() + 1))
}

#[cfg(test)]
mod tests;
