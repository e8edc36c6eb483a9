//! The server, and the link that its clients reach it by.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use super::Planted;
use super::faults::Faults;
use crate::poll::PollKey;
use crate::serve::client::Client;
use crate::serve::log::ServerLog;
use crate::serve::query::ClientQuery;
use crate::serve::{ServeError, Server};
use crate::simulation::chance::Chance;
use crate::store::{
    ByteStream, CommitFate, HostClock, LedgerError, OwnedFor, OwnerThread, Remote, SharedRows,
};
use crate::wake::Alarm;

/// The most bytes that are passed on as one piece.
const PIECE: usize = 400;
/// The longest that the link stalls: longer than a client waits.
const STALL: usize = 70_000;

/// One connection.
struct Ends {
    /// What the server reads and writes has this other end; nothing once one of them is gone.
    socket: Option<UnixStream>,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// The client's end is gone. What it had sent may still arrive.
    is_cut: bool,
    /// How much the client has sent.
    sent: usize,
    /// What goes wrong with it.
    chance: Chance,
}

/// The server, the connections to it, and what they go through.
pub(super) struct Network {
    pub(super) chance: Chance,
    pub(super) now: Duration,
    pub(super) faults: Faults,
    planted: Option<Planted>,
    rows: SharedRows,
    clock: HostClock,
    server: Option<Server>,
    processes: u32,
    connections: BTreeMap<u32, Ends>,
    last: u32,
    /// What the server sent last, to whichever client.
    last_sent: Vec<u8>,
    /// What broke the server's loop.
    pub(super) broken: Option<String>,
    /// What happened, if that is wanted.
    pub(super) trace: Option<Vec<String>>,
}

/// The network, as all clients have it.
#[derive(Clone)]
pub(super) struct Link(Arc<Mutex<Network>>);

/// A client's end of a connection.
struct ClientEnd {
    link: Link,
    key: u32,
}

impl Link {
    pub(super) fn new(
        chance: Chance,
        faults: Faults,
        rows: SharedRows,
        planted: Option<Planted>,
        traced: bool,
    ) -> Self {
        Link(Arc::new(Mutex::new(Network {
            chance,
            now: Duration::ZERO,
            faults,
            planted,
            rows,
            clock: HostClock::new(),
            server: None,
            processes: 0,
            connections: BTreeMap::new(),
            last: 0,
            last_sent: Vec::new(),
            broken: None,
            trace: traced.then(Vec::new),
        })))
    }

    pub(super) fn network(&self) -> MutexGuard<'_, Network> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of the server, with what decides about its connections.
    pub(super) fn client(&self, chance: Chance) -> Result<Remote, LedgerError> {
        let (link, chance) = (self.clone(), Mutex::new(chance));
        let dial = move |_: &Path| {
            let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
            let key = link.network().connect(chance.fork())?;
            let link = link.clone();
            let end: Box<dyn ByteStream> = Box::new(ClientEnd { link, key });
            Ok(end)
        };
        Remote::connect_by(Box::new(dial), Path::new("simulated"))
    }
}

impl Network {
    pub(super) fn note(&mut self, words: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:?} {}", words()));
        }
    }

    fn kill_server(&mut self) {
        if self.server.take().is_some() {
            self.note(|| "the server is killed".to_string());
        }
    }

    fn connect(&mut self, mut chance: Chance) -> Result<u32, String> {
        if self.server.is_none() {
            if chance.happens(300) {
                self.now += chance.millis(2_000);
                return Err("is not there".to_string());
            }
            self.server = Some(self.start().map_err(|error| error.to_string())?);
        }
        let (ours, theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
        ours.set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let client = Client::new(OwnedFd::from(theirs), self.now);
        let client = client.map_err(|error| error.to_string())?;
        if let Some(server) = &mut self.server {
            server.welcome(client);
        }
        self.last += 1;
        let ends = Ends {
            socket: Some(ours),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            is_cut: false,
            sent: 0,
            chance,
        };
        self.connections.insert(self.last, ends);
        let key = self.last;
        self.note(|| format!("connection {key} begins"));
        Ok(self.last)
    }

    fn start(&mut self) -> Result<Server, ServeError> {
        self.processes += 1;
        let (alarm, waker) = Alarm::new()?;
        let thread = || {
            let ledger = self.rows.open_on(self.processes, &self.clock);
            OwnerThread::<ClientQuery>::in_place(ledger, OwnedFor::Clients, waker.clone())
        };
        let threads = [thread(), thread(), thread()];
        Ok(Server::over(threads, alarm, 8, ServerLog::silent()))
    }

    /// Passes some of what was sent on, both ways, and lets the server take a turn.
    pub(super) fn go_on(&mut self) {
        self.carry_requests();
        if self.chance.happens(self.faults.kill) {
            self.kill_server();
        }
        if let Err(error) = self.serve() {
            self.broken = Some(error.to_string());
        }
        // What it has sent may be lost with it.
        if self.chance.happens(self.faults.kill) {
            self.kill_server();
            self.connections
                .values_mut()
                .for_each(|ends| ends.socket = None);
        }
        self.carry_answers();
        self.connections
            .retain(|_, ends| !ends.is_cut || ends.socket.is_some());
    }

    fn carry_requests(&mut self) {
        for ends in self.connections.values_mut() {
            let Some(socket) = &mut ends.socket else {
                continue;
            };
            let piece = piece(&mut ends.chance, ends.to_server.len());
            let bytes: Vec<u8> = ends.to_server.iter().take(piece).copied().collect();
            match socket.write(&bytes) {
                Ok(taken) => drop(ends.to_server.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => ends.to_server.clear(),
            }
            if ends.is_cut && ends.to_server.is_empty() {
                ends.socket = None;
            }
        }
    }

    /// A turn of the server.
    fn serve(&mut self) -> Result<(), ServeError> {
        let fate = match self.chance.happens(self.faults.commit) {
            true => self.chance.fate(),
            false => CommitFate::Done,
        };
        if fate != CommitFate::Done {
            self.note(|| format!("the next commit fails: {fate:?}"));
        }
        self.rows.next_commit(fate);
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        server.now = self.now;
        let ready: Vec<PollKey> = server
            .clients
            .keys()
            .copied()
            .map(PollKey::Client)
            .collect();
        let events = server.take_events()?;
        server.go_on(&ready, events)?;
        if server.is_over() {
            self.server = None;
        }
        Ok(())
    }

    fn carry_answers(&mut self) {
        let lies = self.planted == Some(Planted::AnswersOfOthers);
        for ends in self.connections.values_mut() {
            let mut bytes = [0; 65_536];
            let Some(socket) = &mut ends.socket else {
                continue;
            };
            match socket.read(&mut bytes) {
                Ok(0) => ends.socket = None,
                Ok(count) if lies && ends.chance.happens(20) => {
                    ends.to_client.extend(&self.last_sent);
                    self.last_sent = bytes[..count].to_vec();
                }
                Ok(count) => {
                    ends.to_client.extend(&bytes[..count]);
                    self.last_sent = bytes[..count].to_vec();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => ends.socket = None,
            }
        }
    }

    /// The client's end of a connection is gone; of what was on its way to the server so much arrives.
    fn cut(&mut self, key: u32, arrives: usize) {
        if let Some(ends) = self.connections.get_mut(&key) {
            ends.is_cut = true;
            ends.to_server.truncate(arrives);
        }
    }

    /// A connection may be cut.
    fn may_cut(&mut self, key: u32) {
        let Some(ends) = self.connections.get_mut(&key) else {
            return;
        };
        if ends.chance.happens(self.faults.cut) {
            let arrives = ends.chance.below(ends.to_server.len() + 1);
            self.note(|| format!("connection {key} is cut, {arrives} bytes arrive"));
            self.cut(key, arrives);
        }
    }

    /// Whether the server has no client any more.
    pub(super) fn is_quiet(&self) -> bool {
        let clients = self
            .server
            .as_ref()
            .map_or(0, |server| server.clients.len());
        clients == 0 && self.connections.is_empty()
    }
}

impl ByteStream for ClientEnd {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<usize> {
        let network = &mut *self.link.network();
        network.may_cut(self.key);
        let doubles = network.planted == Some(Planted::RequestsTwice);
        let Some(ends) = network.connections.get_mut(&self.key) else {
            return Err(Errno::PIPE);
        };
        let piece = piece(&mut ends.chance, bytes.len());
        let repeats = doubles && ends.chance.happens(30);
        if ends.is_cut || ends.socket.is_none() {
            return Err(Errno::PIPE);
        }
        if repeats && ends.sent > 0 {
            ends.to_server.extend(bytes);
            ends.to_server.extend(bytes);
            return Ok(bytes.len());
        }
        if piece == 0 {
            return Err(Errno::AGAIN);
        }
        ends.to_server.extend(&bytes[..piece]);
        ends.sent += piece;
        let (key, of) = (self.key, bytes.len());
        network.note(|| format!("connection {key} is given {piece} of {of} bytes"));
        Ok(piece)
    }

    fn receive(&mut self, room: &mut [u8], _: bool) -> std::io::Result<usize> {
        let network = &mut *self.link.network();
        network.may_cut(self.key);
        let often = network.faults.stall;
        if let Some(ends) = network.connections.get_mut(&self.key) {
            if ends.chance.happens(often) {
                let stall = ends.chance.millis(STALL);
                network.note(|| format!("the link stands still for {stall:?}"));
                network.now += stall;
                return Err(ErrorKind::WouldBlock.into());
            }
            network.now += ends.chance.millis(10);
        }
        network.go_on();
        let ends = network.connections.get_mut(&self.key);
        let Some(ends) = ends.filter(|ends| !ends.is_cut) else {
            return Err(ErrorKind::ConnectionReset.into());
        };
        if ends.to_client.is_empty() {
            return match ends.socket {
                Some(_) => Err(ErrorKind::WouldBlock.into()),
                None => Ok(0),
            };
        }
        let piece = piece(&mut ends.chance, room.len()).max(1);
        ends.to_client.read(&mut room[..piece])
    }

    fn now(&mut self) -> Duration {
        self.link.network().now
    }
}

/// The client closes it; what it had sent arrives.
impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.link.network().cut(self.key, usize::MAX);
    }
}

/// A piece of so many bytes, which are all that there are in every other case.
fn piece(chance: &mut Chance, most: usize) -> usize {
    match chance.happens(500) {
        true => most,
        false => chance.below(PIECE.min(most) + 1),
    }
}
