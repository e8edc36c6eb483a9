//! The folder for a run's sockets and small files, which only its user can enter.
//!
//! All of a user's runs have theirs in one folder, `bank-par-UID`, which this program makes and marks.
//! A run's folder is locked for as long as the run lives, so that what a killed run has left is known
//! and removed by a later one; nothing else ever is.

mod abandoned;
mod home;

use std::env;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use home::Home;

/// The longest path of a local socket on Linux, in bytes (`sun_path` without its final zero).
const MAX_PATH: usize = 107;

/// As long as the longest path in a run's folder: that of a one-shot server's socket, which the library
/// of the queue makes. It cuts off a longer one than a socket can have, and says nothing.
const LONGEST_INSIDE: usize = ".tmpXXXXXX/socket".len();

/// What the name of a run's folder begins with.
const PREFIX: &str = "run-";

/// The random letters and digits that follow.
const RANDOM: usize = 12;

/// How often a run's folder is made anew because another run took the unlocked one for abandoned.
const ATTEMPTS: usize = 16;

/// A private folder, locked for as long as its run lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
    /// Left when the folder is removed.
    _home: Home,
}

impl Folder {
    /// A new folder in the first place that has room for one: `$XDG_RUNTIME_DIR`, the folder for
    /// temporary files, or a usual place where both are missing or their paths are too long for a
    /// socket. The folders of runs that were killed are removed on the way.
    ///
    /// # Errors
    ///
    /// No place takes a folder; the message names each and why.
    pub fn create() -> io::Result<Self> {
        let given = [env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)];
        let usual = [env::temp_dir(), "/tmp".into(), "/dev/shm".into()];
        Self::create_in_one_of(given.into_iter().flatten().chain(usual))
    }

    fn create_in_one_of(places: impl Iterator<Item = PathBuf>) -> io::Result<Self> {
        let mut refused = String::new();
        for place in places.filter(|place| place.is_absolute()) {
            match Self::create_in(&place) {
                Ok(folder) => return Ok(folder),
                Err(cause) => refused += &format!("`{}`: {cause}; ", place.display()),
            }
        }
        Err(io::Error::other(format!(
            "there is no place for a private folder: {refused}set TMPDIR to a folder of your own with a short path"
        )))
    }

    fn create_in(place: &Path) -> io::Result<Self> {
        let home = Home::find_or_create(place, check_length)?;
        abandoned::remove_all(home.path());
        for _ in 0..ATTEMPTS {
            if let Some((path, lock)) = lock_new(home.path())? {
                return Ok(Folder {
                    path,
                    _lock: lock,
                    _home: home,
                });
            }
        }
        Err(io::Error::other("others remove what is made in it"))
    }

    /// The file in which this worker of a run leaves what it measured.
    pub fn measured_by(&self, worker: u32) -> PathBuf {
        self.path.join(format!("{}{worker}", abandoned::MEASURED))
    }

    /// Its path. With anything that this program puts into it, it is UTF-8 and no longer than a socket's
    /// path may be.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        abandoned::remove(&self.path);
    }
}

/// Makes and locks a folder. Nothing stands where another run was faster and took it, unlocked as
/// it was, for abandoned.
fn lock_new(home: &Path) -> io::Result<Option<(PathBuf, File)>> {
    let made = tempfile::Builder::new()
        .prefix(PREFIX)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(home)?;
    let path = made.keep();
    let Ok(lock) = File::open(&path) else {
        return Ok(None);
    };
    if flock(&lock, FlockOperation::NonBlockingLockShared).is_err() {
        return Ok(None);
    }
    let inode = lock.metadata()?.ino();
    let is_there = fs::symlink_metadata(&path).is_ok_and(|found| found.ino() == inode);
    Ok(is_there.then_some((path, lock)))
}

/// Refuses a folder in which sockets would have paths that none can have.
fn check_length(home: &Path) -> io::Result<()> {
    let inside = 1 + PREFIX.len() + RANDOM + 1 + LONGEST_INSIDE;
    match home.to_str() {
        Some(text) if text.len() + inside <= MAX_PATH => Ok(()),
        Some(_) => Err(io::Error::other(format!(
            "its path is too long, since that of a socket has at most {MAX_PATH} bytes"
        ))),
        None => Err(io::Error::other("its path is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create_in(places: &[&Path]) -> io::Result<Folder> {
        Folder::create_in_one_of(places.iter().map(|place| place.to_path_buf()))
    }

    #[test]
    fn a_folder_is_private_and_goes_with_its_run() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = create_in(&[place.path()]).expect("room");
        let mode = fs::metadata(folder.path()).expect("there").mode();
        assert_eq!(mode & 0o777, 0o700);
        let path = folder.path().to_path_buf();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_place_with_a_long_path_or_none_at_all_is_passed_over() {
        let place = tempfile::tempdir().expect("a folder");
        let long = place.path().join("a".repeat(100));
        fs::create_dir(&long).expect("room");
        let missing = place.path().join("missing");
        let short = place.path().join("s");
        fs::create_dir(&short).expect("room");
        let relative = Path::new("relative");
        let folder = create_in(&[relative, &long, &missing, &short]).expect("the last one");
        assert!(folder.path().starts_with(&short));
        assert_eq!(fs::read_dir(&long).expect("a folder").count(), 0);
        let error = create_in(&[&long, &missing]).expect_err("no place");
        let error = error.to_string();
        for part in [
            "too long",
            "missing`: ",
            "set TMPDIR to a folder of your own",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
