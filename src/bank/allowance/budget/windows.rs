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
    /// Up to how much it was filled, with what there was before. Another limit changes it by what that moves,
    /// and an earlier hold by what of it was given back and stays.
    pub(super) filled_to: i64,
    /// What holds with smaller numbers than its record still set aside.
    held: i64,
    /// How much of its refill, and of those of earlier windows that are forgotten, stands in for that.
    pub(super) replaced: i64,
    /// The number of the record that tells of its refill: holds with smaller numbers are those of earlier windows.
    pub(super) since: u64,
    /// What was spent in it when it was left last.
    pub(super) spent: i64,
    /// Its refill was given, and not taken back since.
    pub(super) stands: bool,
    /// When it began.
    pub(super) start: Moment,
}

impl Window {
    /// One that was not entered before, and the most that is due for it.
    pub(super) fn new(start: Moment, due: i64) -> Self {
        Window {
            granted: due,
            is_warned: false,
            filled_to: 0,
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
    pub(super) fn given_back(&self) -> i64 {
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
        let mut uncovered = self.uncovered(window, held);
        let earlier = self.0.iter_mut().filter(|known| known.start < start);
        for window in earlier.chain([window]) {
            window.give(&mut left, &mut uncovered, held, record);
        }
    }

    /// How much of what is held no refill stands in for.
    fn uncovered(&self, window: &Window, held: i64) -> i64 {
        let standing = self.0.iter().filter(|known| known.stands);
        let covered = |sum: i64, window: &Window| sum.saturating_add(window.replaced);
        let covered = standing.chain([window]).fold(0, covered);
        held.saturating_sub(covered).max(0)
    }

    /// Gives this window more, which stands in for what earlier holds still set aside as far as nothing does.
    pub(super) fn give_more(&self, window: &mut Window, refill: i64) {
        let uncovered = self.uncovered(window, window.held);
        window.granted = window.granted.saturating_add(refill);
        window.replaced = window.replaced.saturating_add(refill.min(uncovered));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(start: i64) -> Window {
        Window {
            stands: true,
            ..Window::new(Moment::new(start), 100)
        }
    }

    /// Whether these can be remembered beside the window that begins at 100.
    fn are_possible(windows: &[Window]) -> bool {
        Windows(windows.to_vec()).are_possible(&standing(100))
    }

    #[test]
    fn windows_that_cannot_be_remembered_are_known_as_such() {
        let all: Vec<Window> = (0..8).map(standing).collect();
        assert!(are_possible(&[]) && are_possible(&all[..7]));
        assert!(!are_possible(&all), "there are too many");
        assert!(!are_possible(&[all[1], all[0]]), "they are in no order");
        assert!(!are_possible(&[all[1], all[1]]), "one is there twice");
        assert!(!are_possible(&[standing(100)]), "it is the one beside them");
        let wrong: [fn(&mut Window); 3] = [
            |window| window.granted = -1,
            |window| window.held = -1,
            |window| window.replaced = -1,
        ];
        for wrong in wrong {
            let mut window = standing(1);
            wrong(&mut window);
            assert!(!are_possible(&[all[0], window]), "{window:?}");
            assert!(!Windows::default().are_possible(&window), "{window:?}");
        }
    }

    #[test]
    fn the_oldest_is_forgotten_and_what_it_stands_in_for_is_remembered() {
        let mut windows = Windows::default();
        for start in 0..8 {
            let window = Window {
                replaced: 1 << start,
                ..standing(start)
            };
            assert_eq!(windows.leave(window), 0);
        }
        let oldest = |windows: &Windows| (windows.0.len(), windows.0[0].start.micros());
        assert_eq!(oldest(&windows), (REMEMBERED, 1));
        let replaced = [windows.0[0].replaced, windows.0[1].replaced];
        assert_eq!(replaced, [0b11, 0b100]);
        // What is still due is kept, and the window that is furthest ahead goes.
        windows.0[0].stands = false;
        assert_eq!(windows.leave(standing(20)), 0);
        assert_eq!(oldest(&windows), (REMEMBERED, 1));
        assert!(windows.come_back(Moment::new(20)).is_none());
    }

    #[test]
    fn a_refill_is_shared_out_from_the_earliest_on() {
        let new = |start| Window::new(Moment::new(start), 100);
        let (mut windows, mut window) = (Windows(vec![new(1), new(9)]), new(2));
        assert_eq!(windows.due(&window), 200, "of those that have begun");
        windows.give(&mut window, 150, 120, 7);
        let shared = [windows.0[0], window].map(|one| (one.granted, one.replaced, one.stands));
        assert_eq!(shared, [(100, 100, true), (50, 20, true)]);
        assert_eq!(windows.0[1], new(9));
        assert_eq!(windows.due(&window), 0);
    }

    #[test]
    fn what_a_hold_gives_back_goes_to_the_windows_that_stand_in_for_it() {
        let mut windows = Windows(vec![Window::new(Moment::new(1), 100)]);
        let mut window = Window::new(Moment::new(2), 100);
        windows.give(&mut window, 200, 150, 7);
        let held = Amount::new(150).expect("positive");
        let ended = |hold, posted| EndedHold {
            hold,
            held,
            posted: Amount::new(posted),
        };
        assert_eq!(
            windows.end_hold(&mut window, ended(8, 30)),
            0,
            "it is later"
        );
        assert_eq!(windows.end_hold(&mut window, ended(7, 30)), 120);
        let left = [windows.0[0], window].map(|one| (one.granted, one.replaced));
        assert_eq!(left, [(0, 0), (80, 0)]);
        assert_eq!(windows.end_hold(&mut window, ended(7, 0)), 0);
    }

    #[test]
    fn refills_stand_in_for_no_more_than_what_is_held() {
        let standing_in = |start, replaced| Window {
            held: 100,
            since: 7,
            replaced,
            ..standing(start)
        };
        let mut windows = Windows(vec![standing_in(1, 30)]);
        let mut window = standing_in(2, 20);
        windows.give_more(&mut window, 80);
        assert_eq!((window.granted, window.replaced), (180, 70));
        let ended = |held, posted| EndedHold {
            hold: 3,
            held: Amount::new(held).expect("positive"),
            posted: Amount::new(posted),
        };
        // All of it is posted, so that 30 are still held, and the earliest stands in for them.
        windows.0[0].replaced = 60;
        window.replaced = 40;
        assert_eq!(windows.end_hold(&mut window, ended(70, 70)), 0);
        assert_eq!([windows.0[0].replaced, window.replaced], [30, 0]);
        assert_eq!(windows.end_hold(&mut window, ended(30, 0)), 30);
        assert_eq!([windows.0[0].held, window.held], [0, 0]);
    }

    #[test]
    fn refills_of_windows_ahead_go_back_as_far_as_there_is_room() {
        let mut windows = Windows(vec![standing(1), standing(2), standing(3)]);
        let left = |windows: &Windows| {
            let left = windows.0.iter().map(|one| (one.granted, one.stands));
            left.collect::<Vec<_>>()
        };
        assert_eq!(windows.take_back(Moment::new(1), 150), 150);
        assert_eq!(left(&windows), [(100, true), (100, false), (50, false)]);
        windows.limit(70);
        assert_eq!(left(&windows), [(100, true), (70, false), (50, false)]);
    }
}
