//! The files of a mounted disk as programs see them, and what of them is durable.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::SystemTime;

use fuser::{Errno, FileAttr, FileType, INodeNo, RenameFlags};

use super::Syncs;
use crate::power::disk::{Disk, Image, Unsynced};
use crate::power::recording::{Step, What};

const BLOCK: u32 = 4096;

/// A file as a program sees it.
pub(super) struct File {
    bytes: Vec<u8>,
    mode: u16,
    owner: (u32, u32),
    changed: SystemTime,
}

/// All files, in one folder.
pub(super) struct Files {
    disk: Disk,
    steps: usize,
    syncs: Syncs,
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, File>,
    next: u64,
    /// How often the power was lost: what the kernel knew of a file before is of another one.
    losses: u64,
}

impl Files {
    pub(super) fn new(syncs: Syncs) -> Self {
        Files {
            disk: Disk::default(),
            steps: 0,
            syncs,
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            next: INodeNo::ROOT.0 + 1,
            losses: 0,
        }
    }

    pub(super) fn lose_power(&mut self, unsynced: Unsynced) -> Image {
        let mut image = self.disk.crash(unsynced);
        // What is shared in memory is made anew by the process that opens the ledger first.
        image.retain(|name, _| !name.ends_with("-shm"));
        self.disk = Disk::holding(&image);
        let (names, mut files) = (
            std::mem::take(&mut self.names),
            std::mem::take(&mut self.files),
        );
        self.losses += 1;
        for (name, bytes) in &image {
            let known = names.get(name);
            let known = known.and_then(|number| Some((*number, files.remove(number)?)));
            let (number, file) = known.unwrap_or_else(|| (self.number(), File::new(0o600, (0, 0))));
            self.names.insert(name.clone(), number);
            let bytes = bytes.clone();
            self.files.insert(number, File { bytes, ..file });
        }
        image
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&String, INodeNo)> {
        let names = self.names.iter();
        names.map(|(name, number)| (name, INodeNo(*number)))
    }

    pub(super) fn read(&self, number: INodeNo, at: u64, size: u32) -> Result<&[u8], Errno> {
        let file = self.files.get(&number.0).ok_or(Errno::ENOENT)?;
        let from = file.bytes.len().min(at as usize);
        let to = file.bytes.len().min(from + size as usize);
        Ok(&file.bytes[from..to])
    }

    /// Whom the file belongs to, and who may use it.
    pub(super) fn set_access(
        &mut self,
        number: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
    ) {
        if let Some(file) = self.files.get_mut(&number.0) {
            file.mode = mode.map_or(file.mode, |mode| (mode & 0o7777) as u16);
            file.owner = (user.unwrap_or(file.owner.0), group.unwrap_or(file.owner.1));
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn step(&mut self, what: What) {
        let order = self.steps;
        self.steps += 1;
        self.disk.step(&Step { order, what });
    }

    /// One of the names of a file.
    fn name(&self, number: INodeNo) -> Option<String> {
        let mut names = self.names.iter();
        names
            .find(|(_, named)| **named == number.0)
            .map(|(name, _)| name.clone())
    }

    /// Something happens to a file; to one without a name it does not matter.
    fn change(&mut self, number: INodeNo, what: impl FnOnce(String) -> What) {
        if let Some(name) = self.name(number) {
            self.step(what(name));
        }
    }

    pub(super) fn about(&self, number: INodeNo) -> Result<FileAttr, Errno> {
        let folder = File::new(0o700, (0, 0));
        let (file, kind) = match number {
            INodeNo::ROOT => (&folder, FileType::Directory),
            INodeNo(number) => (
                self.files.get(&number).ok_or(Errno::ENOENT)?,
                FileType::RegularFile,
            ),
        };
        let names = self.names.values().filter(|named| **named == number.0);
        Ok(FileAttr {
            ino: number,
            size: file.bytes.len() as u64,
            blocks: (file.bytes.len() as u64).div_ceil(512),
            atime: file.changed,
            mtime: file.changed,
            ctime: file.changed,
            crtime: file.changed,
            kind,
            perm: file.mode,
            nlink: names.count() as u32,
            uid: file.owner.0,
            gid: file.owner.1,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        })
    }

    fn file(&mut self, number: INodeNo) -> Result<&mut File, Errno> {
        let file = self.files.get_mut(&number.0).ok_or(Errno::ENOENT)?;
        file.changed = SystemTime::now();
        Ok(file)
    }

    pub(super) fn named(&self, name: &OsStr) -> Result<(String, INodeNo), Errno> {
        let name = text(name)?;
        let number = *self.names.get(&name).ok_or(Errno::ENOENT)?;
        Ok((name, INodeNo(number)))
    }

    pub(super) fn create(&mut self, name: &OsStr, file: File) -> Result<FileAttr, Errno> {
        let (name, number) = (text(name)?, self.number());
        self.names.insert(name.clone(), number);
        self.files.insert(number, file);
        self.step(What::Named(name));
        self.about(INodeNo(number))
    }

    pub(super) fn write(&mut self, number: INodeNo, at: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let file = &mut self.file(number)?.bytes;
        let (from, to) = (at as usize, at as usize + bytes.len());
        file.resize(file.len().max(to), 0);
        file[from..to].copy_from_slice(bytes);
        let bytes = bytes.to_vec();
        let length = bytes.len() as u32;
        self.change(number, |name| What::Wrote { name, at, bytes });
        Ok(length)
    }

    pub(super) fn resize(&mut self, number: INodeNo, length: u64) -> Result<(), Errno> {
        self.file(number)?.bytes.resize(length as usize, 0);
        self.change(number, |name| What::Resized { name, length });
        Ok(())
    }

    pub(super) fn grow(&mut self, number: INodeNo, length: u64) -> Result<(), Errno> {
        let file = &mut self.file(number)?.bytes;
        file.resize(file.len().max(length as usize), 0);
        self.change(number, |name| What::Grew { name, length });
        Ok(())
    }

    pub(super) fn link(&mut self, number: INodeNo, to: &OsStr) -> Result<FileAttr, Errno> {
        let (from, to) = (self.name(number).ok_or(Errno::ENOENT)?, text(to)?);
        self.names.insert(to.clone(), number.0);
        self.step(What::Linked { from, to });
        self.about(number)
    }

    pub(super) fn rename(
        &mut self,
        from: &OsStr,
        to: &OsStr,
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let ((from, number), to) = (self.named(from)?, text(to)?);
        match flags {
            RenameFlags::RENAME_NOREPLACE if self.names.contains_key(&to) => Err(Errno::EEXIST),
            flags if flags.is_empty() || flags == RenameFlags::RENAME_NOREPLACE => {
                self.names.remove(&from);
                self.names.insert(to.clone(), number.0);
                self.step(What::Renamed { from, to });
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn remove(&mut self, name: &OsStr) -> Result<(), Errno> {
        let (name, _) = self.named(name)?;
        self.names.remove(&name);
        self.step(What::Removed(name));
        Ok(())
    }

    /// A file, or the folder, is synced.
    pub(super) fn sync(&mut self, file: Option<INodeNo>) {
        let before = self.steps;
        match (self.syncs, file) {
            (Syncs::Faked, _) => {}
            (Syncs::Kept, Some(number)) => {
                self.change(number, |name| What::SyncedFile { name, before });
            }
            (Syncs::Kept, None) => self.step(What::SyncedFolder { before }),
        }
    }
}

impl File {
    pub(super) fn new(mode: u32, owner: (u32, u32)) -> Self {
        File {
            bytes: Vec::new(),
            mode: (mode & 0o7777) as u16,
            owner,
            changed: SystemTime::now(),
        }
    }
}

fn text(name: &OsStr) -> Result<String, Errno> {
    name.to_str().map(String::from).ok_or(Errno::EINVAL)
}
