//! Every order of the steps of some operations that share accounts: how many there are, how they end,
//! and the shortest that ends wrong.
//!
//! The orders are those of whole steps, at the points where the program shares ([`crate::sharing`]).
//! What processors and compilers do within a step is another matter.
//!
//! Two exact methods count them. The search looks at every state that any order leads to; the closed
//! form adds up orders of any number of operations where nothing can be refused and nothing guards.
//! Where neither fits into memory, orders are drawn by lot.

mod closed;
mod order;
mod sample;
mod scenario;
mod search;
mod shared_state;
mod taken;
mod tally;
mod token;
mod walk;

#[cfg(test)]
mod tests;

use num_bigint::BigUint;

pub use order::{Played, StepOrder, play};
pub use sample::Draws;
pub use scenario::{MAX_OPERATIONS, Scenario, ScenarioError, SharedAccount};
pub use shared_state::{StepResult, StepTaken};
pub use taken::{OrderEnd, Replayed, StepSeen, StepTakers};
pub use tally::{AccountEnds, FinalBalance, OrderTally, OrderVerdict};
pub use token::{TokenError, read_begun_token, read_token, token};
pub use walk::{OrderPrefix, PossibleEnds, walk};

use order::{Wanted, constructed, shortest};

/// Up to how many operations are searched although the closed form would do: the search also counts
/// how the accounts end together.
const SEARCHED_ANYWAY: usize = 6;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most states that the search remembers.
    pub states: usize,
    /// What draws the orders where that is not enough.
    pub seed: u64,
    /// How many are drawn.
    pub samples: u64,
}

/// How orders were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By all the states that they lead to, so many.
    Search(usize),
    /// By the closed form, account by account.
    ClosedForm,
    /// Not all: some were drawn.
    Drawn(Draws),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How the orders were counted.
    pub method: Method,
    /// What they come to.
    pub tally: OrderTally,
    /// How many orders are serial: one operation after another.
    pub serial: BigUint,
    /// The order that was asked for, or a wrong one.
    pub example: Option<Played>,
    /// No such order has fewer steps, and none with as few is less interrupted.
    pub is_shortest: bool,
}

impl Explored {
    /// Orders after which the judged account is right although operations came between each other's
    /// steps. Orders that were drawn are not told apart.
    pub fn right_by_luck(&self) -> BigUint {
        let right = &self.tally.orders - &self.tally.wrong;
        match right >= self.serial {
            true => right - &self.serial,
            false => BigUint::ZERO,
        }
    }
}

/// Looks at every order, or at as many as the bounds allow; and for one that has the judged account end
/// with `wanted`, or else for a wrong one.
pub fn explore(scenario: &Scenario, bounds: Bounds, wanted: Option<i64>) -> Explored {
    let operations = scenario.operations.len();
    let closed = || closed::closed_form(scenario);
    let searched = || search::search(scenario, bounds.states);
    let exact = match operations > SEARCHED_ANYWAY {
        true => closed().map(|tally| (tally, Method::ClosedForm)),
        false => None,
    };
    let exact = exact.or_else(|| searched().map(|(tally, states)| (tally, Method::Search(states))));
    let exact = exact.or_else(|| closed().map(|tally| (tally, Method::ClosedForm)));
    let drawn_for = wanted.map_or(Wanted::WrongAnywhere, Wanted::Final);
    let (tally, method, drawn) = match exact {
        Some((tally, method)) => (tally, method, None),
        None => {
            let (tally, draws, found) =
                sample::sample(scenario, (bounds.seed, bounds.samples), drawn_for);
            (tally, Method::Drawn(draws), found)
        }
    };
    let order = match method {
        Method::Search(_) => {
            aim(&tally, wanted).and_then(|(aim, most)| shortest(scenario, aim, most))
        }
        Method::ClosedForm => aim(&tally, wanted).and_then(|(aim, _)| constructed(scenario, aim)),
        Method::Drawn(_) => drawn,
    };
    Explored {
        method,
        serial: (1..=operations).map(BigUint::from).product(),
        example: order.and_then(|order| play(scenario, &order).ok()),
        is_shortest: !matches!(method, Method::Drawn(_)),
        tally,
    }
}

/// What to look for an example of, and how many steps it has at most; `None` if there is none.
fn aim(tally: &OrderTally, wanted: Option<i64>) -> Option<(Wanted, usize)> {
    if let Some(minor) = wanted {
        let found = tally.accounts.first()?.finals.get(&minor)?;
        return Some((Wanted::Final(minor), found.steps));
    }
    let wrong = tally.first_wrong.map(|steps| (Wanted::Wrong, steps));
    let elsewhere = tally.first_elsewhere;
    wrong.or(elsewhere.map(|steps| (Wanted::WrongAnywhere, steps)))
}
