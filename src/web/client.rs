//! A connection of a browser, on which no read and no write waits longer than it may.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::poll::{PollKey, PollSet, wait_readable};

/// A connection, by a port or by a socket.
pub(super) struct BrowserLink(File);

impl BrowserLink {
    /// A connection that was accepted.
    pub(super) fn over(stream: impl Into<OwnedFd>) -> io::Result<Self> {
        let stream: OwnedFd = stream.into();
        rustix::io::ioctl_fionbio(&stream, true)?;
        Ok(BrowserLink(File::from(stream)))
    }

    /// Reads what has arrived; zero at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait_readable(self.0.as_fd(), left(until)?)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Writes all of it.
    pub(super) fn write_all(&mut self, mut bytes: &[u8], until: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut set = PollSet::default();
                    set.write(PollKey::Own(0), self.0.as_fd());
                    set.wait(left(until)?)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads on until the other side has closed too, so that what was written to it last is not lost with
    /// what it still sends.
    pub(super) fn close(mut self, until: Instant) {
        let _ = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Write);
        let mut rest = [0; 4_096];
        // As much as a request may have, and a little more.
        for _ in 0..16 {
            if !matches!(self.read(&mut rest, until), Ok(read) if read > 0) {
                return;
            }
        }
    }
}

/// How long it is until then.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}
