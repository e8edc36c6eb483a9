//! Frames: how messages are put into bytes and found again in them.

mod ledger;

use std::io;

use serde::{Deserialize, Serialize};

use super::{
    Assignment, Probe, ProtocolError, Reply, Report, Timing, ToParent, ToWorker, WorkerRequest,
};

/// The most bytes of a frame after its length. A longer one is refused before anything is allocated.
pub const MAX_FRAME: usize = 65_536;
/// A frame with this many bytes takes no further element. The longest element, what a command wrote, has
/// some 32 KiB.
const FULL_FRAME: usize = 16_384;
/// What an inbox has room for at first.
const SMALL_INBOX: usize = 1_024;
const LENGTH: usize = size_of::<u32>();
pub(super) const HEADER: usize = 1 + size_of::<u32>();

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_FRAME>()
}

const HELLO: u8 = 1;
const REQUESTS: u8 = 2;
const GONE: u8 = 3;
const ASSIGNMENTS: u8 = 4;
const REPLIES: u8 = 5;
const REPORTS: u8 = 6;
const TIMINGS: u8 = 7;
const PROBES: u8 = 8;

/// Frames on their way out, back to back.
pub struct Outbox {
    worker: u32,
    bytes: Vec<u8>,
    /// Where the frame begins that may still take elements, and its kind.
    open: Option<(usize, u8)>,
    sent: usize,
}

impl Outbox {
    /// An empty outbox of, or for, this worker.
    pub fn new(worker: u32) -> Self {
        Outbox {
            worker,
            bytes: Vec::new(),
            open: None,
            sent: 0,
        }
    }

    /// Adds the worker's first frame.
    pub fn hello(&mut self) {
        self.begin(HELLO);
        self.seal();
    }

    /// Adds the marker behind a worker's last frame.
    pub fn gone(&mut self) {
        self.begin(GONE);
        self.seal();
    }

    /// Adds a request.
    pub fn request(&mut self, request: &WorkerRequest) -> Result<(), ProtocolError> {
        self.element(REQUESTS, request)
    }

    /// Adds what happened to an operation's command.
    pub fn report(&mut self, report: &Report) -> Result<(), ProtocolError> {
        self.element(REPORTS, report)
    }

    /// Adds the times of a request.
    pub fn timing(&mut self, timing: &Timing) -> Result<(), ProtocolError> {
        self.element(TIMINGS, timing)
    }

    /// Adds a probe, in either direction.
    pub fn probe(&mut self, probe: &Probe) -> Result<(), ProtocolError> {
        self.element(PROBES, probe)
    }

    /// Adds an operation for the worker.
    pub fn assignment(&mut self, assignment: &Assignment) -> Result<(), ProtocolError> {
        self.element(ASSIGNMENTS, assignment)
    }

    /// Adds a reply.
    pub fn reply(&mut self, reply: &Reply) -> Result<(), ProtocolError> {
        self.element(REPLIES, reply)
    }

    /// Adds word that the answers that are due still come: no reply, which is a message all the same.
    pub fn still_due(&mut self) {
        self.seal();
        self.begin(REPLIES);
        self.seal();
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.sent
    }

    /// The whole frames that wait to be sent, as one run of bytes.
    pub fn unsent(&mut self) -> &[u8] {
        self.seal();
        &self.bytes[self.sent..]
    }

    /// Notes that `count` of the unsent bytes are on their way.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        // What was sent makes room, so that an outbox that is never empty does not grow without end.
        if self.is_empty() || self.sent >= MAX_FRAME && self.sent >= self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.open = self.open.map(|(start, kind)| (start - self.sent, kind));
            self.sent = 0;
        }
    }

    /// Hands every waiting frame, without its length, to `send`; for links that keep messages apart.
    pub fn send_each<E>(&mut self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.seal();
        while let Some((length, rest)) = self.bytes[self.sent..].split_first_chunk::<LENGTH>() {
            let length = u32::from_le_bytes(*length) as usize;
            send(&rest[..length])?;
            self.sent(LENGTH + length);
        }
        Ok(())
    }

    fn element(&mut self, kind: u8, element: &impl Serialize) -> Result<(), ProtocolError> {
        match self.open {
            Some((start, open)) if open == kind && self.bytes.len() - start < FULL_FRAME => {}
            _ => {
                self.seal();
                self.begin(kind);
            }
        }
        bincode::serde::encode_into_std_write(element, &mut self.bytes, codec())
            .map_err(|error| ProtocolError::Encoding(error.to_string()))?;
        Ok(())
    }

    fn begin(&mut self, kind: u8) {
        self.open = Some((self.bytes.len(), kind));
        self.bytes.extend([0; LENGTH]);
        self.bytes.push(kind);
        self.bytes.extend(self.worker.to_le_bytes());
    }

    /// Writes the length of the open frame.
    fn seal(&mut self) {
        if let Some((start, _)) = self.open.take() {
            // A frame is full long before its length leaves this range.
            let length = (self.bytes.len() - start - LENGTH) as u32;
            self.bytes[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
        }
    }
}

/// Bytes that arrived and are not a whole frame yet, or not yet taken.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// Lets `read` put bytes into the free room; returns their number, 0 at the end.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Whole frames are always taken before the next reading, so a full buffer is shorter than the
        // longest frame. It starts small: most workers see a few dozen bytes in their whole life.
        if self.end == self.bytes.len() {
            let room = (2 * self.bytes.len()).clamp(SMALL_INBOX, LENGTH + MAX_FRAME);
            self.bytes.resize(room, 0);
        }
        let count = read(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// The next whole frame.
    pub fn take(&mut self) -> Result<Option<Frame<'_>>, ProtocolError> {
        let Some((length, rest)) = self.bytes[self.start..self.end].split_first_chunk::<LENGTH>()
        else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if !(HEADER..=MAX_FRAME).contains(&length) {
            return Err(ProtocolError::Length(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.start += LENGTH + length;
        Frame::new(&self.bytes[self.start - length..self.start]).map(Some)
    }

    /// At the end of the link: fails if it ended within a frame.
    pub fn check_end(&self) -> Result<(), ProtocolError> {
        match self.end - self.start {
            0 => Ok(()),
            rest => Err(ProtocolError::Truncated(rest)),
        }
    }
}

/// One frame, without its length.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    kind: u8,
    /// The worker that sent it or that it is for.
    pub worker: u32,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame in these bytes.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ProtocolError> {
        match bytes {
            [kind, a, b, c, d, body @ ..] if bytes.len() <= MAX_FRAME => Ok(Frame {
                kind: *kind,
                worker: u32::from_le_bytes([*a, *b, *c, *d]),
                body,
            }),
            _ => Err(ProtocolError::Length(bytes.len())),
        }
    }

    /// Decodes what a worker sent.
    pub fn to_parent(self) -> Result<ToParent, ProtocolError> {
        match self.kind {
            HELLO if self.body.is_empty() => Ok(ToParent::Hello),
            GONE if self.body.is_empty() => Ok(ToParent::Gone),
            REQUESTS => self.elements().map(ToParent::Requests),
            REPORTS => self.elements().map(ToParent::Reports),
            TIMINGS => self.elements().map(ToParent::Timings),
            PROBES => self.elements().map(ToParent::Probes),
            kind => Err(ProtocolError::Kind(kind)),
        }
    }

    /// Decodes what the parent sent.
    pub fn to_worker(self) -> Result<ToWorker, ProtocolError> {
        match self.kind {
            ASSIGNMENTS => self.elements().map(ToWorker::Assignments),
            REPLIES => self.elements().map(ToWorker::Replies),
            PROBES => self.elements().map(ToWorker::Probes),
            kind => Err(ProtocolError::Kind(kind)),
        }
    }

    fn elements<T: Deserialize<'a>>(self) -> Result<Vec<T>, ProtocolError> {
        let mut rest = self.body;
        let mut elements = Vec::new();
        while !rest.is_empty() {
            let (element, used) = bincode::serde::borrow_decode_from_slice(rest, codec())
                .map_err(|error| ProtocolError::Encoding(error.to_string()))?;
            rest = &rest[used..];
            if elements.is_empty() {
                // The others are about as long as the first.
                elements.reserve(1 + rest.len() / used.max(1));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_that_is_never_empty_does_not_grow_without_end() {
        let (mut outbox, mut inbox) = (Outbox::new(1), Inbox::default());
        let (mut number, mut came, mut most) = (0, 0, 0);
        for _ in 0..100 {
            for _ in 0..4 {
                number += 1;
                let padding = vec![0; 16_000];
                outbox.probe(&Probe { number, padding }).expect("a frame");
            }
            // Always one frame stays behind, and the last one that is taken is cut.
            let taken = (outbox.unsent().len() - 16_000).min(65_000);
            let mut bytes = outbox.unsent()[..taken].to_vec();
            outbox.sent(taken);
            most = most.max(outbox.bytes.len());
            while !bytes.is_empty() {
                let filled = inbox.fill(|room| {
                    let count = room.len().min(bytes.len());
                    room[..count].copy_from_slice(&bytes[..count]);
                    Ok(count)
                });
                bytes.drain(..filled.expect("room"));
                while let Some(frame) = inbox.take().expect("whole frames") {
                    let ToParent::Probes(probes) = frame.to_parent().expect("probes") else {
                        panic!("no probes");
                    };
                    for probe in probes {
                        came += 1;
                        assert_eq!(probe.number, came);
                    }
                }
            }
        }
        assert!(came > 350, "{came}");
        assert!(most < 4 * MAX_FRAME, "{most}");
    }
}
