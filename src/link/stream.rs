//! Links that are streams of bytes: sockets and pipes.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::Shutdown;

use super::{Arrival, Arrived, LinkError, Received, WorkerEnd};
use crate::poll::{PollKey, PollSet, wait_readable};
use crate::protocol::{Inbox, Outbox, ProtocolError, ToParent};

/// The descriptors of one link; none of them ever blocks.
pub(super) enum Wire {
    /// One descriptor for both directions.
    Socket { socket: OwnedFd, open: bool },
    /// One descriptor for each direction.
    Pipes {
        reader: OwnedFd,
        writer: Option<OwnedFd>,
    },
}

impl Wire {
    pub(super) fn socket(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Wire::Socket { socket, open: true })
    }

    pub(super) fn pipes(reader: OwnedFd, writer: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Wire::Pipes {
            reader,
            writer: Some(writer),
        })
    }

    fn reader(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Socket { socket, .. } => socket.as_fd(),
            Wire::Pipes { reader, .. } => reader.as_fd(),
        }
    }

    /// Where to write; `None` once the direction is closed.
    fn writer(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Wire::Socket { socket, open } => open.then_some(socket.as_fd()),
            Wire::Pipes { writer, .. } => writer.as_ref().map(AsFd::as_fd),
        }
    }

    fn close_writer(&mut self) {
        match self {
            Wire::Socket { socket, open } => {
                if std::mem::replace(open, false) {
                    // It fails only where the peer is gone already.
                    let _ = rustix::net::shutdown(socket, Shutdown::Write);
                }
            }
            Wire::Pipes { writer, .. } => *writer = None,
        }
    }
}

/// The parent's end of one stream.
pub(super) struct StreamEnd {
    wire: Wire,
    inbox: Inbox,
    outbox: Outbox,
    closing: bool,
    /// Its worker's process has ended: what cannot be read now will never come, even if another
    /// process has got hold of the other end.
    exited: bool,
}

impl StreamEnd {
    /// The end of a link whose worker is not known yet.
    pub(super) fn new(wire: Wire) -> Self {
        StreamEnd::of(0, wire)
    }

    fn of(worker: u32, wire: Wire) -> Self {
        StreamEnd {
            wire,
            inbox: Inbox::default(),
            outbox: Outbox::new(worker),
            closing: false,
            exited: false,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.wire.reader()
    }

    /// Reads what is there. `Ok(false)` is the end.
    pub(super) fn fill(&mut self) -> Result<bool, LinkError> {
        let StreamEnd {
            wire,
            inbox,
            exited,
            ..
        } = self;
        match inbox.fill(|room| Ok(rustix::io::read(wire.reader(), room)?)) {
            Ok(0) => {
                inbox.check_end()?;
                Ok(false)
            }
            Ok(_) => Ok(true),
            Err(error) if *exited && error.kind() == io::ErrorKind::WouldBlock => {
                inbox.check_end()?;
                Ok(false)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(true)
            }
            // A peer that was killed with unread bytes resets its socket; that is its end.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The next whole message and the worker it says it is from.
    pub(super) fn next(&mut self) -> Result<Option<(u32, ToParent)>, ProtocolError> {
        match self.inbox.take()? {
            Some(frame) => Ok(Some((frame.worker, frame.to_parent()?))),
            None => Ok(None),
        }
    }

    fn flush(&mut self) {
        while !self.outbox.is_empty() {
            let Some(writer) = self.wire.writer() else {
                break;
            };
            match rustix::io::write(writer, self.outbox.unsent()) {
                Ok(count) => self.outbox.sent(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // The worker is gone. Reading its link to the end will tell the rest.
                Err(_) => {
                    self.wire.close_writer();
                    return;
                }
            }
        }
        if self.closing {
            self.wire.close_writer();
        }
    }
}

/// The parent's ends of all streams of a run.
#[derive(Default)]
pub(super) struct Streams {
    ends: HashMap<u32, StreamEnd>,
    /// Those whose outbox may hold something.
    unflushed: Vec<u32>,
}

impl Streams {
    /// Takes a link that is known to be this worker's, with what was read from it so far.
    pub(super) fn adopt(&mut self, worker: u32, mut end: StreamEnd, arrivals: &mut Vec<Arrival>) {
        end.outbox = Outbox::new(worker);
        let what = Arrived::Ready;
        arrivals.push(Arrival { worker, what });
        let ended = deliver(worker, &mut end, arrivals);
        if !ended {
            self.ends.insert(worker, end);
        }
    }

    pub(super) fn insert(&mut self, worker: u32, wire: Wire) {
        self.ends.insert(worker, StreamEnd::of(worker, wire));
    }

    pub(super) fn poll<'a>(&'a self, set: &mut PollSet<'a>) {
        for (worker, end) in &self.ends {
            let key = PollKey::Worker(*worker);
            set.read(key, end.wire.reader());
            if let (false, Some(writer)) = (end.outbox.is_empty(), end.wire.writer()) {
                set.write(key, writer);
            }
        }
    }

    pub(super) fn receive(&mut self, ready: &[PollKey], arrivals: &mut Vec<Arrival>) {
        for key in ready {
            if let PollKey::Worker(worker) = *key {
                self.receive_from(worker, arrivals);
                self.unflushed.push(worker);
            }
        }
    }

    pub(super) fn outbox(&mut self, worker: u32) -> Option<&mut Outbox> {
        let end = self.ends.get_mut(&worker).filter(|end| !end.closing)?;
        self.unflushed.push(worker);
        Some(&mut end.outbox)
    }

    pub(super) fn flush(&mut self) {
        for worker in std::mem::take(&mut self.unflushed) {
            if let Some(end) = self.ends.get_mut(&worker) {
                end.flush();
            }
        }
    }

    pub(super) fn close(&mut self, worker: u32) {
        if let Some(end) = self.ends.get_mut(&worker) {
            end.closing = true;
            end.flush();
        }
    }

    /// Reads a link whose worker has ended to its end: all that it sent is there by now.
    pub(super) fn exited(&mut self, worker: u32, arrivals: &mut Vec<Arrival>) {
        if let Some(end) = self.ends.get_mut(&worker) {
            end.exited = true;
        }
        while self.receive_from(worker, arrivals) {}
    }

    /// Reads once from a link; false once it has ended.
    fn receive_from(&mut self, worker: u32, arrivals: &mut Vec<Arrival>) -> bool {
        let Some(end) = self.ends.get_mut(&worker) else {
            return false;
        };
        let ended = match end.fill() {
            Ok(more) => {
                let broken = deliver(worker, end, arrivals);
                if !more && !broken {
                    let what = Arrived::Closed;
                    arrivals.push(Arrival { worker, what });
                }
                broken || !more
            }
            Err(error) => {
                let what = Arrived::Broken(error.to_string());
                arrivals.push(Arrival { worker, what });
                true
            }
        };
        if ended {
            self.ends.remove(&worker);
        }
        !ended
    }
}

/// Hands on every whole message of a link; true if it is broken.
fn deliver(worker: u32, end: &mut StreamEnd, arrivals: &mut Vec<Arrival>) -> bool {
    loop {
        let what = match end.next() {
            Ok(None) => return false,
            Ok(Some((sender, ToParent::Requests(requests)))) if sender == worker => {
                Arrived::Requests(requests)
            }
            Ok(Some((sender, ToParent::Reports(reports)))) if sender == worker => {
                Arrived::Reports(reports)
            }
            Ok(Some((sender, ToParent::Timings(timings)))) if sender == worker => {
                Arrived::Timings(timings)
            }
            Ok(Some((sender, ToParent::Probes(probes)))) if sender == worker => {
                Arrived::Probes(probes)
            }
            Ok(Some(_)) => Arrived::Broken("a message is not in its place".to_string()),
            Err(error) => Arrived::Broken(error.to_string()),
        };
        let broken = matches!(what, Arrived::Broken(_));
        arrivals.push(Arrival { worker, what });
        if broken {
            return true;
        }
    }
}

/// A worker's end of a stream.
pub(super) struct WorkerStream<F> {
    reader: F,
    writer: F,
    inbox: Inbox,
}

impl<F: AsFd> WorkerStream<F> {
    pub(super) fn new(reader: F, writer: F) -> Self {
        WorkerStream {
            reader,
            writer,
            inbox: Inbox::default(),
        }
    }
}

impl<F: AsFd> WorkerEnd for WorkerStream<F> {
    fn send(&mut self, outbox: &mut Outbox) -> Result<(), LinkError> {
        while !outbox.is_empty() {
            match rustix::io::write(&self.writer, outbox.unsent()) {
                Ok(count) => outbox.sent(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn receive(&mut self, timeout: Option<Duration>) -> Result<Received, LinkError> {
        loop {
            if let Some(frame) = self.inbox.take()? {
                return Ok(Received::Message(frame.to_worker()?));
            }
            if let Some(timeout) = timeout
                && !wait_readable(self.reader.as_fd(), timeout)?
            {
                return Ok(Received::Nothing);
            }
            let reader = &self.reader;
            match self.inbox.fill(|room| Ok(rustix::io::read(reader, room)?)) {
                Ok(0) => {
                    self.inbox.check_end()?;
                    return Ok(Received::Closed);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
