//! The first steps of an order, and what can still become of it.

use std::collections::HashSet;

use super::scenario::Scenario;
use super::shared_state::{SharedState, StepTaken};
use super::tally::OrderVerdict;

/// The most states that are looked at for what can still become of an order: a fraction of a second, and enough for seven
/// operations in each way to share.
const MAX_LOOKED_AT: usize = 20_000;

/// Where the first steps of an order have led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPrefix {
    /// The steps.
    pub steps: Vec<StepTaken>,
    /// Which operations can go on.
    pub able: Vec<usize>,
    /// What can still become of it; nothing where there are too many states to find out.
    pub prospects: Option<PossibleEnds>,
    /// How it has ended, if no operation can go on.
    pub verdict: Option<OrderVerdict>,
}

/// What can still become of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PossibleEnds {
    /// Some way on ends right.
    pub well: bool,
    /// Some way on ends wrong.
    pub wrong: bool,
}

/// Takes the first steps of an order.
///
/// # Errors
///
/// The position, from 1, of a step that cannot be taken.
pub fn walk(scenario: &Scenario, order: &[usize]) -> Result<OrderPrefix, usize> {
    let mut state = SharedState::start(scenario);
    let mut steps = Vec::new();
    for (position, &process) in (1..).zip(order) {
        if process >= scenario.moves.len() || !state.can_go(scenario, process) {
            return Err(position);
        }
        steps.extend(state.take(scenario, process));
    }
    let able = able(scenario, &state);
    Ok(OrderPrefix {
        steps,
        verdict: able.is_empty().then(|| OrderVerdict::of(scenario, &state)),
        able,
        prospects: prospects(scenario, state),
    })
}

fn able(scenario: &Scenario, state: &SharedState) -> Vec<usize> {
    let all = 0..scenario.moves.len();
    all.filter(|process| state.can_go(scenario, *process))
        .collect()
}

fn prospects(scenario: &Scenario, from: SharedState) -> Option<PossibleEnds> {
    let mut found = PossibleEnds::default();
    let from = from.sorted(scenario);
    let (mut known, mut open) = (HashSet::from([from.clone()]), vec![from]);
    while let Some(state) = open.pop() {
        let able = able(scenario, &state);
        if able.is_empty() {
            match OrderVerdict::of(scenario, &state).wrong_anywhere() {
                true => found.wrong = true,
                false => found.well = true,
            }
        }
        if found.well && found.wrong {
            break;
        }
        if known.len() > MAX_LOOKED_AT {
            return None;
        }
        for process in able {
            let mut after = state.clone();
            after.take(scenario, process);
            let after = after.sorted(scenario);
            if known.insert(after.clone()) {
                open.push(after);
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use crate::explore::read_begun_token;

    fn prospects_of(order: &str) -> (bool, bool, usize) {
        let token = format!("x1/none/main=1000/w500,d500/{order}");
        let (_, _, walked) = read_begun_token(&token).expect("a token");
        let found = walked.prospects.expect("it is small");
        (found.well, found.wrong, walked.able.len())
    }

    #[test]
    fn it_is_known_when_an_order_can_no_longer_end_well() {
        assert_eq!(prospects_of(""), (true, true, 2));
        assert_eq!(prospects_of("1"), (true, true, 2));
        // Both have read the same balance: one of the updates will be lost.
        assert_eq!(prospects_of("12"), (false, true, 2));
        assert_eq!(prospects_of("11"), (true, false, 1));
        assert_eq!(prospects_of("1122"), (true, false, 0));
        assert_eq!(prospects_of("1221"), (false, true, 0));
        assert!(read_begun_token("x1/none/main=1000/w500,d500/111").is_err());
    }
}
