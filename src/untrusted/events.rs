//! Files of events, as runs record them and other programs write them.

use crate::bank::Unit;
use crate::check::{ObservedHistory, check};
use crate::event::Event;
use crate::show::Recording;

/// The most lines that are looked at: a search over more takes longer and finds nothing else.
const MOST_LINES: usize = 64;

/// What is read is written as the same event, a picture is drawn of it, and it is checked.
pub(super) fn events(bytes: &[u8]) {
    // What the amounts of a process count is settled once.
    let _ = Unit::default().settle();
    let mut recording = Recording::default();
    let mut history = ObservedHistory::default();
    recording.begin_source("events");
    history.next_file();
    let (mut is_recording, mut is_history) = (true, true);
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n').take(MOST_LINES)) {
        is_recording &= recording.line(line.trim_ascii_end()).is_ok();
        let Ok(text) = str::from_utf8(line.trim_ascii()) else {
            continue;
        };
        if !text.is_empty() {
            is_history &= history.add(0, number, text).is_ok();
        }
        if let Ok(Some(event)) = Event::read(number, text) {
            write_again(&event);
        }
    }
    if is_recording {
        let _ = recording.picture();
    }
    if is_history {
        history.finish();
        let _ = check(&history).judgement();
    }
}

fn write_again(event: &Event) {
    let mut line = Vec::new();
    event.write(&mut line).expect("memory takes every byte");
    let text = str::from_utf8(&line).expect("text");
    let again = Event::read(1, text.trim_end()).expect("what was written");
    assert_eq!(again.as_ref(), Some(event), "{text}");
}
