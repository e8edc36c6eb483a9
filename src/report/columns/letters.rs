//! Texts of others in a table: letters that keep their place, and no more of them than there is room for.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with all escaped that a terminal would not show in its place.
pub(super) fn printable(text: &str) -> String {
    let is_shown = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    let shown = |c: char| match is_shown(c) {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    };
    text.chars().map(shown).collect()
}

/// The text, or its beginning and a sign that there is more.
pub(in crate::report) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| match room.checked_sub(columns_of(*c)) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// How many columns a letter takes.
fn columns_of(c: char) -> usize {
    c.width().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_a_terminal_would_not_show_in_their_place_are_escaped() {
        assert_eq!(printable("a b-ü会"), "a b-ü会");
        assert_eq!(printable("\u{202e}\u{1b}"), "\\u{202e}\\u{1b}");
        assert_eq!(
            (cut("会会会", 5), cut("abc", 3)),
            ("会会…".into(), "abc".into())
        );
    }
}
