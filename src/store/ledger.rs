//! What a ledger that lasts can be asked, wherever it is: a file, or a server process in front of one.

mod requests;
mod runs;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LeaseHolder, LeaseShare, LedgerError, Standing};
use crate::bank::{Amount, Answer, Asked, Id, Kind, Moment, Name, Operation, Unit, View, text};

pub use requests::{LedgerAnswer, LedgerRequest, NEW_RUN};
pub use runs::{
    BegunLine, DoneLine, LineDigests, LineEnd, MAX_REASON, OpenedRun, RunName, RunNameError,
    RunTotals, SkippedLine,
};

/// The most rows of one page.
pub const MAX_PAGE: usize = 500;
/// The most bytes of a text that explains something, where it travels.
pub const MAX_TEXT: usize = 8_192;

/// A ledger that lasts.
pub trait Ledger: Send {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// What it counts.
    fn unit(&mut self) -> Result<Unit, LedgerError>;

    /// Answers a batch in its order: all that is answered is durable when this returns.
    ///
    /// A ledger behind a server may answer only the first requests, at least one: none of the others was
    /// done. What an error leaves known, [`LedgerError::certainty`] says; after one that [is
    /// final](LedgerError::is_final) every later call fails too.
    fn submit(&mut self, batch: &[LedgerRequest]) -> Result<Vec<LedgerAnswer>, LedgerError>;

    /// Decides a batch of nothing but requests to decide.
    fn transact(&mut self, batch: &[Asked]) -> Result<Vec<Option<Answer>>, LedgerError> {
        let batch: Vec<LedgerRequest> = batch.iter().cloned().map(LedgerRequest::Decide).collect();
        let answers = self.submit(&batch)?;
        Ok(answers.into_iter().map(LedgerAnswer::decided).collect())
    }

    /// Begins or continues a run, by itself. One that is going on elsewhere is refused
    /// ([`LedgerError::RunIsLive`]).
    fn begin_run(&mut self, name: Option<&RunName>) -> Result<OpenedRun, LedgerError> {
        let answers = self.submit(&[LedgerRequest::BeginRun(name.cloned())])?;
        match answers.as_slice() {
            [LedgerAnswer::RunBegun(run)] => Ok(*run),
            _ => Err(LedgerError::RunIsLive {
                ledger: self.name(),
                run: name.cloned().unwrap_or_else(RunName::unnamed),
            }),
        }
    }

    /// Which other process has a run by a lease that ends by itself, where that is known.
    fn holder_of_run(&mut self, name: &RunName) -> Result<Option<LeaseHolder>, LedgerError> {
        let _ = name;
        Ok(None)
    }

    /// Ends a run of this ledger, by itself.
    fn end_run(&mut self, run: u32) -> Result<(), LedgerError> {
        let if_idle = false;
        self.submit(&[LedgerRequest::EndRun { run, if_idle }])
            .map(drop)
    }

    /// The accounts of these names, all as of one moment, with expired holds given back; `None`:
    /// an account that was not opened.
    fn look_up(&mut self, names: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError>;

    /// At most [`MAX_PAGE`] accounts by name, those after this one; an empty page is the end.
    fn accounts(&mut self, after: Option<&Name>) -> Result<Vec<Standing>, LedgerError>;

    /// At most [`MAX_PAGE`] holds by number, those after this one; an empty page is the end.
    fn holds(&mut self, after: u64) -> Result<Vec<OpenHold>, LedgerError>;

    /// A page of entries.
    fn entries(&mut self, query: &EntryQuery) -> Result<Entries, LedgerError>;

    /// What the run's own processes take their share of its lease by; `None` where they need none, since
    /// the run lives and ends with the connection to a server.
    fn share_of_run(&self, run: u32) -> Option<LeaseShare>;

    /// At most [`MAX_PAGE`] lines that a run has done or given up, in the order in which that happened,
    /// those after the `after` first ones; an empty page is the end. A line may stand there more than
    /// once; then the last time counts.
    fn done_lines(&mut self, run: u32, after: u64) -> Result<Vec<DoneLine>, LedgerError>;

    /// At most [`MAX_PAGE`] lines of a run for which work was begun, each time that it was, by the number
    /// of the hold, those after this one; an empty page is the end.
    fn begun_lines(&mut self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError>;

    /// At most [`MAX_PAGE`] of the runs that have a name, by number, those after this one; an empty page
    /// is the end.
    fn runs(&mut self, after: u32) -> Result<Vec<RunTotals>, LedgerError>;

    /// Gives a line of a run up for good: it is never run again. A run that is going on is refused
    /// ([`LedgerError::RunIsLive`]). The reason has at most [`MAX_REASON`] bytes.
    fn skip(&mut self, run: &RunName, line: u64, reason: &str) -> Result<SkippedLine, LedgerError>;

    /// Holds everything against everything else.
    fn verify(&mut self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError>;

    /// Copies the ledger as of one moment to this absolute path, where nothing may be, and verifies the
    /// copy. A server does so itself.
    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError>;
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryQuery {
    /// Those after this number.
    pub after: u64,
    /// The one that was posted under this id.
    pub id: Option<Id>,
    /// Those that have this account on one of their sides.
    pub account: Option<Name>,
    /// Those of this moment and later.
    pub since: Option<Moment>,
    /// Those before this moment.
    pub until: Option<Moment>,
    /// At most so many; never more than [`MAX_PAGE`].
    pub limit: usize,
    /// Each also says by which entry it was reversed, which takes another look.
    pub with_reversals: bool,
}

/// A page of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// The entries, in their order.
    pub entries: Vec<Entry>,
    /// The number of the last entry that was looked at, whether it is in the page or not: where the
    /// next page begins.
    pub looked_at: u64,
    /// No later entry can be wanted, for now: the page was looked for up to the ledger's end, or up to
    /// `until`.
    pub is_last: bool,
}

/// One posted movement, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: the ledger's own order.
    pub seq: u64,
    /// When it was posted.
    pub at: Moment,
    /// What was asked for. Its amount is what was really moved.
    pub operation: Operation,
    /// How much more was moved than was set aside for it.
    pub excess: Option<Amount>,
    /// The operation's account after it.
    pub view: View,
    /// The number of the entry that made it undone, where [`EntryQuery::with_reversals`] asks for it.
    pub reversed_by: Option<u64>,
    /// The named run that it belongs to.
    pub run: Option<RunName>,
    /// The line of that run's input.
    pub line: Option<u64>,
}

/// Money that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHold {
    /// Its number.
    pub number: u64,
    /// What for.
    pub operation: Operation,
    /// Since when.
    pub at: Moment,
    /// When it is given back by itself.
    pub expires: Option<Moment>,
    /// The number of the run whose line it was begun for, or else that works on it.
    pub run: Option<u32>,
    /// The line of a named run's input that it was begun for.
    pub line: Option<u64>,
    /// The end of its work was not seen.
    pub in_doubt: bool,
}

/// How a check of everything ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The entries that were checked.
    pub entries: u64,
    /// The other records that were checked.
    pub records: u64,
    /// The accounts that were checked.
    pub accounts: u64,
    /// The holds that are open.
    pub holds: u64,
    /// Where the chain ends.
    pub end: ChainEnd,
    /// The first thing that is wrong, if anything is.
    #[serde(serialize_with = "text::write_some_cut::<MAX_TEXT, _>")]
    pub violation: Option<String>,
}

/// Where the chain over all entries and other records ends: a value that no other history has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEnd {
    /// The number of the last entry in it.
    pub seq: u64,
    /// The number of the last other record in it.
    pub record: u64,
    /// The hash over both.
    pub hash: [u8; 32],
}

impl fmt::Display for ChainEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.seq, self.record)?;
        self.hash
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// All open holds that are wanted, in the order of their numbers.
pub fn open_holds(
    ledger: &mut dyn Ledger,
    is_wanted: impl Fn(&OpenHold) -> bool,
) -> Result<Vec<OpenHold>, LedgerError> {
    let (mut wanted, mut after) = (Vec::new(), 0);
    loop {
        let page = ledger.holds(after)?;
        let Some(last) = page.last() else {
            return Ok(wanted);
        };
        after = last.number;
        wanted.extend(page.into_iter().filter(&is_wanted));
    }
}

impl FromStr for ChainEnd {
    type Err = ChainEndError;

    fn from_str(text: &str) -> Result<Self, ChainEndError> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse().ok();
        let (seq, record) = (
            number().ok_or(ChainEndError)?,
            number().ok_or(ChainEndError)?,
        );
        let digits = parts
            .next()
            .filter(|digits| digits.len() == 64 && digits.is_ascii());
        let digits = digits.ok_or(ChainEndError)?;
        let mut hash = [0; 32];
        for (byte, place) in hash.iter_mut().zip((0..64).step_by(2)) {
            let digits = &digits[place..place + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ChainEndError)?;
        }
        Ok(ChainEnd { seq, record, hash })
    }
}

/// A text that is no chain's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the end of a chain is two numbers and 64 hexadecimal digits, such as `verify` prints")]
pub struct ChainEndError;

impl Entry {
    /// What was asked for, as a word.
    pub fn kind(&self) -> Kind {
        self.operation.kind()
    }

    /// How much was moved.
    pub fn amount(&self) -> Option<Amount> {
        self.operation.amount()
    }

    /// The caller's id: of a part of a group, the group's.
    pub fn id(&self) -> Option<Id> {
        let own = self.operation.id.clone();
        own.or_else(|| self.operation.group_place()?.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_chain_is_read_as_it_is_written() {
        let hash = std::array::from_fn(|place| place as u8 * 7);
        let end = ChainEnd {
            seq: 12,
            record: 0,
            hash,
        };
        assert_eq!(end.to_string().parse(), Ok(end));
        let long = format!("{end}0");
        for text in ["", "1", "1.2", "1.2.ab", long.as_str(), "1.2.é", "a.b.c"] {
            assert_eq!(text.parse::<ChainEnd>(), Err(ChainEndError), "{text}");
        }
    }
}
