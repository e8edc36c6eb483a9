//! Words that stand where a file is named and were meant for something else.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::bank::Kind;

/// A file, unless that is a word that has slipped off a flag and there is no such file.
pub(super) fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|file| match meant(file.to_str().unwrap_or_default()) {
        Some(meant) if !file.exists() => Err(format!("there is no such file; {meant}")),
        _ => Ok(file),
    })
}

fn meant(word: &str) -> Option<String> {
    match word {
        "ns" | "us" | "ms" | "s" | "sec" | "m" | "min" | "h" | "d" => Some(format!(
            "a time is written without a blank, such as `5{word}`"
        )),
        "write" | "half-written" => Some(format!("did you mean `--kill-holder={word}`?")),
        "none" | "cas" | "mutex" | "atomic" | "spin" | "semaphore" => Some(format!(
            "did you mean `--sync={word}`, which is `--lock={word}` of the command `sync`?"
        )),
        "lock" | "robust" | "mutex-per-account" | "file-lock" => {
            Some(format!("did you mean `--sync={word}`?"))
        }
        "rwlock" | "channel" => Some(format!("did you mean `--lock={word}`?")),
        "sharing" | "links" | "processes" | "durable" => {
            Some(format!("did you mean `--only={word}`?"))
        }
        "parallel" | "server-share" | "queue" | "pipe" | "shared-memory" | "sync" => {
            Some(format!("`{word}` is a command of its own"))
        }
        _ => {
            let kind = Kind::ALL.iter().find(|kind| kind.word() == word);
            kind.map(|_| format!("did you mean `--op={word}`?"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_file_is_told_what_it_may_have_been() {
        for (word, expected) in [
            ("min", "such as `5min`"),
            ("half-written", "`--kill-holder=half-written`"),
            ("none", "`--sync=none`"),
            ("robust", "`--sync=robust`?"),
            ("channel", "`--lock=channel`"),
            ("links", "`--only=links`"),
            ("deposit", "`--op=deposit`"),
            ("queue", "a command of its own"),
        ] {
            let told = meant(word).unwrap_or_default();
            assert!(told.contains(expected), "{word}: {told}");
        }
        for file in ["ops.jsonl", "-", "", "payouts"] {
            assert_eq!(meant(file), None, "{file}");
        }
    }
}
