//! The remedies that need no lock, because the processor does their step as one.

use super::operation::RaceOperation;
use super::shared::{Bare, Guarded, SharedBalance};
use crate::bank::Packed;
use crate::sharing::Sharing;
use crate::threads::sync::atomic::{AtomicI64, Ordering};

/// Adds first and looks afterwards.
///
/// An addition cannot refuse, so a debit that went below the floor is added back. Until it is, others
/// see less money than there is, and may be refused needlessly. The money and the count stay exact,
/// because what is added back is the very step that was taken; and since only debits are added back,
/// the word never shows more than there is, so the money was there for every update that is accepted.
pub(super) struct Adding(AtomicI64);

impl Adding {
    pub(super) fn new(start: Packed) -> Self {
        Adding(AtomicI64::new(start.word()))
    }
}

impl SharedBalance for Adding {
    fn view(&self) -> Packed {
        Packed::from_word(self.0.load(Ordering::Relaxed))
    }

    fn movement(&self, operation: RaceOperation) -> bool {
        let step = operation.step();
        let before = Packed::from_word(self.0.fetch_add(step, Ordering::Relaxed));
        let accepted = operation.decide(before).is_some();
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
pub(super) struct Comparing(Bare);

impl Comparing {
    pub(super) fn new(start: Packed) -> Self {
        Comparing(Bare::new(start))
    }
}

impl Guarded for Comparing {
    const SHARING: Sharing = Sharing::CompareAndSet;

    fn word(&self) -> &Bare {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debit_that_is_added_back_leaves_no_trace() {
        let adding = Adding::new(Packed::new(10));
        assert!(adding.movement(RaceOperation::new(1, -4, 0)));
        let before = adding.view();
        assert!(!adding.movement(RaceOperation::new(2, -7, 0)));
        assert_eq!(adding.view(), before);
        assert_eq!((before.balance(), before.updates()), (6, 1));
    }
}
