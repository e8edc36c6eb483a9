//! The rules for the money of two accounts.

use serde::{Deserialize, Serialize};

use super::{Amount, Balance, Rejection, View};

/// The sums of one account, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(i64, i64, i64)", try_from = "(i64, i64, i64)")]
pub struct Account {
    /// All that was posted.
    pub posted: i64,
    /// Set aside by operations under way.
    pub held: i64,
    /// The least that `posted - held` may become through a debit.
    floor: i64,
    /// A request opened it, and not money that came in.
    opened: bool,
}

impl Account {
    /// An empty account whose available money may go down to `-overdraft`.
    pub fn new(overdraft: Balance) -> Self {
        Account {
            posted: 0,
            held: 0,
            // A balance that was read is never negative, so this stays in range.
            floor: -overdraft.minor(),
            opened: false,
        }
    }

    /// One of the bank's own accounts, without a limit.
    pub fn the_banks() -> Self {
        Account {
            posted: 0,
            held: 0,
            floor: i64::MIN,
            opened: false,
        }
    }

    /// The same account with another limit, which bounds the debits from now on.
    pub fn with_overdraft(self, overdraft: Balance) -> Self {
        Account {
            floor: Account::new(overdraft).floor,
            ..self
        }
    }

    /// The same account, opened by a request.
    pub fn opened(self) -> Self {
        Account {
            opened: true,
            ..self
        }
    }

    /// Whether a request opened it. The bank's own accounts were never opened.
    pub fn is_opened(&self) -> bool {
        self.opened
    }

    /// How far below zero it may go; the largest balance for the bank's own.
    pub fn overdraft(&self) -> Balance {
        Balance::new(self.floor.saturating_neg())
    }

    /// Whether it is below its limit.
    pub fn is_overdrawn(&self) -> bool {
        self.posted.saturating_sub(self.held) < self.floor
    }

    /// The same account with so much more set aside, if it has room for that. Whether it has the money, a rule
    /// said before.
    pub fn setting_aside(self, amount: Amount) -> Option<Self> {
        let held = self.held.checked_add(amount.minor())?;
        self.posted.checked_sub(held)?;
        Some(Account { held, ..self })
    }

    /// The same account with so much less set aside.
    pub fn giving_back(self, amount: Amount) -> Self {
        Account {
            held: self.held - amount.minor(),
            ..self
        }
    }

    /// The account as an answer tells it.
    pub fn view(&self) -> View {
        View {
            posted: Balance::new(self.posted),
            // Every change is checked so that this difference stays in range.
            available: Balance::new(self.posted.saturating_sub(self.held)),
        }
    }

    /// The account's parts as they travel: posted, held, floor.
    pub fn parts(&self) -> (i64, i64, i64) {
        (self.posted, self.held, self.floor)
    }

    /// The account of these parts, if they can be one.
    pub fn from_parts((posted, held, floor): (i64, i64, i64)) -> Option<Self> {
        let possible = held >= 0 && floor <= 0 && posted.checked_sub(held).is_some();
        possible.then_some(Account {
            posted,
            held,
            floor,
            opened: false,
        })
    }
}

impl From<Account> for (i64, i64, i64) {
    fn from(account: Account) -> Self {
        account.parts()
    }
}

impl TryFrom<(i64, i64, i64)> for Account {
    type Error = &'static str;

    fn try_from(parts: (i64, i64, i64)) -> Result<Self, Self::Error> {
        Account::from_parts(parts).ok_or("an account has no such sums")
    }
}

/// The two accounts of a movement, before or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The account that gives.
    pub debit: Account,
    /// The account that receives.
    pub credit: Account,
}

impl Sides {
    /// Sets the amount aside on the debit side.
    ///
    /// The range is checked before the funds, so that the bank's own accounts, which have no limit,
    /// are refused at the end of the integers and not before.
    pub fn begin(mut self, amount: Amount) -> Result<Self, Rejection> {
        let available = self.debit.posted.checked_sub(self.debit.held);
        let rest = available.and_then(|available| available.checked_sub(amount.minor()));
        let held = self.debit.held.checked_add(amount.minor());
        let arrived = self.credit.posted.checked_add(amount.minor());
        let (Some(rest), Some(held), Some(_)) = (rest, held, arrived) else {
            return Err(Rejection::BalanceOverflow);
        };
        if rest < self.debit.floor {
            return Err(Rejection::InsufficientFunds);
        }
        self.debit.held = held;
        Ok(self)
    }

    /// Moves `amount` where `held` was set aside by `begin`: what is less is given back, what is more goes
    /// out too, even below the limit.
    ///
    /// It is refused only at the end of the integers, which other postings or the excess may have
    /// reached since; the caller then voids.
    pub fn post(mut self, held: Amount, amount: Amount) -> Result<Self, Rejection> {
        let arrived = self.credit.posted.checked_add(amount.minor());
        let left = self.debit.posted.checked_sub(amount.minor());
        let still_held = self.debit.held - held.minor();
        let (Some(arrived), Some(left)) = (arrived, left) else {
            return Err(Rejection::BalanceOverflow);
        };
        if left.checked_sub(still_held).is_none() {
            return Err(Rejection::BalanceOverflow);
        }
        self.credit.posted = arrived;
        self.debit.posted = left;
        self.debit.held = still_held;
        Ok(self)
    }

    /// Whether `amount` may go out where `held` is set aside and nothing was spent yet: what is more must
    /// be available.
    pub fn check_excess(&self, held: Amount, amount: Amount) -> Result<(), Rejection> {
        let Some(excess) = Amount::new(amount.minor().saturating_sub(held.minor())) else {
            return Ok(());
        };
        self.begin(excess).map(drop)
    }

    /// Gives back what `begin` set aside.
    pub fn void(mut self, amount: Amount) -> Self {
        self.debit.held -= amount.minor();
        self
    }

    /// Moves it, whatever is available: only the end of the integers is in the way.
    pub fn book(mut self, amount: Amount) -> Result<Self, Rejection> {
        let arrived = self.credit.posted.checked_add(amount.minor());
        let left = self.debit.posted.checked_sub(amount.minor());
        let (Some(arrived), Some(left)) = (arrived, left) else {
            return Err(Rejection::BalanceOverflow);
        };
        if left.checked_sub(self.debit.held).is_none() {
            return Err(Rejection::BalanceOverflow);
        }
        (self.credit.posted, self.debit.posted) = (arrived, left);
        Ok(self)
    }

    /// Begins and posts in one step, for an operation without work.
    pub fn execute(self, amount: Amount) -> Result<Self, Rejection> {
        self.begin(amount)?.post(amount, amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(posted: i64, held: i64, floor: i64) -> Account {
        Account::from_parts((posted, held, floor)).expect("possible parts")
    }

    fn sides(debit: Account, credit: Account) -> Sides {
        Sides { debit, credit }
    }

    fn begin(debit: Account, amount: i64) -> Result<Sides, Rejection> {
        let amount = Amount::new(amount).expect("positive");
        sides(debit, account(0, 0, 0)).begin(amount)
    }

    #[test]
    fn money_is_set_aside_only_while_there_is_some() {
        let held = |debit, amount| begin(debit, amount).map(|sides| sides.debit.held);
        assert_eq!(held(account(100, 0, 0), 100), Ok(100));
        assert_eq!(
            held(account(100, 0, 0), 101),
            Err(Rejection::InsufficientFunds)
        );
        assert_eq!(held(account(100, 60, 0), 40), Ok(100));
        assert_eq!(
            held(account(100, 60, 0), 41),
            Err(Rejection::InsufficientFunds)
        );
        assert_eq!(held(account(0, 0, -50), 50), Ok(50));
        assert_eq!(
            held(account(0, 0, -50), 51),
            Err(Rejection::InsufficientFunds)
        );
        assert_eq!(
            held(account(0, 0, 0), i64::MAX),
            Err(Rejection::InsufficientFunds)
        );
    }

    #[test]
    fn the_banks_own_side_ends_only_with_the_integers() {
        let mut world = Account::the_banks();
        assert_eq!(begin(world, i64::MAX).map(|s| s.debit.held), Ok(i64::MAX));
        world.posted = i64::MIN + 5;
        assert_eq!(begin(world, 5).map(|s| s.debit.held), Ok(5));
        assert_eq!(begin(world, 6), Err(Rejection::BalanceOverflow));
    }

    #[test]
    fn a_full_account_takes_no_more() {
        let amount = Amount::new(2).expect("positive");
        let full = sides(account(10, 0, 0), account(i64::MAX - 1, 0, 0));
        assert_eq!(full.begin(amount), Err(Rejection::BalanceOverflow));
        let held = sides(account(10, 2, 0), account(i64::MAX - 1, 0, 0));
        assert_eq!(held.post(amount, amount), Err(Rejection::BalanceOverflow));
    }

    #[test]
    fn what_is_booked_leaves_room_for_what_is_held() {
        let amount = |minor| Amount::new(minor).expect("positive");
        let nearly_empty = sides(account(i64::MIN + 9, 5, i64::MIN), account(0, 0, 0));
        assert!(nearly_empty.book(amount(4)).is_ok());
        assert_eq!(
            nearly_empty.book(amount(5)),
            Err(Rejection::BalanceOverflow)
        );
        let full = sides(account(5, 5, 0), account(i64::MAX - 3, 0, 0));
        assert!(full.book(amount(3)).is_ok());
        assert_eq!(full.book(amount(4)), Err(Rejection::BalanceOverflow));
    }

    #[test]
    fn posting_moves_and_voiding_gives_back() {
        let amount = Amount::new(30).expect("positive");
        let begun = sides(account(100, 0, 0), account(5, 0, 0))
            .begin(amount)
            .expect("funds");
        let posted = begun.post(amount, amount).expect("room");
        assert_eq!(
            (posted.debit, posted.credit),
            (account(70, 0, 0), account(35, 0, 0))
        );
        let less = Amount::new(10).expect("positive");
        let part = begun.post(amount, less).expect("room");
        assert_eq!(
            (part.debit, part.credit),
            (account(90, 0, 0), account(15, 0, 0))
        );
        let voided = begun.void(amount);
        assert_eq!(
            (voided.debit, voided.credit),
            (account(100, 0, 0), account(5, 0, 0))
        );
    }

    #[test]
    fn parts_that_no_account_has_are_none() {
        for parts in [(5, 2, 0), (-5, 0, -7), (i64::MIN, 0, i64::MIN)] {
            let read = Account::from_parts(parts);
            assert_eq!(read.map(|one| one.parts()), Some(parts));
        }
        for parts in [(5, -1, 0), (5, 2, 1), (5, -1, 1), (i64::MIN, 1, 0)] {
            assert_eq!(Account::from_parts(parts), None, "{parts:?}");
        }
    }

    #[test]
    fn money_is_set_aside_up_to_the_end_of_the_integers_and_given_back() {
        let amount = |minor| Amount::new(minor).expect("positive");
        let aside = account(10, 3, 0).setting_aside(amount(4));
        assert_eq!(aside, Some(account(10, 7, 0)));
        assert_eq!(account(10, 7, 0).giving_back(amount(4)), account(10, 3, 0));
        let lowest = |held| account(i64::MIN + 5, held, i64::MIN);
        assert_eq!(lowest(3).setting_aside(amount(2)), Some(lowest(5)));
        assert_eq!(lowest(3).setting_aside(amount(3)), None);
        let full = account(0, i64::MAX, i64::MIN);
        assert_eq!(full.setting_aside(amount(1)), None);
    }

    #[test]
    fn an_account_is_overdrawn_below_its_limit_and_not_at_it() {
        let overdrawn = |(posted, held)| account(posted, held, -10).is_overdrawn();
        let of = [(-10, 0), (-11, 0), (5, 15), (5, 16)].map(overdrawn);
        assert_eq!(of, [false, true, false, true]);
    }
}
