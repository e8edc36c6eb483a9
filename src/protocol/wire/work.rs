//! What travels about an operation's work.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::protocol::{ProtocolError, Report};
use crate::work::{AttemptEnd, CommandEvent, MAX_OUTPUT, Stream, Termination, Work};

/// The most bytes of a text that travels.
const MAX_TEXT: usize = 512;

#[derive(Serialize, Deserialize)]
pub(super) enum WireWork {
    None,
    Simulated(Duration),
    Command(Option<u64>),
}

#[derive(Serialize, Deserialize)]
pub(in crate::protocol) struct WireReport<'a> {
    number: u64,
    #[serde(borrow)]
    news: WireNews<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireNews<'a> {
    Starting(u32),
    #[serde(borrow)]
    Stdout(&'a serde_bytes::Bytes),
    Stderr(&'a serde_bytes::Bytes),
    Ended(WireEnded<'a>),
}

#[derive(Serialize, Deserialize)]
struct WireEnded<'a> {
    exit: Option<WireExit>,
    termination: Option<WireCut>,
    trouble: Option<&'a str>,
    took: Duration,
    dropped: (u64, u64),
    finer: Option<&'a str>,
    again: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
enum WireExit {
    Status(i32),
    Signal(i32),
}

#[derive(Serialize, Deserialize)]
enum WireCut {
    TimeOver,
    Asked,
}

impl From<Work> for WireWork {
    fn from(work: Work) -> Self {
        match work {
            Work::None => WireWork::None,
            Work::Simulated(duration) => WireWork::Simulated(duration),
            Work::Command { line } => WireWork::Command(line),
        }
    }
}

impl From<WireWork> for Work {
    fn from(work: WireWork) -> Self {
        match work {
            WireWork::None => Work::None,
            WireWork::Simulated(duration) => Work::Simulated(duration),
            WireWork::Command(line) => Work::Command { line },
        }
    }
}

impl<'a> From<&'a Report> for WireReport<'a> {
    fn from(report: &'a Report) -> Self {
        let news = match &report.news {
            CommandEvent::Starting { attempt } => WireNews::Starting(*attempt),
            CommandEvent::Wrote { stream, bytes } => {
                let bytes = serde_bytes::Bytes::new(&bytes[..bytes.len().min(MAX_OUTPUT)]);
                match stream {
                    Stream::Stdout => WireNews::Stdout(bytes),
                    Stream::Stderr => WireNews::Stderr(bytes),
                }
            }
            CommandEvent::Ended(ended) => WireNews::Ended(ended.into()),
        };
        WireReport {
            number: report.number,
            news,
        }
    }
}

impl WireReport<'_> {
    pub(in crate::protocol) fn checked(self) -> Result<Report, ProtocolError> {
        let wrote = |stream, bytes: &serde_bytes::Bytes| match bytes.len() {
            0..=MAX_OUTPUT => Ok(CommandEvent::Wrote {
                stream,
                bytes: bytes.to_vec(),
            }),
            _ => Err(ProtocolError::Content("output")),
        };
        let news = match self.news {
            WireNews::Starting(attempt) => CommandEvent::Starting { attempt },
            WireNews::Stdout(bytes) => wrote(Stream::Stdout, bytes)?,
            WireNews::Stderr(bytes) => wrote(Stream::Stderr, bytes)?,
            WireNews::Ended(ended) => CommandEvent::Ended(ended.checked()?),
        };
        let number = self.number;
        Ok(Report { number, news })
    }
}

impl<'a> From<&'a AttemptEnd> for WireEnded<'a> {
    fn from(ended: &'a AttemptEnd) -> Self {
        let trouble = ended.trouble.as_deref();
        WireEnded {
            exit: ended.exit.map(|exit| match exit {
                Exit::Status(status) => WireExit::Status(status),
                Exit::Signal(signal) => WireExit::Signal(signal),
            }),
            termination: ended.termination.map(|termination| match termination {
                Termination::TimeOver => WireCut::TimeOver,
                Termination::Asked => WireCut::Asked,
            }),
            trouble: trouble.map(|text| &text[..text.floor_char_boundary(MAX_TEXT)]),
            took: ended.took,
            dropped: (ended.stdout_dropped, ended.stderr_dropped),
            finer: ended.finer.as_deref(),
            again: ended.again,
        }
    }
}

impl WireEnded<'_> {
    fn checked(self) -> Result<AttemptEnd, ProtocolError> {
        Ok(AttemptEnd {
            exit: self.exit.map(|exit| match exit {
                WireExit::Status(status) => Exit::Status(status),
                WireExit::Signal(signal) => Exit::Signal(signal),
            }),
            termination: self.termination.map(|termination| match termination {
                WireCut::TimeOver => Termination::TimeOver,
                WireCut::Asked => Termination::Asked,
            }),
            trouble: self.trouble.map(str::to_string),
            took: self.took,
            stdout_dropped: self.dropped.0,
            stderr_dropped: self.dropped.1,
            finer: self.finer.map(str::to_string),
            again: self.again,
        })
    }
}
