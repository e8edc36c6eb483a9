//! The order that a history claims, and what its numbers and times say against it.

use std::collections::HashMap;

use super::contradiction::{Contradiction, Disagreement};
use super::history::{Observed, ObservedEvent, ObservedHistory};
use crate::bank::{Kind, Rejection, WindowEntry};

/// A run in memory opens its account and fills it before its first operation.
const BY_THE_RUN: u64 = 2;

/// What an order is claimed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedBy {
    /// The number of the last change up to each answer.
    Decided,
    /// The numbers of entries alone.
    Seq,
}

/// Changes that stand at one place of the order and in no line of the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// The answer before which they stand.
    pub(super) before: u32,
    /// How many there are.
    pub(super) missing: u64,
    /// How many more there may be, where the answer itself may be no change.
    may_hide: u64,
    /// Entries may be among them.
    pub(super) entries: bool,
}

/// The answers about one ledger in the order in which they claim to have been decided.
#[derive(Debug)]
pub(super) struct ClaimedOrder {
    pub(super) by: ClaimedBy,
    /// The numbers of the answers.
    pub(super) answers: Vec<u32>,
    pub(super) gaps: Vec<Gap>,
    /// The answers that say nothing about their place, and should.
    pub(super) unplaced: u64,
    /// Nothing was decided before the first of them.
    pub(super) is_from_the_start: bool,
}

impl ClaimedOrder {
    /// The order that these answers claim, if they claim any.
    pub(super) fn of(history: &ObservedHistory, answers: &[u32]) -> Option<Self> {
        let of = |number: &u32| history.at(*number);
        let by = if answers.iter().any(|number| of(number).decided != 0) {
            ClaimedBy::Decided
        } else if answers
            .iter()
            .any(|number| of(number).is_entry() && of(number).seq != 0)
        {
            ClaimedBy::Seq
        } else {
            return None;
        };
        let mut placed = Vec::with_capacity(answers.len());
        let mut unplaced = 0;
        for number in answers {
            let one = of(number);
            match place(by, history, one) {
                Some(_) => placed.push(*number),
                None => unplaced += u64::from(needs_place(one)),
            }
        }
        let key = |number: &u32| place(by, history, of(number));
        if !placed.is_sorted_by_key(key) {
            placed.sort_by_key(key);
        }
        if by == ClaimedBy::Decided {
            put_changes_first(history, &mut placed);
        }
        Some(ClaimedOrder {
            by,
            answers: placed,
            gaps: Vec::new(),
            unplaced,
            is_from_the_start: false,
        })
    }

    /// Finds the gaps, and the first answer whose numbers contradict those before it.
    pub(super) fn count(&mut self, history: &ObservedHistory) -> Option<Contradiction> {
        let mut counting = Counting::new(self.by);
        for position in 0..self.answers.len() {
            let number = self.answers[position];
            let one = history.at(number);
            if let Some(why) = counting.step(history, position as u32, number, one) {
                return Some(why);
            }
        }
        self.is_from_the_start = counting.is_from_the_start;
        self.gaps = counting.gaps;
        None
    }

    /// The first answer that was there before another was asked for, and stands behind it.
    pub(super) fn time_reversed(&self, history: &ObservedHistory) -> Option<Contradiction> {
        let mut latest: HashMap<u32, Latest> = HashMap::new();
        for number in &self.answers {
            let one = history.at(*number);
            if one.run == 0 || one.event == ObservedEvent::Began {
                continue;
            }
            let clock = history.runs[one.run as usize].clock;
            let latest = latest.entry(clock).or_insert(Latest {
                before: (0, *number),
                ..Latest::default()
            });
            let is_change = self.by == ClaimedBy::Seq || changes(history, one).0 > 0;
            if is_change || one.decided != latest.seen {
                latest.before = latest.before.max(latest.beside);
                latest.seen = one.decided;
            }
            let (call, teller) = latest.before;
            if one.return_us() < call {
                let why = Disagreement::TimeReversed;
                return Some(Contradiction::pair(why, teller, *number));
            }
            let own = (one.call_us(), *number);
            match is_change {
                true => latest.before = latest.before.max(own),
                false => latest.beside = latest.beside.max(own),
            }
        }
        None
    }
}

/// The latest questions of the answers so far that are told by one clock.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    /// Of those that come before: when, and which answer.
    before: (u64, u32),
    /// Of those that saw the same change and changed nothing: among them the order is free.
    beside: (u64, u32),
    /// The number of that change.
    seen: u64,
}

/// Where an answer stands: what was there at the start, then the changes by their numbers, and behind each
/// change the answers that saw it, as they were asked for.
fn place(by: ClaimedBy, history: &ObservedHistory, one: &Observed) -> Option<(u64, u8, u64)> {
    if one.event == ObservedEvent::Began {
        return Some((0, 0, 0));
    }
    let is_completed = one.event == ObservedEvent::Completed && !one.duplicate;
    let (number, is_change) = match by {
        ClaimedBy::Decided => (one.decided, changes(history, one).0 > 0),
        ClaimedBy::Seq if is_completed => (one.seq, one.is_entry()),
        ClaimedBy::Seq => (0, false),
    };
    // What is answered by an id comes behind what it was answered by.
    let by_id = one.duplicate
        || matches!(
            one.reason,
            Some(Rejection::IdConflict | Rejection::InProgress)
        );
    let later = match (is_change, by_id) {
        (true, _) => (0, 0),
        (false, false) => (1, one.call_us()),
        (false, true) => (2, one.call_us()),
    };
    (number != 0).then_some((number, later.0, later.1))
}

/// Of several answers with one number, of which none is surely the change itself, the first that may be
/// comes before those that saw it.
fn put_changes_first(history: &ObservedHistory, placed: &mut [u32]) {
    let mut last = BY_THE_RUN;
    for group in placed.chunk_by_mut(|a, b| history.at(*a).decided == history.at(*b).decided) {
        let all = |number: &u32| changes(history, history.at(*number));
        let is_open = group.len() > 1 && all(&group[0]).0 == 0;
        let decided = history.at(group[0]).decided;
        if is_open
            && decided > last
            && let Some(first) = group.iter().position(|number| all(number).1 > 0)
        {
            group[..=first].rotate_right(1);
        }
        last = decided.max(last);
    }
}

/// Whether it is left open what an answer means that has no place.
fn needs_place(one: &Observed) -> bool {
    let tells_none = matches!(
        one.event,
        ObservedEvent::Failed | ObservedEvent::InDoubt | ObservedEvent::Entered
    );
    !one.duplicate && !tells_none
}

/// How many changes an answer stands for, at least and at most. Where workers share the data, only entries
/// have numbers.
fn changes(history: &ObservedHistory, one: &Observed) -> (u64, u64) {
    let remembered = ObservedHistory::has_id(one) || history.runs[one.run as usize].is_named;
    match one.event {
        ObservedEvent::Began => (0, 0),
        // A run that takes over what is in doubt is told that it was begun before.
        ObservedEvent::Held => (u64::from(!one.duplicate), 1),
        ObservedEvent::Completed if one.duplicate => (0, 0),
        ObservedEvent::Completed if one.kind != Kind::Balance => (1, 1),
        ObservedEvent::Completed => (0, u64::from(remembered || one.has_work)),
        ObservedEvent::Refused if one.duplicate => (0, 0),
        ObservedEvent::Refused => refusal(one, remembered),
        ObservedEvent::Voided | ObservedEvent::Opened => one_if(!one.duplicate),
        // Where the allowance was changed, that is told by the one that changed it.
        ObservedEvent::Entered => {
            let told = history.window(one);
            one_if(told.is_none_or(|told| told.window.entry != WindowEntry::Changed))
        }
        ObservedEvent::Failed | ObservedEvent::InDoubt => (1, 1),
    }
}

fn refusal(one: &Observed, remembered: bool) -> (u64, u64) {
    match one.reason {
        // The same may be asked for again.
        Some(_) if one.kind == Kind::Reverse => (0, 0),
        // What was set aside is given back, and the refusal is remembered.
        Some(Rejection::Declined) => (1, 1 + u64::from(remembered)),
        Some(Rejection::BalanceOverflow) if one.has_work => (0, 2),
        Some(
            Rejection::InsufficientFunds
            | Rejection::UnknownAccount
            | Rejection::SameAccount
            | Rejection::BalanceOverflow,
            // A command for one operation has an id that it may not tell.
        ) => (0, u64::from(remembered || one.run == 0)),
        // What another program's word stands for is not known.
        None => (0, 2),
        _ => (0, 0),
    }
}

/// Whether the number before an answer may be that of another change, although the answer can be one.
fn may_be_no_change(one: &Observed) -> bool {
    let is_remembered = one.run != 0 || ObservedHistory::has_id(one);
    one.event == ObservedEvent::Refused && (one.reason.is_none() || !is_remembered)
}

fn one_if(is: bool) -> (u64, u64) {
    (u64::from(is), u64::from(is))
}

/// What the numbers were so far.
struct Counting {
    by: ClaimedBy,
    /// The number of the last change.
    last: Option<u64>,
    /// The answer that it was told by.
    teller: u32,
    /// The number of the last entry, and who told it.
    entry: Option<(u64, u32)>,
    gaps: Vec<Gap>,
    /// The gaps of which it is not known yet whether entries are missing.
    open_from: usize,
    is_from_the_start: bool,
    has_began: bool,
}

impl Counting {
    fn new(by: ClaimedBy) -> Self {
        Counting {
            by,
            last: None,
            teller: 0,
            entry: None,
            gaps: Vec::new(),
            open_from: 0,
            is_from_the_start: false,
            has_began: false,
        }
    }

    fn step(
        &mut self,
        history: &ObservedHistory,
        position: u32,
        number: u32,
        one: &Observed,
    ) -> Option<Contradiction> {
        if one.event == ObservedEvent::Began {
            let entries = u64::from(one.balance().is_some_and(|balance| balance > 0));
            self.entry = Some((entries, number));
            self.is_from_the_start = true;
            self.has_began = true;
            return None;
        }
        let (least, most, told) = match self.by {
            ClaimedBy::Decided => {
                let (least, most) = changes(history, one);
                (least, most, one.decided)
            }
            ClaimedBy::Seq => {
                let entries = u64::from(one.is_entry());
                (entries, entries, one.seq)
            }
        };
        let last = self
            .last
            .unwrap_or_else(|| self.before_all(number, told, least));
        let Some(ahead) = told.checked_sub(last + least) else {
            let why = Disagreement::NumberTwice;
            return Some(Contradiction::pair(why, self.teller, number));
        };
        let missing = ahead.saturating_sub(most - least);
        let may_hide = match may_be_no_change(one) {
            true => ahead - missing,
            false => 0,
        };
        if missing + may_hide > 0 {
            self.gaps.push(Gap {
                before: position,
                missing,
                may_hide,
                entries: true,
            });
        }
        if told > last || self.last.is_none() {
            self.teller = number;
        }
        self.last = Some(told);
        let tells_entry = one.event == ObservedEvent::Completed && !one.duplicate && one.seq != 0;
        match tells_entry {
            true => self.entries(number, one),
            false => None,
        }
    }

    /// The number of the last change before the first answer.
    fn before_all(&mut self, number: u32, told: u64, least: u64) -> u64 {
        let before = told.saturating_sub(least);
        if self.has_began {
            return match (self.by, self.entry) {
                (ClaimedBy::Seq, Some((entries, _))) => entries.min(before),
                _ => before.min(BY_THE_RUN),
            };
        }
        if before == 0 {
            self.is_from_the_start = true;
            self.entry = Some((0, number));
        }
        before
    }

    /// Holds the number of an entry against those before, and against how many changes are missing.
    fn entries(&mut self, number: u32, one: &Observed) -> Option<Contradiction> {
        let own = u64::from(one.is_entry());
        let gaps = &mut self.gaps[self.open_from..];
        if let Some((last, teller)) = self.entry {
            let Some(missing) = one.seq.checked_sub(last + own) else {
                return Some(Contradiction::pair(
                    Disagreement::SeqNotRising,
                    teller,
                    number,
                ));
            };
            let changes = gaps.iter().map(|gap| gap.missing + gap.may_hide);
            let changes: u64 = changes.sum();
            if missing > changes {
                return Some(Contradiction::pair(Disagreement::SeqGap, teller, number));
            }
            for gap in gaps {
                gap.entries = missing > 0;
            }
        }
        self.open_from = self.gaps.len();
        self.entry = Some((one.seq, number));
        None
    }
}
