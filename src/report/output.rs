//! Stdout for the commands that print what they were asked and end: no thread, no backlog.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, SystemTime};

use super::columns::{Column, ReportTable, USUAL_WIDTH, terminal_width};
use super::sink::Sink;
use super::wrap::wrap;
use super::{Broken, ProtectedFiles, ReportError, check_streams, stderr_line, stdout};
use crate::status::Status;

/// So many rows are laid out and written together.
const LONG: usize = 1_000;

/// Lines that were put together, until they are written in one block.
pub struct Output {
    pub(super) block: Vec<u8>,
    /// A person looks on: columns are aligned and have titles.
    pub(super) on_terminal: bool,
    /// The list that is being told.
    table: Option<ReportTable>,
    stdout: Sink,
    broken: Option<Broken>,
    /// What stdout could not take, where that is an answer and no list: what it tells has happened.
    unwritten: String,
}

/// The most bytes of what stdout could not take that are told on stderr.
const TOLD: usize = 1_024;

impl Output {
    /// Buffer for stdout; fails if stdout is a protected file.
    pub fn open(protected: &ProtectedFiles) -> Result<Self, ReportError> {
        check_streams(protected)?;
        let on_terminal = io::stdout().is_terminal();
        Ok(Self::over(stdout()?, on_terminal))
    }

    /// A buffer that a test looks at before it is written.
    #[cfg(test)]
    pub(super) fn for_test(on_terminal: bool) -> Self {
        let null = std::fs::File::options().write(true).open("/dev/null");
        Self::over(Sink::stdout(null.expect("null")), on_terminal)
    }

    fn over(stdout: Sink, on_terminal: bool) -> Self {
        Output {
            block: Vec::new(),
            on_terminal,
            table: None,
            stdout,
            broken: None,
            unwritten: String::new(),
        }
    }

    /// Whether a person looks on.
    pub fn is_on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// Puts a line on it.
    pub fn line(&mut self, text: impl Display) {
        // Memory takes everything.
        let _ = writeln!(self.block, "{text}");
    }

    /// How long a line for people may be.
    pub(super) fn width(&self) -> usize {
        match self.on_terminal {
            true => terminal_width(),
            false => USUAL_WIDTH,
        }
    }

    /// Puts sentences for people on it.
    pub(super) fn text(&mut self, text: &str) {
        let wrapped = self.on_terminal.then(|| wrap(text, terminal_width()));
        let text = wrapped.as_deref().unwrap_or(text);
        self.block.extend(text.as_bytes());
    }

    /// Begins a list of rows of these columns.
    pub(super) fn begin_table(&mut self, columns: &[Column]) {
        self.lay_out();
        self.table = Some(ReportTable::new(columns, self.on_terminal));
    }

    /// Begins a list of rows with amounts.
    pub(super) fn begin_table_of_money(&mut self, columns: &[Column]) {
        self.lay_out();
        self.table = Some(ReportTable::of_money(columns, self.on_terminal));
    }

    /// Adds a row to the list; a cell for which there is nothing holds `-`.
    pub(super) fn row(&mut self, cells: &[&str]) {
        if let Some(table) = &mut self.table {
            table.row(cells);
        }
    }

    /// Adds words of any length to the last row.
    pub(super) fn add_words(&mut self, words: &str) {
        if let Some(table) = &mut self.table {
            table.add_words(words);
        }
    }

    /// Lays out the rows that were added.
    pub(super) fn lay_out(&mut self) {
        if let Some(table) = &mut self.table {
            table.lay_out(terminal_width(), SystemTime::now(), &mut self.block);
        }
    }

    /// Writes what is on it. Tells whether stdout takes more.
    pub fn write(&mut self) -> bool {
        self.lay_out();
        if let Some(broken) = self.stdout.write(&self.block) {
            if self.block.len() <= TOLD {
                self.unwritten += &String::from_utf8_lossy(&self.block);
            }
            self.broken = Some(broken);
        }
        self.block.clear();
        self.broken.is_none()
    }

    /// Writes what is on it once it is long enough. Tells whether stdout takes more.
    pub fn write_if_long(&mut self) -> bool {
        let rows = self.table.as_ref().map_or(0, ReportTable::waiting);
        rows < LONG && self.block.len() < LONG * 64 || self.write()
    }

    /// Waits so long, or until the reader of stdout goes away. Tells whether stdout takes more.
    pub fn wait(&self, patience: Duration) -> bool {
        self.stdout.outlasts(patience)
    }

    /// Writes the rest, and says what was lost. A reader that went away has read what it wanted.
    pub fn finish(mut self) -> Status {
        self.write();
        match self.broken {
            Some(Broken::Failed(why)) => {
                stderr_line(why);
                for line in self.unwritten.lines() {
                    stderr_line(format_args!("not written: {line}"));
                }
                Status::EndedEarly
            }
            Some(Broken::Closed) | None => Status::Posted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::OwnedFd;

    fn output(stdout: File) -> Output {
        let mut output = Output::over(Sink::stdout(stdout), false);
        output.block.extend(b"line\n");
        output
    }

    #[test]
    fn a_reader_that_goes_away_is_noticed_and_is_no_fault() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut output = output(File::from(OwnedFd::from(writer)));
        assert!(output.wait(Duration::ZERO) && output.write());
        drop(reader);
        assert!(!output.wait(Duration::from_secs(60)));
        output.block.extend(b"lost\n");
        assert!(!output.write());
        assert!(!output.wait(Duration::ZERO));
        assert_eq!(output.finish(), Status::Posted);
    }

    #[test]
    fn a_disk_that_is_full_counts() {
        let full = File::options().write(true).open("/dev/full").expect("full");
        assert_eq!(output(full).finish(), Status::EndedEarly);
    }
}
