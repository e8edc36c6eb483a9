//! Which balances the orders lead to, and how many lead to each.

use std::fmt::{self, Write as _};

use num_bigint::BigUint;

use super::{Exploration, money, orders, short};
use crate::explore::{AccountEnds, FinalBalance};

/// How many final balances have a line each in text, beside the right one; JSON has them all.
const MAX_FINALS: usize = 20;

/// The balances of the judged account, a line each.
pub(super) fn finals(exploration: &Exploration, out: &mut String) -> fmt::Result {
    let (scenario, tally) = (exploration.scenario, &exploration.found.tally);
    let (Some(place), Some(ends)) = (scenario.places().first(), tally.accounts.first()) else {
        return Ok(());
    };
    let must = scenario.refuses_nothing().then(|| scenario.end(0));
    write!(out, "{} starts with {}", place.name, money(place.start))?;
    match must {
        Some(must) => writeln!(out, ", must end with {}, and ends with", money(must))?,
        None => writeln!(out, " and ends with")?,
    }
    let texts = |(ended, end): (&i64, &FinalBalance)| {
        let mark = match (&end.wrong, must) {
            (wrong, _) if *wrong == BigUint::ZERO => "  right".to_string(),
            // Where there is one right balance, every other one is wrong.
            (wrong, Some(_)) if *wrong == end.orders => String::new(),
            (wrong, None) if *wrong == end.orders => "  wrong".to_string(),
            (wrong, _) => format!("  {} of them wrong", short(wrong)),
        };
        (money(*ended), short(&end.orders), mark)
    };
    let last = ends.finals.len().saturating_sub(MAX_FINALS / 2);
    let is_shown = |(number, (ended, _)): &(usize, (&i64, _))| {
        let few = ends.finals.len() <= MAX_FINALS;
        few || *number < MAX_FINALS / 2 || *number >= last || must == Some(**ended)
    };
    let all = ends.finals.iter().enumerate();
    let rows = all.filter(is_shown).map(|(_, row)| texts(row));
    let rows: Vec<_> = rows.collect();
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
    match ends.finals.len() - rows.len() {
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
