//! When something is killed.

use std::thread::sleep;
use std::time::Duration;

use crate::power::Draws;

/// The moments at which commands of one kind are killed: between their start and about their end, wherever that is
/// on this machine. So they are drawn from a span that becomes longer with each kill, and shorter with each command
/// that came to its end before; of four, about three are killed.
pub(super) struct Moments {
    span: Duration,
}

impl Moments {
    pub(super) const fn new() -> Self {
        let span = Duration::from_millis(10);
        Moments { span }
    }

    /// Waits for the next one.
    pub(super) fn wait(&self, draws: &mut Draws) {
        let span = self.span.as_micros() as u64;
        sleep(Duration::from_micros(draws.below(span + 1)));
    }

    /// Takes note of whether a kill came in time.
    pub(super) fn learn(&mut self, was_killed: bool) {
        self.span = match was_killed {
            true => self.span * 5 / 4,
            false => self.span / 2,
        };
    }
}
