//! What `init` says: a ledger is there, and what its amounts count.

use serde::Serialize;

use super::{Format, Output};
use crate::bank::Unit;
use crate::event::add_line;
use crate::status::Status;
use crate::store::Place;

/// `ledger`. What is not `$` with two decimals, every line says.
#[derive(Serialize)]
struct LedgerLine<'a> {
    ledger: String,
    created: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    grants: &'a [String],
}

/// Tells that a ledger was created, or was there, and by which statements others are let to use it.
pub fn created(
    mut output: Output,
    format: Format,
    place: &Place,
    is_new: bool,
    grants: &[String],
) -> Status {
    match format {
        Format::Text => {
            let what = if is_new { "created" } else { "there is" };
            output.line(format_args!(
                "{what} {place}: amounts are {}",
                Unit::current()
            ));
            grants.iter().for_each(|grant| output.line(grant));
        }
        Format::Json => {
            let line = LedgerLine {
                ledger: place.to_string(),
                created: is_new,
                grants,
            };
            // Memory takes every byte, so nothing fails.
            drop(add_line(&mut output.block, "ledger", &line));
        }
    }
    output.finish()
}
