//! A client's connection to the server of a ledger.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::os::unix::uds_local_socket::Stream;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::poll::{PollKey, PollSet};
use crate::protocol::{
    Inbox, LedgerFault, Outbox, ProtocolError, Query, Response, ToClient, VERSION,
};
use crate::store::LedgerRequest;
use crate::wake::{RunningClock, TICK};

/// How long a server may take to accept and greet.
const GREETING_PATIENCE: Duration = Duration::from_secs(10);

/// Why a connection is of no use any more, in words that follow `the server of the ledger ...`.
pub(super) enum Trouble {
    /// The server is gone or silent.
    Lost(String),
    /// One side sent, or was to send, what the protocol does not allow.
    ProtocolViolation(String),
}

/// One connection.
pub(super) struct Connection {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
    /// What arrived and was not taken.
    findings: VecDeque<Response>,
    /// The server has greeted.
    greeted: bool,
    /// Something was sent since this was last looked at.
    has_sent: bool,
    clock: RunningClock,
}

impl Trouble {
    fn into_message(self) -> String {
        match self {
            Trouble::Lost(what) | Trouble::ProtocolViolation(what) => what,
        }
    }
}

impl Connection {
    pub(super) fn connect(path: &Path) -> Result<Self, String> {
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
        let mut line = Connection {
            socket,
            inbox: Inbox::default(),
            outbox: Outbox::new(0),
            findings: VecDeque::new(),
            greeted: false,
            has_sent: false,
            clock: RunningClock::start(),
        };
        line.outbox.greeting();
        let greeted = line.exchange(GREETING_PATIENCE, |line| line.greeted);
        greeted.map_err(Trouble::into_message)?;
        match line.findings.pop_front() {
            None => Ok(line),
            Some(Response::Failed(LedgerFault { why, .. })) => Err(format!("answers: {why}")),
            Some(_) => Err("answered before it was asked".to_string()),
        }
    }

    /// Puts a request on its way.
    pub(super) fn request(&mut self, request: &LedgerRequest) -> Result<(), Trouble> {
        self.outbox.ledger_request(request).map_err(wrong)
    }

    /// Puts a question on its way.
    pub(super) fn ask(&mut self, question: &Query) -> Result<(), Trouble> {
        self.outbox.question(question).map_err(wrong)
    }

    /// Notes that what is sent from now on counts for [`Connection::has_sent`].
    pub(super) fn forget_sent(&mut self) {
        self.has_sent = false;
    }

    /// Whether anything was sent since.
    pub(super) fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Whether all that was asked is sent, and all that came is taken.
    pub(super) fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.inbox.is_empty() && self.findings.is_empty()
    }

    /// The next piece of an answer; on the way, sends what waits.
    pub(super) fn finding(&mut self, patience: Duration) -> Result<Response, Trouble> {
        if self.findings.is_empty() {
            self.exchange(patience, |line| !line.findings.is_empty())?;
        }
        let next = self.findings.pop_front();
        next.ok_or_else(|| Trouble::Lost("said nothing".to_string()))
    }

    /// Sends and reads until `enough`; `patience` is for the time without any progress.
    fn exchange(
        &mut self,
        patience: Duration,
        enough: impl Fn(&Self) -> bool,
    ) -> Result<(), Trouble> {
        let mut since = self.clock.now();
        loop {
            self.send().map_err(Trouble::Lost)?;
            if let Some(ended) = self.read().map_err(Trouble::Lost)? {
                self.take().map_err(wrong)?;
                if enough(self) {
                    return Ok(());
                }
                if ended {
                    return Err(Trouble::Lost("ended the connection".to_string()));
                }
                since = self.clock.now();
            } else if self.clock.now().saturating_sub(since) >= patience {
                let pid = std::process::id();
                return Err(Trouble::Lost(format!(
                    "did not answer process {pid} for {patience:?}: it may be stopped, or its ledger locked by others"
                )));
            }
        }
    }

    /// Sends as much as the kernel takes.
    fn send(&mut self) -> Result<(), String> {
        while !self.outbox.is_empty() {
            match rustix::net::send(
                &self.socket,
                self.outbox.unsent(),
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(count) => {
                    self.has_sent = true;
                    self.outbox.sent(count);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // It may have said why; what it said is read, and then its end.
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    let rest = self.outbox.unsent().len();
                    self.outbox.sent(rest);
                    break;
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }

    /// Waits for a moment and reads what is there, true at the end; `None` if nothing came.
    fn read(&mut self) -> Result<Option<bool>, String> {
        let mut flags = RecvFlags::empty();
        if !self.outbox.is_empty() {
            // The server may have to be told more before it answers.
            self.wait()?;
            flags = RecvFlags::DONTWAIT;
        }
        let socket = &self.socket;
        let read = |room: &mut [u8]| Ok(rustix::net::recv(socket, room, flags)?.0);
        match self.inbox.fill(read) {
            Ok(0) => Ok(Some(true)),
            Ok(_) => Ok(Some(false)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                io::ErrorKind::ConnectionReset => Ok(Some(true)),
                _ => Err(format!("cannot be heard: {error}")),
            },
        }
    }

    /// Waits for a moment until something can be read or sent.
    fn wait(&self) -> Result<(), String> {
        let mut set = PollSet::default();
        set.read(PollKey::Own(0), self.socket.as_fd());
        set.write(PollKey::Own(1), self.socket.as_fd());
        let waited = set.wait(TICK);
        waited
            .map(drop)
            .map_err(|error| format!("cannot be heard: {error}"))
    }

    /// Decodes what arrived.
    fn take(&mut self) -> Result<(), ProtocolError> {
        while let Some(frame) = self.inbox.take()? {
            match frame.to_client()? {
                ToClient::Greeting(VERSION) if !self.greeted => self.greeted = true,
                ToClient::Greeting(theirs) => return Err(ProtocolError::Version { theirs }),
                ToClient::Findings(findings) if self.greeted => self.findings.extend(findings),
                ToClient::Findings(_) => return Err(ProtocolError::Content("first message")),
            }
        }
        Ok(())
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

fn failed(errno: Errno) -> String {
    format!("cannot be reached: {}", io::Error::from(errno))
}

fn wrong(error: ProtocolError) -> Trouble {
    Trouble::ProtocolViolation(format!("is not understood: {error}"))
}
