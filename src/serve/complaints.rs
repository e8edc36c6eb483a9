//! What a server says on stderr about its clients: never more than a line a second, whatever they do.

use std::time::Duration;

use crate::report::talk;

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// What was said, and what was not.
#[derive(Default)]
pub(super) struct Complaints {
    said_at: Option<Duration>,
    unsaid: u64,
}

impl Complaints {
    /// Says it, or counts it where too much was said lately.
    pub(super) fn say(&mut self, now: Duration, what: &str) {
        if self.may_speak(now) {
            self.catch_up(now);
            self.said_at = Some(now);
            talk(what);
        } else {
            self.unsaid += 1;
        }
    }

    /// Tells how much was not said, once that is possible.
    pub(super) fn catch_up(&mut self, now: Duration) {
        if self.unsaid > 0 && self.may_speak(now) {
            self.said_at = Some(now);
            let unsaid = std::mem::take(&mut self.unsaid);
            talk(format_args!(
                "{unsaid} more lines like the last one were left out"
            ));
        }
    }

    fn may_speak(&self, now: Duration) -> bool {
        self.said_at
            .is_none_or(|at| now.saturating_sub(at) >= PAUSE)
    }
}
