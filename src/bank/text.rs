//! Texts that travel between processes: one with a meaning of its own, such as a name, is read only if
//! it has that, and one that only explains is cut where it is long.

use std::fmt::{self, Display};

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// Reads what `parse` takes for valid.
pub(crate) fn read<'de, D: Deserializer<'de>, T, E: Display>(
    deserializer: D,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    struct ValidText<T, E>(fn(&str) -> Result<T, E>);

    impl<T, E: Display> Visitor<'_> for ValidText<T, E> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<F: Error>(self, text: &str) -> Result<T, F> {
            (self.0)(text).map_err(F::custom)
        }
    }

    deserializer.deserialize_str(ValidText(parse))
}

/// Reads a text of at most so many bytes.
pub(crate) fn read_short<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    read(deserializer, |text| match text.len() <= MAX {
        true => Ok(text.to_string()),
        false => Err(format!("a text here has at most {MAX} bytes")),
    })
}

/// Writes as much of a text as may travel.
pub(crate) fn write_cut<const MAX: usize, S: Serializer>(
    text: &str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(cut::<MAX>(text))
}

/// The same of a text that may be missing.
pub(crate) fn write_some_cut<const MAX: usize, S: Serializer>(
    text: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => serializer.serialize_some(cut::<MAX>(text)),
        None => serializer.serialize_none(),
    }
}

fn cut<const MAX: usize>(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX)]
}
