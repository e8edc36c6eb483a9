//! Refusals: the bank's rules must say no too, and for the same reason.

use super::super::contradiction::Disagreement;
use super::super::history::Observed;
use super::RuleReplay;
use super::known::KnownAccount;
use crate::bank::{Account, Amount, MAX_BALANCE, Rejection, Sides};

impl RuleReplay<'_> {
    pub(super) fn refused(&mut self, number: u32, one: &Observed) -> Result<(), Disagreement> {
        let Some(rejection) = one.reason else {
            self.left_open.refusals += 1;
            // Whatever the reason was, nothing was moved; what was set aside may be back.
            self.give_back(one, None)?;
            return self.see(one);
        };
        match rejection {
            Rejection::Declined => {
                if let Some(aside) = self.take_aside(one) {
                    self.give_back(one, aside)?;
                }
                Ok(())
            }
            Rejection::IdConflict | Rejection::InProgress | Rejection::InDoubt => {
                let is_sure = self.repeats.objected(number, rejection)?;
                self.left_open.refusals += u64::from(!is_sure);
                Ok(())
            }
            Rejection::AlreadyPosted
            | Rejection::AlreadyVoided
            | Rejection::Expired
            | Rejection::UnknownHold => {
                let is_sure = self.repeats.has_ended(one.id, rejection);
                self.left_open.refusals += u64::from(!is_sure);
                Ok(())
            }
            _ if one.has_work && self.is_begun(one) => {
                let aside = self.take_aside(one).unwrap_or_default();
                self.left_open.refusals += 1;
                self.give_back(one, aside)
            }
            Rejection::InsufficientFunds
            | Rejection::UnknownAccount
            | Rejection::SameAccount
            | Rejection::BalanceOverflow => self.refused_by_money(one, rejection),
            _ => {
                self.left_open.refusals += 1;
                Ok(())
            }
        }
    }

    fn is_begun(&self, one: &Observed) -> bool {
        one.key().is_some_and(|key| self.begun.contains_key(&key))
    }

    /// The rules must refuse it too, for the same reason.
    fn refused_by_money(
        &mut self,
        one: &Observed,
        rejection: Rejection,
    ) -> Result<(), Disagreement> {
        let wrong = |available| Disagreement::Refused {
            rejection,
            available,
        };
        self.see(one)?;
        let epochs = self.epochs;
        let Some((debit, credit)) = one.sides() else {
            return self.refused_view(one, rejection);
        };
        let is_same = debit == credit;
        if is_same != (rejection == Rejection::SameAccount) {
            return Err(wrong(None));
        }
        if is_same {
            return Ok(());
        }
        if let Some(overdraft) = one.overdraft() {
            self.account(debit).limit(overdraft, &epochs);
        }
        let (giver, receiver) = (*self.account(debit), *self.account(credit));
        if rejection == Rejection::UnknownAccount {
            return self.refused_as_unknown(&[giver, receiver], giver);
        }
        if giver.is_absent(&epochs) {
            return Err(wrong(None));
        }
        let Some(amount) = Amount::new(one.amount) else {
            return Ok(());
        };
        if !giver.is_known(&epochs)
            || rejection == Rejection::BalanceOverflow && !receiver.is_known(&epochs)
        {
            self.left_open.refusals += 1;
            return Ok(());
        }
        let sides = Sides {
            debit: giver.least_permissive(&epochs),
            credit: receiver.most_permissive(&epochs),
        };
        let refused = match sides.begin(amount) {
            Ok(_) if !self.fits(one, sides, amount) => Some(Rejection::BalanceOverflow),
            begun => begun.err(),
        };
        if refused != Some(rejection) {
            return Err(wrong(giver.available(&epochs)));
        }
        self.account(debit).refuse(amount, &epochs);
        Ok(())
    }

    /// Whether what both accounts hold afterwards fits where the run keeps it.
    fn fits(&self, one: &Observed, sides: Sides, amount: Amount) -> bool {
        let in_words = self.history.runs[one.run as usize].in_words;
        let fits = |account: Account| account.posted.unsigned_abs() <= MAX_BALANCE.unsigned_abs();
        let after = sides.execute(amount);
        !in_words || after.is_ok_and(|after| fits(after.debit) && fits(after.credit))
    }

    fn refused_view(&mut self, one: &Observed, rejection: Rejection) -> Result<(), Disagreement> {
        let account = *self.account(one.account);
        match rejection {
            Rejection::UnknownAccount => self.refused_as_unknown(&[account], account),
            _ => Err(Disagreement::Refused {
                rejection,
                available: None,
            }),
        }
    }

    /// Money cannot go out of an account that is not there; where the terms are strict, both must have been
    /// opened.
    fn refused_as_unknown(
        &mut self,
        sides: &[KnownAccount],
        giver: KnownAccount,
    ) -> Result<(), Disagreement> {
        if !giver.exists() {
            return Ok(());
        }
        if sides.iter().all(KnownAccount::is_opened) {
            return Err(Disagreement::Refused {
                rejection: Rejection::UnknownAccount,
                available: giver.available(&self.epochs),
            });
        }
        self.left_open.refusals += 1;
        Ok(())
    }
}
