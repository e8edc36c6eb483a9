//! What an operation carries beyond itself, as one text.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::text;

/// The longest text of what an operation carries, in bytes.
pub const MAX_DETAIL: usize = 16_384;

/// What an operation carries beyond itself: a JSON object with its keys in their order and without blanks, so
/// that the same is always the same text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationDetail(SmolStr);

impl OperationDetail {
    /// Reads the text, if it is as one is written.
    pub fn read(text: &str) -> Result<Self, OperationDetailError> {
        let value: serde_json::Value = match text.len() <= MAX_DETAIL {
            true => serde_json::from_str(text).map_err(|_| OperationDetailError)?,
            false => return Err(OperationDetailError),
        };
        let is_said = value.as_object().is_some_and(|object| !object.is_empty());
        let canonical = value.to_string();
        match is_said && canonical == text {
            true => Ok(OperationDetail(SmolStr::new(canonical))),
            false => Err(OperationDetailError),
        }
    }

    /// What the caller added, of all that it says.
    pub fn annotations(&self) -> Annotations {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The text, which is cheap to clone.
    pub fn text(&self) -> &SmolStr {
        &self.0
    }
}

impl Serialize for OperationDetail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for OperationDetail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read(deserializer, OperationDetail::read)
    }
}

/// The longest memo, in bytes.
pub const MAX_MEMO: usize = 1_024;
/// The longest `meta` in all, names and values, in bytes.
pub const MAX_META: usize = 4_096;
/// The most values of a `meta`.
pub const MAX_META_VALUES: usize = 64;
/// The longest name of a value, in bytes.
const MAX_META_NAME: usize = 64;

/// What a caller adds to an operation, and what it is not decided by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// When it happened elsewhere: a date, or a moment as RFC 3339 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Box<str>>,
    /// Some words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<Box<str>>,
    /// Texts by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
}

impl Annotations {
    /// Adds some words.
    pub fn set_memo(&mut self, text: &str) -> Result<(), AnnotationError> {
        check_text(text)?;
        if text.len() > MAX_MEMO {
            return Err(AnnotationError::LongMemo);
        }
        self.memo = Some(text.into());
        Ok(())
    }

    /// Adds when it happened elsewhere.
    pub fn set_date(&mut self, text: &str) -> Result<(), AnnotationError> {
        if !is_date(text) {
            return Err(AnnotationError::Date);
        }
        self.date = Some(text.into());
        Ok(())
    }

    /// Adds a text under a name.
    pub fn add_meta(&mut self, name: &str, text: &str) -> Result<(), AnnotationError> {
        check_text(text)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > MAX_META_NAME || !name.bytes().all(allowed) {
            return Err(AnnotationError::MetaName);
        }
        if self
            .meta
            .insert(name.to_string(), text.to_string())
            .is_some()
        {
            return Err(AnnotationError::TwiceNamed);
        }
        let length: usize = self
            .meta
            .iter()
            .map(|(name, text)| name.len() + text.len())
            .sum();
        match length > MAX_META || self.meta.len() > MAX_META_VALUES {
            true => Err(AnnotationError::LongMeta),
            false => Ok(()),
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        *self == Annotations::default()
    }

    /// The same as an operation carries it, if there is anything.
    pub fn detail(&self) -> Option<OperationDetail> {
        match self.is_empty() {
            true => None,
            // Its fields stand in the order of their names, and texts have always a JSON.
            false => Some(OperationDetail(SmolStr::new(
                serde_json::to_string(self).ok()?,
            ))),
        }
    }
}

/// Whether a text can be shown in a few lines, and given to a command.
fn check_text(text: &str) -> Result<(), AnnotationError> {
    let is_wrong = |c: char| c.is_control() && c != '\n' && c != '\t';
    match text.chars().any(is_wrong) {
        true => Err(AnnotationError::Control),
        false => Ok(()),
    }
}

/// Whether this is a date, or a moment with its zone.
fn is_date(text: &str) -> bool {
    const DATE: usize = "2026-11-26".len();
    let Some((date, time)) = text.split_at_checked(DATE) else {
        return false;
    };
    let is_moment = |time: &str| humantime::parse_rfc3339(&format!("{date}{time}")).is_ok();
    let zone = time.len().checked_sub("+01:00".len());
    match zone.and_then(|at| time.split_at_checked(at)) {
        _ if time.is_empty() => is_moment("T00:00:00Z"),
        Some((clock, zone)) if zone.starts_with(['+', '-']) => {
            let is_zone = is_moment(&format!("T{}:00Z", &zone[1..]));
            is_zone && is_moment(&format!("{clock}Z"))
        }
        _ => time.starts_with('T') && is_moment(time),
    }
}

/// Why something cannot be added to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// Too many words.
    #[error("a memo has at most {MAX_MEMO} bytes")]
    LongMemo,
    /// Too many texts, or too long ones.
    #[error("`meta` has at most {MAX_META_VALUES} values and in all at most {MAX_META} bytes")]
    LongMeta,
    /// A name that no variable could have.
    #[error("a name in `meta` is 1 to {MAX_META_NAME} of `a-z A-Z 0-9 _ - .`")]
    MetaName,
    /// One name for two texts.
    #[error("it is named twice")]
    TwiceNamed,
    /// What a terminal or an environment could not take.
    #[error("it has control characters other than line feeds and tabs")]
    Control,
    /// No day and no moment.
    #[error(
        "a date is written as `2026-11-26`, or with a time and its zone as `2026-11-26T13:00:00Z`, and its day exists"
    )]
    Date,
}

/// A text that says nothing that an operation carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what an operation carries is a JSON object of at most {MAX_DETAIL} bytes, with its keys in their order"
)]
pub struct OperationDetailError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_way_to_write_it_is_read() {
        let memo = r#"{"memo":"rent \"May\" ä"}"#;
        assert_eq!(OperationDetail::read(memo).expect("read").text(), memo);
        assert!(OperationDetail::read(r#"{"date":"x","meta":{"a":"1"}}"#).is_ok());
        for text in [
            "",
            "{}",
            "[]",
            "1",
            r#"{"memo": "x"}"#,
            r#"{"memo":"\u00e4"}"#,
            r#"{"meta":{},"memo":"x"}"#,
            r#"{"memo":"x"} "#,
            r#"{"memo":"x","memo":"x"}"#,
            &format!(r#"{{"memo":"{}"}}"#, "x".repeat(MAX_DETAIL)),
        ] {
            assert_eq!(
                OperationDetail::read(text),
                Err(OperationDetailError),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_added_is_bounded_and_read_as_it_was_written() {
        let mut added = Annotations::default();
        assert_eq!(added.detail(), None);
        added.set_memo("May's\n\"rent\"").expect("a memo");
        added.add_meta("iban", "DE02 1203").expect("a value");
        added.set_date("2026-11-26").expect("a date");
        let detail = added.detail().expect("a detail");
        assert!(detail.text().contains(r#""date":"2026-11-26""#));
        assert_eq!(OperationDetail::read(detail.text()), Ok(detail.clone()));
        assert_eq!(detail.annotations(), added);
        let refused = [
            added.set_memo(&"x".repeat(MAX_MEMO + 1)),
            added.set_memo("\u{1b}[31m"),
            added.set_date("2026-02-30"),
            added.add_meta("bell", "\u{7}"),
            added.add_meta("a b", "x"),
            added.add_meta("", "x"),
            added.add_meta(&"x".repeat(MAX_META_NAME + 1), "x"),
            added.add_meta("iban", "x"),
            added.add_meta("long", &"x".repeat(MAX_META)),
        ];
        use AnnotationError::*;
        let reasons = [
            LongMemo, Control, Date, Control, MetaName, MetaName, MetaName, TwiceNamed, LongMeta,
        ];
        assert_eq!(refused, reasons.map(Err));
        // The longest there can be is short enough to be kept.
        let mut added = Annotations::default();
        added.set_memo(&"\"".repeat(MAX_MEMO)).expect("a memo");
        for number in 0..MAX_META_VALUES {
            let (name, text) = (format!("{number:064}"), String::new());
            assert_eq!(added.add_meta(&name, &text), Ok(()));
        }
        let detail = added.detail().expect("a detail");
        assert!(OperationDetail::read(detail.text()).is_ok());
        assert_eq!(added.add_meta("one-more", ""), Err(LongMeta));
        let longest = "x".repeat(MAX_META - "long".len());
        assert_eq!(Annotations::default().add_meta("long", &longest), Ok(()));
        let longest = "x".repeat(MAX_DETAIL - r#"{"memo":""}"#.len());
        assert!(OperationDetail::read(&format!(r#"{{"memo":"{longest}"}}"#)).is_ok());
    }

    #[test]
    fn a_date_is_a_day_or_a_moment_that_there_was() {
        for text in [
            "2026-11-26",
            "2024-02-29",
            "2026-11-26T13:00:00Z",
            "2026-11-26T13:00:00.5+01:00",
            "2026-11-26T23:59:59-11:30",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "",
            "today",
            "2026-02-29",
            "2026-11-26 13:00",
            "2026-11-26T13:00:00",
            "2026-11-26T25:00:00Z",
            "2026-11-26T13:00:00+25:00",
            "2026-11-26x",
            "26.11.2026",
            "2026-11-2ä",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
