//! The fields of an operation, whatever the format, and what they must say.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use crate::bank::{Amount, Annotations, Id, Kind, Name, Operation, OperationDetail};

use super::Defaults;

/// How much of a foreign text a reason shows, in characters.
const EXCERPT: usize = 80;

/// Why a transfer in a ledger that lasts is none.
const NO_TO: &str = "`transfer` does not say where the money goes: give the line a `to`, or the run `--to NAME` (`@world` for money that leaves the bank)";

/// The fields that an operation may have on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Op,
    Amount,
    Account,
    To,
    Id,
    Memo,
    Date,
    Overdraft,
    Allowance,
    Zone,
    Rollover,
    WarnAt,
}

impl Field {
    pub(super) const ALL: [Field; 12] = [
        Field::Op,
        Field::Amount,
        Field::Account,
        Field::To,
        Field::Id,
        Field::Memo,
        Field::Date,
        Field::Overdraft,
        Field::Allowance,
        Field::Zone,
        Field::Rollover,
        Field::WarnAt,
    ];

    /// Those of a line that opens an account, beside `account`.
    pub(super) const OF_ACCOUNTS: [Field; 5] = [
        Field::Overdraft,
        Field::Allowance,
        Field::Zone,
        Field::Rollover,
        Field::WarnAt,
    ];

    /// Those of an operation that moves money, in words.
    pub(super) fn names() -> String {
        let all = Field::ALL.into_iter();
        let own = all.filter(|field| !Field::OF_ACCOUNTS.contains(field));
        let names: Vec<String> = own.map(|field| format!("`{}`", field.word())).collect();
        names.join(", ")
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Field::Op => "op",
            Field::Amount => "amount",
            Field::Account => "account",
            Field::To => "to",
            Field::Id => "id",
            Field::Memo => "memo",
            Field::Date => "date",
            Field::Overdraft => "overdraft",
            Field::Allowance => "allowance",
            Field::Zone => "zone",
            Field::Rollover => "rollover",
            Field::WarnAt => "warn_at",
        }
    }
}

/// What a line says in each field; `None` where it leaves one out.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    texts: [Option<Cow<'a, str>>; Field::ALL.len()],
    /// The texts of `meta` by their names.
    meta: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Those of each operation, where a line holds several.
    all: Option<Vec<Fields<'a>>>,
}

impl<'a> Fields<'a> {
    pub(super) fn set(&mut self, field: Field, text: Cow<'a, str>) {
        self.texts[field as usize] = Some(text);
    }

    pub(super) fn add_meta(&mut self, name: Cow<'a, str>, text: Cow<'a, str>) {
        self.meta.push((name, text));
    }

    pub(super) fn set_all(&mut self, all: Vec<Fields<'a>>) {
        self.all = Some(all);
    }

    /// The fields that are there.
    pub(super) fn given(&self) -> impl Iterator<Item = Field> {
        let all = Field::ALL.into_iter();
        all.filter(|field| self.texts[*field as usize].is_some())
    }

    pub(super) fn has_meta(&self) -> bool {
        !self.meta.is_empty()
    }

    /// What a field says, as `parse` understands it.
    pub(super) fn read<T, E: Display>(
        &self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.texts[field as usize].as_deref() else {
            return Ok(None);
        };
        let wrong = |e| format!("{} `{}`: {e}", field.word(), Excerpt(text));
        parse(text).map(Some).map_err(wrong)
    }

    /// The operation that a line asks for, or the reason why it asks for none.
    pub(super) fn operation(&self, defaults: &Defaults) -> Result<Operation, String> {
        if let Some(parts) = &self.all {
            return self.group(parts, defaults);
        }
        let kind: Kind = self
            .read(Field::Op, str::parse)?
            .ok_or("the field `op` is missing")?;
        if kind == Kind::Open {
            return self.opening(defaults);
        }
        self.refuse(kind, &Field::OF_ACCOUNTS)?;
        let amount = self.read(Field::Amount, str::parse::<Amount>)?;
        let account = self.read(Field::Account, Name::user)?;
        let account = account.unwrap_or_else(|| defaults.account.clone());
        let to = match self.read(Field::To, Name::other_side)? {
            None if kind == Kind::Transfer => Some(defaults.to.clone().ok_or(NO_TO)?),
            to => to,
        };
        let id = self.read(Field::Id, Id::chosen)?;
        let operation = Operation::new(kind, id, account, to, amount).map_err(|e| e.to_string())?;
        Ok(operation.carrying(self.detail()?))
    }

    /// Refuses fields that an operation of this kind does not have.
    pub(super) fn refuse(&self, kind: Kind, fields: &[Field]) -> Result<(), String> {
        let is_given = |field: &&Field| self.texts[**field as usize].is_some();
        match fields.iter().find(is_given) {
            Some(field) => Err(format!("`{kind}` takes no `{}`", field.word())),
            None if kind == Kind::Open && self.has_meta() => {
                Err(format!("`{kind}` takes no `meta`"))
            }
            None => Ok(()),
        }
    }

    /// What the operation carries.
    fn detail(&self) -> Result<Option<OperationDetail>, String> {
        let mut added = Annotations::default();
        self.read(Field::Memo, |text| added.set_memo(text))?;
        self.read(Field::Date, |text| added.set_date(text))?;
        for (name, text) in &self.meta {
            let told = added.add_meta(name, text);
            told.map_err(|e| format!("meta `{}`: {e}", Excerpt(name)))?;
        }
        Ok(added.detail())
    }
}

/// The known word that an unknown one may have been meant for.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let near = known.map(|known| (strsim::damerau_levenshtein(known, word), known));
    let near = near.filter(|(distance, known)| *distance <= 1 + known.len() / 3);
    near.min().map(|(_, known)| known)
}

/// Shows the beginning of a foreign text, with escapes for whatever a terminal would not just print.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = EXCERPT;
        for c in self.0.chars() {
            let escaped = c.escape_debug();
            let Some(left) = room.checked_sub(escaped.len()) else {
                return f.write_char('…');
            };
            room = left;
            match c {
                '"' | '\'' => f.write_char(c)?,
                _ => escaped.fmt(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Excerpt(text).to_string(), expected);
        };
        check("plain \"text\" it's ä", "plain \"text\" it's ä");
        check("\u{1b}[31m\n\0", "\\u{1b}[31m\\n\\0");
        check("a\u{202e}b", "a\\u{202e}b");
        check(&"x".repeat(80), &"x".repeat(80));
        check(&"x".repeat(81), &format!("{}…", "x".repeat(80)));
    }

    proptest! {
        #[test]
        fn no_excerpt_is_long_or_has_control_characters(text in any::<String>()) {
            let excerpt = Excerpt(&text).to_string();
            prop_assert!(excerpt.chars().count() <= EXCERPT + 1);
            prop_assert!(!excerpt.chars().any(char::is_control));
        }
    }
}
