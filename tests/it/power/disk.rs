//! What a disk may hold after a power loss.
//!
//! The model is stricter than ext4, which makes a file's name durable with the file: here a name is
//! durable once its *folder* was synced, as POSIX has it. Of what was not synced, each change may be
//! there or not, whatever became of the ones before it, and a write may be there in part: each sector
//! of 512 bytes by itself. A size may be there without the bytes; then they are zero.

use std::collections::BTreeMap;

use super::recording::{Step, What};

const SECTOR: u64 = 512;

/// Files by name.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// What becomes of the changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsynced {
    Dropped,
    Kept,
    /// Dropped, torn and reordered by chance.
    Scattered(u64),
}

/// A disk in the course of a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The names that are durable.
    names: BTreeMap<String, usize>,
    /// Those that a program sees.
    seen: BTreeMap<String, usize>,
    pending: Vec<(usize, Renaming)>,
}

#[derive(Clone, Debug)]
enum Renaming {
    Put(String, usize),
    Remove(String),
    Move(String, String),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<(usize, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Resize(u64),
    Grow(u64),
}

impl Disk {
    /// A disk on which all of this is durable.
    pub(crate) fn holding(image: &Image) -> Self {
        let names: BTreeMap<String, usize> = image.keys().cloned().zip(0..).collect();
        let file = |bytes: &Vec<u8>| File {
            durable: bytes.clone(),
            pending: Vec::new(),
        };
        Disk {
            files: image.values().map(file).collect(),
            seen: names.clone(),
            names,
            pending: Vec::new(),
        }
    }

    /// Does one step.
    pub(crate) fn step(&mut self, step: &Step) {
        let order = step.order;
        match &step.what {
            What::Named(name) if self.seen.contains_key(name) => {}
            What::Named(name) => {
                self.files.push(File::default());
                self.rename(order, Renaming::Put(name.clone(), self.files.len() - 1));
            }
            What::Nameless(name) => {
                self.files.push(File::default());
                self.seen.insert(name.clone(), self.files.len() - 1);
            }
            What::Linked { from, to } => {
                let file = self.seen[from];
                self.rename(order, Renaming::Put(to.clone(), file));
            }
            What::Removed(name) => self.rename(order, Renaming::Remove(name.clone())),
            What::Renamed { from, to } => {
                self.rename(order, Renaming::Move(from.clone(), to.clone()));
            }
            What::Emptied(name) => self.change(order, name, Change::Resize(0)),
            What::Resized { name, length } => self.change(order, name, Change::Resize(*length)),
            What::Grew { name, length } => self.change(order, name, Change::Grow(*length)),
            What::Wrote { name, at, bytes } => {
                let (at, bytes) = (*at, bytes.clone());
                self.change(order, name, Change::Write { at, bytes });
            }
            What::SyncedFile { name, before } => self.file(name).sync(*before),
            What::SyncedFolder { before } => {
                let covered = self.pending.partition_point(|(order, _)| order < before);
                for (_, renaming) in self.pending.drain(..covered) {
                    renaming.apply(&mut self.names);
                }
            }
            // Whoever reads still sees it, so the recorded program did.
            What::FailedSync(name) => self.file(name).pending.clear(),
            What::Said(_) => {}
        }
    }

    /// What the disk may hold now.
    pub(crate) fn crash(&self, unsynced: Unsynced) -> Image {
        let mut chance = Chance::new(unsynced);
        let mut names = self.names.clone();
        for (_, renaming) in &self.pending {
            if chance.keeps() {
                renaming.apply(&mut names);
            }
        }
        let names = names.into_iter();
        names
            .map(|(name, file)| (name, self.files[file].crash(&mut chance)))
            .collect()
    }

    fn rename(&mut self, order: usize, renaming: Renaming) {
        renaming.apply(&mut self.seen);
        self.pending.push((order, renaming));
    }

    fn change(&mut self, order: usize, name: &str, change: Change) {
        self.file(name).pending.push((order, change));
    }

    fn file(&mut self, name: &str) -> &mut File {
        let file = self.seen.get(name);
        let file = file.unwrap_or_else(|| panic!("`{name}` was there before the recording"));
        &mut self.files[*file]
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Renaming::Put(name, file) => drop(names.insert(name.clone(), *file)),
            Renaming::Remove(name) => drop(names.remove(name)),
            Renaming::Move(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl File {
    fn sync(&mut self, before: usize) {
        let covered = self.pending.partition_point(|(order, _)| *order < before);
        for (_, change) in self.pending.drain(..covered) {
            change.apply(&mut self.durable, &mut Chance::Kept);
        }
    }

    fn crash(&self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (_, change) in &self.pending {
            change.apply(&mut bytes, chance);
        }
        bytes
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>, chance: &mut Chance) {
        match self {
            Change::Resize(length) if chance.keeps() => file.resize(*length as usize, 0),
            Change::Grow(length) if chance.keeps() => grow(file, *length),
            Change::Resize(_) | Change::Grow(_) => {}
            Change::Write { at, bytes } => {
                let end = at + bytes.len() as u64;
                let sectors = at / SECTOR..end.div_ceil(SECTOR);
                let kept = chance.sectors(sectors.end - sectors.start);
                for (sector, _) in sectors.zip(kept).filter(|(_, kept)| *kept) {
                    let from = (sector * SECTOR).max(*at);
                    let to = ((sector + 1) * SECTOR).min(end);
                    grow(file, to);
                    let part = &bytes[(from - at) as usize..(to - at) as usize];
                    file[from as usize..to as usize].copy_from_slice(part);
                }
                if chance.keeps() {
                    grow(file, end);
                }
            }
        }
    }
}

/// Makes the file at least this long.
fn grow(file: &mut Vec<u8>, length: u64) {
    file.resize(file.len().max(length as usize), 0);
}

/// Decides what is there after a power loss.
enum Chance {
    Dropped,
    Kept,
    /// So many of 16 changes are kept.
    Scattered {
        draws: Draws,
        kept: u64,
    },
}

impl Chance {
    fn new(unsynced: Unsynced) -> Self {
        match unsynced {
            Unsynced::Dropped => Chance::Dropped,
            Unsynced::Kept => Chance::Kept,
            Unsynced::Scattered(seed) => {
                let mut draws = Draws::new(seed);
                let kept = [2, 8, 14, 15][draws.below(4) as usize];
                Chance::Scattered { draws, kept }
            }
        }
    }

    fn keeps(&mut self) -> bool {
        match self {
            Chance::Dropped => false,
            Chance::Kept => true,
            Chance::Scattered { draws, kept } => draws.below(16) < *kept,
        }
    }

    /// Which of a write's sectors are there.
    fn sectors(&mut self, count: u64) -> Vec<bool> {
        let whole = self.keeps();
        match self {
            // What is not there as a whole may be missing, cut off, or there in pieces.
            Chance::Scattered { draws, .. } if !whole => match draws.below(3) {
                0 => vec![false; count as usize],
                1 => {
                    let there = draws.below(count + 1);
                    (0..count).map(|sector| sector < there).collect()
                }
                _ => (0..count).map(|_| draws.below(2) == 0).collect(),
            },
            _ => vec![whole; count as usize],
        }
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
pub(crate) struct Draws(u64);

/// Which round of tests by chance this is; every round has other draws.
pub(crate) fn round() -> u64 {
    let round = std::env::var("BANK_PAR_ROUND").ok();
    round.map_or(0, |round| round.parse().expect("a number of a round"))
}

impl Draws {
    /// The draws of this seed; `BANK_PAR_ROUND=N` has others of it.
    pub(crate) fn new(seed: u64) -> Self {
        Draws(seed.wrapping_add(round() << 32))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
