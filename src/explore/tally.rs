//! What orders come to, counted.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::scenario::Scenario;
use super::shared_state::SharedState;

/// The orders that lead to one balance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinalBalance {
    /// How many orders end there.
    pub orders: BigUint,
    /// Those of them that are wrong for this account: an update is lost, or more was accepted than there was.
    pub wrong: BigUint,
    /// The fewest steps that such an order has; 0 where they were not counted.
    pub steps: usize,
}

/// How orders end for one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountEnds {
    /// Every balance that can be reached.
    pub finals: BTreeMap<i64, FinalBalance>,
    /// Orders after which it is not what the accepted operations add up to.
    pub lost: BigUint,
    /// Orders in which more was accepted than there was.
    pub overdrawn: BigUint,
    /// Orders that are wrong in one way or both.
    pub wrong: BigUint,
}

/// How orders end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderTally {
    /// All of them.
    pub orders: BigUint,
    /// Those at whose end operations wait for each other for ever. They have no final balance.
    pub deadlocks: BigUint,
    /// Those after which the judged account is wrong, and those that never end.
    pub wrong: BigUint,
    /// Those after which money has appeared or vanished over all accounts; unknown where the accounts
    /// were counted one by one.
    pub sum_broken: Option<BigUint>,
    /// Those in which the bank refused something; unknown likewise.
    pub refusing: Option<BigUint>,
    /// Those after which anything at all is wrong; unknown likewise.
    pub wrong_anywhere: Option<BigUint>,
    /// For each account of the scenario, how it ends.
    pub accounts: Vec<AccountEnds>,
    /// The fewest steps of a wrong order.
    pub(super) first_wrong: Option<usize>,
    /// The fewest steps of an order that is wrong in another account or in the sum.
    pub(super) first_elsewhere: Option<usize>,
}

/// How one order has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderVerdict {
    /// Operations wait for each other for ever.
    pub deadlock: bool,
    /// The judged account is not what the accepted operations add up to.
    pub lost: bool,
    /// More was accepted on the judged account than there was.
    pub overdrawn: bool,
    /// Another account is wrong in one of these ways.
    pub elsewhere: bool,
    /// Money has appeared or vanished.
    pub sum_broken: bool,
    /// What each account holds, and what it must hold.
    pub ends: Vec<(i64, i64)>,
    /// What became of each operation: accepted, refused, or nothing because it waits for ever.
    pub operations: Vec<Option<bool>>,
}

impl OrderVerdict {
    /// Judges a state in which nothing moves any more.
    pub(super) fn of(scenario: &Scenario, state: &SharedState) -> Self {
        let end = |(number, sums): (usize, &super::shared_state::AccountSums)| {
            let moves = (0..).zip(&scenario.moves);
            let accepted = moves.filter(|(process, _)| state.accepted(*process));
            let deltas = accepted.map(|(_, moves)| moves.delta(number));
            let start = scenario.places[number].start;
            (sums.posted, start + deltas.sum::<i64>())
        };
        let ends: Vec<(i64, i64)> = state.sums.iter().enumerate().map(end).collect();
        let difference = |(ended, must): &(i64, i64)| ended - must;
        let wrong = |number: usize| {
            let (ended, must) = ends[number];
            (ended != must, must < scenario.places[number].floor)
        };
        let (lost, overdrawn) = wrong(0);
        let elsewhere = (1..ends.len()).any(|number| wrong(number) != (false, false));
        OrderVerdict {
            deadlock: !state.has_ended(),
            lost,
            overdrawn,
            elsewhere,
            sum_broken: ends.iter().map(difference).sum::<i64>() != 0,
            ends,
            operations: state.steps.iter().map(|steps| steps.accepted()).collect(),
        }
    }

    /// Whether the judged account is wrong, or the order never ends.
    pub fn wrong(&self) -> bool {
        self.deadlock || self.lost || self.overdrawn
    }

    /// Whether anything is wrong.
    pub fn wrong_anywhere(&self) -> bool {
        self.wrong() || self.elsewhere || self.sum_broken
    }
}

impl OrderTally {
    pub(super) fn new(places: usize) -> Self {
        OrderTally {
            orders: BigUint::ZERO,
            deadlocks: BigUint::ZERO,
            wrong: BigUint::ZERO,
            sum_broken: Some(BigUint::ZERO),
            refusing: Some(BigUint::ZERO),
            wrong_anywhere: Some(BigUint::ZERO),
            accounts: vec![AccountEnds::default(); places],
            first_wrong: None,
            first_elsewhere: None,
        }
    }

    /// Adds so many orders of this many steps that lead to this state.
    pub(super) fn add(
        &mut self,
        scenario: &Scenario,
        state: &SharedState,
        steps: usize,
        ways: &BigUint,
    ) {
        let verdict = OrderVerdict::of(scenario, state);
        self.orders += ways;
        let add_if = |sum: &mut BigUint, really: bool| {
            if really {
                *sum += ways;
            }
        };
        let refused = state.steps.iter().any(|s| s.accepted() == Some(false));
        let sums = [
            (&mut self.sum_broken, verdict.sum_broken),
            (&mut self.refusing, refused),
            (&mut self.wrong_anywhere, verdict.wrong_anywhere()),
        ];
        for (sum, really) in sums {
            if let Some(sum) = sum {
                add_if(sum, really);
            }
        }
        add_if(&mut self.deadlocks, verdict.deadlock);
        add_if(&mut self.wrong, verdict.wrong());
        if verdict.wrong() {
            self.first_wrong.get_or_insert(steps);
        } else if verdict.wrong_anywhere() {
            self.first_elsewhere.get_or_insert(steps);
        }
        if verdict.deadlock {
            return;
        }
        let places = self.accounts.iter_mut().zip(&scenario.places);
        for ((account, place), (ended, must)) in places.zip(&verdict.ends) {
            let (lost, overdrawn) = (ended != must, *must < place.floor);
            add_if(&mut account.lost, lost);
            add_if(&mut account.overdrawn, overdrawn);
            add_if(&mut account.wrong, lost || overdrawn);
            let entry = account.finals.entry(*ended);
            let entry = entry.or_insert(FinalBalance {
                steps,
                ..FinalBalance::default()
            });
            entry.orders += ways;
            add_if(&mut entry.wrong, lost || overdrawn);
            entry.steps = entry.steps.min(steps);
        }
    }

    /// Brings all counts to so many orders in all, rounded; what there was some of is not rounded to none.
    pub(super) fn scale_to(&mut self, orders: u64) {
        let whole = std::mem::take(&mut self.orders);
        if whole == BigUint::ZERO {
            return;
        }
        let scale = |count: &mut BigUint| {
            if *count > BigUint::ZERO {
                let scaled = (&*count * orders * 2u8 + &whole) / (&whole * 2u8);
                *count = scaled.max(BigUint::from(1u8));
            }
        };
        for account in &mut self.accounts {
            let AccountEnds {
                finals,
                lost,
                overdrawn,
                wrong,
            } = account;
            let finals = finals.values_mut();
            let finals = finals.flat_map(|end| [&mut end.orders, &mut end.wrong]);
            finals.chain([lost, overdrawn, wrong]).for_each(scale);
        }
        let untold = [
            &mut self.sum_broken,
            &mut self.refusing,
            &mut self.wrong_anywhere,
        ];
        let told = untold.into_iter().flatten();
        told.chain([&mut self.deadlocks, &mut self.wrong])
            .for_each(scale);
        self.orders = orders.into();
    }

    /// Whether any order is wrong in any way that was counted.
    pub fn has_wrong(&self) -> bool {
        let none = BigUint::ZERO;
        let anywhere = self.wrong_anywhere.as_ref().unwrap_or(&none);
        let accounts = self.accounts.iter().map(|account| &account.wrong);
        accounts
            .chain([anywhere, &self.wrong])
            .any(|count| *count > none)
    }
}
