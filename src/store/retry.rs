//! Asking a ledger again for what it could not do yet.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{AtStake, LedgerError};

/// After how long it is said that the ledger is waited for, and how often from then on. Who waits for one answer
/// may have misspelt the server, and is told sooner.
const FIRST_NEWS: Duration = Duration::from_secs(10);
const FIRST_NEWS_OF_ONE: Duration = Duration::from_secs(2);
const NEWS_INTERVAL: Duration = Duration::from_secs(30);
/// How long to wait before the ledger is asked again: longer each time, up to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// How long a database may be without a primary before that is told as its failure. Patroni, whose leader key lasts
/// 30 s unless told otherwise, has promoted a standby within a minute.
pub(super) const TAKEOVER_WAIT: Duration = Duration::from_secs(120);

/// How long to wait for what others keep locked: `usual`, of which a debug build waits a part only where
/// `BANK_PAR_WAIT_PART` says so. So its tests see in a second what others see in half a minute.
pub(super) fn lock_wait(usual: Duration) -> Duration {
    static PART: OnceLock<u32> = OnceLock::new();
    if !cfg!(debug_assertions) {
        return usual;
    }
    let told = || std::env::var("BANK_PAR_WAIT_PART").ok()?.parse().ok();
    usual / *PART.get_or_init(|| told().unwrap_or(1).max(1))
}

/// How long to wait before each further try: longer each time, and up to half of it less by chance, so that
/// those who were in each other's way do not meet again.
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Pauses from so long to so long.
    pub(crate) fn new([first, longest]: [Duration; 2]) -> Self {
        let next = first;
        Pauses { next, longest }
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = self.longest.min(2 * pause);
        // Each hasher has random keys of its own.
        let chance = RandomState::new().hash_one(0) % 1_024;
        pause - pause * u32::try_from(chance).unwrap_or_default() / 2_048
    }
}

/// Asks until what is asked is done or cannot be done, or until the patience is over that fits what is
/// in the way and what is at stake.
///
/// Before it asks again it has `pause` wait for so long and tell the words, if there are any. That
/// returns whether to go on.
pub fn until_done<T>(
    at_stake: AtStake,
    mut ask: impl FnMut() -> Result<T, LedgerError>,
    mut pause: impl FnMut(Duration, Option<String>) -> bool,
) -> Result<T, LedgerError> {
    let mut began = Instant::now();
    let mut last = None;
    let mut told_at: Option<Instant> = None;
    let mut pauses = Pauses::new(PAUSES);
    loop {
        let error = match ask() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let Some(patience) = error.patience(at_stake) else {
            return Err(error);
        };
        // A server that is gone has its time from when it went, whatever was waited for before.
        if last.replace(patience).is_some_and(|last| last > patience) {
            began = Instant::now();
        }
        let error = error.after(began.elapsed());
        let waited = Duration::from_secs(began.elapsed().as_secs());
        if waited >= patience {
            return Err(error);
        }
        let is_due = match told_at {
            Some(at) => at.elapsed() >= NEWS_INTERVAL,
            None => waited >= lock_wait(first_news(at_stake)),
        };
        let words = is_due.then(|| {
            told_at = Some(Instant::now());
            let kept = match at_stake {
                AtStake::OneAnswer => "",
                _ => ", and results of finished commands are kept and written then",
            };
            format!(
                "{error}; it is asked again for up to {} s (so far for {} s){kept}",
                patience.as_secs(),
                waited.as_secs()
            )
        });
        if !pause(pauses.next(), words) {
            return Err(error);
        }
    }
}

fn first_news(at_stake: AtStake) -> Duration {
    match at_stake {
        AtStake::OneAnswer => FIRST_NEWS_OF_ONE,
        AtStake::Nothing | AtStake::Work => FIRST_NEWS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> LedgerError {
        LedgerError::Locked {
            ledger: "bank.db".to_string(),
            holder: "the process 7 (`sqlite3`)".to_string(),
            waited: Duration::ZERO,
        }
    }

    fn full() -> LedgerError {
        LedgerError::Unwritable {
            ledger: "bank.db".to_string(),
            doing: "write",
            cause: "database or disk is full".to_string(),
        }
    }

    fn gone() -> LedgerError {
        LedgerError::NotServed {
            ledger: "unix:bank".to_string(),
            what: "is not there".to_string(),
        }
    }

    fn unreachable() -> LedgerError {
        LedgerError::Unreachable {
            ledger: "postgres://db/money".to_string(),
            what: "cannot be reached".to_string(),
        }
    }

    fn replaced() -> LedgerError {
        LedgerError::Replaced {
            ledger: "bank.db".to_string(),
        }
    }

    /// How often a ledger is asked that fails with these errors first, and whether it is done in the
    /// end; it is waited for so many times at most.
    fn asked(errors: Vec<LedgerError>, most: usize) -> (usize, bool) {
        let (mut count, mut waited) = (0, 0);
        let mut errors = errors.into_iter();
        let ask = || {
            count += 1;
            errors.next().map_or(Ok(()), Err)
        };
        let done = until_done(AtStake::Work, ask, |pause, _| {
            assert!(PAUSES[0] / 2 <= pause && pause <= PAUSES[1]);
            waited += 1;
            waited <= most
        });
        (count, done.is_ok())
    }

    #[test]
    fn what_may_pass_is_asked_again_and_nothing_else() {
        assert_eq!(
            asked(vec![locked(), full(), gone(), locked()], 9),
            (5, true)
        );
        assert_eq!(asked(vec![locked(), replaced(), locked()], 9), (2, false));
        // A request to end is heard.
        assert_eq!(asked(vec![locked(), full(), locked()], 1), (2, false));
    }

    #[test]
    fn pauses_grow_and_differ_by_chance() {
        let pauses = || {
            let mut pauses = Pauses::new(PAUSES);
            (0..12).map(|_| pauses.next()).collect::<Vec<_>>()
        };
        let (one, other) = (pauses(), pauses());
        assert_ne!(one, other);
        let longest = (0..12).map(|doubled| PAUSES[1].min(PAUSES[0] * (1 << doubled)));
        let within =
            |(pause, longest): (&Duration, Duration)| longest / 2 <= *pause && *pause <= longest;
        assert!(one.iter().zip(longest).all(within), "{one:?}");
    }

    #[test]
    fn commands_are_at_stake_for_long() {
        let patience = |error: LedgerError| {
            [AtStake::OneAnswer, AtStake::Nothing, AtStake::Work]
                .map(|at_stake| error.patience(at_stake).map(|patience| patience.as_secs()))
        };
        assert_eq!(patience(locked()), [None, Some(60), Some(600)]);
        assert_eq!(patience(full()), [None, Some(3), Some(600)]);
        assert_eq!(patience(gone()), [None, Some(30), Some(30)]);
        assert_eq!(patience(unreachable()), [Some(120), Some(120), Some(600)]);
        assert_eq!(patience(replaced()), [None, None, None]);
    }
}
