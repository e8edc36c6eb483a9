//! Money: whole minor units (hundredths) in 64-bit integers.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The minor units of one major unit.
const MINOR_PER_MAJOR: u64 = 100;

/// A positive count of minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Amount(i64);

impl Amount {
    /// The amount of `minor` units, if that is more than nothing.
    pub fn new(minor: i64) -> Option<Self> {
        (minor > 0).then_some(Amount(minor))
    }

    /// Reads a decimal of any fineness, with or without an exponent, such as `0.0123` or `1.2e-05`.
    pub fn rounded_up(text: &str) -> Result<Rounded, AmountError> {
        let (minor, is_exact) = parse_rounded_up(text)?;
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
        Amount::new(parse_minor(text)?).ok_or(AmountError::Zero)
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
        parse_minor(text).map(Balance)
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
    #[error("an amount is digits with at most two after a point, such as `500` or `12.50`")]
    NotDecimal,
    /// A minus sign.
    #[error("an amount is never negative")]
    Negative,
    /// Fractions of a minor unit.
    #[error("an amount has at most two digits after the point")]
    TooFine,
    /// Beyond a 64-bit integer of minor units.
    #[error("an amount is at most 92233720368547758.07")]
    TooLarge,
    /// Zero where something must move.
    #[error("an amount is more than zero")]
    Zero,
}

/// Reads a decimal with at most two places as minor units, zero included.
fn parse_minor(text: &str) -> Result<i64, AmountError> {
    if text.starts_with('-') {
        return Err(AmountError::Negative);
    }
    let (major, fraction) = match text.split_once('.') {
        Some((major, fraction)) if !fraction.is_empty() => (major, fraction),
        Some(_) => return Err(AmountError::NotDecimal),
        None => (text, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if major.is_empty() || !all_digits(major) || !all_digits(fraction) {
        return Err(AmountError::NotDecimal);
    }
    if fraction.len() > 2 {
        return Err(AmountError::TooFine);
    }
    major
        .bytes()
        .chain(fraction.bytes())
        .chain(std::iter::repeat_n(b'0', 2 - fraction.len()))
        .try_fold(0i64, |minor, digit| {
            minor.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
        })
        .ok_or(AmountError::TooLarge)
}

/// Reads a decimal as minor units, rounded up; tells whether it was exact.
fn parse_rounded_up(text: &str) -> Result<(i64, bool), AmountError> {
    if text.starts_with('-') {
        return Err(AmountError::Negative);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (major, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || major.bytes().chain(fraction.bytes());
    if digits().count() == 0 || !digits().all(|digit| digit.is_ascii_digit()) {
        return Err(AmountError::NotDecimal);
    }
    // How many of the digits stand before the end of a minor unit.
    let whole = exponent.saturating_add(major.len() as i64 + 2);
    let mut minor = 0i64;
    let mut is_exact = true;
    for (place, digit) in (0i64..).zip(digits()) {
        if place < whole {
            minor = minor
                .checked_mul(10)
                .and_then(|minor| minor.checked_add(i64::from(digit - b'0')))
                .ok_or(AmountError::TooLarge)?;
        } else {
            is_exact &= digit == b'0';
        }
    }
    let missing = whole.saturating_sub(digits().count() as i64).max(0);
    if minor > 0 {
        let missing = u32::try_from(missing).map_err(|_| AmountError::TooLarge)?;
        let scale = 10i64.checked_pow(missing);
        let scaled = scale.and_then(|scale| minor.checked_mul(scale));
        minor = scaled.ok_or(AmountError::TooLarge)?;
    }
    let minor = minor.checked_add(i64::from(!is_exact));
    Ok((minor.ok_or(AmountError::TooLarge)?, is_exact))
}

fn parse_exponent(text: &str) -> Result<i64, AmountError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(AmountError::NotDecimal);
    }
    // Beyond this, nothing but zero is in range, and everything else is finer than any unit.
    const MOST: i64 = 1_000_000;
    let size = digits.parse().map_or(MOST, |size: i64| size.min(MOST));
    Ok(if text.starts_with('-') { -size } else { size })
}

/// The exact decimal text of a count of minor units, with two places: `-12.50`.
#[derive(Clone, Copy)]
pub struct Decimal {
    digits: [u8; 24],
    start: u8,
}

impl Decimal {
    /// The text of `minor` units.
    pub fn new(minor: i64) -> Self {
        let mut digits = [b'0'; 24];
        let mut start = digits.len();
        let mut rest = minor.unsigned_abs();
        let put = |start: &mut usize, digits: &mut [u8; 24], byte: u8| {
            *start -= 1;
            digits[*start] = byte;
        };
        let mut fraction = rest % MINOR_PER_MAJOR;
        rest /= MINOR_PER_MAJOR;
        for _ in 0..2 {
            put(&mut start, &mut digits, b'0' + (fraction % 10) as u8);
            fraction /= 10;
        }
        put(&mut start, &mut digits, b'.');
        loop {
            put(&mut start, &mut digits, b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if minor < 0 {
            put(&mut start, &mut digits, b'-');
        }
        Decimal {
            digits,
            start: start as u8,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only ASCII was written above.
        std::str::from_utf8(&self.digits[usize::from(self.start)..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        check("92233720368547758.08", Err(AmountError::TooLarge));
        check("99999999999999999999999", Err(AmountError::TooLarge));
        check("0", Err(AmountError::Zero));
        check("0.00", Err(AmountError::Zero));
        check("-1", Err(AmountError::Negative));
        check("1.234", Err(AmountError::TooFine));
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
                Err(AmountError::TooLarge),
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
        fn what_is_rounded_up_is_less_than_a_unit_more(minor in 0..=i64::MAX - 1, finer in 1u32..1_000) {
            let text = format!("{}{finer:03}", Balance::new(minor));
            let rounded = Rounded { amount: Amount::new(minor + 1), is_exact: false };
            prop_assert_eq!(Amount::rounded_up(&text), Ok(rounded));
            let text = format!("{minor}.{finer:03}e-2");
            prop_assert_eq!(Amount::rounded_up(&text), Ok(rounded));
        }
    }
}
