//! Reading in pages.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{ACCOUNTS, ENTRY, ENTRY_NAMES, HOLDS, RECORDS, RUNS};
use super::faults::PgError;
use super::holder::LeaseProcess;
use super::session::PgSession;
use super::values::Values;
use crate::bank::{LastNumbers, Moment, Unit};
use crate::store::LeaseHolder;
use crate::store::engine::backend::{
    AccountsAfter, EntryFilter, LedgerPosition, LinesOf, RecordFilter, RunFilter, Table,
};
use crate::store::engine::rows::{
    AccountRow, BadRow, EntryRow, Hash, Head, HoldRow, LineRow, Read, ReadRun, RecordRow, Stored,
};

/// Conditions that are added one after another, and their parameters.
struct Conditions<'a> {
    sql: String,
    parameters: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Conditions<'a> {
    fn new() -> Self {
        Conditions {
            sql: String::from("true"),
            parameters: Vec::new(),
        }
    }

    /// Adds a condition in which `?` stands for this.
    fn add(&mut self, condition: &str, parameter: &'a (dyn ToSql + Sync)) {
        self.parameters.push(parameter);
        let place = format!("${}", self.parameters.len());
        self.sql += " AND ";
        self.sql += &condition.replace('?', &place);
    }

    /// The number of the parameter that ends the list, for how many rows there are at most.
    fn limit(&mut self, limit: &'a (dyn ToSql + Sync)) -> usize {
        self.parameters.push(limit);
        self.parameters.len()
    }
}

/// The lines of a run, as parameters.
struct LineParameters {
    run: Option<i64>,
    line: Option<i64>,
}

impl LineParameters {
    fn of(lines: Option<LinesOf>) -> Self {
        LineParameters {
            run: lines.map(|of| i64::from(of.run)),
            line: lines.and_then(|of| of.line).map(u64::cast_signed),
        }
    }

    fn add_to<'a>(&'a self, conditions: &mut Conditions<'a>) {
        if let Some(run) = &self.run {
            conditions.add("t.run = ? AND t.line IS NOT NULL", run);
        }
        if let Some(line) = &self.line {
            conditions.add("t.line = ?", line);
        }
    }
}

/// A number to compare with; none of a row is larger than the largest of a column.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn signed(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn each<T>(rows: Vec<Row>, read: impl Fn(Values) -> T) -> Result<Vec<T>, PgError> {
    let rows = rows.iter().map(|row| Ok(read(Values::of(row, 0)?)));
    rows.collect()
}

/// What the ledger counts, if that is one row.
pub(super) fn unit(session: &mut PgSession) -> Result<Option<Read<Unit>>, PgError> {
    let rows = session.query("SELECT scale, unit, checksum FROM ledger", &[])?;
    let [row] = rows.as_slice() else {
        return Ok(None);
    };
    let (scale, name): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
    let unit = Unit::new(u8::try_from(scale).unwrap_or(u8::MAX), name);
    let checksum = row.try_get(2)?;
    Ok(Some(match unit {
        Ok(row) => Ok(Stored { row, checksum }),
        Err(error) => Err(BadRow {
            number: 1,
            why: error.to_string(),
        }),
    }))
}

/// The head, if there is one, and the key of the newest account.
pub(super) fn position(session: &mut PgSession) -> Result<Option<LedgerPosition>, PgError> {
    const SQL: &str = "SELECT seq, record, at, checksum, (SELECT coalesce(max(account), 0) FROM accounts), hash, prev FROM head";
    let rows = session.query(SQL, &[])?;
    let [row] = rows.as_slice() else {
        return Ok(None);
    };
    let hash = |column: usize| -> Result<Option<Hash>, PgError> {
        let bytes: Option<&[u8]> = row.try_get(column)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
    };
    let head = Head {
        last: last_numbers(row)?,
        at: Moment::new(row.try_get(2)?),
        hash: hash(5)?.unwrap_or_default(),
        prev: hash(6)?,
    };
    Ok(Some(LedgerPosition {
        head: Stored {
            row: head,
            checksum: row.try_get(3)?,
        },
        last_account: row.try_get(4)?,
    }))
}

fn last_numbers(row: &Row) -> Result<LastNumbers, PgError> {
    let (seq, record): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (seq, record) = (seq.max(0).cast_unsigned(), record.max(0).cast_unsigned());
    Ok(LastNumbers { seq, record })
}

pub(super) fn last_rows(session: &mut PgSession) -> Result<LastNumbers, PgError> {
    const SQL: &str = "SELECT coalesce((SELECT max(seq) FROM entries), 0), coalesce((SELECT max(record) FROM records), 0)";
    match session.query(SQL, &[])?.first() {
        Some(row) => last_numbers(row),
        None => Ok(LastNumbers::default()),
    }
}

pub(super) fn accounts(
    session: &mut PgSession,
    after: AccountsAfter<'_>,
    limit: usize,
) -> Result<Vec<Read<AccountRow>>, PgError> {
    let limit = signed(limit);
    let page = |order: &str| {
        let columns = ACCOUNTS.arrays("t");
        format!("SELECT {columns} FROM accounts t WHERE t.{order} > $1 ORDER BY t.{order} LIMIT $2")
    };
    let rows = match after {
        AccountsAfter::Name(name) => session.query(&page("name"), &[&name, &limit])?,
        AccountsAfter::Key(key) => session.query(&page("account"), &[&key, &limit])?,
    };
    each(rows, Values::account)
}

pub(super) fn holds(
    session: &mut PgSession,
    after: u64,
    limit: usize,
) -> Result<Vec<Read<HoldRow>>, PgError> {
    let columns = HOLDS.arrays("t");
    let sql = format!("SELECT {columns} FROM holds t WHERE t.hold > $1 ORDER BY t.hold LIMIT $2");
    each(
        session.query(&sql, &[&number(after), &signed(limit)])?,
        Values::hold,
    )
}

pub(super) fn entries(
    session: &mut PgSession,
    filter: &EntryFilter<'_>,
) -> Result<Vec<Read<EntryRow>>, PgError> {
    let (after, limit) = (number(filter.after), signed(filter.limit));
    let (up_to, account) = (
        filter.up_to.map(number),
        filter.account.map(|name| name.as_str()),
    );
    let lines = LineParameters::of(filter.lines);
    let mut conditions = Conditions::new();
    conditions.add("t.seq > ?", &after);
    if let Some(up_to) = &up_to {
        conditions.add("t.seq <= ?", up_to);
    }
    if let Some(account) = &account {
        conditions.add("? IN (d.name, c.name)", account);
    }
    lines.add_to(&mut conditions);
    let most = conditions.limit(&limit);
    let sql = format!(
        "SELECT {} FROM entries t {} WHERE {} ORDER BY t.seq LIMIT ${most}",
        ENTRY.replace("e.", "t."),
        ENTRY_NAMES.replace("e.", "t."),
        conditions.sql
    );
    each(session.query(&sql, &conditions.parameters)?, Values::entry)
}

pub(super) fn records(
    session: &mut PgSession,
    filter: &RecordFilter<'_>,
) -> Result<Vec<Read<RecordRow>>, PgError> {
    let (after, limit) = (number(filter.after), signed(filter.limit));
    let lines = LineParameters::of(filter.lines);
    let mut conditions = Conditions::new();
    conditions.add("t.record > ?", &after);
    lines.add_to(&mut conditions);
    if !filter.kinds.is_empty() {
        conditions.add("t.kind = ANY(?)", &filter.kinds);
    }
    let most = conditions.limit(&limit);
    let sql = format!(
        "SELECT {} FROM records t WHERE {} ORDER BY t.record LIMIT ${most}",
        RECORDS.arrays("t"),
        conditions.sql
    );
    each(session.query(&sql, &conditions.parameters)?, Values::record)
}

pub(super) fn runs(
    session: &mut PgSession,
    filter: RunFilter<'_>,
) -> Result<Vec<ReadRun>, PgError> {
    let columns = RUNS.arrays("t");
    let select = |rest: &str| format!("SELECT {columns} FROM runs t {rest}");
    let rows = match filter {
        RunFilter::Number(run) => session.query(&select("WHERE t.run = $1"), &[&i64::from(run)])?,
        RunFilter::Name(name) => session.query(&select("WHERE t.name = $1"), &[&name.as_str()])?,
        RunFilter::Named(after, limit) => session.query(
            &select("WHERE t.run > $1 AND t.name IS NOT NULL ORDER BY t.run LIMIT $2"),
            &[&i64::from(after), &signed(limit)],
        )?,
        RunFilter::All => session.query(&select("ORDER BY t.run"), &[])?,
        RunFilter::Last => session.query(&select("ORDER BY t.run DESC LIMIT 1"), &[])?,
    };
    each(rows, Values::run_row)
}

/// The runs that are marked as live and whose lease has ended or whose process is gone, other than these.
pub(super) fn dead_runs(session: &mut PgSession, own: &[i64]) -> Result<Vec<ReadRun>, PgError> {
    let sql = format!(
        "SELECT {}, l.run IS NULL OR l.expires < clock_timestamp(), l.holder FROM runs t LEFT JOIN leases l ON l.run = t.run WHERE t.live = 1 AND NOT t.run = ANY($1)",
        RUNS.arrays("t")
    );
    let mut dead = Vec::new();
    for row in session.query(&sql, &[&own])? {
        let (is_over, holder): (bool, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
        let holder = holder.and_then(LeaseProcess::read);
        if is_over || holder.is_some_and(|holder| holder.is_gone()) {
            dead.push(row);
        }
    }
    each(dead, Values::run_row)
}

/// Who has the lease of a run.
pub(super) fn lease_holder(
    session: &mut PgSession,
    run: u32,
) -> Result<Option<LeaseHolder>, PgError> {
    const SQL: &str = "SELECT holder, greatest(0, (extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint) FROM leases WHERE run = $1";
    let rows = session.query(SQL, &[&i64::from(run)])?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (holder, lasts): (Option<&str>, i64) = (row.try_get(0)?, row.try_get(1)?);
    let holder = holder.and_then(LeaseProcess::read);
    Ok(Some(LeaseHolder {
        name: holder
            .as_ref()
            .map_or_else(|| "another process".to_string(), LeaseProcess::name),
        lasts: Duration::from_millis(lasts.unsigned_abs()),
        is_alive: holder.is_some_and(|holder| holder.is_here()),
    }))
}

pub(super) fn lines(
    session: &mut PgSession,
    table: Table,
    after: u64,
    runs: RangeInclusive<u32>,
    each: &mut dyn FnMut(LineRow),
) -> Result<(), PgError> {
    const ENTRIES: &str = "SELECT seq, run, line, hold, 0::bigint FROM entries WHERE seq > $1 AND run BETWEEN $2 AND $3 ORDER BY seq LIMIT $4";
    const RECORDS: &str = "SELECT record, run, line, hold, kind FROM records WHERE record > $1 AND (run BETWEEN $2 AND $3 OR hold IS NOT NULL) ORDER BY record LIMIT $4";
    /// A part of them at a time.
    const PAGE: i64 = 10_000;
    let sql = match table {
        Table::Entries => ENTRIES,
        Table::Records => RECORDS,
    };
    let (first, last) = (i64::from(*runs.start()), i64::from(*runs.end()));
    let mut after = number(after);
    loop {
        let rows = session.query(sql, &[&after, &first, &last, &PAGE])?;
        for row in &rows {
            after = row.try_get(0)?;
            let run: Option<i64> = row.try_get(1)?;
            let (line, hold): (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
            each(LineRow {
                number: after.cast_unsigned(),
                run: run.and_then(|run| u32::try_from(run).ok()),
                line: line.map(i64::cast_unsigned),
                hold: hold.map(i64::cast_unsigned),
                kind: row.try_get(4)?,
            });
        }
        if (rows.len() as i64) < PAGE {
            return Ok(());
        }
    }
}
