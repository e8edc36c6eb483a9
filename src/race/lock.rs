//! The remedies that let one thread in at a time.

use std::hint;

use super::operation::RaceOperation;
use super::shared::{Bare, Guarded, SharedBalance};
use crate::bank::Packed;
use crate::sharing::Sharing;
use crate::threads::sync::atomic::{AtomicBool, Ordering};
use crate::threads::sync::{Condvar, Mutex, PoisonError, RwLock};
use crate::threads::thread;

/// Reads, decides and writes what a lock guards.
fn update(word: &mut Packed, operation: RaceOperation) -> bool {
    match operation.decide(*word) {
        Some(after) => {
            *word = after;
            true
        }
        None => false,
    }
}

impl SharedBalance for Mutex<Packed> {
    fn view(&self) -> Packed {
        *self.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn movement(&self, operation: RaceOperation) -> bool {
        let mut word = self.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut word, operation)
    }
}

impl SharedBalance for RwLock<Packed> {
    fn view(&self) -> Packed {
        *self.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn movement(&self, operation: RaceOperation) -> bool {
        let mut word = self.write().unwrap_or_else(PoisonError::into_inner);
        update(&mut word, operation)
    }
}

/// A lock that is waited for by trying again, around the bare word.
pub(super) struct Spin {
    taken: AtomicBool,
    word: Bare,
}

/// How often a thread tries before it lets another have the processor. Where threads outnumber
/// processors, the one that holds the lock may be waiting for just that.
const TRIES: u32 = 64;

impl Spin {
    pub(super) fn new(start: Packed) -> Self {
        Spin {
            taken: AtomicBool::new(false),
            word: Bare::new(start),
        }
    }
}

impl Guarded for Spin {
    const SHARING: Sharing = Sharing::Lock;

    fn word(&self) -> &Bare {
        &self.word
    }

    /// `Acquire` here meets `Release` below: what the last holder wrote is seen by the next.
    fn acquire(&self) {
        let mut tries = 0;
        while self.taken.swap(true, Ordering::Acquire) {
            // Wait by reading: a swap would take the cache line from the one that holds the lock.
            while self.taken.load(Ordering::Relaxed) {
                tries += 1;
                if tries % TRIES == 0 {
                    thread::yield_now();
                } else {
                    hint::spin_loop();
                }
            }
        }
    }

    fn release(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

/// A counting semaphore with one permit, around the bare word.
///
/// The standard library has none; a count, a lock for the count and a place to wait make one.
pub(super) struct Semaphore {
    permits: Mutex<u32>,
    returned: Condvar,
    word: Bare,
}

impl Semaphore {
    pub(super) fn new(start: Packed) -> Self {
        Semaphore {
            permits: Mutex::new(1),
            returned: Condvar::new(),
            word: Bare::new(start),
        }
    }
}

impl Guarded for Semaphore {
    const SHARING: Sharing = Sharing::Lock;

    fn word(&self) -> &Bare {
        &self.word
    }

    fn acquire(&self) {
        let permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut permits = self
            .returned
            .wait_while(permits, |permits| *permits == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *permits -= 1;
    }

    fn release(&self) {
        *self.permits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.returned.notify_one();
    }
}
