use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use super::*;
use crate::threads::tests::{take_turns, wait_for};
use crate::wake::Alarm;

const LINE: &str = "{\"op\":\"balance\"}\n";

/// A feed, and the alarm that tells when to ask it.
struct Reading {
    feed: Feed,
    alarm: Alarm,
}

impl Reading {
    fn source(source: WorkloadSource) -> Result<Self, WorkloadError> {
        let (alarm, waker) = Alarm::new().expect("an alarm");
        let feed = Feed::start(source, None, Defaults::default(), None, waker)?;
        Ok(Reading { feed, alarm })
    }

    fn of<R: Read + Send + 'static>(input: R) -> Self {
        let (alarm, waker) = Alarm::new().expect("an alarm");
        let parser = Parser::new(None, Defaults::default());
        let source = InputSource {
            name: "input".into(),
            is_file: false,
        };
        let feed = Feed::read(|| Ok(input), None, source, parser, None, waker).expect("a feed");
        Reading { feed, alarm }
    }

    /// What comes next, however long that takes.
    fn next(&mut self) -> Next {
        loop {
            self.alarm.reset();
            match self.feed.next() {
                Next::NotYet => self.wait(),
                next => return next,
            }
        }
    }

    /// Waits until the feed wakes us.
    fn wait(&mut self) {
        wait_for(&mut self.alarm);
    }

    /// The line of the next item.
    fn line(&mut self) -> u64 {
        match self.next() {
            Next::Item(item) => line(&item),
            other => panic!("{other:?} and not an item"),
        }
    }

    fn expect_end(&mut self) {
        let next = self.next();
        assert!(matches!(next, Next::End), "{next:?}");
    }
}

fn line(item: &Item) -> u64 {
    match item {
        Item::Operation { line, .. } => line.expect("a line").number,
        Item::Done { line, .. } | Item::Skipped { line, .. } => line.number,
        Item::Invalid { line, .. } => *line,
    }
}

fn typed() -> (Reading, PipeWriter) {
    let (reader, writer): (PipeReader, PipeWriter) = pipe().expect("a pipe");
    (Reading::of(reader), writer)
}

fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    (folder, path)
}

fn view() -> Operation {
    use crate::bank::Kind;
    Operation::new(Kind::Balance, None, Name::default(), None, None).expect("a view")
}

#[test]
fn a_list_is_there_at_once() {
    let mut reading =
        Reading::source(WorkloadSource::Operations(vec![view(), view()])).expect("a feed");
    for _ in 0..2 {
        let Next::Item(item) = reading.feed.next() else {
            panic!("no item");
        };
        let expected = Item::Operation {
            line: None,
            operation: view(),
        };
        assert_eq!(item, expected);
    }
    reading.expect_end();
}

#[test]
fn a_line_is_handed_on_before_the_next_is_typed() {
    let (mut reading, mut writer) = typed();
    assert!(matches!(reading.feed.next(), Next::NotYet));
    for number in 1..=20 {
        writer.write_all(LINE.as_bytes()).expect("a line");
        // The beginning of the next line must not hold this one back.
        writer.write_all(b" ").expect("a byte");
        assert_eq!(reading.line(), number);
        assert!(matches!(reading.feed.next(), Next::NotYet));
    }
    writer
        .write_all(LINE.trim_end().as_bytes())
        .expect("a line");
    drop(writer);
    assert_eq!(reading.line(), 21);
    reading.expect_end();
    reading.expect_end();
}

#[test]
fn many_lines_come_in_order() {
    let count = 5 * reader::BLOCK_ITEMS as u64 + 7;
    let (_folder, path) = file("ops", &LINE.repeat(count as usize));
    let mut reading = Reading::source(WorkloadSource::File(path)).expect("a feed");
    for number in 1..=count {
        assert_eq!(reading.line(), number);
    }
    reading.expect_end();
}

/// Lines without end. Each read checks that the reader is only so far ahead of what was `taken`.
struct Endless {
    read: usize,
    taken: Arc<AtomicUsize>,
    too_far: Arc<AtomicUsize>,
    /// Hangs up when the reader lets go of its input.
    _alive: Sender<()>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // All that was read is on its way, or taken over by the feed, or was just taken out of it.
        let bound = (reader::BLOCKS + 2) * reader::BLOCK_ITEMS;
        if self.read > self.taken.load(Ordering::SeqCst) + bound {
            self.too_far.fetch_add(1, Ordering::SeqCst);
        }
        let lines = LINE.repeat(buffer.len() / LINE.len());
        self.read += buffer.len() / LINE.len();
        lines.as_bytes().read(buffer)
    }
}

#[test]
fn the_reader_is_never_far_ahead_and_ends_with_the_feed() {
    let (taken, too_far) = (Arc::default(), Arc::default());
    let (alive, ended) = channel();
    let mut reading = Reading::of(Endless {
        read: 0,
        taken: Arc::clone(&taken),
        too_far: Arc::clone(&too_far),
        _alive: alive,
    });
    for number in 1..=50_000 {
        assert_eq!(reading.line(), number);
        taken.fetch_add(1, Ordering::SeqCst);
    }
    assert_eq!(too_far.load(Ordering::SeqCst), 0);
    drop(reading);
    assert!(ended.recv().is_err());
}

/// An input that brings its reader down.
struct Deadly;

impl Read for Deadly {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("this panic belongs to the test");
    }
}

#[test]
fn a_reader_that_vanishes_is_not_the_end() {
    let next = Reading::of(Deadly).next();
    assert!(
        matches!(next, Next::Failed(WorkloadError::Vanished)),
        "{next:?}"
    );
}

/// Two lines and a half, and then the disk breaks.
struct Broken(u8);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1 => Err(io::ErrorKind::Interrupted.into()),
            2 => format!("{LINE}{LINE}{}", LINE.trim_end())
                .as_bytes()
                .read(buffer),
            _ => Err(io::Error::other("the disk is gone")),
        }
    }
}

#[test]
fn a_failure_is_told_once_after_the_whole_lines_before_it() {
    let mut reading = Reading::of(Broken(0));
    assert_eq!((reading.line(), reading.line()), (1, 2));
    match reading.next() {
        Next::Failed(error) => assert_eq!(
            error.to_string(),
            "cannot read `input` any further: the disk is gone"
        ),
        other => panic!("{other:?}"),
    }
    reading.expect_end();
}

#[test]
fn the_formats_are_told_by_name_or_by_the_first_line() {
    let check = |name: &str, content: &str, expected: Result<u64, &str>| {
        let (_folder, path) = file(name, content);
        let mut reading = Reading::source(WorkloadSource::File(path.clone())).expect("a feed");
        match (reading.next(), expected) {
            (Next::Item(item), Ok(expected)) => assert_eq!(line(&item), expected),
            (Next::Failed(error), Err(expected)) => {
                let expected = format!("`{}`, {expected}", path.display());
                assert_eq!(error.to_string(), expected);
            }
            (other, _) => panic!("{name}: {other:?}"),
        }
    };
    check("ops", LINE, Ok(1));
    check("ops", "\nop\nbalance", Ok(3));
    check("ops.JSONL", "op\n", Ok(1));
    check("ops.ndjson", "op\n", Ok(1));
    check("ops.json", "op\n", Ok(1));
    check("ops.csv", "op\nbalance", Ok(2));
    let json = "line 2: column 1: `{op:balance}` is not a column; CSV begins with the names of its \
                columns, some of `op`, `amount`, `account`, `to`, `id`, `memo`, `date`, and `meta.NAME`";
    check("ops.csv", "\n{op:balance}\n", Err(json));
    check(
        "ops",
        "\n\namount\n",
        Err("line 3: the column `op` is missing"),
    );
}

#[test]
fn a_last_record_without_its_newline_is_refused_in_a_file() {
    let whole = "op,amount\ndeposit,5\n";
    let (_folder, path) = file("ops.csv", &format!("{whole}deposit,12"));
    let mut reading = Reading::source(WorkloadSource::File(path.clone())).expect("a feed");
    assert_eq!(reading.line(), 2);
    match reading.next() {
        Next::Item(Item::Invalid { line: 3, reason }) => assert!(
            reason.starts_with("the file ends within `deposit,12`, without a newline")
                && reason
                    .ends_with("that line alone, or the same run again if it has a name (`--run`)"),
            "{reason}"
        ),
        other => panic!("{other:?}"),
    }
    reading.expect_end();
    for whole in [whole, "op,amount\r\ndeposit,5\r\n  "] {
        fs::write(&path, whole).expect("a file");
        let mut reading = Reading::source(WorkloadSource::File(path.clone())).expect("a feed");
        let next = reading.next();
        assert!(
            matches!(next, Next::Item(Item::Operation { .. })),
            "{whole:?}: {next:?}"
        );
        reading.expect_end();
    }
}

#[test]
fn a_last_record_without_its_newline_is_told_of_a_pipe() {
    let mut reading = Reading::of("op,amount\ndeposit,5\ndeposit,12".as_bytes());
    assert_eq!(reading.line(), 2);
    match reading.next() {
        Next::Warned(warning) => assert_eq!(
            warning,
            "warning: `input` ends without a newline: line 3 is taken as whole, `deposit,12`, and may be cut off; print a newline behind the last line too"
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(reading.line(), 3);
    reading.expect_end();
}

#[test]
fn an_object_without_a_newline_is_whole() {
    for name in ["ops.jsonl", "ops"] {
        let (_folder, path) = file(name, LINE.trim_end());
        let mut reading = Reading::source(WorkloadSource::File(path)).expect("a feed");
        let next = reading.next();
        assert!(
            matches!(next, Next::Item(Item::Operation { .. })),
            "{next:?}"
        );
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let (folder, _) = file("ops", "");
    let missing = folder.path().join("missing");
    let check = |path: &Path, expected: &str| {
        let error = Reading::source(WorkloadSource::File(path.to_owned())).err();
        let error = error.expect("an error").to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        &missing,
        &format!("cannot open `{}`: No such file", missing.display()),
    );
    check(
        folder.path(),
        &format!("cannot read `{}`: it is a dir", folder.path().display()),
    );
}

#[test]
fn nobody_waits_for_the_writer_of_a_named_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a named pipe");
    let mut reading = Reading::source(WorkloadSource::File(path.clone())).expect("a feed");
    assert!(matches!(reading.feed.next(), Next::NotYet));
    fs::write(&path, LINE).expect("a line");
    assert_eq!(reading.line(), 1);
    reading.expect_end();
}

/// An input that gives one line at a time, so many.
struct LineByLine(usize);

impl Read for LineByLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Ok(0);
        }
        self.0 -= 1;
        buffer[..LINE.len()].copy_from_slice(LINE.as_bytes());
        Ok(LINE.len())
    }
}

/// More blocks than may be on their way.
const MANY_BLOCKS: usize = reader::BLOCKS + 2;

#[test]
fn each_line_arrives_once_however_threads_take_turns() {
    take_turns(|| {
        let mut reading = Reading::of(LineByLine(MANY_BLOCKS));
        for number in 1..=MANY_BLOCKS {
            assert_eq!(reading.line(), number as u64);
        }
        assert!(matches!(reading.next(), Next::End));
    });
}

#[test]
fn a_reader_ends_with_its_feed_however_threads_take_turns() {
    take_turns(|| {
        let mut reading = Reading::of(LineByLine(MANY_BLOCKS));
        assert_eq!(reading.line(), 1);
    });
}
