//! Where blocks of lines are written: stdout, or a recording that other runs may append to as well.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Broken;
use super::destination::OpenedDestination;
use super::live::above_the_lines;

/// Somewhere to write, until it breaks.
pub(super) struct Sink {
    name: String,
    /// Its reader may go away without that being a fault.
    may_close: bool,
    /// Others may append to it at the same time.
    is_shared: bool,
    /// A person looks on.
    is_terminal: bool,
    file: Option<File>,
}

impl Sink {
    pub(super) fn stdout(file: File) -> Self {
        Sink {
            name: "stdout".into(),
            may_close: true,
            is_shared: false,
            is_terminal: file.is_terminal(),
            file: Some(file),
        }
    }

    pub(super) fn recording(opened: OpenedDestination) -> Self {
        Sink {
            name: opened.name,
            may_close: false,
            is_shared: opened.is_shared,
            is_terminal: opened.file.is_terminal(),
            file: Some(opened.file),
        }
    }

    /// Whether a person looks on.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    pub(super) fn is_whole(&self) -> bool {
        self.file.is_some()
    }

    /// Waits so long, or until its reader goes away. Tells whether there may still be one.
    pub(super) fn outlasts(&self, patience: Duration) -> bool {
        let Some(file) = &self.file else { return false };
        let patience = Timespec::try_from(patience).ok();
        // Nothing is asked for, so only a lost reader ends the wait early.
        let ready = poll(
            &mut [PollFd::new(file, PollFlags::empty())],
            patience.as_ref(),
        );
        !matches!(ready, Ok(1..))
    }

    /// Writes the block if nothing is broken, and says what broke just now.
    pub(super) fn write(&mut self, block: &[u8]) -> Option<Broken> {
        let file = self.file.as_ref()?;
        let written = match (self.is_shared, self.is_terminal) {
            _ if block.is_empty() => Ok(()),
            (true, _) => append_among_others(file, block),
            (false, true) => above_the_lines(|| write_all(file, block)),
            (false, false) => write_all(file, block),
        };
        let error = written.err()?;
        self.file = None;
        Some(if self.may_close && error.kind() == ErrorKind::BrokenPipe {
            Broken::Closed
        } else {
            Broken::Failed(format!("cannot write to `{}`: {error}", self.name))
        })
    }
}

/// How long others may keep a recording locked that each writes its blocks to.
const MAX_LOCKED: Duration = Duration::from_secs(30);

/// Appends a block of whole lines to a file to which other runs append theirs. A line that was cut off,
/// since its run was killed or the disk was full, is ended first.
fn append_among_others(file: &File, block: &[u8]) -> io::Result<()> {
    lock(file)?;
    let written = match ends_within_a_line(file) {
        true => write_all(file, b"\n").and_then(|()| write_all(file, block)),
        false => write_all(file, block),
    };
    let _ = flock(file, FlockOperation::Unlock);
    written
}

/// Whether a file has a last line without its end. A FIFO and a terminal cannot be asked.
fn ends_within_a_line(file: &File) -> bool {
    let length = file.metadata().map_or(0, |found| found.len());
    let mut last = [0];
    length > 0 && matches!(file.read_at(&mut last, length - 1), Ok(1)) && last != *b"\n"
}

fn lock(file: &File) -> io::Result<()> {
    let since = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if since.elapsed() < MAX_LOCKED => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(Errno::WOULDBLOCK) => {
                let what = format!("another process has kept it locked for {MAX_LOCKED:?}");
                return Err(io::Error::other(what));
            }
            // What cannot be locked takes a block in one piece or not at all.
            _ => return Ok(()),
        }
    }
}

/// Writes to a file that may be non-blocking: a process that shares a terminal or a pipe with this one
/// can make it so, and then a full one is no error.
fn write_all(mut file: &File, mut block: &[u8]) -> io::Result<()> {
    while !block.is_empty() {
        match file.write(block) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => block = &block[taken..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_for_room(file)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for_room(file: &File) -> io::Result<()> {
    match poll(&mut [PollFd::new(file, PollFlags::OUT)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read};
    use std::os::fd::OwnedFd;

    fn pipe() -> (PipeReader, File) {
        let (reader, writer) = io::pipe().expect("a pipe");
        (reader, File::from(OwnedFd::from(writer)))
    }

    fn closed_pipe() -> File {
        let (_reader, writer) = pipe();
        writer
    }

    #[test]
    fn only_stdout_may_be_closed() {
        let check = |mut output: Sink, expected: Broken| {
            assert_eq!(output.write(b"lost"), Some(expected));
            assert!(!output.is_whole());
            assert_eq!(output.write(b"dropped"), None);
        };
        check(Sink::stdout(closed_pipe()), Broken::Closed);
        let why = "cannot write to `e.jsonl`: Broken pipe (os error 32)".into();
        let recording = Sink::recording(OpenedDestination {
            name: "e.jsonl".into(),
            file: closed_pipe(),
            is_shared: true,
        });
        check(recording, Broken::Failed(why));
        let full = File::options().write(true).open("/dev/full").expect("full");
        let why = "cannot write to `stdout`: No space left on device (os error 28)".into();
        check(Sink::stdout(full), Broken::Failed(why));
    }

    #[test]
    fn a_full_pipe_that_does_not_block_is_waited_for() {
        let (mut reader, writer) = pipe();
        rustix::io::ioctl_fionbio(&writer, true).expect("non-blocking");
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        let block = vec![b'x'; 1 << 20];
        write_all(&writer, &block).expect("a patient write");
        drop(writer);
        assert_eq!(reading.join().expect("no panic").expect("bytes"), block);
    }

    fn shared(path: &std::path::Path) -> Sink {
        let file = File::options()
            .append(true)
            .read(true)
            .create(true)
            .open(path);
        Sink::recording(OpenedDestination {
            name: "e.jsonl".into(),
            file: file.expect("a file"),
            is_shared: true,
        })
    }

    #[test]
    fn runs_that_share_a_recording_leave_each_others_lines_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "cut o").expect("room");
        thread::scope(|scope| {
            for run in ["a", "b", "c", "d"] {
                let mut output = shared(&path);
                scope.spawn(move || {
                    for round in 1..100 {
                        let line = format!("{}\n", run.repeat(round * 37));
                        assert_eq!(output.write(line.repeat(3).as_bytes()), None);
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(text.lines().next(), Some("cut o"));
        assert_eq!(text.lines().count(), 1 + 4 * 99 * 3);
        for line in text.lines().skip(1) {
            let first = line.get(..1).expect("a letter");
            assert_eq!(line, first.repeat(line.len()));
        }
    }
}
