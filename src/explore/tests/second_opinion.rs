//! A second opinion: stateright, a model checker that others wrote, goes through a model that shares no
//! code with the steps, the bank's rules or the search, and must count the same orders and find a wrong
//! one that is as short.

mod bank;

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use stateright::{Checker, Model, StateRecorder};

use super::*;
use bank::{At, BankModel, Forbidden, Moment};

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

impl Counted {
    /// Adds the order that led to this end.
    fn add(&mut self, bank: &BankModel, end: &Moment) {
        let is_stuck = bank.is_stuck(end);
        let is_serial = !is_stuck && switches(&end.order) + 1 == bank.moves.len();
        let is_wrong = is_stuck || bank.is_wrong(end, 0);
        let refused = end.at.contains(&At::Ended { accepted: false });
        self.orders += 1;
        self.serial += u64::from(is_serial);
        self.right_by_luck += u64::from(!is_serial && !is_wrong);
        self.deadlocks += u64::from(is_stuck);
        self.wrong += u64::from(is_wrong);
        self.wrong_anywhere += u64::from(bank.is_wrong_anywhere(end));
        self.sum_broken += u64::from(bank.is_sum_broken(end));
        self.refusing += u64::from(refused);
        self.accounts
            .resize_with(bank.starts.len(), Default::default);
        if is_stuck {
            return;
        }
        for (account, (finals, counts)) in self.accounts.iter_mut().enumerate() {
            *finals.entry(end.posted[account]).or_default() += 1;
            let wrong = [
                BankModel::is_lost,
                BankModel::is_overdrawn,
                BankModel::is_wrong,
            ];
            for (count, wrong) in counts.iter_mut().zip(wrong) {
                *count += u64::from(wrong(bank, end, account));
            }
        }
    }
}

/// How often another operation goes on.
fn switches(order: &[usize]) -> usize {
    order.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// What the model checker counts, and the orders.
fn checked(scenario: &Scenario) -> (Counted, HashSet<Vec<usize>>) {
    let bank = BankModel::of(scenario, Forbidden::Nothing);
    let (recorder, recorded) = StateRecorder::new_with_accessor();
    bank.clone().checker().visitor(recorder).spawn_bfs().join();
    let (mut counted, mut orders) = (Counted::default(), HashSet::new());
    for end in recorded().iter().filter(|moment| bank.is_over(moment)) {
        assert!(orders.insert(end.order.clone()), "{end:?} is visited twice");
        counted.add(&bank, end);
    }
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
    let checker = BankModel::of(scenario, forbidden)
        .checker()
        .spawn_bfs()
        .join();
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
    let method = SharingMethod::of(sharing).in_lock_order(lock_order);
    let open = |name: &str| (Name::user(name).expect("a name"), Balance::new(start));
    let starts = vec![open("main"), open("b")];
    Scenario::new(method, starts, Balance::new(50), operations).expect("a scenario")
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
        let sharing = WAYS[way];
        check(&between(lock_order, sharing, operations, start * 100));
    }
}
