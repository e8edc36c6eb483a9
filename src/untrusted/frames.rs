//! What travels between processes: frames from workers, parents, clients and servers.

use std::io::Read;

use crate::protocol::{
    Frame, Inbox, Outbox, ProtocolError, ToClient, ToParent, ToServer, ToWorker,
};

/// The shortest of the texts that are cut when they are written: what has fewer bytes is never cut.
const NEVER_CUT: usize = 512;

/// The same is found however the bytes arrive, and what was decoded is encoded as the same again.
pub(super) fn frames(bytes: &[u8]) {
    let found = decoded(bytes, bytes.len().max(1));
    assert_eq!(found, decoded(bytes, 7));
    if bytes.len() > NEVER_CUT {
        return;
    }
    for message in found.iter().flatten() {
        let mut outbox = Outbox::new(1);
        message.put_into(&mut outbox).expect("it was decoded");
        let bytes = outbox.unsent().to_vec();
        let again: Vec<Message> = decoded(&bytes, bytes.len().max(1))
            .into_iter()
            .flatten()
            .collect();
        assert!(
            message.is_empty() || again.contains(message),
            "{message:?} became {again:?}"
        );
    }
}

/// A message to one of the four who read frames.
#[derive(Debug, PartialEq)]
enum Message {
    Parent(ToParent),
    Worker(ToWorker),
    Server(ToServer),
    Client(ToClient),
}

/// All that is in the bytes when so many of them arrive at a time, as far as they are frames.
fn decoded(mut bytes: &[u8], piece: usize) -> Vec<Result<Message, String>> {
    let mut found = Vec::new();
    let mut inbox = Inbox::default();
    while !bytes.is_empty() {
        let mut next = &bytes[..piece.min(bytes.len())];
        let read = inbox.fill(|room| next.read(room)).expect("there is room");
        bytes = &bytes[read..];
        loop {
            match inbox.take() {
                Ok(Some(frame)) => found.extend(readings(frame)),
                Ok(None) => break,
                Err(error) => {
                    found.push(Err(error.to_string()));
                    return found;
                }
            }
        }
    }
    found.extend(
        inbox
            .check_end()
            .map_err(|error| Err(error.to_string()))
            .err(),
    );
    found
}

fn readings(frame: Frame<'_>) -> [Result<Message, String>; 4] {
    let text = |error: ProtocolError| error.to_string();
    [
        frame.to_parent().map(Message::Parent).map_err(text),
        frame.to_worker().map(Message::Worker).map_err(text),
        frame.to_server().map(Message::Server).map_err(text),
        frame.to_client().map(Message::Client).map_err(text),
    ]
}

impl Message {
    /// A block of nothing, which is no message when it is encoded, and a greeting of another version.
    fn is_empty(&self) -> bool {
        match self {
            Message::Parent(ToParent::Requests(block)) => block.is_empty(),
            Message::Parent(ToParent::Reports(block)) => block.is_empty(),
            Message::Parent(ToParent::Timings(block)) => block.is_empty(),
            Message::Parent(ToParent::Probes(block)) => block.is_empty(),
            Message::Worker(ToWorker::Assignments(block)) => block.is_empty(),
            Message::Worker(ToWorker::Replies(block)) => block.is_empty(),
            Message::Worker(ToWorker::Probes(block)) => block.is_empty(),
            Message::Server(ToServer::Requests(block)) => block.is_empty(),
            Message::Client(ToClient::Findings(block)) => block.is_empty(),
            Message::Server(ToServer::Greeting(_)) | Message::Client(ToClient::Greeting(_)) => true,
            Message::Parent(ToParent::Hello | ToParent::Gone) => false,
            Message::Server(ToServer::Query(_)) => false,
        }
    }

    fn put_into(&self, out: &mut Outbox) -> Result<(), ProtocolError> {
        match self {
            Message::Parent(ToParent::Hello) => out.hello(),
            Message::Parent(ToParent::Gone) => out.gone(),
            Message::Server(ToServer::Greeting(_)) | Message::Client(ToClient::Greeting(_)) => {
                out.greeting();
            }
            Message::Parent(ToParent::Requests(block)) => {
                return block.iter().try_for_each(|one| out.request(one));
            }
            Message::Parent(ToParent::Reports(block)) => {
                return block.iter().try_for_each(|one| out.report(one));
            }
            Message::Parent(ToParent::Timings(block)) => {
                return block.iter().try_for_each(|one| out.timing(one));
            }
            Message::Worker(ToWorker::Assignments(block)) => {
                return block.iter().try_for_each(|one| out.assignment(one));
            }
            Message::Worker(ToWorker::Replies(block)) => {
                return block.iter().try_for_each(|one| out.reply(one));
            }
            Message::Parent(ToParent::Probes(block)) | Message::Worker(ToWorker::Probes(block)) => {
                return block.iter().try_for_each(|one| out.probe(one));
            }
            Message::Server(ToServer::Requests(block)) => {
                return block.iter().try_for_each(|one| out.ledger_request(one));
            }
            Message::Server(ToServer::Query(question)) => return out.question(question),
            Message::Client(ToClient::Findings(block)) => {
                return block.iter().try_for_each(|one| out.finding(one));
            }
        }
        Ok(())
    }
}
