//! Money that moves, or is set aside: the bank's rules, and what they tell of accounts.

use super::super::contradiction::Disagreement;
use super::super::history::Observed;
use super::super::text_table::NO_TEXT;
use super::{MoneyMove, RuleReplay, unknown_account};
use crate::bank::{Amount, Movement, Name, Sides};

impl RuleReplay<'_> {
    pub(super) fn apply(&mut self, one: &Observed, what: MoneyMove) -> Result<(), Disagreement> {
        match one.sides() {
            Some((debit, credit)) => self.move_money(one, debit, credit, what),
            None => Ok(()),
        }
    }

    pub(super) fn move_money(
        &mut self,
        one: &Observed,
        debit: u32,
        credit: u32,
        what: MoneyMove,
    ) -> Result<(), Disagreement> {
        let amount = match what {
            MoneyMove::Begin(amount)
            | MoneyMove::Execute(amount)
            | MoneyMove::Void(amount)
            | MoneyMove::Book(amount) => amount,
            MoneyMove::Post { moved, .. } => moved,
        };
        if what != MoneyMove::Void(amount) {
            self.check_sides(debit, credit, amount)?;
        }
        self.learn_before(one, debit, credit, what)?;
        let epochs = self.epochs;
        let (giver, receiver) = (*self.account(debit), *self.account(credit));
        if giver.is_absent(&epochs) {
            return Err(unknown_account());
        }
        let before = Sides {
            debit: giver.most_permissive(&epochs),
            credit: receiver.most_permissive(&epochs),
        };
        let decided = match what {
            MoneyMove::Begin(amount) => before.begin(amount),
            MoneyMove::Post { held, moved } => before.post(held, moved),
            MoneyMove::Execute(amount) => before.execute(amount),
            MoneyMove::Void(amount) => Ok(before.void(amount)),
            MoneyMove::Book(amount) => before.book(amount),
        };
        let after = decided.map_err(|rejection| Disagreement::Accepted {
            rejection,
            available: giver.available(&epochs),
        })?;
        let is_new = matches!(what, MoneyMove::Begin(_) | MoneyMove::Execute(_));
        let account = self.account(debit);
        account.follow(after.debit, &epochs);
        if is_new && !account.accept(&epochs) {
            self.left_open.limits += 1;
        }
        if credit != debit {
            self.account(credit).follow(after.credit, &epochs);
            if !matches!(what, MoneyMove::Begin(_) | MoneyMove::Void(_)) {
                self.account(credit).exist();
            }
        }
        self.told(one)
    }

    /// Refuses what moves nothing between two accounts.
    fn check_sides(&self, debit: u32, credit: u32, amount: Amount) -> Result<(), Disagreement> {
        let name = |number| Name::other_side(self.history.account(number)).unwrap_or_default();
        if debit != credit {
            return Ok(());
        }
        let movement = Movement {
            debit: &name(debit),
            credit: &name(credit),
            amount,
        };
        movement
            .check()
            .map_err(|rejection| Disagreement::Accepted {
                rejection,
                available: None,
            })
    }

    /// Learns what the account held before, from what it holds after.
    fn learn_before(
        &mut self,
        one: &Observed,
        debit: u32,
        credit: u32,
        what: MoneyMove,
    ) -> Result<(), Disagreement> {
        let (moved, set_aside) = match what {
            MoneyMove::Begin(amount) => (0, amount.minor()),
            MoneyMove::Post { held, moved } => (moved.minor(), -held.minor()),
            MoneyMove::Execute(amount) | MoneyMove::Book(amount) => (amount.minor(), 0),
            MoneyMove::Void(amount) => (0, -amount.minor()),
        };
        let epochs = self.epochs;
        let other = match one.account == debit {
            true => credit,
            false => debit,
        };
        let told = [
            (one.account, one.balance(), one.available()),
            (other, one.other_balance(), None),
        ];
        for (account, balance, available) in told {
            let Some(balance) = balance.filter(|_| account != NO_TEXT) else {
                continue;
            };
            let (moved, set_aside) = match account == debit {
                true => (-moved, set_aside),
                false => (moved, 0),
            };
            let held = available.and_then(|available| balance.checked_sub(available));
            let held = held.map(|held| held.saturating_sub(set_aside));
            if held.is_some_and(|held| held < 0) {
                return Err(Disagreement::HoldLost { account });
            }
            let before = balance.saturating_sub(moved);
            self.account(account).learn(before, held, &epochs);
        }
        Ok(())
    }

    /// What an answer tells of its accounts must be what they hold.
    pub(super) fn told(&mut self, one: &Observed) -> Result<(), Disagreement> {
        let epochs = self.epochs;
        if let Some(balance) = one.other_balance()
            && let Some(expected) = self.account(one.other).balance(&epochs)
            && balance != expected
        {
            return Err(Disagreement::Balance {
                account: one.other,
                expected,
                told: balance,
            });
        }
        if one.account == NO_TEXT {
            return Ok(());
        }
        let account = one.account;
        if let Some(told) = one.balance()
            && let Some(expected) = self.account(account).balance(&epochs)
            && told != expected
        {
            return Err(Disagreement::Balance {
                account,
                expected,
                told,
            });
        }
        if let Some(told) = one.available()
            && let Some(expected) = self.account(account).available(&epochs)
            && told != expected
        {
            return Err(Disagreement::Available {
                account,
                expected,
                told,
            });
        }
        Ok(())
    }

    /// Money was moved, and it is not known what of it was set aside before.
    pub(super) fn learn_after(
        &mut self,
        one: &Observed,
        moved: Amount,
    ) -> Result<(), Disagreement> {
        let Some((debit, credit)) = one.sides() else {
            return Ok(());
        };
        let epochs = self.epochs;
        self.account(debit).forget_held();
        let moved = moved.minor();
        for (account, minor) in [(debit, moved.saturating_neg()), (credit, moved)] {
            self.account(account).add(minor, &epochs);
            self.account(account).exist();
        }
        self.told(one)?;
        if let Some(balance) = one.balance() {
            self.account(one.account)
                .tell(balance, one.available(), &epochs);
        }
        let is_below = one
            .available()
            .or(one.balance())
            .is_some_and(|minor| minor < 0);
        self.left_open.limits += u64::from(is_below);
        Ok(())
    }
}
