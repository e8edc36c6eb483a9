//! The one folder of a user in which all runs have theirs.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, flock, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;

/// The file that tells such a folder from one that only has its name.
const MARKER: &str = ".private-folder-of-bank-par";

/// What is in it.
const MARK: &str =
    "bank-par keeps the sockets of its runs here, and removes those of killed ones.\n";

/// How many names are tried where others have taken the first ones.
const NAMES: u32 = 9;

/// How often a folder is looked at that another run is just removing.
const LOOKS: u32 = 64;

/// The folder, shared with the user's other runs: the last one that leaves removes it.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    /// Held in part by each run; the one that removes the folder holds all of it.
    lock: File,
}

impl Home {
    /// The user's folder in this place, made if it is not there. What only has its name is left alone,
    /// be it a stranger's or the user's own, and another name is taken.
    ///
    /// # Errors
    ///
    /// No name is free or ours; one that is was refused by `check`; or the system said no.
    pub(super) fn find_or_create(
        place: &Path,
        check: impl Fn(&Path) -> io::Result<()>,
    ) -> io::Result<Self> {
        let user = rustix::process::geteuid().as_raw();
        for number in 1..=NAMES {
            let name = match number {
                1 => format!("bank-par-{user}"),
                _ => format!("bank-par-{user}-{number}"),
            };
            check(&place.join(&name))?;
            if let Some(home) = Self::under(place, &name)? {
                return Ok(home);
            }
        }
        Err(io::Error::other(format!(
            "`bank-par-{user}` and {} more such names there are not ours",
            NAMES - 1
        )))
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of this name; `None` if something else has the name.
    fn under(place: &Path, name: &str) -> io::Result<Option<Self>> {
        let path = place.join(name);
        for _ in 0..LOOKS {
            match Self::enter(&path) {
                Entered::Ours(home) => return Ok(Some(home)),
                Entered::Foreign => return Ok(None),
                Entered::Going => thread::sleep(Duration::from_millis(1)),
                Entered::Absent => {
                    if let Some(home) = Self::create(place, name)? {
                        return Ok(Some(home));
                    }
                }
            }
        }
        Ok(None)
    }

    fn enter(path: &Path) -> Entered {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = match openat(CWD, path, flags, Mode::empty()) {
            Ok(lock) => File::from(lock),
            Err(Errno::NOENT) => return Entered::Absent,
            Err(_) => return Entered::Foreign,
        };
        if !is_private(&lock).unwrap_or(false) {
            return Entered::Foreign;
        }
        if flock(&lock, FlockOperation::NonBlockingLockShared).is_err() {
            return Entered::Going;
        }
        let path = path.to_path_buf();
        match is_marked(&lock) {
            Ok(true) => Entered::Ours(Home { path, lock }),
            // It was removed before it could be locked.
            _ if !is_at(&lock, &path) => Entered::Going,
            _ => Entered::Foreign,
        }
    }

    /// Makes the folder: it has its name from the moment on at which it is marked and locked. Nothing
    /// stands where the name is taken by now.
    fn create(place: &Path, name: &str) -> io::Result<Option<Self>> {
        let made = tempfile::Builder::new()
            .prefix(&format!("{name}.new-"))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place)?;
        fs::write(made.path().join(MARKER), MARK)?;
        let lock = File::open(made.path())?;
        flock(&lock, FlockOperation::NonBlockingLockShared)?;
        let path = place.join(name);
        match renameat_with(CWD, made.path(), CWD, &path, RenameFlags::NOREPLACE) {
            Ok(()) => {
                let _ = made.keep();
                Ok(Some(Home { path, lock }))
            }
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Home {
    /// Removes the folder if this is the last run in it, and nothing else was put there.
    fn drop(&mut self) {
        let is_last = flock(&self.lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        let mut names = fs::read_dir(&self.path).into_iter().flatten().flatten();
        if is_last && is_at(&self.lock, &self.path) && names.all(|name| name.file_name() == MARKER)
        {
            // Who comes now finds the lock taken, or no folder.
            let _ = unlinkat(&self.lock, MARKER, AtFlags::empty());
            let _ = unlinkat(CWD, &self.path, AtFlags::REMOVEDIR);
        }
    }
}

/// What is found under a name.
enum Entered {
    /// A folder that this program made for this user.
    Ours(Home),
    /// Something else.
    Foreign,
    /// A folder of ours that another run is just removing.
    Going,
    /// Nothing.
    Absent,
}

/// Whether the folder is this user's, and no other user can enter it.
fn is_private(folder: &File) -> io::Result<bool> {
    let metadata = folder.metadata()?;
    Ok(is_own(&metadata) && metadata.mode() & 0o777 == 0o700)
}

fn is_own(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Whether an open folder still has this path.
fn is_at(folder: &File, path: &Path) -> bool {
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let found = fs::symlink_metadata(path).map(place).ok();
    found.is_some() && found == folder.metadata().map(place).ok()
}

fn is_marked(folder: impl AsFd) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let marker = File::from(openat(folder, MARKER, flags, Mode::empty())?);
    let metadata = marker.metadata()?;
    if !metadata.is_file() || !is_own(&metadata) {
        return Ok(false);
    }
    let mut mark = Vec::new();
    marker.take(MARK.len() as u64 + 1).read_to_end(&mut mark)?;
    Ok(mark == MARK.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn find(place: &Path) -> io::Result<Home> {
        Home::find_or_create(place, |_| Ok(()))
    }

    fn name(place: &Path, end: &str) -> PathBuf {
        let user = rustix::process::geteuid().as_raw();
        place.join(format!("bank-par-{user}{end}"))
    }

    #[test]
    fn one_folder_serves_all_runs_of_a_user() {
        let place = tempfile::tempdir().expect("a folder");
        let first = find(place.path()).expect("room");
        let second = find(place.path()).expect("the same");
        assert_eq!(first.path(), name(place.path(), ""));
        assert_eq!(second.path(), first.path());
        let left = || fs::read_dir(place.path()).expect("a folder").count();
        drop(first);
        assert_eq!(left(), 1);
        assert!(second.path().join(MARKER).exists());
        drop(second);
        assert_eq!(left(), 0);
    }

    #[test]
    fn a_folder_into_which_something_else_was_put_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let home = find(place.path()).expect("room");
        let path = home.path().to_path_buf();
        fs::write(path.join("notes"), "dear").expect("room");
        drop(home);
        assert_eq!(find(place.path()).expect("the same").path(), path);
        assert!(path.join("notes").exists());
    }

    #[test]
    fn runs_that_come_and_go_at_once_all_have_a_folder() {
        let place = tempfile::tempdir().expect("a folder");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let home = find(place.path()).expect("room");
                        fs::create_dir(home.path().join("own")).ok();
                        assert!(home.path().join(MARKER).exists());
                        fs::remove_dir(home.path().join("own")).ok();
                    }
                });
            }
        });
        let left = fs::read_dir(place.path()).expect("a folder").count();
        assert_eq!(left, 0);
    }

    /// Prepares the first name, and finds the second taken in its place and the first left alone.
    #[track_caller]
    fn check_passed_over(prepare: impl FnOnce(&Path)) {
        let place = tempfile::tempdir().expect("a folder");
        let prepared = name(place.path(), "");
        prepare(&prepared);
        let before = fs::symlink_metadata(&prepared).expect("prepared");
        let found = find(place.path()).expect("another name");
        assert_eq!(found.path(), name(place.path(), "-2"));
        let after = fs::symlink_metadata(&prepared).expect("left alone");
        assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()));
    }

    #[test]
    fn what_only_has_the_name_is_left_alone() {
        let make = |path: &Path| fs::create_dir(path).expect("room");
        let open_to = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own");
        };
        let mark = |path: &Path, mark: &str| {
            fs::write(path.join(MARKER), mark).expect("room");
        };
        check_passed_over(|path| {
            make(path);
            open_to(path, 0o700);
        });
        check_passed_over(|path| {
            make(path);
            mark(path, MARK);
            open_to(path, 0o755);
        });
        check_passed_over(|path| {
            make(path);
            mark(path, "something else");
            open_to(path, 0o700);
        });
        check_passed_over(|path| fs::write(path, "a file").expect("room"));
        check_passed_over(|path| symlink("/nowhere", path).expect("a link"));
    }

    #[test]
    fn a_link_to_a_folder_of_ours_is_not_followed() {
        let place = tempfile::tempdir().expect("a folder");
        let other = tempfile::tempdir().expect("a folder");
        let elsewhere = find(other.path()).expect("room");
        symlink(elsewhere.path(), name(place.path(), "")).expect("a link");
        let found = find(place.path()).expect("room");
        assert_eq!(found.path(), name(place.path(), "-2"));
    }

    #[test]
    fn where_all_names_are_taken_there_is_no_folder() {
        let place = tempfile::tempdir().expect("a folder");
        fs::write(name(place.path(), ""), "").expect("room");
        for number in 2..=NAMES {
            fs::write(name(place.path(), &format!("-{number}")), "").expect("room");
        }
        let error = find(place.path()).expect_err("nothing is free");
        assert!(error.to_string().contains("are not ours"), "{error}");
    }
}
