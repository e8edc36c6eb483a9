//! Whether a file is a recording of events.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::event::Event;

/// What every line of a recording begins with, before the type.
const START: &str = r#"{"v":1,"type":""#;

/// More than any line begins with.
const HEAD: usize = 64;

/// As much as is read at once.
const CHUNK: u64 = 64 * 1024;

/// Whether the first line and the last one are events; a last one that was cut off counts as far as it
/// goes. An empty file will be a recording.
pub(super) fn is_one(path: &Path) -> io::Result<bool> {
    // What the system makes up as it is read may have to be waited for, and seems to be empty.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let (first, length) = (head(&file, 0)?, file.metadata()?.len());
    Ok(first.is_empty()
        || is_event(&first, false) && is_event(&head(&file, last_line(&file, length)?)?, true))
}

fn head(file: &File, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEAD];
    let count = read_at(file, &mut bytes, at)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn is_event(head: &[u8], may_be_cut: bool) -> bool {
    let is_type = |name: &&str| {
        let start = format!("{START}{name}\"");
        head.starts_with(start.as_bytes()) || may_be_cut && start.as_bytes().starts_with(head)
    };
    Event::TYPES.iter().any(is_type)
}

/// Where the last line begins.
fn last_line(file: &File, length: u64) -> io::Result<u64> {
    // The line's own end does not begin another one.
    let mut end = length.saturating_sub(1);
    let mut chunk = vec![0; CHUNK as usize];
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let wanted = usize::try_from(end - start).map_err(io::Error::other)?;
        let count = read_at(file, &mut chunk[..wanted], start)?;
        if let Some(at) = memchr::memrchr(b'\n', &chunk[..count]) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < bytes.len() {
        match file.read_at(&mut bytes[count..], at + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"v":1,"type":"completed","op":"withdraw"}"#;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, text).expect("room");
        let head = &text[..text.len().min(80)];
        assert_eq!(is_one(&path).expect("readable"), expected, "{head}");
    }

    #[test]
    fn a_recording_begins_and_ends_with_events() {
        let long = format!("{}{}\n", EVENT.trim_end_matches('}'), "x".repeat(200_000));
        check("", true);
        check(&format!("{EVENT}\n"), true);
        check(EVENT, true);
        check(&format!("{EVENT}\n{EVENT}"), true);
        check(&format!("{EVENT}\n{long}"), true);
        check(&format!("{long}{EVENT}\n"), true);
        check(&format!("{EVENT}\n{{\"v\":1,\"ty"), true);
        check(&format!("{EVENT}\n{{\n"), false);
        check(&format!("{EVENT}\nnotes\n"), false);
        check(&format!("notes\n{EVENT}\n"), false);
        check("{", false);
        check("\n", false);
        check("{\"op\":\"withdraw\",\"amount\":\"1\"}\n", false);
        check("{\"v\":1,\"type\":\"entry\",\"seq\":1}\n", false);
        check("SQLite format 3\0", false);
        check(&"x".repeat(300_000), false);
    }
}
