//! The columns of each table, and the rows that are read from them and written to them.
//!
//! A row travels as two arrays, one of its numbers and one of its texts: so rows of several tables come in
//! the answer to one query, and a set of rows is written from one array for each column.

use tokio_postgres::types::ToSql;

use smol_str::SmolStr;

use crate::bank::{Amount, Id};
use crate::store::engine::rows::{
    AccountRow, HoldRow, LineColumns, NewEntry, OwnerColumns, RecordRow, RunRow, Stored, op,
};

/// A table's columns, as they are written.
pub(super) struct Columns {
    pub(super) table: &'static str,
    pub(super) numbers: &'static [&'static str],
    pub(super) texts: &'static [&'static str],
}

pub(super) const ACCOUNTS: Columns = Columns {
    table: "accounts",
    numbers: &[
        "account", "posted", "held", "floor", "opened", "refilled", "checksum",
    ],
    texts: &["name", "allowance"],
};

pub(super) const ENTRIES: Columns = Columns {
    table: "entries",
    numbers: &[
        "seq",
        "at",
        "op",
        "debit",
        "credit",
        "amount",
        "posted",
        "available",
        "run",
        "line",
        "digest",
        "hold",
        "excess",
        "checksum",
    ],
    texts: &["id", "detail"],
};

pub(super) const RECORDS: Columns = Columns {
    table: "records",
    numbers: &[
        "record",
        "seq",
        "at",
        "kind",
        "op",
        "amount",
        "posted",
        "available",
        "rejection",
        "overdraft",
        "run",
        "line",
        "digest",
        "hold",
        "number",
        "expires",
        "doubt",
        "boot",
        "ticks",
        "checksum",
    ],
    texts: &["account", "other", "id", "note", "detail"],
};

pub(super) const HOLDS: Columns = Columns {
    table: "holds",
    numbers: &[
        "hold", "at", "op", "amount", "run", "number", "expires", "doubt", "line_run", "line",
        "digest", "boot", "ticks", "checksum",
    ],
    texts: &["account", "other", "id", "detail"],
};

pub(super) const RUNS: Columns = Columns {
    table: "runs",
    numbers: &["run", "seq", "record", "live", "rule"],
    texts: &["name"],
};

impl Columns {
    /// The two arrays of a row of this table, which goes by this name in the query.
    pub(super) fn arrays(&self, name: &str) -> String {
        let list = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|c| format!("{name}.{c}")).collect();
            columns.join(", ")
        };
        let (numbers, texts) = (list(self.numbers), list(self.texts));
        format!("ARRAY[{numbers}]::bigint[], ARRAY[{texts}]::text[]")
    }

    /// The names of all columns.
    pub(super) fn names(&self) -> String {
        [self.numbers, self.texts].concat().join(", ")
    }

    /// The rows of a set, each column from an array that is a parameter; `first` is the first one's number.
    pub(super) fn unnest(&self, first: usize) -> String {
        let types = self.numbers.iter().map(|_| "bigint");
        let types = types.chain(self.texts.iter().map(|_| "text"));
        let arrays: Vec<String> = (first..)
            .zip(types)
            .map(|(number, kind)| format!("${number}::{kind}[]"))
            .collect();
        format!("unnest({}) AS new ({})", arrays.join(", "), self.names())
    }
}

/// The two arrays of an entry, in which the names of its accounts stand for their keys: the entry is
/// called `e`, its accounts `d` and `c`.
pub(super) const ENTRY: &str = "ARRAY[e.seq, e.at, e.op, e.amount, e.posted, e.available, e.run, e.line, e.digest, e.hold, e.excess, e.checksum]::bigint[], ARRAY[d.name, c.name, e.id, e.detail]::text[]";
pub(super) const ENTRY_NAMES: &str =
    "LEFT JOIN accounts d ON d.account = e.debit LEFT JOIN accounts c ON c.account = e.credit";

/// A set of rows of one table, an array for each column.
#[derive(Default)]
pub(super) struct RowSet<'a> {
    numbers: Vec<Vec<Option<i64>>>,
    texts: Vec<Vec<Option<&'a str>>>,
}

impl<'a> RowSet<'a> {
    /// No row yet.
    pub(super) fn of(columns: &Columns) -> Self {
        RowSet {
            numbers: columns.numbers.iter().map(|_| Vec::new()).collect(),
            texts: columns.texts.iter().map(|_| Vec::new()).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.iter().all(Vec::is_empty)
    }

    fn add<const N: usize, const T: usize>(
        &mut self,
        numbers: [Option<i64>; N],
        texts: [Option<&'a str>; T],
    ) {
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number);
        }
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(text);
        }
    }

    /// The columns, as the parameters of [`Columns::unnest`].
    pub(super) fn parameters(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
        let numbers = self
            .numbers
            .iter()
            .map(|column| column as &(dyn ToSql + Sync));
        let texts = self
            .texts
            .iter()
            .map(|column| column as &(dyn ToSql + Sync));
        numbers.chain(texts)
    }

    pub(super) fn add_account(&mut self, stored: &'a Stored<AccountRow>) {
        let row = &stored.row;
        self.add(
            [
                Some(row.key),
                Some(row.posted),
                Some(row.held),
                Some(row.floor),
                row.opened,
                row.refilled,
                Some(stored.checksum),
            ],
            [Some(row.name.as_str()), row.allowance.as_deref()],
        );
    }

    pub(super) fn add_entry(&mut self, new: &'a NewEntry) {
        let Stored { row, checksum } = &new.entry;
        self.add(
            [
                Some(row.seq.cast_signed()),
                Some(row.at.micros()),
                Some(row.op),
                Some(new.debit),
                Some(new.credit),
                Some(row.amount),
                Some(row.view.0),
                Some(row.view.1),
                row.run.map(i64::from),
                row.line.map(|line| line.number.cast_signed()),
                row.line.map(|line| line.digest.cast_signed()),
                row.hold.map(u64::cast_signed),
                row.excess,
                Some(*checksum),
            ],
            [row.id.as_deref(), row.detail.as_deref()],
        );
    }

    pub(super) fn add_record(&mut self, stored: &'a Stored<RecordRow>) {
        let Stored { row, checksum } = stored;
        self.add(
            [
                Some(row.record.cast_signed()),
                Some(row.seq.cast_signed()),
                Some(row.at.micros()),
                Some(row.kind),
                row.op,
                row.amount,
                row.view.map(|view| view.0),
                row.view.map(|view| view.1),
                row.rejection,
                row.overdraft,
                row.run.map(i64::from),
                row.line.map(|line| line.number.cast_signed()),
                row.line.map(|line| line.digest.cast_signed()),
                row.hold.map(u64::cast_signed),
                row.number,
                row.expires,
                row.doubt,
                row.boot_time.map(|time| time.boot),
                row.boot_time.map(|time| time.micros),
                Some(*checksum),
            ],
            [
                Some(row.account.as_str()),
                row.other.as_deref(),
                row.id.as_deref(),
                row.note.as_deref(),
                row.detail.as_deref(),
            ],
        );
    }

    pub(super) fn add_hold(&mut self, stored: &'a Stored<HoldRow>) {
        let HoldRow { number, hold } = &stored.row;
        let operation = &hold.operation;
        let own = OwnerColumns::of(hold.owner);
        let line = LineColumns::of(hold.line);
        self.add(
            [
                Some(number.cast_signed()),
                Some(hold.at.micros()),
                Some(op(operation.kind())),
                operation.amount().map(Amount::minor),
                own.run.map(i64::from),
                own.number,
                own.expires,
                own.doubt,
                line.run.map(i64::from),
                line.line,
                line.digest,
                own.boot_time.map(|time| time.boot),
                own.boot_time.map(|time| time.micros),
                Some(stored.checksum),
            ],
            [
                Some(operation.account.as_str()),
                operation.to().map(|to| to.as_str()),
                operation.id.as_ref().map(Id::as_str),
                operation.kept_text().map(SmolStr::as_str),
            ],
        );
    }

    pub(super) fn add_run(&mut self, run: &'a RunRow) {
        self.add(
            [
                Some(i64::from(run.number)),
                Some(run.began.seq.cast_signed()),
                Some(run.began.record.cast_signed()),
                Some(run.live),
                run.rule,
            ],
            [run.name.as_deref()],
        );
    }
}
