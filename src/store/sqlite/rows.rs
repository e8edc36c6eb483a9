//! The rows, as they stand in the file: their columns, their checksums, and the bank's own types.
//!
//! A row's checksum is the beginning of the SHA-256 over all that it says, accounts by their names. The
//! chain's hash after a row is the SHA-256 over the hash before it and the row's own.

mod account;
mod entry;
mod hold;
mod record;

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use crate::bank::{
    Account, Amount, Balance, BootTime, Id, Kind, LOANS, Last, Line, Moment, Name, Operation, View,
    WORLD,
};
pub(super) use account::{AccountRow, account};
pub(super) use entry::EntryRow;
pub(super) use hold::{HoldRow, LineColumns, OwnerColumns};
pub(super) use record::{
    DOUBTED, EXPIRED, HELD, KEPT, OPENED, REFUSED, RecordRow, SKIPPED, TAKEN_OVER, UNSPENT, VIEWED,
    VOIDED,
};

/// The SHA-256 of a row or of the chain.
pub(super) type Hash = [u8; 32];

/// All that a row says, as bytes.
#[derive(Default)]
pub(super) struct Content(Vec<u8>);

impl Content {
    /// Begins anew, for a row of this table.
    fn of(&mut self, table: u8) -> &mut Self {
        self.0.clear();
        self.0.push(table);
        self
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn maybe(&mut self, number: Option<i64>) -> &mut Self {
        self.0.push(u8::from(number.is_some()));
        self.number(number.unwrap_or_default())
    }

    /// A column of a later format: where it is not set, the bytes are those of the earlier one.
    fn later(&mut self, tag: u8, number: Option<i64>) -> &mut Self {
        if let Some(number) = number {
            self.0.push(tag);
            self.number(number);
        }
        self
    }

    fn text(&mut self, text: Option<&str>) -> &mut Self {
        let text = text.map_or(&[][..], str::as_bytes);
        // An id has at most 128 bytes, a name fewer; a longer one only a damaged row has.
        self.number(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(text);
        self
    }

    fn hash(&self) -> Hash {
        Sha256::digest(&self.0).into()
    }
}

/// What is kept of a hash in a row.
pub(super) fn checksum(hash: &Hash) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The chain's hash after a row.
pub(super) fn link(chain: &Hash, row: &Hash) -> Hash {
    Sha256::new()
        .chain_update(chain)
        .chain_update(row)
        .finalize()
        .into()
}

/// How far a ledger has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) last: Last,
    pub(super) at: Moment,
    pub(super) hash: Hash,
    /// The chain's hash before the last commit; nothing before the first.
    pub(super) prev: Option<Hash>,
}

impl Head {
    pub(super) const READ: &str =
        "SELECT seq, record, at, hash, checksum, prev FROM head WHERE one = 1";

    pub(super) fn write(
        &self,
        connection: &Connection,
        content: &mut Content,
    ) -> rusqlite::Result<()> {
        const SQL: &str = "UPDATE head SET seq = ?, record = ?, at = ?, hash = ?, checksum = ?, prev = ? WHERE one = 1";
        let sealed = self.sealed(content);
        let (seq, record) = (self.last.seq.cast_signed(), self.last.record.cast_signed());
        let mut write = connection.prepare_cached(SQL)?;
        write.execute((seq, record, self.at.micros(), self.hash, sealed, self.prev))?;
        Ok(())
    }

    pub(super) fn sealed(&self, content: &mut Content) -> i64 {
        let Last { seq, record } = self.last;
        content
            .of(b'h')
            .number(seq.cast_signed())
            .number(record.cast_signed());
        content
            .number(self.at.micros())
            .0
            .extend_from_slice(&self.hash);
        if let Some(prev) = &self.prev {
            content.0.extend_from_slice(prev);
        }
        checksum(&content.hash())
    }

    /// The head and whether its checksum is right.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(Self, bool)> {
        let seq: i64 = row.get(0)?;
        let record: i64 = row.get(1)?;
        let head = Head {
            last: Last {
                seq: seq.cast_unsigned(),
                record: record.cast_unsigned(),
            },
            at: Moment::new(row.get(2)?),
            hash: row.get(3)?,
            prev: row.get(5)?,
        };
        let right = head.sealed(&mut Content::default()) == row.get::<_, i64>(4)?;
        Ok((head, right))
    }
}

/// The rows that a ledger begins with.
pub(super) fn first_rows(connection: &Connection) -> rusqlite::Result<()> {
    let mut content = Content::default();
    let head = Head::default();
    connection.execute(
        "INSERT INTO head VALUES (1, 0, 0, 0, ?, ?, NULL)",
        (head.hash, head.sealed(&mut content)),
    )?;
    for (key, name) in [(1, &WORLD), (2, &LOANS)] {
        let row = AccountRow {
            key,
            name,
            account: Account::the_banks(),
        };
        let (posted, held, floor) = row.account.parts();
        connection.execute(
            AccountRow::INSERT,
            (
                key,
                name.as_str(),
                posted,
                held,
                floor,
                None::<i64>,
                row.sealed(&mut content),
            ),
        )?;
    }
    Ok(())
}

/// How an operation is numbered in the file.
pub(super) fn op(kind: Kind) -> i64 {
    match kind {
        Kind::Withdraw => 0,
        Kind::Deposit => 1,
        Kind::Transfer => 2,
        Kind::Loan => 3,
        Kind::Balance => 4,
    }
}

fn kind(op: i64) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| self::op(*kind) == op)
}

/// An operation from the columns that say it.
pub(super) fn operation(
    number: i64,
    account: &str,
    other: Option<&str>,
    amount: Option<i64>,
    id: Option<&str>,
) -> Option<Operation> {
    let id = id.map(Id::new).transpose().ok()?;
    let account = Name::user(account).ok()?;
    let other = other.map(Name::other_side).transpose().ok()?;
    let amount = match amount {
        Some(minor) => Some(Amount::new(minor)?),
        None => None,
    };
    Operation::new(kind(number)?, id, account, other, amount).ok()
}

fn view((posted, available): (i64, i64)) -> View {
    View {
        posted: Balance::new(posted),
        available: Balance::new(available),
    }
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

/// A line from two columns, its number and its digest.
fn line(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Line>> {
    let (number, digest): (Option<i64>, Option<i64>) = (row.get(column)?, row.get(column + 1)?);
    Ok(number.zip(digest).map(|(number, digest)| Line {
        number: number.cast_unsigned(),
        digest: digest.cast_unsigned(),
    }))
}

/// A moment of the boot-time clock from two columns, its boot and the microseconds since then.
fn boot_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<BootTime>> {
    let (boot, micros): (Option<i64>, Option<i64>) = (row.get(column)?, row.get(column + 1)?);
    Ok(boot
        .zip(micros)
        .map(|(boot, micros)| BootTime { boot, micros }))
}
