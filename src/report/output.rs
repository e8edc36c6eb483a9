//! Stdout for the commands that print what they were asked and end: no thread, no backlog.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use super::sink::Sink;
use super::{Broken, ProtectedFiles, ReportError, check_streams, stderr_line, stdout};
use crate::status::Status;

/// Lines that were put together, until they are written in one block.
pub struct Output {
    pub(super) block: Vec<u8>,
    /// A person looks on: columns are aligned and have titles.
    pub(super) on_terminal: bool,
    stdout: Sink,
    broken: Option<Broken>,
}

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
            stdout,
            broken: None,
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

    /// Writes what is on it. Tells whether stdout takes more.
    pub fn write(&mut self) -> bool {
        if let Some(broken) = self.stdout.write(&self.block) {
            self.broken = Some(broken);
        }
        self.block.clear();
        self.broken.is_none()
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
