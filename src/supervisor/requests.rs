//! Which of the signals that come are requests of their own.

use std::time::Duration;

/// Signals that a process sends within so long after another are the same request. `timeout` signals its
/// command and then the whole group, a shell passes on the hang-up that the kernel sends as well, and a
/// service manager signals every process.
const SAME: Duration = Duration::from_millis(150);

/// The requests to end that came so far.
#[derive(Debug, Default)]
pub(super) struct EndRequests {
    /// When the last signal came.
    last: Option<Duration>,
}

impl EndRequests {
    /// Whether a signal that came at this time is a new request. Each Ctrl-C that was typed is one.
    pub(super) fn is_new(&mut self, is_typed: bool, now: Duration) -> bool {
        let last = self.last.replace(now);
        is_typed || last.is_none_or(|last| now.saturating_sub(last) >= SAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these signals are new requests: when each came, in milliseconds, and whether it was
    /// typed.
    fn check(signals: &[(u64, bool)], expected: &[bool]) {
        let mut requests = EndRequests::default();
        let is_new =
            |(at, is_typed): &(u64, bool)| requests.is_new(*is_typed, Duration::from_millis(*at));
        assert_eq!(signals.iter().map(is_new).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn requests_are_counted_and_not_deliveries() {
        check(&[(0, false)], &[true]);
        // To the process and to its group; a third one from who watches it.
        check(&[(0, false), (0, false), (9, false)], &[true, false, false]);
        // However often it comes.
        let often: Vec<_> = (0..100).map(|n| (n * 90, false)).collect();
        let mut expected = [false; 100];
        expected[0] = true;
        check(&often, &expected);
        // A person asks again.
        check(&[(0, false), (900, false)], &[true, true]);
        check(&[(0, true), (150, true), (300, true)], &[true; 3]);
        // What a program passes on of a Ctrl-C that was typed.
        check(
            &[(0, true), (3, false), (700, true), (702, false)],
            &[true, false, true, false],
        );
    }
}
