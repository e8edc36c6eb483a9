//! The rows of holds: what is set aside now.

use rusqlite::Row;

use super::{Content, checksum, op, operation, text};
use crate::bank::{Amount, Hold, Id, Moment, Name, Owner};
use crate::store::OpenHold;

/// A hold as it stands in the file.
pub(in crate::store::sqlite) struct HoldRow {
    pub(in crate::store::sqlite) number: u64,
    pub(in crate::store::sqlite) at: Moment,
    pub(in crate::store::sqlite) hold: Hold,
}

impl HoldRow {
    pub(in crate::store::sqlite) const INSERT: &'static str = "INSERT INTO holds (hold, at, op, account, other, amount, id, run, number, expires, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    pub(in crate::store::sqlite) const DELETE: &str = "DELETE FROM holds WHERE hold = ?";
    /// What [`HoldRow::read`] reads.
    pub(in crate::store::sqlite) const COLUMNS: &'static str =
        "hold, at, op, account, other, amount, id, run, number, expires, checksum FROM holds";

    /// The columns that say who ends it: run, number, expires.
    pub(in crate::store::sqlite) fn owner(owner: Owner) -> (Option<u32>, Option<i64>, Option<i64>) {
        match owner {
            Owner::Run { run, number } => (Some(run), Some(number.cast_signed()), None),
            Owner::Anyone { expires } => (None, None, expires.map(Moment::micros)),
        }
    }

    /// The hold as others see it.
    pub(in crate::store::sqlite) fn open(self) -> OpenHold {
        let (run, expires) = match self.hold.owner {
            Owner::Run { run, .. } => (Some(run), None),
            Owner::Anyone { expires } => (None, expires),
        };
        OpenHold {
            number: self.number,
            operation: self.hold.operation,
            at: self.at,
            expires,
            run,
        }
    }

    pub(in crate::store::sqlite) fn sealed(&self, content: &mut Content) -> i64 {
        let Hold { operation, owner } = &self.hold;
        let (run, number, expires) = HoldRow::owner(*owner);
        content
            .of(b'o')
            .number(self.number.cast_signed())
            .number(self.at.micros());
        content
            .number(op(operation.kind()))
            .text(Some(operation.account.as_str()));
        content.text(operation.to().map(Name::as_str));
        content.maybe(operation.amount().map(Amount::minor));
        content.text(operation.id.as_ref().map(Id::as_str));
        content
            .maybe(run.map(i64::from))
            .maybe(number)
            .maybe(expires);
        checksum(&content.hash())
    }

    /// The row of [`HoldRow::COLUMNS`]; nothing if it cannot be one, or its checksum is wrong.
    pub(in crate::store::sqlite) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let number: i64 = row.get(0)?;
        let account = row.get_ref(3)?.as_str()?;
        let operation = operation(
            row.get(2)?,
            account,
            text(row, 4)?,
            row.get(5)?,
            text(row, 6)?,
        );
        let (run, begun): (Option<u32>, Option<i64>) = (row.get(7)?, row.get(8)?);
        let expires: Option<i64> = row.get(9)?;
        let owner = match (run, begun, expires) {
            (Some(run), Some(number), None) => Owner::Run {
                run,
                number: number.cast_unsigned(),
            },
            (None, None, expires) => Owner::Anyone {
                expires: expires.map(Moment::new),
            },
            _ => return Ok(None),
        };
        let Some(operation) = operation else {
            return Ok(None);
        };
        let read = HoldRow {
            number: number.cast_unsigned(),
            at: Moment::new(row.get(1)?),
            hold: Hold { operation, owner },
        };
        let right = read.sealed(&mut Content::default()) == row.get::<_, i64>(10)?;
        Ok(right.then_some(read))
    }
}
