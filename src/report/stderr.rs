//! What the program says on stderr, in one form: its name, what kind of thing is said, and that.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::columns::width_of;
use super::live::above_the_lines;
use super::text::one_line;
use super::wrap::wrap;

/// Stderr is a file that must not be written to, so that the exit status must do.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Only what went wrong is said.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Writes no more to stderr.
pub(super) fn be_silent() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Says no more what a person may like to know and need not.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether only what went wrong is said.
pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says one line on stderr, as the program. A stderr that takes nothing is ignored.
pub fn stderr_line(text: impl Display) {
    let text = text.to_string();
    let line = format!("bank-par: {}\n", marked(&one_line(&text)));
    match width_of(io::stderr()) {
        Some(width) => write(&wrap(&line, width)),
        None => write(&line),
    }
}

/// Says one line that a person may like to know and need not.
pub fn note(text: impl Display) {
    if !is_quiet() {
        stderr_line(text);
    }
}

/// Says what is wrong with a command line, in several lines that may be coloured already.
pub fn usage_error(lines: &str) {
    write(&format!("bank-par: {lines}"));
}

fn write(lines: &str) {
    if !SILENT.load(Ordering::Relaxed) {
        let _ = above_the_lines(|| io::stderr().write_all(lines.as_bytes()));
    }
}

/// Whether stderr takes colour.
pub fn stderr_has_colour() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Whether stdout takes colour.
pub(super) fn stdout_has_colour() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// The text with the word that tells its kind in colour, where stderr has that.
fn marked(text: &str) -> String {
    for (word, colour) in [("error:", AnsiColor::Red), ("warning:", AnsiColor::Yellow)] {
        if let Some(rest) = text.strip_prefix(word).filter(|_| stderr_has_colour()) {
            let style = Style::new().bold().fg_color(Some(colour.into()));
            return format!("{style}{word}{style:#}{rest}");
        }
    }
    text.to_string()
}
