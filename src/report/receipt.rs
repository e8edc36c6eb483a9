//! The record of one operation at a time: its end as an event, where stdout is its command's.

use std::time::{Duration, Instant};

use super::destination::{Destination, ProtectedFiles};
use super::sink::Sink;
use super::{Broken, ReportError, stderr_line};
use crate::event::Event;
use crate::status::Status;

/// Takes the events of one operation, and writes each at once.
pub struct Receipt {
    output: Option<Sink>,
    begun: Instant,
    lost: bool,
}

impl Receipt {
    /// A receipt that goes there, if anywhere.
    ///
    /// # Errors
    ///
    /// What must not be written to, or cannot be.
    pub fn open(
        events: Option<&Destination>,
        protected: &ProtectedFiles,
    ) -> Result<Self, ReportError> {
        let opened = events.map(|events| events.open(protected)).transpose()?;
        Ok(Receipt {
            output: opened.flatten().map(Sink::recording),
            begun: Instant::now(),
            lost: false,
        })
    }

    /// How long the operation has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Writes an event. What is lost is told on stderr, once.
    pub fn tell(&mut self, mut event: Event) {
        let Some(output) = &mut self.output else {
            return;
        };
        if let Some(at) = event.at_mut() {
            *at = self.begun.elapsed().into();
        }
        let mut line = Vec::new();
        // Memory takes every byte, so nothing fails.
        let _ = event.write(&mut line);
        if let Some(Broken::Failed(why)) = output.write(&line) {
            stderr_line(why);
            self.lost = true;
        }
    }

    /// Whether all was written.
    pub fn finish(self) -> Status {
        match self.lost {
            true => Status::EndedEarly,
            false => Status::Posted,
        }
    }
}
