//! Locks on bytes of a file that belong to the open file: they end with its last descriptor, and not
//! when the process closes another descriptor of the same file.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Which others a lock keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockKind {
    /// Those who want it for themselves alone.
    Shared,
    /// All.
    Exclusive,
}

/// Takes the lock on a byte, or turns the one that the open file has into this kind; false if another
/// open file has one that keeps it out.
pub(super) fn try_lock(file: &File, byte: u64, kind: LockKind) -> io::Result<bool> {
    let kind = match kind {
        LockKind::Shared => libc::F_RDLCK,
        LockKind::Exclusive => libc::F_WRLCK,
    };
    let lock = bytes(kind, byte, 1)?;
    match fcntl(file, FcntlArg::F_OFD_SETLK(&lock)) {
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        locked => Ok(locked.map(|_| true)?),
    }
}

/// Gives the lock on a byte back.
pub(super) fn unlock(file: &File, byte: u64) -> io::Result<()> {
    let lock = bytes(libc::F_UNLCK, byte, 1)?;
    Ok(fcntl(file, FcntlArg::F_OFD_SETLK(&lock)).map(drop)?)
}

/// Who has a lock on one of these bytes other than this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// This process; 0 where it cannot be seen from here.
    Process(i32),
    /// An open file.
    File,
}

/// Who, other than this process, has a lock on one of these bytes. A lock of an open file is told even
/// if this process has it.
pub(super) fn holder(file: &File, first: u64, count: u64) -> io::Result<Option<Holder>> {
    let mut lock = bytes(libc::F_WRLCK, first, count)?;
    fcntl(file, FcntlArg::F_GETLK(&mut lock))?;
    Ok(match i32::from(lock.l_type) {
        libc::F_UNLCK => None,
        _ if lock.l_pid < 0 => Some(Holder::File),
        _ => Some(Holder::Process(lock.l_pid)),
    })
}

fn bytes(kind: i32, first: u64, count: u64) -> io::Result<libc::flock> {
    let far = |_| io::Error::from(io::ErrorKind::InvalidInput);
    Ok(libc::flock {
        l_type: i16::try_from(kind).map_err(far)?,
        l_whence: 0,
        l_start: i64::try_from(first).map_err(far)?,
        l_len: i64::try_from(count).map_err(far)?,
        l_pid: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_an_open_file_is_told_as_one() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let other = File::open(file.path()).expect("opened");
        let held = |first| holder(&other, first, 2).expect("asked");
        assert!(try_lock(file.as_file(), 7, LockKind::Exclusive).expect("asked"));
        assert!(!try_lock(&other, 7, LockKind::Shared).expect("asked"));
        assert_eq!((held(6), held(8)), (Some(Holder::File), None));
        unlock(file.as_file(), 7).expect("unlocked");
        assert_eq!(held(6), None);
    }
}
