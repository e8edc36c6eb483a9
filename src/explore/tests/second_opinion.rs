//! A second opinion: stateright, a model checker that others wrote, goes through a model that shares no
//! code with the steps, the bank's rules or the search, and must count the same orders and find a wrong
//! one that is as short.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use stateright::{Checker, CheckerVisitor, Model, Path, Property};

use super::*;

/// How far one operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
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
struct Moment {
    posted: Vec<i64>,
    held: Vec<i64>,
    versions: Vec<u32>,
    locked: Vec<bool>,
    at: Vec<At>,
    /// Whose steps led here, where orders are counted: then no two orders lead to the same moment.
    order: Vec<usize>,
}

/// What of a moment must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forbidden {
    /// Nothing: all moments are looked at.
    Nothing,
    /// An end at which the judged account is wrong, or no end.
    WrongEnd,
    /// An end at which anything is wrong.
    WrongAnywhere,
}

#[derive(Clone, Debug)]
struct Bank {
    sharing: Sharing,
    lock_order: bool,
    names: Vec<String>,
    starts: Vec<i64>,
    floors: Vec<i64>,
    /// Debit, credit and amount of each operation.
    moves: Vec<([usize; 2], i64)>,
    forbidden: Forbidden,
}

impl Bank {
    fn of(scenario: &Scenario, forbidden: Forbidden) -> Self {
        let places = scenario.places().iter();
        let moves = scenario.operations().iter().enumerate();
        let amount = |operation: &Operation| operation.amount().expect("money").minor();
        Bank {
            sharing: scenario.manner().sharing,
            lock_order: scenario.manner().lock_order,
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
    fn is_over(&self, moment: &Moment) -> bool {
        !(0..self.moves.len()).any(|process| self.can_step(moment, process))
    }

    fn is_stuck(&self, moment: &Moment) -> bool {
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

    fn is_lost(&self, moment: &Moment, account: usize) -> bool {
        moment.posted[account] != self.must_hold(moment, account)
    }

    fn is_overdrawn(&self, moment: &Moment, account: usize) -> bool {
        self.must_hold(moment, account) < self.floors[account]
    }

    fn is_wrong(&self, moment: &Moment, account: usize) -> bool {
        self.is_lost(moment, account) || self.is_overdrawn(moment, account)
    }

    fn is_sum_broken(&self, moment: &Moment) -> bool {
        moment.posted.iter().sum::<i64>() != self.starts.iter().sum::<i64>()
    }

    fn is_wrong_anywhere(&self, moment: &Moment) -> bool {
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

impl Model for Bank {
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
        let holds = |bank: &Bank, moment: &Moment| !bank.is_forbidden(moment);
        vec![Property::always("no forbidden moment", holds)]
    }
}

/// What all orders come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counted {
    orders: u64,
    serial: u64,
    right_by_luck: u64,
    deadlocks: u64,
    wrong: u64,
    wrong_anywhere: u64,
    sum_broken: u64,
    refusing: u64,
    /// For each account its final balances, and how many orders are lost, overdrawn, wrong.
    accounts: Vec<(BTreeMap<i64, u64>, [u64; 3])>,
}

/// Notes each order that the checker comes to the end of.
#[derive(Clone, Default)]
struct Notes {
    counted: Arc<Mutex<Counted>>,
    orders: Arc<Mutex<HashSet<Vec<usize>>>>,
}

impl Notes {
    fn note(&self, bank: &Bank, moment: &Moment) {
        let mut counted = self.counted.lock().expect("no panic");
        let new = self
            .orders
            .lock()
            .expect("no panic")
            .insert(moment.order.clone());
        assert!(new, "{:?} is visited twice", moment.order);
        let is_serial = !bank.is_stuck(moment) && switches(&moment.order) + 1 == bank.moves.len();
        let is_wrong = bank.is_stuck(moment) || bank.is_wrong(moment, 0);
        let refused = moment.at.contains(&At::Ended { accepted: false });
        counted.orders += 1;
        counted.serial += u64::from(is_serial);
        counted.right_by_luck += u64::from(!is_serial && !is_wrong);
        counted.deadlocks += u64::from(bank.is_stuck(moment));
        counted.wrong += u64::from(is_wrong);
        counted.wrong_anywhere += u64::from(bank.is_wrong_anywhere(moment));
        counted.sum_broken += u64::from(bank.is_sum_broken(moment));
        counted.refusing += u64::from(refused);
        counted
            .accounts
            .resize_with(bank.starts.len(), Default::default);
        if bank.is_stuck(moment) {
            return;
        }
        for (account, (finals, counts)) in counted.accounts.iter_mut().enumerate() {
            *finals.entry(moment.posted[account]).or_default() += 1;
            let wrong = [Bank::is_lost, Bank::is_overdrawn, Bank::is_wrong];
            for (count, wrong) in counts.iter_mut().zip(wrong) {
                *count += u64::from(wrong(bank, moment, account));
            }
        }
    }
}

impl CheckerVisitor<Bank> for Notes {
    fn visit(&self, bank: &Bank, path: Path<Moment, usize>) {
        if bank.is_over(path.last_state()) {
            self.note(bank, path.last_state());
        }
    }
}

/// How often another operation goes on.
fn switches(order: &[usize]) -> usize {
    order.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// What the model checker counts, and the orders.
fn checked(scenario: &Scenario) -> (Counted, HashSet<Vec<usize>>) {
    let notes = Notes::default();
    let bank = Bank::of(scenario, Forbidden::Nothing);
    bank.checker().visitor(notes.clone()).spawn_bfs().join();
    let counted = notes.counted.lock().expect("no panic").clone();
    let orders = notes.orders.lock().expect("no panic").clone();
    (counted, orders)
}

/// What `explore` counts.
fn explored(found: &Explored) -> Counted {
    let tally = &found.tally;
    let optional = |number: &Option<BigUint>| count(number.as_ref().expect("searched"));
    let [orders, serial, right_by_luck, wrong] = counts(found);
    let accounts = tally.accounts.iter().map(|account| {
        let finals = account.finals.iter();
        let finals = finals.map(|(ended, end)| (*ended, count(&end.orders)));
        let wrong = [&account.lost, &account.overdrawn, &account.wrong].map(count);
        (finals.collect(), wrong)
    });
    Counted {
        orders,
        serial,
        right_by_luck,
        deadlocks: count(&tally.deadlocks),
        wrong,
        wrong_anywhere: optional(&tally.wrong_anywhere),
        sum_broken: optional(&tally.sum_broken),
        refusing: optional(&tally.refusing),
        accounts: accounts.collect(),
    }
}

/// How many steps the shortest forbidden order has, if there is one.
fn shortest_forbidden(scenario: &Scenario, forbidden: Forbidden) -> Option<usize> {
    let checker = Bank::of(scenario, forbidden).checker().spawn_bfs().join();
    let path = checker.discovery("no forbidden moment")?;
    // The last moment has no action.
    Some(path.into_vec().len() - 1)
}

#[track_caller]
fn check(scenario: &Scenario) {
    let found = explore(scenario, BOUNDS, None);
    let searched = matches!(found.method, Method::Search(_));
    assert!(searched, "{:?}", found.method);
    assert_eq!(checked(scenario).0, explored(&found), "{scenario:?}");
    let forbidden = match count(&found.tally.wrong) {
        0 => Forbidden::WrongAnywhere,
        _ => Forbidden::WrongEnd,
    };
    let example = found.example.map(|played| played.steps.len());
    assert_eq!(
        shortest_forbidden(scenario, forbidden),
        example,
        "{scenario:?}"
    );
}

fn between(lock_order: bool, sharing: Sharing, operations: Vec<Operation>, start: i64) -> Scenario {
    let manner = Manner {
        sharing,
        lock_order,
    };
    let open = |name: &str| (Name::user(name).expect("a name"), Balance::new(start));
    let starts = vec![open("main"), open("b")];
    Scenario::new(manner, starts, Balance::new(50), operations).expect("a scenario")
}

#[test]
fn the_known_figures_are_those_of_a_model_checker() {
    use Kind::{Deposit, Withdraw};
    let ones = [(Withdraw, 1), (Withdraw, 1), (Deposit, 1), (Deposit, 1)];
    check(&scenario(Sharing::Unguarded, 1_000, on_main(&ones)));
    check(&scenario(Sharing::Unguarded, 100_000, four([50_000; 4])));
    let unlike = four([10_000, 20_000, 30_000, 40_000]);
    check(&scenario(Sharing::Unguarded, 100_000, unlike));
    let twice = on_main(&[(Withdraw, 600), (Withdraw, 600)]);
    check(&scenario(Sharing::Unguarded, 1_000, twice));
    check(&opposite(false));
    check(&opposite(true));
}

/// Orders are equivalent if they differ only in the sequence of reads: then every read sees the same.
fn class(order: &[usize], operations: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut writes, mut writes_before_read) = (Vec::new(), vec![None; operations]);
    for process in order {
        match writes_before_read[*process] {
            None => writes_before_read[*process] = Some(writes.len()),
            Some(_) => writes.push(*process),
        }
    }
    (writes, writes_before_read.into_iter().flatten().collect())
}

#[test]
fn n_operations_have_n_factorial_serial_orders_and_its_square_of_classes() {
    for (n, all, serial) in [(2, 6, 2), (3, 90, 6), (4, 2_520, 24)] {
        let deposits: Vec<_> = (1..=n as i64).map(|n| (Kind::Deposit, n * 100)).collect();
        let scenario = scenario(Sharing::Unguarded, 1_000, on_main(&deposits));
        let (counted, orders) = checked(&scenario);
        assert_eq!((counted.orders, counted.serial), (all, serial));
        let mut ends: BTreeMap<_, HashSet<i64>> = BTreeMap::new();
        for order in &orders {
            let played = play(&scenario, order).expect("an order");
            let ended = played.verdict.ends[0].0;
            ends.entry(class(order, n)).or_default().insert(ended);
        }
        assert_eq!(ends.len() as u64, serial * serial, "{n}");
        assert!(ends.values().all(|ends| ends.len() == 1), "{ends:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_few_operations_are_counted_as_a_model_checker_counts_them(
        operations in prop::collection::vec(any_operation(), 1..4),
        way in 0usize..6, start in 0i64..5, lock_order: bool,
    ) {
        let sharing = [
            Sharing::Unguarded, Sharing::CompareAndSet, Sharing::Lock,
            Sharing::LockPerAccount, Sharing::Owner, Sharing::OwnerWithWork,
        ][way];
        check(&between(lock_order, sharing, operations, start * 100));
    }
}
