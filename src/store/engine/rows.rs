//! The rows that a ledger keeps, wherever it keeps them: their checksums, the chain over them, and the
//! bank's own types.
//!
//! A row's checksum is the beginning of the SHA-256 over all that it says, accounts by their names. The
//! chain's hash after a row is the SHA-256 over the hash before it and the row's own. Columns hold what
//! was read, sound or not: whether that can be an operation, an owner or a balance is asked of the row.

mod account;
mod entry;
mod hold;
mod record;
mod run;

use sha2::{Digest, Sha256};

use crate::bank::{
    Account, Balance, Group, Id, Kind, LOANS, LastNumbers, Moment, Name, Operation,
    OperationDetail, Unit, View, WORLD,
};

pub(crate) use account::AccountRow;
pub(crate) use entry::{EntryRow, NewEntry};
pub(crate) use hold::{HoldRow, LineColumns, OwnerColumns};
pub(crate) use record::{
    DOUBTED, EXPIRED, HELD, KEPT, OPENED, REFUSED, RecordRow, SKIPPED, TAKEN_OVER, UNSPENT, VIEWED,
    VOIDED, WINDOW, WindowDetail,
};
pub(crate) use run::{LineRow, RunRow};

/// The SHA-256 of a row or of the chain.
pub(crate) type Hash = [u8; 32];

/// A row, and the checksum that is kept with it.
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
    pub(crate) row: T,
    pub(crate) checksum: i64,
}

/// A row as it was read, or why there is none in what was read.
pub(crate) type Read<T> = Result<Stored<T>, BadRow>;

/// A run as it was read; it has no checksum.
pub(crate) type ReadRun = Result<RunRow, BadRow>;

/// What was read and is no row.
#[derive(Debug)]
pub(crate) struct BadRow {
    /// Its number: an entry's, a record's, a hold's, an account's.
    pub(crate) number: i64,
    /// What is wrong with it.
    pub(crate) why: String,
}

/// A row that has a number and a checksum.
pub(crate) trait KeptRow {
    /// What it is known by in its table.
    fn number(&self) -> i64;

    /// The checksum of what it says.
    fn checksum(&self, content: &mut Content) -> i64;
}

impl<T: KeptRow> Stored<T> {
    /// The row with its right checksum.
    pub(crate) fn sealed(row: T, content: &mut Content) -> Self {
        let checksum = row.checksum(content);
        Stored { row, checksum }
    }

    /// Whether the checksum is that of what the row says.
    pub(crate) fn is_right(&self) -> bool {
        self.row.checksum(&mut Content::default()) == self.checksum
    }
}

/// The number of what was read.
pub(crate) fn number_of<T: KeptRow>(read: &Read<T>) -> i64 {
    match read {
        Ok(stored) => stored.row.number(),
        Err(bad) => bad.number,
    }
}

/// The row, if it is one and its checksum is right; else its number.
pub(crate) fn sound<T: KeptRow>(read: Read<T>) -> Result<T, i64> {
    let number = number_of(&read);
    let stored = read.ok().filter(Stored::is_right);
    stored.map(|stored| stored.row).ok_or(number)
}

/// All that a row says, as bytes.
#[derive(Default)]
pub(crate) struct Content(Vec<u8>);

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

    /// A text of a later format: where it is not set, the bytes are those of the earlier one.
    fn later_text(&mut self, tag: u8, text: Option<&str>) -> &mut Self {
        if text.is_some() {
            self.later(tag, Some(0)).text(text);
        }
        self
    }

    fn text(&mut self, text: Option<&str>) -> &mut Self {
        let text = text.map_or(&[][..], str::as_bytes);
        self.number(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(text);
        self
    }

    fn hash(&self) -> Hash {
        Sha256::digest(&self.0).into()
    }
}

/// What is kept of a hash in a row.
pub(crate) fn checksum(hash: &Hash) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The chain's hash after a row.
pub(crate) fn link(chain: &Hash, row: &Hash) -> Hash {
    Sha256::new()
        .chain_update(chain)
        .chain_update(row)
        .finalize()
        .into()
}

/// How far a ledger has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) last: LastNumbers,
    pub(crate) at: Moment,
    pub(crate) hash: Hash,
    /// The chain's hash before the last commit; `None` before the first.
    pub(crate) prev: Option<Hash>,
}

impl KeptRow for Head {
    fn number(&self) -> i64 {
        1
    }

    fn checksum(&self, content: &mut Content) -> i64 {
        let LastNumbers { seq, record } = self.last;
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
}

impl Head {
    /// Where the chain of a ledger of this unit begins.
    pub(crate) fn first(unit: &Unit) -> Self {
        Head {
            hash: unit_hash(unit),
            ..Head::default()
        }
    }
}

/// The chain's hash before the first row. Of the unit that a ledger has where none was asked for it is
/// nothing, as it was before there were others.
fn unit_hash(unit: &Unit) -> Hash {
    if unit.is_default() {
        return Hash::default();
    }
    unit_content(unit, &mut Content::default()).hash()
}

fn unit_content<'c>(unit: &Unit, content: &'c mut Content) -> &'c mut Content {
    let decimals = i64::from(unit.decimals());
    content.of(b'u').number(decimals).text(Some(unit.name()))
}

impl KeptRow for Unit {
    fn number(&self) -> i64 {
        1
    }

    fn checksum(&self, content: &mut Content) -> i64 {
        checksum(&unit_content(self, content).hash())
    }
}

/// The bank's own accounts, with which a ledger begins.
pub(crate) fn own_accounts() -> [AccountRow; 2] {
    let own = Account::the_banks();
    [(1, &WORLD), (2, &LOANS)].map(|(key, name)| AccountRow::of(key, name, &own, None))
}

/// How an operation is numbered.
pub(crate) fn op(kind: Kind) -> i64 {
    match kind {
        Kind::Withdraw => 0,
        Kind::Deposit => 1,
        Kind::Transfer => 2,
        Kind::Loan => 3,
        Kind::Balance => 4,
        Kind::Refill => 5,
        Kind::Lapse => 6,
        Kind::Reverse => 7,
        Kind::Open => 8,
        Kind::Group => 9,
    }
}

fn kind(op: i64) -> Option<Kind> {
    Kind::EVERY.into_iter().find(|kind| self::op(*kind) == op)
}

/// An operation from the columns that say it.
pub(crate) fn operation(
    number: i64,
    account: &str,
    other: Option<&str>,
    amount: Option<i64>,
    id: Option<&str>,
    detail: Option<&str>,
) -> Option<Operation> {
    let id = id.map(Id::new).transpose().ok()?;
    let account = Name::user(account).ok()?;
    let other = other.map(Name::other_side).transpose().ok()?;
    let amount = match amount {
        Some(minor) => Some(crate::bank::Amount::new(minor)?),
        None => None,
    };
    let kind = kind(number)?;
    if kind == Kind::Group {
        let operation = Group::read(detail?).ok()?.operation(id);
        let is_whole = other.is_none() && amount.is_none() && operation.account == account;
        return is_whole.then_some(operation);
    }
    let operation = Operation::new(kind, id, account, other, amount).ok()?;
    let detail = detail.map(OperationDetail::read).transpose().ok()?;
    Some(operation.carrying(detail))
}

fn view((posted, available): (i64, i64)) -> View {
    View {
        posted: Balance::new(posted),
        available: Balance::new(available),
    }
}
