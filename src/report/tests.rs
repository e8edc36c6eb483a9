use super::*;
use crate::report::destination::OpenedDestination;
use crate::report::samples;
use crate::threads::tests::{take_turns, wait_for};
use crate::wake::Alarm;
use std::fs;
use std::io::{PipeReader, Read};

fn recorder(path: &std::path::Path) -> Sink {
    Sink::recording(OpenedDestination {
        name: path.display().to_string(),
        file: File::create(path).expect("a file"),
        is_shared: false,
    })
}

/// A reporter whose stdout is a pipe.
fn piped(recording: Option<Sink>) -> (Reporter, PipeReader, Alarm) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let stdout = Sink::stdout(File::from(std::os::fd::OwnedFd::from(writer)));
    let (alarm, waker) = Alarm::new().expect("an alarm");
    let sinks = recording.into_iter().chain([stdout]).collect();
    let rendering = Rendering::json(Detail::Results, sinks);
    let reporter = Reporter::over(vec![rendering], Drawer::default(), None, waker);
    (reporter.expect("a reporter"), reader, alarm)
}

/// Waits as a caller does: on the alarm alone.
fn wait_until(alarm: &mut Alarm, mut reached: impl FnMut() -> bool) {
    while !reached() {
        wait_for(alarm);
    }
}

#[test]
fn what_the_caller_collects_is_no_backlog() {
    let (_alarm, waker) = Alarm::new().expect("an alarm");
    let (reporter, events) = Reporter::collecting(waker);
    reporter.tell(vec![samples::completed(); 2 * BACKLOG_LIMIT]);
    assert_eq!(reporter.backlog(), 0);
    assert_eq!(events.try_iter().flatten().count(), 2 * BACKLOG_LIMIT);
}

#[test]
fn all_that_was_told_is_written_at_the_end_however_threads_take_turns() {
    take_turns(|| {
        let (mut alarm, waker) = Alarm::new().expect("an alarm");
        let drawer = Drawer::default();
        let reporter = Reporter::over(Vec::new(), drawer, None, waker);
        let mut reporter = reporter.expect("a reporter");
        for _ in 0..3 {
            reporter.tell(vec![samples::completed()]);
        }
        let closed = reporter.close();
        wait_until(&mut alarm, || closed.is_written());
        assert_eq!((reporter.backlog(), reporter.broken()), (0, None));
    });
}

#[test]
fn everything_told_is_written_to_both_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let (mut reporter, mut reader, mut alarm) = piped(Some(recorder(&path)));
    let reading = thread::spawn(move || {
        let mut all = String::new();
        reader.read_to_string(&mut all).map(|_| all)
    });
    for _ in 0..100 {
        reporter.tell(vec![samples::completed(); 100]);
    }
    let closed = reporter.close();
    wait_until(&mut alarm, || closed.is_written());
    assert_eq!((reporter.backlog(), reporter.broken()), (0, None));
    let seen = reading.join().expect("no panic").expect("text");
    assert_eq!(seen.lines().count(), 10_000);
    assert!(seen.lines().all(|line| line == samples::COMPLETED_JSON));
    assert_eq!(fs::read_to_string(&path).expect("text"), seen);
}

#[test]
fn one_event_is_seen_before_there_are_more() {
    let (reporter, mut reader, _alarm) = piped(None);
    reporter.tell(vec![samples::completed()]);
    let mut line = vec![0; samples::COMPLETED_JSON.len()];
    reader.read_exact(&mut line).expect("a line");
    assert_eq!(line, samples::COMPLETED_JSON.as_bytes());
}

#[test]
fn a_reader_that_stops_reading_blocks_nobody_and_may_go_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let (mut reporter, reader, mut alarm) = piped(Some(recorder(&path)));
    reporter.tell(vec![samples::completed(); 2 * BACKLOG_LIMIT]);
    let closed = reporter.close();
    assert!(!closed.is_written() && reporter.backlog() > BACKLOG_LIMIT);
    drop(reader);
    wait_until(&mut alarm, || reporter.broken() == Some(Broken::Closed));
    wait_until(&mut alarm, || closed.is_written());
    assert_eq!(reporter.backlog(), 0);
    let recorded = fs::read_to_string(&path).expect("text");
    assert_eq!(recorded.lines().count(), 2 * BACKLOG_LIMIT);
}

#[test]
fn a_failed_output_is_named_and_the_other_goes_on() {
    let (mut reporter, mut reader, mut alarm) = piped(Some(recorder("/dev/full".as_ref())));
    reporter.tell(vec![samples::completed()]);
    wait_until(&mut alarm, || reporter.broken().is_some());
    let Some(Broken::Failed(why)) = reporter.broken() else {
        panic!("a full file is a failure");
    };
    assert!(why.starts_with("cannot write to `/dev/full`: "), "{why}");
    assert!(why.contains("os error 28"), "{why}");
    reporter.tell(vec![samples::completed()]);
    let closed = reporter.close();
    wait_until(&mut alarm, || closed.is_written());
    drop(closed);
    let mut seen = String::new();
    drop(reporter);
    reader.read_to_string(&mut seen).expect("text");
    assert_eq!(seen.lines().count(), 2);
}
