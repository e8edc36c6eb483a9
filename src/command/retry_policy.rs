//! How often a command is run again, and how long an attempt may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest pause before another attempt, unless the first one is longer already.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long an attempt of a command may take, and when the next one follows a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// When an attempt is ended; `None`: never.
    pub timeout: Option<Duration>,
    /// How many more attempts there are when one fails.
    pub retries: u32,
    /// How long the pause is before the second attempt. Before each further one it is twice as long, up
    /// to a minute or this, whichever is longer.
    pub backoff: Duration,
}

impl RetryPolicy {
    /// How long the pause is after so many attempts that failed; `None` if there are no more.
    pub(super) fn pause_after(&self, failed: u32) -> Option<Duration> {
        let doublings = failed.checked_sub(1).filter(|_| failed <= self.retries)?;
        let pause = self.backoff.saturating_mul(2u32.saturating_pow(doublings));
        Some(pause.min(self.longest_pause()))
    }

    /// The longest pause that there may be.
    pub fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE.max(self.backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let secs = |backoff, retries| {
            let retry = RetryPolicy {
                retries,
                backoff: Duration::from_secs(backoff),
                timeout: None,
            };
            let pauses = (1..=9).map_while(|failed| retry.pause_after(failed));
            pauses.map(|pause| pause.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(secs(1, 0), [0; 0]);
        assert_eq!(secs(1, 8), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(secs(90, 2), [90, 90]);
    }
}
