//! Rows of columns: aligned and with titles for a person at a terminal, else with one tab between, so
//! that `cut -f` finds them.
//!
//! A table is no wider than its terminal: columns become narrower, and words are cut where they do not
//! fit. MoneyText is never cut, and what identifies a row stands on a line of its own if there is no room.

use std::borrow::Cow;
use std::io;
use std::iter;

use rustix::termios::tcgetwinsize;

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
    /// To the second, and without the year where there is no room.
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
    column(title, WITH_YEAR, ColumnKind::Moments)
}

/// The column that identifies a row; a terminal shows it last.
pub(super) const fn id(title: &'static str) -> Column {
    column(title, title.len(), ColumnKind::Id)
}

const fn column(title: &'static str, width: usize, kind: ColumnKind) -> Column {
    Column { title, width, kind }
}

/// `2026-11-23 13:00:00`
const WITH_YEAR: usize = 19;

/// `11-23 13:00:00`
const WITHOUT_YEAR: usize = 14;

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
        true => aligned_row(columns, cells, terminal_width()),
        false => cells.join("\t"),
    };
    out.extend(line.as_bytes());
    out.push(b'\n');
}

pub(super) fn terminal_width() -> usize {
    let size = tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_col));
    size.ok().filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

pub(super) fn aligned_row(columns: &[Column], cells: &[&str], room: usize) -> String {
    let layout = Layout::within(columns, room);
    let (mut line, mut end) = (String::new(), 0);
    for ((column, cell), width) in columns.iter().zip(cells).zip(&layout.widths) {
        if column.kind == ColumnKind::Id {
            continue;
        }
        if !line.is_empty() {
            line.extend(iter::repeat_n(' ', layout.gap));
            end += layout.gap;
        }
        end += width;
        let cell = match column.kind {
            ColumnKind::Words => cut(&printable(cell), *width),
            ColumnKind::Moments => shortened(cell, *width).to_string(),
            ColumnKind::Fixed | ColumnKind::Numbers | ColumnKind::Id => cell.to_string(),
        };
        // What was too wide before it is made up for here.
        let filled = width_of(&line) + width_of(&cell);
        let padding = iter::repeat_n(' ', end.saturating_sub(filled));
        match column.kind {
            ColumnKind::Numbers => line.extend(padding.chain(cell.chars())),
            _ => line.extend(cell.chars().chain(padding)),
        }
    }
    let mut ids = columns.iter().zip(cells);
    if let Some((_, id)) = ids.find(|(column, _)| column.kind == ColumnKind::Id) {
        let id = cut(&printable(id), room.saturating_sub(INDENT));
        if width_of(&line) + layout.gap + width_of(&id) <= room {
            line.extend(iter::repeat_n(' ', layout.gap));
        } else {
            line.truncate(line.trim_end().len());
            line.push('\n');
            line.extend(iter::repeat_n(' ', INDENT));
        }
        line.push_str(&id);
    }
    line.truncate(line.trim_end().len());
    line
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
        for (kind, least) in [
            (ColumnKind::Words, 8),
            (ColumnKind::Numbers, 10),
            (ColumnKind::Moments, WITHOUT_YEAR),
            (ColumnKind::Words, 6),
        ] {
            while layout.width() > room && layout.narrow(columns, kind, least) {}
        }
        layout
    }

    fn width(&self) -> usize {
        let gaps = self.widths.len().saturating_sub(1) * self.gap;
        self.widths.iter().sum::<usize>() + gaps
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

/// A moment to the second; other words are as they are.
fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    match (text.get(..10), text.get(11..19), text.len()) {
        (Some(day), Some(time), 27) if width < WITH_YEAR => format!("{} {time}", &day[5..]).into(),
        (Some(day), Some(time), 27) => format!("{day} {time}").into(),
        _ => text.into(),
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
    if width_of(text) <= width {
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

fn width_of(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// How many columns a letter takes: those of East Asian scripts take two.
fn columns_of(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
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

    fn lines(cells: [&str; 5], room: usize) -> Vec<String> {
        let row = aligned_row(&COLUMNS, &cells, room);
        row.lines().map(str::to_string).collect()
    }

    #[test]
    fn a_person_gets_a_table_and_a_script_gets_tabs() {
        let cells = ["a b", "main", "2026-11-23T13:00:00.000001Z", "1.50", "loan"];
        let row = "main        2026-11-23 13:00:00          1.50  loan      a b";
        assert_eq!(lines(cells, 80), [row]);
        let titles = "who         when                         what  op        id";
        let names = COLUMNS.each_ref().map(|column| column.title);
        assert_eq!(lines(names, 80), [titles]);
        let mut out = Vec::new();
        super::row(&mut out, &COLUMNS, false, &cells);
        super::titles(&mut out, &COLUMNS, false);
        let tabs = "a b\tmain\t2026-11-23T13:00:00.000001Z\t1.50\tloan\n";
        assert_eq!(String::from_utf8(out).expect("text"), tabs);
    }

    #[test]
    fn a_table_keeps_to_its_terminal_and_its_columns() {
        let moment = "2026-11-23T13:00:00.000001Z";
        let long = "n".repeat(64);
        for (name, id) in [
            ("main", "a"),
            (long.as_str(), long.as_str()),
            ("会計会計会計会計会計", "会計"),
            ("a\u{202e}b\u{200b}", "\u{301}\u{7f}"),
        ] {
            let rows = lines([id, name, moment, "-12.50", "transfer"], 52);
            let (first, rest) = rows.split_first().expect("a row");
            assert!(rows.iter().all(|row| width_of(row) <= 52), "{rows:?}");
            let end = first.find("-12.50").expect("the money");
            assert_eq!(width_of(&first[..end]), 34, "{rows:?}");
            assert!(rest.iter().all(|row| row.starts_with("    ")), "{rows:?}");
        }
        let rows = lines(
            [&long, "main", "in doubt", "92233720368547758.07", "loan"],
            52,
        );
        assert!(rows[0].contains("92233720368547758.07"), "{rows:?}");
        let wide = lines(["a", "main", "in doubt", "922337203685477", "no"], 80);
        let usual = lines(["a", "main", "in doubt", "9.22", "no"], 80);
        assert_eq!(wide[0].rfind(" a"), usual[0].rfind(" a"), "{wide:?}");
        assert_eq!(rows[1].trim(), format!("{}…", "n".repeat(47)));
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
