//! How an allowance stands, in words.

use std::fmt::{self, Display};
use std::time::SystemTime;

use crate::bank::Moment;
use crate::event::{BudgetEvent, rfc3339};
use crate::report::Output;
use crate::report::columns::relative;
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
pub(super) fn account(output: &mut Output, cells: &[&str], standing: &Standing) {
    let Some(allowance) = &standing.allowance else {
        return output.row(cells);
    };
    let (allowance, view) = (&allowance.allowance, &allowance.view);
    let (spent, left) = (view.spent.to_string(), view.left.to_string());
    if output.on_terminal {
        output.row(cells);
        let zone = &allowance.zone;
        let refills = rfc3339(view.next);
        let refills = relative(&refills, SystemTime::now());
        return output.add_words(&format!(
            "{allowance} ({zone}): {spent} spent, {left} left, refilled {refills}"
        ));
    }
    let (allowance, refills) = (allowance.to_string(), ToTheSecond(view.next).to_string());
    let more = [allowance.as_str(), &spent, &left, &refills];
    let cells: Vec<&str> = cells.iter().copied().chain(more).collect();
    output.row(&cells);
}
