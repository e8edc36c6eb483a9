//! Bytes that come from outside, whatever they are: one function for each kind of them, which fails where a
//! promise about them is broken. A fuzzer calls these functions (`tests/fuzz`), and the tests call them with
//! the inputs that it has found to reach different code (`tests/corpus`). The program itself has none of it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken promise is told by a panic"
)]

mod amounts;
mod events;
mod frames;
mod kept_texts;
mod ledger_file;
mod tokens;

use std::fs;
use std::path::Path;

/// Fails where a promise about the bytes is broken.
pub type BytesCheck = fn(&[u8]);

/// Every kind of bytes, by its name.
pub const KINDS: &[(&str, BytesCheck)] = &[
    ("amounts", amounts::amounts),
    ("arguments", crate::cli::untrusted::arguments),
    ("events", events::events),
    ("frames", frames::frames),
    ("http", crate::web::untrusted::http),
    ("kept-texts", kept_texts::kept_texts),
    ("ledger-file", ledger_file::ledger_file),
    ("page-choices", crate::web::untrusted::page_choices),
    #[cfg(feature = "postgres")]
    ("postgres-address", crate::store::postgres_address),
    ("spent", crate::command::untrusted::spent_text),
    ("times", crate::cli::untrusted::times),
    ("tokens", tokens::tokens),
    ("workload", crate::workload::untrusted::workload),
];

/// The inputs of a kind that were found to reach different code: those of `tests/corpus`, where each is a line of
/// hexadecimal digits.
pub fn inputs(kind: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let lines = fs::read_to_string(corpus.join(kind)).expect("a file of inputs");
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16);
    let input = |line: &str| line.as_bytes().chunks(2).map(byte).collect();
    let inputs: Result<_, _> = lines.lines().map(input).collect();
    inputs.expect("hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn bytes_that_reach_different_code_break_no_promise() {
        for (kind, check) in KINDS {
            let inputs = inputs(kind);
            assert!(inputs.len() > 10, "`{kind}`");
            for (line, input) in (1..).zip(inputs) {
                // A panic is told with the name of its thread.
                let named = thread::Builder::new().name(format!("{kind}, line {line}"));
                let run = named.spawn(move || check(&input)).expect("a thread");
                assert!(run.join().is_ok(), "`{kind}`, line {line}");
            }
        }
    }

    #[test]
    fn every_kind_of_bytes_has_a_function() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        for file in fs::read_dir(corpus).expect("the inputs") {
            let kind = file.expect("a file").file_name();
            let is_known = KINDS.iter().any(|(known, _)| **known == *kind);
            let is_left_out = kind == "postgres-address" && !cfg!(feature = "postgres");
            assert!(is_known || is_left_out, "{kind:?}");
        }
    }
}
