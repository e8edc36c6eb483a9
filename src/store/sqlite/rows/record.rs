//! The rows of records: what else was decided and must not be forgotten.

use rusqlite::Row;

use super::{Content, Hash, boot_time, line, op, operation, text, view};
use crate::bank::{Amount, BootTime, Id, Line, Moment, Name, Operation, View};

/// What kind of record a row is.
pub(in crate::store::sqlite) const HELD: i64 = 0;
pub(in crate::store::sqlite) const VOIDED: i64 = 1;
pub(in crate::store::sqlite) const EXPIRED: i64 = 2;
pub(in crate::store::sqlite) const REFUSED: i64 = 3;
pub(in crate::store::sqlite) const VIEWED: i64 = 4;
pub(in crate::store::sqlite) const OPENED: i64 = 5;
pub(in crate::store::sqlite) const DOUBTED: i64 = 6;
pub(in crate::store::sqlite) const TAKEN_OVER: i64 = 7;
pub(in crate::store::sqlite) const UNSPENT: i64 = 8;
pub(in crate::store::sqlite) const KEPT: i64 = 9;
pub(in crate::store::sqlite) const SKIPPED: i64 = 10;

/// A record as it stands in the file.
#[derive(Clone, Copy, Default)]
pub(in crate::store::sqlite) struct RecordRow<'a> {
    pub(in crate::store::sqlite) record: u64,
    pub(in crate::store::sqlite) seq: u64,
    pub(in crate::store::sqlite) at: Moment,
    pub(in crate::store::sqlite) kind: i64,
    pub(in crate::store::sqlite) op: Option<i64>,
    pub(in crate::store::sqlite) account: &'a str,
    pub(in crate::store::sqlite) other: Option<&'a str>,
    pub(in crate::store::sqlite) amount: Option<i64>,
    pub(in crate::store::sqlite) view: Option<(i64, i64)>,
    pub(in crate::store::sqlite) rejection: Option<i64>,
    pub(in crate::store::sqlite) overdraft: Option<i64>,
    pub(in crate::store::sqlite) id: Option<&'a str>,
    pub(in crate::store::sqlite) run: Option<u32>,
    pub(in crate::store::sqlite) line: Option<Line>,
    pub(in crate::store::sqlite) hold: Option<u64>,
    pub(in crate::store::sqlite) number: Option<i64>,
    pub(in crate::store::sqlite) expires: Option<i64>,
    pub(in crate::store::sqlite) doubt: Option<i64>,
    pub(in crate::store::sqlite) boot_time: Option<BootTime>,
    pub(in crate::store::sqlite) note: Option<&'a str>,
}

impl<'a> RecordRow<'a> {
    pub(in crate::store::sqlite) const INSERT: &'static str = "INSERT INTO records (record, seq, at, kind, op, account, other, amount, posted, available, rejection, overdraft, id, run, line, digest, hold, number, expires, doubt, boot, ticks, note, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// What [`RecordRow::read`] reads.
    pub(in crate::store::sqlite) const COLUMNS: &'static str = "record, seq, at, kind, op, account, other, amount, posted, available, rejection, overdraft, id, run, line, digest, hold, number, expires, doubt, checksum, boot, ticks, note FROM records";

    /// The row that says this of an operation.
    pub(in crate::store::sqlite) fn about(operation: &'a Operation) -> Self {
        RecordRow {
            op: Some(op(operation.kind())),
            account: operation.account.as_str(),
            other: operation.to().map(Name::as_str),
            amount: operation.amount().map(Amount::minor),
            id: operation.id.as_ref().map(Id::as_str),
            ..RecordRow::default()
        }
    }

    pub(in crate::store::sqlite) fn hash(&self, content: &mut Content) -> Hash {
        content
            .of(b'r')
            .number(self.record.cast_signed())
            .number(self.seq.cast_signed());
        content
            .number(self.at.micros())
            .number(self.kind)
            .maybe(self.op);
        content
            .text(Some(self.account))
            .text(self.other)
            .maybe(self.amount);
        content
            .maybe(self.view.map(|view| view.0))
            .maybe(self.view.map(|view| view.1));
        content
            .maybe(self.rejection)
            .maybe(self.overdraft)
            .text(self.id);
        content.maybe(self.run.map(i64::from));
        content.maybe(self.line.map(|line| line.number.cast_signed()));
        content.maybe(self.line.map(|line| line.digest.cast_signed()));
        content
            .maybe(self.hold.map(u64::cast_signed))
            .maybe(self.number)
            .maybe(self.expires)
            .maybe(self.doubt);
        content
            .later(1, self.boot_time.map(|time| time.boot))
            .later(2, self.boot_time.map(|time| time.micros));
        if self.note.is_some() {
            content.later(3, Some(0)).text(self.note);
        }
        content.hash()
    }

    /// What was asked for, if this is about an operation.
    pub(in crate::store::sqlite) fn operation(&self) -> Option<Operation> {
        operation(self.op?, self.account, self.other, self.amount, self.id)
    }

    pub(in crate::store::sqlite) fn view(&self) -> Option<View> {
        self.view.map(view)
    }

    /// The row of [`RecordRow::COLUMNS`], and its checksum as it stands there.
    pub(in crate::store::sqlite) fn read(row: &'a Row<'_>) -> rusqlite::Result<(Self, i64)> {
        let (record, seq): (i64, i64) = (row.get(0)?, row.get(1)?);
        let posted: Option<i64> = row.get(8)?;
        let read = RecordRow {
            record: record.cast_unsigned(),
            seq: seq.cast_unsigned(),
            at: Moment::new(row.get(2)?),
            kind: row.get(3)?,
            op: row.get(4)?,
            account: row.get_ref(5)?.as_str()?,
            other: text(row, 6)?,
            amount: row.get(7)?,
            view: posted.zip(row.get(9)?),
            rejection: row.get(10)?,
            overdraft: row.get(11)?,
            id: text(row, 12)?,
            run: row.get(13)?,
            line: line(row, 14)?,
            hold: row.get::<_, Option<i64>>(16)?.map(i64::cast_unsigned),
            number: row.get(17)?,
            expires: row.get(18)?,
            doubt: row.get(19)?,
            boot_time: boot_time(row, 21)?,
            note: text(row, 23)?,
        };
        Ok((read, row.get(20)?))
    }
}
