//! Why a ledger does not answer, in words that name it and the way out.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{Certainty, RunName};

/// Why a ledger does not answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The operating system said no.
    #[error("cannot {doing} the ledger `{ledger}`: {cause}")]
    Io {
        /// Which ledger.
        ledger: String,
        /// What was tried: `open`, `create`, `write`.
        doing: &'static str,
        /// What it said.
        cause: io::Error,
    },
    /// It is not there, and nothing was asked for that would create it.
    #[error(
        "there is no ledger `{ledger}`: check the name; `bank-par open` or a deposit creates a new one"
    )]
    Missing {
        /// Which file.
        ledger: PathBuf,
    },
    /// The embedded database said no.
    #[error("cannot {doing} the ledger `{ledger}`: {cause}")]
    Database {
        /// Which ledger.
        ledger: String,
        /// What was tried.
        doing: &'static str,
        /// What it said.
        cause: String,
    },
    /// It is something else, and was not touched.
    #[error("`{ledger}` is not a ledger: {what}; it was not touched")]
    Foreign {
        /// Which file.
        ledger: PathBuf,
        /// What it is, and the way out.
        what: String,
    },
    /// What lies beside it cannot be believed; nothing was touched.
    #[error(
        "cannot use the ledger `{ledger}`: `{path}` beside it {what}; nothing was touched: see who put it there, and move it away"
    )]
    Beside {
        /// Which ledger.
        ledger: PathBuf,
        /// What lies beside it.
        path: PathBuf,
        /// What is wrong with that.
        what: &'static str,
    },
    /// The log beside it is not its own; nothing was touched.
    #[error(
        "cannot use the ledger `{ledger}`: the log `{log}` beside it {what}; nothing was touched"
    )]
    OtherLog {
        /// Which ledger.
        ledger: PathBuf,
        /// The log.
        log: PathBuf,
        /// What is wrong with it, and the way out.
        what: &'static str,
    },
    /// Others use the file with a log that is not beside it.
    #[error(
        "cannot use the ledger `{ledger}`: {user} uses the same file, but not the log beside it, since it sees the file at another path (a mount) or the log was removed: use one path, or end that process first"
    )]
    Apart {
        /// Which ledger.
        ledger: PathBuf,
        /// Who uses it.
        user: String,
    },
    /// No copy can be put there; nothing was touched.
    #[error("cannot put a copy at `{path}`: {what}; name a new file in a folder that is there")]
    NoPlace {
        /// Where.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// It lies where it cannot be kept safely.
    #[error(
        "the ledger `{ledger}` lies on a network file system ({kind}), whose locks cannot be trusted: keep it on a local disk, and reach it through `bank-par serve`"
    )]
    Network {
        /// Which ledger.
        ledger: PathBuf,
        /// The file system's name.
        kind: String,
    },
    /// A row is not what was written.
    #[error("the ledger `{ledger}` is damaged: {what}; `bank-par verify` tells more")]
    Damaged {
        /// Which ledger.
        ledger: String,
        /// Which row, and what is wrong with it.
        what: String,
    },
    /// Others kept it locked.
    #[error(
        "waited {waited:?} for the ledger `{ledger}`, which {holder} has locked: nothing was done; try again when that process is done with it"
    )]
    Locked {
        /// Which ledger.
        ledger: String,
        /// Who holds the lock, as far as that is known.
        holder: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Other transactions came between.
    #[error(
        "the ledger `{ledger}` was changed by other transactions while it was asked ({cause}), and nothing was done: try again"
    )]
    Conflict {
        /// Which ledger.
        ledger: String,
        /// What the database said.
        cause: String,
    },
    /// What was asked could not be written.
    #[error(
        "cannot {doing} the ledger `{ledger}`: {cause}: nothing was done; see to its disk (is it full, or read-only?) and repeat it"
    )]
    Unwritable {
        /// Which ledger.
        ledger: String,
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        cause: String,
    },
    /// Another file is in its place, or none.
    #[error(
        "the file of the ledger `{ledger}`, or the log beside it, was moved, replaced or removed since it was opened, and nothing was done: put it back, or open what is there now"
    )]
    Replaced {
        /// Which ledger.
        ledger: String,
    },
    /// The run is going on elsewhere.
    #[error(
        "the run `{run}` of the ledger `{ledger}` is going on in another process: wait for its end"
    )]
    RunIsLive {
        /// Which ledger.
        ledger: String,
        /// Which run.
        run: RunName,
    },
    /// This process was not heard of for so long that its run is another's now, or was ended.
    #[error(
        "the run {run} of the ledger `{ledger}` is no longer this process's own, since its lease ended before it could be made to last longer (was this machine stopped, or cut off?): nothing was done; begin it again to go on"
    )]
    LeaseLost {
        /// Which ledger.
        ledger: String,
        /// The number of the run.
        run: u32,
    },
    /// A commit failed.
    #[error(
        "it is not known whether what was asked of the ledger `{ledger}` counts, since it could not be made durable ({cause}): look at it again, or repeat what has an id"
    )]
    Unknown {
        /// Which ledger.
        ledger: String,
        /// What the database said.
        cause: String,
    },
    /// An earlier commit or message failed.
    #[error(
        "the ledger `{ledger}` failed before, so it is not known how it stands until it is opened anew"
    )]
    Failed {
        /// Which ledger.
        ledger: String,
    },
    /// The server process in front of it says that it cannot answer.
    #[error("the server of the ledger `{ledger}` answers: {why}")]
    Answered {
        /// Which ledger.
        ledger: String,
        /// What became of what was asked.
        certainty: Certainty,
        /// It may be done when it is asked again.
        may_pass: bool,
        /// What it said.
        why: String,
    },
    /// The server process in front of it could not be asked.
    #[error("the server of the ledger `{ledger}` {what}: nothing was done")]
    NotServed {
        /// Which ledger.
        ledger: String,
        /// Why.
        what: String,
    },
    /// Its database takes no connection now, or ended one with nothing done; another server may take its place.
    #[error("the server of the ledger `{ledger}` {what}: nothing was done")]
    Unreachable {
        /// Which ledger.
        ledger: String,
        /// Why.
        what: String,
    },
    /// The server process in front of it went away with an answer due; asked again, it tells what counts.
    #[error(
        "the server of the ledger `{ledger}` {what}: it is not known yet whether what it was asked counts; what has an id is safe to repeat"
    )]
    Interrupted {
        /// Which ledger.
        ledger: String,
        /// What went wrong.
        what: String,
    },
    /// The server process in front of it is gone or silent with an answer due, or sends what no server
    /// sends.
    #[error("the server of the ledger `{ledger}` {what}")]
    Server {
        /// Which ledger.
        ledger: String,
        /// What is wrong.
        what: String,
    },
}

impl LedgerError {
    /// The same error, and how long was waited where others kept the ledger locked.
    pub fn after(mut self, time: Duration) -> Self {
        if let LedgerError::Locked { waited, .. } = &mut self {
            *waited = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        self
    }
}
