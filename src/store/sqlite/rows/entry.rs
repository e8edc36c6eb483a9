//! The rows of entries.

use rusqlite::Row;

use super::{Content, Hash, kind, line, operation, text, view};
use crate::bank::{Kind, Line, Moment, Operation, View};

/// A posted movement as it stands in the file, with its accounts' names.
#[derive(Clone, Copy)]
pub(in crate::store::sqlite) struct EntryRow<'a> {
    pub(in crate::store::sqlite) seq: u64,
    pub(in crate::store::sqlite) at: Moment,
    pub(in crate::store::sqlite) op: i64,
    pub(in crate::store::sqlite) debit: &'a str,
    pub(in crate::store::sqlite) credit: &'a str,
    pub(in crate::store::sqlite) amount: i64,
    pub(in crate::store::sqlite) view: (i64, i64),
    pub(in crate::store::sqlite) id: Option<&'a str>,
    pub(in crate::store::sqlite) run: Option<u32>,
    pub(in crate::store::sqlite) line: Option<Line>,
    pub(in crate::store::sqlite) hold: Option<u64>,
    pub(in crate::store::sqlite) excess: Option<i64>,
}

impl EntryRow<'_> {
    pub(in crate::store::sqlite) const INSERT: &'static str = "INSERT INTO entries (seq, at, op, debit, credit, amount, posted, available, id, run, line, digest, hold, excess, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// What [`EntryRow::read`] reads.
    pub(in crate::store::sqlite) const COLUMNS: &'static str = "e.seq, e.at, e.op, d.name, c.name, e.amount, e.posted, e.available, e.id, e.run, e.line, e.digest, e.hold, e.checksum, e.excess FROM entries e LEFT JOIN accounts d ON d.account = e.debit LEFT JOIN accounts c ON c.account = e.credit";

    pub(in crate::store::sqlite) fn hash(&self, content: &mut Content) -> Hash {
        content
            .of(b'e')
            .number(self.seq.cast_signed())
            .number(self.at.micros());
        content
            .number(self.op)
            .text(Some(self.debit))
            .text(Some(self.credit));
        content
            .number(self.amount)
            .number(self.view.0)
            .number(self.view.1);
        content.text(self.id).maybe(self.run.map(i64::from));
        content.maybe(self.line.map(|line| line.number.cast_signed()));
        content.maybe(self.line.map(|line| line.digest.cast_signed()));
        content.maybe(self.hold.map(u64::cast_signed));
        content.later(1, self.excess);
        content.hash()
    }

    /// The account that the operation is about, and the other one of a transfer.
    pub(in crate::store::sqlite) fn accounts(&self) -> (&str, Option<&str>) {
        match kind(self.op) {
            Some(Kind::Deposit | Kind::Loan) => (self.credit, None),
            Some(Kind::Transfer) => (self.debit, Some(self.credit)),
            _ => (self.debit, None),
        }
    }

    /// What was asked for, with the amount that was moved.
    pub(in crate::store::sqlite) fn operation(&self) -> Option<Operation> {
        let (account, other) = self.accounts();
        operation(self.op, account, other, Some(self.amount), self.id)
    }

    pub(in crate::store::sqlite) fn view(&self) -> View {
        view(self.view)
    }
}

impl<'a> EntryRow<'a> {
    /// The row of [`EntryRow::COLUMNS`], and its checksum as it stands there. Nothing where an account
    /// is missing.
    pub(in crate::store::sqlite) fn read(
        row: &'a Row<'_>,
    ) -> rusqlite::Result<Option<(Self, i64)>> {
        let (debit, credit) = (text(row, 3)?, text(row, 4)?);
        let (Some(debit), Some(credit)) = (debit, credit) else {
            return Ok(None);
        };
        let seq: i64 = row.get(0)?;
        let read = EntryRow {
            seq: seq.cast_unsigned(),
            at: Moment::new(row.get(1)?),
            op: row.get(2)?,
            debit,
            credit,
            amount: row.get(5)?,
            view: (row.get(6)?, row.get(7)?),
            id: text(row, 8)?,
            run: row.get(9)?,
            line: line(row, 10)?,
            hold: row.get::<_, Option<i64>>(12)?.map(i64::cast_unsigned),
            excess: row.get(14)?,
        };
        Ok(Some((read, row.get(13)?)))
    }
}
