//! One word that holds a balance and the count of the updates that it includes.

/// The low bits, which hold the balance.
const BALANCE_BITS: u32 = 40;
/// The high bits, which hold the count.
const COUNT_BITS: u32 = i64::BITS - BALANCE_BITS;

/// The most updates that the count can tell apart; one more, and it begins again at 0.
pub const MAX_UPDATES: i64 = (1 << COUNT_BITS) - 1;

/// The most minor units, on either side of zero, that fit beside the count: 5,497,558,138.87.
pub const MAX_BALANCE: i64 = i64::MAX >> COUNT_BITS;

/// A signed balance in minor units (the lower 40 bits) and a count of updates (the upper 24).
///
/// Money and count are one word so that they are lost together: an update that is overwritten takes
/// its count with it, and what is missing from the count is exactly what was lost. Two counters side
/// by side would race with each other and prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed(i64);

impl Packed {
    /// A balance within ±[`MAX_BALANCE`] that includes no update yet.
    pub fn new(minor: i64) -> Self {
        Packed(minor)
    }

    /// The word as an atomic holds it.
    pub fn word(self) -> i64 {
        self.0
    }

    /// What an atomic held.
    pub fn from_word(word: i64) -> Self {
        Packed(word)
    }

    /// The balance in minor units.
    pub fn balance(self) -> i64 {
        (self.0 << COUNT_BITS) >> COUNT_BITS
    }

    /// How many updates the balance includes.
    pub fn updates(self) -> u64 {
        let counted = self.0.wrapping_sub(self.balance()) >> BALANCE_BITS;
        (counted & MAX_UPDATES).unsigned_abs()
    }

    /// What an atomic addition adds for one update, and what taking it away undoes without a trace.
    ///
    /// The parts do not carry into each other while every balance on the way is within
    /// ±[`MAX_BALANCE`]; a count that begins again at 0 leaves the balance alone.
    pub fn step(delta: i64) -> i64 {
        delta.wrapping_add(1 << BALANCE_BITS)
    }

    /// The word after one update.
    pub fn after(self, delta: i64) -> Self {
        Packed(self.0.wrapping_add(Packed::step(delta)))
    }

    /// The word after one update, unless its balance would not fit beside the count.
    pub fn checked_after(self, delta: i64) -> Option<Self> {
        let after = self.balance().checked_add(delta)?;
        (-MAX_BALANCE..=MAX_BALANCE)
            .contains(&after)
            .then(|| self.after(delta))
    }

    /// The word before one update.
    pub fn before(self, delta: i64) -> Self {
        Packed(self.0.wrapping_sub(Packed::step(delta)))
    }

    /// The bank's rule: the word after the update, unless that is a debit below `floor`.
    pub fn decide(self, delta: i64, floor: i64) -> Option<Self> {
        let after = self.balance().checked_add(delta)?;
        (delta >= 0 || after >= floor).then(|| self.after(delta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Account, Amount, Sides};
    use proptest::prelude::*;

    fn parts(word: Packed) -> (i64, u64) {
        (word.balance(), word.updates())
    }

    #[test]
    fn what_takes_nothing_goes_through_below_the_limit_too() {
        let decided = |delta| Packed::new(-5).decide(delta, 0).map(parts);
        assert_eq!(
            [decided(0), decided(1), decided(-1)],
            [Some((-5, 1)), Some((-4, 1)), None]
        );
    }

    #[test]
    fn both_parts_reach_their_ends() {
        assert_eq!((MAX_BALANCE, MAX_UPDATES), (549_755_813_887, 16_777_215));
        for edge in [-MAX_BALANCE, -1, 0, 1, MAX_BALANCE] {
            assert_eq!(parts(Packed::new(edge)), (edge, 0));
            let full = Packed::from_word(Packed::new(edge).word().wrapping_add(MAX_UPDATES << 40));
            assert_eq!(parts(full), (edge, 16_777_215));
            assert_eq!(parts(full.after(0)), (edge, 0), "the count begins again");
        }
        let across = Packed::new(1).after(-2);
        assert_eq!(parts(across), (-1, 1));
        assert_eq!(parts(across.after(MAX_BALANCE)), (MAX_BALANCE - 1, 2));
        assert_eq!(parts(Packed::new(0).after(-MAX_BALANCE)), (-MAX_BALANCE, 1));
    }

    #[test]
    fn only_a_debit_below_the_floor_is_refused() {
        let decide = |start, delta, floor| Packed::new(start).decide(delta, floor).map(parts);
        assert_eq!(decide(5, -5, 0), Some((0, 1)));
        assert_eq!(decide(5, -6, 0), None);
        assert_eq!(decide(5, -6, -1), Some((-1, 1)));
        assert_eq!(decide(-9, 1, 0), Some((-8, 1)));
        assert_eq!(decide(-9, -1, 0), None);
        assert_eq!(decide(-9, i64::MIN, i64::MIN), None);
    }

    #[test]
    fn a_balance_that_does_not_fit_is_no_balance() {
        for start in [-MAX_BALANCE, -7, 0, 7, MAX_BALANCE] {
            let edges = [MAX_BALANCE - start, -MAX_BALANCE - start];
            let word = Packed::new(start).after(0);
            for edge in edges {
                let after = word.checked_after(edge);
                assert_eq!(after, Some(word.after(edge)), "{start} {edge}");
                let beyond = edge + if edge == edges[0] { 1 } else { -1 };
                assert_eq!(word.checked_after(beyond), None, "{start} {beyond}");
            }
            // These come around to a balance that would fit.
            for beyond in [1 << 40, -(1 << 40), 1 << 41, i64::MAX, i64::MIN] {
                assert_eq!(word.checked_after(beyond), None, "{start} {beyond}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_parts_never_touch_each_other(
            start in -MAX_BALANCE / 2..=MAX_BALANCE / 2,
            deltas in prop::collection::vec(-1_000_000_000i64..=1_000_000_000, 0..100),
        ) {
            let mut word = Packed::new(start);
            let mut balance = start;
            for (delta, before) in deltas.into_iter().zip(0u64..) {
                prop_assert_eq!(word.updates(), before);
                // What an atomic does: add the step, and take it away again.
                let added = Packed::from_word(word.word().wrapping_add(Packed::step(delta)));
                prop_assert_eq!(added, word.after(delta));
                prop_assert_eq!(added.word().wrapping_sub(Packed::step(delta)), word.word());
                word = added;
                balance += delta;
                prop_assert_eq!(word.balance(), balance);
            }
        }

        #[test]
        fn the_rule_is_the_banks(
            balance in -1000i64..1000, overdraft in 0i64..1000, minor in 1i64..2000,
        ) {
            let account = Account::from_parts((balance, 0, -overdraft)).expect("possible parts");
            let amount = Amount::new(minor).expect("positive");
            let out = Sides { debit: account, credit: Account::the_banks() }.execute(amount);
            let here = Packed::new(balance).decide(-minor, -overdraft);
            prop_assert_eq!(out.ok().map(|sides| sides.debit.posted), here.map(Packed::balance));
            let come = Sides { debit: Account::the_banks(), credit: account }.execute(amount);
            let here = Packed::new(balance).decide(minor, -overdraft);
            prop_assert_eq!(come.ok().map(|sides| sides.credit.posted), here.map(Packed::balance));
        }
    }
}
