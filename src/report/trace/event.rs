//! One event of a trace, as the format has it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::bank::Decimal;

/// The nanoseconds of a microsecond.
pub(super) const NANOS: u64 = 1_000;

/// One event. Times are nanoseconds since the picture begins.
#[derive(Clone, Debug)]
pub(super) struct TraceEvent {
    /// Its kind: `X` a span, `i` an instant, `s` and `f` the ends of a flow, `C` a counter, `M` a name.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) at: u64,
    pub(super) lasts: Option<u64>,
    pub(super) pid: u64,
    pub(super) tid: u64,
    /// The flow that it belongs to.
    pub(super) flow: Option<u64>,
    pub(super) arguments: Option<Box<RawValue>>,
}

impl TraceEvent {
    pub(super) fn new(kind: &'static str, name: impl Into<String>, (pid, tid): (u64, u64)) -> Self {
        TraceEvent {
            kind,
            name: name.into(),
            at: 0,
            lasts: None,
            pid,
            tid,
            flow: None,
            arguments: None,
        }
    }

    /// A span, which lasts at least a nanosecond.
    pub(super) fn span(
        name: impl Into<String>,
        track: (u64, u64),
        (from, until): (u64, u64),
    ) -> Self {
        TraceEvent {
            at: from,
            lasts: Some(until.saturating_sub(from).max(1)),
            ..TraceEvent::new("X", name, track)
        }
    }

    /// One end of a flow.
    pub(super) fn flow(kind: &'static str, track: (u64, u64), at: u64, flow: u64) -> Self {
        let name = if flow.is_multiple_of(2) {
            "request"
        } else {
            "reply"
        };
        TraceEvent {
            at,
            flow: Some(flow),
            ..TraceEvent::new(kind, name, track)
        }
    }

    /// The name of a process or of one of its tracks.
    pub(super) fn called(what: &'static str, track: (u64, u64), name: &str) -> Self {
        TraceEvent {
            arguments: object(&[("name", name.into())]),
            ..TraceEvent::new("M", what, track)
        }
    }
}

/// A moment in microseconds, with three places.
fn micros(nanos: u64) -> Option<Box<RawValue>> {
    RawValue::from_string(format!("{}.{:03}", nanos / NANOS, nanos % NANOS)).ok()
}

impl Serialize for TraceEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ph", self.kind)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("pid", &self.pid)?;
        map.serialize_entry("tid", &self.tid)?;
        if self.kind != "M" {
            map.serialize_entry("cat", "bank-par")?;
            map.serialize_entry("ts", &micros(self.at))?;
        }
        if let Some(lasts) = self.lasts {
            map.serialize_entry("dur", &micros(lasts))?;
        }
        if let Some(flow) = self.flow {
            map.serialize_entry("id", &flow)?;
        }
        match self.kind {
            // The span that is open at this moment is meant, and not the next one.
            "f" => map.serialize_entry("bp", "e")?,
            "i" => map.serialize_entry("s", "t")?,
            _ => {}
        }
        if let Some(arguments) = &self.arguments {
            map.serialize_entry("args", arguments)?;
        }
        map.end()
    }
}

/// A value of an event's arguments.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Argument {
    Number(u64),
    Text(String),
    /// A decimal as it stands, so that no float is made of it here.
    Decimal(Option<Box<RawValue>>),
}

impl From<u64> for Argument {
    fn from(number: u64) -> Self {
        Argument::Number(number)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Argument::Text(text.to_string())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Argument::Text(text)
    }
}

/// Arguments in their order.
pub(super) fn object(fields: &[(&str, Argument)]) -> Option<Box<RawValue>> {
    struct Ordered<'a>(&'a [(&'a str, Argument)]);
    impl Serialize for Ordered<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
        }
    }
    to_raw_value(&Ordered(fields)).ok()
}

/// MoneyText as a number of JSON.
pub(super) fn decimal_argument(minor: i64) -> Argument {
    Argument::Decimal(RawValue::from_string(decimal_number(minor)).ok())
}

pub(super) fn decimal_number(minor: i64) -> String {
    Decimal::new(minor).as_str().to_string()
}
