//! What was found about every order of some operations: a table and a picture of one order, or one JSON
//! object.

mod ends;
mod json;
mod lanes;
mod page;
mod replayed;
mod words;

use std::fmt::{self, Display, Write as _};

use num_bigint::BigUint;

use super::money::MoneyText;
use super::text::Description;
use super::{Format, Output};
use crate::explore::StepSeen;
use crate::explore::{Draws, Explored, Method, Played, Scenario, token};
use crate::status::Status;
use lanes::Lanes;

pub(super) use page::page;
pub use replayed::{Replay, StepScreen, replayed};

/// The most letters of a count with all its digits in text; JSON has them all.
const MAX_COUNT: usize = 26;

/// The row of the totals whose share is told.
const WRONG: &str = "wrong";

/// What was explored.
#[derive(Clone, Copy, Debug)]
pub struct Exploration<'a> {
    /// The operations and how they share.
    pub scenario: &'a Scenario,
    /// How they share, as it was asked for.
    pub sync: &'static str,
    /// How many views were left out, since they change nothing.
    pub views: usize,
    /// The balance for which an order was asked.
    pub wanted: Option<i64>,
    /// What was found.
    pub found: &'a Explored,
}

impl Exploration<'_> {
    /// A wrong order is a violation; orders that were not looked at are work left.
    pub fn status(&self) -> Status {
        match self.found.method {
            _ if self.found.tally.has_wrong() => Status::Violation,
            Method::Drawn(_) => Status::EndedEarly,
            Method::Search(_) | Method::ClosedForm => Status::Posted,
        }
    }
}

/// Prints what was found; returns the status that follows from it.
pub fn explored(mut output: Output, format: Format, exploration: &Exploration) -> Status {
    match format {
        Format::Text => {
            let mut text = String::new();
            // Memory takes everything.
            let _ = write_text(exploration, &mut text);
            output.text(&text);
        }
        Format::Json => json::write(exploration, &mut output.block),
    }
    exploration.status().worse(output.finish())
}

fn write_text(exploration: &Exploration, out: &mut String) -> fmt::Result {
    let Exploration { scenario, sync, .. } = *exploration;
    writeln!(out, "{sync}: {}", words::method(scenario.method()))?;
    for (number, operation) in (1..).zip(scenario.operations()) {
        writeln!(out, "{number:>4}  {}", Description::of(operation))?;
    }
    if let Some(words) = views_left_out(exploration) {
        writeln!(out, "      {words}")?;
    }
    writeln!(out)?;
    totals(exploration, out)?;
    writeln!(out)?;
    ends::finals(exploration, out)?;
    ends::others(exploration, out)?;
    example(exploration, out)
}

/// How many views are left out.
fn views_left_out(exploration: &Exploration) -> Option<String> {
    match exploration.views {
        0 => None,
        1 => Some("1 view is left out: it changes nothing".to_string()),
        views => Some(format!("{views} views are left out: they change nothing")),
    }
}

/// How the orders were counted.
fn method(method: Method, out: &mut String) -> fmt::Result {
    match method {
        Method::Search(_) => writeln!(
            out,
            "Every order in which their steps can follow each other was examined."
        ),
        Method::ClosedForm => {
            writeln!(out, "Every order of their steps was counted, by a formula.")
        }
        Method::Drawn(draws) => drawn(draws, out),
    }
}

/// What is counted: how far it is indented, what it is, and how many orders there are of it.
type TotalRow = (usize, &'static str, BigUint);

fn total_rows(exploration: &Exploration) -> Vec<TotalRow> {
    let found = exploration.found;
    let tally = &found.tally;
    let mut rows = vec![(0, "orders of the steps", tally.orders.clone())];
    match found.method {
        Method::Drawn(_) => rows.push((2, "right", &tally.orders - &tally.wrong)),
        _ => {
            let serial = found.serial.clone();
            rows.push((2, "right, one operation after another", serial));
            let interleaved = match exploration.sync {
                "none" => "right by luck",
                _ => "right, with steps in between",
            };
            rows.push((2, interleaved, found.right_by_luck()));
        }
    }
    rows.push((2, WRONG, tally.wrong.clone()));
    if let Some(judged) = tally.accounts.first() {
        rows.push((4, "an update is lost", judged.lost.clone()));
        let overdrawn = judged.overdrawn.clone();
        rows.push((4, "more is paid out than there was", overdrawn));
    }
    let deadlocks = tally.deadlocks.clone();
    rows.push((4, "they wait for each other for ever", deadlocks));
    let anywhere = tally.wrong_anywhere.as_ref();
    if let Some(anywhere) = anywhere.filter(|all| **all != tally.wrong) {
        rows.push((2, "wrong in any account, or the sum", anywhere.clone()));
    }
    if let Some(broken) = &tally.sum_broken {
        let what = "the sum over all accounts is broken";
        rows.push((2, what, broken.clone()));
    }
    rows
}

/// What is not counted where accounts are counted one by one.
fn uncounted(exploration: &Exploration) -> Option<&'static str> {
    let is_unknown = exploration.found.tally.sum_broken.is_none();
    is_unknown.then_some("The formula counts each account by itself, and not how the sum ends.")
}

fn totals(exploration: &Exploration, out: &mut String) -> fmt::Result {
    let orders = &exploration.found.tally.orders;
    method(exploration.found.method, out)?;
    let width = short(orders).len();
    for (indent, label, count) in total_rows(exploration) {
        let share = match label {
            WRONG => format!("  {}", percent(&count, orders)),
            _ => String::new(),
        };
        let count = short(&count);
        writeln!(
            out,
            "{:indent$}{label:<rest$}  {count:>width$}{share}",
            "",
            rest = 38 - indent
        )?;
    }
    match uncounted(exploration) {
        Some(words) => writeln!(out, "  {words}"),
        None => Ok(()),
    }
}

fn drawn(draws: Draws, out: &mut String) -> fmt::Result {
    let Draws {
        seed,
        samples,
        uniform,
        worth,
        wrong_millionths: (low, high),
    } = draws;
    writeln!(
        out,
        "There are too many orders to examine each (`--max-states` bounds the memory)."
    )?;
    writeln!(
        out,
        "{} orders were drawn at random with seed {seed}:\n\
         {} to {} of all orders are wrong, with 95 % confidence.",
        Thousands(&samples.into()),
        millionths(low),
        millionths(high)
    )?;
    if !uniform {
        writeln!(
            out,
            "Some operations are refused, wait or try again, so that not every order is as\n\
             likely to be drawn: each draw counts the more the less likely it was, and all\n\
             of them tell about as much as {} of equal weight.",
            Thousands(&worth.into())
        )?;
    }
    Ok(())
}

fn example(exploration: &Exploration, out: &mut String) -> fmt::Result {
    let Exploration {
        scenario, found, ..
    } = *exploration;
    writeln!(out)?;
    let Some(played) = &found.example else {
        return writeln!(out, "{}", no_example(exploration));
    };
    writeln!(
        out,
        "{};\ntime runs down, and each operation has a process of its own:",
        which_order(exploration, played)
    )?;
    writeln!(out)?;
    let steps: Vec<StepSeen> = played.steps.iter().map(StepSeen::from).collect();
    out.push_str(&Lanes::new(scenario, played, &[]).picture(&steps));
    writeln!(out)?;
    out.push_str(&ended(scenario, played));
    writeln!(out, "\n{REPLAY}:\n  {}", replay_command(scenario, played))
}

const REPLAY: &str = "Have real processes do it";

/// What takes this order for real.
fn replay_command(scenario: &Scenario, played: &Played) -> String {
    format!("bank-par replay {}", token(scenario, &played.order))
}

/// Why there is no example.
fn no_example(exploration: &Exploration) -> String {
    let found = exploration.found;
    match (exploration.wanted, found.tally.has_wrong()) {
        (Some(wanted), _) => format!("No order was found that ends with {}.", money(wanted)),
        (None, true) => "Finding the shortest wrong order would take too long.".to_string(),
        (None, false) => match found.method {
            Method::Drawn(_) => "No wrong order was drawn.".to_string(),
            _ => "There is no wrong order.".to_string(),
        },
    }
}

/// Which order it is, and how long.
fn which_order(exploration: &Exploration, played: &Played) -> String {
    let which = match (exploration.wanted, exploration.found.is_shortest) {
        (Some(wanted), true) => format!("The shortest order that ends with {}", money(wanted)),
        (Some(wanted), false) => format!("An order that ends with {}", money(wanted)),
        (None, true) => "The shortest wrong order".to_string(),
        (None, false) => "A wrong order".to_string(),
    };
    let (steps, preemptions) = (played.steps.len(), played.preemptions);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    format!(
        "{which}, of {steps} step{} with {preemptions} interruption{}",
        plural(steps),
        plural(preemptions)
    )
}

/// How an order ended, and why.
fn ended(scenario: &Scenario, played: &Played) -> String {
    let mut text = String::new();
    if played.verdict.deadlock {
        return words::waiting(scenario, played);
    }
    for line in words::overwritten(scenario, played) {
        text += &format!("{line}\n");
    }
    let ends = scenario.places().iter().zip(&played.verdict.ends);
    for (number, (place, (ended, must))) in ends.enumerate() {
        let (name, ended_text) = (&place.name, money(*ended));
        if *must < place.floor {
            text += &format!(
                "{name} ends with {ended_text}, and what was accepted adds up to {}:\nmore was paid out than there was.\n",
                money(*must)
            );
        } else if ended != must {
            text += &format!(
                "{name} ends with {ended_text} and must hold {}.\n",
                money(*must)
            );
        } else if number == 0 {
            text += &format!("{name} ends with {ended_text}, as it must.\n");
        }
    }
    if played.verdict.sum_broken {
        text += "Money has appeared or vanished: the sum over all accounts is not what it was.\n";
    }
    text
}

fn orders(count: &str) -> &'static str {
    if count == "1" { "order" } else { "orders" }
}

fn money(minor: i64) -> String {
    MoneyText(minor.into()).to_string()
}

fn millionths(share: u64) -> String {
    format!("{}.{:02} %", share / 10_000, share / 100 % 100)
}

/// A share of a whole in percent, rounded to two places.
fn percent(part: &BigUint, whole: &BigUint) -> String {
    if *whole == BigUint::ZERO {
        return millionths(0);
    }
    let hundredths = (part * 20_000u32 + whole) / (whole * 2u32);
    millionths(100 * u64::try_from(hundredths).unwrap_or(10_000))
}

/// A count in text: with all its digits, or if those are too many, with the first of them.
fn short(count: &BigUint) -> String {
    let exact = Thousands(count).to_string();
    if exact.len() <= MAX_COUNT {
        return exact;
    }
    let digits = count.to_string();
    let (first, rest) = digits.split_at(1);
    format!("{first}.{} x 10^{}", &rest[..3], rest.len())
}

/// A count of any size with its thousands told apart.
struct Thousands<'a>(&'a BigUint);

impl Display for Thousands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (number, digit) in digits.chars().enumerate() {
            if number > 0 && (digits.len() - number).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_any_size_are_read_at_a_glance() {
        for (number, expected) in [
            (0u64, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (2_375_880_867_360_000, "2,375,880,867,360,000"),
        ] {
            assert_eq!(Thousands(&number.into()).to_string(), expected);
        }
        let forty = BigUint::from(716u32) * BigUint::from(10u32).pow(104);
        assert_eq!(short(&forty), "7.160 x 10^106");
        let ten = BigUint::from(2_375_880_867_360_000u64);
        assert_eq!(short(&ten), "2,375,880,867,360,000");
        assert_eq!(percent(&1_792u32.into(), &2_520u32.into()), "71.11 %");
        assert_eq!(percent(&BigUint::ZERO, &BigUint::ZERO), "0.00 %");
    }
}
