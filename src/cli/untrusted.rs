//! The command line, and the times that are written on it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::FromArgMatches;

use super::Cli;
use super::arguments::{bare, behind_its_command, without_dangerous_advice};
use super::moment::{duration, moment};
use crate::event::rfc3339;

/// The most words of one command line.
const MOST_WORDS: usize = 24;

/// Any words, one a line, are a command, or an error that is told.
pub(crate) fn arguments(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == b'\n').take(MOST_WORDS);
    let words = words.map(|word| OsString::from_vec(word.to_vec()));
    let words = std::iter::once(OsString::from("bank-par")).chain(words);
    let matches = bare().try_get_matches_from(behind_its_command(words.collect()));
    if let Err(error) = matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        assert!(matches!(error.exit_code(), 0 | 2));
        if error.use_stderr() {
            assert!(
                !without_dangerous_advice(error)
                    .render()
                    .to_string()
                    .is_empty()
            );
        }
    }
}

/// A moment that is read is written as the same one, and a duration can be added to.
pub(crate) fn times(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(found) = moment(text) {
        let written = rfc3339(found);
        assert_eq!(moment(&written).ok(), Some(found), "{written}");
    }
    if let Ok(found) = duration(text) {
        assert!(!found.is_zero());
        assert!(std::time::Instant::now().checked_add(found).is_some());
    }
}
