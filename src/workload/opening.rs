//! Lines that open accounts, or change their limits.

use super::Defaults;
use super::fields::{Field, Fields};
use crate::bank::{
    Allowance, AllowanceChange, Amount, Balance, Kind, Name, Operation, Percent, Period, Zone,
};

/// Why an allowance is none.
const NO_ALLOWANCE: &str = "an allowance is an amount for a period, such as `5/day`, or `none`";

/// What a line opens only where the bank decides.
const ELSEWHERE: &str =
    "`open` stands in the input of `parallel`, `queue` and `pipe`, where the bank decides";

impl Fields<'_> {
    /// The opening that a line asks for, or the reason why it asks for none.
    pub(super) fn opening(&self, defaults: &Defaults) -> Result<Operation, String> {
        if !defaults.bank_decides {
            return Err(ELSEWHERE.to_string());
        }
        let others = [
            Field::Amount,
            Field::To,
            Field::Id,
            Field::Memo,
            Field::Date,
        ];
        self.refuse(Kind::Open, &others)?;
        let account = self.read(Field::Account, Name::user)?;
        let account = account.ok_or("`open` does not say which `account`")?;
        let overdraft = self.read(Field::Overdraft, str::parse::<Balance>)?;
        Ok(Operation::opening(account, overdraft, self.allowance()?))
    }

    /// What becomes of the account's allowance.
    fn allowance(&self) -> Result<Option<AllowanceChange>, String> {
        let zone = self.read(Field::Zone, Zone::new)?;
        let rollover = self.read(Field::Rollover, str::parse::<bool>)?;
        let warn = self.read(Field::WarnAt, str::parse::<Percent>)?;
        let is_described = zone.is_some() || rollover.is_some() || warn.is_some();
        match self.read(Field::Allowance, amount_and_period)? {
            None | Some(None) if is_described => {
                Err("`zone`, `rollover` and `warn_at` are about an `allowance`".to_string())
            }
            None => Ok(None),
            Some(None) => Ok(Some(AllowanceChange::Removed)),
            Some(Some((amount, period))) => Ok(Some(AllowanceChange::Set(Allowance {
                amount,
                period,
                rollover: rollover.unwrap_or_default(),
                warn,
                zone: zone.unwrap_or_default(),
            }))),
        }
    }
}

fn amount_and_period(text: &str) -> Result<Option<(Amount, Period)>, String> {
    if text == "none" {
        return Ok(None);
    }
    let (amount, period) = text.split_once('/').ok_or(NO_ALLOWANCE)?;
    let amount = amount
        .parse::<Amount>()
        .map_err(|error| error.to_string())?;
    let period = period
        .parse::<Period>()
        .map_err(|error| error.to_string())?;
    let amount = Allowance::check(amount).map_err(|error| error.to_string())?;
    Ok(Some((amount, period)))
}
