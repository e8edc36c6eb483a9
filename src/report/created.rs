//! What `init` says: a ledger is there, and what its amounts count.

use serde::Serialize;

use super::{Format, Output};
use crate::bank::Unit;
use crate::event::add_line;
use crate::status::Status;
use crate::store::Place;

/// `ledger`. What is not `$` with two decimals, every line says.
#[derive(Serialize)]
struct LedgerLine {
    ledger: String,
    created: bool,
}

/// Tells that a ledger was created, or was there.
pub fn created(mut output: Output, format: Format, place: &Place, is_new: bool) -> Status {
    match format {
        Format::Text => {
            let what = if is_new { "created" } else { "there is" };
            output.line(format_args!(
                "{what} {place}: amounts are {}",
                Unit::current()
            ));
        }
        Format::Json => {
            let line = LedgerLine {
                ledger: place.to_string(),
                created: is_new,
            };
            // Memory takes every byte, so nothing fails.
            drop(add_line(&mut output.block, "ledger", &line));
        }
    }
    output.finish()
}
