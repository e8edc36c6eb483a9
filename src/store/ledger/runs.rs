//! Named runs, and what is known of their lines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::bank::{Id, Line, Name, Outcome, text};

/// The most bytes of the reason for which a line is given up.
pub const MAX_REASON: usize = 200;

/// A run that was begun or continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedRun {
    /// Its number.
    pub number: u32,
    /// It was not there before.
    pub is_new: bool,
    /// What the digests of its lines are over.
    pub digests: LineDigests,
}

/// What the digest of a run's line is over. A run keeps the rule by which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineDigests {
    /// All lines up to and with this one.
    UpToLine,
    /// This line alone.
    OfLine,
}

/// A line that a named run has done or given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneLine {
    /// Which one, from 1.
    pub line: u64,
    /// Its digest; 0 where a line was given up whose content the ledger never saw.
    pub digest: u64,
    /// The number of the record that says so; 0 where an entry does.
    pub record: u64,
    /// What became of it.
    pub end: LineEnd,
}

/// What became of a line of a named run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineEnd {
    /// What every repeat is answered with: posted, viewed, unspent or refused.
    Decided(Outcome),
    /// It was given up.
    Skipped {
        /// Why, at most [`MAX_REASON`] bytes.
        #[serde(deserialize_with = "text::read_short::<MAX_REASON, _>")]
        reason: String,
    },
}

/// A line of a named run for which work was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunLine {
    /// The number of the hold.
    pub hold: u64,
    /// Which line, from 1.
    pub line: u64,
    /// Its digest at that time.
    pub digest: u64,
    /// The id under which it was begun.
    pub id: Option<Id>,
    /// Its work was a command.
    pub has_command: bool,
    /// The money is still set aside.
    pub is_open: bool,
}

impl BegunLine {
    /// The line as it was then.
    pub fn line(&self) -> Line {
        let (number, digest) = (self.line, self.digest);
        Line { number, digest }
    }
}

/// A named run, and how many of its lines came to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTotals {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: RunName,
    /// Lines that were posted or viewed, or spent nothing.
    pub done: u64,
    /// Lines that were refused.
    pub refused: u64,
    /// Lines whose work was begun and failed.
    pub failed: u64,
    /// Lines that were given up.
    pub skipped: u64,
    /// Lines that are being worked on.
    pub begun: u64,
    /// Lines of which the end of the work was not seen.
    pub in_doubt: u64,
    /// It is going on.
    pub is_live: bool,
}

/// What came of giving a line up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkippedLine {
    /// It is given up.
    Skipped,
    /// It was given up before.
    Already,
    /// It was done before, and stays so.
    Done(Outcome),
    /// Money is set aside for it: that must be posted or given back first.
    Begun {
        /// The end of its work was not seen.
        in_doubt: bool,
    },
    /// There is no run of this name.
    UnknownRun,
}

/// The name of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunName(SmolStr);

impl RunName {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a run without a name is called in messages.
    pub fn unnamed() -> Self {
        RunName(SmolStr::new_static("unnamed"))
    }
}

impl FromStr for RunName {
    type Err = RunNameError;

    fn from_str(text: &str) -> Result<Self, RunNameError> {
        // What names an account is plain enough to name a run.
        Name::user(text).map_err(|_| RunNameError)?;
        Ok(RunName(SmolStr::new(text)))
    }
}

impl Serialize for RunName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, str::parse)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text names no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run's name is 1 to 64 of `a-z A-Z 0-9 . _ : -` and does not begin with `-`")]
pub struct RunNameError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_a_plain_name() {
        assert!("november-2".parse::<RunName>().is_ok());
        for text in ["", "-a", "a b", "@world", "a/b"] {
            assert_eq!(text.parse::<RunName>(), Err(RunNameError), "{text}");
        }
    }
}
