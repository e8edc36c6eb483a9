//! Orders drawn at random, where there are too many states to look at all of them.

use num_bigint::BigUint;

use super::order::{StepOrder, Wanted};
use super::scenario::Scenario;
use super::shared_state::SharedState;
use super::tally::{OrderTally, OrderVerdict};
use crate::sharing::Sharing;

/// What was drawn, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The seed that draws the same again.
    pub seed: u64,
    /// How many orders were drawn.
    pub samples: u64,
    /// Every order was as likely as any other. Where an operation may be refused, or wait, orders
    /// differ in how likely they are, and the shares are those of the draws.
    pub uniform: bool,
    /// The share of wrong orders, in millionths, lies between these with 95 % confidence.
    pub wrong_millionths: (u64, u64),
}

/// Draws orders, and returns what they come to with the shortest of those that are wanted, if one was
/// drawn.
///
/// The next step is that of an operation chosen with a weight of the steps it has left. Where every
/// operation takes as many steps as it was thought to take, this draws all orders alike.
pub(super) fn sample(
    scenario: &Scenario,
    (seed, samples): (u64, u64),
    wanted: Wanted,
) -> (OrderTally, Draws, Option<StepOrder>) {
    let mut tally = OrderTally::new(scenario.places.len());
    let mut lot = Lot(seed);
    let mut found: Option<StepOrder> = None;
    let one = BigUint::from(1u8);
    for _ in 0..samples {
        let (state, order) = draw(scenario, &mut lot);
        tally.add(scenario, &state, order.len(), &one);
        let shorter = found.as_ref().is_none_or(|f| f.len() > order.len());
        if shorter && wanted.is_met(&OrderVerdict::of(scenario, &state)) {
            found = Some(order);
        }
    }
    let sharing = scenario.manner.sharing;
    let alike = [Sharing::Unguarded, Sharing::Owner, Sharing::OwnerWithWork];
    let uniform =
        sharing == Sharing::Owner || alike.contains(&sharing) && scenario.refuses_nothing();
    let wrong = u64::try_from(&tally.wrong).unwrap_or(samples);
    let draws = Draws {
        seed,
        samples,
        uniform,
        wrong_millionths: interval(wrong, samples),
    };
    (tally, draws, found)
}

fn draw(scenario: &Scenario, lot: &mut Lot) -> (SharedState, StepOrder) {
    let most = scenario.manner.sharing.most_steps();
    let mut state = SharedState::start(scenario);
    let mut left = vec![most; scenario.moves.len()];
    let mut order = StepOrder::new();
    loop {
        let able = |process: &usize| state.can_go(scenario, *process);
        let able: Vec<usize> = (0..left.len()).filter(able).collect();
        let weight = |process: &usize| left[*process].max(1) as u64;
        let mut ticket = match able.iter().map(weight).sum() {
            0 => return (state, order),
            tickets => lot.below(tickets),
        };
        let holder = able.iter().find(|process| {
            let weight = weight(process);
            let holds = ticket < weight;
            ticket = ticket.wrapping_sub(weight);
            holds
        });
        let Some(&process) = holder else {
            return (state, order);
        };
        state.take(scenario, process);
        left[process] = left[process].saturating_sub(1);
        order.push(process);
    }
}

/// Wilson's interval for a share of `wrong` among `samples`, in millionths, with z = 1.96.
fn interval(wrong: u64, samples: u64) -> (u64, u64) {
    /// z and its square, as parts of ten thousand and of a hundred million.
    const Z: u128 = 19_600;
    const SQUARE: u128 = 100_000_000;
    const MILLION: u128 = 1_000_000;
    if samples == 0 {
        return (0, 1_000_000);
    }
    let (k, n) = (u128::from(wrong), u128::from(samples));
    let whole = n * SQUARE + Z * Z;
    let middle = (k * SQUARE + Z * Z / 2) * MILLION / whole;
    let spread = k * (n - k) * SQUARE * SQUARE / n + Z * Z * SQUARE / 4;
    let half = spread.isqrt() * Z * 100 / whole;
    let millionths = |share: u128| u64::try_from(share.min(MILLION)).unwrap_or(1_000_000);
    (
        millionths(middle.saturating_sub(half)),
        // Rounded up, as the other one is rounded down.
        millionths(middle + half + 1),
    )
}

/// A sequence of numbers that a seed repeats (splitmix64).
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below a limit, each as likely.
    fn below(&mut self, limit: u64) -> u64 {
        // The last, incomplete stretch of the range would favour the small ones.
        let complete = u64::MAX - u64::MAX % limit;
        loop {
            let number = self.next();
            if number < complete {
                return number % limit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_share() {
        // Against values worked out by hand: 71.1 % of 20,000, none of 100, all of 100.
        assert_eq!(interval(14_222, 20_000), (704_778, 717_341));
        assert_eq!(interval(0, 100), (0, 36_995));
        assert_eq!(interval(100, 100), (963_005, 1_000_000));
        assert_eq!(interval(0, 0), (0, 1_000_000));
    }

    #[test]
    fn lots_are_alike() {
        let mut lot = Lot(7);
        let mut counts = [0; 6];
        for _ in 0..60_000 {
            counts[lot.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)));
    }
}
