//! Rows of columns: aligned and with titles for a person at a terminal, else with one tab between, so
//! that `cut -f` finds them.
//!
//! A table is as wide as what is in it, and its terminal has room for: words are cut where there is too little,
//! and where all columns still do not fit, a row goes on in a second line. Money is never cut, and what
//! identifies a row stands on a line of its own if there is no room. A person reads how long ago something was,
//! a script the moment itself.

mod letters;
mod relative;

use std::borrow::Cow;
use std::io;
use std::iter;
use std::os::fd::AsFd;
use std::time::SystemTime;

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

pub(in crate::report) use letters::cut;
use letters::printable;
pub(in crate::report) use relative::relative;

use super::wrap::wrap;
use crate::bank::Unit;

/// The width of a terminal that does not tell it.
pub(super) const USUAL_WIDTH: usize = 80;

/// How far what has a line of its own is set off.
const INDENT: usize = 4;

/// Words are cut to no less.
const LEAST_WORDS: usize = 8;

/// One column as a terminal shows it.
#[derive(Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
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

/// A column of words.
pub(super) const fn words(title: &'static str) -> Column {
    let kind = ColumnKind::Words;
    Column { title, kind }
}

/// A column of words of which the longest is short.
pub(super) const fn fixed(title: &'static str) -> Column {
    let kind = ColumnKind::Fixed;
    Column { title, kind }
}

/// A column of numbers, which end below each other.
pub(super) const fn numbers(title: &'static str) -> Column {
    let kind = ColumnKind::Numbers;
    Column { title, kind }
}

/// A column of moments, or of words in their place.
pub(super) const fn moments(title: &'static str) -> Column {
    let kind = ColumnKind::Moments;
    Column { title, kind }
}

/// The column that identifies a row; a terminal shows it last.
pub(super) const fn id(title: &'static str) -> Column {
    let kind = ColumnKind::Id;
    Column { title, kind }
}

/// What amounts count, in the rows of a ledger in which that is not `$`.
const UNIT: Column = words("unit");

/// The rows of a list, one below the other.
pub(super) struct ReportTable {
    columns: Vec<Column>,
    /// Each row ends with what its amounts count.
    has_unit: bool,
    /// A terminal shows it.
    aligned: bool,
    /// Rows that are not laid out yet, and the words below them.
    rows: Vec<(Vec<String>, Option<String>)>,
    /// How wide the columns are so far. Later rows may need more.
    widths: Vec<usize>,
}

impl ReportTable {
    /// A table of these columns. Titles are only for a person.
    pub(super) fn new(columns: &[Column], aligned: bool) -> Self {
        let titles = columns.iter().map(|column| column.title.to_string());
        let titles = aligned.then(|| (titles.collect(), None));
        ReportTable {
            widths: vec![0; columns.len()],
            columns: columns.to_vec(),
            has_unit: false,
            aligned,
            rows: titles.into_iter().collect(),
        }
    }

    /// One of rows with amounts, and what they count where that is not `$`.
    pub(super) fn of_money(columns: &[Column], aligned: bool) -> Self {
        match Unit::current().is_default() {
            true => ReportTable::new(columns, aligned),
            false => ReportTable {
                has_unit: true,
                ..ReportTable::new(&[columns, &[UNIT]].concat(), aligned)
            },
        }
    }

    /// Adds one row; a cell for which there is nothing holds `-`.
    pub(super) fn row(&mut self, cells: &[&str]) {
        let unit = Unit::current();
        let unit = self.has_unit.then_some(unit.name());
        let cells = cells.iter().copied().chain(unit);
        self.rows.push((cells.map(str::to_string).collect(), None));
    }

    /// Adds words of any length to the last row: on a terminal below it, else as a cell more.
    pub(super) fn add_words(&mut self, words: &str) {
        let words = printable(&words.replace(['\n', '\t'], " "));
        match self.rows.last_mut() {
            Some((_, below)) if self.aligned => *below = Some(words),
            Some((cells, _)) => cells.push(words),
            None => {}
        }
    }

    /// How many rows are yet to be laid out.
    pub(super) fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Lays out what was added, for a terminal of this width at this time.
    pub(super) fn lay_out(&mut self, room: usize, now: SystemTime, out: &mut Vec<u8>) {
        let rows = std::mem::take(&mut self.rows);
        if self.aligned {
            let shown = rows.iter().map(|(cells, _)| self.shown(cells, now));
            let shown: Vec<Vec<Cow<str>>> = shown.collect();
            let layout = self.layout(&shown, room);
            for (cells, (_, below)) in shown.iter().zip(&rows) {
                out.extend(layout.row(&self.columns, cells, room).into_bytes());
                let below = below.iter();
                let below = below.map(|words| format!("{}{words}\n", " ".repeat(INDENT)));
                below.for_each(|words| out.extend(wrap(&words, room).into_bytes()));
            }
        } else {
            for (cells, _) in rows {
                out.extend(cells.join("\t").into_bytes());
                out.push(b'\n');
            }
        }
    }

    fn shown<'a>(&self, cells: &'a [String], now: SystemTime) -> Vec<Cow<'a, str>> {
        let shown = |(column, cell): (&Column, &'a String)| match column.kind {
            ColumnKind::Words | ColumnKind::Id => printable(cell).into(),
            ColumnKind::Moments => relative(cell, now),
            ColumnKind::Fixed | ColumnKind::Numbers => cell.into(),
        };
        self.columns.iter().zip(cells).map(shown).collect()
    }

    /// How wide the columns are in so much room.
    fn layout(&mut self, rows: &[Vec<Cow<str>>], room: usize) -> Layout {
        for (place, width) in self.widths.iter_mut().enumerate() {
            let widest = rows.iter().map(|cells| cells[place].width()).max();
            *width = widest.unwrap_or_default().max(*width);
        }
        let mut layout = Layout {
            widths: self.widths.clone(),
            gap: 2,
        };
        let all = layout.widths.iter().sum::<usize>() + layout.gap * self.columns.len();
        if all > room {
            layout.gap = 1;
        }
        while layout.width(&self.columns) > room && layout.narrow(&self.columns) {}
        layout
    }
}

/// The width of the terminal that stdout is.
pub(super) fn terminal_width() -> usize {
    width_of(io::stdout()).unwrap_or(USUAL_WIDTH)
}

/// The width of a terminal; `None` if it is none, or does not tell.
pub(super) fn width_of(terminal: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(terminal).ok();
    let width = size.map(|size| usize::from(size.ws_col));
    width.filter(|width| *width > 0)
}

/// How wide columns are.
struct Layout {
    widths: Vec<usize>,
    gap: usize,
}

impl Layout {
    /// How wide a row is without what identifies it.
    fn width(&self, columns: &[Column]) -> usize {
        let wide = self.widths.iter().zip(columns);
        let wide = wide.filter(|(_, column)| column.kind != ColumnKind::Id);
        let width: usize = wide.map(|(width, _)| width + self.gap).sum();
        width.saturating_sub(self.gap)
    }

    /// Takes from the widest column of words. Tells whether there was one to take from.
    fn narrow(&mut self, columns: &[Column]) -> bool {
        let words = self.widths.iter_mut().zip(columns);
        let wide = words
            .filter(|(width, column)| column.kind == ColumnKind::Words && **width > LEAST_WORDS);
        let widest = wide.map(|(width, _)| width).max();
        widest.map(|width| *width -= 1).is_some()
    }

    /// A row, which takes more than one line where it must.
    fn row(&self, columns: &[Column], cells: &[Cow<str>], room: usize) -> String {
        let (mut rows, mut row, mut end) = (Vec::new(), String::new(), 0);
        for ((column, cell), width) in columns.iter().zip(cells).zip(&self.widths) {
            if column.kind == ColumnKind::Id {
                continue;
            }
            let cell = match column.kind {
                ColumnKind::Words => cut(cell, *width),
                _ => cell.to_string(),
            };
            if end > 0 && end + self.gap + width > room {
                rows.push(std::mem::replace(&mut row, " ".repeat(INDENT)));
                end = INDENT;
            } else if end > 0 {
                row.extend(iter::repeat_n(' ', self.gap));
                end += self.gap;
            }
            end += width;
            let padding = iter::repeat_n(' ', width - cell.width());
            match column.kind {
                ColumnKind::Numbers => row.extend(padding.chain(cell.chars())),
                _ => row.extend(cell.chars().chain(padding)),
            }
        }
        let mut ids = columns.iter().zip(cells);
        if let Some((_, id)) = ids.find(|(column, _)| column.kind == ColumnKind::Id) {
            let id = cut(id, room.saturating_sub(INDENT));
            match row.width() + self.gap + id.width() <= room {
                true => row.extend(iter::repeat_n(' ', self.gap)),
                false => rows.push(std::mem::replace(&mut row, " ".repeat(INDENT))),
            }
            row.push_str(&id);
        }
        rows.push(row);
        let ended = rows.iter().map(|row| format!("{}\n", row.trim_end()));
        ended.collect()
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
        words("who"),
        moments("when"),
        numbers("what"),
        fixed("op"),
    ];

    const MOMENT_OF_ALL: &str = "2026-11-23T13:00:00.000001Z";

    fn lines_of(table: &mut ReportTable, rows: &[[&str; 5]], room: usize) -> Vec<String> {
        let now = humantime::parse_rfc3339("2026-11-23T15:30:00Z").expect("a moment");
        rows.iter().for_each(|cells| table.row(cells));
        let mut out = Vec::new();
        table.lay_out(room, now, &mut out);
        let text = String::from_utf8(out).expect("text");
        text.lines().map(str::to_string).collect()
    }

    fn lines(rows: &[[&str; 5]], room: usize) -> Vec<String> {
        lines_of(&mut ReportTable::new(&COLUMNS, true), rows, room)
    }

    #[test]
    fn a_person_gets_a_table_and_a_script_gets_tabs() {
        let cells = ["a b", "main", MOMENT_OF_ALL, "1.50", "loan"];
        assert_eq!(
            lines(&[cells], 80),
            [
                "who   when     what  op    id",
                "main  2 h ago  1.50  loan  a b"
            ]
        );
        let tabs = format!("a b\tmain\t{MOMENT_OF_ALL}\t1.50\tloan");
        let mut table = ReportTable::new(&COLUMNS, false);
        assert_eq!(lines_of(&mut table, &[cells], 80), [tabs]);
    }

    #[test]
    fn a_table_keeps_to_its_terminal_and_its_columns() {
        let long = "n".repeat(64);
        let rows = [
            ("main", "a"),
            (long.as_str(), long.as_str()),
            ("会計会計会計会計会計", "会計"),
            ("a\u{202e}b\u{200b}", "\u{301}\u{7f}"),
        ];
        let rows = rows.map(|(name, id)| [id, name, MOMENT_OF_ALL, "-12.50", "transfer"]);
        for (room, end) in [(30, 23), (40, 31), (52, 43), (80, 71), (200, 81)] {
            let lines = lines(&rows, room);
            assert!(lines.iter().all(|line| line.width() <= room), "{lines:?}");
            let money = lines
                .iter()
                .filter_map(|line| line.find("-12.50").map(|at| &line[..at]));
            let ends: Vec<usize> = money
                .map(|before| before.width() + "-12.50".len())
                .collect();
            assert_eq!(ends, [end; 4], "{room}: {lines:?}");
        }
    }

    #[test]
    fn later_rows_have_no_less_room_than_those_before() {
        let mut table = ReportTable::new(&COLUMNS, true);
        let first = lines_of(&mut table, &[["a", "somebody", "-", "1.50", "no"]], 80);
        let later = lines_of(&mut table, &[["b", "me", "-", "100000.00", "no"]], 80);
        assert_eq!(first[1], "somebody  -     1.50  no  a");
        assert_eq!(later, ["me        -     100000.00  no  b"]);
    }

    #[test]
    fn money_is_never_cut() {
        let long = "n".repeat(64);
        let much = "92233720368547758.07";
        let lines = lines(&[[&long, "main", "in doubt", much, "loan"]], 30);
        assert!(lines.iter().any(|line| line.contains(much)), "{lines:?}");
        let id = format!("{}…", "n".repeat(25));
        assert_eq!(lines.last().expect("a line").trim(), id);
    }

    #[test]
    fn words_stand_below_their_row() {
        let mut table = ReportTable::new(&COLUMNS[..2], true);
        table.row(&["a", "me"]);
        table.add_words("what\nit was for, at length");
        let mut out = Vec::new();
        table.lay_out(20, SystemTime::now(), &mut out);
        let text = "who  id\nme   a\n    what it was for,\n      at length\n";
        assert_eq!(String::from_utf8(out).expect("text"), text);
    }
}
