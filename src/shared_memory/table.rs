//! What lies where in the shared words: the accounts' cells with an index over their names, a slot for
//! each worker, the locks.
//!
//! Only the parent adds accounts, before it hands out an operation that names them; workers look them up.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::cell::{CellWords, pack};
use super::lock::{FileLock, FutexMutex, FutexSemaphore, ProcessLock, RobustMutex, SpinLock};
use super::mapping::{Extent, Mapping};
use super::primitive::Primitive;
use crate::bank::{Account, Name};

/// The most accounts that one mapping holds, the bank's own among them.
pub(crate) const MAX_ACCOUNTS: usize = 65_536;
/// The most workers that have a slot at one time: more than a run may have.
pub(crate) const MAX_WORKER_SLOTS: usize = 8_192;

/// The words of a cell, of a slot, and before them all: two cache lines each, so that no two of them
/// share one.
const BLOCK: usize = 16;
/// The half-words of a lock: one cache line.
const LOCK: usize = 16;

/// Words that several processes, or in a test several threads, share.
pub(crate) trait SharedWords {
    /// The words of 64 bits.
    fn words(&self) -> &[AtomicU64];
    /// The words of 32 bits.
    fn futexes(&self) -> &[AtomicU32];
    /// The lock that tells when its holder has died, if there is one.
    fn robust_mutex(&self) -> Option<RobustMutex<'_>> {
        None
    }
    /// The lock on the file that these words are, if they are one.
    fn file_lock(&self) -> Option<FileLock<'_>> {
        None
    }
}

impl SharedWords for Mapping {
    fn words(&self) -> &[AtomicU64] {
        self.words()
    }

    fn futexes(&self) -> &[AtomicU32] {
        self.futexes()
    }

    fn robust_mutex(&self) -> Option<RobustMutex<'_>> {
        Some(RobustMutex(self))
    }

    fn file_lock(&self) -> Option<FileLock<'_>> {
        Some(FileLock(self.file()))
    }
}

/// How many accounts and slots there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Accounts; a power of two.
    pub(crate) accounts: usize,
    /// Slots of workers.
    pub(crate) worker_slots: usize,
}

impl Capacity {
    /// What a run has.
    pub(crate) const FULL: Capacity = Capacity {
        accounts: MAX_ACCOUNTS,
        worker_slots: MAX_WORKER_SLOTS,
    };

    /// How much memory that takes. Pages that are never touched take none.
    pub(crate) fn extent(self) -> Extent {
        Extent {
            words: BLOCK * (1 + self.worker_slots + self.accounts),
            futexes: LOCK * (1 + self.accounts) + self.index_length(),
        }
    }

    /// Twice the accounts, so that a search ends soon.
    fn index_length(self) -> usize {
        2 * self.accounts
    }
}

/// The shared words, by what they mean.
pub(crate) struct MemoryTable<W> {
    words: W,
    capacity: Capacity,
}

/// The words of the first block.
const SEQ: usize = 0;
const ACCOUNTS: usize = 1;
const INTENT: usize = 2;

impl<W: SharedWords> MemoryTable<W> {
    pub(crate) fn new(words: W, capacity: Capacity) -> Self {
        MemoryTable { words, capacity }
    }

    /// What the table lies in.
    pub(crate) fn memory(&self) -> &W {
        &self.words
    }

    /// The number of the last entry. Where operations hold no lock, none is counted.
    pub(crate) fn seq(&self) -> &AtomicU64 {
        &self.words.words()[SEQ]
    }

    /// The slot, counted from 1, whose intent is being written under the robust lock; 0 for none.
    pub(crate) fn intent(&self) -> &AtomicU64 {
        &self.words.words()[INTENT]
    }

    fn block(&self, number: usize) -> Option<&[AtomicU64]> {
        let first = number.checked_mul(BLOCK)?;
        self.words.words().get(first..first + BLOCK)
    }

    /// A worker's slot; `None` for a number that none has.
    pub(crate) fn worker_slot(&self, worker_slot: usize) -> Option<WorkerSlot<'_>> {
        let exists = worker_slot < self.capacity.worker_slots;
        exists
            .then(|| self.block(1 + worker_slot))
            .flatten()
            .map(WorkerSlot)
    }

    /// A cell by its place; `None` for a place where none is.
    pub(crate) fn cell(&self, place: usize) -> Option<CellWords<'_>> {
        let exists = place < self.count();
        let words = exists.then(|| self.block(1 + self.capacity.worker_slots + place));
        words.flatten().map(|words| CellWords::new(place, words))
    }

    /// How many accounts there are.
    pub(crate) fn count(&self) -> usize {
        let count = self.words.words()[ACCOUNTS].load(Ordering::Acquire);
        usize::try_from(count).map_or(self.capacity.accounts, |count| {
            count.min(self.capacity.accounts)
        })
    }

    /// The lock over everything, or the one of the cell at this place.
    pub(crate) fn lock(&self, place: Option<usize>) -> Option<LockWords<'_>> {
        let first = LOCK * place.map_or(0, |place| place + 1);
        let words = self.words.futexes().get(first..first + LOCK)?;
        let exists = place.is_none_or(|place| place < self.capacity.accounts);
        exists.then_some(LockWords(words))
    }

    /// The lock by which this primitive keeps others from everything, or from the cell at this place;
    /// `None` if it has none.
    pub(crate) fn process_lock(
        &self,
        primitive: Primitive,
        place: Option<usize>,
    ) -> Option<Box<dyn ProcessLock + '_>> {
        let word = self.lock(place)?.word();
        Some(match primitive {
            Primitive::None | Primitive::Atomic | Primitive::Cas => return None,
            Primitive::Spin => Box::new(SpinLock(word)),
            Primitive::Mutex | Primitive::MutexPerAccount => Box::new(FutexMutex(word)),
            Primitive::Semaphore => Box::new(FutexSemaphore(word)),
            Primitive::Robust => Box::new(self.words.robust_mutex()?),
            Primitive::FileLock => Box::new(self.words.file_lock()?),
        })
    }

    /// Whether the worker that was at this operation last holds a lock.
    pub(crate) fn is_held_by(&self, operation: u64, worker_slots: usize) -> bool {
        let mut all = (0..worker_slots)
            .filter_map(|worker_slot| Some((worker_slot, self.worker_slot(worker_slot)?)));
        let worker_slot = all.find(|(_, words)| words.operation() == operation);
        let places = std::iter::once(None).chain((0..self.count()).map(Some));
        let mut locks = places.filter_map(|place| self.lock(place));
        worker_slot
            .is_some_and(|(worker_slot, _)| locks.any(|lock| lock.holder() == Some(worker_slot)))
    }

    /// Before any worker exists: a semaphore has one permit.
    pub(crate) fn prepare(&self, primitive: Primitive) {
        if let (Primitive::Semaphore, Some(lock)) = (primitive, self.lock(None)) {
            lock.word().store(1, Ordering::Release);
        }
    }

    /// The cell of this name.
    pub(crate) fn find(&self, name: &Name) -> Option<CellWords<'_>> {
        self.search(name).ok().flatten()
    }

    /// The cell of this name, or where in the index it belongs.
    fn search(&self, name: &Name) -> Result<Option<CellWords<'_>>, &AtomicU32> {
        let index = &self.words.futexes()[LOCK * (1 + self.capacity.accounts)..];
        let length = self.capacity.index_length();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let first = hasher.finish() as usize;
        let packed = pack(name);
        for probe in 0..length {
            let entry = &index[(first.wrapping_add(probe)) % length];
            match entry.load(Ordering::Acquire) as usize {
                0 => return Err(entry),
                place => {
                    let cell = self.cell(place - 1);
                    if let Some(cell) = cell.filter(|cell| cell.is_named(&packed)) {
                        return Ok(Some(cell));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The cell of this account, which is added if there is none yet; `None`: no room is left. Only the
    /// parent adds accounts.
    pub(crate) fn add(&self, name: &Name, account: &Account) -> Option<CellWords<'_>> {
        let entry = match self.search(name) {
            Ok(found) => return found,
            Err(entry) => entry,
        };
        let place = self.count();
        if place == self.capacity.accounts {
            return None;
        }
        let words = self.block(1 + self.capacity.worker_slots + place)?;
        let cell = CellWords::new(place, words);
        cell.name_it(name, account);
        // A worker that sees the place sees the name.
        let count = &self.words.words()[ACCOUNTS];
        count.store(place as u64 + 1, Ordering::Release);
        entry.store(u32::try_from(place + 1).ok()?, Ordering::Release);
        Some(cell)
    }
}

/// The words of one worker, which it alone writes while it lives.
#[derive(Clone, Copy)]
pub(crate) struct WorkerSlot<'a>(pub(super) &'a [AtomicU64]);

/// The half-words of one lock.
#[derive(Clone, Copy)]
pub(crate) struct LockWords<'a>(&'a [AtomicU32]);

impl<'a> LockWords<'a> {
    /// What processes take and wait for.
    pub(crate) fn word(&self) -> &'a AtomicU32 {
        &self.0[0]
    }

    /// The slot of its holder, if one has said that it holds it.
    pub(crate) fn holder(&self) -> Option<usize> {
        let worker_slot = self.0[1].load(Ordering::Acquire);
        usize::try_from(worker_slot).ok()?.checked_sub(1)
    }

    /// The worker in this slot holds it now.
    pub(crate) fn note_holder(&self, worker_slot: usize) {
        self.0[1].store(worker_slot as u32 + 1, Ordering::Release);
        self.taken().fetch_add(1, Ordering::Relaxed);
    }

    /// Its holder is about to give it back.
    pub(crate) fn forget_holder(&self) {
        self.0[1].store(0, Ordering::Release);
    }

    /// How often it was taken.
    pub(crate) fn taken(&self) -> &'a AtomicU32 {
        &self.0[2]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bank::{Balance, MAX_NAME, WORLD};

    /// Words in ordinary memory.
    pub(in crate::shared_memory) struct Ordinary {
        words: Vec<AtomicU64>,
        futexes: Vec<AtomicU32>,
    }

    impl SharedWords for Ordinary {
        fn words(&self) -> &[AtomicU64] {
            &self.words
        }

        fn futexes(&self) -> &[AtomicU32] {
            &self.futexes
        }
    }

    /// A small table in ordinary memory, with `main` and `@world` open.
    pub(in crate::shared_memory) fn table(balance: i64) -> MemoryTable<Ordinary> {
        let capacity = Capacity {
            accounts: 4,
            worker_slots: 3,
        };
        let Extent { words, futexes } = capacity.extent();
        let words = Ordinary {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            futexes: (0..futexes).map(|_| AtomicU32::new(0)).collect(),
        };
        let table = MemoryTable::new(words, capacity);
        let mut main = Account::new(Balance::default());
        main.posted = balance;
        let mut world = Account::the_banks();
        world.posted = -balance;
        for (name, account) in [(Name::default(), main), (WORLD.clone(), world)] {
            table.add(&name, &account).expect("room").open();
        }
        table
    }

    #[test]
    fn accounts_are_found_by_their_names_until_there_is_no_room() {
        let table = table(1_000);
        let name = |text: &str| Name::user(text).expect("a name");
        let long = name(&"x".repeat(MAX_NAME));
        let account = Account::new(Balance::new(50));
        for name in [&long, &name("b")] {
            assert!(table.find(name).is_none());
            assert!(!table.add(name, &account).expect("room").is_open());
            let place = table.find(name).expect("it was added").place();
            assert_eq!(
                table.add(name, &account).map(|cell| cell.place()),
                Some(place)
            );
        }
        assert!(
            table.add(&name("c"), &account).is_none(),
            "five are too many"
        );
        assert_eq!(table.count(), 4);
        let cell = table.find(&long).expect("it is there");
        assert_eq!(cell.name(), Some(long.clone()));
        let cell = cell.cell(&long, cell.load()).expect("an account");
        assert_eq!(cell.account, account);
        let world = table.find(&WORLD).expect("it is there");
        assert_eq!((world.load().balance(), world.is_open()), (-1_000, true));
        assert!(table.cell(4).is_none() && table.worker_slot(3).is_none());
        assert!(table.lock(Some(4)).is_none() && table.lock(Some(3)).is_some());
    }
}
