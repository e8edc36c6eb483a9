//! One record of CSV.
//!
//! A quoted field may go on in further lines. No field of an operation does, so such a record is
//! invalid as a whole, and none of its lines is read as another record.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::fields::{Excerpt, Field, Fields, nearest};
use super::lines::MAX_LINE;
use super::quotes::{CsvLineEnd, line_end};
use crate::bank::MAX_META_VALUES;

/// One field more than a line can rightly have, so that too many are seen.
const MAX_FIELDS: usize = Field::ALL.len() + MAX_META_VALUES + 1;

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CsvColumn {
    Field(Field),
    /// The text of this name.
    Meta(Box<str>),
}

const UNCLOSED: &str = "a quote is not closed on the header's line";
pub(super) const STRAY: &str =
    "a quote stands inside a field (quote the whole field and double that quote)";
const NOT_UTF8: &str = "a field is not UTF-8";

/// Reads the lines below a header.
#[derive(Clone, Debug)]
pub(super) struct Csv {
    columns: Vec<CsvColumn>,
    splitter: Splitter,
}

impl Csv {
    /// Takes a header, or tells why it is none.
    pub(super) fn new(header: &[u8]) -> Result<Csv, String> {
        let mut splitter = Splitter::new();
        let names = splitter.split(header)?;
        let mut columns = Vec::with_capacity(names.count);
        for (name, number) in (0..names.count).map(|i| names.get(i)).zip(1..) {
            let field = column(name?.trim(), &columns);
            columns.push(field.map_err(|e| format!("column {number}: {e}"))?);
        }
        if !columns.contains(&CsvColumn::Field(Field::Op)) {
            return Err("the column `op` is missing".into());
        }
        Ok(Csv { columns, splitter })
    }

    /// The fields of a record, or the reason why it is none.
    pub(super) fn parse(&mut self, line: &[u8]) -> Result<Fields<'_>, String> {
        let record = self.splitter.split(line)?;
        let (found, needed) = (record.count, self.columns.len());
        if found > needed {
            return Err(format!("there are more fields than the header's {needed}"));
        }
        if found < needed {
            return Err(format!(
                "there are {found} fields and not the header's {needed}"
            ));
        }
        let mut fields = Fields::default();
        for (i, column) in self.columns.iter().enumerate() {
            let text = record.get(i)?;
            match column {
                _ if text.is_empty() => {}
                CsvColumn::Field(field) => fields.set(*field, Cow::Borrowed(text)),
                CsvColumn::Meta(name) => {
                    fields.add_meta(Cow::Borrowed(name), Cow::Borrowed(text));
                }
            }
        }
        Ok(fields)
    }
}

/// The column of this name, to be added to those before it.
fn column(name: &str, before: &[CsvColumn]) -> Result<CsvColumn, String> {
    let field = Field::ALL.into_iter().find(|field| field.word() == name);
    let separator = [(';', "`;`"), ('\t', "tabs")];
    if let Some((_, separator)) = separator.iter().find(|(sign, _)| name.contains(*sign)) {
        return Err(format!(
            "the columns are separated by {separator} and not by commas: save the file as CSV with commas"
        ));
    }
    let column = match (field, name.strip_prefix("meta.")) {
        (Some(field), _) => CsvColumn::Field(field),
        (None, Some(name)) if !name.is_empty() => CsvColumn::Meta(name.into()),
        (None, _) => return Err(unknown_column(name)),
    };
    if before.contains(&column) {
        return Err(format!("`{}` is named twice", Excerpt(name)));
    }
    Ok(column)
}

fn unknown_column(name: &str) -> String {
    if name == "all" {
        return "`all` is not a column: lines that hold several operations are JSON Lines".into();
    }
    let words = || Field::ALL.into_iter().map(Field::word);
    if let Some(near) = nearest(name, words()) {
        return format!(
            "`{}` is not a column: did you mean `{near}`?",
            Excerpt(name)
        );
    }
    format!(
        "`{}` is not a column; CSV begins with the names of its columns, some of {}, and `meta.NAME`",
        Excerpt(name),
        Field::names()
    )
}

/// Splits lines into fields, in buffers that it uses again.
#[derive(Clone, Debug)]
struct Splitter {
    reader: Reader,
    text: Vec<u8>,
    ends: [usize; MAX_FIELDS],
}

/// The fields of one line.
struct CsvRecord<'a> {
    text: &'a str,
    ends: &'a [usize],
    count: usize,
}

impl Splitter {
    fn new() -> Self {
        let mut splitter = Splitter {
            reader: ReaderBuilder::new()
                .terminator(Terminator::Any(b'\n'))
                .build(),
            // The parser also wants room for a byte at the line feed, though it writes none.
            text: vec![0; MAX_LINE + 1],
            ends: [0; MAX_FIELDS],
        };
        splitter.start_again();
        splitter
    }

    /// Forgets an unfinished record. An empty line then takes the reader past the place where it
    /// would skip a byte order mark, which is only one at the start of the whole input.
    fn start_again(&mut self) {
        self.reader.reset();
        let _ = self
            .reader
            .read_record(b"\n", &mut self.text, &mut self.ends);
    }

    /// The fields of a record on one line of at most [`MAX_LINE`] bytes, or the first [`MAX_FIELDS`] of
    /// more.
    fn split(&mut self, line: &[u8]) -> Result<CsvRecord<'_>, &'static str> {
        let (_, _, length, before) = self
            .reader
            .read_record(line, &mut self.text, &mut self.ends);
        let (text, ends) = (&mut self.text[length..], &mut self.ends[before..]);
        let (result, _, _, last) = self.reader.read_record(b"\n", text, ends);
        if result != ReadRecordResult::Record {
            self.start_again();
        }
        match line_end(line, false) {
            CsvLineEnd::Record => {}
            CsvLineEnd::OpenQuote => return Err(UNCLOSED),
            CsvLineEnd::Stray | CsvLineEnd::Unclear => return Err(STRAY),
        }
        let count = before + last;
        Ok(CsvRecord {
            text: std::str::from_utf8(&self.text[..length]).map_err(|_| NOT_UTF8)?,
            ends: &self.ends[..count],
            count,
        })
    }
}

impl<'a> CsvRecord<'a> {
    /// The text of a field, counted from 0.
    fn get(&self, i: usize) -> Result<&'a str, &'static str> {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        // The end of one field and the start of the next may look like a character between them.
        self.text.get(start..self.ends[i]).ok_or(NOT_UTF8)
    }
}
