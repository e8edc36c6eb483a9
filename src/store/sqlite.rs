//! A ledger in a file: SQLite in WAL mode, one database transaction per batch.
//!
//! The ledger state in memory is a cache: it is forgotten whenever another connection wrote, and every
//! batch brings in what it touches inside its own transaction. What they decide is appended to the
//! entries and records; account and hold rows are kept beside them, so that opening a ledger reads
//! nothing but what is asked for.

mod backup;
mod cache_keys;
mod creation;
mod due;
mod faults;
mod journal;
mod ledger_file;
mod lines;
mod load;
mod log;
mod mark;
mod opening;
mod pages;
mod reading;
mod recovery;
mod rollback;
mod rows;
mod runs;
mod schema;
mod settle;
mod side_files;
mod upgrade;
mod verify;
mod watch;
mod write_queue;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use super::clock::Clock;
use super::run_lock::RunLock;
use super::{
    BegunLine, ChainEnd, DoneLine, Entries, EntryQuery, Ledger, LedgerError, OpenHold, OpenedRun,
    RunName, RunTotals, SkippedLine, Standing, Verified,
};
use crate::bank::{Answer, Asked, Balance, LedgerState, Name, Now, VoidReason};
use cache_keys::CacheKeys;
use due::Due;
use journal::Writer;
use ledger_file::{Identity, LedgerFile, identity};
use mark::Mark;
use opening::Opened;
use reading::Reading;
use rows::{Content, Head};
use runs::Runs;

/// The most accounts and ids that are remembered between batches.
const MAX_REMEMBERED: usize = 500_000;

/// Whether a ledger's file may be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A missing file is created.
    Create,
    /// The file must be there.
    Existing,
    /// The file must be there, and it is enough if it may be read.
    Read,
}

/// A ledger in a file.
pub struct Sqlite {
    path: PathBuf,
    connection: Connection,
    /// Taken away once the connection is closed.
    mark: Option<Mark>,
    /// Closed after the connection: closing it drops SQLite's locks.
    file: Arc<LedgerFile>,
    /// Which file its log is, where it may be written.
    log: Option<Identity>,
    /// How it is read, where it may not be written.
    reading: Option<Reading>,
    clock: Clock,
    ledger_state: LedgerState,
    cache_keys: CacheKeys,
    runs: Runs,
    /// What was due when accounts or holds were read last.
    last_due: Due,
    /// A commit failed, so nobody knows how the file stands.
    failed: bool,
}

impl Sqlite {
    /// Opens the ledger in this file.
    pub fn open(path: &Path, access: Access) -> Result<Self, LedgerError> {
        let Opened {
            path,
            connection,
            file,
            log,
            mark,
            reading,
        } = opening::open(path, access)?;
        Ok(Sqlite {
            path,
            connection,
            mark,
            file,
            log,
            reading,
            clock: Clock::system(),
            ledger_state: LedgerState::new(Balance::default()),
            cache_keys: CacheKeys {
                version: None,
                head: Head::default(),
                seq: 0,
                keys: Vec::new(),
                next_key: 0,
                changed: Vec::new(),
            },
            runs: Runs::default(),
            last_due: Due::default(),
            failed: false,
        })
    }

    /// Runs `work` in a write transaction, with the ledger state as the file says. What it did is durable when
    /// this returns; after an error of its own none of it counts.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Self, Now) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.check_usable()?;
        let began = Instant::now();
        let turn = write_queue::enter(&self.file);
        let begun = self.execute("write", "BEGIN IMMEDIATE");
        begun.map_err(|error| error.after(began.elapsed()))?;
        drop(turn);
        let placed = self.check_place();
        let done = placed
            .and_then(|()| self.refresh())
            .and_then(|now| self.change(now, work));
        match done {
            Ok(done) => match self.connection.execute_batch("COMMIT") {
                Ok(()) => Ok(done),
                Err(error) => Err(self.not_committed(&error)),
            },
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// What a commit that failed leaves known.
    fn not_committed(&mut self, error: &rusqlite::Error) -> LedgerError {
        if self.roll_back() && faults::is_certain(error) {
            return self.fault("write", error);
        }
        self.failed = true;
        faults::unknown(&self.path, error)
    }

    /// Takes back what was written since the transaction began. False if that is impossible, and
    /// nothing more may be written.
    fn roll_back(&mut self) -> bool {
        // The ledger state may have gone ahead of the file.
        self.cache_keys.version = None;
        // The database may have done it already.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.failed |= !self.connection.is_autocommit();
        !self.failed
    }

    /// Does `work`, and rewrites the head if anything was written: a log whose first commit does not
    /// follow from the file's head belongs to another history.
    fn change<T>(
        &mut self,
        now: Now,
        work: impl FnOnce(&mut Self, Now) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let before = self.connection.total_changes();
        let hash = self.cache_keys.head.hash;
        let done = work(self, now)?;
        if self.connection.total_changes() != before {
            if self.cache_keys.head.prev == Some(hash) {
                // A row that is written as it is would not come into the log.
                self.execute("write", "UPDATE head SET prev = randomblob(32)")?;
            }
            self.cache_keys.head.prev = Some(hash);
            let head = self.cache_keys.head;
            let written = head.write(&self.connection, &mut Content::default());
            written.map_err(|error| self.fault("write", &error))?;
            self.set_mark()?;
        }
        Ok(done)
    }

    /// Tells a copy that it may lack what is committed now.
    fn set_mark(&self) -> Result<(), LedgerError> {
        let set = self.mark.as_ref().map_or(Ok(()), Mark::set);
        set.map_err(|cause| LedgerError::Unwritable {
            ledger: self.path.display().to_string(),
            doing: "write",
            cause: cause.to_string(),
        })
    }

    /// Refuses everything once a commit has failed, or where others find another file.
    fn check_usable(&self) -> Result<(), LedgerError> {
        if self.failed {
            let ledger = self.path.display().to_string();
            return Err(LedgerError::Failed { ledger });
        }
        self.check_place()
    }

    /// What is written into a file, or a log, that others no longer find would be lost to them, and what is
    /// read there may be old.
    fn check_place(&self) -> Result<(), LedgerError> {
        let is = |path: &Path, file| fs::metadata(path).is_ok_and(|found| identity(&found) == file);
        let log = side_files::beside(&self.path, side_files::LOG);
        if is(&self.path, self.file.identity()) && self.log.is_none_or(|file| is(&log, file)) {
            return Ok(());
        }
        Err(LedgerError::Replaced {
            ledger: self.path.display().to_string(),
        })
    }

    fn execute(&self, doing: &'static str, sql: &str) -> Result<(), LedgerError> {
        let done = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut sql| sql.execute([]));
        done.map(drop).map_err(|error| self.fault(doing, &error))
    }

    /// Forgets what another connection may have changed, and tells the time.
    fn refresh(&mut self) -> Result<Now, LedgerError> {
        let version = self.read("PRAGMA data_version", |row| row.get::<_, i64>(0))?;
        let remembered = self
            .ledger_state
            .places()
            .max(self.ledger_state.claims().count());
        if self.cache_keys.version != Some(version) || remembered > MAX_REMEMBERED {
            self.ledger_state.forget();
            self.cache_keys.keys.clear();
            self.cache_keys.changed.clear();
            for (slot, number) in [(0, 1), (1, 2)] {
                self.cache_keys.know(slot, number);
            }
            let (head, right) = self.read(Head::READ, Head::read)?;
            if !right {
                return Err(self.damaged("the head's checksum is wrong"));
            }
            // After a transaction that did not count, the ledger state may know of lines that were not done.
            let known = self.cache_keys.version.map(|_| self.cache_keys.head.last);
            self.watch_on(known)?;
            self.cache_keys.head = head;
            self.cache_keys.next_key =
                self.read("SELECT max(account) + 1 FROM accounts", |row| row.get(0))?;
            self.bring_own_accounts()?;
            if self.cache_keys.version.is_none() {
                self.bring_begun()?;
            }
            self.cache_keys.version = Some(version);
        }
        self.cache_keys.seq = self.cache_keys.head.last.seq;
        let now = self.now();
        self.ledger_state.resume(self.cache_keys.head.last, now);
        Ok(now)
    }

    /// What the clocks show. The moments that are written down never go back.
    fn now(&self) -> Now {
        let time = self.clock.read();
        Now {
            label: time.wall.max(self.cache_keys.head.at),
            wall: time.wall,
            boot_time: time.boot_time,
        }
    }

    fn read<T>(
        &self,
        sql: &str,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let mut query = self
            .connection
            .prepare_cached(sql)
            .map_err(|error| self.fault("read", &error))?;
        query
            .query_row([], read)
            .map_err(|error| self.fault("read", &error))
    }

    /// Decides a batch within a write transaction, after these holds were given back, whose time is
    /// over, and those of runs whose process is gone.
    fn decide(
        &mut self,
        batch: &[Asked],
        now: Now,
        due: &[u64],
    ) -> Result<Vec<Option<Answer>>, LedgerError> {
        let abandoned = self.abandoned()?;
        for hold in due.iter().chain(&abandoned) {
            self.bring_hold(*hold)?;
        }
        for asked in batch {
            self.bring(&asked.request, &asked.caller)?;
        }
        let mut writer = Writer::new(&self.connection, &mut self.cache_keys, now);
        for hold in due {
            self.ledger_state
                .release(*hold, VoidReason::Expired, &mut writer);
        }
        for hold in abandoned {
            self.ledger_state.abandon(hold, &mut writer);
        }
        let decide = |asked| self.ledger_state.decide(asked, &mut writer);
        let answers = batch.iter().map(decide).collect();
        let finished = writer.finish(&self.ledger_state);
        finished.map_err(|error| self.fault("write", &error))?;
        Ok(answers)
    }

    fn fault(&self, doing: &'static str, error: &rusqlite::Error) -> LedgerError {
        faults::database(&self.path, doing, error)
    }

    fn damaged(&self, what: &str) -> LedgerError {
        faults::damaged(&self.path, what)
    }
}

impl Drop for Sqlite {
    /// The open file may stay longer than the ledger, and its runs must not.
    fn drop(&mut self) {
        for run in self.runs.ours() {
            self.file.unlock_run(run);
        }
    }
}

impl Ledger for Sqlite {
    fn transact(&mut self, batch: &[Asked]) -> Result<Vec<Option<Answer>>, LedgerError> {
        self.settle_and_decide(batch)
    }

    fn look_up(&mut self, names: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError> {
        self.read_with_due(true, |ledger, due| ledger.named_accounts(names, due))
    }

    fn accounts(&mut self, after: Option<&Name>) -> Result<Vec<Standing>, LedgerError> {
        self.read_with_due(after.is_none(), |ledger, due| {
            ledger.accounts_after(after, due)
        })
    }

    fn holds(&mut self, after: u64) -> Result<Vec<OpenHold>, LedgerError> {
        self.read_with_due(after == 0, |ledger, due| ledger.holds_after(after, due))
    }

    fn entries(&mut self, query: &EntryQuery) -> Result<Entries, LedgerError> {
        self.read_only(|ledger| ledger.page_of_entries(query))
    }

    fn open_run(&mut self, name: Option<&RunName>) -> Result<OpenedRun, LedgerError> {
        // What a dead run had begun is given back first, its own earlier life's too.
        self.runs.looked_at = None;
        self.settle_and_decide(&[])?;
        let known: Vec<u32> = self.runs.ours().collect();
        let opened = self.write(|ledger, _| ledger.begin_run(name));
        if opened.is_err() {
            // Nothing says that it began, and its number may be the next run's.
            let begun: Vec<u32> = self.runs.ours().collect();
            for run in begun.into_iter().filter(|run| !known.contains(run)) {
                self.unlock(run);
            }
        }
        opened
    }

    fn run_file(&self, run: u32) -> Option<PathBuf> {
        Some(RunLock::place(&self.path, run))
    }

    fn done_lines(&mut self, run: u32, after: u64) -> Result<Vec<DoneLine>, LedgerError> {
        self.check_usable()?;
        self.lines_after(run, after)
    }

    fn begun_lines(&mut self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError> {
        self.check_usable()?;
        self.begun_after(run, after)
    }

    fn runs(&mut self, after: u32) -> Result<Vec<RunTotals>, LedgerError> {
        self.read_only(|ledger| ledger.runs_after(after))
    }

    fn skip(&mut self, run: &RunName, line: u64, reason: &str) -> Result<SkippedLine, LedgerError> {
        self.runs.looked_at = None;
        self.settle_and_decide(&[])?;
        self.write(|ledger, now| ledger.skip_line(run, line, reason, now))
    }

    fn close_run(&mut self, run: u32) -> Result<(), LedgerError> {
        let ended = self.write(|ledger, now| ledger.end_run(run, now));
        // A run that may be ended later stays this process's own, or another may go on with it meanwhile.
        // Else the next that writes gives back what could not be given back now.
        if !ended.as_ref().is_err_and(LedgerError::may_pass) {
            self.unlock(run);
            self.ledger_state.lines().leave(run);
        }
        ended
    }

    fn verify(&mut self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        self.read_only(|ledger| ledger.check_all(expect))
    }

    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError> {
        self.read_only(|ledger| ledger.copy_to(path))
    }
}

#[cfg(test)]
mod tests;
