//! What is known of an account's allowance beside its money: the last window that was entered, and what was
//! posted for it. Both the rules and whoever holds them against a ledger go by this.

use serde::{Deserialize, Serialize};

use super::Allowance;
use crate::bank::{Account, Amount, Balance, Moment, Sides};

/// The allowance of an account, and how it stands.
#[derive(Clone, Debug)]
pub struct Budget {
    kept: KeptBudget,
    /// When the next window begins.
    next: Moment,
}

/// The parts of it that a ledger keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptBudget {
    /// The last window whose refill was taken back, since it was still ahead.
    ahead: Option<LeftWindow>,
    allowance: Allowance,
    /// The one before the last.
    before: Option<Window>,
    /// How much of the last window's refill stands.
    granted: i64,
    /// The last window that was entered.
    window: Window,
}

/// A window that an account has entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    /// What was available then, and what came in since.
    base: i64,
    /// Its warning was told.
    is_warned: bool,
    /// What a lower limit could not take back, since it was spent.
    owed: i64,
    /// How much of its refill stands in for what earlier holds had set aside.
    replaced: i64,
    /// The number of the record that tells of it: holds with smaller numbers are those of earlier windows.
    since: u64,
    /// When it began.
    start: Moment,
}

/// A window that an account has left before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftWindow {
    /// What of its refill was taken back.
    granted: i64,
    /// Its warning was told.
    is_warned: bool,
    /// What was available.
    left: i64,
    /// What was spent in it.
    spent: i64,
    start: Moment,
}

/// What is to be posted where an account enters a window or its allowance changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Postings {
    /// Goes back to the budget, first.
    pub lapse: Option<Amount>,
    /// Comes from the budget.
    pub refill: Option<Amount>,
}

/// How an account's allowance stands, as an answer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// What may be spent in a window.
    pub limit: Amount,
    /// What was spent or set aside in this one.
    pub spent: Balance,
    /// What is left of it, with all else that the account has.
    pub left: Balance,
    /// When the next window begins.
    pub next: Moment,
}

impl Budget {
    /// The budget of an account that has this allowance from now on, in this window, and what that moves. The
    /// record that tells of it has this number.
    pub fn changed(
        known: Option<&Budget>,
        allowance: Allowance,
        window: (Moment, Moment),
        sides: &Sides,
        record: u64,
    ) -> (Self, Postings) {
        match known {
            None => Budget::begin(allowance, window, sides, record),
            Some(known) => {
                let mut budget = known.clone();
                let postings = budget.change(allowance, window, sides);
                (budget, postings)
            }
        }
    }

    fn begin(
        allowance: Allowance,
        (start, next): (Moment, Moment),
        sides: &Sides,
        record: u64,
    ) -> (Self, Postings) {
        let money = available(&sides.credit);
        let window = Window::new(start, record, money);
        let kept = KeptBudget {
            ahead: None,
            allowance,
            before: None,
            granted: 0,
            window,
        };
        let mut budget = Budget { kept, next };
        let postings = budget.fill(None, window, None, sides);
        (budget, postings)
    }

    /// The same with another allowance. What was spent in this window stays spent; the difference between the
    /// limits is posted at once.
    fn change(
        &mut self,
        allowance: Allowance,
        (start, next): (Moment, Moment),
        sides: &Sides,
    ) -> Postings {
        let more = allowance.amount.minor() - self.limit() - self.kept.window.owed;
        let money = available(&sides.credit);
        let lapse = more
            .saturating_neg()
            .clamp(0, self.kept.granted.min(money).max(0));
        let refill = more.clamp(0, room(sides));
        self.next = next;
        let kept = &mut self.kept;
        if start != kept.window.start {
            (kept.ahead, kept.before) = (None, None);
        }
        kept.allowance = allowance;
        kept.granted += refill - lapse;
        kept.window = Window {
            base: kept.window.base.saturating_add(refill - lapse),
            is_warned: false,
            owed: more.saturating_neg().max(0) - lapse,
            start,
            ..kept.window
        };
        postings(lapse, refill)
    }

    /// Enters a window, and tells what that moves between `@budget` (the debit side) and the account.
    ///
    /// A refill of a window that is still ahead is taken back first: the clock was wrong, and now it is right.
    /// If that window comes, it is refilled to what was left of it.
    pub fn enter(
        &mut self,
        (start, next): (Moment, Moment),
        sides: &Sides,
        record: u64,
    ) -> Postings {
        self.next = next;
        let mut money = available(&sides.credit);
        let (mut lapse, mut left) = (0, None);
        let mut before = Some(self.kept.window);
        if start < self.kept.window.start {
            before = self.kept.before;
            left = self.leave(money).or(self.kept.ahead);
            lapse = self.kept.granted.min(money.saturating_sub(i64::MIN));
            money = money.saturating_sub(lapse);
            self.kept.granted = 0;
            if let Some(before) = before.filter(|before| before.start >= start) {
                // If it is another one, this window was refilled long ago, or is the wrong clock's.
                self.kept.window = Window { start, ..before };
                self.kept.ahead = left;
                return postings(lapse, 0);
            }
        }
        let known = self.kept.ahead.take().filter(|ahead| ahead.start <= start);
        self.kept.ahead = left;
        let refilled = self.fill(before, Window::new(start, record, money), known, sides);
        Postings {
            lapse: Amount::new(lapse),
            ..refilled
        }
    }

    /// What is to be known of the last window if it comes again.
    fn leave(&self, money: i64) -> Option<LeftWindow> {
        let window = self.kept.window;
        let is_known = self
            .kept
            .before
            .is_none_or(|before| before.start <= window.start);
        is_known.then_some(LeftWindow {
            granted: self.kept.granted,
            is_warned: window.is_warned,
            left: money,
            spent: window.base.saturating_sub(money),
            start: window.start,
        })
    }

    /// Refills a window whose base is what is available. `left` is one that was left early: this one, or one
    /// that has come and gone since, so that it counts after all.
    fn fill(
        &mut self,
        before: Option<Window>,
        mut window: Window,
        left: Option<LeftWindow>,
        sides: &Sides,
    ) -> Postings {
        let (limit, money) = (self.limit(), window.base);
        let (mut target, mut most, mut added) = (limit, limit, limit);
        let mut spent = 0;
        match left {
            Some(left) if left.start == window.start => {
                (target, added, spent) = (left.left.min(limit), left.granted, left.spent);
                window.is_warned = left.is_warned;
            }
            Some(left) => {
                most = limit.saturating_add(left.granted);
                added = most;
            }
            None => {}
        }
        let is_kept = self.kept.allowance.rollover;
        let refill = match is_kept {
            true => added,
            false => target.saturating_sub(money).min(most),
        };
        let refill = refill.min(room(sides)).max(0);
        if !is_kept {
            let replaced = before.map_or(0, |before| before.replaced);
            window.replaced = replaced.saturating_add(refill).min(sides.credit.held);
        }
        window.base = money.saturating_add(refill).saturating_add(spent);
        self.kept.granted = refill;
        (self.kept.before, self.kept.window) = (before, window);
        postings(0, refill)
    }

    /// Whether this moment is in another window than the last one that was entered.
    pub fn is_due(&self, at: Moment) -> bool {
        at < self.kept.window.start || self.next <= at
    }

    /// What goes back to the budget where this hold has given back so much: as much as a refill stands in for.
    pub fn lapse(&mut self, hold: u64, given_back: i64) -> Option<Amount> {
        let window = &mut self.kept.window;
        if hold > window.since {
            return None;
        }
        let lapse = given_back.clamp(0, window.replaced);
        window.replaced -= lapse;
        // For a hold of a window before the last one, an earlier refill stands in.
        let earlier = match &mut self.kept.before {
            Some(before) if hold <= before.since => {
                let earlier = lapse.min(before.replaced);
                before.replaced -= earlier;
                earlier
            }
            _ => 0,
        };
        self.kept.granted = (self.kept.granted - (lapse - earlier)).max(0);
        Amount::new(lapse)
    }

    /// Money came in that is no refill.
    pub fn receive(&mut self, amount: Amount) {
        let window = &mut self.kept.window;
        window.base = window.base.saturating_add(amount.minor());
    }

    /// Money went out or was set aside. Tells whether the warning is due for the first time in this window.
    pub fn spend(&mut self, account: &Account) -> bool {
        let is_low = |least| available(account) <= least;
        let is_due = self.kept.allowance.warn_below().is_some_and(is_low);
        let is_first = is_due && !self.kept.window.is_warned;
        self.kept.window.is_warned |= is_due;
        is_first
    }

    /// How it stands.
    pub fn view(&self, account: &Account) -> BudgetView {
        let left = available(account);
        let spent = self.kept.window.base.saturating_sub(left).max(0);
        BudgetView {
            limit: self.kept.allowance.amount,
            spent: Balance::new(spent),
            left: Balance::new(left),
            next: self.next,
        }
    }

    /// All that is to be kept of it, as one text.
    pub fn to_text(&self) -> String {
        // Nothing in it can fail to be written.
        serde_json::to_string(&self.kept).unwrap_or_default()
    }

    /// What was kept of it.
    pub fn read(text: &str) -> Option<Self> {
        let kept: KeptBudget = serde_json::from_str(text).ok()?;
        let (_, next) = kept.allowance.window(kept.window.start);
        let budget = Budget { kept, next };
        let is_possible = budget.kept.granted >= 0 && budget.kept.window.replaced >= 0;
        (is_possible && budget.to_text() == text).then_some(budget)
    }

    /// The allowance.
    pub fn allowance(&self) -> &Allowance {
        &self.kept.allowance
    }

    /// When the last window began that was entered.
    pub fn start(&self) -> Moment {
        self.kept.window.start
    }

    fn limit(&self) -> i64 {
        self.kept.allowance.amount.minor()
    }
}

impl Window {
    fn new(start: Moment, record: u64, base: i64) -> Self {
        Window {
            base,
            is_warned: false,
            owed: 0,
            replaced: 0,
            since: record,
            start,
        }
    }
}

impl Allowance {
    /// When the window of this moment began, and when the next one begins.
    pub fn window(&self, at: Moment) -> (Moment, Moment) {
        let for_ever = (Moment::new(i64::MIN), Moment::new(i64::MAX));
        self.zone.window(self.period, at).unwrap_or(for_ever)
    }
}

fn available(account: &Account) -> i64 {
    account.view().available.minor()
}

/// How much can come from the budget to the account.
fn room(sides: &Sides) -> i64 {
    let (from, to) = (sides.debit.posted, sides.credit.posted);
    let most = i64::MAX.saturating_sub(to.max(0));
    most.min(from.saturating_sub(i64::MIN))
}

fn postings(lapse: i64, refill: i64) -> Postings {
    Postings {
        lapse: Amount::new(lapse),
        refill: Amount::new(refill),
    }
}
