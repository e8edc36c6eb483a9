//! What was found, as one JSON object. Counts are numbers of any size, exact.

use num_bigint::BigUint;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Exploration, words};
use crate::bank::{Balance, Name, Operation};
use crate::event::add_line;
use crate::explore::StepSeen;
use crate::explore::{AccountEnds, Draws, Method, Played, Scenario, token};

pub(super) fn write(exploration: &Exploration, out: &mut Vec<u8>) {
    // Memory takes every byte, so nothing fails.
    let _ = add_line(out, "explored", &ExploredLine::new(exploration));
}

/// A count, with all its digits.
struct Exact(BigUint);

impl From<&BigUint> for Exact {
    fn from(count: &BigUint) -> Self {
        Exact(count.clone())
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.to_string());
        digits
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

fn money(minor: i64) -> String {
    Balance::new(minor).to_string()
}

/// `explored`.
#[derive(Serialize)]
struct ExploredLine<'a> {
    status: u8,
    sync: &'static str,
    lock_order: bool,
    operations: Vec<OperationPart<'a>>,
    views_left_out: usize,
    method: &'static str,
    exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    states: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drawn: Option<DrawnPart>,
    orders: Exact,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<Exact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right_by_luck: Option<Exact>,
    wrong: Exact,
    deadlocks: Exact,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum_broken: Option<Exact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusing: Option<Exact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong_anywhere: Option<Exact>,
    accounts: Vec<AccountPart<'a>>,
    example: Option<ExamplePart<'a>>,
}

#[derive(Serialize)]
struct OperationPart<'a> {
    process: usize,
    op: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    amount: String,
}

#[derive(Serialize)]
struct DrawnPart {
    seed: u64,
    samples: u64,
    uniform: bool,
    worth: u64,
    wrong_millionths_low: u64,
    wrong_millionths_high: u64,
}

#[derive(Serialize)]
struct AccountPart<'a> {
    account: &'a str,
    start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    wrong: Exact,
    lost_update: Exact,
    overdraft: Exact,
    finals: Vec<FinalPart>,
}

#[derive(Serialize)]
struct FinalPart {
    balance: String,
    orders: Exact,
    wrong: Exact,
}

#[derive(Serialize)]
struct ExamplePart<'a> {
    token: String,
    shortest: bool,
    interruptions: usize,
    deadlock: bool,
    steps: Vec<StepPart<'a>>,
    waiting: Vec<WaitingPart<'a>>,
    balances: Vec<EndPart<'a>>,
}

#[derive(Serialize)]
pub(super) struct StepPart<'a> {
    process: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    step: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    balances: Vec<BalancePart<'a>>,
}

#[derive(Serialize)]
struct BalancePart<'a> {
    account: &'a str,
    balance: String,
}

#[derive(Serialize)]
pub(super) struct WaitingPart<'a> {
    process: usize,
    accounts: Vec<&'a str>,
}

#[derive(Serialize)]
struct EndPart<'a> {
    account: &'a str,
    balance: String,
    expected: String,
}

impl<'a> ExploredLine<'a> {
    fn new(exploration: &Exploration<'a>) -> Self {
        let Exploration {
            scenario, found, ..
        } = *exploration;
        let tally = &found.tally;
        let (method, states, drawn) = match found.method {
            Method::Search(states) => ("search", Some(states), None),
            Method::ClosedForm => ("closed_form", None, None),
            Method::Drawn(draws) => ("drawn", None, Some(draws.into())),
        };
        let exact = drawn.is_none();
        let optional = |count: &Option<BigUint>| count.as_ref().map(Exact::from);
        let places = 0..scenario.places().len();
        ExploredLine {
            status: exploration.status().code(),
            sync: exploration.sync,
            lock_order: scenario.method().lock_order,
            operations: operations(scenario),
            views_left_out: exploration.views,
            method,
            exact,
            states,
            drawn,
            orders: (&tally.orders).into(),
            serial: exact.then(|| (&found.serial).into()),
            right_by_luck: exact.then(|| (&found.right_by_luck()).into()),
            wrong: (&tally.wrong).into(),
            deadlocks: (&tally.deadlocks).into(),
            sum_broken: optional(&tally.sum_broken),
            refusing: optional(&tally.refusing),
            wrong_anywhere: optional(&tally.wrong_anywhere),
            accounts: places
                .zip(&tally.accounts)
                .map(|(number, ends)| AccountPart::new(scenario, number, ends))
                .collect(),
            example: found
                .example
                .as_ref()
                .map(|played| ExamplePart::new(scenario, played, found.is_shortest)),
        }
    }
}

fn operations<'a>(scenario: &'a Scenario) -> Vec<OperationPart<'a>> {
    let numbered = (1..).zip(scenario.operations());
    let part = |(process, operation): (usize, &'a Operation)| OperationPart {
        process,
        op: operation.kind().word(),
        account: operation.account.as_str(),
        to: operation.to().map(Name::as_str),
        amount: money(operation.amount().map_or(0, |amount| amount.minor())),
    };
    numbered.map(part).collect()
}

impl From<Draws> for DrawnPart {
    fn from(draws: Draws) -> Self {
        let (low, high) = draws.wrong_millionths;
        DrawnPart {
            seed: draws.seed,
            samples: draws.samples,
            uniform: draws.uniform,
            worth: draws.worth,
            wrong_millionths_low: low,
            wrong_millionths_high: high,
        }
    }
}

impl<'a> AccountPart<'a> {
    fn new(scenario: &'a Scenario, number: usize, ends: &AccountEnds) -> Self {
        let place = &scenario.places()[number];
        let finals = ends.finals.iter();
        AccountPart {
            account: place.name.as_str(),
            start: money(place.start),
            expected: scenario
                .refuses_nothing()
                .then(|| money(scenario.end(number))),
            wrong: (&ends.wrong).into(),
            lost_update: (&ends.lost).into(),
            overdraft: (&ends.overdrawn).into(),
            finals: finals
                .map(|(ended, end)| FinalPart {
                    balance: money(*ended),
                    orders: (&end.orders).into(),
                    wrong: (&end.wrong).into(),
                })
                .collect(),
        }
    }
}

impl<'a> ExamplePart<'a> {
    fn new(scenario: &'a Scenario, played: &Played, shortest: bool) -> Self {
        let name = |place: usize| scenario.places()[place].name.as_str();
        let waiting = played.waiting.iter();
        let ends = played.verdict.ends.iter().enumerate();
        ExamplePart {
            token: token(scenario, &played.order),
            shortest,
            interruptions: played.preemptions,
            deadlock: played.verdict.deadlock,
            steps: played
                .steps
                .iter()
                .map(|taken| StepPart::new(scenario, &StepSeen::from(taken)))
                .collect(),
            waiting: waiting
                .map(|(process, places)| WaitingPart {
                    process: process + 1,
                    accounts: places.iter().map(|place| name(*place)).collect(),
                })
                .collect(),
            balances: ends
                .map(|(place, (ended, must))| EndPart {
                    account: name(place),
                    balance: money(*ended),
                    expected: money(*must),
                })
                .collect(),
        }
    }
}

impl<'a> StepPart<'a> {
    pub(super) fn new(scenario: &'a Scenario, taken: &StepSeen) -> Self {
        let sides = scenario.sides(taken.process).into_iter().zip(taken.sides);
        let balances = sides.filter_map(|(place, minor)| {
            Some(BalancePart {
                account: scenario.places()[place].name.as_str(),
                balance: money(minor?),
            })
        });
        StepPart {
            process: taken.process + 1,
            pid: taken.pid,
            step: words::step(taken.step),
            result: words::step_result(taken.result),
            balances: balances.collect(),
        }
    }
}
