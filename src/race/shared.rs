//! What all threads touch: one word in memory.

use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};

use super::packed::Packed;
use super::turn::Turn;

/// A balance that threads share, with a remedy or without.
pub(super) trait Shared: Sync {
    /// The word as it stands.
    fn view(&self) -> Packed;

    /// Runs one movement; whether the bank accepted it.
    fn movement(&self, turn: Turn) -> bool;

    /// Runs one operation; whether the bank accepted it.
    fn apply(&self, turn: Turn) -> bool {
        if turn.is_view() {
            // Nobody needs the answer, but a view that is not made costs nothing.
            black_box(self.view());
            return true;
        }
        self.movement(turn)
    }
}

/// The word with nothing around it.
///
/// Its parts are atomic only so that no read is torn and the program stays defined: each load and
/// each store is whole, and what can come between them is the lesson. `Relaxed` is enough because
/// the word publishes no other memory; a stronger order would lose the same updates, since it orders
/// accesses and does not join two of them into one.
pub(super) struct Bare(AtomicI64);

impl Bare {
    pub(super) fn new(start: Packed) -> Self {
        Bare(AtomicI64::new(start.word()))
    }

    pub(super) fn load(&self) -> Packed {
        Packed::from_word(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn store(&self, word: Packed) {
        self.0.store(word.word(), Ordering::Relaxed);
    }

    /// Reads, decides, writes: right only while nobody else does.
    pub(super) fn load_then_store(&self, turn: Turn) -> bool {
        match turn.decide(self.load()) {
            Some(after) => {
                self.store(after);
                true
            }
            None => false,
        }
    }
}

impl Shared for Bare {
    fn view(&self) -> Packed {
        self.load()
    }

    fn movement(&self, turn: Turn) -> bool {
        self.load_then_store(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(delta: i64) -> Turn {
        Turn::new(0, delta, 0)
    }

    fn parts(bare: &Bare) -> (i64, u64) {
        (bare.load().balance(), bare.load().updates())
    }

    #[test]
    fn two_who_read_the_same_lose_one_update() {
        let bare = Bare::new(Packed::new(1000));
        let first = turn(-300).decide(bare.load());
        let second = turn(500).decide(bare.load());
        bare.store(first.expect("funds"));
        bare.store(second.expect("a credit"));
        assert_eq!(parts(&bare), (1500, 1));
    }

    #[test]
    fn a_slow_writer_takes_many_updates_back() {
        let bare = Bare::new(Packed::new(1000));
        let slow = turn(-100).decide(bare.load());
        for _ in 0..10 {
            assert!(bare.movement(turn(-100)));
        }
        assert!(!bare.movement(turn(-100)), "nothing is left");
        bare.store(slow.expect("funds when it was read"));
        assert_eq!(parts(&bare), (900, 1));
    }

    #[test]
    fn one_after_another_loses_nothing() {
        let bare = Bare::new(Packed::new(1000));
        let accepted = [-1000, 0, -1, 7].map(|delta| bare.apply(turn(delta)));
        assert_eq!(accepted, [true, true, false, true]);
        assert_eq!(parts(&bare), (7, 2));
    }
}
