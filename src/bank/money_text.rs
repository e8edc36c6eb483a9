//! How money is written for programs, and read back: as a string, so that no reader makes a float of it.
//! Where only this program reads, it is a number.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Balance, Decimal, Unit, text};

impl Serialize for Balance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(Decimal::new(self.minor()).as_str()),
            false => serializer.serialize_i64(self.minor()),
        }
    }
}

impl<'de> Deserialize<'de> for Balance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => text::read(deserializer, |text| {
                let minor = i64::try_from(signed_minor(text)?);
                minor.map(Balance::new).map_err(|_| NoMoney::TooLarge)
            }),
            false => i64::deserialize(deserializer).map(Balance::new),
        }
    }
}

/// A text is no money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMoney {
    /// It is written in another way.
    #[error("money is a string with {0} decimals, such as \"{example}\"", example = Decimal::new(-1_250).as_str())]
    Form(u8),
    /// No account holds as much.
    #[error("the amount is too large: no account holds as much")]
    TooLarge,
}

/// The minor units of a decimal with exactly the places of what this process counts, which may be negative and
/// exceed one balance.
pub fn signed_minor(text: &str) -> Result<i128, NoMoney> {
    let decimals = Unit::current().decimals();
    let form = NoMoney::Form(decimals);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (major, fraction) = match decimals {
        0 => (digits, ""),
        _ => digits.split_once('.').ok_or(form)?,
    };
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let is_fine = fraction.len() == usize::from(decimals);
    if !is_fine || major.is_empty() || !is_number(major) || !is_number(fraction) {
        return Err(form);
    }
    // The sign comes first, since the least number has no positive one.
    let sign = if digits.len() < text.len() { -1 } else { 1 };
    let mut digits = major.bytes().chain(fraction.bytes());
    let minor = digits.try_fold(0i128, |minor, digit| {
        let digit = i128::from(digit - b'0') * sign;
        minor.checked_mul(10)?.checked_add(digit)
    });
    minor.ok_or(NoMoney::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Balance, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn check(minor: i64) {
        let text = serde_json::to_string(&Balance::new(minor)).expect("text");
        assert_eq!(read(&text), Ok(Balance::new(minor)), "{text}");
    }

    proptest! {
        #[test]
        fn every_balance_comes_back(minor in any::<i64>()) {
            check(minor);
        }
    }

    #[test]
    fn the_ends_of_the_range_come_back() {
        [i64::MIN, i64::MAX, 0, -1].into_iter().for_each(check);
    }

    #[test]
    fn what_is_no_money_is_refused() {
        for text in [
            "1.50",
            "\"1\"",
            "\"1.5\"",
            "\"+1.50\"",
            "\"1.500\"",
            "\"--1.50\"",
            "\".50\"",
            "\"99999999999999999999.00\"",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for large in ["\"99999999999999999999.00\"", "\"-92233720368547758.09\""] {
            assert!(
                read(large).is_err_and(|why| why.contains("too large")),
                "{large}"
            );
        }
    }
}
