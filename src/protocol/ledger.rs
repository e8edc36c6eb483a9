//! What travels between the server process of a ledger and its clients.
//!
//! Both begin with a greeting that names their version. Then the client asks. The requests of one
//! frame are answered as one unit; further frames may follow before the answers come. Any other
//! question goes alone. Answers come in the order of what was asked, row by row, in as many frames as
//! they need.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::bank::{Name, Unit, text};
use crate::store::{
    BegunLine, Certainty, ChainEnd, DoneLine, Entry, EntryQuery, LedgerAnswer, LedgerError,
    LedgerRequest, MAX_REASON, MAX_TEXT, OpenHold, RunName, RunTotals, SkippedLine, Standing,
    Verified,
};

/// The version of what clients and servers say to each other.
pub const VERSION: u32 = 13;

/// What a client asks the server of a ledger, beside the requests of a batch: the other methods of
/// [`crate::store::Ledger`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// What the ledger counts.
    Unit,
    /// The accounts of these names.
    LookUp(Vec<Name>),
    /// A page of accounts after this one.
    Accounts(Option<Name>),
    /// A page of holds after this one.
    Holds(u64),
    /// A page of entries.
    Entries(EntryQuery),
    /// A page of the lines that a run has done.
    DoneLines {
        /// Which run.
        run: u32,
        /// How many lines to leave out.
        after: u64,
    },
    /// A page of the lines of a run for which work was begun.
    BegunLines {
        /// Which run.
        run: u32,
        /// Those after this hold.
        after: u64,
    },
    /// A page of the named runs after this one.
    Runs(u32),
    /// Give a line of a run up.
    Skip {
        /// Which run.
        run: RunName,
        /// Which line.
        line: u64,
        /// Why.
        #[serde(deserialize_with = "text::read_short::<MAX_REASON, _>")]
        reason: String,
    },
    /// Hold everything against everything else.
    Verify(Option<ChainEnd>),
    /// Copy the ledger to this absolute path, and verify the copy.
    Backup(#[serde(with = "path")] PathBuf),
}

/// A piece of what the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The answer to one request.
    Answer(LedgerAnswer),
    /// What the ledger counts.
    Unit(Unit),
    /// An account.
    Standing(Option<Standing>),
    /// A hold.
    Hold(OpenHold),
    /// An entry.
    Entry(Entry),
    /// A line that is done.
    DoneLine(DoneLine),
    /// A line for which work was begun.
    BegunLine(BegunLine),
    /// A named run.
    RunTotals(RunTotals),
    /// What came of giving a line up.
    Skipped(SkippedLine),
    /// Behind the entries of a page: how far it was looked for them.
    Looked {
        /// The last entry that was looked at.
        at: u64,
        /// No later one can be wanted.
        is_last: bool,
    },
    /// How a check ended.
    Verified(Verified),
    /// No copy can be put there, and why.
    NoPlace(#[serde(serialize_with = "text::write_cut::<MAX_TEXT, _>")] String),
    /// Behind all rows of an answer, or all there is to say.
    Done,
    /// The ledger does not answer.
    Failed(LedgerFault),
}

/// Why a served ledger does not answer. Requests that follow one that was not done are not done either,
/// until something else is asked, so that none overtakes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerFault {
    /// What became of what was asked.
    pub certainty: Certainty,
    /// It may be done when it is asked again.
    pub may_pass: bool,
    /// Why, in words.
    #[serde(serialize_with = "text::write_cut::<MAX_TEXT, _>")]
    pub why: String,
}

impl LedgerFault {
    /// None of it was done, and the same is not done either when it is asked again.
    pub fn refusal(why: String) -> Self {
        LedgerFault {
            certainty: Certainty::NotDone,
            may_pass: false,
            why,
        }
    }
}

impl From<&LedgerError> for LedgerFault {
    fn from(error: &LedgerError) -> Self {
        LedgerFault {
            certainty: error.certainty(),
            may_pass: error.may_pass(),
            why: error.to_string(),
        }
    }
}

/// A decoded frame from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToServer {
    /// It is there, and speaks this version.
    Greeting(u32),
    /// Requests of one batch.
    Requests(Vec<LedgerRequest>),
    /// Anything else.
    Query(Query),
}

/// A decoded frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToClient {
    /// It is there, and speaks this version.
    Greeting(u32),
    /// Pieces of answers.
    Findings(Vec<Response>),
}

/// An absolute path, byte by byte: not every one is a text.
mod path {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    /// The system takes no longer one.
    const MAX: usize = 4_096;

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(path.as_os_str().as_bytes())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        let bytes: &[u8] = serde_bytes::deserialize(deserializer)?;
        match bytes.starts_with(b"/") && bytes.len() <= MAX {
            true => Ok(OsStr::from_bytes(bytes).into()),
            false => Err(D::Error::custom("a path here is absolute and not too long")),
        }
    }
}

#[cfg(test)]
mod tests;
