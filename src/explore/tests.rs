//! The figures that are known, and two methods and plain enumeration beside each other.

mod judged;
mod second_opinion;

use super::*;
use crate::bank::{Amount, Balance, Kind, Name, Operation};
use crate::sharing::{Sharing, SharingMethod};
use proptest::prelude::*;
use shared_state::SharedState;

const BOUNDS: Bounds = Bounds {
    states: 200_000,
    seed: 1,
    samples: 4_000,
};

fn operation(kind: Kind, minor: i64, sides: Option<(&str, &str)>) -> Operation {
    let (own, to) = sides.unzip();
    let own = own.map_or(Name::default(), |own| Name::user(own).expect("a name"));
    let to = to.map(|to| Name::other_side(to).expect("a name"));
    Operation::new(kind, None, own, to, Amount::new(minor)).expect("an operation")
}

fn scenario(sharing: Sharing, start: i64, operations: Vec<Operation>) -> Scenario {
    let method = SharingMethod::of(sharing);
    let starts = vec![(Name::default(), Balance::new(start))];
    Scenario::new(method, starts, Balance::default(), operations).expect("a scenario")
}

fn on_main(moves: &[(Kind, i64)]) -> Vec<Operation> {
    moves.iter().map(|(k, m)| operation(*k, *m, None)).collect()
}

/// One of each that moves money, of these amounts.
fn four(amounts: [i64; 4]) -> Vec<Operation> {
    let kinds = [Kind::Withdraw, Kind::Deposit, Kind::Transfer, Kind::Loan];
    let moves: Vec<_> = kinds.into_iter().zip(amounts).collect();
    on_main(&moves)
}

fn count(number: &BigUint) -> u64 {
    u64::try_from(number).expect("a small count")
}

/// Orders, serial, right by luck, wrong.
fn counts(found: &Explored) -> [u64; 4] {
    let tally = &found.tally;
    [
        &tally.orders,
        &found.serial,
        &found.right_by_luck(),
        &tally.wrong,
    ]
    .map(count)
}

fn finals(found: &Explored) -> Vec<i64> {
    found.tally.accounts[0].finals.keys().copied().collect()
}

#[test]
fn the_known_figures() {
    use Kind::{Deposit, Withdraw};
    let found = |operations| {
        explore(
            &scenario(Sharing::Unguarded, 100_000, operations),
            BOUNDS,
            None,
        )
    };
    let two = found(on_main(&[(Withdraw, 100), (Deposit, 100)]));
    assert_eq!(counts(&two), [6, 2, 0, 4]);
    let ones = found(on_main(&[
        (Withdraw, 100),
        (Withdraw, 100),
        (Deposit, 100),
        (Deposit, 100),
    ]));
    assert_eq!(counts(&ones), [2_520, 24, 704, 1_792]);
    assert_eq!(finals(&ones), [99_800, 99_900, 100_000, 100_100, 100_200]);
    let alike = found(four([50_000; 4]));
    assert_eq!(counts(&alike), [2_520, 24, 704, 1_792]);
    assert_eq!(finals(&alike), [0, 50_000, 100_000, 150_000, 200_000]);
    assert!(alike.tally.sum_broken > Some(BigUint::ZERO));
    let unlike = found(four([10_000, 20_000, 30_000, 40_000]));
    assert_eq!(counts(&unlike), [2_520, 24, 288, 2_208]);
    assert_eq!(finals(&unlike).len(), 11);
}

/// Ten and more operations of 100, 200, 300 and so on that take and give in turn.
fn in_turn(operations: i64) -> Vec<Operation> {
    let kinds = [Kind::Withdraw, Kind::Deposit].into_iter().cycle();
    let amounts = (1..=operations).map(|n| n * 10_000);
    on_main(&kinds.zip(amounts).collect::<Vec<_>>())
}

#[test]
fn ten_operations_and_forty_are_counted_exactly() {
    let ten = explore(
        &scenario(Sharing::Unguarded, 300_000, in_turn(10)),
        BOUNDS,
        None,
    );
    assert_eq!(ten.tally.orders.to_string(), "2375880867360000");
    assert_eq!(ten.method, Method::ClosedForm);
    assert_eq!(finals(&ten).len(), 56);
    let ended: BigUint = ten.tally.accounts[0]
        .finals
        .values()
        .map(|f| &f.orders)
        .sum();
    assert_eq!(ended, ten.tally.orders);
    let example = ten.example.expect("a wrong order");
    assert!(example.verdict.lost && example.preemptions == 1);
    let forty = explore(
        &scenario(Sharing::Unguarded, 50_000_000, in_turn(40)),
        BOUNDS,
        None,
    );
    let orders: BigUint = (1..=80u32).map(BigUint::from).product::<BigUint>() >> 40;
    assert_eq!(forty.tally.orders, orders);
    let ended: BigUint = forty.tally.accounts[0]
        .finals
        .values()
        .map(|f| &f.orders)
        .sum();
    assert_eq!(ended, orders);
}

#[test]
fn what_keeps_operations_apart_leaves_no_wrong_order() {
    let ways = [
        Sharing::CompareAndSet,
        Sharing::Lock,
        Sharing::LockPerAccount,
        Sharing::Owner,
        Sharing::OwnerWithWork,
    ];
    for sharing in ways {
        let mut poor = four([60_000, 20_000, 70_000, 40_000]);
        if sharing == Sharing::LockPerAccount {
            poor.truncate(1);
            poor.push(operation(Kind::Transfer, 60_000, None));
        }
        let found = explore(&scenario(sharing, 100_000, poor), BOUNDS, None);
        assert!(!found.tally.has_wrong(), "{sharing:?}: {:?}", found.tally);
        assert_eq!(
            (found.example, count(&found.tally.wrong)),
            (None, 0),
            "{sharing:?}"
        );
        assert!(found.tally.refusing > Some(BigUint::ZERO), "{sharing:?}");
        let all = found.tally.orders >= found.serial;
        assert!(all, "{sharing:?}");
    }
}

/// Two transfers between two accounts, each to the other.
fn opposite(lock_order: bool) -> Scenario {
    let operations = vec![
        operation(Kind::Transfer, 500, Some(("a", "b"))),
        operation(Kind::Transfer, 500, Some(("b", "a"))),
    ];
    let method = SharingMethod::of(Sharing::LockPerAccount).in_lock_order(lock_order);
    let start = |name| (Name::user(name).expect("a name"), Balance::new(1_000));
    let starts = vec![start("a"), start("b")];
    Scenario::new(method, starts, Balance::default(), operations).expect("a scenario")
}

#[test]
fn opposite_transfers_wait_for_each_other_unless_they_keep_an_order() {
    let found = explore(&opposite(false), BOUNDS, None);
    assert_eq!(count(&found.tally.deadlocks), 2);
    assert_eq!(found.tally.wrong, found.tally.deadlocks);
    let example = found.example.expect("a deadlock");
    assert_eq!(example.order, [0, 1]);
    assert_eq!(example.waiting, [(0, vec![1]), (1, vec![0])]);
    let cured = explore(&opposite(true), BOUNDS, None);
    assert!(!cured.tally.has_wrong());
}

#[test]
fn more_is_paid_than_there_was() {
    let twice = on_main(&[(Kind::Withdraw, 60_000), (Kind::Withdraw, 60_000)]);
    let found = explore(&scenario(Sharing::Unguarded, 100_000, twice), BOUNDS, None);
    // One reads after the other has written: it is refused, in one step. Else both are paid.
    assert_eq!(counts(&found), [6, 2, 0, 4]);
    assert_eq!(count(&found.tally.accounts[0].overdrawn), 4);
    assert_eq!(found.tally.refusing, Some(BigUint::from(2u8)));
    let example = found.example.expect("a wrong order");
    assert_eq!((example.preemptions, example.order.len()), (1, 4));
}

#[test]
fn an_order_is_found_for_every_final_balance() {
    for (amounts, operations) in [([10_000, 20_000, 30_000, 40_000], 4), ([50_000; 4], 4)] {
        let scenario = scenario(Sharing::Unguarded, 100_000, four(amounts));
        let all = explore(&scenario, BOUNDS, None);
        for wanted in finals(&all) {
            let found = explore(&scenario, BOUNDS, Some(wanted));
            let example = found.example.expect("an order");
            assert_eq!(example.verdict.ends[0].0, wanted);
            assert_eq!(example.steps.len(), 2 * operations);
            assert!(example.preemptions <= 1, "{example:?}");
        }
    }
    let ten = scenario(Sharing::Unguarded, 300_000, in_turn(10));
    for wanted in finals(&explore(&ten, BOUNDS, None)) {
        let example = explore(&ten, BOUNDS, Some(wanted))
            .example
            .expect("an order");
        assert_eq!(example.verdict.ends[0].0, wanted);
        let again = read_token(&token(&ten, &example.order)).expect("a token");
        assert_eq!(again, (ten.clone(), example.order));
    }
    let none = explore(&ten, BOUNDS, Some(1)).example;
    assert_eq!(none, None);
}

#[test]
fn what_does_not_fit_is_drawn_by_lot_and_says_so() {
    let few = Bounds {
        states: 50,
        ..BOUNDS
    };
    // Refusals are possible, so there is no closed form.
    let poor = scenario(
        Sharing::Unguarded,
        10_000,
        four([10_000, 10_000, 20_000, 30_000]),
    );
    let found = explore(&poor, few, None);
    let Method::Drawn(draws) = found.method else {
        panic!("{:?}", found.method);
    };
    assert!(!draws.uniform && !found.is_shortest && found.example.is_some());
    assert_eq!(count(&found.tally.orders), draws.samples);
    // Where all orders are alike, the interval holds the exact share.
    let rich = scenario(Sharing::OwnerWithWork, 1_000_000, four([1, 2, 3, 4]));
    let Method::Drawn(draws) = explore(&rich, few, None).method else {
        panic!("too many states");
    };
    assert!(draws.uniform && draws.wrong_millionths.0 == 0);
    let (_, draws, _) = sample::sample(
        &scenario(
            Sharing::Unguarded,
            100_000,
            four([10_000, 20_000, 30_000, 40_000]),
        ),
        (3, 10_000),
        Wanted::Wrong,
    );
    let (low, high) = draws.wrong_millionths;
    let exact = 2_208 * 1_000_000 / 2_520;
    assert!(draws.uniform && low <= exact && exact <= high, "{draws:?}");
}

#[test]
fn where_orders_differ_in_likelihood_each_is_weighed() {
    // Refusals, tries again and locks: the exact share must lie in most of the intervals.
    let four = || four([40_000, 50_000, 60_000, 70_000]);
    for (sharing, balance) in [
        (Sharing::Unguarded, 70_000),
        (Sharing::CompareAndSet, 100_000),
        (Sharing::LockPerAccount, 100_000),
    ] {
        let scenario = scenario(sharing, balance, four());
        let exact = explore(&scenario, BOUNDS, None).tally;
        let millionths = &exact.wrong * 1_000_000u32 / &exact.orders;
        let exact = u64::try_from(&millionths).expect("a share");
        let held = (1..=20).filter(|seed| {
            let (tally, draws, _) = sample::sample(&scenario, (*seed, 2_000), Wanted::Wrong);
            assert!(!draws.uniform && draws.worth > 0, "{draws:?}");
            assert_eq!(count(&tally.orders), 2_000);
            let (low, high) = draws.wrong_millionths;
            low <= exact && exact <= high
        });
        assert!(held.count() >= 17, "{sharing:?}: {exact}");
    }
}

/// Tries every order, one by one.
fn enumerate(scenario: &Scenario) -> OrderTally {
    fn go(scenario: &Scenario, state: &SharedState, steps: usize, tally: &mut OrderTally) {
        let mut any = false;
        for process in 0..scenario.operations().len() {
            if state.can_go(scenario, process) {
                let mut after = state.clone();
                after.take(scenario, process);
                go(scenario, &after, steps + 1, tally);
                any = true;
            }
        }
        if !any {
            tally.add(scenario, state, steps, &BigUint::from(1u8));
        }
    }
    let mut tally = OrderTally::new(scenario.places().len());
    go(scenario, &SharedState::start(scenario), 0, &mut tally);
    // In the order of enumeration, the first wrong one need not be the shortest.
    (tally.first_wrong, tally.first_elsewhere) = (None, None);
    tally
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let sides = prop::sample::select(vec![None, Some(("main", "b")), Some(("b", "main"))]);
    let kinds = prop::sample::select(vec![Kind::Withdraw, Kind::Deposit, Kind::Loan]);
    (sides, kinds, 1i64..4).prop_map(|(sides, kind, hundreds)| match sides {
        None => operation(kind, hundreds * 100, None),
        Some(_) => operation(Kind::Transfer, hundreds * 100, sides),
    })
}

/// Ways to share an account, drawn from in properties.
const WAYS: [Sharing; 6] = [
    Sharing::Unguarded,
    Sharing::CompareAndSet,
    Sharing::Lock,
    Sharing::LockPerAccount,
    Sharing::Owner,
    Sharing::OwnerWithWork,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_search_agrees_with_trying_every_order(
        operations in prop::collection::vec(any_operation(), 1..4),
        way in 0usize..6, start in 0i64..5, lock_order: bool,
    ) {
        let sharing = WAYS[way];
        let method = SharingMethod::of(sharing).in_lock_order(lock_order);
        let starts = vec![(Name::default(), Balance::new(start * 100))];
        let scenario = Scenario::new(method, starts, Balance::new(50), operations);
        let scenario = scenario.expect("a scenario");
        let (mut searched, _) = search::search(&scenario, 1_000_000).expect("few states");
        if let Some((wanted, most)) = aim(&searched, None) {
            let order = shortest(&scenario, wanted, most).expect("a wrong order");
            let played = play(&scenario, &order).expect("an order");
            prop_assert_eq!(played.order.len(), most);
            prop_assert!(played.verdict.wrong_anywhere());
            let again = read_token(&token(&scenario, &order));
            prop_assert_eq!(again.map(|(_, order)| order), Ok(order));
        }
        (searched.first_wrong, searched.first_elsewhere) = (None, None);
        prop_assert_eq!(&searched, &enumerate(&scenario));
        let may_wait = sharing == Sharing::LockPerAccount && !lock_order;
        if sharing != Sharing::Unguarded && !may_wait {
            prop_assert!(!searched.has_wrong());
        }
    }

    #[test]
    fn the_closed_form_agrees_with_the_search(
        moves in prop::collection::vec((0usize..4, 1i64..6), 1..6),
    ) {
        let kinds = [Kind::Withdraw, Kind::Deposit, Kind::Transfer, Kind::Loan];
        let moves: Vec<_> = moves.into_iter().map(|(k, m)| (kinds[k], m * 100)).collect();
        let scenario = scenario(Sharing::Unguarded, 100_000, on_main(&moves));
        let closed = closed::closed_form(&scenario).expect("nothing is refused");
        let (searched, _) = search::search(&scenario, 1_000_000).expect("few states");
        prop_assert_eq!(&closed.orders, &searched.orders);
        prop_assert_eq!(&closed.accounts, &searched.accounts);
        prop_assert_eq!(&closed.wrong, &searched.wrong);
        prop_assert_eq!(&closed.refusing, &searched.refusing);
        prop_assert_eq!(closed.first_wrong, searched.first_wrong);
        if closed.sum_broken.is_some() {
            prop_assert_eq!(&closed.sum_broken, &searched.sum_broken);
            prop_assert_eq!(&closed.wrong_anywhere, &searched.wrong_anywhere);
        }
    }
}
