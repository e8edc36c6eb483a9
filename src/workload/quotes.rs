//! Where the quotes of CSV stand, and whether a record goes on behind its line.

use memchr::memchr;

/// How a line of CSV ends, as far as its quotes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CsvLineEnd {
    /// The record ends with the line.
    Record,
    /// A quoted field goes on in the next line.
    OpenQuote,
    /// A quote stands where none may, and the record ends with the line however one reads it.
    Stray,
    /// A quote stands where none may, and it cannot be told whether the next line belongs to a field.
    Unclear,
}

enum QuoteState {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: its end, or the first of two that stand for one.
    Quote,
}

/// Reads a line that begins inside a quoted field (`is_open`) or at the start of a record.
pub(super) fn line_end(line: &[u8], is_open: bool) -> CsvLineEnd {
    if !is_open && memchr(b'"', line).is_none() {
        return CsvLineEnd::Record;
    }
    let mut place = if is_open {
        QuoteState::Quoted
    } else {
        QuoteState::FieldStart
    };
    let (mut is_odd, mut is_stray) = (is_open, false);
    for byte in line {
        is_odd ^= *byte == b'"';
        place = match (place, byte) {
            (QuoteState::Quoted, b'"') => QuoteState::Quote,
            (QuoteState::Quoted, _) | (QuoteState::FieldStart | QuoteState::Quote, b'"') => {
                QuoteState::Quoted
            }
            (_, b',') => QuoteState::FieldStart,
            (QuoteState::FieldStart, _) => QuoteState::Plain,
            (QuoteState::Plain, byte) => {
                is_stray |= *byte == b'"';
                QuoteState::Plain
            }
            (QuoteState::Quote, _) => {
                is_stray = true;
                QuoteState::Plain
            }
        };
    }
    let goes_on = matches!(place, QuoteState::Quoted);
    match (is_stray, goes_on) {
        (false, false) => CsvLineEnd::Record,
        (false, true) => CsvLineEnd::OpenQuote,
        // Inside a field of more than one line, it may be the field's beginning that is wrong.
        (true, _) if is_open || goes_on || is_odd => CsvLineEnd::Unclear,
        (true, _) => CsvLineEnd::Stray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_tell_where_a_record_ends() {
        for (line, expected) in [
            ("", CsvLineEnd::Record),
            ("a,b", CsvLineEnd::Record),
            ("\"a\",\"\"", CsvLineEnd::Record),
            ("\"a\"\"b\"", CsvLineEnd::Record),
            ("\"a,b\"", CsvLineEnd::Record),
            ("\"a", CsvLineEnd::OpenQuote),
            ("a,\"", CsvLineEnd::OpenQuote),
            ("a,\"b\"\"", CsvLineEnd::OpenQuote),
            ("\"1\"2", CsvLineEnd::Stray),
            ("1\"2\"", CsvLineEnd::Stray),
            ("\"1\" ,a", CsvLineEnd::Stray),
            ("5\" pipe", CsvLineEnd::Unclear),
            ("5\" pipe,\"a", CsvLineEnd::Unclear),
            ("\"1\"2\"", CsvLineEnd::Unclear),
        ] {
            assert_eq!(line_end(line.as_bytes(), false), expected, "{line}");
        }
        for (line, expected) in [
            ("", CsvLineEnd::OpenQuote),
            ("transfer,900.00,main,mallory,m1", CsvLineEnd::OpenQuote),
            ("end\"", CsvLineEnd::Record),
            ("end\",b", CsvLineEnd::Record),
            ("say \"\"no\"\"", CsvLineEnd::OpenQuote),
            ("end\",\"again", CsvLineEnd::OpenQuote),
            ("deposit,1,\"a\"", CsvLineEnd::Unclear),
            ("a\"b\"", CsvLineEnd::Unclear),
        ] {
            assert_eq!(line_end(line.as_bytes(), true), expected, "open: {line}");
        }
    }
}
