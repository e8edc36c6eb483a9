//! Where the quotes of CSV stand, and whether a record goes on behind its line.

use memchr::memchr;

/// How a line of CSV ends, as far as its quotes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// The record ends with the line.
    Record,
    /// A quoted field goes on in the next line.
    OpenQuote,
    /// A quote stands where none may, and the record ends with the line however one reads it.
    Stray,
    /// A quote stands where none may, and nobody can tell whether the next line belongs to a field.
    Unclear,
}

enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: its end, or the first of two that stand for one.
    Quote,
}

/// Reads a line that begins inside a quoted field (`is_open`) or at the start of a record.
pub(super) fn line_end(line: &[u8], is_open: bool) -> LineEnd {
    if !is_open && memchr(b'"', line).is_none() {
        return LineEnd::Record;
    }
    let mut place = if is_open {
        Place::Quoted
    } else {
        Place::FieldStart
    };
    let (mut is_odd, mut is_stray) = (is_open, false);
    for byte in line {
        is_odd ^= *byte == b'"';
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) | (Place::FieldStart | Place::Quote, b'"') => Place::Quoted,
            (_, b',') => Place::FieldStart,
            (Place::FieldStart, _) => Place::Plain,
            (Place::Plain, byte) => {
                is_stray |= *byte == b'"';
                Place::Plain
            }
            (Place::Quote, _) => {
                is_stray = true;
                Place::Plain
            }
        };
    }
    let goes_on = matches!(place, Place::Quoted);
    match (is_stray, goes_on) {
        (false, false) => LineEnd::Record,
        (false, true) => LineEnd::OpenQuote,
        // Inside a field of more than one line, it may be the field's beginning that is wrong.
        (true, _) if is_open || goes_on || is_odd => LineEnd::Unclear,
        (true, _) => LineEnd::Stray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_tell_where_a_record_ends() {
        for (line, expected) in [
            ("", LineEnd::Record),
            ("a,b", LineEnd::Record),
            ("\"a\",\"\"", LineEnd::Record),
            ("\"a\"\"b\"", LineEnd::Record),
            ("\"a,b\"", LineEnd::Record),
            ("\"a", LineEnd::OpenQuote),
            ("a,\"", LineEnd::OpenQuote),
            ("a,\"b\"\"", LineEnd::OpenQuote),
            ("\"1\"2", LineEnd::Stray),
            ("1\"2\"", LineEnd::Stray),
            ("\"1\" ,a", LineEnd::Stray),
            ("5\" pipe", LineEnd::Unclear),
            ("5\" pipe,\"a", LineEnd::Unclear),
            ("\"1\"2\"", LineEnd::Unclear),
        ] {
            assert_eq!(line_end(line.as_bytes(), false), expected, "{line}");
        }
        for (line, expected) in [
            ("", LineEnd::OpenQuote),
            ("transfer,900.00,main,mallory,m1", LineEnd::OpenQuote),
            ("end\"", LineEnd::Record),
            ("end\",b", LineEnd::Record),
            ("say \"\"no\"\"", LineEnd::OpenQuote),
            ("end\",\"again", LineEnd::OpenQuote),
            ("deposit,1,\"a\"", LineEnd::Unclear),
            ("a\"b\"", LineEnd::Unclear),
        ] {
            assert_eq!(line_end(line.as_bytes(), true), expected, "open: {line}");
        }
    }
}
