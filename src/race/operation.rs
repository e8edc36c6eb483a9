//! One operation on its way through a remedy.

use crate::bank::Packed;
use crate::threads::thread;

/// Every so many of its operations, from the first on, a thread pauses in the middle of one. A prime,
/// so that in the long run each operation of a list has its turn.
const PAUSE_EVERY: u64 = 1021;

/// What a thread asks of the balance, and the bank's rule for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RaceOperation {
    /// Signed minor units; 0 only looks.
    delta: i64,
    /// The least that the balance may become through a debit.
    floor: i64,
    /// Whether the decision takes its time.
    pauses: bool,
}

impl RaceOperation {
    /// The thread's operation number `nth`, from 0.
    pub(super) fn new(nth: u64, delta: i64, floor: i64) -> Self {
        RaceOperation {
            delta,
            floor,
            pauses: nth.is_multiple_of(PAUSE_EVERY),
        }
    }

    /// The same without the pause, to decide once more.
    pub(super) fn again(self) -> Self {
        RaceOperation {
            pauses: false,
            ..self
        }
    }

    /// Whether it only looks.
    pub(super) fn is_view(self) -> bool {
        self.delta == 0
    }

    /// What it adds to the word as one update.
    pub(super) fn step(self) -> i64 {
        Packed::step(self.delta)
    }

    /// What to write over the word that was read, if the bank accepts.
    ///
    /// The work between read and write is what makes a race wide, and here it would be next to
    /// nothing: where one processor runs all the threads, or others keep it busy, they would hardly
    /// ever meet. So now and then a thread lets others run just here. Every remedy decides by this
    /// function and bears the same work, so they can be compared; where a lock is held, it is held
    /// meanwhile.
    pub(super) fn decide(self, word: Packed) -> Option<Packed> {
        let after = word.decide(self.delta, self.floor);
        if self.pauses {
            thread::yield_now();
        }
        after
    }
}
