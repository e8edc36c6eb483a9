//! Recordings for tests.

use super::{Picture, Recording};

/// Five operations of which the processes share cells without synchronisation: three updates of `main` are
/// lost and two of `@world`.
pub(crate) const LESSON: &str = include_str!("../../tests/recordings/lesson.jsonl");
/// Three withdrawals with work on a ledger, of which one fails and one is refused.
pub(crate) const FIRST: &str = include_str!("../../tests/recordings/first.jsonl");
/// Two more on the same ledger, 300 ms later, by another parent.
pub(crate) const SECOND: &str = include_str!("../../tests/recordings/second.jsonl");

/// Two operations of which the second waits for the lock that the first has.
pub(crate) const WAITS: &str = include_str!("../../tests/recordings/waits.jsonl");
/// An operation that adds to shared memory in one step.
pub(crate) const ADDITIONS: &str = include_str!("../../tests/recordings/additions.jsonl");

/// The picture of some recordings, each a file.
pub(crate) fn picture(recordings: &[&str]) -> Picture {
    let mut recording = Recording::default();
    for (number, text) in recordings.iter().enumerate() {
        recording.begin_source(&format!("{number}.jsonl"));
        for line in text.lines() {
            recording.line(line.as_bytes()).expect("a recording");
        }
    }
    recording.picture()
}

/// So many operations of one worker, each of which takes a millisecond, without steps.
pub(crate) fn many(operations: u64) -> Picture {
    let mut recording = Recording::default();
    recording.begin_source("many.jsonl");
    for number in 1..=operations {
        let (r#type, reason) = match number % 1_000 {
            7 => ("refused", "\"reason\":\"insufficient_funds\","),
            _ => ("completed", ""),
        };
        let (at, balance) = (number * 1_000, number % 977);
        let line = format!(
            "{{\"v\":1,\"type\":\"{type}\",\"op\":\"deposit\",\"account\":\"main\",\"amount\":\"1.00\",{reason}\"balance\":\"{balance}.00\",\"available\":\"{balance}.00\",\"operation\":{number},\"worker\":1,\"pid\":77,\"at_us\":{at},\"elapsed_us\":{}}}",
            900 + number % 89
        );
        recording.line(line.as_bytes()).expect("an event");
    }
    recording.picture()
}
