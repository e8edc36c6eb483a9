//! The bank as a model checker sees it: cells, locks, and operations that are so far.

use stateright::{Model, Property};

use super::{Operation, Scenario, Sharing};

/// How far one operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    Lock(usize),
    Read,
    Write { after: [i64; 2], versions: [u32; 2] },
    Unlock { held: usize, accepted: bool },
    Ask,
    Post,
    Ended { accepted: bool },
}

/// A moment between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Moment {
    pub(super) posted: Vec<i64>,
    held: Vec<i64>,
    versions: Vec<u32>,
    locked: Vec<bool>,
    pub(super) at: Vec<At>,
    /// Whose steps led here, where orders are counted: then no two orders lead to the same moment.
    pub(super) order: Vec<usize>,
}

/// What of a moment must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// Nothing: all moments are looked at.
    Nothing,
    /// An end at which the judged account is wrong, or no end.
    WrongEnd,
    /// An end at which anything is wrong.
    WrongAnywhere,
}

#[derive(Clone, Debug)]
pub(super) struct BankModel {
    sharing: Sharing,
    lock_order: bool,
    names: Vec<String>,
    pub(super) starts: Vec<i64>,
    floors: Vec<i64>,
    /// Debit, credit and amount of each operation.
    pub(super) moves: Vec<([usize; 2], i64)>,
    forbidden: Forbidden,
}

impl BankModel {
    pub(super) fn of(scenario: &Scenario, forbidden: Forbidden) -> Self {
        let places = scenario.places().iter();
        let moves = scenario.operations().iter().enumerate();
        let amount = |operation: &Operation| operation.amount().expect("money").minor();
        BankModel {
            sharing: scenario.method().sharing,
            lock_order: scenario.method().lock_order,
            names: places.clone().map(|place| place.name.to_string()).collect(),
            starts: places.clone().map(|place| place.start).collect(),
            floors: places.map(|place| place.floor).collect(),
            moves: moves
                .map(|(number, operation)| (scenario.sides(number), amount(operation)))
                .collect(),
            forbidden,
        }
    }

    /// The accounts of a lock.
    fn lock(&self, process: usize, number: usize) -> Vec<usize> {
        let mut sides = self.moves[process].0.to_vec();
        if self.sharing == Sharing::Lock {
            return sides;
        }
        if self.lock_order {
            sides.sort_by_key(|side| &self.names[*side]);
        }
        vec![sides[number]]
    }

    fn locks(&self) -> usize {
        match self.sharing {
            Sharing::Lock => 1,
            Sharing::LockPerAccount => 2,
            _ => 0,
        }
    }

    fn has_funds(&self, moment: &Moment, process: usize) -> bool {
        let ([debit, _], amount) = self.moves[process];
        moment.posted[debit] - moment.held[debit] - amount >= self.floors[debit]
    }

    /// What follows a look at the accounts.
    fn looked(&self, moment: &Moment, process: usize) -> At {
        let (sides, amount) = self.moves[process];
        let [debit, credit] = sides.map(|side| moment.posted[side]);
        match self.has_funds(moment, process) {
            true => At::Write {
                after: [debit - amount, credit + amount],
                versions: sides.map(|side| moment.versions[side]),
            },
            false => self.ended(self.locks(), false),
        }
    }

    fn ended(&self, held: usize, accepted: bool) -> At {
        match held {
            0 => At::Ended { accepted },
            held => At::Unlock { held, accepted },
        }
    }

    fn can_step(&self, moment: &Moment, process: usize) -> bool {
        match moment.at[process] {
            At::Ended { .. } => false,
            At::Lock(number) => {
                let mut accounts = self.lock(process, number).into_iter();
                accounts.all(|account| !moment.locked[account])
            }
            _ => true,
        }
    }

    fn step(&self, moment: &mut Moment, process: usize) {
        let (sides, amount) = self.moves[process];
        let [debit, credit] = sides;
        moment.at[process] = match moment.at[process] {
            At::Lock(number) => {
                for account in self.lock(process, number) {
                    moment.locked[account] = true;
                }
                match number + 1 < self.locks() {
                    true => At::Lock(number + 1),
                    false => At::Read,
                }
            }
            At::Read => self.looked(moment, process),
            At::Write { versions, .. }
                if self.sharing == Sharing::CompareAndSet
                    && versions != sides.map(|side| moment.versions[side]) =>
            {
                self.looked(moment, process)
            }
            At::Write { after, .. } => {
                for (side, after) in sides.into_iter().zip(after) {
                    moment.posted[side] = after;
                    // Only a compare-and-set looks at versions.
                    moment.versions[side] += u32::from(self.sharing == Sharing::CompareAndSet);
                }
                self.ended(self.locks(), true)
            }
            At::Unlock { held, accepted } => {
                for account in self.lock(process, held - 1) {
                    moment.locked[account] = false;
                }
                self.ended(held - 1, accepted)
            }
            At::Ask if !self.has_funds(moment, process) => At::Ended { accepted: false },
            At::Ask if self.sharing == Sharing::OwnerWithWork => {
                moment.held[debit] += amount;
                At::Post
            }
            At::Ask => {
                moment.posted[debit] -= amount;
                moment.posted[credit] += amount;
                At::Ended { accepted: true }
            }
            At::Post => {
                moment.held[debit] -= amount;
                moment.posted[debit] -= amount;
                moment.posted[credit] += amount;
                At::Ended { accepted: true }
            }
            ended @ At::Ended { .. } => ended,
        };
    }

    /// Whether nothing can happen any more.
    pub(super) fn is_over(&self, moment: &Moment) -> bool {
        !(0..self.moves.len()).any(|process| self.can_step(moment, process))
    }

    pub(super) fn is_stuck(&self, moment: &Moment) -> bool {
        let has_ended = |at: &At| matches!(at, At::Ended { .. });
        self.is_over(moment) && !moment.at.iter().all(has_ended)
    }

    /// What this account must hold at an end.
    fn must_hold(&self, moment: &Moment, account: usize) -> i64 {
        let accepted = moment.at.iter().zip(&self.moves);
        let accepted = accepted.filter(|(at, _)| matches!(at, At::Ended { accepted: true }));
        let deltas = accepted.map(|(_, ([debit, credit], amount))| match account {
            account if account == *debit => -amount,
            account if account == *credit => *amount,
            _ => 0,
        });
        self.starts[account] + deltas.sum::<i64>()
    }

    pub(super) fn is_lost(&self, moment: &Moment, account: usize) -> bool {
        moment.posted[account] != self.must_hold(moment, account)
    }

    pub(super) fn is_overdrawn(&self, moment: &Moment, account: usize) -> bool {
        self.must_hold(moment, account) < self.floors[account]
    }

    pub(super) fn is_wrong(&self, moment: &Moment, account: usize) -> bool {
        self.is_lost(moment, account) || self.is_overdrawn(moment, account)
    }

    pub(super) fn is_sum_broken(&self, moment: &Moment) -> bool {
        moment.posted.iter().sum::<i64>() != self.starts.iter().sum::<i64>()
    }

    pub(super) fn is_wrong_anywhere(&self, moment: &Moment) -> bool {
        let mut accounts = 0..self.starts.len();
        self.is_stuck(moment)
            || self.is_sum_broken(moment)
            || accounts.any(|account| self.is_wrong(moment, account))
    }

    fn is_forbidden(&self, moment: &Moment) -> bool {
        self.is_over(moment)
            && match self.forbidden {
                Forbidden::Nothing => false,
                Forbidden::WrongEnd => self.is_stuck(moment) || self.is_wrong(moment, 0),
                Forbidden::WrongAnywhere => self.is_wrong_anywhere(moment),
            }
    }
}

impl Model for BankModel {
    type State = Moment;
    type Action = usize;

    fn init_states(&self) -> Vec<Moment> {
        let accounts = self.starts.len();
        let first = match self.sharing {
            Sharing::Unguarded | Sharing::CompareAndSet => At::Read,
            Sharing::Lock | Sharing::LockPerAccount => At::Lock(0),
            Sharing::Owner | Sharing::OwnerWithWork => At::Ask,
        };
        vec![Moment {
            posted: self.starts.clone(),
            held: vec![0; accounts],
            versions: vec![0; accounts],
            locked: vec![false; accounts],
            at: vec![first; self.moves.len()],
            order: Vec::new(),
        }]
    }

    fn actions(&self, moment: &Moment, actions: &mut Vec<usize>) {
        let processes = 0..self.moves.len();
        actions.extend(processes.filter(|process| self.can_step(moment, *process)));
    }

    fn next_state(&self, moment: &Moment, process: usize) -> Option<Moment> {
        let mut next = moment.clone();
        self.step(&mut next, process);
        if self.forbidden == Forbidden::Nothing {
            next.order.push(process);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let holds = |bank: &BankModel, moment: &Moment| !bank.is_forbidden(moment);
        vec![Property::always("no forbidden moment", holds)]
    }
}
