//! The thread that reads lines ahead of those who run them.

use std::io::{self, ErrorKind, Read};

use crate::threads::sync::mpsc::{Receiver, SyncSender, sync_channel};
use crate::threads::thread;
use crate::wake::Waker;

use super::done::{Change, Continued};
use super::fields::Excerpt;
use super::lines::{InputLine, LineSplitter};
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
    /// Something a person should know of the items that follow.
    Warned(String),
    Ended,
    Failed(WorkloadError),
}

/// Puts an input back to its beginning.
pub(super) type Rewind<R> = fn(&mut R) -> io::Result<()>;

/// What is read.
#[derive(Clone, Debug)]
pub(super) struct InputSource {
    /// As messages call it.
    pub(super) name: String,
    /// It is a file, and neither a pipe nor a terminal: it can be corrected and read again.
    pub(super) is_file: bool,
}

/// Why the reader stops before the end.
enum ReadStop {
    Failed(WorkloadError),
    /// The feed was dropped, so the rest is not wanted.
    Unwanted,
}

/// Begins to read what `open` opens. What can be put back to its beginning is looked through before
/// anything of it is run, as far as a named run has dealt with it before. The thread is never joined: it may be stuck in a read that
/// nothing will ever end. Otherwise it ends by itself once the receiver is gone.
pub(super) fn start<R: Read + 'static>(
    open: impl FnOnce() -> io::Result<R> + Send + 'static,
    rewind: Option<Rewind<R>>,
    input: InputSource,
    parser: Parser,
    continued: Option<Continued>,
    waker: Waker,
) -> Result<Receiver<Message>, WorkloadError> {
    let (sender, blocks) = sync_channel(BLOCKS);
    let reader = InputReader {
        lines: LineSplitter::default(),
        sink: ItemSender {
            parser,
            continued,
            source: input.clone(),
            unended: None,
            items: Vec::new(),
            sender,
            waker: waker.clone(),
        },
    };
    thread::Builder::new()
        .name("workload".into())
        .spawn(move || {
            let _last_call = LastCall(waker);
            reader.run(open, rewind);
        })
        .map_err(|cause| WorkloadError::Thread {
            input: input.name,
            cause,
        })?;
    Ok(blocks)
}

/// Wakes once more when the sender is gone, so that a reader that vanished is noticed.
struct LastCall(Waker);

impl Drop for LastCall {
    fn drop(&mut self) {
        self.0.wake();
    }
}

struct InputReader {
    lines: LineSplitter,
    sink: ItemSender,
}

impl InputReader {
    fn run<R: Read>(mut self, open: impl FnOnce() -> io::Result<R>, rewind: Option<Rewind<R>>) {
        let end = match self.read_all(open, rewind) {
            Ok(()) => Message::Ended,
            Err(ReadStop::Failed(error)) => Message::Failed(error),
            Err(ReadStop::Unwanted) => return,
        };
        let _ = self.sink.flush().and_then(|()| self.sink.send(end));
    }

    fn read_all<R: Read>(
        &mut self,
        open: impl FnOnce() -> io::Result<R>,
        rewind: Option<Rewind<R>>,
    ) -> Result<(), ReadStop> {
        let mut input = open().map_err(|cause| self.broken(cause))?;
        if let Some(rewind) = rewind
            && let Some(continued) = self.sink.continued.take()
        {
            let checked = self.check(&mut input, continued.checked())?;
            self.sink.continued = Some(checked.checked());
            rewind(&mut input).map_err(|cause| self.broken(cause))?;
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            // Reading may wait for a person at a keyboard, who wants to see what became of the lines
            // typed so far. So nothing is held back here, and no timer is needed.
            self.sink.flush()?;
            let length = self.read_chunk(&mut input, &mut chunk)?;
            self.take(&chunk[..length])?;
            if length == 0 {
                return self.sink.flush();
            }
        }
    }

    fn read_chunk<R: Read>(&self, input: &mut R, chunk: &mut [u8]) -> Result<usize, ReadStop> {
        loop {
            match input.read(chunk) {
                Ok(length) => return Ok(length),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.broken(e)),
            }
        }
    }

    /// Looks through the input up to the last line that must be what it was.
    fn check<R: Read>(
        &self,
        input: &mut R,
        mut continued: Continued,
    ) -> Result<Continued, ReadStop> {
        let mut parser = self.sink.parser.clone();
        let mut lines = LineSplitter::default();
        let mut chunk = vec![0; CHUNK];
        while !continued.is_over() {
            let length = self.read_chunk(input, &mut chunk)?;
            let mut each = |line: InputLine<'_>| {
                let item = parser.item(&line);
                let item = item.map_err(|reason| unreadable(self.name(), line.number, reason))?;
                let taken = continued.take(&line, item);
                while continued.next().is_some() {}
                taken.map_err(|change| changed(self.name(), change))
            };
            if length > 0 {
                lines.split(&chunk[..length], &mut each)?;
                continue;
            }
            lines.finish(&mut each)?;
            let finished = continued.finish();
            finished.map_err(|change| changed(self.name(), change))?;
            break;
        }
        Ok(continued)
    }

    /// Takes a chunk of the input; an empty one is its end.
    fn take(&mut self, chunk: &[u8]) -> Result<(), ReadStop> {
        let InputReader { lines, sink } = self;
        let mut each = |line: InputLine<'_>| sink.take(&line);
        if !chunk.is_empty() {
            return lines.split(chunk, &mut each);
        }
        lines.finish(&mut each)?;
        sink.finish()
    }

    /// The input's name.
    fn name(&self) -> &str {
        &self.sink.source.name
    }

    fn broken(&self, cause: io::Error) -> ReadStop {
        ReadStop::Failed(WorkloadError::Read {
            input: self.name().to_owned(),
            cause,
        })
    }
}

fn unreadable(input: &str, line: u64, reason: String) -> ReadStop {
    let input = input.to_owned();
    ReadStop::Failed(WorkloadError::Header {
        input,
        line,
        reason,
    })
}

fn changed(input: &str, change: Change) -> ReadStop {
    let input = input.to_owned();
    ReadStop::Failed(WorkloadError::Changed { input, change })
}

/// A record of CSV behind which the input ends without a line feed. An object of JSON Lines shows whether it is
/// whole; of `1250` no reader can tell that it was to be `125000`.
struct UnendedLine {
    number: u64,
    /// The beginning of its text.
    excerpt: String,
}

impl UnendedLine {
    fn of(line: &InputLine<'_>) -> Self {
        UnendedLine {
            number: line.number,
            excerpt: Excerpt(&String::from_utf8_lossy(line.text)).to_string(),
        }
    }

    /// Only what is to be run can do harm: what a named run has done is known to be the same.
    fn is_of(&self, item: &Item) -> bool {
        matches!(item, Item::Operation { line: Some(line), .. } if line.number == self.number)
    }

    fn refused(self) -> Item {
        Item::Invalid {
            line: self.number,
            reason: format!(
                "the file ends within `{}`, without a newline, so that the line may be cut off: where it is whole, add the newline and run that line alone, or the same run again if it has a name (`--run`)",
                self.excerpt
            ),
        }
    }

    fn warning(self, input: &str) -> String {
        format!(
            "warning: `{input}` ends without a newline: line {} is taken as whole, `{}`, and may be cut off; print a newline behind the last line too",
            self.number, self.excerpt
        )
    }
}

/// Makes items of lines and sends them in blocks.
struct ItemSender {
    parser: Parser,
    /// Knows what a named run has done of these lines.
    continued: Option<Continued>,
    source: InputSource,
    /// The last line, where it may have been cut off and shows no sign of it.
    unended: Option<UnendedLine>,
    items: Vec<Item>,
    sender: SyncSender<Message>,
    waker: Waker,
}

impl ItemSender {
    fn take(&mut self, line: &InputLine<'_>) -> Result<(), ReadStop> {
        let item = self.parser.item(line);
        let item = item.map_err(|reason| unreadable(&self.source.name, line.number, reason))?;
        if line.unended && self.parser.is_csv() {
            self.unended = Some(UnendedLine::of(line));
        }
        let Some(continued) = &mut self.continued else {
            return item.map_or(Ok(()), |item| self.push(item));
        };
        let taken = continued.take(line, item);
        taken.map_err(|change| changed(&self.source.name, change))?;
        self.push_all()
    }

    /// Passes on what need not wait.
    fn push_all(&mut self) -> Result<(), ReadStop> {
        while let Some(item) = self.continued.as_mut().and_then(Continued::next) {
            self.push(item)?;
        }
        Ok(())
    }

    /// There are no more lines.
    fn finish(&mut self) -> Result<(), ReadStop> {
        if let Some(item) = self.parser.finish() {
            self.push(item)?;
        }
        let finished = self.continued.as_mut().map_or(Ok(()), Continued::finish);
        finished.map_err(|change| changed(&self.source.name, change))?;
        self.push_all()
    }

    fn push(&mut self, item: Item) -> Result<(), ReadStop> {
        let item = match self.unended.take_if(|unended| unended.is_of(&item)) {
            Some(unended) if self.source.is_file => unended.refused(),
            Some(unended) => {
                self.flush()?;
                self.send(Message::Warned(unended.warning(&self.source.name)))?;
                item
            }
            None => item,
        };
        self.items.push(item);
        if self.items.len() == BLOCK_ITEMS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ReadStop> {
        if self.items.is_empty() {
            return Ok(());
        }
        // The next block will be about as long as this one: full in a file, short at a keyboard.
        let room = Vec::with_capacity(self.items.len());
        let block = std::mem::replace(&mut self.items, room);
        self.send(Message::Items(block))
    }

    fn send(&self, message: Message) -> Result<(), ReadStop> {
        self.sender.send(message).map_err(|_| ReadStop::Unwanted)?;
        self.waker.wake();
        Ok(())
    }
}
