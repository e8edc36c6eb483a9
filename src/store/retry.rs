//! Asking a ledger again for what it could not do yet.

use std::time::{Duration, Instant};

use super::LedgerError;

/// How often it is said that the ledger is waited for.
const NEWS_INTERVAL: Duration = Duration::from_secs(30);
/// How long to wait before the ledger is asked again: longer each time, up to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// Asks until what is asked is done or cannot be done, or until its patience is over, which is never
/// longer than `most`.
///
/// Before it asks again it has `pause` wait for so long and tell the words, if there are any. That
/// returns whether to go on.
pub fn until_done<T>(
    most: Duration,
    mut ask: impl FnMut() -> Result<T, LedgerError>,
    mut pause: impl FnMut(Duration, Option<String>) -> bool,
) -> Result<T, LedgerError> {
    let mut began = Instant::now();
    let mut last = None;
    let mut told_at: Option<Instant> = None;
    let [mut next, longest] = PAUSES;
    loop {
        let error = match ask() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let Some(patience) = error.patience() else {
            return Err(error);
        };
        // A server that is gone has its time from when it went, whatever was waited for before.
        if last.replace(patience).is_some_and(|last| last > patience) {
            began = Instant::now();
        }
        let error = error.after(began.elapsed());
        let waited = Duration::from_secs(began.elapsed().as_secs());
        let patience = patience.min(most);
        if waited >= patience {
            return Err(error);
        }
        let is_due = told_at.is_none_or(|at| at.elapsed() >= NEWS_INTERVAL);
        let words = is_due.then(|| {
            told_at = Some(Instant::now());
            format!(
                "{error}; it is asked again for up to {} s (so far for {} s), and what ended meanwhile is kept",
                patience.as_secs(),
                waited.as_secs()
            )
        });
        if !pause(next, words) {
            return Err(error);
        }
        next = longest.min(2 * next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WORK_PATIENCE;

    fn locked() -> LedgerError {
        LedgerError::Locked {
            ledger: "bank.db".to_string(),
            holder: "the process 7 (`sqlite3`)".to_string(),
            waited: Duration::ZERO,
        }
    }

    /// How often a ledger is asked that fails with these errors first, and how that ends.
    fn asked(
        patience: Duration,
        errors: Vec<LedgerError>,
        goes_on: bool,
    ) -> (usize, Vec<String>, Result<(), LedgerError>) {
        let (mut count, mut told) = (0, Vec::new());
        let mut errors = errors.into_iter();
        let ask = || {
            count += 1;
            errors.next().map_or(Ok(()), Err)
        };
        let done = until_done(patience, ask, |_, words| {
            told.extend(words);
            goes_on
        });
        (count, told, done)
    }

    #[test]
    fn what_may_pass_is_asked_again() {
        let full = LedgerError::Unwritable {
            ledger: "bank.db".to_string(),
            doing: "write",
            cause: "database or disk is full".to_string(),
        };
        let (count, told, done) = asked(WORK_PATIENCE, vec![locked(), full, locked()], true);
        assert!(done.is_ok() && count == 4, "{done:?}");
        // It is said once, with who is in the way.
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("the process 7 (`sqlite3`)"), "{told:?}");
    }

    #[test]
    fn what_does_not_pass_is_not_waited_for() {
        for error in [
            LedgerError::Replaced {
                ledger: "bank.db".to_string(),
            },
            LedgerError::Failed {
                ledger: "bank.db".to_string(),
            },
        ] {
            let (count, told, done) = asked(WORK_PATIENCE, vec![error], true);
            assert!(done.is_err() && count == 1 && told.is_empty(), "{done:?}");
        }
    }

    #[test]
    fn a_wait_ends_when_it_is_over_or_nobody_goes_on() {
        let (count, told, done) = asked(Duration::ZERO, vec![locked()], true);
        assert!(done.is_err() && count == 1 && told.is_empty(), "{done:?}");
        let (count, told, done) = asked(WORK_PATIENCE, vec![locked()], false);
        assert!(done.is_err() && count == 1 && told.len() == 1, "{done:?}");
    }
}
