//! One client of a server: its bytes, its limits, its deadlines.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::poll::{PollKey, PollSet};
use crate::protocol::{Inbox, Outbox, ProtocolError, Query, Response, ToServer};
use crate::store::LedgerAnswer;

/// How long a client may take for the rest of a message that it began, or for its greeting.
const MESSAGE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what waits for it.
const TAKING_PATIENCE: Duration = Duration::from_secs(30);
/// With this many bytes waiting for it, a client is asked nothing more.
const MAX_BACKLOG: usize = 262_144;
/// With this many requests undecided, too.
const MAX_UNDECIDED: usize = 4_096;

/// A connection.
pub(super) struct Client {
    /// Nothing once the connection is given up.
    socket: Option<OwnedFd>,
    inbox: Inbox,
    outbox: Outbox,
    /// It has said which version it speaks.
    pub(super) greeted: bool,
    /// The runs that it has begun.
    pub(super) runs: Vec<u32>,
    /// Its requests that are not decided yet.
    pub(super) undecided: usize,
    /// None of its requests is decided until it asks something else: one was not done, and those after it
    /// must not overtake it.
    pub(super) halted: bool,
    /// One of them begins a run; until that is answered no message of it is taken.
    pub(super) begins_run: bool,
    /// It has asked a question that is not answered yet.
    pub(super) asking: bool,
    /// That question, while requests before it are undecided.
    pub(super) later: Option<Query>,
    /// Nothing more is read from it.
    ended: bool,
    /// The end is near: it is read until nothing is there for the moment.
    last_words: bool,
    /// No whole message is left in the inbox.
    drained: bool,
    /// Since when the inbox holds a part of a message.
    partial_since: Option<Duration>,
    /// Since when nothing was taken from the outbox.
    stuck_since: Option<Duration>,
}

impl Client {
    pub(super) fn new(socket: OwnedFd, now: Duration) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        let mut outbox = Outbox::new(0);
        outbox.greeting();
        Ok(Client {
            socket: Some(socket),
            inbox: Inbox::default(),
            outbox,
            greeted: false,
            runs: Vec::new(),
            undecided: 0,
            halted: false,
            begins_run: false,
            asking: false,
            later: None,
            ended: false,
            last_words: false,
            drained: true,
            partial_since: Some(now),
            stuck_since: None,
        })
    }

    pub(super) fn poll<'a>(&'a self, key: u32, set: &mut PollSet<'a>) {
        let Some(socket) = &self.socket else {
            return;
        };
        if self.wants_bytes() {
            set.read(PollKey::Client(key), socket.as_fd());
        }
        if !self.outbox.is_empty() {
            set.write(PollKey::Client(key), socket.as_fd());
        }
    }

    /// Whether its next message may be taken.
    fn may_ask(&self) -> bool {
        !self.asking
            && !self.begins_run
            && self.undecided < MAX_UNDECIDED
            && self.outbox.backlog() < MAX_BACKLOG
    }

    fn wants_bytes(&self) -> bool {
        !self.ended && self.drained && self.may_ask()
    }

    /// Whether a message may be in the inbox that was not taken because of a limit.
    pub(super) fn is_held_up(&self) -> bool {
        !self.drained && self.may_ask()
    }

    /// Reads what is there, if its limits allow.
    pub(super) fn read(&mut self) -> Result<(), String> {
        let Some(socket) = self.socket.as_ref().filter(|_| self.wants_bytes()) else {
            return Ok(());
        };
        match self.inbox.fill(|room| Ok(rustix::io::read(socket, room)?)) {
            Ok(0) => {
                self.ended = true;
                self.inbox.check_end().map_err(|error| error.to_string())
            }
            Ok(_) => {
                self.drained = false;
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.ended |= self.last_words;
                    Ok(())
                }
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::ConnectionReset => {
                    self.give_up();
                    Ok(())
                }
                _ => Err(error.to_string()),
            },
        }
    }

    /// The next whole message, if its limits allow.
    pub(super) fn next(&mut self, now: Duration) -> Result<Option<ToServer>, ProtocolError> {
        if self.drained || !self.may_ask() {
            return Ok(None);
        }
        match self.inbox.take()? {
            Some(frame) => {
                self.partial_since = None;
                frame.to_server().map(Some)
            }
            None => {
                self.drained = true;
                // A client that has not greeted is waited for from its connection on.
                let waiting = !self.inbox.is_empty() || !self.greeted;
                let since = self.partial_since.unwrap_or(now);
                self.partial_since = waiting.then_some(since);
                Ok(None)
            }
        }
    }

    /// Takes note of the runs that it has.
    pub(super) fn note(&mut self, answer: &LedgerAnswer) {
        match answer {
            LedgerAnswer::RunBegun(run) => self.runs.push(run.number),
            LedgerAnswer::RunEnded(ended) => self.runs.retain(|run| run != ended),
            LedgerAnswer::Decided(_) | LedgerAnswer::RunIsLive(_) | LedgerAnswer::RunGoesOn => {}
        }
    }

    /// Puts a piece of an answer on its way.
    pub(super) fn tell(&mut self, finding: &Response) -> Result<(), ProtocolError> {
        match self.socket {
            Some(_) => self.outbox.finding(finding),
            None => Ok(()),
        }
    }

    /// Sends as much as the kernel takes.
    pub(super) fn flush(&mut self, now: Duration) {
        let Some(socket) = &self.socket else {
            return;
        };
        while !self.outbox.is_empty() {
            match rustix::net::send(socket, self.outbox.unsent(), SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.outbox.sent(count);
                    self.stuck_since = None;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.stuck_since.get_or_insert(now);
                    return;
                }
                // What it had sent before it went is still read, and counts.
                Err(_) => {
                    let rest = self.outbox.backlog();
                    self.outbox.sent(rest);
                }
            }
        }
        self.stuck_since = None;
    }

    /// Why it is dropped, if one of its deadlines has passed.
    pub(super) fn overdue(&mut self, now: Duration) -> Option<&'static str> {
        if !self.wants_bytes() {
            // What it is not asked for, it need not send.
            self.partial_since = self.partial_since.map(|_| now);
        }
        let passed = |since: Option<Duration>, patience| {
            since.is_some_and(|since| now.saturating_sub(since) >= patience)
        };
        if passed(self.partial_since, MESSAGE_PATIENCE) {
            return Some("did not finish its message in 10 s");
        }
        passed(self.stuck_since, TAKING_PATIENCE).then_some("took none of its answers for 30 s")
    }

    /// Reads what has arrived by now and nothing after it.
    pub(super) fn hear_last_words(&mut self) {
        self.last_words = true;
    }

    /// Takes nothing more, whether it has arrived or not.
    pub(super) fn hear_nothing(&mut self) {
        self.ended = true;
        self.drained = true;
    }

    /// Closes the connection; what it had sent still counts.
    pub(super) fn give_up(&mut self) {
        self.socket = None;
        self.ended = true;
        self.drained = true;
        self.outbox = Outbox::new(0);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Nothing more will come of it, and nothing of what came is undecided.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.drained && self.undecided == 0 && !self.asking
    }

    /// Nothing more will come of it.
    pub(super) fn is_leaving(&self) -> bool {
        self.ended
    }

    /// Everything that it was told is on its way.
    pub(super) fn is_told(&self) -> bool {
        self.outbox.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LedgerFault;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    const SECOND: Duration = Duration::from_secs(1);

    fn connected() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let client = Client::new(OwnedFd::from(ours), Duration::ZERO).expect("a client");
        (client, theirs)
    }

    fn greeting() -> Vec<u8> {
        let mut outbox = Outbox::new(0);
        outbox.greeting();
        outbox.unsent().to_vec()
    }

    /// What is taken after these bytes have arrived.
    fn take(client: &mut Client, now: Duration) -> Option<ToServer> {
        client.read().expect("a reading");
        client.next(now).expect("a message")
    }

    #[test]
    fn a_client_must_greet_and_finish_what_it_began_in_time() {
        let (mut client, mut theirs) = connected();
        assert_eq!(client.overdue(9 * SECOND), None);
        assert!(client.overdue(10 * SECOND).is_some());

        theirs.write_all(&greeting()).expect("room");
        let heard = take(&mut client, 9 * SECOND);
        assert!(matches!(heard, Some(ToServer::Greeting(_))));
        client.greeted = true;
        assert_eq!(client.next(9 * SECOND).expect("nothing"), None);
        // It may now be idle for as long as it likes.
        assert_eq!(client.overdue(900 * SECOND), None);

        theirs.write_all(&greeting()[..6]).expect("room");
        assert_eq!(take(&mut client, 1_000 * SECOND), None);
        theirs.write_all(&greeting()[6..8]).expect("room");
        assert_eq!(take(&mut client, 1_009 * SECOND), None);
        // A trickle wins no time.
        assert!(client.overdue(1_010 * SECOND).is_some());
    }

    #[test]
    fn a_client_must_take_its_answers_in_time() {
        let (mut client, mut theirs) = connected();
        theirs.write_all(&greeting()).expect("room");
        take(&mut client, SECOND);
        client.greeted = true;
        let text = "x".repeat(8_000);
        let finding = Response::Failed(LedgerFault::refusal(text));
        while client.is_told() || client.outbox.backlog() < MAX_BACKLOG {
            client.tell(&finding).expect("room");
            client.flush(SECOND);
        }
        assert!(!client.wants_bytes());
        assert_eq!(client.overdue(30 * SECOND), None);
        assert!(client.overdue(31 * SECOND).is_some());
        // As soon as it takes something, it has all the time again.
        theirs.read_exact(&mut [0; 100_000]).expect("answers");
        client.flush(30 * SECOND);
        assert_eq!(client.overdue(59 * SECOND), None);
        client.give_up();
        assert!(client.has_ended() && client.is_told());
    }
}
