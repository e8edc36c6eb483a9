//! What SQLite keeps beside a ledger while it is in use: its log, the memory that its users share, and
//! a journal where one comes from another program.
//!
//! What lies there is believed, so only who may write to the ledger may have put it there. All of it has
//! the ledger's mode, owner and group, so that what the ledger keeps from others is kept from them, and
//! what one of its users leaves behind is in no other's way.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};

use crate::store::LedgerError;

/// The log.
pub(super) const LOG: &str = "-wal";
/// The memory that a ledger's users share.
pub(super) const SHARED: &str = "-shm";
/// The journal of a ledger that has no log.
pub(super) const JOURNAL: &str = "-journal";

/// How often what lies beside a ledger is looked at while it does not fit, and the shortest pause between.
pub(super) const LOOKS: u32 = 60;
pub(super) const PAUSE: Duration = Duration::from_micros(500);

/// The bits of a mode that tell who may do what.
const MODE: u32 = 0o777;

/// A file whose name begins like the ledger's.
pub(super) fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// What lies at this path, `None` if nothing does. Links are not followed.
pub(super) fn about(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(Some(about)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A ledger's file and what lay beside it when that was looked at.
pub(super) struct SideFiles {
    ledger: Metadata,
    pub(super) log: Option<Metadata>,
    shared: Option<Metadata>,
    pub(super) journal: Option<Metadata>,
}

/// Refuses what another user put beside the ledger, and whatever is no plain file there.
pub(super) fn check(ledger: &Path) -> Result<SideFiles, LedgerError> {
    let mut looks = 1;
    loop {
        match look(ledger) {
            // A user of the ledger's group has just put it there and not yet given it that group.
            Err(LedgerError::Beside { .. }) if looks < LOOKS => thread::sleep(PAUSE),
            looked => return looked,
        }
        looks += 1;
    }
}

fn look(ledger: &Path) -> Result<SideFiles, LedgerError> {
    let failed = |cause| failed(ledger, cause);
    let about = |ending| about(&beside(ledger, ending)).map_err(failed);
    let found = SideFiles {
        ledger: fs::metadata(ledger).map_err(failed)?,
        log: about(LOG)?,
        shared: about(SHARED)?,
        journal: about(JOURNAL)?,
    };
    let SideFiles {
        ledger: own,
        log,
        shared,
        journal,
    } = &found;
    let user = rustix::process::geteuid().as_raw();
    for (ending, side) in [(LOG, log), (SHARED, shared), (JOURNAL, journal)] {
        let Some(side) = side else { continue };
        let what = match () {
            () if !side.is_file() => "is no regular file",
            () if side.nlink() > 1 => "has several names (hard links)",
            () if !is_trusted(&OwnerMode::of(side), &OwnerMode::of(own), user) => {
                "is from a user who may not write to the ledger"
            }
            () => continue,
        };
        return Err(LedgerError::Beside {
            ledger: ledger.to_owned(),
            path: beside(ledger, ending),
            what,
        });
    }
    Ok(found)
}

/// Whose a file is, and who may do what with it.
struct OwnerMode {
    user: u32,
    group: u32,
    mode: u32,
}

impl OwnerMode {
    fn of(about: &Metadata) -> Self {
        OwnerMode {
            user: about.uid(),
            group: about.gid(),
            mode: about.mode(),
        }
    }
}

/// Whether the owner of a side file may write to the ledger itself, as this user sees it.
fn is_trusted(side: &OwnerMode, ledger: &OwnerMode, user: u32) -> bool {
    let by_group = ledger.mode & 0o020 != 0 && side.group == ledger.group;
    let by_all = ledger.mode & 0o002 != 0;
    [ledger.user, user, 0].contains(&side.user) || by_group || by_all
}

/// Gives what lies beside the ledger the ledger's mode, owner and group, as far as this user may.
pub(super) fn follow(ledger: &Path, found: &SideFiles) {
    let own = &found.ledger;
    for (ending, side) in [(LOG, &found.log), (SHARED, &found.shared)] {
        let differs = side.as_ref().is_some_and(|side| {
            side.mode() & MODE != own.mode() & MODE
                || (side.uid(), side.gid()) != (own.uid(), own.gid())
        });
        if differs {
            // What this user may not change stays as another user of the ledger made it.
            let _ = make_alike(&beside(ledger, ending), own);
        }
    }
}

/// The file is opened as a mere place: no link is followed to another file, and closing it drops none of
/// SQLite's locks.
fn make_alike(path: &Path, own: &Metadata) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let side = place.metadata()?;
    let user = rustix::process::geteuid();
    if !side.is_file() || !(user.is_root() || side.uid() == user.as_raw()) {
        return Ok(());
    }
    let owner = user.is_root().then(|| Uid::from_raw(own.uid()));
    let group = Some(Gid::from_raw(own.gid()));
    let owned = rustix::fs::chownat(&place, "", owner, group, AtFlags::EMPTY_PATH);
    let alias = format!("/proc/self/fd/{}", place.as_raw_fd());
    fs::set_permissions(alias, Permissions::from_mode(own.mode() & MODE))?;
    Ok(owned?)
}

fn failed(ledger: &Path, cause: io::Error) -> LedgerError {
    LedgerError::Io {
        ledger: ledger.display().to_string(),
        doing: "open",
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_write_to_the_ledger_may_have_put_something_beside_it() {
        const OWNER: u32 = 1;
        const THIS_USER: u32 = 2;
        const OTHER: u32 = 3;
        // The owner and the group of a side file, the mode of the ledger of user 1 and group 10.
        let is_trusted = |user, group, mode| {
            let side = OwnerMode {
                user,
                group,
                mode: 0,
            };
            let ledger = OwnerMode {
                user: OWNER,
                group: 10,
                mode,
            };
            super::is_trusted(&side, &ledger, THIS_USER)
        };
        for user in [OWNER, THIS_USER, 0] {
            assert!(is_trusted(user, 20, 0o600), "user {user}");
        }
        assert!(!is_trusted(OTHER, 10, 0o640), "its group may read it alone");
        assert!(is_trusted(OTHER, 10, 0o660), "its group may write to it");
        assert!(!is_trusted(OTHER, 20, 0o664), "another group");
        assert!(is_trusted(OTHER, 20, 0o666), "all may write to it");
    }

    #[test]
    fn what_lies_beside_a_ledger_gets_its_mode_and_a_folder_there_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join("bank.db");
        let allow = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("allowed");
        };
        let mode = |path: &Path| fs::metadata(path).expect("a file").mode() & MODE;
        fs::write(&ledger, "").expect("written");
        fs::write(beside(&ledger, LOG), "").expect("written");
        allow(&ledger, 0o640);
        allow(&beside(&ledger, LOG), 0o600);
        follow(&ledger, &check(&ledger).expect("plain files"));
        assert_eq!(mode(&beside(&ledger, LOG)), 0o640);

        let shared = beside(&ledger, SHARED);
        fs::create_dir(&shared).expect("made");
        allow(&shared, 0o700);
        let own = fs::metadata(&ledger).expect("a ledger");
        make_alike(&shared, &own).expect("passed over");
        assert_eq!(mode(&shared), 0o700);
    }
}
