//! What carries the bytes between a client and the server of a ledger: a local socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::os::unix::uds_local_socket::Stream;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use super::connection::GREETING_PATIENCE;
use crate::poll::{PollKey, PollSet};
use crate::wake::{RunningClock, TICK};

/// The bytes of one connection, in both directions.
pub(crate) trait ByteStream: Send {
    /// Takes as many of these bytes as there is room for now.
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<usize>;

    /// Waits for a moment until something has come, or something more can be sent if that is wanted; puts what
    /// has come into this room and tells how much, 0 at the end.
    fn receive(&mut self, room: &mut [u8], sends_more: bool) -> io::Result<usize>;

    /// How long it has gone on.
    fn now(&mut self) -> Duration;
}

/// A socket that is connected to a server.
pub(super) struct SocketStream {
    socket: OwnedFd,
    clock: RunningClock,
}

impl SocketStream {
    /// Connects to the server that listens on this socket, if it is this user's own.
    pub(super) fn connect(path: &Path) -> Result<Box<dyn ByteStream>, String> {
        let socket = open(path)?;
        let (socket, owner) = owner(socket).map_err(|error| format!("cannot be known: {error}"))?;
        let ours = rustix::process::geteuid().as_raw();
        match owner {
            Some(owner) if owner == ours => {}
            Some(owner) => {
                return Err(format!(
                    "belongs to user {owner}, and this process to user {ours}: only a server of one's own is used"
                ));
            }
            None => {
                return Err(
                    "belongs to a user that the system does not tell, and is not used".to_string(),
                );
            }
        }
        set_socket_timeout(&socket, Timeout::Recv, Some(TICK)).map_err(failed)?;
        let clock = RunningClock::start();
        Ok(Box::new(SocketStream { socket, clock }))
    }

    /// Waits for a moment until something can be read or sent.
    fn wait(&self) -> io::Result<()> {
        let mut set = PollSet::default();
        set.read(PollKey::Own(0), self.socket.as_fd());
        set.write(PollKey::Own(1), self.socket.as_fd());
        set.wait(TICK).map(drop)
    }
}

impl ByteStream for SocketStream {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        rustix::net::send(&self.socket, bytes, flags)
    }

    fn receive(&mut self, room: &mut [u8], sends_more: bool) -> io::Result<usize> {
        let mut flags = RecvFlags::empty();
        if sends_more {
            // The server may have to be told more before it answers.
            self.wait()?;
            flags = RecvFlags::DONTWAIT;
        }
        Ok(rustix::net::recv(&self.socket, room, flags)?.0)
    }

    fn now(&mut self) -> Duration {
        self.clock.now()
    }
}

/// Connects, waiting for at most [`GREETING_PATIENCE`] where a server's queue is full.
fn open(path: &Path) -> Result<OwnedFd, String> {
    let address = SocketAddrUnix::new(path)
        .map_err(|_| "cannot be reached: a socket's path has at most 107 bytes".to_string())?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(failed)?;
    set_socket_timeout(&socket, Timeout::Send, Some(GREETING_PATIENCE)).map_err(failed)?;
    loop {
        return match rustix::net::connect(&socket, &address) {
            Ok(()) => Ok(socket),
            Err(Errno::INTR) => continue,
            Err(Errno::NOENT) => {
                Err("is not there: start it with `bank-par serve`, or check the path".to_string())
            }
            Err(Errno::CONNREFUSED) => Err(
                "has ended and left its socket: start it anew with `bank-par serve`".to_string(),
            ),
            Err(Errno::AGAIN) => Err(format!(
                "did not accept process {} for {GREETING_PATIENCE:?}: it may be stopped",
                std::process::id()
            )),
            Err(errno) => Err(failed(errno)),
        };
    }
}

/// The user whose server it is.
fn owner(socket: OwnedFd) -> io::Result<(OwnedFd, Option<u32>)> {
    let stream = Stream::from(socket);
    let owner = stream.peer_creds()?.euid();
    Ok((OwnedFd::from(stream), owner))
}

pub(super) fn failed(errno: Errno) -> String {
    format!("cannot be reached: {}", io::Error::from(errno))
}
