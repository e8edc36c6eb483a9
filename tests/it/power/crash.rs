//! Cuts the power at every sync of a recording, and has every disk checked that may be left.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::LEDGER;
use super::disk::{Disk, Image, Unsynced};
use super::recording::{Recording, What};

/// So many losses are enough.
const ENOUGH: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The places at which the power was cut.
    pub(crate) cuts: usize,
    /// The different disks that were checked.
    pub(crate) images: usize,
    /// What was wrong with some of them; at most a few.
    pub(crate) losses: Vec<String>,
}

/// Checks every disk that a power loss during the recording may leave, with so many by chance at each
/// place. `check` is given a folder with the disk's files and what the program had said by then.
pub(crate) fn cut_everywhere(
    recording: &Recording,
    by_chance: u64,
    check: impl Fn(&Path, &str) -> Result<(), String> + Sync,
) -> Found {
    let cuts = Mutex::new(Cuts::new(recording, by_chance));
    let losses = Mutex::new(Vec::new());
    let work = || {
        let folder = image_folder();
        while losses.lock().unwrap().len() < ENOUGH {
            let Some(cut) = cuts.lock().unwrap().next() else {
                return;
            };
            lay_out(&cut.image, folder.path());
            if let Err(wrong) = check(folder.path(), &cut.said) {
                let Cut { at, unsynced, .. } = cut;
                losses
                    .lock()
                    .unwrap()
                    .push(format!("cut before step {at}, {unsynced:?}: {wrong}"));
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let cuts = cuts.into_inner().unwrap();
    Found {
        cuts: cuts.cuts,
        images: cuts.seen.len(),
        losses: losses.into_inner().unwrap(),
    }
}

/// Checks that the disk at a recording's end, with nothing dropped, is what lies in the folder: that
/// nothing escaped the recording.
pub(crate) fn assert_whole(recording: &Recording, folder: &Path) {
    let mut disk = Disk::default();
    recording.steps.iter().for_each(|step| disk.step(step));
    let mut image = disk.crash(Unsynced::Kept);
    let mut there = Image::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        there.insert(name, fs::read(entry.path()).unwrap());
    }
    for files in [&mut image, &mut there] {
        files.retain(|name, _| !name.ends_with("-shm"));
    }
    let same = image == there;
    let lengths = |files: Image| -> Vec<(String, usize)> {
        files
            .into_iter()
            .map(|(name, bytes)| (name, bytes.len()))
            .collect()
    };
    assert!(
        same,
        "recorded {:?}, not {:?}",
        lengths(image),
        lengths(there)
    );
}

/// A place on a disk in memory, if there is one: the images are many and need not last.
pub(crate) fn image_folder() -> tempfile::TempDir {
    let shared = tempfile::tempdir_in("/dev/shm");
    shared.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(super) fn lay_out(image: &Image, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in image {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        if name == LEDGER && bytes.get(72..92).is_some_and(|mark| mark != [0; 20]) {
            keep_identity(&path);
        }
    }
}

/// The file that the disk holds is still the one that was marked: its number, when it was made, its folder and its
/// name there.
fn keep_identity(ledger: &Path) {
    let file = fs::File::options().write(true).open(ledger).unwrap();
    let about = file.metadata().unwrap();
    let mut mark = Sha256::new();
    mark.update(about.ino().to_be_bytes());
    if let Ok(made) = about.created() {
        let made = made.duration_since(UNIX_EPOCH).unwrap();
        mark.update((made.as_secs() as i64).to_be_bytes());
        mark.update(made.subsec_nanos().to_be_bytes());
    }
    let folder = fs::metadata(ledger.parent().unwrap()).unwrap();
    mark.update(folder.ino().to_be_bytes());
    mark.update(LEDGER);
    file.write_all_at(&mark.finalize()[..20], 72).unwrap();
}

/// One power loss.
struct Cut {
    at: usize,
    unsynced: Unsynced,
    image: Image,
    said: String,
}

/// All power losses of a recording, each different disk once.
struct Cuts<'a> {
    recording: &'a Recording,
    by_chance: u64,
    disk: Disk,
    said: Vec<u8>,
    /// The step before which the power is cut.
    at: usize,
    /// What becomes of what was not synced, for the cuts at this step.
    ways: Vec<Unsynced>,
    cuts: usize,
    seen: HashSet<u64>,
}

impl<'a> Cuts<'a> {
    fn new(recording: &'a Recording, by_chance: u64) -> Self {
        let mut cuts = Cuts {
            recording,
            by_chance,
            disk: Disk::default(),
            said: Vec::new(),
            at: 0,
            ways: Vec::new(),
            cuts: 0,
            seen: HashSet::new(),
        };
        cuts.go_on();
        cuts
    }

    /// Goes on to the next sync, or to the end.
    fn go_on(&mut self) {
        while let Some(step) = self.recording.steps.get(self.at) {
            match &step.what {
                What::SyncedFile { .. } | What::SyncedFolder { .. } => break,
                What::Said(bytes) => self.said.extend(bytes),
                _ => self.disk.step(step),
            }
            self.at += 1;
        }
        let seeds = (0..self.by_chance).map(|seed| self.at as u64 * 1000 + seed);
        self.ways = seeds.map(Unsynced::Scattered).collect();
        self.ways.extend([Unsynced::Kept, Unsynced::Dropped]);
        self.cuts += 1;
    }
}

impl Iterator for Cuts<'_> {
    type Item = Cut;

    fn next(&mut self) -> Option<Cut> {
        loop {
            let Some(unsynced) = self.ways.pop() else {
                let sync = self.recording.steps.get(self.at)?;
                self.disk.step(sync);
                self.at += 1;
                self.go_on();
                continue;
            };
            let mut image = self.disk.crash(unsynced);
            // What is shared in memory is made anew by whoever opens the ledger first.
            image.retain(|name, _| !name.ends_with("-shm"));
            let mut hasher = DefaultHasher::new();
            (&image, &self.said).hash(&mut hasher);
            if self.seen.insert(hasher.finish()) {
                let said = String::from_utf8(self.said.clone()).unwrap();
                return Some(Cut {
                    at: self.at,
                    unsynced,
                    image,
                    said,
                });
            }
        }
    }
}
