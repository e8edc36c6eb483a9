//! The thread that reads lines ahead of those who run them.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::wake::Waker;

use super::lines::{Line, Lines};
use super::parse::Parser;
use super::{Item, WorkloadError};

/// The most items in a block.
pub(super) const BLOCK_ITEMS: usize = 512;
/// The most blocks on their way.
pub(super) const BLOCKS: usize = 8;
/// The most bytes read at once. A block is sent before the next read at the latest, so this also
/// bounds the input that goes into one.
pub(super) const CHUNK: usize = 64 * 1024;

/// What the reader tells.
#[derive(Debug)]
pub(super) enum Message {
    Items(Vec<Item>),
    Ended,
    Failed(WorkloadError),
}

/// Why the reader stops before the end.
enum Stop {
    Failed(WorkloadError),
    /// Nobody wants the rest.
    Unwanted,
}

/// Begins to read what `open` opens. The thread is never joined: it may be stuck in a read that
/// nothing will ever end. Otherwise it ends by itself once the receiver is gone.
pub(super) fn start<R: Read>(
    open: impl FnOnce() -> io::Result<R> + Send + 'static,
    input: String,
    parser: Parser,
    waker: Waker,
) -> Result<Receiver<Message>, WorkloadError> {
    let (sender, blocks) = sync_channel(BLOCKS);
    let reader = Reader {
        input: input.clone(),
        lines: Lines::default(),
        sink: Sink {
            parser,
            items: Vec::new(),
            sender,
            waker: waker.clone(),
        },
    };
    thread::Builder::new()
        .name("workload".into())
        .spawn(move || {
            let _last_call = LastCall(waker);
            reader.run(open);
        })
        .map_err(|cause| WorkloadError::Thread { input, cause })?;
    Ok(blocks)
}

/// Wakes once more when the sender is gone, so that a reader that vanished is noticed.
struct LastCall(Waker);

impl Drop for LastCall {
    fn drop(&mut self) {
        self.0.wake();
    }
}

struct Reader {
    /// The input's name.
    input: String,
    lines: Lines,
    sink: Sink,
}

impl Reader {
    fn run<R: Read>(mut self, open: impl FnOnce() -> io::Result<R>) {
        let end = match self.read_all(open) {
            Ok(()) => Message::Ended,
            Err(Stop::Failed(error)) => Message::Failed(error),
            Err(Stop::Unwanted) => return,
        };
        let _ = self.sink.send(end);
    }

    fn read_all<R: Read>(&mut self, open: impl FnOnce() -> io::Result<R>) -> Result<(), Stop> {
        let mut input = open().map_err(|cause| self.broken(cause))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            // Reading may wait for a person at a keyboard, who wants to see what became of the lines
            // typed so far. So nothing is held back here, and no timer is needed.
            self.sink.flush()?;
            let length = match input.read(&mut chunk) {
                Ok(length) => length,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.broken(e)),
            };
            self.take(&chunk[..length])?;
            if length == 0 {
                return self.sink.flush();
            }
        }
    }

    /// Takes a chunk of the input; an empty one is its end.
    fn take(&mut self, chunk: &[u8]) -> Result<(), Stop> {
        let Reader { input, lines, sink } = self;
        let mut each = |line: Line<'_>| sink.take(&line, input);
        if chunk.is_empty() {
            lines.finish(&mut each)
        } else {
            lines.split(chunk, &mut each)
        }
    }

    fn broken(&self, cause: io::Error) -> Stop {
        Stop::Failed(WorkloadError::Read {
            input: self.input.clone(),
            cause,
        })
    }
}

/// Makes items of lines and sends them in blocks.
struct Sink {
    parser: Parser,
    items: Vec<Item>,
    sender: SyncSender<Message>,
    waker: Waker,
}

impl Sink {
    fn take(&mut self, line: &Line<'_>, input: &str) -> Result<(), Stop> {
        let item = self.parser.item(line).map_err(|reason| {
            Stop::Failed(WorkloadError::Header {
                input: input.to_owned(),
                line: line.number,
                reason,
            })
        })?;
        self.items.extend(item);
        if self.items.len() == BLOCK_ITEMS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.items.is_empty() {
            return Ok(());
        }
        // The next block will be about as long as this one: full in a file, short at a keyboard.
        let room = Vec::with_capacity(self.items.len());
        let block = std::mem::replace(&mut self.items, room);
        self.send(Message::Items(block))
    }

    fn send(&self, message: Message) -> Result<(), Stop> {
        self.sender.send(message).map_err(|_| Stop::Unwanted)?;
        self.waker.wake();
        Ok(())
    }
}
