//! The rows of holds: what is set aside now.

use smol_str::SmolStr;

use super::{Content, KeptRow, checksum, op};
use crate::bank::{Amount, BootTime, Expiry, Hold, Id, Line, Moment, Name, Owner, RunLine};
use crate::store::OpenHold;

/// Who ends a hold, as columns.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OwnerColumns {
    pub(crate) run: Option<u32>,
    pub(crate) number: Option<i64>,
    pub(crate) expires: Option<i64>,
    /// 0: if the run is gone, it is in doubt; 1: it is in doubt.
    pub(crate) doubt: Option<i64>,
    pub(crate) boot_time: Option<BootTime>,
}

impl OwnerColumns {
    pub(crate) fn of(owner: Owner) -> Self {
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
            Owner::AnyRequest { expires } => OwnerColumns {
                expires: expires.map(|expires| expires.at.micros()),
                boot_time: expires.and_then(|expires| expires.boot_time),
                ..none
            },
        }
    }

    /// The owner; `None` if that is none.
    pub(crate) fn owner(self) -> Option<Owner> {
        let owner = match (self.run, self.number) {
            (Some(run), Some(number)) => Owner::Run {
                run,
                number: number.cast_unsigned(),
                has_side_effects: self.doubt.is_some(),
            },
            _ if self.doubt.is_some() => Owner::Doubt,
            _ => Owner::AnyRequest {
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
pub(crate) struct LineColumns {
    pub(crate) run: Option<u32>,
    pub(crate) line: Option<i64>,
    pub(crate) digest: Option<i64>,
}

impl LineColumns {
    pub(crate) fn of(line: Option<RunLine>) -> Self {
        line.map_or_else(LineColumns::default, |RunLine { run, line }| LineColumns {
            run: Some(run),
            line: Some(line.number.cast_signed()),
            digest: Some(line.digest.cast_signed()),
        })
    }

    /// The line, if there is one; nothing at all if these columns cannot be.
    pub(crate) fn line(self) -> Option<Option<RunLine>> {
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

/// A hold as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct HoldRow {
    pub(crate) number: u64,
    pub(crate) hold: Hold,
}

impl HoldRow {
    /// The hold as others see it.
    pub(crate) fn open(self) -> OpenHold {
        let line = self.hold.line;
        let (run, expires) = match self.hold.owner {
            Owner::Run { run, .. } => (Some(run), None),
            Owner::Doubt => (None, None),
            Owner::AnyRequest { expires } => (None, expires.map(|expires| expires.at)),
        };
        let run = line.map(|line| line.run).or(run);
        let in_doubt = self.hold.owner == Owner::Doubt;
        OpenHold {
            number: self.number,
            operation: self.hold.operation,
            at: self.hold.at,
            expires,
            run,
            line: line.map(|line| line.line.number),
            in_doubt,
        }
    }
}

impl KeptRow for HoldRow {
    fn number(&self) -> i64 {
        self.number.cast_signed()
    }

    fn checksum(&self, content: &mut Content) -> i64 {
        let Hold {
            operation,
            owner,
            line,
            at,
        } = &self.hold;
        let own = OwnerColumns::of(*owner);
        content
            .of(b'o')
            .number(self.number.cast_signed())
            .number(at.micros());
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
            .later(2, own.boot_time.map(|time| time.micros))
            .later_text(3, operation.kept_text().map(SmolStr::as_str));
        checksum(&content.hash())
    }
}
