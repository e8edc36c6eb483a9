//! The words of a command, in whose arguments stand fields of the operation.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::env::variable;
use crate::bank::{Annotations, Id, Kind, Name, Operation};

/// What the name of a value of `meta` begins with.
const META: &str = "meta.";

/// Why the arguments of a command cannot be made of an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// No operation has such a field.
    #[error(
        "`{{{0}}}` is no field of an operation: there are `{{id}}`, `{{op}}`, `{{account}}`, `{{to}}`, `{{amount}}`, `{{memo}}` and `{{meta.NAME}}`; for these braces themselves write `{{{{{0}}}}}`"
    )]
    Unknown(String),
    /// This one has no such value.
    #[error("`{{meta.{0}}}` stands in its arguments, and the operation has no `meta` of that name")]
    NoMeta(String),
    /// Its command could be told only one of two.
    #[error("`meta.{0}` and `meta.{1}` would both be `{2}` in its environment: rename one of them")]
    OneVariable(String, String, String),
    /// It has several operations, each with its own.
    #[error(
        "`{{{0}}}` stands in its arguments, and an `all` line has one in each of its operations: its command finds them on its standard input"
    )]
    OfParts(String),
}

/// A field of an operation.
enum ArgumentField {
    Id,
    Op,
    Account,
    To,
    Amount,
    Memo,
    Meta(String),
}

/// Refuses arguments with fields that no operation has.
pub fn check_fields(words: &[OsString]) -> Result<(), FieldError> {
    let arguments = words.iter().skip(1);
    arguments
        .flat_map(|word| pieces(word.as_bytes()))
        .try_for_each(|piece| match piece {
            Piece::Named(name) => ArgumentField::named(name).map(drop),
            Piece::Literal(_) => Ok(()),
        })
}

/// The words with what this operation has in the place of its fields: as many words as there were, whatever
/// stands in them. What does not apply is empty; but a command that is told a value of `meta` needs it.
pub fn filled(words: &[OsString], operation: &Operation) -> Result<Vec<OsString>, FieldError> {
    let added = operation.annotations();
    check_variables(&added)?;
    let fill = |(index, word): (usize, &OsString)| match index {
        0 => Ok(word.clone()),
        _ => argument(word, operation, &added),
    };
    words.iter().enumerate().map(fill).collect()
}

/// Refuses values of `meta` of which one would take the other's place in the environment.
fn check_variables(added: &Annotations) -> Result<(), FieldError> {
    let mut names = BTreeMap::new();
    for name in added.meta.keys() {
        if let Some(first) = names.insert(variable(name), name) {
            let (first, second) = (first.clone(), name.clone());
            return Err(FieldError::OneVariable(first, second, variable(name)));
        }
    }
    Ok(())
}

fn argument(
    word: &OsStr,
    operation: &Operation,
    added: &Annotations,
) -> Result<OsString, FieldError> {
    let mut text = Vec::with_capacity(word.len());
    for piece in pieces(word.as_bytes()) {
        match piece {
            Piece::Literal(bytes) => text.extend_from_slice(bytes),
            Piece::Named(name) => {
                let field = ArgumentField::named(name)?;
                if operation.kind() == Kind::Group && !field.is_of_lines() {
                    return Err(FieldError::OfParts(name.to_string()));
                }
                let value = field.of(operation, added)?;
                text.extend_from_slice(value.as_bytes());
            }
        }
    }
    Ok(OsString::from_vec(text))
}

impl ArgumentField {
    fn named(name: &str) -> Result<Self, FieldError> {
        Ok(match name {
            "id" => ArgumentField::Id,
            "op" => ArgumentField::Op,
            "account" => ArgumentField::Account,
            "to" => ArgumentField::To,
            "amount" => ArgumentField::Amount,
            "memo" => ArgumentField::Memo,
            _ => match name.strip_prefix(META) {
                Some(name) if !name.is_empty() => ArgumentField::Meta(name.to_string()),
                _ => return Err(FieldError::Unknown(name.to_string())),
            },
        })
    }

    /// Whether a line has it that holds several operations.
    fn is_of_lines(&self) -> bool {
        matches!(self, ArgumentField::Id | ArgumentField::Op)
    }

    fn of(self, operation: &Operation, added: &Annotations) -> Result<String, FieldError> {
        let text = |text: Option<&str>| text.unwrap_or_default().to_string();
        Ok(match self {
            ArgumentField::Id => text(operation.id.as_ref().map(Id::as_str)),
            ArgumentField::Op => operation.kind().word().to_string(),
            ArgumentField::Account => operation.account.to_string(),
            ArgumentField::To => text(operation.to().map(Name::as_str)),
            ArgumentField::Amount => {
                let amount = operation.amount();
                amount.map(|amount| amount.to_string()).unwrap_or_default()
            }
            ArgumentField::Memo => text(added.memo.as_deref()),
            ArgumentField::Meta(name) => match added.meta.get(&name) {
                Some(value) => value.clone(),
                None => return Err(FieldError::NoMeta(name)),
            },
        })
    }
}

/// A part of an argument.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// As it stands.
    Literal(&'a [u8]),
    /// `{NAME}`, where the value of that field comes.
    Named(&'a str),
}

/// The parts of an argument. `{{NAME}}` is `{NAME}` itself, and so on with more braces; a shell's `${NAME}`
/// and braces around anything but a name stay as they are.
fn pieces(word: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut literal, mut at) = (0, 0);
    while at < word.len() {
        let braces = run_of(b'{', &word[at..]);
        if braces == 0 {
            at += 1;
            continue;
        }
        let is_variable = at > 0 && word[at - 1] == b'$' && braces == 1;
        let begin = at + braces;
        let end = begin + word[begin..].iter().take_while(|b| is_of_name(**b)).count();
        let name = std::str::from_utf8(&word[begin..end]).ok();
        let name = name.filter(|name| !name.starts_with(|c: char| !c.is_ascii_alphabetic()));
        let is_closed = end < word.len() && run_of(b'}', &word[end..]) >= braces;
        at = end;
        let Some(name) = name.filter(|_| is_closed && !is_variable) else {
            continue;
        };
        at = end + braces;
        pieces.push(Piece::Literal(&word[literal..begin - 1]));
        pieces.push(match braces {
            1 => Piece::Named(name),
            // One pair of braces is dropped.
            _ => Piece::Literal(&word[begin..at - 1]),
        });
        literal = at;
    }
    pieces.push(Piece::Literal(&word[literal..]));
    pieces
}

fn run_of(byte: u8, bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| **b == byte).count()
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Group, Kind};

    fn payout() -> Operation {
        let mut added = Annotations::default();
        added.set_memo("rent; rm -rf $HOME").expect("a memo");
        added.add_meta("iban", "DE02 1203").expect("a value");
        let id = Some(Id::new("rent-11").expect("an id"));
        let (name, amount) = (Name::default(), Amount::new(1_250));
        let operation = Operation::new(Kind::Withdraw, id, name, None, amount);
        operation.expect("fits").carrying(added.detail())
    }

    #[test]
    fn two_values_have_two_variables() {
        let with = |names: [&str; 2]| {
            let mut added = Annotations::default();
            for name in names {
                added.add_meta(name, "x").expect("a value");
            }
            filled(&["pay".into()], &payout().carrying(added.detail()))
        };
        assert_eq!(with(["iban", "bic"]), Ok(vec!["pay".into()]));
        for names in [["IBAN", "iban"], ["i-ban", "i.ban"]] {
            let refused = with(names).expect_err("one variable");
            let said = format!("`meta.{}` and `meta.{}` would both be", names[0], names[1]);
            assert!(refused.to_string().starts_with(&said), "{refused}");
        }
    }

    #[track_caller]
    fn check(argument: &str, expected: &str) {
        let words = ["{id}", argument].map(OsString::from);
        check_fields(&words).expect("fields");
        let filled = filled(&words, &payout()).expect("has all");
        assert_eq!(filled, ["{id}", expected].map(OsString::from));
    }

    #[test]
    fn fields_stand_for_what_the_operation_has() {
        check("{id}", "rent-11");
        check("--to={meta.iban}", "--to=DE02 1203");
        check("{op}:{account}:{amount}", "withdraw:main:12.50");
        check("{memo}", "rent; rm -rf $HOME");
        check("[{to}]", "[]");
    }

    #[test]
    fn other_braces_stay_as_they_are() {
        for same in [
            "${HOME}",
            r#"{"a":{"b":1}}"#,
            "{{.Name}}",
            "{ print }",
            "{",
            "}{id",
            "{1}",
            "$",
        ] {
            check(same, same);
        }
        check("{{print}}", "{print}");
        check("{{{id}}}", "{{id}}");
        check("${{id}}", "${id}");
        check("{{}}", "{}");
    }

    #[test]
    fn a_line_of_several_operations_has_an_id_and_no_amount() {
        let part = Operation {
            id: None,
            ..payout()
        };
        let group = Group::new(vec![part]).expect("a group");
        let group = group.operation(Id::new("rent-11").ok());
        let fill = |argument: &str| filled(&["pay", argument].map(OsString::from), &group);
        assert_eq!(
            fill("{op} {id}"),
            Ok(["pay", "all rent-11"].map(OsString::from).to_vec())
        );
        for name in ["amount", "account", "to", "memo", "meta.iban"] {
            let refused = FieldError::OfParts(name.to_string());
            assert_eq!(fill(&format!("{{{name}}}")), Err(refused));
        }
    }

    #[test]
    fn what_no_operation_has_is_refused() {
        for (argument, name) in [
            ("{ammount}", "ammount"),
            ("x{meta.}", "meta."),
            ("{ID}", "ID"),
            ("{}", ""),
        ] {
            let words = ["pay", argument].map(OsString::from);
            let unknown = FieldError::Unknown(name.to_string());
            assert_eq!(check_fields(&words), Err(unknown), "{argument}");
        }
        let words = ["pay", "{meta.bic}"].map(OsString::from);
        let missing = FieldError::NoMeta("bic".to_string());
        assert_eq!(filled(&words, &payout()), Err(missing));
    }
}
