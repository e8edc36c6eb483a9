//! The columns of each table, and the rows that are read from them and written to them.

use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement, params};
use smol_str::SmolStr;

use crate::bank::{Amount, BootTime, Hold, Id, LastNumbers, Line, Moment, Unit};
use crate::store::engine::rows::{
    AccountRow, BadRow, EntryRow, Head, HoldRow, LineColumns, NewEntry, OwnerColumns, Read,
    ReadRun, RecordRow, RunRow, Stored, op, operation,
};

pub(super) const ACCOUNT: &str = "accounts.account, accounts.name, posted, held, floor, opened, allowance, refilled, accounts.checksum";
pub(super) const INSERT_ACCOUNT: &str = "INSERT INTO accounts (account, name, posted, held, floor, opened, allowance, refilled, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
pub(super) const UPDATE_ACCOUNT: &str = "UPDATE accounts SET posted = ?3, held = ?4, floor = ?5, opened = ?6, allowance = ?7, refilled = ?8, checksum = ?9 WHERE account = ?1";

/// An entry's columns; its accounts' names are joined to it.
pub(super) const ENTRY: &str = "e.seq, e.at, e.op, d.name, c.name, e.amount, e.posted, e.available, e.id, e.run, e.line, e.digest, e.hold, e.excess, e.detail, e.checksum";
pub(super) const ENTRY_NAMES: &str =
    "LEFT JOIN accounts d ON d.account = e.debit LEFT JOIN accounts c ON c.account = e.credit";
pub(super) const INSERT_ENTRY: &str = "INSERT INTO entries (seq, at, op, debit, credit, amount, posted, available, id, run, line, digest, hold, excess, detail, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) const RECORD: &str = "r.record, r.seq, r.at, r.kind, r.op, r.account, r.other, r.amount, r.posted, r.available, r.rejection, r.overdraft, r.id, r.run, r.line, r.digest, r.hold, r.number, r.expires, r.doubt, r.boot, r.ticks, r.note, r.detail, r.checksum";
pub(super) const INSERT_RECORD: &str = "INSERT INTO records (record, seq, at, kind, op, account, other, amount, posted, available, rejection, overdraft, id, run, line, digest, hold, number, expires, doubt, boot, ticks, note, detail, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) const HOLD: &str = "hold, at, op, account, other, amount, id, run, number, expires, doubt, line_run, line, digest, boot, ticks, detail, checksum";
pub(super) const PUT_HOLD: &str = "INSERT OR REPLACE INTO holds (hold, at, op, account, other, amount, id, run, number, expires, doubt, line_run, line, digest, boot, ticks, detail, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) const RUN: &str = "run, name, seq, record, live, rule";
pub(super) const PUT_RUN: &str = "INSERT INTO runs (run, name, seq, record, live, rule) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET live = excluded.live";

pub(super) const UNIT: &str = "one, scale, unit, checksum";

pub(super) const HEAD: &str = "seq, record, at, hash, prev, checksum";
pub(super) const UPDATE_HEAD: &str =
    "UPDATE head SET seq = ?, record = ?, at = ?, hash = ?, prev = ?, checksum = ? WHERE one = 1";

/// Why columns are no row.
struct NoRow(String);

impl From<rusqlite::Error> for NoRow {
    fn from(error: rusqlite::Error) -> Self {
        NoRow(format!("cannot be read: {error}"))
    }
}

/// Reads a row whose number is the first column.
fn read<T>(
    row: &Row<'_>,
    read: impl FnOnce(&Row<'_>) -> Result<T, NoRow>,
) -> rusqlite::Result<Result<T, BadRow>> {
    let number = row.get(0)?;
    let bad = |NoRow(why)| BadRow { number, why };
    Ok(read(row).map_err(bad))
}

pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Read<AccountRow>> {
    read(row, |row| {
        let account = AccountRow {
            key: row.get(0)?,
            name: text(row, 1)?.unwrap_or_default(),
            posted: row.get(2)?,
            held: row.get(3)?,
            floor: row.get(4)?,
            opened: row.get(5)?,
            allowance: text(row, 6)?,
            refilled: row.get(7)?,
        };
        Ok(Stored {
            row: account,
            checksum: row.get(8)?,
        })
    })
}

/// Writes an account by [`INSERT_ACCOUNT`] or [`UPDATE_ACCOUNT`].
pub(super) fn write_account(
    statement: &mut Statement<'_>,
    stored: &Stored<AccountRow>,
) -> rusqlite::Result<usize> {
    let row = &stored.row;
    statement.execute(params![
        row.key,
        row.name.as_str(),
        row.posted,
        row.held,
        row.floor,
        row.opened,
        row.allowance.as_deref(),
        row.refilled,
        stored.checksum
    ])
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Read<EntryRow>> {
    read(row, |row| {
        let (Some(debit), Some(credit)) = (text(row, 3)?, text(row, 4)?) else {
            let why = "moves money of an account that is not there";
            return Err(NoRow(why.to_string()));
        };
        no_halves(row, &[(10, 11)])?;
        let entry = EntryRow {
            seq: unsigned(row, 0)?.unwrap_or_default(),
            at: Moment::new(row.get(1)?),
            op: row.get(2)?,
            debit,
            credit,
            amount: row.get(5)?,
            view: (row.get(6)?, row.get(7)?),
            id: text(row, 8)?,
            run: row.get(9)?,
            line: line(row, 10)?,
            hold: unsigned(row, 12)?,
            excess: row.get(13)?,
            detail: text(row, 14)?,
        };
        Ok(Stored {
            row: entry,
            checksum: row.get(15)?,
        })
    })
}

pub(super) fn write_entry(
    statement: &mut Statement<'_>,
    new: &NewEntry,
) -> rusqlite::Result<usize> {
    let Stored { row, checksum } = &new.entry;
    statement.execute(params![
        row.seq.cast_signed(),
        row.at.micros(),
        row.op,
        new.debit,
        new.credit,
        row.amount,
        row.view.0,
        row.view.1,
        row.id.as_deref(),
        row.run,
        row.line.map(|line| line.number.cast_signed()),
        row.line.map(|line| line.digest.cast_signed()),
        row.hold.map(u64::cast_signed),
        row.excess,
        row.detail.as_deref(),
        checksum,
    ])
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Read<RecordRow>> {
    read(row, |row| {
        no_halves(row, &[(8, 9), (14, 15), (20, 21)])?;
        let posted: Option<i64> = row.get(8)?;
        let record = RecordRow {
            record: unsigned(row, 0)?.unwrap_or_default(),
            seq: unsigned(row, 1)?.unwrap_or_default(),
            at: Moment::new(row.get(2)?),
            kind: row.get(3)?,
            op: row.get(4)?,
            account: text(row, 5)?.unwrap_or_default(),
            other: text(row, 6)?,
            amount: row.get(7)?,
            view: posted.zip(row.get(9)?),
            rejection: row.get(10)?,
            overdraft: row.get(11)?,
            id: text(row, 12)?,
            run: row.get(13)?,
            line: line(row, 14)?,
            hold: unsigned(row, 16)?,
            number: row.get(17)?,
            expires: row.get(18)?,
            doubt: row.get(19)?,
            boot_time: boot_time(row, 20)?,
            note: text(row, 22)?,
            detail: text(row, 23)?,
        };
        Ok(Stored {
            row: record,
            checksum: row.get(24)?,
        })
    })
}

pub(super) fn write_record(
    statement: &mut Statement<'_>,
    stored: &Stored<RecordRow>,
) -> rusqlite::Result<usize> {
    let Stored { row, checksum } = stored;
    statement.execute(params![
        row.record.cast_signed(),
        row.seq.cast_signed(),
        row.at.micros(),
        row.kind,
        row.op,
        row.account.as_str(),
        row.other.as_deref(),
        row.amount,
        row.view.map(|view| view.0),
        row.view.map(|view| view.1),
        row.rejection,
        row.overdraft,
        row.id.as_deref(),
        row.run,
        row.line.map(|line| line.number.cast_signed()),
        row.line.map(|line| line.digest.cast_signed()),
        row.hold.map(u64::cast_signed),
        row.number,
        row.expires,
        row.doubt,
        row.boot_time.map(|time| time.boot),
        row.boot_time.map(|time| time.micros),
        row.note.as_deref(),
        row.detail.as_deref(),
        checksum,
    ])
}

pub(super) fn hold(row: &Row<'_>) -> rusqlite::Result<Read<HoldRow>> {
    read(row, |row| {
        no_halves(row, &[(14, 15)])?;
        let account = text(row, 3)?.unwrap_or_default();
        let (other, id, detail) = (text(row, 4)?, text(row, 6)?, text(row, 16)?);
        let (other, id, detail) = (other.as_deref(), id.as_deref(), detail.as_deref());
        let operation = operation(row.get(2)?, &account, other, row.get(5)?, id, detail);
        let owner = OwnerColumns {
            run: row.get(7)?,
            number: row.get(8)?,
            expires: row.get(9)?,
            doubt: row.get(10)?,
            boot_time: boot_time(row, 14)?,
        };
        let line = LineColumns {
            run: row.get(11)?,
            line: row.get(12)?,
            digest: row.get(13)?,
        };
        let (Some(operation), Some(owner), Some(line)) = (operation, owner.owner(), line.line())
        else {
            return Err(NoRow("has a wrong checksum".to_string()));
        };
        let hold = Hold {
            operation,
            owner,
            line,
            at: Moment::new(row.get(1)?),
        };
        let number = unsigned(row, 0)?.unwrap_or_default();
        Ok(Stored {
            row: HoldRow { number, hold },
            checksum: row.get(17)?,
        })
    })
}

pub(super) fn write_hold(
    statement: &mut Statement<'_>,
    stored: &Stored<HoldRow>,
) -> rusqlite::Result<usize> {
    let HoldRow { number, hold } = &stored.row;
    let operation = &hold.operation;
    let own = OwnerColumns::of(hold.owner);
    let line = LineColumns::of(hold.line);
    statement.execute(params![
        number.cast_signed(),
        hold.at.micros(),
        op(operation.kind()),
        operation.account.as_str(),
        operation.to().map(|to| to.as_str()),
        operation.amount().map(Amount::minor),
        operation.id.as_ref().map(Id::as_str),
        own.run,
        own.number,
        own.expires,
        own.doubt,
        line.run,
        line.line,
        line.digest,
        own.boot_time.map(|time| time.boot),
        own.boot_time.map(|time| time.micros),
        operation.kept_text().map(SmolStr::as_str),
        stored.checksum,
    ])
}

pub(super) fn unit(row: &Row<'_>) -> rusqlite::Result<Read<Unit>> {
    read(row, |row| {
        let decimals = row.get::<_, u8>(1)?;
        let name = text(row, 2)?.unwrap_or_default();
        let unit = Unit::new(decimals, &name);
        Ok(Stored {
            row: unit.map_err(|error| NoRow(error.to_string()))?,
            checksum: row.get(3)?,
        })
    })
}

pub(super) fn run(row: &Row<'_>) -> rusqlite::Result<ReadRun> {
    read(row, |row| {
        let number = u32::try_from(row.get::<_, i64>(0)?).ok();
        let number = number.filter(|number| *number > 0);
        let no_number = || NoRow("has a number that no run has".to_string());
        Ok(RunRow {
            number: number.ok_or_else(no_number)?,
            name: text(row, 1)?,
            began: last(row, 2)?,
            live: row.get(4)?,
            rule: row.get(5)?,
        })
    })
}

pub(super) fn write_run(statement: &mut Statement<'_>, run: &RunRow) -> rusqlite::Result<usize> {
    let LastNumbers { seq, record } = run.began;
    let (seq, record) = (seq.cast_signed(), record.cast_signed());
    let name = run.name.as_deref();
    statement.execute(params![run.number, name, seq, record, run.live, run.rule])
}

pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<Stored<Head>> {
    Ok(Stored {
        row: Head {
            last: last(row, 0)?,
            at: Moment::new(row.get(2)?),
            hash: row.get(3)?,
            prev: row.get(4)?,
        },
        checksum: row.get(5)?,
    })
}

pub(super) fn write_head(
    statement: &mut Statement<'_>,
    stored: &Stored<Head>,
) -> rusqlite::Result<usize> {
    let Head {
        last,
        at,
        hash,
        prev,
    } = stored.row;
    let (seq, record) = (last.seq.cast_signed(), last.record.cast_signed());
    statement.execute(params![
        seq,
        record,
        at.micros(),
        hash,
        prev,
        stored.checksum
    ])
}

/// The numbers of an entry and of a record, from two columns.
pub(super) fn last(row: &Row<'_>, column: usize) -> rusqlite::Result<LastNumbers> {
    let (seq, record): (i64, i64) = (row.get(column)?, row.get(column + 1)?);
    Ok(LastNumbers {
        seq: seq.cast_unsigned(),
        record: record.cast_unsigned(),
    })
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    Ok(number.map(i64::cast_unsigned))
}

pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<SmolStr>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(SmolStr::new))
}

/// A line from two columns, its number and its digest.
fn line(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Line>> {
    let (number, digest) = (unsigned(row, column)?, unsigned(row, column + 1)?);
    let line = number.zip(digest);
    Ok(line.map(|(number, digest)| Line { number, digest }))
}

/// A moment of the boot-time clock from two columns, its boot and the microseconds since then.
fn boot_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<BootTime>> {
    let (boot, micros): (Option<i64>, Option<i64>) = (row.get(column)?, row.get(column + 1)?);
    let time = boot.zip(micros);
    Ok(time.map(|(boot, micros)| BootTime { boot, micros }))
}

/// Two columns that only together say something are both there or both missing. The row's checksum is
/// over what they say together, so it does not tell.
fn no_halves(row: &Row<'_>, pairs: &[(usize, usize)]) -> Result<(), NoRow> {
    for &(one, other) in pairs {
        let is_null = |column| row.get_ref(column).map(|value| value == ValueRef::Null);
        if is_null(one)? != is_null(other)? {
            let name = |column| row.as_ref().column_name(column).map(str::to_string);
            let (one, other) = (name(one)?, name(other)?);
            return Err(NoRow(format!("says only one of `{one}` and `{other}`")));
        }
    }
    Ok(())
}
