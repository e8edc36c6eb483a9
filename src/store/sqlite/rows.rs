//! The rows, as they stand in the file: their columns, their checksums, and the bank's own types.
//!
//! A row's checksum is the beginning of the SHA-256 over all that it says, accounts by their names. The
//! chain's hash after a row is the SHA-256 over the hash before it and the row's own.

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use crate::bank::{
    Account, Amount, Balance, Hold, Id, Kind, LOANS, Last, Line, Moment, Name, Operation, Owner,
    View, WORLD,
};
use crate::store::OpenHold;

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
}

impl Head {
    pub(super) const READ: &str = "SELECT seq, record, at, hash, checksum FROM head WHERE one = 1";
    pub(super) const WRITE: &str =
        "UPDATE head SET seq = ?, record = ?, at = ?, hash = ?, checksum = ? WHERE one = 1";

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
        };
        let right = head.sealed(&mut Content::default()) == row.get::<_, i64>(4)?;
        Ok((head, right))
    }
}

/// The rows that a ledger begins with.
pub(super) fn first_rows(connection: &Connection) -> rusqlite::Result<()> {
    let mut content = Content::default();
    let head = Head {
        last: Last::default(),
        at: Moment::default(),
        hash: [0; 32],
    };
    connection.execute(
        "INSERT INTO head VALUES (1, 0, 0, 0, ?, ?)",
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
                row.sealed(&mut content),
            ),
        )?;
    }
    Ok(())
}

/// An account as it stands in the file.
pub(super) struct AccountRow<'a> {
    pub(super) key: i64,
    pub(super) name: &'a Name,
    pub(super) account: Account,
}

impl AccountRow<'_> {
    pub(super) const INSERT: &'static str = "INSERT INTO accounts (account, name, posted, held, floor, checksum) VALUES (?, ?, ?, ?, ?, ?)";
    pub(super) const UPDATE: &'static str =
        "UPDATE accounts SET posted = ?, held = ?, floor = ?, checksum = ? WHERE account = ?";

    pub(super) fn sealed(&self, content: &mut Content) -> i64 {
        let (posted, held, floor) = self.account.parts();
        content
            .of(b'a')
            .number(self.key)
            .text(Some(self.name.as_str()));
        content.number(posted).number(held).number(floor);
        checksum(&content.hash())
    }
}

/// The columns `account, name, posted, held, floor, checksum` of an account; nothing if they cannot be
/// one, or its checksum is wrong.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Option<(i64, Name, Account)>> {
    let key: i64 = row.get(0)?;
    let name = Name::other_side(row.get_ref(1)?.as_str()?).ok();
    let account = Account::from_parts((row.get(2)?, row.get(3)?, row.get(4)?));
    let (Some(name), Some(account)) = (name, account) else {
        return Ok(None);
    };
    let known = AccountRow {
        key,
        name: &name,
        account,
    };
    let right = known.sealed(&mut Content::default()) == row.get::<_, i64>(5)?;
    Ok(right.then_some((key, name, account)))
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

/// A posted movement as it stands in the file, with its accounts' names.
#[derive(Clone, Copy)]
pub(super) struct EntryRow<'a> {
    pub(super) seq: u64,
    pub(super) at: Moment,
    pub(super) op: i64,
    pub(super) debit: &'a str,
    pub(super) credit: &'a str,
    pub(super) amount: i64,
    pub(super) view: (i64, i64),
    pub(super) id: Option<&'a str>,
    pub(super) run: Option<u32>,
    pub(super) line: Option<Line>,
    pub(super) hold: Option<u64>,
}

impl EntryRow<'_> {
    pub(super) const INSERT: &'static str = "INSERT INTO entries (seq, at, op, debit, credit, amount, posted, available, id, run, line, digest, hold, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// What [`EntryRow::read`] reads.
    pub(super) const COLUMNS: &'static str = "e.seq, e.at, e.op, d.name, c.name, e.amount, e.posted, e.available, e.id, e.run, e.line, e.digest, e.hold, e.checksum FROM entries e LEFT JOIN accounts d ON d.account = e.debit LEFT JOIN accounts c ON c.account = e.credit";

    pub(super) fn hash(&self, content: &mut Content) -> Hash {
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
        content.hash()
    }

    /// The account that the operation is about, and the other one of a transfer.
    pub(super) fn accounts(&self) -> (&str, Option<&str>) {
        match kind(self.op) {
            Some(Kind::Deposit | Kind::Loan) => (self.credit, None),
            Some(Kind::Transfer) => (self.debit, Some(self.credit)),
            _ => (self.debit, None),
        }
    }

    /// What was asked for, with the amount that was moved.
    pub(super) fn operation(&self) -> Option<Operation> {
        let (account, other) = self.accounts();
        operation(self.op, account, other, Some(self.amount), self.id)
    }

    pub(super) fn view(&self) -> View {
        view(self.view)
    }
}

impl<'a> EntryRow<'a> {
    /// The row of [`EntryRow::COLUMNS`], and its checksum as it stands there. Nothing where an account
    /// is missing.
    pub(super) fn read(row: &'a Row<'_>) -> rusqlite::Result<Option<(Self, i64)>> {
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
        };
        Ok(Some((read, row.get(13)?)))
    }
}

/// What kind of record a row is.
pub(super) const HELD: i64 = 0;
pub(super) const VOIDED: i64 = 1;
pub(super) const EXPIRED: i64 = 2;
pub(super) const REFUSED: i64 = 3;
pub(super) const VIEWED: i64 = 4;
pub(super) const OPENED: i64 = 5;

/// A record as it stands in the file.
#[derive(Clone, Copy, Default)]
pub(super) struct RecordRow<'a> {
    pub(super) record: u64,
    pub(super) seq: u64,
    pub(super) at: Moment,
    pub(super) kind: i64,
    pub(super) op: Option<i64>,
    pub(super) account: &'a str,
    pub(super) other: Option<&'a str>,
    pub(super) amount: Option<i64>,
    pub(super) view: Option<(i64, i64)>,
    pub(super) rejection: Option<i64>,
    pub(super) overdraft: Option<i64>,
    pub(super) id: Option<&'a str>,
    pub(super) run: Option<u32>,
    pub(super) line: Option<Line>,
    pub(super) hold: Option<u64>,
    pub(super) number: Option<i64>,
    pub(super) expires: Option<i64>,
}

impl<'a> RecordRow<'a> {
    pub(super) const INSERT: &'static str = "INSERT INTO records (record, seq, at, kind, op, account, other, amount, posted, available, rejection, overdraft, id, run, line, digest, hold, number, expires, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    /// What [`RecordRow::read`] reads.
    pub(super) const COLUMNS: &'static str = "record, seq, at, kind, op, account, other, amount, posted, available, rejection, overdraft, id, run, line, digest, hold, number, expires, checksum FROM records";

    /// The row that says this of an operation.
    pub(super) fn about(operation: &'a Operation) -> Self {
        RecordRow {
            op: Some(op(operation.kind())),
            account: operation.account.as_str(),
            other: operation.to().map(Name::as_str),
            amount: operation.amount().map(Amount::minor),
            id: operation.id.as_ref().map(Id::as_str),
            ..RecordRow::default()
        }
    }

    pub(super) fn hash(&self, content: &mut Content) -> Hash {
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
            .maybe(self.expires);
        content.hash()
    }

    /// What was asked for, if this is about an operation.
    pub(super) fn operation(&self) -> Option<Operation> {
        operation(self.op?, self.account, self.other, self.amount, self.id)
    }

    pub(super) fn view(&self) -> Option<View> {
        self.view.map(view)
    }

    /// The row of [`RecordRow::COLUMNS`], and its checksum as it stands there.
    pub(super) fn read(row: &'a Row<'_>) -> rusqlite::Result<(Self, i64)> {
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
        };
        Ok((read, row.get(19)?))
    }
}

/// A hold as it stands in the file.
pub(super) struct HoldRow {
    pub(super) number: u64,
    pub(super) at: Moment,
    pub(super) hold: Hold,
}

impl HoldRow {
    pub(super) const INSERT: &'static str = "INSERT INTO holds (hold, at, op, account, other, amount, id, run, number, expires, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    pub(super) const DELETE: &str = "DELETE FROM holds WHERE hold = ?";
    /// What [`HoldRow::read`] reads.
    pub(super) const COLUMNS: &'static str =
        "hold, at, op, account, other, amount, id, run, number, expires, checksum FROM holds";

    /// The columns that say who ends it: run, number, expires.
    pub(super) fn owner(owner: Owner) -> (Option<u32>, Option<i64>, Option<i64>) {
        match owner {
            Owner::Run { run, number } => (Some(run), Some(number.cast_signed()), None),
            Owner::Anyone { expires } => (None, None, expires.map(Moment::micros)),
        }
    }

    /// The hold as others see it.
    pub(super) fn open(self) -> OpenHold {
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

    pub(super) fn sealed(&self, content: &mut Content) -> i64 {
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
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
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
