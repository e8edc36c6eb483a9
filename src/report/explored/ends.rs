//! Which balances the orders lead to, and how many lead to each.

use std::fmt::{self, Write as _};

use num_bigint::BigUint;

use super::{Exploration, money, orders, short};
use crate::explore::{AccountEnds, FinalBalance};

/// How many final balances have a line each in text, beside the right one; JSON has them all.
const MAX_FINALS: usize = 20;

/// How a balance of the judged account is reached.
pub(super) struct ReachedBalance<'a> {
    pub(super) minor: i64,
    pub(super) end: &'a FinalBalance,
}

/// The balances of the judged account, of many the lowest, the highest and the right one; and how many are
/// left out.
pub(super) fn reached<'a>(
    exploration: &Exploration<'a>,
    most: usize,
) -> (Vec<ReachedBalance<'a>>, usize) {
    let Some(AccountEnds { finals, .. }) = exploration.found.tally.accounts.first() else {
        return (Vec::new(), 0);
    };
    let must = must_end_with(exploration);
    let last = finals.len().saturating_sub(most / 2);
    let is_shown = |number: usize, minor: i64| {
        finals.len() <= most || number < most / 2 || number >= last || must == Some(minor)
    };
    let numbered = finals.iter().enumerate();
    let shown = numbered.filter(|(number, (minor, _))| is_shown(*number, **minor));
    let rows = shown.map(|(_, (minor, end))| ReachedBalance { minor: *minor, end });
    let rows: Vec<_> = rows.collect();
    let omitted = finals.len() - rows.len();
    (rows, omitted)
}

/// What the judged account must hold at the end, where that does not depend on what is refused.
fn must_end_with(exploration: &Exploration) -> Option<i64> {
    let scenario = exploration.scenario;
    scenario.refuses_nothing().then(|| scenario.end(0))
}

/// What the judged account begins with, and what it must end with.
pub(super) fn beginning(exploration: &Exploration) -> Option<String> {
    let place = exploration.scenario.places().first()?;
    let start = format!("{} starts with {}", place.name, money(place.start));
    Some(match must_end_with(exploration) {
        Some(must) => format!("{start}, must end with {}, and ends with", money(must)),
        None => format!("{start} and ends with"),
    })
}

/// The balances of the judged account, a line each.
pub(super) fn finals(exploration: &Exploration, out: &mut String) -> fmt::Result {
    let Some(beginning) = beginning(exploration) else {
        return Ok(());
    };
    writeln!(out, "{beginning}")?;
    let must = must_end_with(exploration);
    let texts = |row: &ReachedBalance| {
        let FinalBalance { orders, wrong, .. } = row.end;
        let mark = match must {
            _ if *wrong == BigUint::ZERO => "  right".to_string(),
            // Where there is one right balance, every other one is wrong.
            Some(_) if wrong == orders => String::new(),
            None if wrong == orders => "  wrong".to_string(),
            _ => format!("  {} of them wrong", short(wrong)),
        };
        (money(row.minor), short(orders), mark)
    };
    let (rows, omitted) = reached(exploration, MAX_FINALS);
    let rows: Vec<_> = rows.iter().map(texts).collect();
    let widest = |length: fn(&(String, String, String)) -> usize| rows.iter().map(length).max();
    let balances = widest(|row| row.0.len()).unwrap_or(0);
    let counts = widest(|row| row.1.len()).unwrap_or(0);
    for (balance, count, mark) in &rows {
        writeln!(
            out,
            "  {balance:>balances$}  after {count:>counts$} {}{mark}",
            orders(count)
        )?;
    }
    match omitted {
        0 => Ok(()),
        more => writeln!(
            out,
            "  and {more} balances in between; `--output json` has all, to the last digit"
        ),
    }
}

/// The accounts beside the judged one, a line each.
pub(super) fn others(exploration: &Exploration, out: &mut String) -> fmt::Result {
    let places = exploration.scenario.places().iter();
    let accounts = places.zip(&exploration.found.tally.accounts);
    for (place, AccountEnds { finals, wrong, .. }) in accounts.skip(1) {
        let (Some((low, _)), Some((high, _))) = (finals.first_key_value(), finals.last_key_value())
        else {
            continue;
        };
        let name = &place.name;
        let wrong = short(wrong);
        match finals.len() {
            1 => writeln!(out, "{name} always ends with {}", money(*low))?,
            count => writeln!(
                out,
                "{name} ends with {count} balances from {} to {},\n  wrong after {wrong} {}",
                money(*low),
                money(*high),
                orders(&wrong)
            )?,
        }
    }
    Ok(())
}
