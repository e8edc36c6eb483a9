//! The rows of records: what else was decided and must not be forgotten.

use serde::{Deserialize, Deserializer, Serialize};
use smol_str::SmolStr;

use super::{Content, Hash, KeptRow, checksum, op, operation, view};
use crate::bank::{
    Allowance, Amount, BootTime, Id, Line, Moment, Name, Operation, Outcome, Rejection, View,
    refill_id,
};

/// What kind of record a row is.
pub(crate) const HELD: i64 = 0;
pub(crate) const VOIDED: i64 = 1;
pub(crate) const EXPIRED: i64 = 2;
pub(crate) const REFUSED: i64 = 3;
pub(crate) const VIEWED: i64 = 4;
pub(crate) const OPENED: i64 = 5;
pub(crate) const DOUBTED: i64 = 6;
pub(crate) const TAKEN_OVER: i64 = 7;
pub(crate) const UNSPENT: i64 = 8;
pub(crate) const KEPT: i64 = 9;
pub(crate) const SKIPPED: i64 = 10;
pub(crate) const WINDOW: i64 = 11;

/// What the record of a window carries, and that of an account whose allowance changes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowDetail {
    /// The allowance that the account has from now on; nothing in it: it has none any more.
    #[serde(
        default,
        deserialize_with = "also_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) allowance: Option<Option<Allowance>>,
    /// When the window began.
    pub(crate) window: Moment,
}

/// Reads what is there, also where that is nothing.
fn also_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Allowance>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl WindowDetail {
    /// The text of it.
    pub(crate) fn to_text(&self) -> Option<SmolStr> {
        serde_json::to_string(self).ok().map(SmolStr::from)
    }
}

/// A record as it stands in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordRow {
    pub(crate) record: u64,
    pub(crate) seq: u64,
    pub(crate) at: Moment,
    pub(crate) kind: i64,
    pub(crate) op: Option<i64>,
    pub(crate) account: SmolStr,
    pub(crate) other: Option<SmolStr>,
    pub(crate) amount: Option<i64>,
    pub(crate) view: Option<(i64, i64)>,
    pub(crate) rejection: Option<i64>,
    pub(crate) overdraft: Option<i64>,
    pub(crate) id: Option<SmolStr>,
    pub(crate) run: Option<u32>,
    pub(crate) line: Option<Line>,
    pub(crate) hold: Option<u64>,
    pub(crate) number: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) doubt: Option<i64>,
    pub(crate) boot_time: Option<BootTime>,
    pub(crate) note: Option<SmolStr>,
    /// What is kept with its operation.
    pub(crate) detail: Option<SmolStr>,
}

impl RecordRow {
    /// The row that says this of an operation.
    pub(crate) fn about(operation: &Operation) -> Self {
        RecordRow {
            op: Some(op(operation.kind())),
            account: operation.account.text().clone(),
            other: operation.to().map(|to| to.text().clone()),
            amount: operation.amount().map(Amount::minor),
            id: operation.id.as_ref().map(|id| id.text().clone()),
            detail: operation.kept_text().cloned(),
            ..RecordRow::default()
        }
    }
    pub(crate) fn hash(&self, content: &mut Content) -> Hash {
        content
            .of(b'r')
            .number(self.record.cast_signed())
            .number(self.seq.cast_signed());
        content
            .number(self.at.micros())
            .number(self.kind)
            .maybe(self.op);
        content
            .text(Some(&self.account))
            .text(self.other.as_deref())
            .maybe(self.amount);
        content
            .maybe(self.view.map(|view| view.0))
            .maybe(self.view.map(|view| view.1));
        content
            .maybe(self.rejection)
            .maybe(self.overdraft)
            .text(self.id.as_deref());
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
        content
            .later_text(3, self.note.as_deref())
            .later_text(4, self.detail.as_deref());
        content.hash()
    }

    /// What was asked for, if this is about an operation.
    pub(crate) fn operation(&self) -> Option<Operation> {
        let (other, id) = (self.other.as_deref(), self.id.as_deref());
        let detail = self.detail.as_deref();
        operation(self.op?, &self.account, other, self.amount, id, detail)
    }

    pub(crate) fn view(&self) -> Option<View> {
        self.view.map(view)
    }

    /// What it tells of an allowance, if it does.
    pub(crate) fn window(&self) -> Option<WindowDetail> {
        serde_json::from_str(self.detail.as_deref()?).ok()
    }

    /// The id under which the window is refilled that it tells of, if it tells of one.
    pub(crate) fn refill_id(&self) -> Option<Id> {
        let told = self.window().filter(|_| self.kind == WINDOW)?;
        refill_id(&Name::user(&self.account).ok()?, told.window, None)
    }

    /// The outcome that it settles, if it settles one.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let view = self.view();
        Some(match self.kind {
            REFUSED => {
                let place = usize::try_from(self.rejection?).ok()?;
                let rejection = *Rejection::ALL.get(place)?;
                Outcome::Refused { rejection, view }
            }
            VIEWED => Outcome::Viewed {
                seq: self.seq,
                view: view?,
            },
            UNSPENT => Outcome::Unspent { view: view? },
            OPENED => Outcome::Opened { view: view? },
            _ => return None,
        })
    }
}

impl KeptRow for RecordRow {
    fn number(&self) -> i64 {
        self.record.cast_signed()
    }

    fn checksum(&self, content: &mut Content) -> i64 {
        checksum(&self.hash(content))
    }
}
