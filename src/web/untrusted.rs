//! What any program of this machine can send to the page's port, and what the page sends.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken promise is told by a panic"
)]

use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use super::admission::{Admission, Door, HostNames};
use super::choice::{ExploreChoice, OrderChoice, RunChoice};
use super::order::begun;
use super::request::{WebRequest, parse};

/// A request means the same however much of it has arrived at once, and without the secrets of the link or the
/// cookie it is not let in.
pub(crate) fn http(bytes: &[u8]) {
    static DOOR: OnceLock<Door> = OnceLock::new();
    let door = DOOR.get_or_init(|| Door::new(HostNames::Port(7000)).expect("randomness"));
    let whole = parse(bytes);
    let part = &bytes[..bytes.len() / 2];
    match (parse(part), &whole) {
        (Ok(None), _) => {}
        (Ok(Some((early, head))), Ok(Some((request, same)))) => {
            assert_eq!(
                (format!("{early:?}"), head),
                (format!("{request:?}"), *same)
            );
        }
        (early, whole) => assert!(early.is_err() && whole.is_err(), "{early:?}, {whole:?}"),
    }
    if let Ok(Some((request, head))) = whole {
        assert!(head <= bytes.len() && request.body.is_empty());
        refused(door, &request);
    }
}

fn refused(door: &Door, request: &WebRequest) {
    let admission = door.admit(request);
    assert!(matches!(admission, Admission::Refused(_)), "{request:?}");
}

/// Whatever the page sends, of the words of the command that does it only the first is no flag with its value.
pub(crate) fn page_choices(bytes: &[u8]) {
    let words = [
        chosen(bytes, |choice: &RunChoice| choice.words().ok()),
        chosen(bytes, |choice: &ExploreChoice| choice.words().ok()),
        chosen(bytes, |choice: &OrderChoice| choice.words().ok()),
    ];
    for words in words.iter().flatten() {
        let (command, flags) = words.split_first().expect("a command");
        assert!(!command.starts_with('-'), "{words:?}");
        let are_flags = flags
            .iter()
            .all(|word| word.starts_with("--") && word != "--");
        assert!(are_flags || command == "replay", "{words:?}");
    }
    if let Ok(choice) = serde_json::from_slice::<OrderChoice>(bytes) {
        let _ = begun(&choice.token);
    }
}

fn chosen<C: DeserializeOwned>(
    bytes: &[u8],
    words: impl FnOnce(&C) -> Option<Vec<String>>,
) -> Option<Vec<String>> {
    words(&serde_json::from_slice(bytes).ok()?)
}
