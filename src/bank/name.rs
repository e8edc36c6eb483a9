//! The names of accounts, and the ids that callers give their operations.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::text;

/// The longest account name, in bytes.
pub const MAX_NAME: usize = 64;
/// The longest id, in bytes.
pub const MAX_ID: usize = 128;

/// The name of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(SmolStr);

/// The bank's own account where deposits come from and withdrawals go to.
pub static WORLD: Name = Name(SmolStr::new_static("@world"));
/// The bank's own account where loans come from.
pub static LOANS: Name = Name(SmolStr::new_static("@loans"));
/// The bank's own account where allowances come from.
pub static BUDGET: Name = Name(SmolStr::new_static("@budget"));

impl Name {
    /// A user's account.
    pub fn user(text: &str) -> Result<Self, NameError> {
        if text.starts_with('@') {
            return Err(NameError::Reserved);
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        if text.is_empty()
            || text.len() > MAX_NAME
            || !text.bytes().all(allowed)
            || text.starts_with('-')
        {
            return Err(NameError::Malformed);
        }
        Ok(Name(SmolStr::new(text)))
    }

    /// Reads a user's account where it travels, and none of the bank's own.
    pub(super) fn read_users<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, Name::user)
    }

    /// The other side of a transfer: a user's account or one of the bank's own.
    pub fn other_side(text: &str) -> Result<Self, NameError> {
        match text {
            "@world" => Ok(WORLD.clone()),
            "@loans" => Ok(LOANS.clone()),
            _ if text.starts_with('@') => Err(NameError::NotTheBanks),
            _ => Name::user(text),
        }
    }

    /// Any account that there can be.
    pub fn any(text: &str) -> Result<Self, NameError> {
        match text {
            "@budget" => Ok(BUDGET.clone()),
            _ => Name::other_side(text),
        }
    }

    /// Whether this is one of the bank's own accounts.
    pub fn is_the_banks(&self) -> bool {
        self.0.starts_with('@')
    }

    /// The name's text, which is cheap to clone.
    pub fn text(&self) -> &SmolStr {
        &self.0
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The order in which a person reads names: `acct-2` before `acct-10`.
    pub fn cmp_as_read(&self, other: &Self) -> Ordering {
        cmp_as_read(&self.0, &other.0).then_with(|| self.cmp(other))
    }
}

/// Compares two texts with the numbers in them as numbers.
fn cmp_as_read(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        match (digits(one), digits(other)) {
            (0, _) | (_, 0) => {}
            (first, second) => {
                let (number, rest) = one.split_at(first);
                let (others, others_rest) = other.split_at(second);
                let (number, others) = (
                    number.trim_start_matches('0'),
                    others.trim_start_matches('0'),
                );
                let order = number.len().cmp(&others.len()).then(number.cmp(others));
                if order != Ordering::Equal {
                    return order;
                }
                (one, other) = (rest, others_rest);
                continue;
            }
        }
        let (mut letters, mut others) = (one.chars(), other.chars());
        match (letters.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (first, second) if first != second => return first.cmp(&second),
            _ => (one, other) = (letters.as_str(), others.as_str()),
        }
    }
}

impl Default for Name {
    /// The account of those who name none.
    fn default() -> Self {
        Name(SmolStr::new_static("main"))
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, Name::any)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A wrong length or a wrong character.
    #[error("an account name is 1 to 64 of `a-z A-Z 0-9 . _ : -` and does not begin with `-`")]
    Malformed,
    /// One of the bank's own where only a user's may stand.
    #[error("`@` names are the bank's own and may only be a transfer's other side (`to`)")]
    Reserved,
    /// An `@` name that the bank does not have.
    #[error("the bank's own accounts are `@world` and `@loans`")]
    NotTheBanks,
}

/// An id that a caller chose for an operation, so that a repeat is known as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(SmolStr);

impl Id {
    /// The id `text`.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > MAX_ID || text.chars().any(char::is_control) {
            return Err(IdError::Malformed);
        }
        Ok(Id(SmolStr::new(text)))
    }

    /// The id `text` of an operation that a caller asks for. Ledgers of old may have operations under ids that
    /// no caller chooses any more.
    pub fn chosen(text: &str) -> Result<Self, IdError> {
        let id = Id::new(text)?;
        match id.is_the_banks() {
            true => Err(IdError::Reserved),
            false => Ok(id),
        }
    }

    /// Whether it begins as those do that the bank itself makes: of reversals, and of refills.
    pub fn is_the_banks(&self) -> bool {
        ["reverse:", "allowance:"]
            .iter()
            .any(|prefix| self.0.starts_with(prefix))
    }

    /// The id's text, which is cheap to clone.
    pub fn text(&self) -> &SmolStr {
        &self.0
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as the last word of a shell's command line, such as a message proposes: whatever is in it, it
    /// is one word and no flag.
    pub fn as_argument(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:@/+,=-".contains(c);
        let quoted = match self.0.chars().all(is_plain) {
            true => self.0.to_string(),
            false => format!("'{}'", self.0.replace('\'', r"'\''")),
        };
        match self.0.starts_with('-') {
            true => format!("-- {quoted}"),
            false => quoted,
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, Id::new)
    }
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, too long, or with control characters.
    #[error("an id is 1 to 128 bytes without control characters")]
    Malformed,
    /// One that the bank itself makes, where a caller chooses one.
    #[error(
        "ids that begin with `reverse:` or `allowance:` are the bank's own: choose another one"
    )]
    Reserved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_account_has_a_plain_name() {
        let longest = "x".repeat(64);
        for text in ["main", "a", "A.b_c:d-9", "9", ".", longest.as_str()] {
            assert_eq!(
                Name::user(text).map(|n| n.to_string()),
                Ok(text.to_string())
            );
        }
        let too_long = "x".repeat(65);
        for text in ["", "-a", "a b", "ä", "a/b", "a\n", too_long.as_str()] {
            assert_eq!(Name::user(text), Err(NameError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_banks_own_accounts_are_only_a_transfers_other_side() {
        assert_eq!(Name::user("@world"), Err(NameError::Reserved));
        assert_eq!(Name::other_side("@loans").as_ref(), Ok(&LOANS));
        assert_eq!(Name::other_side("@else"), Err(NameError::NotTheBanks));
        assert_eq!(Name::other_side("ops"), Name::user("ops"));
        assert!(WORLD.is_the_banks() && !Name::default().is_the_banks());
    }

    #[test]
    fn an_id_is_one_word_of_a_command_line() {
        for (id, expected) in [
            ("november:17", "november:17"),
            ("a b", "'a b'"),
            ("a; rm -rf ~", "'a; rm -rf ~'"),
            ("$(reboot)`id`", "'$(reboot)`id`'"),
            ("it's", r"'it'\''s'"),
            ("-x", "-- -x"),
            ("--amount 3", "-- '--amount 3'"),
        ] {
            assert_eq!(
                Id::new(id).map(|id| id.as_argument()).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn an_id_is_short_and_printable() {
        assert!(Id::new("payout 7/ü").is_ok());
        assert!(Id::new(&"i".repeat(128)).is_ok());
        for text in ["", "a\u{0}", "a\nb", &"i".repeat(129)] {
            assert_eq!(Id::new(text), Err(IdError::Malformed));
        }
    }

    #[test]
    fn no_caller_chooses_an_id_that_the_bank_makes() {
        for text in ["reverse:3", "allowance:a:2026-11-26T00:00:00Z", "reverse:"] {
            assert_eq!(Id::chosen(text), Err(IdError::Reserved), "{text}");
            assert!(Id::new(text).is_ok(), "an old one is read");
        }
        for text in ["reverse", "reversed:3", "allowance-1", "my:reverse:3"] {
            assert!(Id::chosen(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn names_stand_in_the_order_in_which_a_person_reads_them() {
        let names = [
            "@loans", "@world", "a", "a-", "acct-2", "acct-010", "acct-10", "acct-11", "acct-11b",
            "ad-1", "b1.9", "b1.10", "bcct-9",
        ];
        for (at, one) in names.iter().enumerate() {
            for (place, other) in names.iter().enumerate() {
                let name = |text: &str| Name::other_side(text).expect("a name");
                let order = name(one).cmp_as_read(&name(other));
                assert_eq!(order, at.cmp(&place), "{one} {other}");
            }
        }
    }
}
