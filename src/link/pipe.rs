//! `pipe`: one pair of anonymous pipes for each worker, which are its standard input and output.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use super::stream::{Streams, Wire, WorkerStream};
use super::{Arrival, Arrived, Links};
use crate::poll::{PollKey, PollSet};
use crate::protocol::Outbox;

/// The parent's ends of the pipes.
#[derive(Default)]
pub(super) struct PipeLinks {
    streams: Streams,
    /// Spawned since the last `receive`: a pipe takes operations before its worker even runs.
    fresh: Vec<u32>,
}

impl Links for PipeLinks {
    fn prepare(&mut self, _: u32, command: &mut Command) -> io::Result<String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok("-".to_string())
    }

    fn spawned(&mut self, worker: u32, child: &mut Child) -> io::Result<()> {
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a worker has no pipes"));
        };
        let wire = Wire::pipes(OwnedFd::from(stdout), OwnedFd::from(stdin))?;
        self.streams.insert(worker, wire);
        self.fresh.push(worker);
        Ok(())
    }

    fn poll<'a>(&'a self, set: &mut PollSet<'a>) {
        self.streams.poll(set);
    }

    fn receive(&mut self, ready: &[PollKey], arrivals: &mut Vec<Arrival>) {
        for worker in self.fresh.drain(..) {
            let what = Arrived::Ready;
            arrivals.push(Arrival { worker, what });
        }
        self.streams.receive(ready, arrivals);
    }

    fn outbox(&mut self, worker: u32) -> Option<&mut Outbox> {
        self.streams.outbox(worker)
    }

    fn flush(&mut self) {
        self.streams.flush();
    }

    fn close(&mut self, worker: u32) {
        self.streams.close(worker);
    }

    fn exited(&mut self, worker: u32, arrivals: &mut Vec<Arrival>) {
        self.streams.exited(worker, arrivals);
    }
}

/// The worker's ends of its pipes.
pub(super) fn worker_end() -> WorkerStream<BorrowedFd<'static>> {
    WorkerStream::new(rustix::stdio::stdin(), rustix::stdio::stdout())
}
