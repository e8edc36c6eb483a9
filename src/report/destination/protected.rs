//! What no output may be written to.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::descriptor;
use crate::store::Place;

/// What SQLite calls the files beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The most links that are followed to a file that is not there.
const LINKS: usize = 40;

/// The files that a command needs as they are: its inputs, its ledger and what lies beside that.
#[derive(Clone, Debug, Default)]
pub struct ProtectedFiles {
    files: Vec<(String, PathBuf)>,
    stdin: bool,
}

/// A file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    pub(super) fn of(found: &Metadata) -> Self {
        Inode {
            device: found.dev(),
            number: found.ino(),
        }
    }
}

impl ProtectedFiles {
    /// Protects a file that is read.
    pub fn input(mut self, path: &Path) -> Self {
        let what = format!("the input `{}`", path.display());
        self.files.push((what, path.to_path_buf()));
        self
    }

    /// Protects a file to which another output goes.
    pub fn output(mut self, flag: &str, path: &Path) -> Self {
        let what = format!("where `{flag}` writes");
        self.files.push((what, path.to_path_buf()));
        self
    }

    /// Protects what standard input reads.
    pub fn stdin(self) -> Self {
        ProtectedFiles {
            stdin: true,
            ..self
        }
    }

    /// Protects a ledger and the files beside it.
    pub fn ledger(mut self, place: &Place) -> Self {
        let path = match place {
            Place::File(path) | Place::Server(path) => path,
            // It is no file of this process.
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => return self,
        };
        let what = format!("the ledger `{place}`");
        self.files.push((what, path.clone()));
        if let Place::File(path) = place {
            let what = format!("a file beside the ledger `{place}`");
            // The files lie beside what a link leads to.
            let target = Some(target(path)).filter(|target| target != path);
            for path in std::iter::once(path).chain(&target) {
                for end in BESIDE {
                    self.files.push((what.clone(), with_end(path, end)));
                }
            }
        }
        self
    }

    /// What an existing file is of these, if it is one.
    pub(super) fn what_is(&self, found: &Metadata) -> Option<String> {
        self.what_are([found].into_iter()).pop().flatten()
    }

    /// What each of some existing files is of these, with one look at each of these.
    pub(super) fn what_are<'a>(
        &self,
        found: impl Iterator<Item = &'a Metadata>,
    ) -> Vec<Option<String>> {
        // Many may read and write a terminal or `/dev/null`.
        let own = |found: &Metadata| !found.file_type().is_char_device();
        let inodes = found.map(|found| own(found).then(|| Inode::of(found)));
        let inodes: Vec<Option<Inode>> = inodes.collect();
        if inodes.iter().all(Option::is_none) {
            return vec![None; inodes.len()];
        }
        let looked_at = self.files.iter().filter_map(|(what, path)| {
            let inode = Inode::of(&fs::metadata(path).ok()?);
            Some((what.clone(), inode))
        });
        let stdin = self
            .stdin_inode()
            .map(|inode| ("the input".to_string(), inode));
        let all: Vec<(String, Inode)> = looked_at.chain(stdin).collect();
        let what_is = |inode| {
            let it = all.iter().find(|(_, own)| Some(*own) == inode);
            it.map(|(what, _)| what.clone())
        };
        inodes.into_iter().map(what_is).collect()
    }

    fn stdin_inode(&self) -> Option<Inode> {
        let stdin = self.stdin.then(|| descriptor::copy_of(&io::stdin()))?;
        let stdin = File::from(stdin.ok()?).metadata().ok()?;
        Some(Inode::of(&stdin))
    }

    /// What a file of this path would be of these if it were made; the files beside any database are
    /// protected too.
    pub fn what_would_be(&self, path: &Path) -> Option<String> {
        let place = Address::of(path)?;
        let is_it = |protected: &PathBuf| Address::of(protected).as_ref() == Some(&place);
        if let Some((what, _)) = self.files.iter().find(|(_, protected)| is_it(protected)) {
            return Some(what.clone());
        }
        let name = path.file_name()?.to_str()?;
        let stems = BESIDE.iter().filter_map(|end| name.strip_suffix(end));
        let mut databases = stems.map(|stem| path.with_file_name(stem));
        let database =
            databases.find(|database| !database.as_os_str().is_empty() && database.is_file())?;
        Some(format!("a file beside `{}`", database.display()))
    }
}

/// Where a file is or would be made.
#[derive(PartialEq, Eq)]
struct Address {
    folder: Inode,
    name: OsString,
}

impl Address {
    fn of(path: &Path) -> Option<Self> {
        let path = target(path);
        let name = path.file_name()?.to_os_string();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = Inode::of(&fs::metadata(folder).ok()?);
        Some(Address { folder, name })
    }
}

/// What a path leads to, also where that is not there yet.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => break,
        }
    }
    path
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(end);
    PathBuf::from(name)
}
