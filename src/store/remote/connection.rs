//! A client's connection to the server of a ledger.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use rustix::io::Errno;

use super::stream::{ByteStream, failed};
use crate::protocol::{
    Inbox, LedgerFault, Outbox, ProtocolError, Query, Response, ToClient, VERSION,
};
use crate::store::LedgerRequest;

/// How long a server may take to accept and greet.
pub(super) const GREETING_PATIENCE: Duration = Duration::from_secs(10);

/// Why a connection is of no use any more, in words that follow `the server of the ledger ...`.
pub(super) enum Trouble {
    /// The server is gone or silent.
    Lost(String),
    /// One side sent, or was to send, what the protocol does not allow.
    ProtocolViolation(String),
}

/// One connection.
pub(super) struct Connection {
    stream: Box<dyn ByteStream>,
    inbox: Inbox,
    outbox: Outbox,
    /// What arrived and was not taken.
    findings: VecDeque<Response>,
    /// The server has greeted.
    greeted: bool,
    /// Something was sent since this was last looked at.
    has_sent: bool,
}

impl Trouble {
    fn into_message(self) -> String {
        match self {
            Trouble::Lost(what) | Trouble::ProtocolViolation(what) => what,
        }
    }
}

impl Connection {
    /// Greets the server at the other end.
    pub(super) fn begin(stream: Box<dyn ByteStream>) -> Result<Self, String> {
        let mut line = Connection {
            stream,
            inbox: Inbox::default(),
            outbox: Outbox::new(0),
            findings: VecDeque::new(),
            greeted: false,
            has_sent: false,
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
        let mut since = self.stream.now();
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
                since = self.stream.now();
            } else if self.stream.now().saturating_sub(since) >= patience {
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
            match self.stream.send(self.outbox.unsent()) {
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
        let (stream, sends_more) = (&mut self.stream, !self.outbox.is_empty());
        match self.inbox.fill(|room| stream.receive(room, sends_more)) {
            Ok(0) => Ok(Some(true)),
            Ok(_) => Ok(Some(false)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                io::ErrorKind::ConnectionReset => Ok(Some(true)),
                _ => Err(format!("cannot be heard: {error}")),
            },
        }
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

fn wrong(error: ProtocolError) -> Trouble {
    Trouble::ProtocolViolation(format!("is not understood: {error}"))
}
