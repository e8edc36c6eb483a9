//! One account in shared memory: its name, its limit, and its money in one word.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bank::{Account, Cell, MAX_NAME, Name, Packed};

/// The words of a name.
const NAME_WORDS: usize = MAX_NAME / size_of::<u64>();

/// A name as words: its bytes, and zero behind them, which no name has.
pub(super) fn pack(name: &Name) -> [u64; NAME_WORDS] {
    let mut bytes = [0; MAX_NAME];
    for (to, from) in bytes.iter_mut().zip(name.as_str().bytes()) {
        *to = from;
    }
    let mut words = [0; NAME_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(size_of::<u64>())) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// One account in shared memory.
#[derive(Clone, Copy)]
pub(crate) struct CellWords<'a> {
    place: usize,
    words: &'a [AtomicU64],
}

/// The words of a cell behind its name. The money is on the second cache line, which workers write.
const FLOOR: usize = NAME_WORDS;
const OPEN: usize = NAME_WORDS + 1;
const MONEY: usize = NAME_WORDS + 2;

impl<'a> CellWords<'a> {
    pub(super) fn new(place: usize, words: &'a [AtomicU64]) -> Self {
        CellWords { place, words }
    }

    /// Its number among the cells.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn name_it(&self, name: &Name, account: &Account) {
        for (word, part) in self.words.iter().zip(pack(name)) {
            word.store(part, Ordering::Relaxed);
        }
        let (posted, _, floor) = account.parts();
        self.words[FLOOR].store(floor.cast_unsigned(), Ordering::Relaxed);
        self.store(Packed::new(posted));
    }

    pub(super) fn is_named(&self, name: &[u64; NAME_WORDS]) -> bool {
        let mut words = self.words.iter().zip(name);
        words.all(|(word, part)| word.load(Ordering::Relaxed) == *part)
    }

    /// Its name, if it has one.
    pub(crate) fn name(&self) -> Option<Name> {
        let words = self.words[..NAME_WORDS].iter();
        let bytes = words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        let bytes: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
        Name::other_side(std::str::from_utf8(&bytes).ok()?).ok()
    }

    /// Whether the account is open.
    pub(crate) fn is_open(&self) -> bool {
        self.words[OPEN].load(Ordering::Acquire) != 0
    }

    /// Opens the account; it is never closed again, so no two processes can disagree about it.
    pub(crate) fn open(&self) {
        self.words[OPEN].store(1, Ordering::Release);
    }

    /// The money, and the count of the updates that it includes: one access to memory.
    pub(crate) fn load(&self) -> Packed {
        Packed::from_word(self.words[MONEY].load(Ordering::Acquire).cast_signed())
    }

    /// Writes the money, whatever stands there now.
    pub(crate) fn store(&self, money: Packed) {
        self.words[MONEY].store(money.word().cast_unsigned(), Ordering::Release);
    }

    /// Writes the money over what was read, else tells what stands there.
    pub(crate) fn compare_and_set(&self, seen: Packed, after: Packed) -> Result<(), Packed> {
        let (seen, after) = (seen.word().cast_unsigned(), after.word().cast_unsigned());
        let money = &self.words[MONEY];
        let set = money.compare_exchange(seen, after, Ordering::AcqRel, Ordering::Acquire);
        set.map(drop)
            .map_err(|now| Packed::from_word(now.cast_signed()))
    }

    /// Adds to the money, and tells what it is then.
    pub(crate) fn add(&self, delta: i64) -> Packed {
        let step = Packed::step(delta).cast_unsigned();
        let before = self.words[MONEY].fetch_add(step, Ordering::AcqRel);
        Packed::from_word(before.wrapping_add(step).cast_signed())
    }

    /// Takes an addition away again, without a trace.
    pub(crate) fn take_back(&self, delta: i64) {
        let step = Packed::step(delta).cast_unsigned();
        self.words[MONEY].fetch_sub(step, Ordering::AcqRel);
    }

    /// The account with this money, for the bank's rules.
    pub(crate) fn cell(&self, name: &Name, money: Packed) -> Option<Cell> {
        let floor = self.words[FLOOR].load(Ordering::Relaxed).cast_signed();
        let account = Account::from_parts((money.balance(), 0, floor))?;
        Some(Cell {
            name: name.clone(),
            open: self.is_open(),
            account,
            version: money.updates(),
            updates: money.updates(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::bank::Name;
    use crate::shared_memory::table::tests::table;

    #[test]
    fn one_word_is_written_as_a_whole() {
        let table = table(1_000);
        let cell = table.find(&Name::default()).expect("main");
        let seen = cell.load();
        assert_eq!(cell.add(-300).balance(), 700);
        let now = cell.compare_and_set(seen, seen.after(5));
        assert_eq!(
            now.map_err(|now| (now.balance(), now.updates())),
            Err((700, 1))
        );
        let now = cell.load();
        assert_eq!(cell.compare_and_set(now, now.after(5)), Ok(()));
        assert_eq!((cell.load().balance(), cell.load().updates()), (705, 2));
        cell.store(seen.after(-1));
        assert_eq!((cell.load().balance(), cell.load().updates()), (999, 1));
    }
}
