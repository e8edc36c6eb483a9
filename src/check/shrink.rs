//! The smallest contradiction: which of the answers before the one that does not fit are needed for it.
//!
//! An answer that is left out was there all the same; only nothing of it is known any more (its accounts,
//! its id, what it set aside). So what is left contradicts itself, whatever the others told.

use super::contradiction::{Contradiction, Disagreement};
use super::history::{ObservedEvent, ObservedHistory};
use super::order::{ClaimedBy, ClaimedOrder};
use super::rules::RuleReplay;
use super::text_table::NO_TEXT;

/// The most answers that are replayed in the search.
const MAX_STEPS: usize = 100_000_000;

/// The smallest contradiction that ends with the answer at this position of the order.
pub(super) fn shrink(
    history: &ObservedHistory,
    order: &ClaimedOrder,
    position: u32,
    why: Disagreement,
) -> Contradiction {
    let accounts = accounts(history, order, position);
    let mut shrinking = Shrinking {
        history,
        order,
        related: related(history, order, position, &accounts),
        accounts: Some(accounts),
        steps: 0,
    };
    let mut kept = shrinking.related.clone();
    if shrinking.contradicts(&kept).is_none() {
        shrinking.related = (0..=position).collect();
        shrinking.accounts = None;
        kept = shrinking.related.clone();
    }
    kept = shrinking.newest(kept);
    let is_smallest = shrinking.leave_out(&mut kept);
    let answers = kept
        .iter()
        .map(|position| order.answers[*position as usize]);
    Contradiction {
        is_smallest,
        ..Contradiction::new(
            shrinking.contradicts(&kept).unwrap_or(why),
            answers.collect(),
        )
    }
}

/// The accounts of the answer at this position. The bank's own are in nearly every answer, and no answer
/// depends on what they hold.
fn accounts(history: &ObservedHistory, order: &ClaimedOrder, position: u32) -> Vec<u32> {
    let last = history.at(order.answers[position as usize]);
    let is_users = |account: &u32| !history.account(*account).starts_with('@');
    let told = [last.account, last.other].into_iter();
    told.filter(|account| *account != NO_TEXT)
        .filter(is_users)
        .collect()
}

/// The answers that share an account, an id or an operation with the one at this position.
fn related(
    history: &ObservedHistory,
    order: &ClaimedOrder,
    position: u32,
    accounts: &[u32],
) -> Vec<u32> {
    let last = *history.at(order.answers[position as usize]);
    let is_related = |position: &u32| {
        let one = history.at(order.answers[*position as usize]);
        one.event == ObservedEvent::Began
            || one.may_be_of_any_account()
            || accounts.contains(&one.account)
            || accounts.contains(&one.other)
            || one.id == last.id && one.id != NO_TEXT
            || one.key().is_some() && one.key() == last.key()
    };
    (0..=position).filter(is_related).collect()
}

struct Shrinking<'a> {
    history: &'a ObservedHistory,
    order: &'a ClaimedOrder,
    related: Vec<u32>,
    /// Of which accounts something is known; `None`: all.
    accounts: Option<Vec<u32>>,
    steps: usize,
}

impl Shrinking<'_> {
    /// How the answers at these positions, which are in their order, contradict each other, if they do.
    fn contradicts(&mut self, kept: &[u32]) -> Option<Disagreement> {
        let first = *kept.first()?;
        let from = self.related.partition_point(|position| *position < first);
        let is_whole = self.order.is_from_the_start && from == 0;
        let mut replayed = RuleReplay::new(self.history, is_whole);
        replayed.watched = self.accounts.clone();
        // What was set aside before may end later.
        for position in &self.related[..from] {
            let number = self.order.answers[*position as usize];
            if self.history.at(number).event == ObservedEvent::Held {
                replayed.forget(number);
            }
        }
        let mut gaps = self.order.gaps.iter().peekable();
        let mut kept = kept.iter().peekable();
        for position in &self.related[from..] {
            self.steps += 1;
            while let Some(gap) = gaps.next_if(|gap| gap.before <= *position) {
                replayed.pass_gap(gap.entries);
            }
            if self.order.by == ClaimedBy::Seq {
                replayed.forget_held();
            }
            let number = self.order.answers[*position as usize];
            match kept.next_if_eq(&position) {
                Some(_) => {
                    if let Err(why) = replayed.step(number) {
                        return Some(why);
                    }
                }
                None => replayed.forget(number),
            }
        }
        None
    }

    /// The shortest of the longer and longer ends of these answers that contradicts itself.
    fn newest(&mut self, kept: Vec<u32>) -> Vec<u32> {
        let mut length = 1;
        while length < kept.len() {
            let end = &kept[kept.len() - length..];
            if self.contradicts(end).is_some() {
                return end.to_vec();
            }
            length *= 2;
        }
        kept
    }

    /// Leaves out what can be left out: larger parts first, then each answer by itself, until none can.
    /// Returns whether it came to that end.
    fn leave_out(&mut self, kept: &mut Vec<u32>) -> bool {
        let mut length = kept.len().div_ceil(2);
        loop {
            let before = kept.len();
            let mut from = 0;
            while from < kept.len() && kept.len() > 1 {
                if self.steps > MAX_STEPS {
                    return false;
                }
                let until = (from + length).min(kept.len());
                let rest = [&kept[..from], &kept[until..]].concat();
                match self.contradicts(&rest) {
                    Some(_) => *kept = rest,
                    None => from = until,
                }
            }
            match length {
                1 if kept.len() == before => return true,
                _ => length = length.div_ceil(2).min(kept.len()).max(1),
            }
        }
    }
}
