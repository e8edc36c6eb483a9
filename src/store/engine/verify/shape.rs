//! Which columns a record has.

use super::RowCheck;
use crate::store::engine::rows::{
    DOUBTED, EXPIRED, HELD, KEPT, OPENED, REFUSED, RecordRow, SKIPPED, TAKEN_OVER, UNSPENT, VIEWED,
    VOIDED, WINDOW,
};

/// The columns that each kind of record has (`+`), never has (`-`), or may have (`?`). What an operation
/// has of `other` and `amount` is told by its kind.
pub(super) fn has_its_columns(row: &RecordRow) -> RowCheck {
    const NAMES: [&str; 16] = [
        "op",
        "other",
        "amount",
        "posted",
        "rejection",
        "overdraft",
        "id",
        "run",
        "line",
        "hold",
        "number",
        "expires",
        "doubt",
        "boot",
        "note",
        "detail",
    ];
    let shape = match row.kind {
        HELD => b"+??+--???-????-?",
        VOIDED | UNSPENT => b"+??+--???+-----?",
        EXPIRED => b"+??+--???+-?-?-?",
        REFUSED => b"+???+-???------?",
        VIEWED => b"+--+--????-----?",
        OPENED => b"---+-+-??------?",
        DOUBTED => b"+??+--+??+-----?",
        TAKEN_OVER => b"+??+--++?++----?",
        KEPT => b"+??+--+??+-?-?-?",
        SKIPPED => b"-------++-----+-",
        WINDOW => b"---+-----------+",
        kind => return Err(format!("is of the kind {kind}, which there is not")),
    };
    let there = [
        row.op.is_some(),
        row.other.is_some(),
        row.amount.is_some(),
        row.view.is_some(),
        row.rejection.is_some(),
        row.overdraft.is_some(),
        row.id.is_some(),
        row.run.is_some(),
        row.line.is_some(),
        row.hold.is_some(),
        row.number.is_some(),
        row.expires.is_some(),
        row.doubt.is_some(),
        row.boot_time.is_some(),
        row.note.is_some(),
        row.detail.is_some(),
    ];
    for ((name, there), must) in NAMES.iter().zip(there).zip(shape) {
        match (there, must) {
            (true, b'-') => return Err(format!("says `{name}`, which its kind does not have")),
            (false, b'+') => return Err(format!("says no `{name}`, which its kind has")),
            _ => {}
        }
    }
    Ok(())
}

/// Only what a repeat would be answered with is written down.
pub(super) fn is_remembered(row: &RecordRow) -> RowCheck {
    match (&row.id, row.line) {
        (None, None) => Err("has neither an id nor a line, so it must not be there".into()),
        _ => Ok(()),
    }
}
