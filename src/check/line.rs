//! One line of a history, as it is written: only the fields that a check needs.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bank::Balance;

/// The fields of a line about an operation; any other line has some of them by chance.
#[derive(Debug, Deserialize)]
pub(super) struct EventLine<'a> {
    pub(super) v: Option<u64>,
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) id: Option<Word<'a>>,
    #[serde(borrow)]
    pub(super) op: Option<Word<'a>>,
    #[serde(borrow)]
    pub(super) account: Option<Word<'a>>,
    #[serde(borrow)]
    pub(super) to: Option<Word<'a>>,
    #[serde(borrow)]
    pub(super) amount: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) set_aside: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) overdraft: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) balance: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) available: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) to_balance: Option<&'a RawValue>,
    pub(super) seq: Option<u64>,
    pub(super) decided: Option<u64>,
    #[serde(default)]
    pub(super) duplicate: bool,
    #[serde(borrow)]
    pub(super) reason: Option<Word<'a>>,
    pub(super) operation: Option<u64>,
    pub(super) pid: Option<u32>,
    pub(super) line: Option<u64>,
    pub(super) at_us: Option<u64>,
    pub(super) elapsed_us: Option<u64>,
}

/// A text that is borrowed where nothing in it is escaped; a bare `Cow` in an `Option` never is.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Word<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// `run_started`.
#[derive(Debug, Deserialize)]
pub(super) struct StartLine {
    pub(super) clock_us: Option<u64>,
    pub(super) ledger: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) run: Option<String>,
}

/// `summary`.
#[derive(Debug, Deserialize)]
pub(super) struct EndLine<'a> {
    pub(super) ledger: Option<String>,
    pub(super) completed: Option<u64>,
    pub(super) refused: Option<u64>,
    pub(super) failed: Option<u64>,
    pub(super) in_doubt: Option<u64>,
    pub(super) duplicates: Option<u64>,
    #[serde(default, borrow)]
    pub(super) balances: Vec<FinalLine<'a>>,
    pub(super) accounts_omitted: Option<u64>,
    pub(super) lost_updates: Option<u64>,
}

/// One of a summary's `balances`.
#[derive(Debug, Deserialize)]
pub(super) struct FinalLine<'a> {
    pub(super) account: String,
    #[serde(borrow)]
    pub(super) balance: &'a RawValue,
}

/// Money in minor units, from its own text: a string or a number, never by way of a float.
pub(super) fn minor(raw: &RawValue) -> Result<i64, String> {
    let text = raw.get();
    let digits = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let digits = digits.unwrap_or(text);
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, digits),
    };
    let balance: Balance = digits.parse().map_err(|error| format!("{text}: {error}"))?;
    Ok(sign * balance.minor())
}
