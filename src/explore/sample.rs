//! Orders drawn at random, where there are too many states to look at all of them.

use num_bigint::BigUint;

use super::order::{StepOrder, Wanted};
use super::scenario::Scenario;
use super::shared_state::SharedState;
use super::tally::{OrderTally, OrderVerdict};
use crate::rng::Rng;
use crate::sharing::Sharing;

/// What was drawn, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The seed that draws the same again.
    pub seed: u64,
    /// How many orders were drawn.
    pub samples: u64,
    /// Every order was as likely as any other. Where an operation may be refused, or wait, orders
    /// differ in how likely they are, and each draw counts the more the less likely it was.
    pub uniform: bool,
    /// As many orders that are as likely as any other would tell about as much.
    pub worth: u64,
    /// The share of wrong orders, in millionths, lies between these with 95 % confidence.
    pub wrong_millionths: (u64, u64),
}

/// Draws orders, and returns what they come to with the shortest of those that are wanted, if one was
/// drawn.
///
/// The next step is that of an operation chosen with a weight of the steps it has left. Where every
/// operation takes as many steps as it was thought to take, this draws all orders alike. Elsewhere each
/// order weighs the reciprocal of how likely it was (self-normalised importance sampling), and the counts
/// are brought back to as many as were drawn.
pub(super) fn sample(
    scenario: &Scenario,
    (seed, samples): (u64, u64),
    wanted: Wanted,
) -> (OrderTally, Draws, Option<StepOrder>) {
    let mut tally = OrderTally::new(scenario.places.len());
    let mut rng = Rng::new(seed);
    let mut found: Option<StepOrder> = None;
    let mut weights = WeightSums::default();
    for _ in 0..samples {
        let DrawnOrder {
            state,
            order,
            weight,
        } = draw(scenario, &mut rng);
        let verdict = OrderVerdict::of(scenario, &state);
        let weight = weights.add(weight, verdict.wrong());
        tally.add(scenario, &state, order.len(), &weight);
        let shorter = found.as_ref().is_none_or(|f| f.len() > order.len());
        if shorter && wanted.is_met(&verdict) {
            found = Some(order);
        }
    }
    tally.scale_to(samples);
    let sharing = scenario.method.sharing;
    let alike = [Sharing::Unguarded, Sharing::Owner, Sharing::OwnerWithWork];
    let uniform =
        sharing == Sharing::Owner || alike.contains(&sharing) && scenario.refuses_nothing();
    let wrong = u64::try_from(&tally.wrong).unwrap_or(samples);
    let draws = Draws {
        seed,
        samples,
        uniform,
        worth: match uniform {
            true => samples,
            false => weights.worth(),
        },
        wrong_millionths: match uniform {
            true => interval(wrong, samples),
            false => weights.interval(),
        },
    };
    (tally, draws, found)
}

/// An order that was drawn.
struct DrawnOrder {
    /// Where it leads to.
    state: SharedState,
    order: StepOrder,
    /// The reciprocal of how likely it was, as a fraction.
    weight: (BigUint, BigUint),
}

fn draw(scenario: &Scenario, rng: &mut Rng) -> DrawnOrder {
    let most = scenario.method.sharing.most_steps();
    let mut state = SharedState::start(scenario);
    let mut left = vec![most; scenario.moves.len()];
    let mut order = StepOrder::new();
    let (mut tickets_of_all, mut tickets_of_chosen) = (BigUint::from(1u8), BigUint::from(1u8));
    loop {
        let able = |process: &usize| state.can_go(scenario, *process);
        let able: Vec<usize> = (0..left.len()).filter(able).collect();
        let weight = |process: &usize| left[*process].max(1) as u64;
        let tickets: u64 = able.iter().map(weight).sum();
        let mut ticket = match tickets {
            0 => 0,
            tickets => rng.below(tickets),
        };
        let holder = able.iter().find(|process| {
            let weight = weight(process);
            let holds = ticket < weight;
            ticket = ticket.wrapping_sub(weight);
            holds
        });
        let Some(&process) = holder else {
            return DrawnOrder {
                state,
                order,
                weight: (tickets_of_all, tickets_of_chosen),
            };
        };
        tickets_of_all *= tickets;
        tickets_of_chosen *= weight(&process);
        state.take(scenario, process);
        left[process] = left[process].saturating_sub(1);
        order.push(process);
    }
}

/// What the weights of the draws add up to, each in parts of the first one's.
#[derive(Default)]
struct WeightSums {
    first: Option<(BigUint, BigUint)>,
    all: BigUint,
    wrong: BigUint,
    squares: BigUint,
    squares_of_wrong: BigUint,
}

impl WeightSums {
    /// Adds a draw, and returns its weight.
    fn add(&mut self, weight: (BigUint, BigUint), is_wrong: bool) -> BigUint {
        /// The parts of the first draw are two to the power of this.
        const PARTS: u32 = 60;
        let (above, below) = &weight;
        let (first_above, first_below) = self.first.get_or_insert_with(|| weight.clone());
        let weight = ((above * &*first_below) << PARTS) / (below * &*first_above);
        let square = &weight * &weight;
        self.all += &weight;
        if is_wrong {
            self.wrong += &weight;
            self.squares_of_wrong += &square;
        }
        self.squares += square;
        weight
    }

    /// As many draws of equal weight tell about as much (Kish's effective sample size).
    fn worth(&self) -> u64 {
        match self.squares == BigUint::ZERO {
            true => 0,
            false => as_u64(&(&self.all * &self.all / &self.squares)),
        }
    }

    /// The share of wrong orders, in millionths: the wider of Wilson's interval for as many draws as these
    /// are worth, which also holds where none or all of them are wrong, and of the one by the spread of the
    /// weighted draws themselves.
    fn interval(&self) -> (u64, u64) {
        let WeightSums {
            all,
            wrong,
            squares,
            squares_of_wrong,
            ..
        } = self;
        let worth = self.worth();
        if worth == 0 {
            return (0, MILLION);
        }
        let share = as_u64(&(wrong * MILLION / all));
        let (low, high) = interval(as_u64(&((wrong * worth * 2u8 + all) / (all * 2u8))), worth);
        // The squares of (is wrong - share) x weight, times the square of all weights.
        let more = squares_of_wrong * all * all + wrong * wrong * squares;
        let less = squares_of_wrong * all * wrong * 2u8;
        let spread = more - less;
        let half = (spread * MILLION * MILLION).sqrt() * Z / (all * all * TEN_THOUSAND);
        let half = as_u64(&half) + 1;
        let own = (share.saturating_sub(half), (share + 1 + half).min(MILLION));
        (low.min(own.0), high.max(own.1))
    }
}

/// A number that is known not to be too large.
fn as_u64(number: &BigUint) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

const MILLION: u64 = 1_000_000;
const TEN_THOUSAND: u64 = 10_000;
/// 1.96 in parts of ten thousand: so wide is an interval that holds with 95 % confidence.
const Z: u64 = 19_600;

/// Wilson's interval for a share of `wrong` among `samples`, in millionths, with z = 1.96.
fn interval(wrong: u64, samples: u64) -> (u64, u64) {
    const Z: u128 = self::Z as u128;
    const SQUARE: u128 = (TEN_THOUSAND * TEN_THOUSAND) as u128;
    const MILLION: u128 = self::MILLION as u128;
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
    fn draws_that_weigh_alike_have_the_interval_of_as_many() {
        let mut sums = WeightSums::default();
        for number in 0..20_000_u32 {
            let weight = (BigUint::from(3u8), BigUint::from(7u8));
            sums.add(weight, number < 14_222);
        }
        assert_eq!(sums.worth(), 20_000);
        let (low, high) = sums.interval();
        // The wider of two, which are nearly the same.
        assert!((704_700..=704_778).contains(&low), "{low}");
        assert!((717_341..=717_420).contains(&high), "{high}");
    }
}
