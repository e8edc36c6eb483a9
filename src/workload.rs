//! Where operations come from: a list, or lines of a file or of standard input.
//!
//! Lines are read and parsed on a thread of their own, ahead of the run, but only
//! so far ahead: a [`Feed`] holds a bounded number of them however long the input is.

mod csv;
mod digest;
mod done;
mod fields;
mod group;
mod json;
mod lines;
mod opening;
mod parse;
mod quotes;
mod reader;
mod repeating;
#[cfg(any(test, fuzzing))]
pub(crate) mod untrusted;

use std::collections::VecDeque;
use std::fs::{self, File, FileType};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::fstat;

use crate::bank::{Line, Name, Operation, Outcome};
use crate::threads::sync::mpsc::{Receiver, TryRecvError};
use crate::wake::Waker;

use done::Continued;
#[cfg(test)]
pub(crate) use done::continued;
pub use done::{Change, Protection, RunProgress};
pub(crate) use fields::Excerpt;
pub use lines::MAX_LINE;
use parse::Parser;
use reader::{InputSource, Message, Rewind};
use repeating::Repeating;

/// What stands in one place of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Something to run.
    Operation {
        /// The line of the input it stands on; none if it was not read from lines. The digest is that
        /// of a named run, else 0.
        line: Option<Line>,
        /// What to run.
        operation: Operation,
    },
    /// Something that a named run has done before, and that is not run again.
    Done {
        /// The line of the input it stands on.
        line: Line,
        /// What was run.
        operation: Operation,
        /// What came of it.
        outcome: Outcome,
    },
    /// Something that was given up in a named run, and that is never run.
    Skipped {
        /// The line of the input it stands on.
        line: Line,
        /// What it asks for, if it is an operation.
        operation: Option<Operation>,
    },
    /// A line that is no operation.
    Invalid {
        /// Which one, from 1.
        line: u64,
        /// Why: a fragment of bounded length without control characters.
        reason: String,
    },
}

/// What stands in for the fields that a line leaves out.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The account of an operation that names none.
    pub account: Name,
    /// The other account of a transfer that names none, without which that is no operation; of no
    /// concern to the other operations.
    pub to: Option<Name>,
    /// The bank decides on the operations, so that lines may open accounts and hold several operations.
    pub bank_decides: bool,
}

/// How an operation is written on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadFormat {
    /// One JSON object per line, with the fields `op`, `amount`, `account`, `to` and `id`.
    JsonLines,
    /// Comma-separated values, one record per line. The first line that is not blank names the
    /// columns, in any order, with the same words as in JSON Lines. A field is taken as it is, spaces
    /// included; an empty one counts as absent.
    Csv,
}

impl WorkloadFormat {
    /// The format that a file's name tells.
    fn of(path: &Path) -> Option<WorkloadFormat> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(WorkloadFormat::Csv),
            "jsonl" | "ndjson" | "json" => Some(WorkloadFormat::JsonLines),
            _ => None,
        }
    }
}

/// Where a workload comes from.
#[derive(Clone, Debug)]
pub enum WorkloadSource {
    /// These, in this order.
    Operations(Vec<Operation>),
    /// The lines of a file, or of a named pipe.
    File(PathBuf),
    /// The lines of standard input.
    Stdin,
}

impl WorkloadSource {
    /// Refuses a file that is not there.
    ///
    /// # Errors
    ///
    /// A file that is missing, is a directory or may not be looked at.
    pub fn check(&self) -> Result<(), WorkloadError> {
        match self {
            WorkloadSource::File(path) => file_type(path).map(drop),
            WorkloadSource::Operations(_) | WorkloadSource::Stdin => Ok(()),
        }
    }
}

/// Why a workload cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The file is missing, or may not be read.
    #[error("cannot open `{}`: {cause}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is a directory under the file's name.
    #[error("cannot read `{}`: it is a directory, not a file of operations", .0.display())]
    Directory(PathBuf),
    /// Reading broke off; the lines before that were good.
    #[error("cannot read `{input}` any further: {cause}")]
    Read {
        /// The file, or `standard input`.
        input: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The columns of a CSV input are not known, so none of its lines can be read.
    #[error("`{input}`, line {line}: {reason}")]
    Header {
        /// The file, or `standard input`.
        input: String,
        /// The header's line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The input is not the one that a named run has begun.
    #[error("`{input}`: {change}")]
    Changed {
        /// The file, or `standard input`.
        input: String,
        /// What is different.
        change: Change,
    },
    /// The system gave no thread to read on.
    #[error("cannot start a thread to read `{input}`: {cause}")]
    Thread {
        /// The file, or `standard input`.
        input: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The reading thread ended and did not say why.
    #[error("the thread that read the workload ended before its input did")]
    Vanished,
}

/// What a [`Feed`] has to give.
#[derive(Debug)]
pub enum Next {
    /// The next item.
    Item(Item),
    /// Something a person should know of the items that follow: a sentence for stderr.
    Warned(String),
    /// Nothing so far; the waker is woken when it is worth asking again.
    NotYet,
    /// Nothing, and nothing more will come.
    End,
    /// The rest of the input cannot be read. Told once, after the items before it.
    Failed(WorkloadError),
}

/// The items of a workload, in order.
#[derive(Debug)]
pub struct Feed {
    /// What is here and not taken yet.
    items: VecDeque<Item>,
    /// What a person should know of them.
    warning: Option<String>,
    rest: FeedState,
}

/// What comes after the items that are here.
#[derive(Debug)]
enum FeedState {
    Reading(Receiver<Message>),
    /// These again and again, until so long after the first was taken.
    Repeating(Repeating),
    Failed(WorkloadError),
    Ended,
}

impl Feed {
    /// Opens `source` and begins to read it. Without a `format`, the file's name or else the first
    /// line tells it. For a named run, `done` is what it has done of these lines. The `waker` is woken
    /// whenever items, the end or a failure have arrived.
    ///
    /// # Errors
    ///
    /// A file that is missing, is a directory or may not be read; no thread.
    pub fn start(
        source: WorkloadSource,
        format: Option<WorkloadFormat>,
        defaults: Defaults,
        done: Option<RunProgress>,
        waker: Waker,
    ) -> Result<Feed, WorkloadError> {
        let parser = |path: Option<&Path>| {
            let format = format.or_else(|| path.and_then(WorkloadFormat::of));
            Parser::new(format, defaults)
        };
        let continued = done.map(Continued::new);
        match source {
            WorkloadSource::Operations(operations) => Ok(Feed::list(operations)),
            WorkloadSource::File(path) => Feed::file(&path, parser(Some(&path)), continued, waker),
            WorkloadSource::Stdin => {
                // A descriptor of its own: a blocked read then holds no lock of the standard library.
                let open = || io::stdin().as_fd().try_clone_to_owned().map(File::from);
                let status = fstat(io::stdin());
                let source = InputSource {
                    name: "standard input".into(),
                    is_file: status.is_ok_and(|status| {
                        rustix::fs::FileType::from_raw_mode(status.st_mode).is_file()
                    }),
                };
                Feed::read(open, None, source, parser(None), continued, waker)
            }
        }
    }

    /// These, in this order.
    pub fn list(operations: Vec<Operation>) -> Feed {
        Feed {
            items: operations.into_iter().map(unread).collect(),
            warning: None,
            rest: FeedState::Ended,
        }
    }

    /// These again and again, for so long after the first is taken, and so many at once: the fewer, the fewer
    /// are left to do when the time is over.
    pub fn repeating(operations: Vec<Operation>, lasting: Duration, at_once: usize) -> Feed {
        Feed {
            items: VecDeque::new(),
            warning: None,
            rest: FeedState::Repeating(Repeating::new(operations, lasting, at_once)),
        }
    }

    fn file(
        path: &Path,
        parser: Parser,
        continued: Option<Continued>,
        waker: Waker,
    ) -> Result<Feed, WorkloadError> {
        let failed = |cause| WorkloadError::Open {
            path: path.to_owned(),
            cause,
        };
        let metadata = file_type(path)?;
        let input = InputSource {
            name: path.display().to_string(),
            is_file: metadata.is_file(),
        };
        if metadata.is_fifo() {
            // Opening waits for a writer, and this thread must not wait.
            let path = path.to_owned();
            let open = move || File::open(path);
            return Feed::read(open, None, input, parser, continued, waker);
        }
        let file = File::open(path).map_err(failed)?;
        let rewind: Option<Rewind<File>> = match metadata.is_file() {
            true => Some(File::rewind),
            false => None,
        };
        Feed::read(move || Ok(file), rewind, input, parser, continued, waker)
    }

    fn read<R: Read + 'static>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        rewind: Option<Rewind<R>>,
        input: InputSource,
        parser: Parser,
        continued: Option<Continued>,
        waker: Waker,
    ) -> Result<Feed, WorkloadError> {
        let blocks = reader::start(open, rewind, input, parser, continued, waker)?;
        Ok(Feed {
            items: VecDeque::new(),
            warning: None,
            rest: FeedState::Reading(blocks),
        })
    }

    /// What comes next. Never waits.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot say that there is nothing yet"
    )]
    pub fn next(&mut self) -> Next {
        if let FeedState::Repeating(repeating) = &mut self.rest {
            return repeating.next();
        }
        if self.items.is_empty() {
            self.receive();
        }
        if let Some(warning) = self.warning.take() {
            return Next::Warned(warning);
        }
        if let Some(item) = self.items.pop_front() {
            return Next::Item(item);
        }
        match std::mem::replace(&mut self.rest, FeedState::Ended) {
            FeedState::Reading(blocks) => {
                self.rest = FeedState::Reading(blocks);
                Next::NotYet
            }
            FeedState::Failed(error) => Next::Failed(error),
            FeedState::Repeating(_) | FeedState::Ended => Next::End,
        }
    }

    /// Takes over a block of what was read, if there is one. Anything beyond stays in the channel, whose
    /// bound is what makes the reader wait.
    fn receive(&mut self) {
        let blocks = match &mut self.rest {
            FeedState::Reading(blocks) => blocks,
            FeedState::Repeating(_) | FeedState::Failed(_) | FeedState::Ended => return,
        };
        match blocks.try_recv() {
            Ok(Message::Items(block)) => self.items = block.into(),
            Ok(Message::Warned(warning)) => self.warning = Some(warning),
            Ok(Message::Ended) => self.rest = FeedState::Ended,
            Ok(Message::Failed(error)) => self.rest = FeedState::Failed(error),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.rest = FeedState::Failed(WorkloadError::Vanished)
            }
        }
    }
}

/// An operation that stands on no line.
fn unread(operation: Operation) -> Item {
    Item::Operation {
        line: None,
        operation,
    }
}

/// What a file is, if it is none that cannot be read.
fn file_type(path: &Path) -> Result<FileType, WorkloadError> {
    let metadata = fs::metadata(path).map_err(|cause| WorkloadError::Open {
        path: path.to_owned(),
        cause,
    })?;
    if metadata.is_dir() {
        return Err(WorkloadError::Directory(path.to_owned()));
    }
    Ok(metadata.file_type())
}

#[cfg(test)]
mod tests;
