//! The remedies that need no lock, because the processor does their step as one.

use std::sync::atomic::{AtomicI64, Ordering};

use super::packed::Packed;
use super::shared::Shared;
use super::turn::Turn;

/// Adds first and looks afterwards.
///
/// An addition cannot refuse, so a debit that went below the floor is added back. Until it is, others
/// see less money than there is, and may be refused needlessly. The money and the count stay exact,
/// because what is added back is the very step that was taken; and since only debits are added back,
/// the word never shows more than there is, so whoever is accepted had the money.
pub(super) struct Adding(AtomicI64);

impl Adding {
    pub(super) fn new(start: Packed) -> Self {
        Adding(AtomicI64::new(start.word()))
    }
}

impl Shared for Adding {
    fn view(&self) -> Packed {
        Packed::from_word(self.0.load(Ordering::Relaxed))
    }

    fn movement(&self, turn: Turn) -> bool {
        let step = turn.step();
        let before = Packed::from_word(self.0.fetch_add(step, Ordering::Relaxed));
        let accepted = turn.decide(before).is_some();
        if !accepted {
            self.0.fetch_sub(step, Ordering::Relaxed);
        }
        accepted
    }
}

/// Writes only over what it read, and decides again when that is gone.
///
/// A word that changed and changed back would be taken for one that never did; here the count of
/// updates within it only grows, so it never comes back.
pub(super) struct Comparing(AtomicI64);

impl Comparing {
    pub(super) fn new(start: Packed) -> Self {
        Comparing(AtomicI64::new(start.word()))
    }
}

impl Shared for Comparing {
    fn view(&self) -> Packed {
        Packed::from_word(self.0.load(Ordering::Relaxed))
    }

    fn movement(&self, mut turn: Turn) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        while let Some(after) = turn.decide(Packed::from_word(seen)) {
            // The weak form may fail for no reason, which costs one more turn and nothing else.
            let written = self.0.compare_exchange_weak(
                seen,
                after.word(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match written {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
            // Who paused at every try would be overtaken at every try.
            turn = turn.again();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debit_that_is_added_back_leaves_no_trace() {
        let adding = Adding::new(Packed::new(10));
        assert!(adding.movement(Turn::new(1, -4, 0)));
        let before = adding.view();
        assert!(!adding.movement(Turn::new(2, -7, 0)));
        assert_eq!(adding.view(), before);
        assert_eq!((before.balance(), before.updates()), (6, 1));
    }
}
