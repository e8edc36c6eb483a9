//! How an allowance stands, in words.

use std::fmt::{self, Display};

use crate::bank::Moment;
use crate::event::{BudgetEvent, rfc3339};
use crate::report::columns::{self, Column};
use crate::report::money::BareMoney;
use crate::store::Standing;

/// A moment to the second, as nearly all windows begin.
pub(super) struct ToTheSecond(pub(super) Moment);

impl Display for ToTheSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = rfc3339(self.0);
        match text.strip_suffix(".000000Z") {
            Some(text) => write!(f, "{text}Z"),
            None => f.write_str(&text),
        }
    }
}

/// The warning that so much of an allowance is spent.
pub fn low_budget(budget: &BudgetEvent) -> impl Display + use<> {
    let BudgetEvent {
        account,
        limit,
        spent,
        left,
        refills,
        ..
    } = budget;
    let refills = ToTheSecond(*refills);
    let [limit, spent, left] = [limit, spent, left].map(|money| BareMoney(*money));
    format!(
        "warning: `{account}` has spent {spent} of its allowance of {limit}: {left} is left until {refills}"
    )
}

/// Adds the row of an account. One with an allowance has four more cells for a script, and one more line on a
/// terminal.
pub(super) fn account(
    out: &mut Vec<u8>,
    columns: &[Column],
    cells: &[&str],
    standing: &Standing,
    on_terminal: bool,
) {
    let Some(allowance) = &standing.allowance else {
        return columns::money_row(out, columns, on_terminal, cells);
    };
    let (allowance, view) = (&allowance.allowance, &allowance.view);
    let (spent, left) = (view.spent.to_string(), view.left.to_string());
    let refills = ToTheSecond(view.next).to_string();
    if on_terminal {
        columns::money_row(out, columns, true, cells);
        let zone = &allowance.zone;
        let line = format!(
            "    {allowance} ({zone}): {spent} spent, {left} left, refilled at {refills}\n"
        );
        return out.extend(line.into_bytes());
    }
    let allowance = allowance.to_string();
    let more = [allowance.as_str(), &spent, &left, &refills];
    let cells: Vec<&str> = cells.iter().copied().chain(more).collect();
    columns::money_row(out, columns, false, &cells);
}
