//! Entries from the last one on.

use crate::store::{Entry, EntryQuery, Ledger, LedgerError, MAX_PAGE};

use super::filter::EntrySelection;

/// Visits what is asked for and wanted, the newest first, until that says to stop.
pub(super) fn walk_back(
    ledger: &mut dyn Ledger,
    query: &EntryQuery,
    wanted: &EntrySelection,
    mut visit: impl FnMut(&Entry) -> bool,
) -> Result<(), LedgerError> {
    let mut last = last_of_all(ledger, query.after)?;
    while last > query.after {
        let before = last.saturating_sub(MAX_PAGE as u64).max(query.after);
        let limit = MAX_PAGE;
        let page = ledger.entries(&EntryQuery {
            after: before,
            limit,
            ..query.clone()
        })?;
        let entries = page.entries.iter().rev();
        for entry in entries.filter(|entry| entry.seq <= last && wanted.has(entry)) {
            if !visit(entry) {
                return Ok(());
            }
        }
        last = before;
    }
    Ok(())
}

/// The number of the last entry after this one, which is found without reading all: there is none
/// between two numbers that has no entry.
fn last_of_all(ledger: &mut dyn Ledger, after: u64) -> Result<u64, LedgerError> {
    let mut goes_beyond = |after: u64| {
        let limit = 1;
        let query = EntryQuery {
            after,
            limit,
            ..EntryQuery::default()
        };
        Ok::<_, LedgerError>(!ledger.entries(&query)?.entries.is_empty())
    };
    let (mut least, mut step) = (after, 1);
    while goes_beyond(least.saturating_add(step))? {
        least += step;
        step *= 2;
    }
    // The last one is beyond `least`, unless there is none at all, and at most `most`.
    let mut most = least.saturating_add(step);
    while least < most {
        let middle = least + (most - least) / 2;
        match goes_beyond(middle)? {
            true => least = middle + 1,
            false => most = middle,
        }
    }
    Ok(most)
}
