//! The third tier: no order is claimed, and balances are told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::contradiction::{Contradiction, Disagreement};
use super::history::{Observed, ObservedEvent, ObservedHistory};
use super::text_table::NO_TEXT;
use super::trail::{Edge, Trail, find};
use super::{Judgement, LeftOpen, TierReport};
use crate::bank::{Account, Amount, Kind, Rejection, Sides};

/// The most answers that are shown of a circle.
const MAX_SHOWN: usize = 8;

/// What was told of one account.
#[derive(Default)]
struct ToldAccount {
    edges: Vec<Edge>,
    /// What it holds at first.
    start: Option<i64>,
    /// Movements that do not tell its balance.
    untold: u64,
    /// Movements of which it is not known whether they took effect.
    unanswered: u64,
}

/// Judges the answers about one ledger.
pub(super) fn judge(history: &ObservedHistory, answers: &[u32]) -> TierReport {
    let is_told = |number: &u32| {
        let one = history.at(*number);
        one.event != ObservedEvent::Began && one.balance().is_some() && !one.duplicate
    };
    if !answers.iter().any(is_told) {
        let mut report = TierReport::not_told();
        report.leave(history.answers(answers), LeftOpen::NoOrder);
        return report;
    }
    let mut report = TierReport::new(history.answers(answers));
    let mut judging = UnorderedCheck {
        history,
        accounts: BTreeMap::new(),
        report: &mut report,
        is_from_the_start: false,
        overdraft: None,
    };
    let found = judging.collect(answers).or_else(|| judging.trails());
    report.contradiction = found;
    report.judgement = Judgement::Right;
    report
}

struct UnorderedCheck<'a> {
    history: &'a ObservedHistory,
    accounts: BTreeMap<u32, ToldAccount>,
    report: &'a mut TierReport,
    is_from_the_start: bool,
    /// How far below zero each account may go, where the beginning of the run tells that.
    overdraft: Option<i64>,
}

impl UnorderedCheck<'_> {
    /// Sorts what was told by accounts, and holds each answer against the rules by itself.
    fn collect(&mut self, answers: &[u32]) -> Option<Contradiction> {
        let (mut refusals, mut limits, mut holds) = (0, 0, 0);
        for number in answers {
            let one = self.history.at(*number);
            if one.event == ObservedEvent::Began {
                self.began(one);
                continue;
            }
            if one.duplicate || one.account == NO_TEXT {
                continue;
            }
            match one.event {
                ObservedEvent::Completed if one.is_entry() => {
                    limits += u64::from(!self.is_within_limit(one));
                    self.moved(*number, one);
                }
                ObservedEvent::Failed if !one.may_count => {}
                ObservedEvent::Failed | ObservedEvent::InDoubt => {
                    for account in [one.account, one.other] {
                        self.told(account).unanswered += u64::from(one.kind != Kind::Balance);
                    }
                }
                _ => self.looked(*number, one),
            }
            holds += u64::from(matches!(
                one.event,
                ObservedEvent::Held | ObservedEvent::Voided
            ));
            if one.event == ObservedEvent::Refused {
                match is_right(one) {
                    Some(true) => {}
                    Some(false) => return Some(self.wrongly_refused(*number, one)),
                    None => refusals += 1,
                }
            }
        }
        self.report.leave(refusals, LeftOpen::Refusals);
        self.report.leave(limits, LeftOpen::Limits);
        self.report.leave(holds, LeftOpen::Holds);
        None
    }

    fn began(&mut self, one: &Observed) {
        self.is_from_the_start = true;
        self.overdraft = one.overdraft();
        self.told(one.account).start = one.balance();
        let world = one.balance().map(|balance| -balance);
        self.told(super::history::WORLD_NUMBER).start = world;
    }

    /// Whether an entry left no less than the run says that an account may hold. Some ways to share memory
    /// check no funds, so that less is no contradiction.
    fn is_within_limit(&self, one: &Observed) -> bool {
        let left = one.available().or(one.balance()).unwrap_or(0);
        left >= -self.overdraft.unwrap_or(0)
    }

    fn told(&mut self, account: u32) -> &mut ToldAccount {
        let start = self.is_from_the_start.then_some(0);
        self.accounts.entry(account).or_insert_with(|| ToldAccount {
            start,
            ..ToldAccount::default()
        })
    }

    fn moved(&mut self, number: u32, one: &Observed) {
        let Some((debit, credit)) = one.sides() else {
            return;
        };
        let sides = [
            (one.account, one.balance()),
            (one.other, one.other_balance()),
        ];
        for (account, balance) in sides {
            let delta = match account == debit {
                true => one.amount.saturating_neg(),
                false => one.amount,
            };
            let edge = balance.map(|to| Edge {
                from: to.saturating_sub(delta),
                to,
                call: one.call_us(),
                returned: one.return_us(),
                answer: number,
            });
            let told = self.told(account);
            match edge {
                Some(edge) if debit != credit => told.edges.push(edge),
                _ => told.untold += 1,
            }
        }
    }

    fn looked(&mut self, number: u32, one: &Observed) {
        if let Some(balance) = one.balance() {
            let edge = Edge {
                from: balance,
                to: balance,
                call: one.call_us(),
                returned: one.return_us(),
                answer: number,
            };
            self.told(one.account).edges.push(edge);
        }
    }

    fn wrongly_refused(&self, number: u32, one: &Observed) -> Contradiction {
        let why = Disagreement::Refused {
            rejection: one.reason.unwrap_or(Rejection::InsufficientFunds),
            available: one.available().or(one.balance()),
        };
        Contradiction::one(why, number)
    }

    /// A trail for each account, and one order for all of them.
    fn trails(&mut self) -> Option<Contradiction> {
        let (mut untold, mut unanswered, mut too_many) = (0, 0, 0);
        let (mut chains, mut is_forced) = (Vec::new(), true);
        for (account, told) in std::mem::take(&mut self.accounts) {
            let is_the_banks = self.history.account(account).starts_with('@');
            if told.untold > 0 {
                // No answer depends on what the bank's own accounts hold.
                untold += u64::from(!is_the_banks);
                continue;
            }
            match find(account, told.start, told.edges) {
                Trail::Found {
                    answers,
                    is_forced: forced,
                } => {
                    is_forced &= forced;
                    chains.push(answers);
                }
                Trail::None { .. } if told.unanswered > 0 => unanswered += 1,
                Trail::None {
                    why,
                    answers,
                    is_smallest,
                } => {
                    return Some(Contradiction {
                        is_smallest,
                        ..Contradiction::new(why, answers)
                    });
                }
                Trail::Unknown => too_many += 1,
            }
        }
        if let Some(circle) = self.circle(&chains) {
            match is_forced {
                true => return Some(Contradiction::new(Disagreement::Circle, circle)),
                false => too_many += 1,
            }
        }
        self.report.leave(untold, LeftOpen::UntoldBalances);
        self.report.leave(unanswered, LeftOpen::Unanswered);
        self.report.leave(too_many, LeftOpen::TooManyOrders);
        None
    }

    /// Puts the chains of all accounts into one order that time allows; the answers that are left where
    /// there is none.
    fn circle(&self, chains: &[Vec<u32>]) -> Option<Vec<u32>> {
        let mut waits_for: BTreeMap<u32, usize> = BTreeMap::new();
        let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for chain in chains {
            for answer in chain {
                waits_for.entry(*answer).or_default();
            }
            for pair in chain.windows(2) {
                *waits_for.entry(pair[1]).or_default() += 1;
                next.entry(pair[0]).or_default().push(pair[1]);
            }
        }
        let call = |answer: u32| Reverse((self.history.at(answer).call_us(), answer));
        let is_free = |(answer, waits): (&u32, &usize)| (*waits == 0).then(|| call(*answer));
        let mut ready: BinaryHeap<_> = waits_for.iter().filter_map(is_free).collect();
        let mut by_return: Vec<u32> = waits_for.keys().copied().collect();
        by_return.sort_by_key(|answer| self.history.at(*answer).return_us());
        let mut open = by_return.iter().copied().peekable();
        while let Some(Reverse((asked, answer))) = ready.pop() {
            while open
                .next_if(|first| !waits_for.contains_key(first))
                .is_some()
            {}
            let first = open
                .peek()
                .map_or(u64::MAX, |first| self.history.at(*first).return_us());
            if asked > first {
                break;
            }
            waits_for.remove(&answer);
            for later in next.remove(&answer).unwrap_or_default() {
                if let Some(waits) = waits_for.get_mut(&later) {
                    *waits -= 1;
                    if *waits == 0 {
                        ready.push(call(later));
                    }
                }
            }
        }
        let left: Vec<u32> = waits_for.keys().copied().take(MAX_SHOWN).collect();
        (!left.is_empty()).then_some(left)
    }
}

/// Whether a refusal is right by what it tells itself.
fn is_right(one: &Observed) -> Option<bool> {
    let reason = one.reason?;
    let (debit, credit) = one.sides()?;
    if reason == Rejection::SameAccount {
        return Some(debit == credit);
    }
    if reason != Rejection::InsufficientFunds {
        return None;
    }
    if debit != one.account {
        return Some(false);
    }
    let (balance, amount) = (one.balance()?, Amount::new(one.amount)?);
    let held = balance.checked_sub(one.available().unwrap_or(balance))?;
    let limit = -one.overdraft().unwrap_or(0);
    let sides = Sides {
        debit: Account::from_parts((balance, held, limit))?,
        credit: Account::the_banks(),
    };
    Some(sides.begin(amount).err() == Some(reason))
}
