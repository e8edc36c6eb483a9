//! The exit statuses, in one place: scripts depend on them.

use std::process::ExitCode;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a run ended, the gravest last: with several at once that one counts. A run that was cut short did
/// not see all that it was asked, so that is graver than what single operations met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// 0: everything asked for was posted.
    #[default]
    Posted,
    /// 1: the bank said no to at least one operation.
    Refused,
    /// 4: a command failed, and its money was given back.
    Failed,
    /// 2: usage, or input that could not be read.
    Usage,
    /// 5: an id was reused with other content.
    IdConflict,
    /// 10: ended early with work left.
    EndedEarly,
    /// 9: a check left something open.
    Undecided,
    /// 3: a check found a violation.
    Violation,
    /// 6: a deadline passed.
    Deadline,
    /// 7: a worker or the server died.
    Died,
    /// 8: the ledger is unavailable or damaged, or a person must decide about what is in doubt.
    Ledger,
}

/// How the program ended what it was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ending {
    /// Its status.
    pub status: Status,
    /// The signal that it must end by, if one asked for its end.
    pub signal: Option<i32>,
    /// The status of the command that it ran, which is passed on.
    pub passed_on: Option<u8>,
}

impl From<Status> for Ending {
    fn from(status: Status) -> Self {
        Ending {
            status,
            ..Ending::default()
        }
    }
}

impl Status {
    /// All of them, the gravest last.
    const ALL: [Status; 11] = [
        Status::Posted,
        Status::Refused,
        Status::Failed,
        Status::Usage,
        Status::IdConflict,
        Status::EndedEarly,
        Status::Undecided,
        Status::Violation,
        Status::Deadline,
        Status::Died,
        Status::Ledger,
    ];

    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Status::Posted => 0,
            Status::Refused => 1,
            Status::Usage => 2,
            Status::Violation => 3,
            Status::Failed => 4,
            Status::IdConflict => 5,
            Status::Deadline => 6,
            Status::Died => 7,
            Status::Ledger => 8,
            Status::Undecided => 9,
            Status::EndedEarly => 10,
        }
    }

    /// The graver of the two.
    pub fn worse(self, other: Status) -> Status {
        self.max(other)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = u8::deserialize(deserializer)?;
        let status = Status::ALL.into_iter().find(|status| status.code() == code);
        status.ok_or_else(|| D::Error::custom(format_args!("`{code}` is no exit status")))
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_wins() {
        assert_eq!(Status::Died.worse(Status::Refused), Status::Died);
        assert_eq!(Status::Refused.worse(Status::Violation), Status::Violation);
        assert_eq!(
            Status::EndedEarly.worse(Status::IdConflict),
            Status::EndedEarly
        );
        assert!(Status::Ledger > Status::Died && Status::Posted < Status::Refused);
    }
}
