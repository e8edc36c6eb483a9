//! The first tier: what must hold in whatever order things happened.

use std::collections::HashMap;

use super::contradiction::{Contradiction, Disagreement};
use super::history::{Observed, ObservedEnd, ObservedEvent, ObservedHistory};
use super::text_table::NO_TEXT;
use super::{LeftOpen, TierReport};
use crate::bank::{BUDGET, Kind};

/// The most answers of a sum that are shown.
const MAX_SHOWN: usize = 8;
/// No run has operations with higher numbers than this.
const MAX_OPERATIONS: u32 = 1 << 28;
/// Stands where no answer has an id yet.
const NONE: u32 = u32::MAX;

/// The first tier, with the memory that it uses for one ledger after another.
pub(super) struct SumChecks<'a> {
    history: &'a ObservedHistory,
    /// The first answer that completed each id.
    completed: Vec<u32>,
    /// What the entries of each account add up to.
    deltas: Vec<i128>,
}

impl<'a> SumChecks<'a> {
    pub(super) fn new(history: &'a ObservedHistory) -> Self {
        SumChecks {
            history,
            completed: vec![NONE; history.ids.count()],
            deltas: vec![0; history.names.count()],
        }
    }

    /// Judges the answers about one ledger.
    pub(super) fn judge(&mut self, answers: &[u32]) -> TierReport {
        let mut report = TierReport::new(self.history.answers(answers));
        let found = self.each_alone(answers);
        let found = found.or_else(|| self.ids(answers));
        let found = found.or_else(|| self.ends(answers));
        let found = found.or_else(|| self.numbers(answers));
        let history = self.history;
        let runs = (0..).zip(&history.runs);
        let of_ledger = answers
            .first()
            .map(|number| history.ledger_of(history.at(*number)));
        let mut summaries = runs.filter(|(_, run)| Some(run.ledger) == of_ledger);
        report.contradiction = found.or_else(|| {
            summaries.find_map(|(number, run)| {
                let end = run.end.as_ref().filter(|_| !run.overlaps)?;
                let is_whole = run.in_memory && !end.lasts;
                self.summary(number, end, is_whole, answers, &mut report.left_open)
            })
        });
        report
    }

    /// What is wrong with an answer by itself.
    fn each_alone(&self, answers: &[u32]) -> Option<Contradiction> {
        answers.iter().find_map(|number| {
            let one = self.history.at(*number);
            let moves = !matches!(one.kind, Kind::Balance | Kind::Group)
                && one.event != ObservedEvent::Voided;
            // What the work did not spend is posted without an entry.
            let is_unspent =
                one.event == ObservedEvent::Completed && one.seq == 0 && one.amount == 0;
            if moves && one.amount <= 0 && !is_unspent {
                return Some(Contradiction::one(Disagreement::NotPositive, *number));
            }
            let is_above = one.available() > one.balance() && one.balance().is_some();
            is_above.then(|| Contradiction::one(Disagreement::AvailableAboveBalance, *number))
        })
    }

    /// An id is completed once, and every repeat is answered as the first one was.
    fn ids(&mut self, answers: &[u32]) -> Option<Contradiction> {
        let history = self.history;
        let with_id = || {
            let all = answers.iter().map(|number| (*number, history.at(*number)));
            all.filter(|(_, one)| one.id != NO_TEXT && one.event == ObservedEvent::Completed)
        };
        let mut found = None;
        for (number, one) in with_id().filter(|(_, one)| !one.duplicate) {
            let first = &mut self.completed[one.id as usize];
            match *first {
                NONE => *first = number,
                first if found.is_none() => {
                    found = Some(Contradiction::pair(
                        Disagreement::CompletedTwice,
                        first,
                        number,
                    ));
                }
                _ => {}
            }
        }
        for (number, one) in with_id().filter(|(_, one)| one.duplicate) {
            let first = self.completed[one.id as usize];
            if first != NONE && found.is_none() && !is_repeat(history.at(first), one) {
                found = Some(Contradiction::pair(
                    Disagreement::DuplicateDiffers,
                    first,
                    number,
                ));
            }
        }
        for (_, one) in with_id() {
            self.completed[one.id as usize] = NONE;
        }
        found
    }

    /// An operation of a run ends once.
    fn ends(&self, answers: &[u32]) -> Option<Contradiction> {
        let history = self.history;
        let mut ended: HashMap<u32, Vec<u64>> = HashMap::new();
        let mut last: (u32, Vec<u64>) = (0, Vec::new());
        for number in answers {
            let one = history.at(*number);
            let is_counted = one.run != 0 && one.operation != 0 && one.operation < MAX_OPERATIONS;
            if !is_counted || !one.is_end() || history.runs[one.run as usize].overlaps {
                continue;
            }
            if last.0 != one.run {
                let next = ended.remove(&one.run).unwrap_or_default();
                let before = std::mem::replace(&mut last, (one.run, next));
                ended.insert(before.0, before.1);
            }
            let (word, bit) = (one.operation as usize / 64, 1 << (one.operation % 64));
            if last.1.len() <= word {
                last.1.resize(word + 1, 0);
            }
            if last.1[word] & bit != 0 {
                let is_first = |other: &&u32| {
                    let other = history.at(**other);
                    (other.run, other.operation) == (one.run, one.operation) && other.is_end()
                };
                let first = answers.iter().find(is_first)?;
                return Some(Contradiction::pair(
                    Disagreement::EndedTwice,
                    *first,
                    *number,
                ));
            }
            last.1[word] |= bit;
        }
        None
    }

    /// Every entry has a number of its own.
    fn numbers(&self, answers: &[u32]) -> Option<Contradiction> {
        let seq = |number: &u32| self.history.at(*number).seq;
        let entries = || {
            let has_number =
                |number: &&u32| self.history.at(**number).is_entry() && seq(number) > 0;
            answers.iter().filter(has_number).copied()
        };
        if entries().is_sorted_by(|a, b| seq(a) < seq(b)) {
            return None;
        }
        let mut sorted: Vec<u32> = entries().collect();
        sorted.sort_by_key(seq);
        let twice = sorted
            .windows(2)
            .find(|pair| seq(&pair[0]) == seq(&pair[1]))?;
        Some(Contradiction::pair(
            Disagreement::SeqTwice,
            twice[0],
            twice[1],
        ))
    }

    /// What a run tells at its end must follow from its operations.
    fn summary(
        &mut self,
        run: u32,
        end: &ObservedEnd,
        is_whole: bool,
        answers: &[u32],
        left_open: &mut Vec<LeftOpen>,
    ) -> Option<Contradiction> {
        let found = match is_whole {
            true => self.whole(run, end, answers, left_open),
            false => None,
        };
        let found = found.or_else(|| {
            let count = end.lost_updates;
            (count > 0).then(|| Contradiction::new(Disagreement::LostUpdates { count }, Vec::new()))
        });
        found.map(|found| found.with_summary(run))
    }

    fn whole(
        &mut self,
        run: u32,
        end: &ObservedEnd,
        answers: &[u32],
        left_open: &mut Vec<LeftOpen>,
    ) -> Option<Contradiction> {
        let history = self.history;
        let of_run = || {
            answers
                .iter()
                .filter(|number| history.at(**number).run == run)
        };
        let is_untold = |number: &u32| history.at(*number).may_count;
        if !of_run().any(|number| history.at(*number).event == ObservedEvent::Began) {
            return None;
        }
        if history.cut_lines > 0 || of_run().any(is_untold) {
            left_open.push(LeftOpen::Sums(1));
            return None;
        }
        if let Some(found) = self.counts(end, of_run()) {
            return Some(found);
        }
        for number in of_run() {
            self.add(history.at(*number), 1);
        }
        let wrong = self.wrong_account(end);
        for number in of_run() {
            self.add(history.at(*number), 0);
        }
        let Some((account, expected, told)) = wrong else {
            let sum = sum_of_all(end).filter(|sum| *sum != 0)?;
            return Some(Contradiction::new(
                Disagreement::SumOfAll { sum },
                Vec::new(),
            ));
        };
        let touches = |number: &&u32| {
            let one = history.at(**number);
            let sides = one.sides().filter(|_| one.is_entry());
            let began = one.event == ObservedEvent::Began && one.account == account;
            began || sides.is_some_and(|(debit, credit)| debit == account || credit == account)
        };
        let touching: Vec<u32> = of_run().filter(touches).copied().collect();
        let why = Disagreement::Sum {
            account,
            expected,
            told,
        };
        let omitted = touching.len().saturating_sub(MAX_SHOWN) as u64;
        let shown = touching.into_iter().take(MAX_SHOWN).collect();
        Some(Contradiction {
            omitted,
            ..Contradiction::new(why, shown)
        })
    }

    /// Adds what an answer moved to its accounts, or nothing of anything.
    fn add(&mut self, one: &Observed, times: i128) {
        let mut add = |account: u32, minor: i128| {
            if let Some(delta) = self.deltas.get_mut(account as usize) {
                *delta = (*delta + minor) * times;
            }
        };
        if one.event == ObservedEvent::Began {
            let balance = i128::from(one.balance().unwrap_or(0));
            add(one.account, balance);
            add(super::history::WORLD_NUMBER, -balance);
        }
        if let Some((debit, credit)) = one.sides().filter(|_| one.is_entry()) {
            add(debit, -i128::from(one.amount));
            add(credit, i128::from(one.amount));
        }
    }

    /// An account that does not hold what its entries add up to, a user's before the bank's own.
    fn wrong_account(&self, end: &ObservedEnd) -> Option<(u32, i128, i64)> {
        let expected = |account: u32| self.deltas.get(account as usize).copied().unwrap_or(0);
        let told = end.balances.iter().copied();
        let untold = (0..self.deltas.len() as u32)
            .filter(|account| end.has_all && !end.balances.iter().any(|(told, _)| told == account))
            .map(|account| (account, 0));
        let is_refilled = self.are_refills(end);
        let wrong = told
            .chain(untold)
            .map(|(account, told)| (account, expected(account), told))
            .filter(|(_, expected, told)| *expected != i128::from(*told))
            .filter(|(account, expected, told)| {
                let is_more = i128::from(*told) > *expected;
                !(is_refilled && self.may_be_refilled(*account, is_more))
            });
        wrong.max_by_key(|(account, ..)| !self.history.account(*account).starts_with('@'))
    }

    /// Whether all that `@budget` gave is found on accounts that have more than their operations explain: what
    /// allowances move stands in no line.
    fn are_refills(&self, end: &ObservedEnd) -> bool {
        let (mut given, mut found) = (0, 0);
        for (account, told) in &end.balances {
            let expected = self.deltas.get(*account as usize).copied().unwrap_or(0);
            let more = i128::from(*told) - expected;
            let name = self.history.account(*account);
            if name == BUDGET.as_str() {
                given -= more;
            } else if !name.starts_with('@') {
                if more < 0 {
                    return false;
                }
                found += more;
            }
        }
        given > 0 && (given == found || !end.has_all && given > found)
    }

    fn may_be_refilled(&self, account: u32, is_more: bool) -> bool {
        let name = self.history.account(account);
        name == BUDGET.as_str() || is_more && !name.starts_with('@')
    }

    fn counts<'b>(
        &self,
        end: &ObservedEnd,
        answers: impl Iterator<Item = &'b u32>,
    ) -> Option<Contradiction> {
        const WHAT: [&str; 5] = ["completed", "refused", "failed", "in doubt", "duplicates"];
        let mut counted = [0; 5];
        for number in answers {
            let one = self.history.at(*number);
            let which = match one.event {
                _ if one.is_part => continue,
                ObservedEvent::Completed | ObservedEvent::Opened => 0,
                ObservedEvent::Refused => 1,
                ObservedEvent::Failed => 2,
                ObservedEvent::InDoubt => 3,
                _ => continue,
            };
            counted[which] += 1;
            counted[4] += u64::from(one.duplicate);
        }
        let all = WHAT.into_iter().zip(end.counts).zip(counted);
        all.filter_map(|((what, told), counted)| Some((what, told?, counted)))
            .find(|(_, told, counted)| told != counted)
            .map(|(what, told, counted)| {
                let why = Disagreement::Count {
                    what,
                    told,
                    counted,
                };
                Contradiction::new(why, Vec::new())
            })
    }
}

fn sum_of_all(end: &ObservedEnd) -> Option<i128> {
    let all = end.balances.iter().map(|(_, balance)| i128::from(*balance));
    end.has_all.then(|| all.sum())
}

/// Whether a repeat asks for the same as the first one, and is told the same.
fn is_repeat(first: &Observed, repeat: &Observed) -> bool {
    let same = |a: Option<i64>, b: Option<i64>| a.is_none() || b.is_none() || a == b;
    let is_entry = first.is_entry();
    (first.kind, first.account, first.other) == (repeat.kind, repeat.account, repeat.other)
        && first.amount == repeat.amount
        && (first.asked == repeat.asked)
        && (!is_entry || first.seq == repeat.seq || repeat.seq == 0 || first.seq == 0)
        && same(first.balance(), repeat.balance())
}
