//! What the ledger state writes down, and who asked for it.

use core::time::Duration; // a length of time; the bank has no clock

use serde::{Deserialize, Serialize};

use super::{
    Action, AllowanceChange, Amount, Balance, Hold, Id, Name, Operation, Rejection, View,
    VoidReason,
};

/// What the bank is asked to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Begin and post in one step: there is no work between.
    Execute(Operation),
    /// Validate, claim the id, set the money aside, for work that the caller now does.
    Begin(Operation),
    /// The caller's work has ended, for which it set money aside with `Begin` or `Hold`.
    End(WorkEnd),
    /// The first of two steps: set the money aside under the operation's id, until a later request ends it.
    /// Where the caller's work has side effects it comes first: until it ends with `Keep`, what is held is
    /// the caller's own to end.
    Hold {
        /// What to set aside; it has an id.
        operation: Operation,
        /// When it is given back by itself; `None`: never.
        lasts: Option<Duration>,
    },
    /// The second of two steps: move what is held under this id, or a part of it.
    PostHold {
        /// The hold's id.
        id: Id,
        /// How much of it; `None`: all of it. The rest is given back.
        amount: Option<Amount>,
    },
    /// The second of two steps: give back what is held under this id.
    VoidHold {
        /// The hold's id.
        id: Id,
    },
    /// The work for which this was set aside was declined: give it back, and remember that as a refusal.
    DeclineHold {
        /// The hold's id.
        id: Id,
    },
    /// Open an account, or change its limit.
    Open {
        /// Which one.
        #[serde(deserialize_with = "Name::read_users")]
        account: Name,
        /// How far below zero it may go; `None` leaves that as it is, which is 0 at first.
        #[serde(deserialize_with = "Balance::read_limit")]
        overdraft: Option<Balance>,
        /// What becomes of its allowance; `None` leaves that as it is.
        allowance: Option<AllowanceChange>,
    },
    /// Post the opposite of an entry, once.
    Reverse(EntryKey),
}

impl Request {
    /// The account whose allowance it changes, and to what.
    pub fn allowance(&self) -> Option<(&Name, &AllowanceChange)> {
        match self {
            Request::Open {
                account, allowance, ..
            } => allowance.as_ref().map(|allowance| (account, allowance)),
            Request::Execute(operation) => match &operation.action {
                Action::Open { allowance, .. } => {
                    let allowance = allowance.as_deref();
                    allowance.map(|allowance| (&operation.account, allowance))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// Which entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKey {
    /// The one of this number.
    Seq(u64),
    /// The one that was posted under this id.
    Id(Id),
}

/// How work ended, and what becomes of the money that its caller set aside for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkEnd {
    /// Move it, or a part of it.
    Post {
        /// How much of it; `None`: all of it. The rest is given back.
        amount: Option<Amount>,
    },
    /// Give it back. The operation may be tried again.
    Void,
    /// The work was done and spent nothing: give all of it back, and remember that it is done.
    Unspent,
    /// The work was declined: give all of it back, and remember that as a refusal.
    Decline,
    /// The end of the work was not seen: the money stays set aside until a person decides. Only for work
    /// that has side effects.
    Doubt,
    /// The work is done, and what was set aside with `Hold` stays held until a later request ends it.
    Keep {
        /// When it is given back by itself, from now; `None`: never.
        lasts: Option<Duration>,
    },
}

/// Who asks, and on which terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    /// The run that asks; 0 is none.
    pub run: u32,
    /// What the run calls its operation, from its begin to its end.
    pub number: u64,
    /// The line of a named run that the operation stands on.
    pub line: Option<Line>,
    /// Only `Open` opens an account.
    pub strict: bool,
    /// A remembered refusal is decided anew.
    pub retry: bool,
    /// What it begins has work with side effects: what it did is not known if its end is not seen.
    pub has_side_effects: bool,
    /// It begins again what is in doubt.
    pub retry_in_doubt: bool,
}

/// A line of a named run's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which one, from 1.
    pub number: u64,
    /// The digest of all lines up to and with this one.
    pub digest: u64,
}

/// A line of a named run, and which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// The run.
    pub run: u32,
    /// The line.
    pub line: Line,
}

/// One request, and who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who asks.
    pub caller: RequestContext,
    /// What.
    pub request: Request,
}

/// A moment of a ledger's clock: microseconds since 1970 began, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Moment(i64);

impl Moment {
    /// The moment this many microseconds after 1970 began.
    pub fn new(micros: i64) -> Self {
        Moment(micros)
    }

    /// The microseconds since 1970 began.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The moment that comes so much later, or the last one there is.
    pub fn after(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Moment(self.0.saturating_add(micros))
    }
}

/// A moment of a machine's boot-time clock, which no one sets and which counts while the machine sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootTime {
    /// Which start of which machine it counts from.
    pub boot: i64,
    /// Microseconds since then.
    pub micros: i64,
}

/// When a hold is given back by itself: the same moment by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// By the wall clock.
    pub at: Moment,
    /// By the boot-time clock, where there is one.
    pub boot_time: Option<BootTime>,
}

/// What the clocks show while something is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// What is written down as the moment of what is decided. It never goes back, and it is a label.
    pub label: Moment,
    /// The wall clock, which may have been set to anything.
    pub wall: Moment,
    /// The boot-time clock, where there is one.
    pub boot_time: Option<BootTime>,
}

impl Now {
    /// The end of what lasts so long from now on.
    pub fn after(&self, lasts: Duration) -> Expiry {
        let later = |time: BootTime| BootTime {
            micros: Moment(time.micros).after(lasts).micros(),
            ..time
        };
        Expiry {
            at: self.wall.after(lasts),
            boot_time: self.boot_time.map(later),
        }
    }

    /// Whether this time is over: by the boot-time clock as long as the machine is up, by the wall clock
    /// once it was started anew.
    pub fn is_past(&self, expiry: &Expiry) -> bool {
        match (self.boot_time, expiry.boot_time) {
            (Some(now), Some(end)) if now.boot == end.boot => end.micros <= now.micros,
            _ => expiry.at <= self.wall,
        }
    }
}

/// One thing that was decided and that must not be forgotten.
///
/// Entries are numbered by `seq`; all other records, which move nothing, by a count of their own, so
/// that the entries of a ledger have no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Money moved.
    Posted {
        /// The entry's number.
        seq: u64,
        /// What was asked for.
        operation: &'a Operation,
        /// How much was moved.
        amount: Amount,
        /// How much more that is than was set aside for it.
        excess: Option<Amount>,
        /// The place in the ledger state of the account that gave.
        debit: usize,
        /// The place in the ledger state of the account that received.
        credit: usize,
        /// The hold that it ends, if there was one.
        hold: Option<u64>,
        /// The operation's account after it.
        view: View,
    },
    /// Money was set aside; the hold has this record's number.
    Held {
        /// The record's number.
        number: u64,
        /// The hold.
        held: &'a Hold,
        /// The operation's account after it.
        view: View,
    },
    /// What was set aside was given back; also where that settles the operation.
    Released {
        /// The record's number.
        number: u64,
        /// The hold that it ends.
        hold: u64,
        /// What was asked for.
        operation: &'a Operation,
        /// Why.
        release: VoidReason,
        /// The operation's account after it.
        view: View,
    },
    /// Another ends a hold from now on.
    OwnerChanged {
        /// The record's number.
        number: u64,
        /// The hold's.
        hold: u64,
        /// Why.
        change: OwnerChange,
        /// The hold, with who ends it now.
        held: &'a Hold,
        /// The operation's account.
        view: View,
    },
    /// The bank said no.
    Refused {
        /// The record's number.
        number: u64,
        /// What was asked for.
        operation: &'a Operation,
        /// Why.
        rejection: Rejection,
        /// The operation's account, where there is one.
        view: Option<View>,
    },
    /// An account was looked at.
    Viewed {
        /// The record's number.
        number: u64,
        /// What was asked for.
        operation: &'a Operation,
        /// The hold that it ends, if there was one.
        hold: Option<u64>,
        /// The number of the last entry that the view includes.
        seq: u64,
        /// The account.
        view: View,
    },
    /// A line of a named run was given up: it is never run again.
    Skipped {
        /// The record's number.
        number: u64,
        /// Why.
        reason: &'a str,
    },
    /// An account was opened, or its limit changed.
    Opened {
        /// The record's number.
        number: u64,
        /// Which one.
        account: &'a Name,
        /// How far below zero it may go.
        overdraft: Balance,
        /// What changed about its allowance, and when the window of that moment began.
        allowance: Option<(&'a AllowanceChange, Moment)>,
        /// The account, before what its allowance moves.
        view: View,
    },
    /// An account with an allowance entered a window. What that moves follows.
    Window {
        /// The record's number.
        number: u64,
        /// Which account.
        account: &'a Name,
        /// When the window began.
        start: Moment,
        /// The account before.
        view: View,
    },
}

/// Why the owner of a hold changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerChange {
    /// The end of its work was not seen.
    Doubted,
    /// A run works again on what was in doubt.
    TakenOver,
    /// Its work is done, and any caller may end it.
    Kept,
}

/// Who ends a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The run that works on it.
    Run {
        /// Which run.
        run: u32,
        /// What it calls the operation.
        number: u64,
        /// If the run is gone, what its work did is not known.
        has_side_effects: bool,
    },
    /// What the work did is not known: a person ends it, or a run that does the work again.
    Doubt,
    /// Any caller ends it, or the clock.
    AnyRequest {
        /// When it is given back by itself.
        expires: Option<Expiry>,
    },
}

/// Where the ledger state writes down what it decides.
pub trait Journal {
    /// Writes down a record, in its order.
    fn record(&mut self, caller: &RequestContext, record: &Record<'_>);

    /// The account in this place of the ledger state has changed.
    fn changed(&mut self, slot: usize);
}

/// A journal that discards records.
pub struct NullJournal;

impl Journal for NullJournal {
    fn record(&mut self, _: &RequestContext, _: &Record<'_>) {}
    fn changed(&mut self, _: usize) {}
}
