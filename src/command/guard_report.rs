//! What a guard tells of its command. It is kept in memory that both processes have open, so it outlives
//! the guard, and it lies in no folder that others clean.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;

use rustix::io::FdFlags;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::work::Termination;

/// How long what is told is, so that it is always written in one piece.
const BYTES: usize = 96;

/// What a guard tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GuardMessage {
    /// It has not begun to start the command.
    NotStarted,
    /// It is about to start it.
    Starting,
    /// The command is this process.
    Started(u32),
    /// The command's end was seen.
    Ended {
        exit: Exit,
        /// Why the guard ended it, if it did.
        termination: Option<Termination>,
    },
    /// What it told cannot be read.
    Unknown,
}

/// The memory in which it is told.
pub(super) struct GuardReport(File);

impl GuardReport {
    /// A report in which nothing is told so far.
    pub(super) fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            let flags = rustix::fs::MemfdFlags::CLOEXEC;
            let memory = rustix::fs::memfd_create("bank-par guard", flags)?;
            Ok(GuardReport(File::from(memory)))
        }
        #[cfg(not(target_os = "linux"))]
        {
            Ok(GuardReport(tempfile::tempfile()?))
        }
    }

    /// The number by which a process that is started inherits it while it is [`lent`](Self::lend).
    pub(super) fn number(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Lets what this process starts inherit it, or no longer.
    pub(super) fn lend(&self, lent: bool) -> io::Result<()> {
        let flags = match lent {
            true => FdFlags::empty(),
            false => FdFlags::CLOEXEC,
        };
        Ok(rustix::io::fcntl_setfd(&self.0, flags)?)
    }

    /// The report that this process inherited under this number, and that what it starts does not.
    pub(super) fn inherited(number: RawFd) -> io::Result<Self> {
        let folder = if cfg!(target_os = "linux") {
            "/proc/self/fd"
        } else {
            "/dev/fd"
        };
        let path = format!("{folder}/{number}");
        let opened = File::options().read(true).write(true).open(path)?;
        nix::unistd::close(number)?;
        Ok(GuardReport(opened))
    }

    pub(super) fn write(&self, message: GuardMessage) -> io::Result<()> {
        let text = serde_json::to_string(&message)?;
        self.0.write_all_at(format!("{text:<BYTES$}").as_bytes(), 0)
    }

    pub(super) fn read(&self) -> GuardMessage {
        let mut bytes = [0; BYTES];
        match self.0.read_at(&mut bytes, 0) {
            Ok(0) => GuardMessage::NotStarted,
            Ok(count) => serde_json::from_slice(&bytes[..count]).unwrap_or(GuardMessage::Unknown),
            Err(_) => GuardMessage::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_and_what_is_not_is_in_doubt() {
        let report = GuardReport::new().expect("memory");
        assert_eq!(report.read(), GuardMessage::NotStarted);
        let exits = [Exit::Status(0), Exit::Status(255), Exit::Signal(9)];
        let cuts = [None, Some(Termination::TimeOver), Some(Termination::Asked)];
        let ended = exits.into_iter().flat_map(|exit| {
            cuts.into_iter()
                .map(move |termination| GuardMessage::Ended { exit, termination })
        });
        let before = [
            GuardMessage::Starting,
            GuardMessage::Started(1),
            GuardMessage::NotStarted,
        ];
        for message in before.into_iter().chain(ended) {
            report.write(message).expect("written");
            assert_eq!(report.0.metadata().expect("memory").len(), BYTES as u64);
            assert_eq!(report.read(), message);
        }
        for bytes in ["\"over\"", "{\"started\":", "ended"] {
            let report = GuardReport::new().expect("memory");
            report.0.write_all_at(bytes.as_bytes(), 0).expect("written");
            assert_eq!(report.read(), GuardMessage::Unknown, "{bytes}");
        }
    }
}
