//! What is known of an account's allowance beside its money: the windows that were entered last, and what was
//! posted for each. Both the rules and whoever holds them against a ledger go by this.
//!
//! A window is refilled once, when it is entered for the first time. From then on its refill stands while the
//! window has begun by the clock, and is taken back while it has not: so however a clock jumps, no more stands
//! than each window's own refill. Of windows that are no longer remembered here, the id of the refill tells that
//! there was one.

mod windows;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Allowance, AllowanceWindow, WindowEntry};
use crate::bank::{Account, Amount, Balance, Moment, Sides};
pub use windows::EndedHold;
use windows::{Window, Windows};

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
    allowance: Allowance,
    /// What was available when the window was entered, and what came in since.
    base: i64,
    /// Other windows that were entered.
    others: Windows,
    /// The window that was entered last.
    window: Window,
}

/// A window that an account enters.
#[derive(Clone, Copy, Debug)]
pub struct EnteredWindow {
    /// When it begins, and when the next one does.
    pub window: (Moment, Moment),
    /// The ledger knows the id of its refill: it was entered before.
    pub is_refilled: bool,
    /// The number of the record that tells of it: holds with smaller numbers are those of earlier windows.
    pub record: u64,
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
        let kept = KeptBudget {
            base: available(&sides.credit),
            others: Windows::default(),
            window: Window::new(start, allowance.amount.minor()),
            allowance,
        };
        let mut budget = Budget { kept, next };
        let refill = budget.fill(sides, record);
        (budget, postings(0, refill))
    }

    /// The same with another allowance. What was spent in this window stays spent; the difference between the
    /// limits is posted at once. That gives no more than is missing up to the new one, and takes
    /// back no more than this window's refill.
    fn change(
        &mut self,
        allowance: Allowance,
        (start, next): (Moment, Moment),
        sides: &Sides,
    ) -> Postings {
        let limit = allowance.amount.minor();
        let more = limit.saturating_sub(self.kept.window.filled_to);
        let money = available(&sides.credit);
        let granted = self.kept.window.granted;
        let lapse = more.saturating_neg().clamp(0, granted.min(money).max(0));
        let refill = more.clamp(0, room(sides));
        self.next = next;
        let kept = &mut self.kept;
        match start == kept.window.start {
            true => kept.others.limit(limit),
            // They are windows of another calendar.
            false => kept.others = Windows::default(),
        }
        kept.allowance = allowance;
        kept.base = kept.base.saturating_add(refill - lapse);
        let window = &mut kept.window;
        window.granted = granted - lapse;
        kept.others.give_more(window, refill);
        window.is_warned = false;
        window.filled_to = window.filled_to.saturating_add(refill - lapse);
        window.start = start;
        postings(lapse, refill)
    }

    /// Enters a window, and tells what that moves between `@budget` (the debit side) and the account.
    ///
    /// The refills of windows that are still ahead are taken back first: the clock was wrong, and now it is
    /// right. When such a window comes, or has come and gone, its refill is given again.
    pub fn enter(&mut self, entered: EnteredWindow, sides: &Sides) -> Postings {
        let (start, next) = entered.window;
        let money = available(&sides.credit);
        let kept = &mut self.kept;
        kept.window.spent = kept.base.saturating_sub(money);
        let carried = kept.others.leave(kept.window);
        let most = money.saturating_sub(i64::MIN);
        let lapse = kept.others.take_back(start, most);
        let refill = match entered.is_refilled {
            true => 0,
            false => kept.allowance.amount.minor(),
        };
        let known = kept.others.come_back(start);
        kept.window = known.unwrap_or_else(|| Window::new(start, refill));
        let replaced = kept.window.replaced;
        kept.window.replaced = replaced.saturating_add(carried);
        kept.base = money.saturating_sub(lapse);
        self.next = next;
        let refill = self.fill(sides, entered.record);
        postings(lapse, refill)
    }

    /// Gives the refills that are due: that of this window, and those of windows that were left before they
    /// began and have come and gone since, so that they count after all. The base is what is available.
    fn fill(&mut self, sides: &Sides, record: u64) -> i64 {
        let (limit, is_kept) = (self.limit(), self.kept.allowance.rollover);
        let KeptBudget {
            base,
            others,
            window,
            ..
        } = &mut self.kept;
        let due = others.due(window);
        let refill = match is_kept {
            true => due,
            false => {
                let left = limit.saturating_sub(window.spent);
                left.saturating_sub(*base).min(due)
            }
        };
        let refill = refill.min(room(sides)).max(0);
        *base = base.saturating_add(refill).saturating_add(window.spent);
        if !window.stands {
            window.filled_to = if is_kept { limit } else { *base };
        }
        let held = if is_kept { 0 } else { sides.credit.held };
        others.give(window, refill, held, record);
        refill
    }

    /// Whether this moment is in another window than the last one that was entered.
    pub fn is_due(&self, at: Moment) -> bool {
        at < self.kept.window.start || self.next <= at
    }

    /// What goes back to the budget where a hold has ended: as much of what it gave back as refills stand in for.
    pub fn end_hold(&mut self, ended: EndedHold) -> Option<Amount> {
        let kept = &mut self.kept;
        let lapse = kept.others.end_hold(&mut kept.window, ended);
        if ended.hold <= kept.window.since {
            // What an earlier hold gives back was there before this window, and was not spent in it.
            let left = ended.given_back() - lapse;
            kept.base = kept.base.saturating_add(left);
            if !kept.allowance.rollover {
                kept.window.filled_to = kept.window.filled_to.saturating_add(left);
            }
        }
        Amount::new(lapse)
    }

    /// Money came in that is no refill.
    pub fn receive(&mut self, amount: Amount) {
        let kept = &mut self.kept;
        kept.base = kept.base.saturating_add(amount.minor());
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
        let spent = self.kept.base.saturating_sub(left).max(0);
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
        let is_possible = budget.kept.others.are_possible(&budget.kept.window);
        (is_possible && budget.to_text() == text).then_some(budget)
    }

    /// The allowance.
    pub fn allowance(&self) -> &Allowance {
        &self.kept.allowance
    }

    /// Whether this window is one of those that are remembered.
    pub fn remembers(&self, start: Moment) -> bool {
        self.kept.window.start == start || self.kept.others.remember(start)
    }

    /// The window that was entered last, and how.
    pub fn current(&self, entry: WindowEntry) -> AllowanceWindow {
        let Allowance {
            amount, rollover, ..
        } = self.kept.allowance;
        AllowanceWindow {
            start: self.kept.window.start,
            limit: amount,
            rollover,
            entry,
        }
    }

    /// When the last window began that was entered.
    pub fn start(&self) -> Moment {
        self.kept.window.start
    }

    fn limit(&self) -> i64 {
        self.kept.allowance.amount.minor()
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
