//! What a ledger keeps as texts: the details of operations, budgets, names and ids.

use crate::bank::{Budget, Id, Name, OperationDetail, Percent, Period, Unit, Zone};

/// What is read is written as it was.
pub(super) fn kept_texts(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(detail) = OperationDetail::read(text) {
        assert_eq!(detail.text(), text);
        let _ = detail.annotations();
    }
    if let Some(budget) = Budget::read(text) {
        assert_eq!(budget.to_text(), text);
    }
    for name in [Name::user(text), Name::other_side(text)]
        .into_iter()
        .flatten()
    {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(id) = Id::new(text) {
        assert_eq!(id.as_str(), text);
    }
    let _ = (
        text.parse::<Percent>(),
        text.parse::<Period>(),
        Zone::new(text),
    );
    if let Ok(unit) = Unit::new(2, text) {
        assert_eq!(unit.name(), text);
    }
}
