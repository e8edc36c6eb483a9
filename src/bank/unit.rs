//! What a ledger counts: how fine, and what it is called.

use std::fmt;
use std::sync::OnceLock;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// The most decimals that an amount may have.
pub const MAX_DECIMALS: u8 = 9;
/// The longest name of a unit, in bytes.
pub const MAX_UNIT: usize = 16;

/// What the amounts of a ledger count, given once when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    decimals: u8,
    name: SmolStr,
}

/// The unit of the one ledger that this process works on, from the moment on when that is known.
static CURRENT: OnceLock<Unit> = OnceLock::new();

/// The unit of a ledger of which none was asked for.
static DEFAULT: Unit = Unit {
    decimals: Unit::DECIMALS,
    name: SmolStr::new_static(Unit::NAME),
};

impl Unit {
    /// The decimals of a ledger of which none were asked for.
    pub const DECIMALS: u8 = 2;
    /// The name of the unit of a ledger of which none was asked for.
    pub const NAME: &str = "$";

    /// A unit that is counted with so many decimals.
    ///
    /// # Errors
    ///
    /// More decimals than there may be, or a name that could be taken for a part of a number.
    pub fn new(decimals: u8, name: &str) -> Result<Self, UnitError> {
        if decimals > MAX_DECIMALS {
            return Err(UnitError::TooFine);
        }
        let is_wrong = |c: char| c.is_control() || c.is_whitespace() || c.is_ascii_digit();
        let is_sign = |c: char| matches!(c, '.' | ',' | '-' | '+' | '"' | '\'' | '\\' | '`');
        if name.is_empty()
            || name.len() > MAX_UNIT
            || name.chars().any(|c| is_wrong(c) || is_sign(c))
        {
            return Err(UnitError::Name);
        }
        let name = SmolStr::new(name);
        Ok(Unit { decimals, name })
    }

    /// What this process counts: amounts are read from texts and written as texts by it. A process works on one
    /// ledger, so there is one.
    pub fn current() -> &'static Unit {
        CURRENT.get().unwrap_or(&DEFAULT)
    }

    /// Makes it what this process counts, which is done once, before the first amount is read or written.
    ///
    /// # Errors
    ///
    /// What it counts already, where that is something else.
    pub fn settle(self) -> Result<(), &'static Unit> {
        let current = CURRENT.get_or_init(|| self.clone());
        match *current == self {
            true => Ok(()),
            false => Err(current),
        }
    }

    /// Whether the name is a sign that stands before a number, such as `$`, and no word.
    pub fn is_sign(&self) -> bool {
        !self.name.chars().any(char::is_alphabetic)
    }

    /// How many decimals an amount has.
    pub fn decimals(&self) -> u8 {
        self.decimals
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the unit of a ledger of which none was asked for.
    pub fn is_default(&self) -> bool {
        *self == DEFAULT
    }
}

impl Default for Unit {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl fmt::Display for Unit {
    /// In words that follow `amounts are`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unit { decimals, name } = self;
        match decimals {
            0 => write!(f, "whole `{name}`"),
            1 => write!(f, "in `{name}` with 1 decimal"),
            _ => write!(f, "in `{name}` with {decimals} decimals"),
        }
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.decimals, self.name.as_str()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (decimals, name) = <(u8, String)>::deserialize(deserializer)?;
        Unit::new(decimals, &name).map_err(D::Error::custom)
    }
}

/// Why there is no such unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Finer than minor units can be.
    #[error("an amount has 0 to 9 decimals")]
    TooFine,
    /// The name could be taken for a part of a number, or is too long.
    #[error(
        "the name of a unit is 1 to 16 bytes without blanks, digits, quotes or `. , - +`, such as `EUR` or `tokens`"
    )]
    Name,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_no_part_of_a_number() {
        for name in [
            "$",
            "EUR",
            "tokens",
            "€",
            "API-calls",
            "a b",
            "",
            "5x",
            "x.",
            "+",
            "\u{7}",
        ] {
            let is_one = ["$", "EUR", "tokens", "€"].contains(&name);
            assert_eq!(Unit::new(0, name).is_ok(), is_one, "{name}");
        }
        assert_eq!(Unit::new(10, "BTC"), Err(UnitError::TooFine));
        assert!(Unit::new(9, &"x".repeat(16)).is_ok());
        assert_eq!(Unit::new(9, &"x".repeat(17)), Err(UnitError::Name));
        let is_sign = |name| Unit::new(2, name).expect("a unit").is_sign();
        assert_eq!(
            ["$", "€", "R$", "EUR"].map(is_sign),
            [true, true, false, false]
        );
        assert!(Unit::default().is_default());
        assert!(!Unit::new(2, "EUR").expect("a unit").is_default());
    }
}
