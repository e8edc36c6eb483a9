//! The folder for a run's sockets, which only its user can enter.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

const PREFIX: &str = "bank-par-";

/// The longest path of a local socket on Linux, in bytes (`sun_path` without its final zero).
const MAX_PATH: usize = 107;

/// A folder younger than this may not be locked yet by the run that made it.
const SETTLED: Duration = Duration::from_secs(60);

/// A private folder, locked for as long as its run lives.
pub struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// A new folder under the system's folder for temporary files. Those of runs that were killed are
    /// removed on the way.
    pub fn create() -> io::Result<Self> {
        sweep(&std::env::temp_dir());
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let lock = File::open(folder.path())?;
        flock(&lock, FlockOperation::NonBlockingLockShared)?;
        Ok(Folder {
            folder,
            _lock: lock,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders that no living run holds. Whatever cannot be removed is left alone.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    let ours = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(PREFIX));
    let names = entries.flatten().map(|entry| entry.path());
    for path in names.filter(|path| path.file_name().is_some_and(ours)) {
        if is_abandoned(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn is_abandoned(path: &PathBuf) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return false;
    };
    let age = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.elapsed().ok());
    let settled = age.is_some_and(|age| age > SETTLED);
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() || !settled {
        return false;
    }
    File::open(path)
        .is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// Refuses a path that no socket can have, and says what to do.
pub(super) fn check_path(path: &Path) -> io::Result<&str> {
    let text = path.to_str().filter(|text| text.len() <= MAX_PATH);
    text.ok_or_else(|| {
        io::Error::other(format!(
            "`{}` is no path for a socket, which has at most {MAX_PATH} bytes of UTF-8: set TMPDIR to a shorter one",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn age(path: &Path) {
        let long_ago = SystemTime::now() - 2 * SETTLED;
        File::open(path)
            .expect("a folder")
            .set_modified(long_ago)
            .expect("our own");
    }

    #[test]
    fn only_folders_that_no_run_holds_are_swept() {
        let parent = tempfile::tempdir().expect("a folder");
        let names = ["bank-par-dead", "bank-par-live", "bank-par-new", "other"];
        let [dead, live, new, other] = names.map(|name| parent.path().join(name));
        for path in [&dead, &live, &new, &other] {
            fs::create_dir(path).expect("room");
        }
        fs::write(dead.join("server"), "").expect("room");
        let held = File::open(&live).expect("a folder");
        flock(&held, FlockOperation::NonBlockingLockShared).expect("nobody else holds it");
        for path in [&dead, &live, &other] {
            age(path);
        }
        sweep(parent.path());
        let left = [dead, live, new, other].map(|path| path.exists());
        assert_eq!(left, [false, true, true, true]);
    }

    #[test]
    fn a_path_that_is_too_long_says_what_to_do() {
        let long = PathBuf::from("/".repeat(108));
        let error = check_path(&long).expect_err("108 bytes");
        assert!(error.to_string().contains("TMPDIR"), "{error}");
    }
}
