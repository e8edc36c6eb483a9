//! The fields of events that are not values of the bank.

use std::time::{Duration, SystemTime};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bank::{Moment, Unit, signed_minor};

/// A length of time in whole microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Micros(pub u64);

impl From<Duration> for Micros {
    fn from(duration: Duration) -> Self {
        Micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(micros: Micros) -> Self {
        Duration::from_micros(micros.0)
    }
}

/// A sum in minor units that may exceed one balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total(pub i128);

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&decimal(self.0))
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        signed_minor(&text).map(Total).map_err(D::Error::custom)
    }
}

/// The exact decimal text of a sum that may exceed one balance: `-12.50`.
pub fn decimal(minor: i128) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let decimals = usize::from(Unit::current().decimals());
    let digits = minor.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    match digits.split_at(digits.len() - decimals) {
        (major, "") => format!("{sign}{major}"),
        (major, fraction) => format!("{sign}{major}.{fraction}"),
    }
}

/// A moment as RFC 3339 has it, in UTC and to the microsecond.
pub fn rfc3339(moment: Moment) -> String {
    /// The end of the year 9999, the last one that has a text.
    const LAST: u64 = 253_402_300_799_999_999;
    let micros = u64::try_from(moment.micros()).unwrap_or(0).min(LAST);
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
    humantime::format_rfc3339_micros(time).to_string()
}

/// A moment as a field.
pub(super) mod moment {
    use super::*;

    pub(in crate::event) fn serialize<S: Serializer>(
        moment: &Moment,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(*moment))
    }

    pub(in crate::event) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text).ok();
        let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let micros = since.and_then(|since| i64::try_from(since.as_micros()).ok());
        let moment = micros.map(Moment::new);
        moment.ok_or_else(|| D::Error::custom(format_args!("`{text}` is no moment")))
    }
}

/// Whether a field says nothing, so that it is left out.
pub fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_text_whatever_it_is() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_795_438_800_000_001, "2026-11-23T13:00:00.000001Z"),
            (-1, "1970-01-01T00:00:00.000000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(rfc3339(Moment::new(micros)), expected);
        }
    }

    #[test]
    fn a_sum_has_room_for_more_than_one_balance() {
        for (minor, expected) in [
            (0, "0.00"),
            (-5, "-0.05"),
            (123_456, "1234.56"),
            (i128::MIN, "-1701411834604692317316873037158841057.28"),
            (i128::MAX, "1701411834604692317316873037158841057.27"),
        ] {
            assert_eq!(decimal(minor), expected);
            assert_eq!(signed_minor(expected), Ok(minor));
        }
    }
}
