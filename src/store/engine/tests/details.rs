//! What operations carry, over each backend.

use super::scenarios::refused;
use super::*;
use crate::bank::{OperationDetail, Rejection};
use crate::store::{EntryQuery, MAX_PAGE};

pub(super) fn what_an_operation_carries_is_kept_and_told(place: &dyn LedgerPlace) {
    let mut ledger = place.open();
    ledger.begin_run(None).expect("a run");
    let carrying = |id, kind, minor, memo: &str| {
        let detail = OperationDetail::read(&format!(r#"{{"memo":"{memo}"}}"#)).expect("a detail");
        operation(kind, Some(id), "a", minor).carrying(Some(detail))
    };
    let asks = |ledger: &mut dyn Ledger, request| ask(ledger, 0, request).expect("decided");
    let deposit = |memo| Request::Execute(carrying("in", Kind::Deposit, 100, memo));
    asks(ledger.as_mut(), deposit("wages"));
    let rent = carrying("rent", Kind::Withdraw, 30, "May");
    let operation = rent.clone();
    asks(
        ledger.as_mut(),
        Request::Hold {
            operation,
            lasts: None,
        },
    );
    let refusal = Request::Execute(carrying("no", Kind::Withdraw, 500, "much"));
    asks(ledger.as_mut(), refusal.clone());
    drop(ledger);
    let mut ledger = place.open();
    let held = ledger.holds(0).expect("holds").remove(0).operation;
    assert_eq!(held, rent);
    assert!(asks(ledger.as_mut(), refusal).duplicate);
    assert!(asks(ledger.as_mut(), deposit("wages")).duplicate);
    refused(
        asks(ledger.as_mut(), deposit("gift")).outcome,
        Rejection::IdConflict,
    );
    let id = Id::new("rent").expect("an id");
    let amount = None;
    asks(ledger.as_mut(), Request::PostHold { id, amount });
    let query = EntryQuery {
        limit: MAX_PAGE,
        ..EntryQuery::default()
    };
    let entries = ledger.entries(&query).expect("entries").entries;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            entry
                .operation
                .detail
                .as_ref()
                .map(|detail| detail.text().as_str())
        })
        .collect();
    assert_eq!(
        told,
        [Some(r#"{"memo":"wages"}"#), Some(r#"{"memo":"May"}"#)]
    );
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}
