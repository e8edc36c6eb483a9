//! What a run adds up while it goes: its counts, its status, and what every balance must be.

use std::time::Duration;

use hashbrown::HashMap;

use crate::bank::{
    Amount, Answer, BUDGET, Balance, LOANS, Name, Operation, Outcome, Rejection, WORLD,
};
use crate::event::{AccountSummary, Fault, Micros, Mode, Summary, Total};
use crate::status::Status;
use crate::store::Standing;

/// The most accounts that a summary lists.
const MAX_LISTED: usize = 100;

/// How many operations ended in which way; the fields are those of a [`Summary`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) completed: u64,
    refused: u64,
    failed: u64,
    in_doubt: u64,
    invalid: u64,
    pub(super) skipped: u64,
    duplicates: u64,
}

impl Counts {
    /// How many failed or are in doubt.
    pub(super) fn failed(self) -> u64 {
        self.failed + self.in_doubt
    }

    /// How many ended.
    pub(super) fn ended(self) -> u64 {
        self.failed() + self.completed + self.refused
    }
}

/// The counts of a run, and its own idea of every balance, added up from what was completed and not
/// from what the store says.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    pub(super) status: Status,
    /// The work that was done, summed.
    pub(super) worked: Duration,
    /// The money that was moved, in minor units.
    moved: i128,
    world: i128,
    loans: i128,
    accounts: HashMap<Name, i128>,
    /// What is still set aside on each account, as it is not known what became of it.
    in_doubt: HashMap<Name, i128>,
}

impl Tally {
    /// For a run in memory, in which these accounts are open from the start.
    pub(super) fn new(starts: &[(Name, Balance)]) -> Self {
        let minor = |start: &Balance| i128::from(start.minor());
        let accounts = starts.iter();
        let accounts = accounts.map(|(name, start)| (name.clone(), minor(start)));
        Tally {
            world: -starts.iter().map(|(_, start)| minor(start)).sum::<i128>(),
            accounts: accounts.collect(),
            ..Tally::default()
        }
    }

    /// Counts an operation that the bank decided.
    pub(super) fn decided(&mut self, operation: &Operation, answer: &Answer) {
        self.counts.duplicates += u64::from(answer.duplicate);
        match answer.outcome {
            Outcome::Refused { rejection, .. } => {
                self.counts.refused += 1;
                self.expected_of(&operation.account);
                self.met(match rejection {
                    Rejection::IdConflict => Status::IdConflict,
                    _ => Status::Refused,
                });
            }
            Outcome::Posted { amount, .. } if !answer.duplicate => {
                self.counts.completed += 1;
                self.move_money(operation, amount);
            }
            _ => {
                self.counts.completed += 1;
                self.expected_of(&operation.account);
            }
        }
    }

    pub(super) fn failed(&mut self, fault: &Fault) {
        self.counts.failed += 1;
        self.met(fault.cause.status());
    }

    /// Counts an operation of which it is not known what became of it.
    pub(super) fn doubted(&mut self, operation: &Operation, fault: &Fault) {
        self.counts.in_doubt += 1;
        self.expected_of(&operation.account);
        for (name, amount) in operation.set_aside() {
            let aside = self.in_doubt.entry(name.clone()).or_default();
            *aside += i128::from(amount.minor());
        }
        self.met(fault.cause.status());
    }

    pub(super) fn invalid(&mut self) {
        self.counts.invalid += 1;
        self.met(Status::Usage);
    }

    /// Notes a status; the gravest is kept.
    pub(super) fn met(&mut self, status: Status) {
        self.status = self.status.worse(status);
    }

    /// Of one operation this amount is moved, which may be less or more than was asked for; of a group all.
    fn move_money(&mut self, operation: &Operation, posted: Amount) {
        for part in operation.parts() {
            let Some(movement) = part.movement() else {
                continue;
            };
            let amount = match operation.amount() {
                Some(_) => posted,
                None => movement.amount,
            };
            let amount = i128::from(amount.minor());
            self.moved += amount;
            *self.expected_of(movement.debit) -= amount;
            *self.expected_of(movement.credit) += amount;
        }
    }

    fn expected_of(&mut self, name: &Name) -> &mut i128 {
        if *name == WORLD {
            return &mut self.world;
        }
        if *name == LOANS {
            return &mut self.loans;
        }
        self.accounts.entry(name.clone()).or_default()
    }

    /// The users' accounts that the run dealt with, the first by name as far as they are listed.
    pub(super) fn touched(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.accounts.keys().cloned().collect();
        names.sort_unstable_by(Name::cmp_as_read);
        names.truncate(MAX_LISTED);
        names
    }

    /// Lists the accounts of a ledger that lasts, in which others may write too.
    pub(super) fn list(self, mode: Mode, standings: Vec<Standing>) -> Summary {
        let account = |Standing { name, view, .. }| AccountSummary {
            account: name,
            balance: view.posted,
            available: view.available,
            expected: None,
            lost_updates: 0,
            overdrawn: false,
        };
        Summary {
            balances: standings.into_iter().map(account).collect(),
            accounts_omitted: self.accounts.len().saturating_sub(MAX_LISTED) as u64,
            ..self.summary(mode)
        }
    }

    fn summary(&self, mode: Mode) -> Summary {
        let Counts {
            completed,
            refused,
            failed,
            in_doubt,
            invalid,
            skipped,
            duplicates,
        } = self.counts;
        Summary {
            mode,
            ledger: None,
            status: self.status,
            operations: completed + refused + failed + in_doubt,
            completed,
            refused,
            failed,
            in_doubt,
            invalid,
            skipped,
            duplicates,
            moved: Total(self.moved),
            processes: 0,
            elapsed_us: Micros::default(),
            sequential_us: Micros::default(),
            balances: Vec::new(),
            accounts_omitted: 0,
            sum: None,
            wrong_accounts: None,
            lost_updates: None,
            overdrawn_accounts: 0,
            ended_early: None,
        }
    }

    /// What allowances gave, no answer tells: accounts have it beyond what their operations explain, and all that
    /// `@budget` has given must be found there.
    fn add_refills(&mut self, standings: &[Standing]) {
        let posted = |one: &Standing| i128::from(one.view.posted.minor());
        let given = standings.iter().find(|one| one.name == BUDGET).map(posted);
        let users = standings.iter().filter(|one| !one.name.is_the_banks());
        let more = users.map(|one| (&one.name, posted(one) - *self.expected_of(&one.name)));
        let more: Vec<(&Name, i128)> = more.collect();
        let sum: i128 = more.iter().map(|(_, more)| more).sum();
        if given != Some(-sum) || more.iter().any(|(_, more)| *more < 0) {
            return;
        }
        for (name, more) in more {
            *self.expected_of(name) += more;
        }
        *self.expected_of(&BUDGET) -= sum;
    }

    /// Holds every balance against what it must be. Any difference is a violation.
    pub(super) fn check(mut self, mode: Mode, mut standings: Vec<Standing>) -> Summary {
        let sum = standings
            .iter()
            .map(|standing| i128::from(standing.view.posted.minor()))
            .sum();
        self.add_refills(&standings);
        list_first_by_name(&mut standings);
        let lost_updates = standings.iter().map(|one| one.lost_operations).sum();
        let (mut wrong_accounts, mut overdrawn_accounts) = (0, 0);
        let mut balances = Vec::new();
        let accounts_omitted = standings.len().saturating_sub(MAX_LISTED) as u64;
        for Standing {
            name,
            view,
            lost_updates,
            overdrawn,
            ..
        } in standings
        {
            let expected = *self.expected_of(&name);
            // Nothing is under way any more, so nothing else may be set aside.
            let aside = self.in_doubt.get(&name).copied().unwrap_or_default();
            let held = i128::from(view.posted.minor()) - i128::from(view.available.minor());
            let wrong = expected != i128::from(view.posted.minor()) || held != aside;
            wrong_accounts += u64::from(wrong);
            overdrawn_accounts += u64::from(overdrawn);
            if balances.len() < MAX_LISTED {
                let expected = Balance::new(i64::try_from(expected).unwrap_or(i64::MAX));
                balances.push(AccountSummary {
                    account: name,
                    balance: view.posted,
                    available: view.available,
                    expected: Some(expected),
                    lost_updates,
                    overdrawn,
                });
            }
        }
        if sum != 0 || wrong_accounts > 0 || lost_updates > 0 || overdrawn_accounts > 0 {
            self.met(Status::Violation);
        }
        Summary {
            balances,
            accounts_omitted,
            sum: Some(Total(sum)),
            wrong_accounts: Some(wrong_accounts),
            lost_updates: Some(lost_updates),
            overdrawn_accounts,
            ..self.summary(mode)
        }
    }
}

/// Puts those first that a summary lists, in the order in which a person reads their names.
fn list_first_by_name(standings: &mut [Standing]) {
    let by_name = |one: &Standing, other: &Standing| one.name.cmp_as_read(&other.name);
    if standings.len() > MAX_LISTED {
        standings.select_nth_unstable_by(MAX_LISTED, by_name);
    }
    let listed = standings.len().min(MAX_LISTED);
    standings[..listed].sort_unstable_by(by_name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Kind, View};
    use crate::event::Cause;

    fn standing(name: Name, posted: i64) -> Standing {
        let posted = Balance::new(posted);
        Standing {
            name,
            view: View {
                posted,
                available: posted,
            },
            overdraft: None,
            allowance: None,
            lost_updates: 0,
            lost_operations: 0,
            overdrawn: false,
        }
    }

    /// The summary of a run that began with 10 on one account and did nothing.
    fn summary(standings: Vec<Standing>) -> Summary {
        let starts = [(Name::default(), Balance::new(10))];
        Tally::new(&starts).check(Mode::Parallel, standings)
    }

    fn right() -> Vec<Standing> {
        vec![standing(Name::default(), 10), standing(WORLD.clone(), -10)]
    }

    #[test]
    fn each_difference_by_itself_is_a_violation() {
        assert_eq!(summary(right()).status, Status::Posted);
        let wrong: [fn(&mut Vec<Standing>); 4] = [
            // The sum alone: the other side is not there.
            |all| drop(all.pop()),
            |all| (all[0], all[1]) = (standing(Name::default(), 11), standing(WORLD.clone(), -11)),
            |all| all[0].lost_operations = 1,
            |all| all[0].overdrawn = true,
        ];
        for (case, wrong) in wrong.into_iter().enumerate() {
            let mut standings = right();
            wrong(&mut standings);
            let summary = summary(standings);
            assert_eq!(summary.status, Status::Violation, "{case}: {summary:?}");
        }
    }

    #[test]
    fn what_allowances_gave_is_found_on_the_accounts_that_have_it() {
        let refilled = |given, found| {
            let mut standings = right();
            standings[0] = standing(Name::default(), found);
            standings.push(standing(BUDGET.clone(), given));
            summary(standings).wrong_accounts
        };
        assert_eq!(refilled(-5, 15), Some(0));
        assert_eq!(refilled(-5, 14), Some(2));
        assert_eq!(refilled(5, 5), Some(2));
    }

    #[test]
    fn so_many_accounts_are_listed_and_the_others_counted() {
        let mut standings = right();
        for number in 0..MAX_LISTED {
            let name = Name::user(&format!("a{number}")).expect("a name");
            standings.push(standing(name, 0));
        }
        let summary = summary(standings);
        assert_eq!(summary.balances.len(), MAX_LISTED);
        assert_eq!(summary.accounts_omitted, 2);
    }

    #[test]
    fn an_account_counts_as_touched_whatever_became_of_its_operation() {
        let amount = Amount::new(1).expect("positive");
        let deposit = Operation::new(Kind::Deposit, None, Name::default(), None, Some(amount));
        let deposit = deposit.expect("fits");
        let refused = Outcome::Refused {
            rejection: Rejection::UnknownAccount,
            view: None,
        };
        let view = standing(Name::default(), 1).view;
        let repeated = Answer::repeated(Outcome::Posted {
            seq: 1,
            amount,
            view,
        });
        let fault = Fault {
            cause: Cause::Died,
            detail: String::new(),
        };
        let ends: [&dyn Fn(&mut Tally); 3] = [
            &|tally| tally.decided(&deposit, &refused.into()),
            &|tally| tally.decided(&deposit, &repeated),
            &|tally| tally.doubted(&deposit, &fault),
        ];
        for end in ends {
            let mut tally = Tally::default();
            end(&mut tally);
            assert_eq!(tally.touched(), [Name::default()]);
        }
    }
}
