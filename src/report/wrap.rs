//! Lines for people that keep to the width of their terminal.

use std::iter::repeat_n;

use unicode_width::UnicodeWidthStr;

/// Breaks every line that is longer than this between two of its words, and sets off what follows. A line that
/// is a command to copy stays whole, and so does what stands between backticks.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match shown_width(line) <= width || line.trim_start().starts_with("bank-par ") {
            true => wrapped.push_str(line),
            false => break_up(line, width, &mut wrapped),
        }
    }
    wrapped
}

/// The same for the lines that begin there.
pub(super) fn wrap_from(out: &mut Vec<u8>, from: usize, width: usize) {
    let wrapped = wrap(&String::from_utf8_lossy(&out[from..]), width);
    out.truncate(from);
    out.extend(wrapped.into_bytes());
}

fn break_up(line: &str, width: usize, out: &mut String) {
    let begins = line.len() - line.trim_start_matches([' ', '-']).len();
    let (begin, words) = line.split_at(begins);
    let indent = match begin.ends_with("- ") {
        true => begins,
        false => begins + 2,
    };
    out.push_str(begin);
    let mut is_quoted = false;
    let is_gap = |letter: char| {
        is_quoted ^= letter == '`';
        letter == ' ' && !is_quoted
    };
    fill(out, begins, words.split(is_gap), indent, width);
}

/// Adds words from this column on, and begins a new line, set off by `indent`, where one would be too wide.
pub fn fill<'a>(
    out: &mut String,
    mut column: usize,
    words: impl Iterator<Item = &'a str>,
    indent: usize,
    width: usize,
) {
    for (number, word) in words.enumerate() {
        let more = shown_width(word);
        if number > 0 && column + 1 + more > width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.extend(repeat_n(' ', indent));
            column = indent;
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += more;
    }
}

/// How many columns a text takes, without what only colours it.
fn shown_width(text: &str) -> usize {
    let mut parts = text.trim_end_matches('\n').split('\u{1b}');
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    let coloured = parts.map(|part| part.split_once('m').map_or(0, |(_, rest)| rest.width()));
    first + coloured.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_below_and_a_command_stays_whole() {
        for (text, expected) in [
            ("one two\n", "one two\n"),
            ("one two three four\n", "one two\n  three\n  four\n"),
            ("  one two three\n", "  one two\n    three\n"),
            ("- one two three\n", "- one two\n  three\n"),
            (
                "  bank-par parallel --help\n",
                "  bank-par parallel --help\n",
            ),
            ("say `a b c d e`\n", "say\n  `a b c d e`\n"),
            ("incomprehensibilities\n", "incomprehensibilities\n"),
            (
                "\u{1b}[31mone two three\u{1b}[0m\n",
                "\u{1b}[31mone two\n  three\u{1b}[0m\n",
            ),
            ("会計 会計 会計", "会計 会計\n  会計"),
            ("", ""),
        ] {
            assert_eq!(wrap(text, 9), expected);
        }
    }
}
