//! Removing the folders of runs: only those, only with what runs put there, and never through a link.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, flock, openat, unlinkat};

use super::{PREFIX, RANDOM};

/// The only thing in the folder that the queue's library makes for a one-shot server.
const RENDEZVOUS: &str = "socket";
/// The only thing that is made in the folder of a command's attempt.
const SPENT: &str = "actual";
/// What a worker that measures leaves for its parent begins with this, and ends with its number.
pub(super) const MEASURED: &str = "measured-";
/// The most folders that one start looks at, so that what cannot be removed costs little.
const MOST: usize = 256;

/// Removes the folders of runs in a user's folder that no living run holds. What cannot be removed is
/// left alone.
pub(super) fn remove_all(home: &Path) {
    let Some(home) = enter(CWD, home) else { return };
    let runs = names(&home);
    let runs = runs.iter().filter(|name| name.to_str().is_ok_and(is_run));
    for name in runs.take(MOST) {
        remove_in(home.as_fd(), name);
    }
}

/// Removes the folder of a run that ends, which still holds its lock.
pub(super) fn remove(path: &Path) {
    if let Some(folder) = enter(CWD, path) {
        clear(&folder);
        // It may hold what others put there.
        let _ = unlinkat(CWD, path, AtFlags::REMOVEDIR);
    }
}

fn remove_in(home: BorrowedFd<'_>, name: &CStr) {
    let Some(folder) = enter(home, name) else {
        return;
    };
    // Its run holds a share of this lock until its end, whichever it is.
    if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
        clear(&folder);
        let _ = unlinkat(home, name, AtFlags::REMOVEDIR);
    }
}

/// Removes what a run puts into its folder.
fn clear(folder: &OwnedFd) {
    for name in names(folder) {
        let Ok(text) = name.to_str() else { continue };
        let inside = match text {
            text if text == "server" || text.starts_with(MEASURED) => {
                let _ = unlinkat(folder, &*name, AtFlags::empty());
                continue;
            }
            text if is_rendezvous(text) => RENDEZVOUS,
            text if is_of_command(text) => SPENT,
            _ => continue,
        };
        if let Some(inner) = enter(folder, &*name) {
            let _ = unlinkat(inner, inside, AtFlags::empty());
            let _ = unlinkat(folder, &*name, AtFlags::REMOVEDIR);
        }
    }
}

fn enter(at: impl AsFd, path: impl rustix::path::Arg) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, path, flags, Mode::empty()).ok()
}

fn names(folder: &OwnedFd) -> Vec<Box<CStr>> {
    let Ok(entries) = Dir::read_from(folder) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| Box::from(entry.file_name()));
    names.collect()
}

fn is_run(name: &str) -> bool {
    is_random(name, PREFIX, RANDOM)
}

fn is_rendezvous(name: &str) -> bool {
    is_random(name, ".tmp", 6)
}

fn is_random(name: &str, prefix: &str, count: usize) -> bool {
    let rest = name.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.len() == count && rest.bytes().all(|c| c.is_ascii_alphanumeric()))
}

/// The folder in which the only command, or the one with this number, says what it has spent.
fn is_of_command(name: &str) -> bool {
    let digits = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    name == "work" || (1..=16).contains(&name.len()) && name.bytes().all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    const MADE: [&str; 5] = [
        ".tmpAbC123/socket",
        "server",
        "measured-7",
        "work/actual",
        "1f/actual",
    ];

    /// A folder of a run in `home`, with what runs put there.
    fn run(home: &Path, name: &str) -> std::path::PathBuf {
        let path = home.join(name);
        for folder in [".tmpAbC123", "work", "1f", "2"] {
            fs::create_dir_all(path.join(folder)).expect("room");
        }
        for file in MADE {
            fs::write(path.join(file), "").expect("room");
        }
        path
    }

    #[test]
    fn only_folders_of_runs_that_no_run_holds_are_removed() {
        let home = tempfile::tempdir().expect("a folder");
        let dead = run(home.path(), "run-0123456789ab");
        let live = run(home.path(), "run-AAAAAAAAAAAA");
        let lock = File::open(&live).expect("a folder");
        flock(&lock, FlockOperation::NonBlockingLockShared).expect("no other lock");
        let named = [
            "run-0123456789abc",
            "run-short",
            "other",
            "run-0123456789.b",
        ];
        let others = named.map(|name| run(home.path(), name));
        remove_all(home.path());
        assert!(!dead.exists() && live.join("server").exists());
        for other in &others {
            assert!(other.join("work/actual").exists(), "{}", other.display());
        }
        drop(lock);
        remove_all(home.path());
        assert!(!live.exists());
    }

    #[test]
    fn what_no_run_makes_stays_where_it_is() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = run(home.path(), "run-0123456789ab");
        let kept = [
            "bank.db",
            "actual",
            ".git/HEAD",
            ".tmpAbC124/notes",
            "1/deep",
        ];
        for file in kept {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("room");
            fs::write(path, "dear").expect("room");
        }
        remove_all(home.path());
        for file in kept {
            let found = fs::read_to_string(folder.join(file));
            assert_eq!(found.expect(file), "dear");
        }
        assert!(!folder.join("server").exists());
    }

    #[test]
    fn no_link_is_followed() {
        let (home, other) = (tempfile::tempdir(), tempfile::tempdir());
        let (home, other) = (home.expect("a folder"), other.expect("a folder"));
        let target = run(other.path(), "target");
        symlink(&target, home.path().join("run-0123456789ab")).expect("a link");
        let dead = run(home.path(), "run-BBBBBBBBBBBB");
        symlink(&target, dead.join(".tmpAbC125")).expect("a link");
        symlink(target.join("work"), dead.join("3")).expect("a link");
        remove_all(home.path());
        for file in MADE {
            assert!(target.join(file).exists(), "{file}");
        }
    }
}
