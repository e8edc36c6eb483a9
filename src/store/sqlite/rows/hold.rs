//! The rows of holds: what is set aside now.

use rusqlite::Row;

use super::{Content, boot_time, checksum, op, operation, text};
use crate::bank::{Amount, BootTime, Expiry, Hold, Id, Line, Moment, Name, Owner, RunLine};
use crate::store::OpenHold;

/// Who ends a hold, as columns.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store::sqlite) struct OwnerColumns {
    pub(in crate::store::sqlite) run: Option<u32>,
    pub(in crate::store::sqlite) number: Option<i64>,
    pub(in crate::store::sqlite) expires: Option<i64>,
    /// 0: if the run is gone, it is in doubt; 1: it is in doubt.
    pub(in crate::store::sqlite) doubt: Option<i64>,
    pub(in crate::store::sqlite) boot_time: Option<BootTime>,
}

impl OwnerColumns {
    pub(in crate::store::sqlite) fn of(owner: Owner) -> Self {
        let none = OwnerColumns::default();
        match owner {
            Owner::Run {
                run,
                number,
                has_side_effects,
            } => OwnerColumns {
                run: Some(run),
                number: Some(number.cast_signed()),
                doubt: has_side_effects.then_some(0),
                ..none
            },
            Owner::Doubt => OwnerColumns {
                doubt: Some(1),
                ..none
            },
            Owner::Anyone { expires } => OwnerColumns {
                expires: expires.map(|expires| expires.at.micros()),
                boot_time: expires.and_then(|expires| expires.boot_time),
                ..none
            },
        }
    }

    /// The owner; nothing if that is none.
    pub(in crate::store::sqlite) fn owner(self) -> Option<Owner> {
        let owner = match (self.run, self.number) {
            (Some(run), Some(number)) => Owner::Run {
                run,
                number: number.cast_unsigned(),
                has_side_effects: self.doubt.is_some(),
            },
            _ if self.doubt.is_some() => Owner::Doubt,
            _ => Owner::Anyone {
                expires: self.expires.map(|micros| Expiry {
                    at: Moment::new(micros),
                    boot_time: self.boot_time,
                }),
            },
        };
        (OwnerColumns::of(owner) == self).then_some(owner)
    }
}

/// The line of a named run that a hold was begun for, as columns.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store::sqlite) struct LineColumns {
    pub(in crate::store::sqlite) run: Option<u32>,
    pub(in crate::store::sqlite) line: Option<i64>,
    pub(in crate::store::sqlite) digest: Option<i64>,
}

impl LineColumns {
    pub(in crate::store::sqlite) fn of(line: Option<RunLine>) -> Self {
        line.map_or_else(LineColumns::default, |RunLine { run, line }| LineColumns {
            run: Some(run),
            line: Some(line.number.cast_signed()),
            digest: Some(line.digest.cast_signed()),
        })
    }

    /// The line, if there is one; nothing at all if these columns cannot be.
    fn line(self) -> Option<Option<RunLine>> {
        match (self.run, self.line, self.digest) {
            (None, None, None) => Some(None),
            (Some(run), Some(number), Some(digest)) => Some(Some(RunLine {
                run,
                line: Line {
                    number: number.cast_unsigned(),
                    digest: digest.cast_unsigned(),
                },
            })),
            _ => None,
        }
    }
}

/// A hold as it stands in the file.
pub(in crate::store::sqlite) struct HoldRow {
    pub(in crate::store::sqlite) number: u64,
    pub(in crate::store::sqlite) at: Moment,
    pub(in crate::store::sqlite) hold: Hold,
}

impl HoldRow {
    pub(in crate::store::sqlite) const INSERT: &'static str = "INSERT INTO holds (hold, at, op, account, other, amount, id, run, number, expires, doubt, line_run, line, digest, boot, ticks, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    pub(in crate::store::sqlite) const DELETE: &str = "DELETE FROM holds WHERE hold = ?";
    /// What [`HoldRow::read`] reads.
    pub(in crate::store::sqlite) const COLUMNS: &'static str = "hold, at, op, account, other, amount, id, run, number, expires, doubt, line_run, line, digest, checksum, boot, ticks FROM holds";

    pub(in crate::store::sqlite) const BEGAN: &str = "SELECT at FROM holds WHERE hold = ?";
    pub(in crate::store::sqlite) const OWN: &str = "UPDATE holds SET run = ?, number = ?, expires = ?, doubt = ?, boot = ?, ticks = ?, checksum = ? WHERE hold = ?";

    /// The hold as others see it.
    pub(in crate::store::sqlite) fn open(self) -> OpenHold {
        let line = self.hold.line;
        let (run, expires) = match self.hold.owner {
            Owner::Run { run, .. } => (Some(run), None),
            Owner::Doubt => (None, None),
            Owner::Anyone { expires } => (None, expires.map(|expires| expires.at)),
        };
        let run = line.map(|line| line.run).or(run);
        let in_doubt = self.hold.owner == Owner::Doubt;
        OpenHold {
            number: self.number,
            operation: self.hold.operation,
            at: self.at,
            expires,
            run,
            line: line.map(|line| line.line.number),
            in_doubt,
        }
    }

    pub(in crate::store::sqlite) fn sealed(&self, content: &mut Content) -> i64 {
        let Hold {
            operation,
            owner,
            line,
        } = &self.hold;
        let own = OwnerColumns::of(*owner);
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
            .maybe(own.run.map(i64::from))
            .maybe(own.number)
            .maybe(own.expires)
            .maybe(own.doubt);
        let line = LineColumns::of(*line);
        content
            .maybe(line.run.map(i64::from))
            .maybe(line.line)
            .maybe(line.digest);
        content
            .later(1, own.boot_time.map(|time| time.boot))
            .later(2, own.boot_time.map(|time| time.micros));
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
        let owner = OwnerColumns {
            run: row.get(7)?,
            number: row.get(8)?,
            expires: row.get(9)?,
            doubt: row.get(10)?,
            boot_time: boot_time(row, 15)?,
        };
        let line = LineColumns {
            run: row.get(11)?,
            line: row.get(12)?,
            digest: row.get(13)?,
        };
        let (Some(operation), Some(owner), Some(line)) = (operation, owner.owner(), line.line())
        else {
            return Ok(None);
        };
        let read = HoldRow {
            number: number.cast_unsigned(),
            at: Moment::new(row.get(1)?),
            hold: Hold {
                operation,
                owner,
                line,
            },
        };
        let right = read.sealed(&mut Content::default()) == row.get::<_, i64>(14)?;
        Ok(right.then_some(read))
    }
}
