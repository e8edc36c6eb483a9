//! One line of JSON Lines.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::fields::{Excerpt, Field, Fields, nearest};
use super::group::of_part;
use crate::bank::{GroupError, MAX_PARTS};

/// The values as they are written: an amount is read from its own text, never through a float, and a
/// value of the wrong type can be named with its field. A `null` counts as absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow)]
    op: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    account: Option<&'a RawValue>,
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    memo: Option<&'a RawValue>,
    #[serde(borrow)]
    date: Option<&'a RawValue>,
    #[serde(borrow)]
    overdraft: Option<&'a RawValue>,
    #[serde(borrow)]
    allowance: Option<&'a RawValue>,
    #[serde(borrow)]
    zone: Option<&'a RawValue>,
    #[serde(borrow)]
    rollover: Option<&'a RawValue>,
    #[serde(borrow)]
    warn_at: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    all: Option<&'a RawValue>,
}

/// The names of its fields.
fn names() -> impl Iterator<Item = &'static str> {
    Field::ALL
        .into_iter()
        .map(Field::word)
        .chain(["meta", "all"])
}

/// Whether what begins on a line does not end there.
pub(super) fn is_incomplete(line: &str) -> bool {
    let read: Result<IgnoredAny, _> = serde_json::from_str(line);
    read.is_err_and(|error| error.classify() == Category::Eof)
}

/// Whether an object that stands on the next line may be a part of what does not end on this one: of a
/// text, or of a value.
pub(super) fn may_hold_an_object(line: &str) -> bool {
    is_incomplete(&format!("{line}{{"))
}

/// Sets the fields that the object on a line has, or tells the reason why there is none.
pub(super) fn parse<'a>(line: &'a str, fields: &mut Fields<'a>) -> Result<(), String> {
    // Without this, serde would also take an array with the values in the order of the fields.
    if !line.trim_ascii_start().starts_with('{') {
        return Err("a line of JSON Lines is one object, `{...}`".into());
    }
    let object: Object<'_> = serde_json::from_str(line).map_err(|e| reason(&e))?;
    if let Some(all) = object.all {
        fields.set_all(parts(all.get())?);
    }
    set(fields, &object)
}

/// The fields of each operation of a group.
fn parts(all: &str) -> Result<Vec<Fields<'_>>, String> {
    let all: Vec<&RawValue> = serde_json::from_str(all)
        .map_err(|_| "field `all`: it is a list of operations, `[{...}, {...}]`")?;
    if all.len() > MAX_PARTS {
        return Err(GroupError::Count(all.len()).to_string());
    }
    let numbered = (1..).zip(all);
    numbered
        .map(|(number, part)| part_fields(part.get()).map_err(|why| of_part(number, &why)))
        .collect()
}

fn part_fields(part: &str) -> Result<Fields<'_>, String> {
    if !part.starts_with('{') {
        return Err("it is no object".into());
    }
    let object: Object<'_> = serde_json::from_str(part).map_err(|e| reason(&e))?;
    if object.all.is_some() {
        return Err("`all` cannot stand within `all`".into());
    }
    let mut fields = Fields::default();
    set(&mut fields, &object)?;
    Ok(fields)
}

fn set<'a>(fields: &mut Fields<'a>, object: &Object<'a>) -> Result<(), String> {
    let values = [
        (Field::Op, object.op),
        (Field::Amount, object.amount),
        (Field::Account, object.account),
        (Field::To, object.to),
        (Field::Id, object.id),
        (Field::Memo, object.memo),
        (Field::Date, object.date),
        (Field::Overdraft, object.overdraft),
        (Field::Allowance, object.allowance),
        (Field::Zone, object.zone),
        (Field::Rollover, object.rollover),
        (Field::WarnAt, object.warn_at),
    ];
    for (field, value) in values {
        if let Some(value) = value {
            fields.set(field, text(field, value.get())?);
        }
    }
    match object.meta {
        Some(meta) => add_meta(meta.get(), fields),
        None => Ok(()),
    }
}

/// Adds the texts of a flat object. A number, `true` and `false` are kept as they are written.
fn add_meta<'a>(meta: &'a str, fields: &mut Fields<'a>) -> Result<(), String> {
    let flat = "is a flat object of strings, numbers, `true` and `false`";
    let meta: BTreeMap<Cow<'a, str>, &'a RawValue> =
        serde_json::from_str(meta).map_err(|_| format!("field `meta`: it {flat}"))?;
    for (name, value) in meta {
        let value = value.get();
        let text = match value.as_bytes().first() {
            Some(b'"') => unescape(Field::Memo, value)?,
            Some(b'{' | b'[') => {
                return Err(format!("meta `{}`: `meta` {flat}", Excerpt(&name)));
            }
            Some(b'n') => continue,
            _ => Cow::Borrowed(value),
        };
        fields.add_meta(name, text);
    }
    Ok(())
}

/// The text of a value, which is valid JSON already.
fn text(field: Field, value: &str) -> Result<Cow<'_, str>, String> {
    match value.as_bytes().first() {
        Some(b'"') => unescape(field, value),
        Some(b'-' | b'0'..=b'9') if is_number(field) => Ok(Cow::Borrowed(value)),
        Some(b't' | b'f') if field == Field::Rollover => Ok(Cow::Borrowed(value)),
        _ if is_number(field) => Err(format!(
            "field `{}`: not a string or a number",
            field.word()
        )),
        _ => Err(format!("field `{}`: not a string", field.word())),
    }
}

/// Whether a number is as good as a string.
fn is_number(field: Field) -> bool {
    matches!(field, Field::Amount | Field::Overdraft | Field::WarnAt)
}

fn unescape(field: Field, string: &str) -> Result<Cow<'_, str>, String> {
    let inner = string.strip_prefix('"').and_then(|s| s.strip_suffix('"'));
    match inner {
        // What has no escapes stands there as it is.
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(string)
            .map(Cow::Owned)
            .map_err(|e| format!("field `{}`: {}", field.word(), reason(&e))),
    }
}

/// The parser's own words, without its line number, which is always 1 here.
fn reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.rsplit_once(" at line ").map_or(&*words, |(w, _)| w);
    let unknown = words.strip_prefix("unknown field `");
    let unknown = unknown.and_then(|rest| rest.split_once("`, expected ").map(|(name, _)| name));
    if let Some(name) = unknown {
        return unknown_field(name);
    }
    match error.classify() {
        Category::Data => Excerpt(words).to_string(),
        _ => format!("not JSON: {}, column {}", Excerpt(words), error.column()),
    }
}

fn unknown_field(name: &str) -> String {
    match nearest(name, names()) {
        Some(near) => format!("unknown field `{}`: did you mean `{near}`?", Excerpt(name)),
        None => format!(
            "unknown field `{}`: an operation has {}, `meta`",
            Excerpt(name),
            Field::names()
        ),
    }
}
