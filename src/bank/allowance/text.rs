//! An allowance in words, such as `5/day`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Allowance, MOST, Period};
use crate::bank::Balance;

/// A part of an allowance: 1 to 100 hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// How many hundredths.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = AllowanceError;

    fn try_from(percent: u8) -> Result<Self, AllowanceError> {
        match percent {
            1..=100 => Ok(Percent(percent)),
            _ => Err(AllowanceError::Percent),
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> u8 {
        percent.0
    }
}

impl FromStr for Percent {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, AllowanceError> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let percent: u8 = digits.parse().map_err(|_| AllowanceError::Percent)?;
        Percent::try_from(percent)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.period)
    }
}

/// Why a text tells no allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowanceError {
    /// A word that is no period.
    #[error(
        "an allowance is an amount for an `hour`, `day`, `week` or `month`, such as `5/day`, or `none`"
    )]
    Period,
    /// A zone that is not in the database.
    #[error("this time zone is not known: zones have names such as `Europe/Berlin` or `UTC`")]
    Zone,
    /// More than the budget could give for long.
    #[error("an allowance is at most {}", Balance::new(MOST))]
    TooMuch,
    /// No part of an allowance.
    #[error("a part of an allowance is `1%` to `100%`")]
    Percent,
}
