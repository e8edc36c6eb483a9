//! The bank: amounts, names, operations and the rules that decide them.
//!
//! Everything here is a pure function of its arguments: no input or output, no clock, no randomness,
//! no threads. A store, or a worker of `server-share`, keeps the state: it hands in what the rules need to
//! see and keeps what they return.

mod account;
mod allowance;
mod amount;
mod detail;
mod group;
mod idempotency_keys;
mod journal;
mod ledger_state;
mod lines;
mod money_text;
mod name;
mod operation;
mod packed;
mod rejection;
mod reversal;
mod share;
pub(crate) mod text;
mod unit;

use serde::{Deserialize, Serialize};

pub use account::{Account, Sides};
pub use allowance::{
    Allowance, AllowanceChange, AllowanceError, AllowanceMove, AllowanceWindow, Budget, BudgetView,
    EndedHold, EnteredWindow, Percent, Period, Postings, WindowEntry, Zone, refill_id,
};
pub use amount::{Amount, AmountError, AmountText, Balance, Decimal, Rounded};
pub use detail::{
    AnnotationError, Annotations, MAX_DETAIL, MAX_MEMO, MAX_META, MAX_META_VALUES, OperationDetail,
    OperationDetailError,
};
pub use group::{Group, GroupError, GroupPlace, GroupTerms, MAX_PARTS, NoGroup, PartRejection};
pub use idempotency_keys::{IdempotencyKeys, KnownId, State, VoidReason};
pub use journal::{
    Asked, BootTime, EntryKey, Expiry, Journal, Line, Moment, Now, NullJournal, Owner, OwnerChange,
    Record, Request, RequestContext, RunLine, WorkEnd,
};
pub use ledger_state::{Hold, LastNumbers, LedgerState};
pub use lines::{LineState, LineStates};
pub use money_text::{NoMoney, signed_minor};
pub use name::{BUDGET, Id, IdError, LOANS, MAX_ID, MAX_NAME, Name, NameError, WORLD};
pub use operation::{Action, Kind, Movement, Operation, OperationError};
pub use packed::{MAX_BALANCE, MAX_UPDATES, Packed};
pub use rejection::Rejection;
pub use reversal::reversal_id;
pub use share::{Cell, LockWait, MemoryAccess, RepairedBy, SharePoint, WaitInVain, touched};
pub use unit::{MAX_DECIMALS, MAX_UNIT, Unit, UnitError};

/// What an account holds, as an answer tells it, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// All that was posted.
    pub posted: Balance,
    /// What is posted and not held.
    pub available: Balance,
}

/// In place of an entry's number, where nothing orders the entries: processes that share memory without a
/// lock.
pub const UNORDERED: u64 = u64::MAX;

/// What the bank decided about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The money is set aside; the work may begin.
    Held {
        /// The operation's account after it.
        view: View,
    },
    /// The movement is an entry now.
    Posted {
        /// The entry's number: the ledger's own order.
        seq: u64,
        /// How much was moved.
        amount: Amount,
        /// The operation's account after it.
        view: View,
    },
    /// The work was done and spent nothing: all that was set aside is given back.
    Unspent {
        /// The operation's account after it.
        view: View,
    },
    /// The end of the work was not seen: the money stays set aside.
    Doubted {
        /// The operation's account.
        view: View,
    },
    /// The account was looked at.
    Viewed {
        /// The number of the last entry that this view includes.
        seq: u64,
        /// The account as it stands.
        view: View,
    },
    /// What was set aside is given back.
    Voided {
        /// The operation's account after it.
        view: View,
    },
    /// The account is open.
    Opened {
        /// The account as it stands.
        view: View,
    },
    /// The bank said no.
    Refused {
        /// Why.
        rejection: Rejection,
        /// The operation's account, where there is one.
        view: Option<View>,
    },
}

/// An outcome, and whether it is the stored one of an earlier operation with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was decided.
    pub outcome: Outcome,
    /// The caller's id was known: this outcome was decided before.
    pub duplicate: bool,
    /// The number of the last change that this answer made or saw. Every entry and every other record has
    /// a number of its own, in the order in which they were decided.
    pub decided: u64,
    /// The movement's other account after it, where money moved just now.
    pub other_side: Option<View>,
    /// How the allowance stands of the account that gives: where its funds are not enough, and once in each
    /// window where so much is spent that a warning is due.
    pub budget: Option<Box<BudgetView>>,
    /// What allowances moved along with it, in its order, where that is anything.
    pub allowances: Option<Box<[AllowanceMove]>>,
    /// What is said of the parts of a group, where that is anything.
    pub group: Option<Box<GroupAnswer>>,
}

/// What an answer says of the parts of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAnswer {
    /// Which one was refused, or whose allowance is told, from 1; 0: none.
    pub part: u8,
    /// The accounts of each after it, where they were posted just now.
    pub parts: Vec<PartView>,
}

/// The accounts of a part of a group after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// The part's account.
    pub view: View,
    /// The other account.
    pub other_side: View,
}

impl Answer {
    /// Which part of a group was refused, or whose allowance is told, from 1; 0: none.
    pub fn part(&self) -> u8 {
        self.group.as_ref().map_or(0, |group| group.part)
    }

    /// The accounts of each part of a group after it, where they were posted just now.
    pub fn parts(&self) -> &[PartView] {
        self.group.as_ref().map_or(&[], |group| &group.parts)
    }

    /// The same with what the answer told of allowances that set its money aside: the warning that was due, and
    /// what was moved.
    pub fn following(mut self, begun: Answer) -> Self {
        self.budget = begun.budget.or(self.budget);
        let moved = [begun.allowances, self.allowances];
        let moved: Vec<AllowanceMove> = moved.into_iter().flatten().flatten().collect();
        self.allowances = (!moved.is_empty()).then(|| moved.into());
        self
    }

    /// What was decided before, and is told again.
    pub fn repeated(outcome: Outcome) -> Self {
        Answer {
            duplicate: true,
            ..outcome.into()
        }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Answer {
            outcome,
            duplicate: false,
            decided: 0,
            other_side: None,
            budget: None,
            allowances: None,
            group: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_tells_the_warning_that_was_due_where_its_money_was_set_aside() {
        let minor = Balance::new;
        let view = View {
            posted: minor(5),
            available: minor(5),
        };
        let warning = |left| {
            Some(Box::new(BudgetView {
                limit: Amount::new(10).expect("positive"),
                spent: minor(10 - left),
                left: minor(left),
                next: Moment::default(),
            }))
        };
        let answer = |budget: &Option<Box<BudgetView>>| Answer {
            budget: budget.clone(),
            ..Outcome::Voided { view }.into()
        };
        let (first, last) = (warning(2), warning(1));
        for (begun, ended, told) in [
            (&first, &None, &first),
            (&None, &last, &last),
            (&first, &last, &first),
        ] {
            assert_eq!(answer(ended).following(answer(begun)).budget, *told);
        }
    }
}
