//! The windows of an allowance: hours, days, weeks from Monday and months of a time zone. Each moment is in
//! exactly one of them, also where clocks are set to summer time or back.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::AllowanceError;
use crate::bank::{Moment, text};

const HOUR: i64 = 3_600_000_000; // in microseconds

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From one month's first day to the next one's.
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Period; 4] = [Period::Hour, Period::Day, Period::Week, Period::Month];

    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    /// The first day of what a day belongs to.
    fn first(self, date: Date) -> Option<Date> {
        match self {
            Period::Hour | Period::Day => Some(date),
            Period::Week => {
                let days = date.weekday().to_monday_zero_offset();
                (0..days).try_fold(date, |date, _| date.yesterday().ok())
            }
            Period::Month => Some(date.first_of_month()),
        }
    }

    /// The first day after what begins with this one.
    fn next(self, first: Date) -> Option<Date> {
        match self {
            Period::Hour | Period::Day => first.tomorrow().ok(),
            Period::Week => (0..7).try_fold(first, |date, _| date.tomorrow().ok()),
            Period::Month => first.last_of_month().tomorrow().ok(),
        }
    }
}

impl FromStr for Period {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, AllowanceError> {
        let found = Period::ALL.into_iter().find(|period| period.word() == text);
        found.ok_or(AllowanceError::Period)
    }
}

/// A time zone by its name, such as `Europe/Berlin`.
#[derive(Clone, Debug)]
pub struct Zone {
    name: SmolStr,
    rules: TimeZone,
}

impl Zone {
    /// The zone of this name, as the database of zones spells it.
    pub fn new(name: &str) -> Result<Self, AllowanceError> {
        let rules = TimeZone::get(name).map_err(|_| AllowanceError::Zone)?;
        let name = SmolStr::new(rules.iana_name().ok_or(AllowanceError::Zone)?);
        Ok(Zone { name, rules })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The window that this moment is in: when it began, and when the next one begins. There is none beyond
    /// the years -9999 to 9999.
    pub fn window(&self, period: Period, at: Moment) -> Option<(Moment, Moment)> {
        let at = Timestamp::from_microsecond(at.micros()).ok()?;
        let (start, next) = match period {
            Period::Hour => self.hour(at)?,
            Period::Day | Period::Week | Period::Month => self.days(period, at)?,
        };
        let moment = |time: Timestamp| Moment::new(time.as_microsecond());
        Some((moment(start), moment(next)))
    }

    fn days(&self, period: Period, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let begins =
            |date: Date| Some(date.to_zoned_datetime(self.rules.clone()).ok()?.timestamp());
        let mut first = period.first(self.rules.to_datetime(at).date())?;
        let mut next = period.next(first)?;
        // Where a clock is set back over midnight, a day's last minutes come again after the next has begun.
        while begins(next)? <= at {
            (first, next) = (next, period.next(next)?);
        }
        Some((begins(first)?, begins(next)?))
    }

    /// Where a clock is set by less than an hour, that hour is two windows.
    fn hour(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let micros = at.as_microsecond();
        let offset = i64::from(self.rules.to_offset(at).seconds()) * 1_000_000;
        let start =
            Timestamp::from_microsecond(micros - (micros + offset).rem_euclid(HOUR)).ok()?;
        let next = Timestamp::from_microsecond(start.as_microsecond() + HOUR).ok()?;
        let just_after = Timestamp::from_microsecond(micros + 1).ok()?;
        let set_before = self.rules.preceding(just_after).next();
        let set_after = self.rules.following(at).next();
        let start = set_before.map_or(start, |set| set.timestamp().max(start));
        let next = set_after.map_or(next, |set| set.timestamp().min(next));
        Some((start, next))
    }
}

impl Default for Zone {
    /// The zone of those who name none.
    fn default() -> Self {
        Zone {
            name: SmolStr::new_static("UTC"),
            rules: TimeZone::UTC,
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, Zone::new)
    }
}
