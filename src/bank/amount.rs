//! Money: whole minor units in 64-bit integers. How many of them make a unit, the ledger says.

mod text;

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::Unit;
pub use text::{AmountText, Decimal};
use text::{parse_minor, parse_rounded_up};

/// A positive count of minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Amount(i64);

impl Amount {
    /// One minor unit.
    pub const SMALLEST: Amount = Amount(1);

    /// The amount of `minor` units, if that is more than nothing.
    pub fn new(minor: i64) -> Option<Self> {
        (minor > 0).then_some(Amount(minor))
    }

    /// Reads a decimal of any fineness, with or without an exponent, such as `0.0123` or `1.2e-05`.
    pub fn rounded_up(text: &str) -> Result<Rounded, AmountError> {
        let (minor, is_exact) = parse_rounded_up(text, Unit::current().decimals())?;
        Ok(Rounded {
            amount: Amount::new(minor),
            is_exact,
        })
    }

    /// The count of minor units, at least 1.
    pub fn minor(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Amount {
    type Error = AmountError;

    fn try_from(minor: i64) -> Result<Self, AmountError> {
        Amount::new(minor).ok_or(AmountError::Zero)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let minor = parse_minor(text, Unit::current().decimals())?;
        Amount::new(minor).ok_or(AmountError::Zero)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Decimal::new(self.0).as_str())
    }
}

/// An amount that was read, rounded up to whole minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// How much; `None`: zero.
    pub amount: Option<Amount>,
    /// It was in whole minor units.
    pub is_exact: bool,
}

/// What stands on an account: a signed count of minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Balance(i64);

impl Balance {
    /// The balance of `minor` units.
    pub fn new(minor: i64) -> Self {
        Balance(minor)
    }

    /// The count of minor units.
    pub fn minor(self) -> i64 {
        self.0
    }

    /// Reads a limit where it travels: nothing, or none below zero.
    pub(super) fn read_limit<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Self>, D::Error> {
        match Option::<Balance>::deserialize(deserializer)? {
            Some(limit) if limit.0 < 0 => Err(D::Error::custom(AmountError::Negative)),
            limit => Ok(limit),
        }
    }
}

impl From<Amount> for Balance {
    fn from(amount: Amount) -> Self {
        Balance(amount.0)
    }
}

impl FromStr for Balance {
    type Err = AmountError;

    /// Reads a balance to start from or a limit, so zero is one and a negative number is not.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        parse_minor(text, Unit::current().decimals()).map(Balance)
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Decimal::new(self.0).as_str())
    }
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Something else than digits and one point.
    #[error(
        "an amount is digits, with more of them after a point or without, such as `500` or `12.50`"
    )]
    NotDecimal,
    /// A minus sign.
    #[error("an amount is never negative")]
    Negative,
    /// Fractions of a minor unit.
    #[error("an amount {} here", Fineness(*.0))]
    TooFine(u8),
    /// Beyond a 64-bit integer of minor units.
    #[error("an amount is at most {} here", Decimal::of(i64::MAX, *.0).as_str())]
    TooLarge(u8),
    /// Zero where something must move.
    #[error("an amount is more than zero")]
    Zero,
}

/// How fine an amount may be, in words.
struct Fineness(u8);

impl fmt::Display for Fineness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("has no digits after the point"),
            1 => f.write_str("has at most one digit after the point"),
            2 => f.write_str("has at most two digits after the point"),
            decimals => write!(f, "has at most {decimals} digits after the point"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::MAX_DECIMALS;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<i64, AmountError>) {
        assert_eq!(
            text.parse::<Amount>().map(Amount::minor),
            expected,
            "{text}"
        );
    }

    #[test]
    fn reads_decimals_and_names_what_is_wrong() {
        check("500", Ok(50_000));
        check("500.00", Ok(50_000));
        check("12.5", Ok(1_250));
        check("0.01", Ok(1));
        check("007", Ok(700));
        check("92233720368547758.07", Ok(i64::MAX));
        check("92233720368547758.08", Err(AmountError::TooLarge(2)));
        check("99999999999999999999999", Err(AmountError::TooLarge(2)));
        check("0", Err(AmountError::Zero));
        check("0.00", Err(AmountError::Zero));
        check("-1", Err(AmountError::Negative));
        check("1.234", Err(AmountError::TooFine(2)));
        for text in [
            "", ".", "1.", ".5", "1e3", "+1", " 1", "1 ", "1,5", "0x1", "1.2.3", "NaN", "٣",
        ] {
            check(text, Err(AmountError::NotDecimal));
        }
    }

    #[track_caller]
    fn check_rounded(text: &str, minor: i64, is_exact: bool) {
        let amount = Amount::new(minor);
        assert_eq!(
            Amount::rounded_up(text),
            Ok(Rounded { amount, is_exact }),
            "{text}"
        );
    }

    #[test]
    fn what_is_finer_than_a_minor_unit_is_rounded_up() {
        check_rounded("5", 500, true);
        check_rounded("1.80", 180, true);
        check_rounded("1.800", 180, true);
        check_rounded("0.0123456", 2, false);
        check_rounded("1.2e-05", 1, false);
        check_rounded("1.2E3", 120_000, true);
        check_rounded("1.5e+1", 1_500, true);
        check_rounded("125e-2", 125, true);
        check_rounded("1e-2", 1, true);
        check_rounded("1e-3", 1, false);
        check_rounded(".5", 50, true);
        check_rounded("3.", 300, true);
        check_rounded("0.999999999999999999999999999999", 100, false);
        check_rounded("0.00999", 1, false);
        check_rounded("0", 0, true);
        check_rounded("0.000", 0, true);
        check_rounded("0e99999999999999999999", 0, true);
        check_rounded("1e-99999999999999999999", 1, false);
        check_rounded("92233720368547758.07", i64::MAX, true);
        check_rounded("0000000000000000000000000000000000000001", 100, true);
        for text in [
            "92233720368547758.071",
            "92233720368547758.08",
            "1e99",
            "1e99999999999999999999",
        ] {
            assert_eq!(
                Amount::rounded_up(text),
                Err(AmountError::TooLarge(2)),
                "{text}"
            );
        }
        for text in [
            "", ".", "e5", "1e", "1e+", "1e1.5", "+1", "0x1", "1,5", "NaN", "inf", "1 2", "1_000",
            "٣",
        ] {
            assert_eq!(
                Amount::rounded_up(text),
                Err(AmountError::NotDecimal),
                "{text}"
            );
        }
        assert_eq!(Amount::rounded_up("-1e2"), Err(AmountError::Negative));
    }

    #[test]
    fn a_balance_may_be_zero_but_not_negative() {
        assert_eq!("0".parse(), Ok(Balance::new(0)));
        assert_eq!("-1".parse::<Balance>(), Err(AmountError::Negative));
    }

    #[test]
    fn a_limit_that_travels_is_none_below_zero() {
        let read = |limit: serde_json::Value| Balance::read_limit(limit).ok();
        assert_eq!(read(serde_json::json!("0.00")), Some(Some(Balance::new(0))));
        assert_eq!(read(serde_json::Value::Null), Some(None));
        assert_eq!(read(serde_json::json!("-0.01")), None);
    }

    #[test]
    fn a_text_is_as_fine_as_the_finest_unit() {
        let with_digits = |count: u8| format!("0.{}", "1".repeat(usize::from(count)));
        let read = |text: String| text.parse::<AmountText>().map(drop);
        assert_eq!(read(with_digits(MAX_DECIMALS)), Ok(()));
        let too_fine = Err(AmountError::TooFine(MAX_DECIMALS));
        assert_eq!(read(with_digits(MAX_DECIMALS + 1)), too_fine);
    }

    #[test]
    fn writes_the_edges_of_the_range() {
        assert_eq!(Balance::new(i64::MIN).to_string(), "-92233720368547758.08");
        assert_eq!(Balance::new(-5).to_string(), "-0.05");
        assert_eq!(Balance::new(0).to_string(), "0.00");
        assert_eq!(format!("{:>8}", Balance::new(150)), "    1.50");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in 1..=i64::MAX) {
            let amount = Amount::new(minor).expect("positive");
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            let rounded = Rounded { amount: Some(amount), is_exact: true };
            prop_assert_eq!(Amount::rounded_up(&amount.to_string()), Ok(rounded));
        }

        #[test]
        fn how_fine_amounts_are_is_up_to_the_ledger(minor in 1..=i64::MAX, decimals in 0..=MAX_DECIMALS) {
            let text = Decimal::of(minor, decimals);
            let text = text.as_str();
            let (major, fraction) = text.split_once('.').unwrap_or((text, ""));
            prop_assert_eq!(fraction.len(), usize::from(decimals));
            let digits: i64 = format!("{major}{fraction}").parse().expect("digits");
            prop_assert_eq!(digits, minor);
            prop_assert_eq!(parse_minor(text, decimals), Ok(minor));
            prop_assert_eq!(parse_rounded_up(text, decimals), Ok((minor, true)));
            let whole = format!("{minor}e-{decimals}");
            prop_assert_eq!(parse_rounded_up(&whole, decimals), Ok((minor, true)));
            let finer = format!("{major}.{fraction}1");
            prop_assert_eq!(parse_minor(&finer, decimals), Err(AmountError::TooFine(decimals)));
            if minor < i64::MAX {
                prop_assert_eq!(parse_rounded_up(&finer, decimals), Ok((minor + 1, false)));
            }
        }

        #[test]
        fn what_is_rounded_up_is_less_than_a_unit_more(minor in 0..=i64::MAX - 1, finer in 1u32..1_000) {
            let text = format!("{}{finer:03}", Balance::new(minor));
            let rounded = Rounded { amount: Amount::new(minor + 1), is_exact: false };
            prop_assert_eq!(Amount::rounded_up(&text), Ok(rounded));
            let text = format!("{minor}.{finer:03}e-2");
            prop_assert_eq!(Amount::rounded_up(&text), Ok(rounded));
        }
    }
}
