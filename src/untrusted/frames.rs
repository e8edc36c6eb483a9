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
        let again: Vec<AnyMessage> = decoded(&bytes, bytes.len().max(1))
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
enum AnyMessage {
    Parent(ToParent),
    Worker(ToWorker),
    Server(ToServer),
    Client(ToClient),
}

/// All that is in the bytes when so many of them arrive at a time, as far as they are frames.
fn decoded(mut bytes: &[u8], piece: usize) -> Vec<Result<AnyMessage, String>> {
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

fn readings(frame: Frame<'_>) -> [Result<AnyMessage, String>; 4] {
    let text = |error: ProtocolError| error.to_string();
    [
        frame.to_parent().map(AnyMessage::Parent).map_err(text),
        frame.to_worker().map(AnyMessage::Worker).map_err(text),
        frame.to_server().map(AnyMessage::Server).map_err(text),
        frame.to_client().map(AnyMessage::Client).map_err(text),
    ]
}

impl AnyMessage {
    /// A block of nothing, which is no message when it is encoded, and a greeting of another version.
    fn is_empty(&self) -> bool {
        match self {
            AnyMessage::Parent(ToParent::Requests(block)) => block.is_empty(),
            AnyMessage::Parent(ToParent::Reports(block)) => block.is_empty(),
            AnyMessage::Parent(ToParent::Timings(block)) => block.is_empty(),
            AnyMessage::Parent(ToParent::Probes(block)) => block.is_empty(),
            AnyMessage::Worker(ToWorker::Assignments(block)) => block.is_empty(),
            AnyMessage::Worker(ToWorker::Replies(block)) => block.is_empty(),
            AnyMessage::Worker(ToWorker::Probes(block)) => block.is_empty(),
            AnyMessage::Server(ToServer::Requests(block)) => block.is_empty(),
            AnyMessage::Client(ToClient::Findings(block)) => block.is_empty(),
            AnyMessage::Server(ToServer::Greeting(_))
            | AnyMessage::Client(ToClient::Greeting(_)) => true,
            AnyMessage::Parent(ToParent::Hello | ToParent::Gone) => false,
            AnyMessage::Server(ToServer::Query(_)) => false,
        }
    }

    fn put_into(&self, out: &mut Outbox) -> Result<(), ProtocolError> {
        match self {
            AnyMessage::Parent(ToParent::Hello) => out.hello(),
            AnyMessage::Parent(ToParent::Gone) => out.gone(),
            AnyMessage::Server(ToServer::Greeting(_))
            | AnyMessage::Client(ToClient::Greeting(_)) => {
                out.greeting();
            }
            AnyMessage::Parent(ToParent::Requests(block)) => {
                return block.iter().try_for_each(|one| out.request(one));
            }
            AnyMessage::Parent(ToParent::Reports(block)) => {
                return block.iter().try_for_each(|one| out.report(one));
            }
            AnyMessage::Parent(ToParent::Timings(block)) => {
                return block.iter().try_for_each(|one| out.timing(one));
            }
            AnyMessage::Worker(ToWorker::Assignments(block)) => {
                return block.iter().try_for_each(|one| out.assignment(one));
            }
            AnyMessage::Worker(ToWorker::Replies(block)) => {
                return block.iter().try_for_each(|one| out.reply(one));
            }
            AnyMessage::Parent(ToParent::Probes(block))
            | AnyMessage::Worker(ToWorker::Probes(block)) => {
                return block.iter().try_for_each(|one| out.probe(one));
            }
            AnyMessage::Server(ToServer::Requests(block)) => {
                return block.iter().try_for_each(|one| out.ledger_request(one));
            }
            AnyMessage::Server(ToServer::Query(question)) => return out.question(question),
            AnyMessage::Client(ToClient::Findings(block)) => {
                return block.iter().try_for_each(|one| out.finding(one));
            }
        }
        Ok(())
    }
}
