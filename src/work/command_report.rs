//! What a command did while it was an operation's work, as its worker tells it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bank::{WorkEnd, text};
use crate::exit::Exit;

/// The most bytes that are kept of what a command writes to stdout, and to stderr.
pub const MAX_OUTPUT: usize = 32 * 1_024;
/// The most bytes of a text that says what went wrong.
const MAX_TEXT: usize = 512;

/// Where a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// What a worker tells of the command of an operation that it has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEvent {
    /// The command is about to be started: from here on, what it did is not known unless its end is seen.
    Starting {
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// The beginning and the end of what the command wrote, at most [`MAX_OUTPUT`] bytes.
    Wrote {
        /// Where.
        stream: Stream,
        /// What.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The command's end was seen, or it could not be started.
    Ended(AttemptEnd),
}

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// How the command ended; `None` if it could not be started.
    pub exit: Option<Exit>,
    /// Why it was ended before it ended by itself.
    pub termination: Option<Termination>,
    /// What else went wrong: why it could not be started, or what is wrong with what it says it has
    /// spent.
    #[serde(serialize_with = "text::write_some_cut::<MAX_TEXT, _>")]
    pub trouble: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// How many bytes of its stdout were dropped.
    pub stdout_dropped: u64,
    /// How many bytes of its stderr were dropped.
    pub stderr_dropped: u64,
    /// What the command says it has spent, where that is finer than what is posted.
    pub finer: Option<String>,
    /// Another attempt follows after this pause.
    pub again: Option<Duration>,
}

/// Why a command was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// Its time was over.
    TimeOver,
    /// A person or a process asked for its end.
    Asked,
}

/// What the end of a command means for the operation whose work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandResult {
    /// It succeeded: what it did counts.
    Succeeded,
    /// It said no.
    Declined,
    /// It failed: all is as before.
    Failed,
}

impl CommandResult {
    /// What it means that a command ended like this, or could not be started. `declined` is the status by
    /// which a command says no, if there is one.
    pub fn of(exit: Option<Exit>, termination: Option<Termination>, declined: Option<u8>) -> Self {
        match exit {
            _ if termination == Some(Termination::TimeOver) => CommandResult::Failed,
            Some(Exit::Status(0)) => CommandResult::Succeeded,
            Some(Exit::Status(status)) if declined.map(i32::from) == Some(status) => {
                CommandResult::Declined
            }
            Some(Exit::Status(_) | Exit::Signal(_)) | None => CommandResult::Failed,
        }
    }
}

/// All that is known of an operation's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandReport {
    /// What it writes is kept; it does not have this program's own stdout and stderr.
    pub is_captured: bool,
    /// How often it was started.
    pub attempts: u32,
    /// How the last attempt ended, if that was seen.
    pub ended: Option<AttemptEnd>,
    /// The beginning and the end of what the last attempt wrote to stdout.
    pub stdout: Vec<u8>,
    /// The beginning and the end of what the last attempt wrote to stderr.
    pub stderr: Vec<u8>,
}

impl Default for CommandReport {
    /// A command of which nothing is known yet, and whose output is kept.
    fn default() -> Self {
        CommandReport {
            is_captured: true,
            attempts: 0,
            ended: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }
}

impl CommandReport {
    /// A command that had this program's own streams, was started so often, and ended so.
    pub fn uncaptured(attempts: u32, exit: Option<Exit>, termination: Option<Termination>) -> Self {
        CommandReport {
            is_captured: false,
            attempts,
            ended: Some(AttemptEnd {
                exit,
                termination,
                ..AttemptEnd::default()
            }),
            ..CommandReport::default()
        }
    }

    /// Takes note of what happened. False if no worker tells that: more than is kept of an output.
    pub fn record(&mut self, event: CommandEvent) -> bool {
        match event {
            CommandEvent::Starting { attempt } => {
                *self = CommandReport {
                    attempts: attempt,
                    ..CommandReport::default()
                };
            }
            CommandEvent::Wrote { stream, bytes } => {
                let kept = match stream {
                    Stream::Stdout => &mut self.stdout,
                    Stream::Stderr => &mut self.stderr,
                };
                kept.extend(bytes);
                return kept.len() <= MAX_OUTPUT;
            }
            CommandEvent::Ended(ended) => self.ended = Some(ended),
        }
        true
    }

    /// It was started, however it ended.
    pub fn was_started(&self) -> bool {
        self.attempts > 0
    }

    /// How an operation ends of which nothing more is heard. It is in doubt where its command was started
    /// and its end was not seen, or what it did was to be posted. `declined` is the status by which a
    /// command says no, if there is one.
    pub fn end_unheard(&self, declined: Option<u8>) -> WorkEnd {
        let Some(ended) = &self.ended else {
            return match self.was_started() {
                true => WorkEnd::Doubt,
                false => WorkEnd::Void,
            };
        };
        match CommandResult::of(ended.exit, ended.termination, declined) {
            CommandResult::Succeeded => WorkEnd::Doubt,
            CommandResult::Declined => WorkEnd::Decline,
            CommandResult::Failed => WorkEnd::Void,
        }
    }

    /// What its stderr says last.
    pub fn last_line(&self) -> Option<String> {
        last_line(&String::from_utf8_lossy(&self.stderr)).map(str::to_string)
    }
}

/// The last line that says something of what a command wrote to stderr: what it says at its end is why it
/// failed.
pub fn last_line(text: &str) -> Option<&str> {
    /// The most bytes of it.
    const MOST: usize = 200;
    let mut lines = text.lines().rev().map(str::trim);
    let line = lines.find(|line| !line.is_empty())?;
    Some(&line[..line.floor_char_boundary(MOST)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: Option<Exit>, termination: Option<Termination>) -> CommandEvent {
        CommandEvent::Ended(AttemptEnd {
            exit,
            termination,
            ..AttemptEnd::default()
        })
    }

    #[test]
    fn only_an_end_that_was_seen_and_failed_leaves_no_doubt() {
        let mut ran = CommandReport::default();
        let end = |ran: &CommandReport| ran.end_unheard(Some(75));
        assert_eq!(end(&ran), WorkEnd::Void, "not started");
        ran.record(CommandEvent::Starting { attempt: 1 });
        assert_eq!(end(&ran), WorkEnd::Doubt, "running");
        ran.record(ended(Some(Exit::Status(1)), None));
        assert_eq!(end(&ran), WorkEnd::Void, "failed");
        ran.record(CommandEvent::Starting { attempt: 2 });
        assert_eq!(end(&ran), WorkEnd::Doubt, "running again");
        ran.record(ended(Some(Exit::Status(0)), None));
        assert_eq!(end(&ran), WorkEnd::Doubt, "succeeded, and is to be posted");
        ran.record(ended(Some(Exit::Status(0)), Some(Termination::Asked)));
        assert_eq!(end(&ran), WorkEnd::Doubt, "succeeded, though asked to end");
        ran.record(ended(None, None));
        assert_eq!(end(&ran), WorkEnd::Void, "could not be started");
        for status in [0, 75] {
            let exit = Some(Exit::Status(status));
            ran.record(ended(exit, Some(Termination::TimeOver)));
            assert_eq!(end(&ran), WorkEnd::Void, "ended when its time was over");
        }
        ran.record(ended(Some(Exit::Status(75)), None));
        assert_eq!(end(&ran), WorkEnd::Decline, "said no");
        assert_eq!(ran.end_unheard(None), WorkEnd::Void, "cannot say no");
        assert_eq!(ran.attempts, 2);
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let mut ran = CommandReport::default();
        let wrote = |count| CommandEvent::Wrote {
            stream: Stream::Stderr,
            bytes: vec![b'x'; count],
        };
        assert!(ran.record(wrote(MAX_OUTPUT)));
        assert!(!ran.record(wrote(1)));
    }

    #[test]
    fn a_reason_is_the_last_line_that_says_something() {
        let ran = |text: &str| CommandReport {
            stderr: text.as_bytes().to_vec(),
            ..CommandReport::default()
        };
        assert_eq!(
            ran("connecting\n\n  card expired \n \n")
                .last_line()
                .as_deref(),
            Some("card expired")
        );
        assert_eq!(ran(" \n").last_line(), None);
        let long = ran(&"ä".repeat(150)).last_line();
        assert_eq!(long.map(|text| text.len()), Some(200));
    }
}
