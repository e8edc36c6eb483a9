//! What a ledger needs of the place where its rows are kept: the interface between engine and database.
//!
//! A backend keeps rows and finds them again. It decides nothing, and it knows the SQL, the locks and
//! the errors of its database, which it tells as a [`LedgerError`]: what was not done, what is
//! not known, and what is damaged.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use smol_str::SmolStr;

use super::rows::{
    AccountRow, EntryRow, Head, HoldRow, LineRow, NewEntry, Read, ReadRun, RecordRow, RunRow,
    Stored,
};
use crate::bank::{Id, LastNumbers, Name, Now, Unit};
use crate::store::{Lease, LeaseHolder, LedgerError, RunName, Verified};

/// Where the rows of a ledger are kept.
pub(crate) trait Backend: Send {
    /// Begins a transaction. One that writes waits for its turn, within a deadline; from then on no
    /// other process writes, and all that is read is as of that moment.
    fn begin(&mut self, mode: TxMode) -> Result<Box<dyn Tx + '_>, LedgerError>;

    /// What the ledger is called in messages.
    fn name(&self) -> String;

    /// Copies the ledger as of one moment to this path, where nothing may be, and verifies the copy.
    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError>;
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TxMode {
    /// Reading one state, beside those who write.
    Read,
    /// Reading the last state, and changing it.
    Write,
}

/// A transaction. What was applied is taken back where it is dropped without [`Tx::commit`].
pub(crate) trait Tx {
    /// Whether another process has written since the last transaction of this backend, which makes
    /// what is remembered of it old. The first transaction always says so.
    fn is_changed(&self) -> bool;

    /// How far the ledger has come.
    fn position(&mut self) -> Result<LedgerPosition, LedgerError>;

    /// What the ledger counts.
    fn unit(&mut self) -> Result<Read<Unit>, LedgerError>;

    /// Finds all that a batch touches, in one round trip.
    fn load(&mut self, wanted: &WantedRows) -> Result<LoadedRows, LedgerError>;

    /// Writes all that a batch changes, in one round trip.
    fn apply(&mut self, changes: &Changes) -> Result<(), LedgerError>;

    /// Makes what was applied durable. After [`LedgerError::Unknown`] it is not known whether it counts;
    /// after any other error it does not.
    fn commit(self: Box<Self>) -> Result<(), LedgerError>;

    /// Leases a run to this process, so that no other works on it; `None` if another process has it.
    /// It happens within the transaction that begins the run, so that none asks between the two.
    fn lease_run(&mut self, run: u32) -> Result<Option<Lease>, LedgerError>;

    /// Which process has the lease of a run, where that is known.
    fn lease_holder(&mut self, run: u32) -> Result<Option<LeaseHolder>, LedgerError> {
        let _ = run;
        Ok(None)
    }

    /// The runs that are marked as live and that no process has a lease on.
    fn dead_runs(&mut self) -> Result<Vec<RunRow>, LedgerError>;

    /// At most so many accounts, in this order.
    fn accounts(
        &mut self,
        after: AccountsAfter<'_>,
        limit: usize,
    ) -> Result<Vec<Read<AccountRow>>, LedgerError>;

    /// At most so many holds by number, those after this one.
    fn holds(&mut self, after: u64, limit: usize) -> Result<Vec<Read<HoldRow>>, LedgerError>;

    /// Entries by number.
    fn entries(&mut self, filter: &EntryFilter<'_>) -> Result<Vec<Read<EntryRow>>, LedgerError>;

    /// Records by number.
    fn records(&mut self, filter: &RecordFilter<'_>) -> Result<Vec<Read<RecordRow>>, LedgerError>;

    /// Runs by number.
    fn runs(&mut self, filter: RunFilter<'_>) -> Result<Vec<ReadRun>, LedgerError>;

    /// Passes on what the entries or records after this number say of the lines of these runs, in their
    /// order; of records that end a hold, also those of other runs.
    fn lines(
        &mut self,
        table: Table,
        after: u64,
        runs: RangeInclusive<u32>,
        each: &mut dyn FnMut(LineRow),
    ) -> Result<(), LedgerError>;

    /// The numbers of the last entry and the last record that are there.
    fn last_rows(&mut self) -> Result<LastNumbers, LedgerError>;

    /// What the look-up by id finds for each of these rows.
    fn look_up_ids(&mut self, rows: &[IdOfRow]) -> Result<Vec<FoundById>, LedgerError>;

    /// Checks what only the backend knows: that look-ups find every row, and that the storage is
    /// sound. Tells the first thing that is wrong.
    fn check(&mut self, ids: LastNumbers) -> Result<Option<String>, LedgerError>;
}

/// How far a ledger has come.
pub(crate) struct LedgerPosition {
    /// The head.
    pub(crate) head: Stored<Head>,
    /// The key of the newest account.
    pub(crate) last_account: i64,
}

/// What a batch touches and the engine does not remember.
#[derive(Default)]
pub(crate) struct WantedRows {
    /// The accounts of these names.
    pub(crate) accounts: Vec<Name>,
    /// What became of these ids.
    pub(crate) ids: Vec<Id>,
    /// The holds of these numbers.
    pub(crate) holds: Vec<u64>,
    /// The holds that these runs work on.
    pub(crate) holds_of: Vec<u32>,
    /// The holds whose time is over, those of this boot first.
    pub(crate) due: Option<DueBy>,
}

impl WantedRows {
    /// Whether there is nothing to find.
    pub(crate) fn is_empty(&self) -> bool {
        let WantedRows {
            accounts,
            ids,
            holds,
            holds_of,
            due,
        } = self;
        due.is_none()
            && accounts.is_empty()
            && ids.is_empty()
            && holds.is_empty()
            && holds_of.is_empty()
    }
}

/// The holds whose time is over by these clocks.
#[derive(Clone, Copy)]
pub(crate) struct DueBy {
    /// The clocks.
    pub(crate) now: Now,
    /// At most so many.
    pub(crate) limit: usize,
}

/// What was found. What is not there is left out.
#[derive(Default)]
pub(crate) struct LoadedRows {
    /// Each account beside the name that it was found by.
    pub(crate) accounts: Vec<(Name, Read<AccountRow>)>,
    /// Each id that was used.
    pub(crate) ids: Vec<IdRows>,
    /// The holds of those numbers.
    pub(crate) holds: Vec<Read<HoldRow>>,
    /// The holds of those runs.
    pub(crate) holds_of: Vec<Read<HoldRow>>,
    /// The holds whose time is over.
    pub(crate) due: Vec<Read<HoldRow>>,
}

/// What tells what became of an id.
pub(crate) struct IdRows {
    /// The id.
    pub(crate) id: Id,
    /// The last entry under it.
    pub(crate) entry: Option<Read<EntryRow>>,
    /// Where there is an entry, the record of the hold that it ended, if it ended one; else the last
    /// record under the id.
    pub(crate) record: Option<Read<RecordRow>>,
    /// The open hold that the record began or speaks of.
    pub(crate) hold: Option<Read<HoldRow>>,
}

/// What a transaction changes, as sets.
#[derive(Default)]
pub(crate) struct Changes {
    /// New entries, in their order.
    pub(crate) entries: Vec<NewEntry>,
    /// New records, in their order.
    pub(crate) records: Vec<Stored<RecordRow>>,
    /// Accounts as they are now.
    pub(crate) accounts: Vec<AccountChange>,
    /// Holds by number, as they are now; `None` where one has ended.
    pub(crate) holds: BTreeMap<u64, Option<Stored<HoldRow>>>,
    /// Runs as they are now.
    pub(crate) runs: Vec<RunRow>,
    /// How far the ledger has come then. It is written with every change.
    pub(crate) head: Head,
}

impl Changes {
    /// Forgets all of it, and keeps the room that it took.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.records.clear();
        self.accounts.clear();
        self.holds.clear();
        self.runs.clear();
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.records.is_empty()
            && self.accounts.is_empty()
            && self.holds.is_empty()
            && self.runs.is_empty()
    }
}

/// An account as it is now.
pub(crate) struct AccountChange {
    /// The row.
    pub(crate) row: Stored<AccountRow>,
    /// It was not there before.
    pub(crate) is_new: bool,
}

/// A page of accounts begins after these.
#[derive(Clone, Copy)]
pub(crate) enum AccountsAfter<'a> {
    /// By name, which begins after nothing.
    Name(&'a str),
    /// By key.
    Key(i64),
}

/// Which entries.
#[derive(Default)]
pub(crate) struct EntryFilter<'a> {
    /// Those after this number.
    pub(crate) after: u64,
    /// Those up to this number.
    pub(crate) up_to: Option<u64>,
    /// Those that have this account on one of their sides.
    pub(crate) account: Option<&'a Name>,
    /// Those of a line of a run.
    pub(crate) lines: Option<LinesOf>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// Which records.
#[derive(Default)]
pub(crate) struct RecordFilter<'a> {
    /// Those after this number.
    pub(crate) after: u64,
    /// Those of these kinds; of all where none is named.
    pub(crate) kinds: &'a [i64],
    /// Those of a line of a run.
    pub(crate) lines: Option<LinesOf>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// The lines of a run.
#[derive(Clone, Copy)]
pub(crate) struct LinesOf {
    /// Which run.
    pub(crate) run: u32,
    /// Only this line.
    pub(crate) line: Option<u64>,
}

/// Which runs.
#[derive(Clone, Copy)]
pub(crate) enum RunFilter<'a> {
    /// The one of this number.
    Number(u32),
    /// The one of this name.
    Name(&'a RunName),
    /// Those after this number that have a name, at most so many.
    Named(u32, usize),
    /// All.
    All,
    /// The newest.
    Last,
}

/// One of the two tables that only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// The entries.
    Entries,
    /// The records.
    Records,
}

/// A row with an id.
pub(crate) struct IdOfRow {
    /// The id.
    pub(crate) id: SmolStr,
    /// The record that has the id, or that was the last when an entry with it was posted.
    pub(crate) record: u64,
}

/// What the look-up by an id finds.
pub(crate) struct FoundById {
    /// The first entry under the id.
    pub(crate) entry: Option<u64>,
    /// The last record under it, up to that one.
    pub(crate) record: Option<Read<RecordRow>>,
    /// The last record under it before that one.
    pub(crate) earlier: Option<Read<RecordRow>>,
}
