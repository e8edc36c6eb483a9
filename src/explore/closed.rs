//! The closed form for reads and writes of one account that no order can refuse.
//!
//! The final balance is the start and what the operations of the *surviving chain* move: the last
//! write, the write that its read saw, and so on back. The other operations are lost: they may read
//! anywhere before their write, and write only between a chain operation's read and its write, or the
//! chain would be another. How many orders have a given chain depends only on how many operations it
//! has, so subsets are counted by size and sum.

use std::collections::{BTreeMap, HashMap};

use num_bigint::BigUint;

use super::scenario::Scenario;
use super::tally::{AccountEnds, FinalBalance, OrderTally};
use crate::sharing::Sharing;

/// The most pairs of a size and a sum that are told apart.
const MAX_SUMS: usize = 1_000_000;

/// Counts all orders account by account; `None` where the closed form does not apply, or there are
/// too many distinct sums.
pub(super) fn closed_form(scenario: &Scenario) -> Option<OrderTally> {
    if scenario.method.sharing != Sharing::Unguarded || !scenario.refuses_nothing() {
        return None;
    }
    let operations = scenario.moves.len();
    let (all, steps) = (orders(operations), 2 * operations);
    let mut accounts = Vec::new();
    for (number, place) in scenario.places.iter().enumerate() {
        let touching = scenario.moves.iter().filter(|m| m.touches(number));
        let deltas: Vec<i64> = touching.map(|moves| moves.delta(number)).collect();
        // The operations that do not touch it come in between without changing anything.
        let rest = &all / orders(deltas.len());
        let finals = finals(place.start, &deltas, &rest)?;
        accounts.push(ends(finals, scenario.end(number), steps));
    }
    // With one pair of accounts, both sides of every operation are lost together.
    let [first, rest @ ..] = &scenario.moves[..] else {
        return None;
    };
    let one_pair = rest.iter().all(|moves| {
        let [debit, credit] = first.sides;
        moves.touches(debit) && moves.touches(credit)
    });
    let wrong = accounts.first()?.wrong.clone();
    let elsewhere = accounts.iter().any(|account| account.wrong > BigUint::ZERO);
    Some(OrderTally {
        orders: all,
        deadlocks: BigUint::ZERO,
        sum_broken: one_pair.then_some(BigUint::ZERO),
        refusing: Some(BigUint::ZERO),
        wrong_anywhere: one_pair.then(|| wrong.clone()),
        first_wrong: (wrong > BigUint::ZERO).then_some(steps),
        first_elsewhere: elsewhere.then_some(steps),
        wrong,
        accounts,
    })
}

/// How many orders lead an account that operations change by these deltas to which balance, each count
/// times `rest`.
fn finals(start: i64, deltas: &[i64], rest: &BigUint) -> Option<BTreeMap<i64, BigUint>> {
    let mut finals: BTreeMap<i64, BigUint> = BTreeMap::new();
    for (size, subsets) in subsets(deltas)?.into_iter().enumerate().skip(1) {
        let each = chains(deltas.len(), size) * rest;
        for (sum, count) in subsets {
            *finals.entry(start + sum).or_default() += &each * count;
        }
    }
    Some(finals)
}

/// The ends of an account that must come to `right`.
fn ends(finals: BTreeMap<i64, BigUint>, right: i64, steps: usize) -> AccountEnds {
    let wrong = finals.iter().filter(|(ended, _)| **ended != right);
    let wrong: BigUint = wrong.map(|(_, orders)| orders).sum();
    let end = |(ended, orders): (i64, BigUint)| {
        let wrong = match ended == right {
            true => BigUint::ZERO,
            false => orders.clone(),
        };
        let end = FinalBalance {
            orders,
            wrong,
            steps,
        };
        (ended, end)
    };
    AccountEnds {
        finals: finals.into_iter().map(end).collect(),
        lost: wrong.clone(),
        overdrawn: BigUint::ZERO,
        wrong,
    }
}

/// For each size, how many subsets of that size have which sum.
fn subsets(deltas: &[i64]) -> Option<Vec<HashMap<i64, u64>>> {
    let mut by_size = vec![HashMap::from([(0, 1)])];
    for delta in deltas {
        by_size.push(HashMap::new());
        for size in (1..by_size.len()).rev() {
            let (smaller, larger) = by_size.split_at_mut(size);
            for (sum, count) in &smaller[size - 1] {
                // At most 2^60, the subsets of the most operations.
                *larger[0].entry(sum + delta).or_insert(0) += count;
            }
        }
        if by_size.iter().map(HashMap::len).sum::<usize>() > MAX_SUMS {
            return None;
        }
    }
    Some(by_size)
}

/// All orders of `n` operations of two steps: (2n)! / 2^n.
fn orders(n: usize) -> BigUint {
    (1..=n).map(|k| BigUint::from(k * (2 * k - 1))).product()
}

/// How many of the orders of `n` operations have a surviving chain of a given set of `k`: in k!
/// sequences, each with N(n, k) orders.
///
/// Let the writes of the lost operations come in one of their (n - k)! sequences. The i-th of them
/// stands in gap g of the chain, with 2g - 1 of the chain's steps before it, and i - 1 reads and
/// writes of lost operations each; so its read has 2(g + i - 1) places. The gaps never fall from one to
/// the next, so N(n, k) = (n - k)! 2^(n-k) e(n-k, k), where e(m, k) sums the products of g + i - 1 over
/// all such gaps: by the last write's gap, e(m, k) = e(m, k - 1) + (k + m - 1) e(m - 1, k).
fn chains(n: usize, k: usize) -> BigUint {
    let mut row = vec![BigUint::ZERO; n - k + 1];
    row[0] = BigUint::from(1u8);
    for gaps in 1..=k {
        for lost in 1..row.len() {
            let (before, from) = row.split_at_mut(lost);
            from[0] += &before[lost - 1] * (gaps + lost - 1);
        }
    }
    let factorial = |n: usize| (1..=n).map(BigUint::from).product::<BigUint>();
    (factorial(k) * factorial(n - k) * &row[n - k]) << (n - k)
}

/// Operations, as a set of bits, whose deltas have this sum and that are at least one.
pub(super) fn with_sum(deltas: &[i64], sum: i64) -> Option<u64> {
    let mut found: HashMap<i64, u64> = HashMap::new();
    for (number, delta) in deltas.iter().enumerate() {
        let bit = 1u64 << number;
        let longer: Vec<(i64, u64)> = found
            .iter()
            .map(|(sum, set)| (sum + delta, set | bit))
            .chain([(*delta, bit)])
            .collect();
        for (sum, set) in longer {
            found.entry(sum).or_insert(set);
        }
    }
    found.get(&sum).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the orders of `n` operations of one account by their surviving chain, by trying all.
    fn count(n: usize) -> HashMap<Vec<usize>, u64> {
        fn go(
            (reads, writes): (&mut Vec<Option<Vec<usize>>>, u32),
            chain: Vec<usize>,
            counts: &mut HashMap<Vec<usize>, u64>,
        ) {
            let n = reads.len();
            if writes.count_ones() as usize == n {
                *counts.entry(chain).or_insert(0) += 1;
                return;
            }
            for process in (0..n).filter(|process| writes & 1 << process == 0) {
                match reads[process].clone() {
                    None => {
                        reads[process] = Some(chain.clone());
                        go((reads, writes), chain.clone(), counts);
                        reads[process] = None;
                    }
                    Some(mut seen) => {
                        seen.push(process);
                        go((reads, writes | 1 << process), seen, counts);
                    }
                }
            }
        }
        let mut counts = HashMap::new();
        go((&mut vec![None; n], 0), Vec::new(), &mut counts);
        counts
    }

    #[test]
    fn chains_are_counted_as_trying_all_orders_counts_them() {
        for n in 1..=5 {
            let counts = count(n);
            let total: u64 = counts.values().sum();
            assert_eq!(BigUint::from(total), orders(n), "{n}");
            for k in 1..=n {
                let one_set = (0..k).collect::<Vec<_>>();
                let same = |chain: &[usize]| {
                    let mut set = chain.to_vec();
                    set.sort_unstable();
                    set == one_set
                };
                let counted = counts.iter().filter(|(chain, _)| same(chain));
                let counted: u64 = counted.map(|(_, count)| count).sum();
                assert_eq!(BigUint::from(counted), chains(n, k), "n {n}, k {k}");
            }
        }
    }

    #[test]
    fn a_set_of_a_sum_is_found_where_there_is_one() {
        let deltas = [-100, 200, -300, 400];
        assert_eq!(with_sum(&deltas, 500), Some(0b1011));
        assert_eq!(with_sum(&deltas, 0), Some(0b1101));
        assert_eq!(with_sum(&deltas, -500), None);
        assert_eq!(with_sum(&[5, 5], 0), None);
    }
}
