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
        let (Place::File(path) | Place::Server(path)) = place;
        let what = format!("the ledger `{place}`");
        self.files.push((what, path.clone()));
        if let Place::File(path) = place {
            let what = format!("a file beside the ledger `{place}`");
            // The files lie beside what a link leads to.
            for path in [path.clone(), target(path)] {
                for end in BESIDE {
                    self.files.push((what.clone(), with_end(&path, end)));
                }
            }
        }
        self
    }

    /// What an existing file is of these, if it is one.
    pub(super) fn what_is(&self, found: &Metadata) -> Option<String> {
        // Many may read and write a terminal or `/dev/null`.
        if found.file_type().is_char_device() {
            return None;
        }
        let inode = Inode::of(found);
        let is_it = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| Inode::of(&it) == inode);
        let file = self.files.iter().find(|(_, path)| is_it(path));
        file.map(|(what, _)| what.clone())
            .or_else(|| self.is_stdin(inode).then(|| "the input".to_string()))
    }

    fn is_stdin(&self, inode: Inode) -> bool {
        let stdin = || {
            File::from(descriptor::copy_of(&io::stdin()).ok()?)
                .metadata()
                .ok()
        };
        self.stdin && stdin().is_some_and(|stdin| Inode::of(&stdin) == inode)
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
