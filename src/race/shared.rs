//! What all threads touch: one word in memory.

use std::convert::Infallible;
use std::hint::black_box;

use super::operation::RaceOperation;
use crate::bank::Packed;
use crate::sharing::{self, Compared, Part, SharedMemory, Sharing};
use crate::threads::sync::atomic::{AtomicI64, Ordering};

/// A balance that threads share, with a remedy or without.
pub(super) trait SharedBalance: Sync {
    /// The word as it stands.
    fn view(&self) -> Packed;

    /// Runs one movement; whether the bank accepted it.
    fn movement(&self, operation: RaceOperation) -> bool;

    /// Runs one operation; whether the bank accepted it.
    fn apply(&self, operation: RaceOperation) -> bool {
        if operation.is_view() {
            // The answer is not needed, but a view that is not made costs nothing.
            black_box(self.view());
            return true;
        }
        self.movement(operation)
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

    fn store(&self, word: Packed) {
        self.0.store(word.word(), Ordering::Relaxed);
    }

    /// Writes `after` over `seen`, else tells what stands there. The weak form may fail for no reason,
    /// which costs one more turn and nothing else.
    fn compare_and_set(&self, seen: Packed, after: Packed) -> Result<(), Packed> {
        let (seen, after) = (seen.word(), after.word());
        let (set, missed) = (Ordering::Relaxed, Ordering::Relaxed);
        let written = self.0.compare_exchange_weak(seen, after, set, missed);
        written.map(drop).map_err(Packed::from_word)
    }
}

/// The bare word, and what a thread does around its steps on it.
pub(super) trait Guarded: Sync {
    /// Which steps a movement takes.
    const SHARING: Sharing;

    /// What is guarded.
    fn word(&self) -> &Bare;

    /// Waits until no other thread is in, and goes in.
    fn acquire(&self) {}

    /// Goes out.
    fn release(&self) {}
}

impl Guarded for Bare {
    const SHARING: Sharing = Sharing::Unguarded;

    fn word(&self) -> &Bare {
        self
    }
}

impl<G: Guarded> SharedBalance for G {
    fn view(&self) -> Packed {
        let locked = G::SHARING.locks() > 0;
        if locked {
            self.acquire();
        }
        let word = self.word().load();
        if locked {
            self.release();
        }
        word
    }

    #[inline]
    fn movement(&self, operation: RaceOperation) -> bool {
        let mut memory = OneWord {
            guard: self,
            operation,
        };
        let Ok(accepted) = sharing::run(G::SHARING, &mut memory);
        accepted
    }
}

/// The word as one movement reaches it.
struct OneWord<'a, G> {
    guard: &'a G,
    operation: RaceOperation,
}

impl<G: Guarded> OneWord<'_, G> {
    #[inline]
    fn decide(&self, seen: Packed) -> Option<(Packed, Packed)> {
        self.operation.decide(seen).map(|after| (seen, after))
    }
}

impl<G: Guarded> SharedMemory for OneWord<'_, G> {
    /// What was read, and what is to be written over it.
    type Draft = (Packed, Packed);
    type Error = Infallible;

    #[inline]
    fn acquire(&mut self, _only: usize) -> Result<(), Infallible> {
        self.guard.acquire();
        Ok(())
    }

    #[inline]
    fn read(&mut self) -> Result<Option<Self::Draft>, Infallible> {
        Ok(self.decide(self.guard.word().load()))
    }

    #[inline]
    fn write(&mut self, (_, after): &Self::Draft) -> Result<(), Infallible> {
        self.guard.word().store(*after);
        Ok(())
    }

    #[inline]
    fn compare_and_set(
        &mut self,
        (seen, after): &Self::Draft,
    ) -> Result<Compared<Self::Draft>, Infallible> {
        Ok(match self.guard.word().compare_and_set(*seen, *after) {
            Ok(()) => Compared::Set,
            Err(now) => {
                // A thread that paused at every try would be overtaken at every try.
                self.operation = self.operation.again();
                Compared::Changed(self.decide(now))
            }
        })
    }

    #[inline]
    fn release(&mut self, _only: usize) -> Result<(), Infallible> {
        self.guard.release();
        Ok(())
    }

    /// No owner stands behind a word in memory.
    fn ask(&mut self, _part: Part) -> Result<bool, Infallible> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(delta: i64) -> RaceOperation {
        RaceOperation::new(0, delta, 0)
    }

    fn parts(bare: &Bare) -> (i64, u64) {
        (bare.load().balance(), bare.load().updates())
    }

    #[test]
    fn two_who_read_the_same_lose_one_update() {
        let bare = Bare::new(Packed::new(1000));
        let first = operation(-300).decide(bare.load());
        let second = operation(500).decide(bare.load());
        bare.store(first.expect("funds"));
        bare.store(second.expect("a credit"));
        assert_eq!(parts(&bare), (1500, 1));
    }

    #[test]
    fn a_slow_writer_takes_many_updates_back() {
        let bare = Bare::new(Packed::new(1000));
        let slow = operation(-100).decide(bare.load());
        for _ in 0..10 {
            assert!(bare.movement(operation(-100)));
        }
        assert!(!bare.movement(operation(-100)), "nothing is left");
        bare.store(slow.expect("funds when it was read"));
        assert_eq!(parts(&bare), (900, 1));
    }

    #[test]
    fn one_after_another_loses_nothing() {
        let bare = Bare::new(Packed::new(1000));
        let accepted = [-1000, 0, -1, 7].map(|delta| bare.apply(operation(delta)));
        assert_eq!(accepted, [true, true, false, true]);
        assert_eq!(parts(&bare), (7, 2));
    }
}
