//! The frames between the server process of a ledger and its clients.

use super::super::ledger::{Query, Response, ToClient, ToServer, VERSION};
use super::{Frame, Inbox, Outbox, ProtocolError};
use crate::store::LedgerRequest;

// This kind and its body never change, so that any two versions can tell each other theirs.
const GREETING: u8 = 16;
const LEDGER_REQUESTS: u8 = 17;
const QUESTION: u8 = 18;
const FINDINGS: u8 = 19;

impl Outbox {
    /// Adds the first frame of a client or a server.
    pub fn greeting(&mut self) {
        self.seal();
        self.begin(GREETING);
        self.bytes.extend(VERSION.to_le_bytes());
        self.seal();
    }

    /// Adds a request of a batch.
    pub fn ledger_request(&mut self, request: &LedgerRequest) -> Result<(), ProtocolError> {
        self.element(LEDGER_REQUESTS, request)
    }

    /// Adds a question.
    pub fn question(&mut self, question: &Query) -> Result<(), ProtocolError> {
        self.seal();
        self.element(QUESTION, question)
    }

    /// Adds a piece of an answer.
    pub fn finding(&mut self, finding: &Response) -> Result<(), ProtocolError> {
        self.element(FINDINGS, finding)
    }

    /// How many bytes wait to be sent.
    pub fn backlog(&self) -> usize {
        self.bytes.len() - self.sent
    }
}

impl Inbox {
    /// Whether nothing is there, not even a part of a frame.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

impl Frame<'_> {
    /// Decodes what a client sent to the server of a ledger.
    pub fn to_server(self) -> Result<ToServer, ProtocolError> {
        match self.kind {
            GREETING => self.version().map(ToServer::Greeting),
            LEDGER_REQUESTS => self.elements().map(ToServer::Requests),
            QUESTION => {
                let mut questions: Vec<Query> = self.elements()?;
                match (questions.pop(), questions.is_empty()) {
                    (Some(question), true) => Ok(ToServer::Query(question)),
                    _ => Err(ProtocolError::Content("count of questions")),
                }
            }
            kind => Err(ProtocolError::Kind(kind)),
        }
    }

    /// Decodes what the server of a ledger sent.
    pub fn to_client(self) -> Result<ToClient, ProtocolError> {
        match self.kind {
            GREETING => self.version().map(ToClient::Greeting),
            FINDINGS => self.elements().map(ToClient::Findings),
            kind => Err(ProtocolError::Kind(kind)),
        }
    }

    /// The version that a greeting names; later ones may say more behind it.
    fn version(self) -> Result<u32, ProtocolError> {
        let version = self.body.first_chunk().copied().map(u32::from_le_bytes);
        version.ok_or(ProtocolError::Content("version"))
    }
}
