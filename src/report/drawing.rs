//! The pictures of a run that has just ended.

use super::document::Document;
use super::timeline::{MAX_DRAWN, TimelineStyle, timeline};
use super::{ProtectedFiles, stderr_line};
use crate::event::Event;
use crate::show::Recording;

/// What is drawn when a run has ended.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// The timeline on stdout.
    pub timeline: Option<TimelineWish>,
    /// Whole files.
    pub documents: Vec<Document>,
}

/// How the timeline of a run is drawn, and when.
#[derive(Clone, Copy, Debug)]
pub struct TimelineWish {
    /// How it is written.
    pub style: TimelineStyle,
    /// It is drawn only of a run with so many operations or fewer.
    pub only_up_to: Option<u64>,
}

impl Pictures {
    /// Whether something was asked for, whatever the run turns out to be.
    pub fn are_certain(&self) -> bool {
        let timeline = self.timeline.as_ref();
        !self.documents.is_empty() || timeline.is_some_and(|wish| wish.only_up_to.is_none())
    }
}

/// Gathers a run's events until they are drawn.
#[derive(Default)]
pub(super) struct Drawer {
    wanted: Pictures,
    protected: ProtectedFiles,
    recording: Option<Recording>,
}

impl Drawer {
    pub(super) fn new(wanted: Pictures, protected: ProtectedFiles) -> Self {
        let recording = match (&wanted.timeline, wanted.documents.is_empty()) {
            (_, false) => Some(Recording::default()),
            (Some(_), true) => Some(Recording::of_at_most(MAX_DRAWN)),
            (None, true) => None,
        };
        Drawer {
            wanted,
            protected,
            recording,
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        recording.take(event);
        if recording.seen() > self.limit() {
            self.wanted.timeline = None;
            if self.wanted.documents.is_empty() {
                self.recording = None;
            }
        }
    }

    /// How many operations may be seen before no timeline is drawn.
    fn limit(&self) -> u64 {
        let wish = self.wanted.timeline.as_ref();
        wish.and_then(|wish| wish.only_up_to).unwrap_or(u64::MAX)
    }

    /// Draws everything. Returns the timeline, and why documents were not written.
    pub(super) fn finish(&mut self) -> (String, Vec<String>) {
        let (mut text, mut failed) = (String::new(), Vec::new());
        let Some(recording) = self.recording.take() else {
            return (text, failed);
        };
        let picture = recording.picture();
        if picture.operations.is_empty() && self.wanted.documents.is_empty() {
            return (text, failed);
        }
        if let Some(wish) = &self.wanted.timeline {
            text = format!("\n{}", timeline(&picture, wish.style));
        }
        for document in &self.wanted.documents {
            match document.write(&picture, &self.protected) {
                Ok(Some(note)) => stderr_line(format_args!("warning: {note}")),
                Ok(None) => {}
                Err(why) => failed.push(why.to_string()),
            }
        }
        (text, failed)
    }
}
