//! Named, expected refusals.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the bank said no: a value that callers can act on, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The account's available money, with its overdraft, is less than the amount.
    InsufficientFunds,
    /// Nothing was ever posted to the account, and it was not opened.
    UnknownAccount,
    /// Both sides of the transfer are one account.
    SameAccount,
    /// A balance would leave the range that an account holds: of 64-bit minor units, or of its part of a word
    /// in shared memory.
    BalanceOverflow,
    /// The id was used before for an operation with other content.
    IdConflict,
    /// An operation with this id is still under way; its outcome is not known yet.
    InProgress,
    /// The work of the operation with this id was begun, and its end was not seen.
    InDoubt,
    /// No operation is held under the id.
    UnknownHold,
    /// What was held under the id is posted, or another part of it than was asked for.
    AlreadyPosted,
    /// What was held under the id was given back.
    AlreadyVoided,
    /// What was held under the id was given back when its time was over.
    Expired,
    /// More was asked for than is held under the id.
    ExceedsHold,
    /// The operation's work came to a no.
    Declined,
    /// The line of the run was done, refused or given up before.
    LineDone,
    /// The memory that processes share has no room for another account.
    TooManyAccounts,
    /// There is no entry of that number or id.
    UnknownEntry,
    /// The entry is a reversal, moves an allowance, or is a part of a group.
    NotReversible,
    /// A group is posted as it is, and no other amount of it.
    WholeOnly,
}

impl Rejection {
    /// All of them, in a fixed order.
    pub const ALL: [Rejection; 18] = [
        Rejection::InsufficientFunds,
        Rejection::UnknownAccount,
        Rejection::SameAccount,
        Rejection::BalanceOverflow,
        Rejection::IdConflict,
        Rejection::InProgress,
        Rejection::UnknownHold,
        Rejection::AlreadyPosted,
        Rejection::AlreadyVoided,
        Rejection::Expired,
        Rejection::ExceedsHold,
        Rejection::InDoubt,
        Rejection::Declined,
        Rejection::LineDone,
        Rejection::TooManyAccounts,
        Rejection::UnknownEntry,
        Rejection::NotReversible,
        Rejection::WholeOnly,
    ];

    /// The stable word for it in JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Rejection::InsufficientFunds => "insufficient_funds",
            Rejection::UnknownAccount => "unknown_account",
            Rejection::SameAccount => "same_account",
            Rejection::BalanceOverflow => "balance_overflow",
            Rejection::IdConflict => "id_conflict",
            Rejection::InProgress => "in_progress",
            Rejection::UnknownHold => "unknown_hold",
            Rejection::AlreadyPosted => "already_posted",
            Rejection::AlreadyVoided => "already_voided",
            Rejection::Expired => "expired",
            Rejection::ExceedsHold => "exceeds_hold",
            Rejection::InDoubt => "in_doubt",
            Rejection::Declined => "declined",
            Rejection::LineDone => "line_done",
            Rejection::TooManyAccounts => "too_many_accounts",
            Rejection::UnknownEntry => "unknown_entry",
            Rejection::NotReversible => "not_reversible",
            Rejection::WholeOnly => "whole_only",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejection::InsufficientFunds => "insufficient funds",
            Rejection::UnknownAccount => "unknown account",
            Rejection::SameAccount => "both sides are the same account",
            Rejection::BalanceOverflow => "a balance would leave the range that an account holds",
            Rejection::IdConflict => "the id was used before with other content",
            Rejection::InProgress => "an operation with this id is still under way",
            Rejection::UnknownHold => "nothing is held under this id",
            Rejection::AlreadyPosted => "what was held is already posted",
            Rejection::AlreadyVoided => "what was held is already voided",
            Rejection::Expired => "the hold has expired",
            Rejection::ExceedsHold => "more than what is held",
            Rejection::InDoubt => "the end of its work was not seen",
            Rejection::Declined => "its work was declined",
            Rejection::LineDone => "this line of the run is done already",
            Rejection::TooManyAccounts => {
                "the shared memory holds 65,536 accounts, and has no room for another"
            }
            Rejection::UnknownEntry => "there is no such entry",
            Rejection::NotReversible => {
                "a reversal, a refill, a lapse or a part of an `all` line is not reversed"
            }
            Rejection::WholeOnly => "an `all` line is posted as it is, without an amount",
        })
    }
}
