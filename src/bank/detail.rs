//! What an operation carries beyond itself, as one text.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::text;

/// The longest text of what an operation carries, in bytes.
pub const MAX_DETAIL: usize = 8_192;

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
}
