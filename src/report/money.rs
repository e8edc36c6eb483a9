//! MoneyText with what it counts.

use std::fmt::{self, Display};

use serde::Serialize;

use crate::bank::{Balance, Unit};
use crate::event::decimal;

/// MoneyText in minor units, with its unit: a sign such as `$` stands before the number, and a minus before that.
pub(super) struct MoneyText(pub(super) i128);

impl MoneyText {
    pub(super) fn of(balance: Balance) -> Self {
        MoneyText(balance.minor().into())
    }
}

impl Display for MoneyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, unit) = (decimal(self.0), Unit::current());
        match text.strip_prefix('-') {
            _ if !unit.is_sign() => write!(f, "{text} {}", unit.name()),
            Some(positive) => write!(f, "-{}{positive}", unit.name()),
            None => write!(f, "{}{text}", unit.name()),
        }
    }
}

/// MoneyText as a bare number where that says enough, and else with its unit.
pub struct BareMoney(pub Balance);

impl Display for BareMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Unit::current().is_default() {
            true => self.0.fmt(f),
            false => MoneyText::of(self.0).fmt(f),
        }
    }
}

/// What amounts count, and whether that stands before a number.
#[derive(Serialize)]
pub(super) struct UnitObject {
    name: &'static str,
    decimals: u8,
    is_sign: bool,
}

impl UnitObject {
    pub(super) fn current() -> Self {
        let unit = Unit::current();
        UnitObject {
            name: unit.name(),
            decimals: unit.decimals(),
            is_sign: unit.is_sign(),
        }
    }
}
