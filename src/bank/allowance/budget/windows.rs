//! The windows that an account has entered last.

use serde::{Deserialize, Serialize};

use crate::bank::{Amount, Moment};

/// So many windows are remembered beside the one that was entered last.
const REMEMBERED: usize = 7;

/// A window that an account has entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// How much of its refill stands, or would if it were not taken back.
    pub(super) granted: i64,
    /// Its warning was told.
    pub(super) is_warned: bool,
    /// What a lower limit could not take back, since it was spent.
    pub(super) owed: i64,
    /// What holds with smaller numbers than its record still set aside.
    held: i64,
    /// How much of its refill, and of those of earlier windows that are forgotten, stands in for that.
    pub(super) replaced: i64,
    /// The number of the record that tells of its refill: holds with smaller numbers are those of earlier windows.
    since: u64,
    /// What was spent in it when it was left last.
    pub(super) spent: i64,
    /// Its refill was given, and not taken back since.
    stands: bool,
    /// When it began.
    pub(super) start: Moment,
}

impl Window {
    /// One that was not entered before, and the most that is due for it.
    pub(super) fn new(start: Moment, due: i64) -> Self {
        Window {
            granted: due,
            is_warned: false,
            owed: 0,
            held: 0,
            replaced: 0,
            since: 0,
            spent: 0,
            stands: false,
            start,
        }
    }

    /// What is to be given of its refill.
    fn due(&self) -> i64 {
        match self.stands {
            true => 0,
            false => self.granted,
        }
    }

    /// Gives as much of what is left as is due, of which so much stands in for what is held.
    fn give(&mut self, left: &mut i64, uncovered: &mut i64, held: i64, record: u64) {
        if self.stands {
            return;
        }
        self.granted = self.granted.min(*left);
        let replaced = self.granted.min(*uncovered);
        self.replaced = self.replaced.saturating_add(replaced);
        (self.held, self.since, self.stands) = (held, record, true);
        *left -= self.granted;
        *uncovered -= replaced;
    }

    /// A hold has ended. Takes back what stands in for what it gave back, or more than is left of that. What this
    /// window and earlier ones stand in for is then no more than what is still held.
    fn end_hold(&mut self, ended: EndedHold, left: &mut i64, covered: &mut i64) {
        if !self.stands {
            return;
        }
        if ended.hold <= self.since {
            let lapse = self.replaced.min(*left);
            self.replaced -= lapse;
            self.granted = (self.granted - lapse).max(0);
            *left -= lapse;
            self.held = self.held.saturating_sub(ended.held.minor()).max(0);
            let uncovered = self.held.saturating_sub(*covered).max(0);
            self.replaced = self.replaced.min(uncovered);
        }
        *covered = covered.saturating_add(self.replaced);
    }
}

/// A hold that has ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedHold {
    /// Its number.
    pub hold: u64,
    /// How much it had set aside of the account.
    pub held: Amount,
    /// What was posted instead.
    pub posted: Option<Amount>,
}

impl EndedHold {
    fn given_back(&self) -> i64 {
        let posted = self.posted.map_or(0, Amount::minor);
        self.held.minor().saturating_sub(posted).max(0)
    }
}

/// Some windows, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Windows(Vec<Window>);

impl Windows {
    /// Remembers a window that is left, before another one is entered. Where there are too many, those that are
    /// still ahead are kept first, since something is due for them. What stands in for a hold, the next window
    /// remembers: how much that is for the one that is entered, is told.
    pub(super) fn leave(&mut self, window: Window) -> i64 {
        let place = self.0.partition_point(|known| known.start < window.start);
        self.0.insert(place, window);
        let mut carried = 0;
        while self.0.len() > REMEMBERED {
            if !self.0[0].stands {
                self.0.pop();
                continue;
            }
            let oldest = self.0.remove(0);
            let next = self.0.first_mut().filter(|next| next.stands);
            let replaced = next.map_or(&mut carried, |next| &mut next.replaced);
            *replaced = replaced.saturating_add(oldest.replaced);
        }
        carried
    }

    /// Whether this window is among them.
    pub(super) fn remember(&self, start: Moment) -> bool {
        self.0.iter().any(|known| known.start == start)
    }

    /// Takes a window out that comes again.
    pub(super) fn come_back(&mut self, start: Moment) -> Option<Window> {
        let place = self.0.iter().position(|known| known.start == start)?;
        Some(self.0.remove(place))
    }

    /// Takes back the refills of windows that are still ahead of this one, and tells how much that is: at most so
    /// much.
    pub(super) fn take_back(&mut self, start: Moment, most: i64) -> i64 {
        let mut left = most;
        for window in self.0.iter_mut().filter(|window| window.start > start) {
            if window.stands {
                window.granted = window.granted.min(left);
                left -= window.granted;
                (window.replaced, window.stands) = (0, false);
            }
        }
        most - left
    }

    /// What is due for this window, and for those before it whose refills were taken back.
    pub(super) fn due(&self, window: &Window) -> i64 {
        let earlier = self.0.iter().take_while(|known| known.start < window.start);
        let due = |sum: i64, window: &Window| sum.saturating_add(window.due());
        earlier.chain([window]).fold(0, due)
    }

    /// Gives what is due for this window and those before it, the earliest first. Refills stand in for what is
    /// held, as far as earlier ones do not.
    pub(super) fn give(&mut self, window: &mut Window, refill: i64, held: i64, record: u64) {
        let (start, mut left) = (window.start, refill);
        let standing = self.0.iter().filter(|known| known.stands);
        let covered = |sum: i64, window: &Window| sum.saturating_add(window.replaced);
        let covered = standing.chain([&*window]).fold(0, covered);
        let mut uncovered = held.saturating_sub(covered).max(0);
        let earlier = self.0.iter_mut().filter(|known| known.start < start);
        for window in earlier.chain([window]) {
            window.give(&mut left, &mut uncovered, held, record);
        }
    }

    /// What goes back where a hold has ended: as much as refills stand in for, the earliest first.
    pub(super) fn end_hold(&mut self, window: &mut Window, ended: EndedHold) -> i64 {
        let given_back = ended.given_back();
        let (mut left, mut covered) = (given_back, 0);
        for window in self.0.iter_mut().chain([window]) {
            window.end_hold(ended, &mut left, &mut covered);
        }
        given_back - left
    }

    /// Gives no more than this for windows that are still ahead.
    pub(super) fn limit(&mut self, limit: i64) {
        for window in self.0.iter_mut().filter(|window| !window.stands) {
            window.granted = window.granted.min(limit);
        }
    }

    /// Whether they can be the ones that are remembered beside this one.
    pub(super) fn are_possible(&self, window: &Window) -> bool {
        let is_sound =
            |window: &Window| window.granted >= 0 && window.held >= 0 && window.replaced >= 0;
        let are_ordered = self.0.is_sorted_by(|one, next| one.start < next.start);
        let are_sound = self.0.iter().chain([window]).all(is_sound);
        let is_known = self.remember(window.start);
        are_ordered && are_sound && !is_known && self.0.len() <= REMEMBERED
    }
}
