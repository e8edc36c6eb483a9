//! A history: what was observed of operations, in compact columns.

mod allowances;
mod clocks;
mod groups;
mod observing;
mod reading;
mod repeated;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text_table::{NO_TEXT, TextTable};
use crate::bank::{Kind, Rejection};
use crate::event::OperationEvent;

pub use allowances::ToldWindow;
pub use reading::LineFault;

/// Stands where a balance was not told. No account of a user reaches it.
const UNTOLD: i64 = i64::MIN;

/// What became of an operation, or what is known before all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObservedEvent {
    /// A run began on a ledger of its own, whose account holds this.
    Began,
    /// Money was set aside.
    Held,
    /// Posted, or seen.
    Completed,
    /// The bank said no.
    Refused,
    /// Its end is not known.
    InDoubt,
    /// Its work or its worker failed.
    Failed,
    /// What was set aside was given back.
    Voided,
    /// An account was opened, or got another limit.
    Opened,
    /// An account with an allowance came into a window, or has another allowance now.
    Entered,
}

/// One answer, as it was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Which file, from 0.
    pub file: u16,
    /// Its line there, from 1.
    pub line: u32,
    /// What event.
    pub event: ObservedEvent,
    /// Of which operation.
    pub kind: Kind,
    /// Why not, of a refusal.
    pub reason: Option<Rejection>,
    /// The stored outcome of an earlier one with the same id.
    pub duplicate: bool,
    /// It had work, so that money may have been set aside before.
    pub has_work: bool,
    /// It tells of a command that was run.
    pub ran: bool,
    /// A failure of which it is not known whether the operation counts.
    pub may_count: bool,
    /// A part of a group before its last one, or what an allowance moved: no answer of its own.
    pub is_part: bool,
    /// What its allowance did there, by its number; 0 is nothing.
    pub(super) window: u32,
    /// The run that it belongs to; 0 is none.
    pub run: u32,
    /// The process that did it; 0 is unknown.
    pub pid: u32,
    /// What its run calls it; 0 is unknown.
    pub operation: u32,
    /// The account it is about.
    pub account: u32,
    /// The other account.
    pub other: u32,
    /// The money comes from it; else it goes there.
    pub comes_in: bool,
    /// The caller's id.
    pub id: u32,
    /// How long it took, in microseconds; the largest stands for what is not known.
    pub(super) elapsed_us: u32,
    /// When the answer was there, in microseconds.
    pub(super) return_us: u64,
    /// How much was moved, or was to be.
    pub amount: i64,
    /// How much was asked for, where another amount was moved.
    pub asked: i64,
    /// How far below zero the account may go.
    pub(super) overdraft: i64,
    /// The account after it.
    pub(super) balance: i64,
    pub(super) available: i64,
    /// The other account after it.
    pub(super) other_balance: i64,
    /// The number of its entry, or of the last one that it saw; 0 is unknown.
    pub seq: u64,
    /// The number of the last change up to it; 0 is unknown.
    pub decided: u64,
}

/// What an account is told to hold.
fn told(minor: i64) -> Option<i64> {
    (minor != UNTOLD).then_some(minor)
}

impl ObservedRun {
    /// It was cut short, so that operations may have been under way of which no line tells.
    pub(super) fn is_cut_short(&self) -> bool {
        self.end.as_ref().is_none_or(|end| end.is_early)
    }
}

impl Observed {
    /// What the account holds after it, where that was told.
    pub fn balance(&self) -> Option<i64> {
        told(self.balance)
    }

    /// What of it is not set aside, where that was told.
    pub fn available(&self) -> Option<i64> {
        told(self.available)
    }

    /// What the other account holds after it, where that was told.
    pub fn other_balance(&self) -> Option<i64> {
        told(self.other_balance)
    }

    /// How far below zero the account may go, where that was told.
    pub fn overdraft(&self) -> Option<i64> {
        told(self.overdraft)
    }

    /// When it was asked for, at the earliest; unknown times are the earliest ones.
    pub fn call_us(&self) -> u64 {
        match self.elapsed_us {
            u32::MAX => 0,
            // Both were cut to whole microseconds.
            _ if self.return_us == u64::MAX => 0,
            elapsed => self.return_us.saturating_sub(u64::from(elapsed) + 1),
        }
    }

    /// When its answer was there, at the latest; unknown times are the latest ones.
    pub fn return_us(&self) -> u64 {
        self.return_us.saturating_add(1)
    }

    /// Whether it posted an entry, of which `seq` is the number.
    pub fn is_entry(&self) -> bool {
        self.event == ObservedEvent::Completed
            && self.kind != Kind::Balance
            && !self.duplicate
            && self.amount > 0
    }

    /// Whether no other answer about the same operation follows.
    pub fn is_end(&self) -> bool {
        let is_on_the_way = matches!(
            self.event,
            ObservedEvent::Began | ObservedEvent::Held | ObservedEvent::Opened
        );
        !is_on_the_way && !self.is_part
    }

    /// The accounts that give and receive; none of a view.
    pub fn sides(&self) -> Option<(u32, u32)> {
        match (self.kind, self.comes_in) {
            (Kind::Balance | Kind::Group, _) => None,
            (_, false) => Some((self.account, self.other)),
            (_, true) => Some((self.other, self.account)),
        }
    }

    /// It does not say which accounts it is about, and what is set aside on any may have changed.
    pub(super) fn may_be_of_any_account(&self) -> bool {
        self.kind == Kind::Group || self.event == ObservedEvent::Voided && self.account == NO_TEXT
    }

    /// What tells its operation from others that are under way at the same time.
    pub(super) fn key(&self) -> Option<(u16, u32, u32)> {
        (self.operation != 0).then_some((self.file, self.pid, self.operation))
    }
}

/// A run, as its first and last lines tell it.
#[derive(Clone, Debug, Default)]
pub(super) struct ObservedRun {
    /// Which of the ledgers in this history it wrote to.
    pub ledger: u32,
    /// Which clock its times are told by.
    pub clock: u32,
    /// What no other run has, where that is told.
    pub identity: Option<repeated::RunIdentity>,
    /// It has a name, so that its lines are remembered.
    pub is_named: bool,
    /// Its ledger lives as long as itself.
    pub in_memory: bool,
    /// Each of its accounts is one word of memory, which holds [`MAX_BALANCE`](crate::bank::MAX_BALANCE).
    pub in_words: bool,
    /// Another run wrote to the same file before this one had ended.
    pub overlaps: bool,
    /// Operations of which there is a beginning and no end.
    pub unanswered: u64,
    /// What it told at its end.
    pub end: Option<ObservedEnd>,
}

/// The last line of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct ObservedEnd {
    /// Where it stands.
    pub line: u32,
    /// Which file.
    pub file: u16,
    /// Completed, refused, failed, in doubt, and how many of them were duplicates, where that is told.
    pub counts: [Option<u64>; 5],
    /// What accounts hold.
    pub balances: Vec<(u32, i64)>,
    /// There are no other accounts.
    pub has_all: bool,
    /// The ledger lasts, and others may have written to it.
    pub lasts: bool,
    /// Work was left.
    pub is_early: bool,
    /// The updates of shared cells that were lost, as it says itself.
    pub lost_updates: u64,
}

/// What a summary tells of its counts. What it leaves out contradicts nothing.
#[derive(Default, Deserialize)]
struct ToldCounts {
    completed: Option<u64>,
    refused: Option<u64>,
    failed: Option<u64>,
    in_doubt: Option<u64>,
    duplicates: Option<u64>,
    balances: Option<IgnoredAny>,
    accounts_omitted: Option<u64>,
}

impl ToldCounts {
    /// Of a line that was read as a summary.
    fn of(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// All that was observed, in the order in which it was read.
#[derive(Debug)]
pub struct ObservedHistory {
    pub(super) names: TextTable,
    pub(super) ids: TextTable,
    pub(super) ledgers: TextTable,
    pub(super) runs: Vec<ObservedRun>,
    pub(super) observed: Vec<Observed>,
    /// What allowances did, each once.
    windows: allowances::ToldWindows,
    /// The lines that were cut off when their writer was killed.
    pub(super) cut_lines: u64,
    /// The answers of runs that were read twice, which count once.
    pub(super) told_twice: u64,
    /// Money was set aside.
    pub(super) has_holds: bool,
    /// Several runs with ledgers of their own wrote to one file at once, and no line tells them apart.
    pub(super) is_mixed: bool,
    /// Results of `sync`.
    pub(super) races: u64,
    state: reading::ReadingState,
}

/// The number of `@world`, which every history has.
pub(super) const WORLD_NUMBER: u32 = 0;
/// The number of `@loans`.
pub(super) const LOANS_NUMBER: u32 = 1;

impl ObservedHistory {
    /// The answer with this number.
    pub fn at(&self, number: u32) -> &Observed {
        &self.observed[number as usize]
    }

    /// How many of these are answers, and not what was known before.
    pub(super) fn answers(&self, numbers: &[u32]) -> u64 {
        let is_answer = |number: &&u32| {
            let one = self.at(**number);
            one.event != ObservedEvent::Began && !one.is_part
        };
        numbers.iter().filter(is_answer).count() as u64
    }

    /// An account's name.
    pub fn account(&self, number: u32) -> &str {
        self.names.text(number).unwrap_or("?")
    }

    /// An account's name, if an answer told one.
    pub fn account_if_told(&self, number: u32) -> Option<&str> {
        self.names.text(number)
    }

    /// An id's text, if there is one.
    pub fn id(&self, number: u32) -> Option<&str> {
        self.ids.text(number)
    }

    /// Where the summary of a run stands: which file, and its line.
    pub fn summary(&self, run: u32) -> Option<(u16, u32)> {
        let end = self.runs.get(run as usize)?.end.as_ref()?;
        Some((end.file, end.line))
    }

    /// Whether the one was answered before the other was asked for; `None` where their times do not tell.
    pub(super) fn is_before(&self, one: &Observed, other: &Observed) -> Option<bool> {
        let clock = |one: &Observed| self.runs[one.run as usize].clock;
        let is_told = one.return_us != u64::MAX && other.call_us() > 0;
        let is_told = is_told && one.run != 0 && other.run != 0 && clock(one) == clock(other);
        is_told.then(|| one.return_us() < other.call_us())
    }

    /// The ledger of an answer.
    pub(super) fn ledger_of(&self, one: &Observed) -> u32 {
        self.runs[one.run as usize].ledger
    }

    /// Whether a caller gave it an id.
    pub(super) fn has_id(one: &Observed) -> bool {
        one.id != NO_TEXT
    }
}

/// What a line must say and does not.
fn missing_field(event: ObservedEvent, told: &OperationEvent) -> Option<&'static str> {
    let moves_money = told
        .op
        .is_some_and(|kind| !matches!(kind, Kind::Balance | Kind::Open));
    if told.op.is_none() && event == ObservedEvent::Completed {
        Some("op")
    } else if told.op.is_some() && told.account.is_none() {
        Some("account")
    } else if moves_money && told.amount.is_none() {
        Some("amount")
    } else {
        None
    }
}

/// What it did. What opens an account moves nothing, as a view does not.
fn kind_of(told: &OperationEvent) -> Kind {
    let kind = told.op.filter(|kind| *kind != Kind::Open);
    kind.unwrap_or(Kind::Balance)
}
