//! The only place that prints: results on stdout, messages on stderr, a recording of the run in a file.
//!
//! The printing has a thread of its own, so that a reader of stdout that is slow, or has stopped for
//! good, never keeps the caller from its signals and deadlines.

mod checked;
mod columns;
mod compared;
mod created;
mod csv;
mod destination;
mod document;
mod drawing;
mod explored;
mod history;
mod html;
mod live;
mod money;
mod output;
mod plain_page;
mod printer;
mod receipt;
mod rehearsed;
mod runs;
mod shown;
mod single;
mod sink;
mod stderr;
mod table;
mod text;
mod timeline;
mod trace;
mod verified;
mod wrap;

#[cfg(test)]
mod expected;
#[cfg(test)]
mod samples;
mod settings;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::event::Event;
use crate::threads::sync::mpsc::{self, Receiver, Sender};
use crate::threads::thread;
use crate::wake::Waker;
use drawing::Drawer;
use live::Live;
use printer::{Printer, Progress, Rendering};
use sink::Sink;
use stderr::{be_silent, is_quiet, stdout_has_colour};
use text::TextStyle;

pub use checked::{HistoryReport, checked};
pub use compared::{ComparisonFormat, announce_comparison, compared};
pub use created::created;
pub use destination::{Destination, DestinationError, ProtectedFiles, check_streams};
pub use document::{Document, DocumentError, DocumentKind, FoundOut};
pub use drawing::{Pictures, TimelineWish};
pub use explored::{Exploration, Replay, StepScreen, explored, replayed};
pub use history::{EntryFormat, History};
pub use html::{LANES_SCRIPT, STYLES as PAGE_STYLES, UPLOT, hash as content_hash};
pub use live::{LiveStyle, LiveWish, end_the_lines, live_style, without_the_lines};
pub use money::BareMoney;
pub use output::Output;
pub use receipt::Receipt;
pub use rehearsed::RehearsalReport;
pub use runs::{given_up, runs, skipped};
pub use settings::settings;
#[cfg(test)]
pub(crate) use shown::draw_all;
pub use shown::drawn;
pub use single::{Answers, Subject, low_budget, refusal};
pub use stderr::{be_quiet, note, stderr_has_colour, stderr_line, usage_error};
pub use timeline::TimelineStyle;
pub use verified::verified;
pub use wrap::fill;

/// The backlog at which a caller hands out no more work. Once it has fallen below half of this, the
/// caller is woken.
pub const BACKLOG_LIMIT: usize = 16_384;

/// How events look on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: JSON Lines.
    Json,
}

/// How much of a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What became of its operations.
    Results,
    /// Also each step on the way: processes, requests with their times, reads and writes.
    Steps,
}

/// Where the events of a run go.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// How they look on stdout.
    pub stdout: Format,
    /// Where they are recorded as JSON Lines too, whatever stdout shows.
    pub events: Option<Destination>,
    /// How much is recorded, and shown on stdout as JSON Lines.
    pub detail: Detail,
    /// Text shows every step, also where that is not recorded.
    pub text_shows_steps: bool,
    /// What is drawn when the run has ended.
    pub pictures: Pictures,
    /// Text lists again what a continued run did earlier, which else is only counted.
    pub lists_repeats: bool,
    /// How a person sees what happens while it does.
    pub live: Option<LiveWish>,
    /// What must not be written to.
    pub protected: ProtectedFiles,
}

impl Outputs {
    /// How much of it all outputs together show.
    pub fn most_detail(&self) -> Detail {
        match self.pictures.are_certain() {
            true => Detail::Steps,
            false => self.shown_detail(),
        }
    }

    /// How much stdout shows.
    fn shown_detail(&self) -> Detail {
        match self.stdout {
            Format::Text if self.text_shows_steps => Detail::Steps,
            _ => self.detail,
        }
    }
}

/// Why there can be no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The events cannot be recorded there.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// There is no stdout to write to.
    #[error("cannot write to `stdout`: {0}")]
    Stdout(io::Error),
    /// The system gives no further thread.
    #[error("cannot start the thread that prints: {0}")]
    Thread(io::Error),
}

/// What became of an output that takes no more events. The other one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The reader of stdout went away, which is no fault.
    Closed,
    /// A write failed: which output, and what the system says.
    Failed(String),
}

/// Takes the events of a run and sees to it that they are written.
pub struct Reporter {
    events: Option<Sender<Vec<Event>>>,
    progress: Arc<Progress>,
}

impl Reporter {
    /// Opens the outputs, an existing recording being appended to, and starts the printing.
    ///
    /// The waker is used when the backlog has fallen below half of [`BACKLOG_LIMIT`], when an output
    /// breaks, and when everything is written.
    pub fn start(outputs: Outputs, waker: Waker) -> Result<Self, ReportError> {
        let Outputs {
            events, protected, ..
        } = &outputs;
        check_streams(protected)?;
        let opened = events.as_ref().map(|events| events.open(protected));
        let recording = opened.transpose()?.flatten().map(Sink::recording);
        let (stdout, detail) = (stdout()?, outputs.detail);
        let renderings = match outputs.stdout {
            // A recording is written first: what is seen on stdout is recorded.
            Format::Json => {
                let sinks = recording.into_iter().chain([stdout]).collect();
                vec![Rendering::json(detail, sinks)]
            }
            Format::Text => {
                let recording = Rendering::json(detail, Vec::from_iter(recording));
                let method = TextStyle {
                    lists_repeats: outputs.lists_repeats,
                    is_quiet: is_quiet(),
                    is_for_person: stdout.is_terminal(),
                    has_colour: stdout_has_colour(),
                };
                let shown = match method.is_quiet {
                    true => Detail::Results,
                    false => outputs.shown_detail(),
                };
                vec![recording, Rendering::text(method, shown, stdout)]
            }
        };
        let drawer = Drawer::new(outputs.pictures, outputs.protected);
        let live = outputs.live.and_then(Live::start);
        Self::over(renderings, drawer, live, waker).map_err(ReportError::Thread)
    }

    fn over(
        renderings: Vec<Rendering>,
        drawer: Drawer,
        live: Option<Live>,
        waker: Waker,
    ) -> io::Result<Self> {
        let progress = Arc::new(Progress::new(waker));
        let printer = Printer::new(renderings, drawer, live, Arc::clone(&progress));
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name("reporter".into())
            .spawn(move || printer.run(&receiver))?;
        Ok(Reporter {
            events: Some(sender),
            progress,
        })
    }

    /// Writes nothing; the caller gets the events.
    pub fn collecting(waker: Waker) -> (Self, Receiver<Vec<Event>>) {
        let (sender, receiver) = mpsc::channel();
        let progress = Progress::new(waker);
        progress.finish();
        let reporter = Reporter {
            events: Some(sender),
            progress: Arc::new(progress),
        };
        (reporter, receiver)
    }

    /// Hands over events in their order; never blocks.
    pub fn tell(&self, events: Vec<Event>) {
        let Some(sender) = &self.events else { return };
        // What the caller collects itself is never written, so it is no backlog that would keep a run waiting.
        if !self.progress.done() {
            self.progress.told(events.iter().map(Event::weight).sum());
        }
        // Without a printer there is a failure to be seen in `broken`.
        let _ = sender.send(events);
    }

    /// How many events were told and are not yet written; one with much output counts as several.
    pub fn backlog(&self) -> usize {
        self.progress.backlog()
    }

    /// The output that broke, if one did; a failure counts for more than a reader that went away.
    pub fn broken(&self) -> Option<Broken> {
        self.progress.broken()
    }

    /// Takes no more events. What was told is still written, which is waited for with what this returns.
    pub fn close(&mut self) -> ClosedReporter {
        self.events = None;
        ClosedReporter(Arc::clone(&self.progress))
    }
}

/// A reporter that takes no more events, until everything is written.
#[must_use = "what was told is lost where the program ends before it is written"]
pub struct ClosedReporter(Arc<Progress>);

impl ClosedReporter {
    /// Waits until everything is written, or lost to an output that broke, which is returned; a failure
    /// is said on stderr. `wait` returns when the reporter's waker was used, and after a while.
    pub fn wait(self, mut wait: impl FnMut() -> io::Result<()>) -> io::Result<Option<Broken>> {
        while !self.is_written() {
            wait()?;
        }
        let broken = self.0.broken();
        if let Some(Broken::Failed(why)) = &broken {
            stderr_line(why);
        }
        Ok(broken)
    }

    fn is_written(&self) -> bool {
        self.0.done()
    }
}

/// A handle of its own: the standard one would write every line by itself.
fn stdout() -> Result<Sink, ReportError> {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    Ok(Sink::stdout(File::from(
        stdout.map_err(ReportError::Stdout)?,
    )))
}

#[cfg(test)]
mod tests;
