//! Descriptors that this program was given, by their numbers.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The number of a descriptor that is named so: `fd:3`, or as the system names it.
pub(super) fn number(name: &str) -> Option<i32> {
    let of_system = ["fd:", "/dev/fd/", "/proc/self/fd/"];
    match name {
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        _ => {
            let digits = of_system
                .iter()
                .find_map(|start| name.strip_prefix(start))?;
            digits.parse().ok().filter(|number| *number >= 0)
        }
    }
}

/// A handle of what is open under this number.
pub(super) fn inherited(number: i32) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{number}");
    // Looked for before anything is opened, which could get that number.
    std::fs::symlink_metadata(&path).ok()?;
    let copy = pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(|own| pidfd_getfd(own, number, PidfdGetfdFlags::empty()));
    // Where the system does not hand out copies, what is open is opened once more.
    copy.ok().or_else(|| {
        let again = File::options().append(true).open(&path);
        again.ok().map(OwnedFd::from)
    })
}

pub(super) fn is_writable(descriptor: &OwnedFd) -> bool {
    let mode = fcntl_getfl(descriptor).map(|flags| flags & OFlags::RWMODE);
    matches!(mode, Ok(mode) if mode == OFlags::WRONLY || mode == OFlags::RDWR)
}

/// A handle of a stream's own.
pub(super) fn copy_of(stream: &impl AsFd) -> io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_has_a_number_in_several_spellings() {
        for (name, expected) in [
            ("fd:3", Some(3)),
            ("/dev/fd/63", Some(63)),
            ("/proc/self/fd/0", Some(0)),
            ("/dev/stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("fd:", None),
            ("fd:-1", None),
            ("fd:x", None),
            ("3", None),
            ("events.jsonl", None),
        ] {
            assert_eq!(number(name), expected, "{name}");
        }
    }
}
