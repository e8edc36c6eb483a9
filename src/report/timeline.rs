//! A picture as text: a lane for each process, the balance as a line below, and, where processes share
//! data, who read what, and whose update was lost.

mod axis;
mod balance;
mod lane;
mod story;

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};

use super::columns::{cut, terminal_width};
use super::money::MoneyText;
use super::shown::{races, word};
use super::text::one_line;
use super::wrap::fill;
use crate::event::Mode;
use crate::show::{Lane, OperationEnd, Picture, PicturedOperation, PicturedRun};
use axis::Axis;

/// The most operations that have a lane.
pub(super) const MAX_DRAWN: usize = 40;

/// The least columns that a timeline is laid out for.
const LEAST_WIDTH: usize = 40;

/// How a timeline is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineStyle {
    /// How many columns there are.
    pub width: usize,
    /// With the letters of ASCII alone.
    pub ascii: bool,
    /// A person looks on.
    pub is_for_terminal: bool,
}

impl TimelineStyle {
    /// As the terminal of stdout has room, and in ASCII if the locale does not say that it takes more.
    pub fn of_terminal() -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"];
        let values = locale.iter().filter_map(std::env::var_os);
        let first = values.into_iter().find(|value| !value.is_empty());
        let name = first.map(|value| value.to_string_lossy().to_ascii_lowercase());
        let takes_more = name.is_some_and(|name| name.contains("utf-8") || name.contains("utf8"));
        TimelineStyle {
            width: terminal_width(),
            ascii: !takes_more,
            is_for_terminal: io::stdout().is_terminal(),
        }
    }
}

/// The lines of a timeline.
pub(super) fn timeline(picture: &Picture, style: TimelineStyle) -> String {
    let mut out = String::new();
    // Memory takes everything.
    let _ = Drawing::new(picture, style).write(&mut out);
    out
}

/// What is drawn, and how many columns each part has.
struct Drawing<'a> {
    picture: &'a Picture,
    style: TimelineStyle,
    /// What stands before a lane.
    label: usize,
    /// What stands behind it; 0 where there is no room.
    end: usize,
    axis: Axis,
}

impl<'a> Drawing<'a> {
    fn new(picture: &'a Picture, style: TimelineStyle) -> Self {
        let width = style.width.max(LEAST_WIDTH);
        let label = match width {
            ..60 => 12,
            60..120 => 21,
            _ => 28,
        };
        let end = match width {
            ..60 => 0,
            60..120 => 12,
            _ => 36,
        };
        let columns = width - label - 1 - if end > 0 { end + 1 } else { 0 };
        let drawn = picture.operations.iter().take(MAX_DRAWN);
        let last = match left_out(picture) > 0 {
            true => drawn.map(|operation| operation.ended).max().unwrap_or(0),
            false => picture.end,
        };
        Drawing {
            picture,
            style: TimelineStyle { width, ..style },
            label,
            end,
            axis: Axis::new(columns, last),
        }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let several = self.picture.runs.len() > 1;
        if !several {
            for run in &self.picture.runs {
                self.wrapped(out, "", &title(run))?;
            }
        }
        if self.has_races_alone() {
            return self.races_and_notes(out);
        }
        let left_out = left_out(self.picture);
        if left_out > 0 {
            let drawn = self.picture.operations.len().min(MAX_DRAWN);
            let all = drawn as u64 + left_out;
            let extent = format!("the first {drawn} of {all} operations; balances are as of then");
            self.wrapped(out, "", &extent)?;
        }
        let is_one_each = |lane: &Lane| lane.operations.len() <= 1;
        let numbered = match self.picture.lanes.iter().all(is_one_each) {
            true => "operation",
            false => "",
        };
        self.row(out, numbered, &self.axis.labels(), "")?;
        for (number, run) in self.picture.runs.iter().enumerate() {
            if several {
                let title = format!("run {}: {}", number + 1, title(run));
                self.wrapped(out, "", &title)?;
            }
            self.lanes(out, number)?;
            self.races(out, run)?;
        }
        self.balances(out)?;
        let used = self.legend();
        if !used.is_empty() {
            writeln!(out)?;
            self.wrapped(out, "", &used)?;
        }
        self.story(out)?;
        if left_out > 0 {
            writeln!(out)?;
            let note = format!(
                "the first {MAX_DRAWN} operations are drawn, and {left_out} are not: `--report FILE.html` has room for all"
            );
            self.wrapped(out, "note: ", &note)?;
        }
        self.notes(out)
    }

    /// Threads of one process have no lanes, and their balances no times.
    fn has_races_alone(&self) -> bool {
        let runs = &self.picture.runs;
        !runs.is_empty() && runs.iter().all(|run| !run.races.is_empty())
    }

    fn races_and_notes(&self, out: &mut String) -> fmt::Result {
        let several = self.picture.runs.len() > 1;
        for run in &self.picture.runs {
            if several {
                self.wrapped(out, "", &title(run))?;
            }
            self.races(out, run)?;
        }
        self.notes(out)
    }

    fn races(&self, out: &mut String, run: &PicturedRun) -> fmt::Result {
        races(run).try_for_each(|race| self.wrapped(out, "", &race))
    }

    fn notes(&self, out: &mut String) -> fmt::Result {
        let mut notes = self.picture.notes.iter();
        notes.try_for_each(|note| self.wrapped(out, "note: ", note))
    }

    /// One row: what stands before the plot, the plot, and what stands behind it.
    fn row(&self, out: &mut String, label: &str, plot: &str, end: &str) -> fmt::Result {
        let label = self.fitted(label, self.label);
        let end = self.fitted(end, self.end);
        let columns = self.axis.columns();
        let line = format!("{label:<0$} {plot:<columns$} {end}", self.label);
        writeln!(out, "{}", line.trim_end())
    }

    fn fitted(&self, text: &str, width: usize) -> String {
        if width == 0 {
            return String::new();
        }
        let text = cut(&one_line(text), width);
        match self.style.ascii {
            true => ascii(&text),
            false => text,
        }
    }

    /// A text in lines that fit; those after the first are set off as far as the first one's beginning is
    /// long.
    fn wrapped(&self, out: &mut String, beginning: &str, text: &str) -> fmt::Result {
        let text = one_line(text);
        let text = match self.style.ascii {
            true => ascii(&text),
            false => text.into_owned(),
        };
        let indent = beginning.chars().count();
        out.push_str(beginning);
        fill(out, indent, text.split(' '), indent, self.style.width);
        out.truncate(out.trim_end_matches(' ').len());
        writeln!(out)
    }

    fn is_drawn(&self, operation: usize) -> bool {
        operation < MAX_DRAWN
    }

    /// The number of an operation, with its run's where there are several.
    fn number(&self, operation: &PicturedOperation) -> String {
        match self.picture.runs.len() {
            0 | 1 => operation.number.to_string(),
            _ => format!("{}/{}", operation.run + 1, operation.number),
        }
    }
}

/// How many operations have no room.
fn left_out(picture: &Picture) -> u64 {
    let kept = picture.operations.len().saturating_sub(MAX_DRAWN);
    kept as u64 + picture.left_out
}

/// What a run was, in a line.
fn title(run: &PicturedRun) -> String {
    let mut title = match run.mode.is_unknown() {
        true => "a run".to_string(),
        false => run.mode.to_string(),
    };
    if let Some(sync) = &run.sync {
        let flag = match run.mode {
            Mode::Sync => "--lock",
            _ => "--sync",
        };
        let _ = write!(title, " {flag} {sync}");
    }
    if let Some(name) = &run.name {
        let _ = write!(title, ", named {name}");
    }
    if let Some(ledger) = &run.ledger {
        let _ = write!(title, ", on {ledger}");
    }
    if run.pid > 0 {
        let _ = write!(title, ", process {}", run.pid);
    }
    if let Some(totals) = &run.totals {
        let _ = write!(title, ", {}", Span(totals.elapsed));
    }
    if !run.source.is_empty() {
        let _ = write!(title, " ({})", run.source);
    }
    title
}

/// An operation's ending in few words.
fn ending(operation: &PicturedOperation) -> String {
    let twice = if operation.duplicate {
        ", done before"
    } else {
        ""
    };
    match (operation.end, operation.balance, &operation.reason) {
        (OperationEnd::Completed, Some(balance), _) => format!("{}{twice}", money(balance)),
        (end, _, Some(reason)) => format!("{}: {}{twice}", end.word(), word(reason)),
        (end, _, None) => format!("{}{twice}", end.word()),
    }
}

fn money(minor: i64) -> MoneyText {
    MoneyText(minor.into())
}

/// A text of which the letters beyond ASCII are shown by their numbers.
fn ascii(text: &str) -> String {
    let text = text.replace('…', "~");
    text.chars()
        .flat_map(|c| {
            let shown: Vec<char> = match c.is_ascii() {
                true => vec![c],
                false => c.escape_unicode().collect(),
            };
            shown
        })
        .collect()
}

/// A length of time, with three digits or four.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0;
        match micros {
            0..1_000 => write!(f, "{micros} us"),
            1_000..1_000_000 => write!(f, "{}.{} ms", micros / 1_000, micros % 1_000 / 100),
            _ => write!(
                f,
                "{}.{:03} s",
                micros / 1_000_000,
                micros % 1_000_000 / 1_000
            ),
        }
    }
}

#[cfg(test)]
mod tests;
