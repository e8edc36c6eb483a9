//! Cutting a stream of bytes into lines of bounded length.

use memchr::memchr;

/// The longest line in bytes, not counting its line feed. The rest of a longer one is skipped and
/// never kept, so that no input can choose how much memory it takes.
pub const MAX_LINE: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line that is not blank, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputLine<'a> {
    /// Its number, from 1; blank lines count too.
    pub(super) number: u64,
    /// Its bytes, or its beginning if it is too long.
    pub(super) text: &'a [u8],
    /// It is longer than [`MAX_LINE`].
    pub(super) too_long: bool,
    /// A quote stands in what was skipped of a line before it, so that it may be a part of a field.
    pub(super) after_hidden_quote: bool,
    /// How the line before ends that was too long, if it was: its last byte that is not blank.
    pub(super) after_long: Option<u8>,
    /// The input ends within it, without a line feed.
    pub(super) unended: bool,
}

/// Cuts whatever chunks it is given into lines.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    /// How many lines have ended.
    ended: u64,
    /// The beginning of a line that has not.
    begun: Vec<u8>,
    /// That line was too long and has been handed over.
    skipping: bool,
    /// A quote stands in what was skipped.
    hidden_quote: bool,
    /// The last byte that is not blank of a line that was too long, until the next one.
    long_end: Option<u8>,
    /// There is no more.
    at_end: bool,
}

impl LineSplitter {
    /// Hands each line that ends in `chunk`, or becomes too long there, to `each`; stops at its error.
    pub(super) fn split<E>(
        &mut self,
        mut chunk: &[u8],
        each: &mut impl FnMut(InputLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = memchr(b'\n', chunk) {
            self.end_line(&chunk[..end], each)?;
            chunk = &chunk[end + 1..];
        }
        self.keep(chunk, each)
    }

    /// Hands over the last line, which need not end in a line feed.
    pub(super) fn finish<E>(
        &mut self,
        each: &mut impl FnMut(InputLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.at_end = true;
        self.end_line(&[], each)
    }

    fn end_line<E>(
        &mut self,
        tail: &[u8],
        each: &mut impl FnMut(InputLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.ended += 1;
        if self.skipping {
            self.skip(tail);
            self.skipping = false;
            return Ok(());
        }
        if self.begun.is_empty() {
            return self.hand_over(self.ended, tail, each);
        }
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(tail);
        let handed_over = self.hand_over(self.ended, &line, each);
        line.clear();
        self.begun = line;
        handed_over
    }

    fn keep<E>(
        &mut self,
        part: &[u8],
        each: &mut impl FnMut(InputLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.skipping {
            self.skip(part);
            return Ok(());
        }
        self.begun.extend_from_slice(part);
        if self.begun.len() > MAX_LINE {
            self.skipping = true;
            let line = std::mem::take(&mut self.begun);
            return self.hand_over(self.ended + 1, &line, each);
        }
        Ok(())
    }

    fn skip(&mut self, part: &[u8]) {
        self.hidden_quote |= memchr(b'"', part).is_some();
        self.long_end = last_byte(part).or(self.long_end);
    }

    fn hand_over<E>(
        &mut self,
        number: u64,
        mut text: &[u8],
        each: &mut impl FnMut(InputLine<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let too_long = text.len() > MAX_LINE;
        if number == 1 {
            text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        }
        text = text.strip_suffix(b"\r").unwrap_or(text);
        if !too_long && text.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let after_long = self.long_end.take();
        if too_long {
            self.long_end = last_byte(text);
        }
        each(InputLine {
            number,
            text,
            too_long,
            after_hidden_quote: self.hidden_quote,
            after_long,
            unended: self.at_end,
        })
    }
}

fn last_byte(part: &[u8]) -> Option<u8> {
    part.trim_ascii_end().last().copied()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use proptest::prelude::*;

    /// The number of each line that is not blank, and its text unless it is too long.
    fn termination(chunks: &[&[u8]]) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        let mut each = |line: InputLine<'_>| {
            found.push((line.number, (!line.too_long).then(|| line.text.to_vec())));
            Ok::<(), Infallible>(())
        };
        let mut lines = LineSplitter::default();
        for chunk in chunks {
            let Ok(()) = lines.split(chunk, &mut each);
            assert!(lines.begun.len() <= MAX_LINE);
        }
        let Ok(()) = lines.finish(&mut each);
        found
    }

    fn check(input: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(number, text)| (*number, Some(text.as_bytes().to_vec())))
            .collect();
        assert_eq!(termination(&[input.as_bytes()]), expected, "{input:?}");
        let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        assert_eq!(termination(&bytes), expected, "{input:?}, byte by byte");
    }

    #[test]
    fn lines_are_cut_and_counted() {
        check("", &[]);
        check("a", &[(1, "a")]);
        check("a\nb\n", &[(1, "a"), (2, "b")]);
        check("a\r\nb\r\n", &[(1, "a"), (2, "b")]);
        check("\n \t\n\r\na\n\n", &[(4, "a")]);
        check("\u{feff}a\n\u{feff}b", &[(1, "a"), (2, "\u{feff}b")]);
        check("\u{feff}\n\n a \n", &[(3, " a ")]);
        check("a\rb\n\0", &[(1, "a\rb"), (2, "\0")]);
    }

    #[test]
    fn a_line_is_as_long_as_it_may_be_or_skipped() {
        let longest = "x".repeat(MAX_LINE);
        check(&format!("{longest}\ny"), &[(1, &longest), (2, "y")]);
        for too_long in [MAX_LINE + 1, MAX_LINE * 3] {
            let input = format!("{}\ny\n{}", "x".repeat(too_long), " ".repeat(too_long));
            let expected = [(1, None), (2, Some(b"y".to_vec())), (3, None)];
            for size in [1, 1000, MAX_LINE] {
                let chunks: Vec<&[u8]> = input.as_bytes().chunks(size).collect();
                assert_eq!(termination(&chunks), expected, "chunks of {size}");
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told_before_it_ends() {
        let mut told = 0;
        let mut each = |line: InputLine<'_>| {
            told += u64::from(line.too_long);
            Ok::<(), Infallible>(())
        };
        let mut lines = LineSplitter::default();
        for _ in 0..4 {
            let Ok(()) = lines.split(&[b'x'; MAX_LINE], &mut each);
        }
        assert_eq!(told, 1);
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(
            input in "[ab\r\n \u{feff}]{0,60}",
            sizes in proptest::collection::vec(1usize..9, 1..9),
        ) {
            let mut rest = input.as_bytes();
            let mut chunks = Vec::new();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = rest.split_at(rest.len().min(*size));
                chunks.push(chunk);
                rest = after;
            }
            prop_assert_eq!(termination(&chunks), termination(&[input.as_bytes()]));
        }
    }
}
