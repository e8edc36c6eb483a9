//! The beginning and the end of what a command writes: its last words say why it failed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::work::MAX_OUTPUT;

/// How much of it is the end, where not all is kept.
const END: usize = 1_024;

/// What was written: the beginning and the end, and how much there was between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Captured {
    /// At most [`MAX_OUTPUT`] bytes.
    pub(super) bytes: Vec<u8>,
    /// How many bytes are missing before the last [`END`].
    pub(super) dropped: u64,
}

/// Reads one stream of a command, and never waits for it.
pub(super) struct Capture {
    /// Until its end.
    pipe: Option<File>,
    captured: Captured,
    /// The last bytes, beyond those that are kept of the beginning.
    end: Vec<u8>,
}

impl Capture {
    pub(super) fn new(pipe: impl Into<OwnedFd>) -> Self {
        let pipe = pipe.into();
        let open = rustix::io::ioctl_fionbio(&pipe, true).is_ok();
        Capture {
            pipe: open.then(|| File::from(pipe)),
            captured: Captured::default(),
            end: Vec::new(),
        }
    }

    /// What is to be polled, until the end.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(File::as_fd)
    }

    /// Reads what is there, as far as one look goes.
    pub(super) fn read(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return false;
        };
        let mut block = [0; 16 * 1_024];
        match pipe.read(&mut block) {
            Ok(0) => self.pipe = None,
            Ok(count) => {
                let room = MAX_OUTPUT - END - self.captured.bytes.len();
                let (beginning, rest) = block[..count].split_at(count.min(room));
                self.captured.bytes.extend(beginning);
                self.end.extend(rest);
                let dropped = self.end.len().saturating_sub(END);
                self.end.drain(..dropped);
                self.captured.dropped += dropped as u64;
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.pipe = None,
        }
        false
    }

    /// Reads the rest of a command that is gone.
    pub(super) fn finish(capture: Option<Self>) -> Captured {
        let Some(mut capture) = capture else {
            return Captured::default();
        };
        while capture.read() {}
        capture.captured.bytes.append(&mut capture.end);
        capture.captured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_beginning_and_the_end_are_kept_and_the_rest_counted() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let mut capture = Capture::new(reader);
        assert!(!capture.read(), "nothing is there");
        let block = [b'x'; 10_000];
        for _ in 0..5 {
            writer.write_all(&block).expect("room");
            assert!(capture.read());
        }
        writer.write_all(b"end").expect("room");
        // A process that still has the other end is not waited for.
        let captured = Capture::finish(Some(capture));
        assert_eq!(captured.bytes.len(), MAX_OUTPUT);
        assert_eq!(captured.dropped, 50_003 - MAX_OUTPUT as u64);
        assert!(captured.bytes.ends_with(b"xend"));
    }
}
