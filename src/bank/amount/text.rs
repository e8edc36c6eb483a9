//! How amounts are read from texts and written as texts.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::{Amount, AmountError, Balance};
use crate::bank::{MAX_DECIMALS, Unit};

/// An amount as it was written, before it is known how fine the amounts of its ledger are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountText(SmolStr);

impl AmountText {
    /// How much it is by what this process counts, which is more than zero.
    pub fn amount(&self) -> Result<Amount, AmountError> {
        self.0.parse()
    }

    /// How much it is by what this process counts, zero included.
    pub fn balance(&self) -> Result<Balance, AmountError> {
        self.0.parse()
    }
}

impl FromStr for AmountText {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (_, fraction) = parts(text)?;
        match fraction.len() > usize::from(MAX_DECIMALS) {
            true => Err(AmountError::TooFine(MAX_DECIMALS)),
            false => Ok(AmountText(SmolStr::new(text))),
        }
    }
}

impl fmt::Display for AmountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The digits before and after the point.
fn parts(text: &str) -> Result<(&str, &str), AmountError> {
    if text.starts_with('-') {
        return Err(AmountError::Negative);
    }
    let (major, fraction) = match text.split_once('.') {
        Some((major, fraction)) if !fraction.is_empty() => (major, fraction),
        Some(_) => return Err(AmountError::NotDecimal),
        None => (text, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    match !major.is_empty() && all_digits(major) && all_digits(fraction) {
        true => Ok((major, fraction)),
        false => Err(AmountError::NotDecimal),
    }
}

/// Reads a decimal with at most so many places as minor units, zero included.
pub(super) fn parse_minor(text: &str, decimals: u8) -> Result<i64, AmountError> {
    let (major, fraction) = parts(text)?;
    let missing = usize::from(decimals).checked_sub(fraction.len());
    let missing = missing.ok_or(AmountError::TooFine(decimals))?;
    major
        .bytes()
        .chain(fraction.bytes())
        .chain(std::iter::repeat_n(b'0', missing))
        .try_fold(0i64, |minor, digit| {
            minor.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
        })
        .ok_or(AmountError::TooLarge(decimals))
}

/// Reads a decimal as minor units, rounded up; tells whether it was exact.
pub(super) fn parse_rounded_up(text: &str, decimals: u8) -> Result<(i64, bool), AmountError> {
    if text.starts_with('-') {
        return Err(AmountError::Negative);
    }
    let too_large = AmountError::TooLarge(decimals);
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
    let whole = exponent.saturating_add(major.len() as i64 + i64::from(decimals));
    let mut minor = 0i64;
    let mut is_exact = true;
    for (place, digit) in (0i64..).zip(digits()) {
        if place < whole {
            minor = minor
                .checked_mul(10)
                .and_then(|minor| minor.checked_add(i64::from(digit - b'0')))
                .ok_or(too_large)?;
        } else {
            is_exact &= digit == b'0';
        }
    }
    let missing = whole.saturating_sub(digits().count() as i64).max(0);
    if minor > 0 {
        let missing = u32::try_from(missing).map_err(|_| too_large)?;
        let scale = 10i64.checked_pow(missing);
        let scaled = scale.and_then(|scale| minor.checked_mul(scale));
        minor = scaled.ok_or(too_large)?;
    }
    let minor = minor.checked_add(i64::from(!is_exact));
    Ok((minor.ok_or(too_large)?, is_exact))
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

/// The exact decimal text of a count of minor units: `-12.50`.
#[derive(Clone, Copy)]
pub struct Decimal {
    digits: [u8; 24],
    start: u8,
}

impl Decimal {
    /// The text of `minor` units by what this process counts.
    pub fn new(minor: i64) -> Self {
        Decimal::of(minor, Unit::current().decimals())
    }

    /// The text of `minor` units with so many places.
    pub(super) fn of(minor: i64, decimals: u8) -> Self {
        let mut digits = [b'0'; 24];
        let mut start = digits.len();
        let mut put = |byte: u8| {
            start -= 1;
            digits[start] = byte;
        };
        let mut rest = minor.unsigned_abs();
        for _ in 0..decimals {
            put(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
        if decimals > 0 {
            put(b'.');
        }
        loop {
            put(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if minor < 0 {
            put(b'-');
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
