//! The second tier: the order that a history claims, tried by the bank's rules.

use super::contradiction::{Contradiction, FittingOrder};
use super::history::{ObservedEvent, ObservedHistory};
use super::order::{ClaimedBy, ClaimedOrder};
use super::rules::RuleReplay;
use super::shrink::shrink;
use super::{LeftOpen, TierReport};

/// How many of the answers that fit are kept to be shown before the one that does not.
const MOST_LATEST: usize = 8;

/// Judges the answers about one ledger; `None` if they claim no order.
pub(super) fn judge(history: &ObservedHistory, answers: &[u32]) -> Option<(ClaimedBy, TierReport)> {
    let mut order = ClaimedOrder::of(history, answers)?;
    let mut report = TierReport::new(history.answers(&order.answers));
    report.contradiction = order.count(history);
    if report.contradiction.is_none() {
        report.contradiction = order.time_reversed(history);
    }
    if report.contradiction.is_none() {
        report.contradiction = replay(history, &order, &mut report);
    }
    let count = |entries: bool| {
        let gaps = order.gaps.iter().filter(|gap| gap.entries == entries);
        gaps.map(|gap| gap.missing).sum::<u64>()
    };
    let others = count(false).saturating_sub(untold(history, answers));
    report.leave(count(true) + others, LeftOpen::MissingChanges);
    report.leave(order.unplaced, LeftOpen::WithoutPlace);
    Some((order.by, report))
}

/// Applies the rules in this order; the first answer that does not fit, with those that it contradicts.
fn replay(
    history: &ObservedHistory,
    order: &ClaimedOrder,
    report: &mut TierReport,
) -> Option<Contradiction> {
    let mut replayed = RuleReplay::new(history, order.is_from_the_start);
    let mut gaps = order.gaps.iter().peekable();
    for (position, number) in (0..).zip(&order.answers) {
        while let Some(gap) = gaps.next_if(|gap| gap.before <= position) {
            replayed.pass_gap(gap.entries);
        }
        if order.by == ClaimedBy::Seq {
            // Nothing tells when money was set aside.
            replayed.forget_held();
        }
        if let Err(why) = replayed.step(*number) {
            let before = &order.answers[..position as usize];
            let fitting = FittingOrder {
                answers: history.answers(before),
                latest: before[before.len().saturating_sub(MOST_LATEST)..].to_vec(),
            };
            return Some(Contradiction {
                fitting: Some(fitting),
                ..shrink(history, order, position, why)
            });
        }
    }
    let left_open = replayed.left_open;
    report.leave(left_open.refusals, LeftOpen::Refusals);
    report.leave(left_open.limits, LeftOpen::Limits);
    None
}

/// How many other records belong to answers that do not tell their numbers: what a command's operation set
/// aside where only its end is told, and what was given back or is in doubt since a worker died, or its parent.
fn untold(history: &ObservedHistory, answers: &[u32]) -> u64 {
    let of = |number: &u32| {
        let one = history.at(*number);
        let is_end = matches!(one.event, ObservedEvent::Failed | ObservedEvent::InDoubt);
        let end = u64::from(is_end && one.decided == 0 && one.has_work);
        u64::from(one.run == 0 && one.ran) + end
    };
    let ledger = answers
        .first()
        .map(|number| history.ledger_of(history.at(*number)));
    let runs = history.runs.iter().filter(|run| Some(run.ledger) == ledger);
    let unanswered: u64 = runs.map(|run| run.unanswered).sum();
    answers.iter().map(of).sum::<u64>() + unanswered
}
