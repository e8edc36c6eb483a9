//! Rows of columns: aligned and with titles for a person at a terminal, else with one tab between, so
//! that `cut -f` finds them.
//!
//! A table is as wide as its terminal has room for: words get more of a wide one and are cut in a narrow one,
//! and where all columns do not fit, a row goes on in a second line. Money is never cut, and what identifies a
//! row stands on a line of its own if there is no room. A person reads how long ago something was, a script
//! the moment itself.

mod relative;

use std::io;
use std::iter;
use std::time::SystemTime;

use rustix::termios::tcgetwinsize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use relative::relative;

use crate::bank::Unit;

/// The width of a terminal that does not tell it.
const USUAL_WIDTH: usize = 80;

/// How far what has a line of its own is set off.
const INDENT: usize = 4;

/// One column as a terminal shows it.
#[derive(Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    width: usize,
    kind: ColumnKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    /// Cut where they do not fit.
    Words,
    /// Of a known few, and never cut.
    Fixed,
    /// End below each other, and are never cut.
    Numbers,
    /// How long ago they were, or until they come.
    Moments,
    /// Identifies the row: the last cell, whole, if need be on a line of its own.
    Id,
}

impl Column {
    /// What stands above it.
    #[cfg(test)]
    pub(super) fn title(&self) -> &str {
        self.title
    }
}

/// A column of words.
pub(super) const fn words(title: &'static str, width: usize) -> Column {
    column(title, width, ColumnKind::Words)
}

/// A column of words of which the longest is known.
pub(super) const fn fixed(title: &'static str, width: usize) -> Column {
    column(title, width, ColumnKind::Fixed)
}

/// A column of numbers, which end below each other.
pub(super) const fn numbers(title: &'static str, width: usize) -> Column {
    column(title, width, ColumnKind::Numbers)
}

/// A column of moments, or of words in their place.
pub(super) const fn moments(title: &'static str) -> Column {
    column(title, MOMENT, ColumnKind::Moments)
}

/// The column that identifies a row; a terminal shows it last.
pub(super) const fn id(title: &'static str) -> Column {
    column(title, title.len(), ColumnKind::Id)
}

const fn column(title: &'static str, width: usize, kind: ColumnKind) -> Column {
    Column { title, width, kind }
}

/// `59 min ago`, `2026-11-23`
const MOMENT: usize = 10;

/// What identifies a row is usually not wider.
const USUAL_ID: usize = 36;

/// Words that have less are short anyway, and get no more.
const WIDENED_FROM: usize = 10;

/// A column of words gets at most so much of a wide terminal.
const WIDEST_WORDS: usize = 32;

/// What amounts count, in the rows of a ledger in which that is not `$`.
const UNIT: Column = words("unit", 8);

/// Adds the titles of rows with amounts.
pub(super) fn money_titles(out: &mut Vec<u8>, columns: &[Column], aligned: bool) {
    match Unit::current().is_default() {
        true => titles(out, columns, aligned),
        false => titles(out, &[columns, &[UNIT]].concat(), aligned),
    }
}

/// Adds one row with amounts, and what they count where that is not `$`.
pub(super) fn money_row(out: &mut Vec<u8>, columns: &[Column], aligned: bool, cells: &[&str]) {
    let unit = Unit::current();
    match unit.is_default() {
        true => row(out, columns, aligned, cells),
        false => {
            let (columns, cells) = (
                [columns, &[UNIT]].concat(),
                [cells, &[unit.name()]].concat(),
            );
            row(out, &columns, aligned, &cells);
        }
    }
}

/// Adds words of any length to the last row: on a terminal below it, else as a cell more.
pub(super) fn add_words(out: &mut Vec<u8>, aligned: bool, words: &str) {
    let words = words.replace(['\n', '\t'], " ");
    match aligned {
        true => out.extend(iter::repeat_n(b' ', INDENT)),
        false => {
            out.pop();
            out.push(b'\t');
        }
    }
    out.extend(printable(&words).as_bytes());
    out.push(b'\n');
}

/// Adds the titles, which only an aligned table has.
pub(super) fn titles(out: &mut Vec<u8>, columns: &[Column], aligned: bool) {
    if aligned {
        let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
        row(out, columns, aligned, &titles);
    }
}

/// Adds one row; a cell for which there is nothing holds `-`.
pub(super) fn row(out: &mut Vec<u8>, columns: &[Column], aligned: bool, cells: &[&str]) {
    let line = match aligned {
        true => aligned_row(columns, cells, terminal_width(), SystemTime::now()),
        false => cells.join("\t"),
    };
    out.extend(line.as_bytes());
    out.push(b'\n');
}

pub(super) fn terminal_width() -> usize {
    let size = tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_col));
    size.ok().filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

pub(super) fn aligned_row(
    columns: &[Column],
    cells: &[&str],
    room: usize,
    now: SystemTime,
) -> String {
    let layout = Layout::within(columns, room);
    let (mut rows, mut row, mut end) = (Vec::new(), String::new(), 0);
    for ((column, cell), width) in columns.iter().zip(cells).zip(&layout.widths) {
        if column.kind == ColumnKind::Id {
            continue;
        }
        let cell = match column.kind {
            ColumnKind::Words => cut(&printable(cell), *width),
            ColumnKind::Moments => relative(cell, now).to_string(),
            ColumnKind::Fixed | ColumnKind::Numbers | ColumnKind::Id => cell.to_string(),
        };
        let least = (end + width).max(row.width() + cell.width()) + layout.gap;
        if end > 0 && least > room {
            rows.push(std::mem::replace(&mut row, " ".repeat(INDENT)));
            end = INDENT;
        } else if end > 0 {
            row.extend(iter::repeat_n(' ', layout.gap));
            end += layout.gap;
        }
        end += width;
        // What was too wide before is made up for here.
        let filled = row.width() + cell.width();
        let padding = iter::repeat_n(' ', end.saturating_sub(filled));
        match column.kind {
            ColumnKind::Numbers => row.extend(padding.chain(cell.chars())),
            _ => row.extend(cell.chars().chain(padding)),
        }
    }
    let mut ids = columns.iter().zip(cells);
    if let Some((_, id)) = ids.find(|(column, _)| column.kind == ColumnKind::Id) {
        let id = cut(&printable(id), room.saturating_sub(INDENT));
        match row.width() + layout.gap + id.width() <= room {
            true => row.extend(iter::repeat_n(' ', layout.gap)),
            false => rows.push(std::mem::replace(&mut row, " ".repeat(INDENT))),
        }
        row.push_str(&id);
    }
    rows.push(row);
    let rows: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n")
}

/// How wide the columns are in so much room.
struct Layout {
    widths: Vec<usize>,
    gap: usize,
}

impl Layout {
    fn within(columns: &[Column], room: usize) -> Self {
        let mut layout = Layout {
            widths: columns.iter().map(|column| column.width).collect(),
            gap: 2,
        };
        if layout.width() > room {
            layout.gap = 1;
        }
        let has_id = columns.iter().any(|column| column.kind == ColumnKind::Id);
        let reserve = if has_id { USUAL_ID } else { 0 };
        while layout.width() + reserve < room && layout.widen(columns) {}
        for (kind, least) in [
            (ColumnKind::Words, 8),
            (ColumnKind::Numbers, 10),
            (ColumnKind::Words, 6),
            (ColumnKind::Numbers, 7),
        ] {
            while layout.width() > room && layout.narrow(columns, kind, least) {}
        }
        layout
    }

    fn width(&self) -> usize {
        let gaps = self.widths.len().saturating_sub(1) * self.gap;
        self.widths.iter().sum::<usize>() + gaps
    }

    /// Gives to the narrowest column of words. Tells whether there was one that takes more.
    fn widen(&mut self, columns: &[Column]) -> bool {
        let is_words = |at: &usize| {
            columns[*at].kind == ColumnKind::Words && columns[*at].width >= WIDENED_FROM
        };
        let words = (0..columns.len()).filter(is_words);
        let narrowest = words.min_by_key(|at| self.widths[*at]);
        let narrowest = narrowest.filter(|at| self.widths[*at] < WIDEST_WORDS);
        narrowest.map(|at| self.widths[at] += 1).is_some()
    }

    /// Takes from the widest column of a kind. Tells whether there was one to take from.
    fn narrow(&mut self, columns: &[Column], kind: ColumnKind, least: usize) -> bool {
        let of_kind = self.widths.iter_mut().zip(columns);
        let wide = of_kind.filter(|(width, column)| column.kind == kind && **width > least);
        let widest = wide.map(|(width, _)| width).max();
        if let Some(width) = widest {
            *width -= 1;
            return true;
        }
        false
    }
}

/// The text with all escaped that a terminal would not show in its place.
fn printable(text: &str) -> String {
    let is_shown = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    let shown = |c: char| match is_shown(c) {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    };
    text.chars().map(shown).collect()
}

/// The text, or its beginning and a sign that there is more.
pub(super) fn cut(text: &str, width: usize) -> String {
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

/// A cell's text, or the sign for nothing.
pub(super) fn or_nothing(text: Option<&str>) -> &str {
    text.unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        id("id"),
        words("who", 10),
        moments("when"),
        numbers("what", 12),
        fixed("op", 8),
    ];

    const MOMENT_OF_ALL: &str = "2026-11-23T13:00:00.000001Z";

    fn lines(cells: [&str; 5], room: usize) -> Vec<String> {
        let now = humantime::parse_rfc3339("2026-11-23T15:30:00Z").expect("a moment");
        let row = aligned_row(&COLUMNS, &cells, room, now);
        row.lines().map(str::to_string).collect()
    }

    #[test]
    fn a_person_gets_a_table_and_a_script_gets_tabs() {
        let cells = ["a b", "main", MOMENT_OF_ALL, "1.50", "loan"];
        let row = "main        2 h ago             1.50  loan      a b";
        assert_eq!(lines(cells, 80), [row]);
        let titles = "who         when                what  op        id";
        let names = COLUMNS.each_ref().map(|column| column.title);
        assert_eq!(lines(names, 80), [titles]);
        let mut out = Vec::new();
        super::row(&mut out, &COLUMNS, false, &cells);
        super::titles(&mut out, &COLUMNS, false);
        let tabs = format!("a b\tmain\t{MOMENT_OF_ALL}\t1.50\tloan\n");
        assert_eq!(String::from_utf8(out).expect("text"), tabs);
    }

    #[test]
    fn a_table_keeps_to_its_terminal_and_its_columns() {
        let long = "n".repeat(64);
        for (name, id) in [
            ("main", "a"),
            (long.as_str(), long.as_str()),
            ("会計会計会計会計会計", "会計"),
            ("a\u{202e}b\u{200b}", "\u{301}\u{7f}"),
        ] {
            for (room, end) in [(40, 28), (52, 36), (80, 36), (200, 58)] {
                let rows = lines([id, name, MOMENT_OF_ALL, "-12.50", "transfer"], room);
                assert!(rows.iter().all(|row| row.width() <= room), "{rows:?}");
                let (first, rest) = rows.split_first().expect("a row");
                let at = first.find("-12.50").expect("the money") + "-12.50".len();
                assert_eq!(first[..at].width(), end, "{room}: {rows:?}");
                assert!(rest.iter().all(|row| row.starts_with("    ")), "{rows:?}");
            }
        }
    }

    #[test]
    fn money_is_never_cut_and_moves_only_what_it_must() {
        let long = "n".repeat(64);
        let much = "92233720368547758.07";
        let rows = lines([&long, "main", "in doubt", much, "loan"], 52);
        assert!(rows[0].contains(much), "{rows:?}");
        assert_eq!(rows[1].trim(), format!("{}…", "n".repeat(47)));
        let wide = lines(["a", "main", "in doubt", "922337203685477", "no"], 80);
        let usual = lines(["a", "main", "in doubt", "9.22", "no"], 80);
        assert_eq!(wide[0].rfind(" a"), usual[0].rfind(" a"), "{wide:?}");
    }

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
