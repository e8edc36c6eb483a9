//! From lines to items.

use super::csv::Csv;
use super::lines::{Line, MAX_LINE};
use super::{Defaults, Format, Item, json};
use crate::bank::{self, Operation};

/// Makes items of lines, in the format that was given or that the first line shows.
#[derive(Debug)]
pub(super) struct Parser {
    state: State,
    /// A line was seen.
    begun: bool,
    defaults: Defaults,
}

#[derive(Debug)]
enum State {
    /// No line was seen, and no format was given.
    Undecided,
    JsonLines,
    /// The next line names the columns.
    Header,
    Csv(Box<Csv>),
}

impl Parser {
    pub(super) fn new(format: Option<Format>, defaults: Defaults) -> Self {
        let state = match format {
            None => State::Undecided,
            Some(Format::JsonLines) => State::JsonLines,
            Some(Format::Csv) => State::Header,
        };
        Parser {
            state,
            begun: false,
            defaults,
        }
    }

    /// The item on a line; none if the line is a header.
    ///
    /// # Errors
    ///
    /// The reason why a line is no header; no line after it can be read then.
    pub(super) fn item(&mut self, line: &Line<'_>) -> Result<Option<Item>, String> {
        if !self.begun {
            self.begun = true;
            refuse_array(line.text)?;
        }
        if matches!(self.state, State::Undecided) {
            self.decide(line.text);
        }
        if matches!(self.state, State::Header) {
            let header = whole(line)?;
            self.state = State::Csv(Box::new(Csv::new(header)?));
            return Ok(None);
        }
        let number = line.number;
        let item = match whole(line).and_then(|text| self.operation(text)) {
            Ok(operation) => Item::Operation {
                line: Some(bank::Line { number, digest: 0 }),
                operation,
            },
            Err(reason) => Item::Invalid {
                line: number,
                reason,
            },
        };
        Ok(Some(item))
    }

    /// JSON Lines begin with `{`, which no header does.
    fn decide(&mut self, line: &[u8]) {
        self.state = match line.trim_ascii_start().first() {
            Some(b'{') => State::JsonLines,
            _ => State::Header,
        };
    }

    fn operation(&mut self, line: &[u8]) -> Result<Operation, String> {
        let fields = match &mut self.state {
            State::Csv(csv) => csv.parse(line)?,
            _ => json::parse(text(line)?)?,
        };
        fields.operation(&self.defaults)
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

fn whole<'a>(line: &Line<'a>) -> Result<&'a [u8], String> {
    if line.too_long {
        return Err(format!("the line is longer than {MAX_LINE} bytes"));
    }
    Ok(line.text)
}

fn text(line: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(line)
        .map_err(|e| format!("the line is not UTF-8, byte {}", e.valid_up_to() + 1))
}

#[cfg(test)]
mod tests;
