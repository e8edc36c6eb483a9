//! How the bank's values are written for programs, and read back: as strings, so that no reader makes a
//! float of money.

use core::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Balance, Decimal, Id, Kind, Name, Rejection};

/// Reads a string as what it says.
struct StringVisitor<F> {
    expected: &'static str,
    read: F,
}

impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for StringVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let expected = self.expected;
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &expected))
    }
}

macro_rules! as_text {
    ($($type:ty: $expected:literal, $write:expr, $read:expr;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type, S) -> Result<S::Ok, S::Error> = $write;
                write(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (expected, read): (_, fn(&str) -> Option<$type>) = ($expected, $read);
                deserializer.deserialize_str(StringVisitor { expected, read })
            }
        }
    )*};
}

as_text! {
    Balance: "money with two decimals, such as \"-12.50\"",
        |balance, out| out.serialize_str(Decimal::new(balance.minor()).as_str()),
        |text| i64::try_from(signed_minor(text)?).ok().map(Balance::new);
    Name: "the name of an account",
        |name, out| out.serialize_str(name.as_str()),
        |text| Name::other_side(text).ok();
    Id: "an id of 1 to 128 bytes",
        |id, out| out.serialize_str(id.as_str()),
        |text| Id::new(text).ok();
    Kind: "`withdraw`, `deposit`, `transfer`, `loan` or `balance`",
        |kind, out| out.serialize_str(kind.word()),
        |text| text.parse().ok();
    Rejection: "why the bank says no",
        |rejection, out| out.serialize_str(rejection.word()),
        |text| Rejection::ALL.into_iter().find(|rejection| rejection.word() == text);
}

/// The minor units of a decimal with exactly two places, which may be negative and exceed one balance.
pub fn signed_minor(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (major, fraction) = digits.split_once('.')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if fraction.len() != 2 || !is_number(major) || !is_number(fraction) {
        return None;
    }
    let sign = if digits.len() < text.len() { -1 } else { 1 };
    // The sign comes first, since the least number has no positive one.
    let units = major.parse::<i128>().ok()?.checked_mul(100 * sign)?;
    units.checked_add(fraction.parse::<i128>().ok()? * sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<T: for<'de> Deserialize<'de>>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn every_balance_comes_back(minor in any::<i64>()) {
            let text = serde_json::to_string(&Balance::new(minor)).expect("text");
            prop_assert_eq!(read(&text), Ok(Balance::new(minor)));
        }
    }

    #[test]
    fn the_ends_of_the_range_come_back() {
        for minor in [i64::MIN, i64::MAX, 0, -1] {
            let text = serde_json::to_string(&Balance::new(minor)).expect("text");
            assert_eq!(read(&text), Ok(Balance::new(minor)), "{text}");
        }
    }

    #[test]
    fn what_is_no_value_of_the_bank_is_refused() {
        for text in [
            "1",
            "1.5",
            "1.50",
            "\"1\"",
            "\"1.5\"",
            "\"+1.50\"",
            "\"1.500\"",
            "\"--1.50\"",
            "\".50\"",
        ] {
            assert!(read::<Balance>(text).is_err(), "{text}");
        }
        assert!(read::<Name>("\"@mine\"").is_err());
        assert!(read::<Id>("\"\"").is_err());
        assert!(read::<Kind>("\"steal\"").is_err());
        let error = read::<Rejection>("\"no\"").expect_err("no word");
        assert!(
            error.starts_with("invalid value: string \"no\", expected why"),
            "{error}"
        );
    }
}
