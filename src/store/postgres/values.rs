//! Rows as they are read from the two arrays that they travel as.

use smol_str::SmolStr;
use tokio_postgres::Row;

use super::faults::PgError;
use crate::bank::{BootTime, Hold, LastNumbers, Line, Moment};
use crate::store::engine::rows::{
    AccountRow, BadRow, EntryRow, HoldRow, LineColumns, OwnerColumns, Read, ReadRun, RecordRow,
    RunRow, Stored, operation,
};

/// The numbers and texts of a row, whose own number is the first. What is missing or beyond is told once all
/// was asked for.
pub(super) struct Values {
    numbers: Vec<Option<i64>>,
    texts: Vec<Option<SmolStr>>,
    next: (usize, usize),
    wrong: Option<&'static str>,
}

impl Values {
    /// What two columns of an answer have, of which this is the first.
    pub(super) fn of(row: &Row, column: usize) -> Result<Self, PgError> {
        let texts: Vec<Option<&str>> = row.try_get(column + 1)?;
        Ok(Values {
            numbers: row.try_get(column)?,
            texts: texts
                .into_iter()
                .map(|text| text.map(SmolStr::new))
                .collect(),
            next: (0, 0),
            wrong: None,
        })
    }

    fn maybe(&mut self) -> Option<i64> {
        let number = self.numbers.get(self.next.0).copied().flatten();
        self.next.0 += 1;
        number
    }

    fn number(&mut self) -> i64 {
        let number = self.maybe();
        if number.is_none() {
            self.wrong = Some("lacks a number");
        }
        number.unwrap_or_default()
    }

    fn unsigned(&mut self) -> Option<u64> {
        self.maybe().map(i64::cast_unsigned)
    }

    fn run(&mut self) -> Option<u32> {
        let number = self.maybe()?;
        let run = u32::try_from(number).ok();
        if run.is_none() {
            self.wrong = Some("names a run that there cannot be");
        }
        run
    }

    /// Two numbers that only together say something.
    fn pair(&mut self, halves: &'static str) -> Option<(i64, i64)> {
        let (one, other) = (self.maybe(), self.maybe());
        if one.is_some() != other.is_some() {
            self.wrong = Some(halves);
        }
        one.zip(other)
    }

    fn line(&mut self) -> Option<Line> {
        let line = self.pair("says only one of `line` and `digest`");
        line.map(|(number, digest)| Line {
            number: number.cast_unsigned(),
            digest: digest.cast_unsigned(),
        })
    }

    fn boot_time(&mut self) -> Option<BootTime> {
        let time = self.pair("says only one of `boot` and `ticks`");
        time.map(|(boot, micros)| BootTime { boot, micros })
    }

    fn moment(&mut self) -> Moment {
        Moment::new(self.number())
    }

    fn text(&mut self) -> Option<SmolStr> {
        let text = self.texts.get_mut(self.next.1).and_then(Option::take);
        self.next.1 += 1;
        text
    }

    fn name(&mut self) -> SmolStr {
        let text = self.text();
        if text.is_none() {
            self.wrong = Some("lacks a name");
        }
        text.unwrap_or_default()
    }

    /// The row, unless something was missing.
    fn end<T>(self, row: T) -> Result<T, BadRow> {
        match self.wrong {
            None => Ok(row),
            Some(why) => Err(self.bad(why)),
        }
    }

    fn bad(&self, why: &str) -> BadRow {
        BadRow {
            number: self.numbers.first().copied().flatten().unwrap_or_default(),
            why: why.to_string(),
        }
    }

    pub(super) fn account(mut self) -> Read<AccountRow> {
        let row = AccountRow {
            key: self.number(),
            posted: self.number(),
            held: self.number(),
            floor: self.number(),
            opened: self.maybe(),
            refilled: self.maybe(),
            name: self.name(),
            allowance: self.text(),
        };
        let checksum = self.number();
        self.end(Stored { row, checksum })
    }

    pub(super) fn entry(mut self) -> Read<EntryRow> {
        let row = EntryRow {
            seq: self.number().cast_unsigned(),
            at: self.moment(),
            op: self.number(),
            amount: self.number(),
            view: (self.number(), self.number()),
            run: self.run(),
            line: self.line(),
            hold: self.unsigned(),
            excess: self.maybe(),
            debit: self.name(),
            credit: self.name(),
            id: self.text(),
            detail: self.text(),
        };
        if self.wrong.is_some() && (row.debit.is_empty() || row.credit.is_empty()) {
            return Err(self.bad("moves money of an account that is not there"));
        }
        let checksum = self.number();
        self.end(Stored { row, checksum })
    }

    pub(super) fn record(mut self) -> Read<RecordRow> {
        let row = RecordRow {
            record: self.number().cast_unsigned(),
            seq: self.number().cast_unsigned(),
            at: self.moment(),
            kind: self.number(),
            op: self.maybe(),
            amount: self.maybe(),
            view: self.pair("says only one of `posted` and `available`"),
            rejection: self.maybe(),
            overdraft: self.maybe(),
            run: self.run(),
            line: self.line(),
            hold: self.unsigned(),
            number: self.maybe(),
            expires: self.maybe(),
            doubt: self.maybe(),
            boot_time: self.boot_time(),
            account: self.name(),
            other: self.text(),
            id: self.text(),
            note: self.text(),
            detail: self.text(),
        };
        let checksum = self.number();
        self.end(Stored { row, checksum })
    }

    pub(super) fn hold(mut self) -> Read<HoldRow> {
        let number = self.number().cast_unsigned();
        let (at, op, amount) = (self.moment(), self.number(), self.maybe());
        let mut owner = OwnerColumns {
            run: self.run(),
            number: self.maybe(),
            expires: self.maybe(),
            doubt: self.maybe(),
            boot_time: None,
        };
        let line = LineColumns {
            run: self.run(),
            line: self.maybe(),
            digest: self.maybe(),
        };
        owner.boot_time = self.boot_time();
        let checksum = self.number();
        let (account, other) = (self.name(), self.text());
        let (id, detail) = (self.text(), self.text());
        let (other, id, detail) = (other.as_deref(), id.as_deref(), detail.as_deref());
        let operation = operation(op, &account, other, amount, id, detail);
        let (Some(operation), Some(owner), Some(line)) = (operation, owner.owner(), line.line())
        else {
            return Err(self.bad("has a wrong checksum"));
        };
        let hold = Hold {
            operation,
            owner,
            line,
            at,
        };
        let row = HoldRow { number, hold };
        self.end(Stored { row, checksum })
    }

    pub(super) fn run_row(mut self) -> ReadRun {
        let number = self.run().filter(|number| *number > 0);
        let row = RunRow {
            number: number.unwrap_or_default(),
            began: LastNumbers {
                seq: self.number().cast_unsigned(),
                record: self.number().cast_unsigned(),
            },
            live: self.number(),
            rule: self.maybe(),
            name: self.text(),
        };
        match number {
            Some(_) => self.end(row),
            None => Err(self.bad("has a number that no run has")),
        }
    }
}
