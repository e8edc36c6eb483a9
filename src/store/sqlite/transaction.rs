//! A transaction of SQLite: what the engine asks of it, as SQL.

use std::ops::RangeInclusive;

use rusqlite::types::Value;
use rusqlite::{Params, Row, params_from_iter};

use super::ledger_file::LedgerFile;
use super::{Sqlite, apply, check, columns, faults, load, write_queue};
use crate::bank::{LastNumbers, Unit};
use crate::store::engine::backend::{
    AccountsAfter, Changes, EntryFilter, FoundById, IdOfRow, LedgerPosition, LinesOf, LoadedRows,
    RecordFilter, RunFilter, Table, Tx, TxMode, WantedRows,
};
use crate::store::engine::rows::{
    AccountRow, EntryRow, HoldRow, LineRow, Read, ReadRun, RecordRow, RunRow,
};
use crate::store::{Lease, LeaseShare, LedgerError};

/// A transaction. What it did is taken back when it is dropped.
pub(super) struct Transaction<'a> {
    ledger: &'a mut Sqlite,
    mode: TxMode,
    is_changed: bool,
    is_open: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn begin(ledger: &'a mut Sqlite, mode: TxMode) -> Result<Self, LedgerError> {
        ledger.check_usable()?;
        match mode {
            TxMode::Read => {
                ledger.check_place()?;
                ledger.reopen_changed()?;
                ledger.execute("read", "BEGIN")?;
            }
            TxMode::Write => {
                let turn = write_queue::enter(&ledger.file);
                ledger.execute("write", "BEGIN IMMEDIATE")?;
                drop(turn);
            }
        }
        let mut transaction = Transaction {
            ledger,
            mode,
            is_changed: false,
            is_open: true,
        };
        if mode == TxMode::Write {
            transaction.ledger.check_place()?;
        }
        let version = transaction.one("PRAGMA data_version", |row| row.get::<_, i64>(0))?;
        let known = transaction.ledger.version.replace(version);
        transaction.is_changed = known != Some(version);
        Ok(transaction)
    }

    fn one<T>(
        &self,
        sql: &str,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let query = self.ledger.connection.prepare_cached(sql);
        let found = query.and_then(|mut query| query.query_row([], read));
        found.map_err(|error| self.unread(&error))
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let find = || {
            let mut query = self.ledger.connection.prepare_cached(sql)?;
            let rows = query.query_map(values, read)?;
            rows.collect()
        };
        let found: rusqlite::Result<Vec<T>> = find();
        found.map_err(|error| self.unread(&error))
    }

    /// Whether a table has one row, as it must.
    fn check_one_row(&self, table: &str, must: &str) -> Result<(), LedgerError> {
        let sql = format!("SELECT count(*) FROM {table}");
        match self.one(&sql, |row| row.get::<_, i64>(0))? {
            1 => Ok(()),
            _ => Err(faults::damaged(&self.ledger.path, must)),
        }
    }

    fn unread(&self, error: &rusqlite::Error) -> LedgerError {
        faults::unread(&self.ledger.path, error)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // The database may have done it already.
            let _ = self.ledger.connection.execute_batch("ROLLBACK");
        }
    }
}

impl Tx for Transaction<'_> {
    fn is_changed(&self) -> bool {
        self.is_changed
    }

    fn position(&mut self) -> Result<LedgerPosition, LedgerError> {
        self.check_one_row("head", "the head of the ledger must be one row")?;
        let sql = format!("SELECT {} FROM head WHERE one = 1", columns::HEAD);
        let head = self.one(&sql, columns::head)?;
        self.ledger.head = Some(head.row);
        let sql = "SELECT ifnull(max(account), 0) FROM accounts";
        let last_account = self.one(sql, |row| row.get(0))?;
        Ok(LedgerPosition { head, last_account })
    }

    fn unit(&mut self) -> Result<Read<Unit>, LedgerError> {
        self.check_one_row("ledger", "what the ledger counts must be one row")?;
        let sql = format!("SELECT {} FROM ledger WHERE one = 1", columns::UNIT);
        self.one(&sql, columns::unit)
    }

    fn load(&mut self, wanted: &WantedRows) -> Result<LoadedRows, LedgerError> {
        let loaded = load::load(&self.ledger.connection, wanted);
        loaded.map_err(|error| self.unread(&error))
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), LedgerError> {
        let applied = apply::apply(&self.ledger.connection, changes, self.ledger.head);
        applied.map_err(|error| self.ledger.fault("write", &error))?;
        self.ledger.head = Some(changes.head);
        self.ledger.set_mark()
    }

    fn commit(mut self: Box<Self>) -> Result<(), LedgerError> {
        if let Err(error) = self.ledger.connection.execute_batch("COMMIT") {
            let path = self.ledger.path.clone();
            let is_certain = self.mode == TxMode::Read || faults::is_certain(&error);
            let fault = self.ledger.fault("write", &error);
            let _ = self.ledger.connection.execute_batch("ROLLBACK");
            self.is_open = false;
            return Err(match is_certain && self.ledger.connection.is_autocommit() {
                true => fault,
                false => faults::unknown(&path, &error),
            });
        }
        self.is_open = false;
        self.ledger.check_current()
    }

    fn lease_run(&mut self, run: u32) -> Result<Option<Lease>, LedgerError> {
        let Sqlite { file, path, .. } = &*self.ledger;
        let locked = LedgerFile::lock_run(file, run);
        let locked = locked.map_err(|cause| faults::no_lock(path, cause))?;
        Ok(locked.map(|locked| Lease::new(locked, Some(LeaseShare::of_file(path, run)))))
    }

    fn dead_runs(&mut self) -> Result<Vec<RunRow>, LedgerError> {
        // That cannot be asked of a file that may only be read.
        if !self.ledger.file.may_write() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {} FROM runs WHERE live = 1", columns::RUN);
        let mut dead = Vec::new();
        for run in self.all(&sql, [], columns::run)?.into_iter().flatten() {
            let is_free = self.ledger.file.is_free(run.number);
            if is_free.map_err(|cause| faults::no_lock(&self.ledger.path, cause))? {
                dead.push(run);
            }
        }
        Ok(dead)
    }

    fn accounts(
        &mut self,
        after: AccountsAfter<'_>,
        limit: usize,
    ) -> Result<Vec<Read<AccountRow>>, LedgerError> {
        let (order, after) = match after {
            AccountsAfter::Name(name) => ("name", Value::from(name.to_string())),
            AccountsAfter::Key(key) => ("account", Value::from(key)),
        };
        let sql = format!(
            "SELECT {} FROM accounts WHERE {order} > ? ORDER BY {order} LIMIT ?",
            columns::ACCOUNT
        );
        self.all(&sql, (after, signed(limit)), columns::account)
    }

    fn holds(&mut self, after: u64, limit: usize) -> Result<Vec<Read<HoldRow>>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM holds WHERE hold > ? ORDER BY hold LIMIT ?",
            columns::HOLD
        );
        self.all(&sql, (number(after), signed(limit)), columns::hold)
    }

    fn entries(&mut self, filter: &EntryFilter<'_>) -> Result<Vec<Read<EntryRow>>, LedgerError> {
        let mut values = vec![Value::from(number(filter.after))];
        let mut conditions = String::new();
        if let Some(up_to) = filter.up_to {
            conditions += " AND e.seq <= ?";
            values.push(number(up_to).into());
        }
        if let Some(account) = filter.account {
            conditions += " AND ? IN (d.name, c.name)";
            values.push(account.as_str().to_string().into());
        }
        add_lines("e", filter.lines, &mut conditions, &mut values);
        values.push(signed(filter.limit).into());
        let sql = format!(
            "SELECT {} FROM entries e {} WHERE e.seq > ?{conditions} ORDER BY e.seq LIMIT ?",
            columns::ENTRY,
            columns::ENTRY_NAMES
        );
        self.all(&sql, params_from_iter(values), columns::entry)
    }

    fn records(&mut self, filter: &RecordFilter<'_>) -> Result<Vec<Read<RecordRow>>, LedgerError> {
        let mut values = vec![Value::from(number(filter.after))];
        let mut conditions = String::new();
        add_lines("r", filter.lines, &mut conditions, &mut values);
        if !filter.kinds.is_empty() {
            let kinds: Vec<String> = filter.kinds.iter().map(i64::to_string).collect();
            conditions += &format!(" AND r.kind IN ({})", kinds.join(", "));
        }
        values.push(signed(filter.limit).into());
        let sql = format!(
            "SELECT {} FROM records r WHERE r.record > ?{conditions} ORDER BY r.record LIMIT ?",
            columns::RECORD
        );
        self.all(&sql, params_from_iter(values), columns::record)
    }

    fn runs(&mut self, filter: RunFilter<'_>) -> Result<Vec<ReadRun>, LedgerError> {
        let (condition, values): (_, Vec<Value>) = match filter {
            RunFilter::Number(run) => ("WHERE run = ?", vec![run.into()]),
            RunFilter::Name(name) => ("WHERE name = ?", vec![name.as_str().to_string().into()]),
            RunFilter::Named(after, limit) => (
                "WHERE run > ? AND name IS NOT NULL ORDER BY run LIMIT ?",
                vec![after.into(), signed(limit).into()],
            ),
            RunFilter::All => ("NOT INDEXED ORDER BY run", Vec::new()),
            RunFilter::Last => ("ORDER BY run DESC LIMIT 1", Vec::new()),
        };
        let sql = format!("SELECT {} FROM runs {condition}", columns::RUN);
        self.all(&sql, params_from_iter(values), columns::run)
    }

    fn lines(
        &mut self,
        table: Table,
        after: u64,
        runs: RangeInclusive<u32>,
        each: &mut dyn FnMut(LineRow),
    ) -> Result<(), LedgerError> {
        const ENTRIES: &str = "SELECT seq, run, line, hold, 0 FROM entries WHERE seq > ? AND run BETWEEN ? AND ? ORDER BY seq";
        const RECORDS: &str = "SELECT record, run, line, hold, kind FROM records WHERE record > ? AND (run BETWEEN ? AND ? OR hold IS NOT NULL) ORDER BY record";
        let sql = match table {
            Table::Entries => ENTRIES,
            Table::Records => RECORDS,
        };
        let mut read = || {
            let mut query = self.ledger.connection.prepare_cached(sql)?;
            let mut rows = query.query((number(after), runs.start(), runs.end()))?;
            while let Some(row) = rows.next()? {
                each(LineRow {
                    number: columns::unsigned(row, 0)?.unwrap_or_default(),
                    run: row.get(1)?,
                    line: columns::unsigned(row, 2)?,
                    hold: columns::unsigned(row, 3)?,
                    kind: row.get(4)?,
                });
            }
            Ok(())
        };
        read().map_err(|error| self.unread(&error))
    }

    fn last_rows(&mut self) -> Result<LastNumbers, LedgerError> {
        const SQL: &str = "SELECT ifnull((SELECT max(seq) FROM entries), 0), ifnull((SELECT max(record) FROM records), 0)";
        self.one(SQL, |row| {
            let (seq, record): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (seq, record) = (seq.max(0).cast_unsigned(), record.max(0).cast_unsigned());
            Ok(LastNumbers { seq, record })
        })
    }

    fn look_up_ids(&mut self, rows: &[IdOfRow]) -> Result<Vec<FoundById>, LedgerError> {
        let find = |row| check::look_up_id(&self.ledger.connection, row);
        let found: rusqlite::Result<Vec<FoundById>> = rows.iter().map(find).collect();
        found.map_err(|error| self.unread(&error))
    }

    fn check(&mut self, ids: LastNumbers) -> Result<Option<String>, LedgerError> {
        match check::check(&self.ledger.connection, ids) {
            Ok(()) => Ok(None),
            Err(check::CheckStop::Wrong(why)) => Ok(Some(why)),
            Err(check::CheckStop::Unread(error)) => Err(self.unread(&error)),
        }
    }
}

/// Adds the condition that a row is of a line of a run.
fn add_lines(
    table: &str,
    lines: Option<LinesOf>,
    conditions: &mut String,
    values: &mut Vec<Value>,
) {
    let Some(LinesOf { run, line }) = lines else {
        return;
    };
    *conditions += &format!(" AND {table}.run = ? AND {table}.line IS NOT NULL");
    values.push(run.into());
    if let Some(line) = line {
        *conditions += &format!(" AND {table}.line = ?");
        values.push(line.cast_signed().into());
    }
}

/// A number to compare with; none of a row is larger than the largest of SQLite.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn signed(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
