use super::operation::RaceOperation;
use super::shared::SharedBalance;
use super::*;
use crate::bank::{Amount, Kind};
use crate::threads::sync::Arc;
use crate::threads::tests::take_turns;
use crate::threads::thread;
use proptest::prelude::*;

static GO: AtomicBool = AtomicBool::new(false);

fn plan(start: i64, overdraft: i64, threads: u32, rounds: u32) -> RacePlan {
    RacePlan {
        account: Name::default(),
        start: Balance::new(start),
        overdraft: Balance::new(overdraft),
        threads,
        rounds,
    }
}

fn run(plan: &RacePlan, remedy: SyncMethod, deltas: &[i64]) -> Race {
    race(plan, remedy, deltas, &GO).expect("a race within the limits")
}

fn remedies() -> impl Iterator<Item = SyncMethod> {
    SyncMethod::ALL
        .into_iter()
        .filter(|r| *r != SyncMethod::None)
}

#[test]
fn no_remedy_loses_an_update() {
    for remedy in remedies() {
        // A message there and back takes a hundred times as long as a lock.
        let rounds = if remedy == SyncMethod::Channel {
            200
        } else {
            3000
        };
        let plan = plan(1000, 0, 8, rounds);
        let race = run(&plan, remedy, &[-500, 500, -500, 700, 0, -200]);
        assert_eq!(race.operations, 8 * 6 * u64::from(rounds), "{remedy}");
        assert_eq!(race.lost_updates, 0, "{remedy}");
        assert_eq!(race.actual, race.expected, "{remedy}");
        assert!(race.actual >= Balance::new(0), "{remedy}: {}", race.actual);
    }
}

/// Two threads withdraw and a third looks; the money is enough for two of the three withdrawals.
fn withdraw<S: SharedBalance + Send + 'static>(shared: S) {
    let shared = Arc::new(shared);
    let run = |deltas: &'static [i64]| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let operations = deltas.iter().map(|delta| RaceOperation::new(1, *delta, 0));
            operations.filter(|one| shared.apply(*one)).count()
        })
    };
    let accepted = [run(&[-400, -400]), run(&[-400]), run(&[0])].map(|thread| thread.join());
    let accepted: usize = accepted
        .into_iter()
        .map(|count| count.expect("no panic"))
        .sum();
    let end = shared.view();
    assert!((0..=1000).contains(&end.balance()), "{}", end.balance());
    let updates = end.updates() as usize;
    assert_eq!(accepted - 1, updates);
    assert_eq!(end.balance(), 1000 - 400 * updates as i64);
}

#[test]
fn no_remedy_loses_an_update_however_threads_take_turns() {
    let start = Packed::new(1000);
    take_turns(move || withdraw(Mutex::new(start)));
    take_turns(move || withdraw(RwLock::new(start)));
    take_turns(move || withdraw(Adding::new(start)));
    take_turns(move || withdraw(Comparing::new(start)));
    take_turns(move || withdraw(Spin::new(start)));
    take_turns(move || withdraw(Semaphore::new(start)));
}

#[test]
fn an_owner_answers_each_thread_however_they_take_turns() {
    take_turns(|| {
        let (owner, senders) = channel::open(2);
        let asking = senders.into_iter().map(|sender| {
            thread::spawn(move || {
                (0..2)
                    .filter(|_| sender.apply(RaceOperation::new(1, -400, 0)))
                    .count()
            })
        });
        let asking: Vec<_> = asking.collect();
        let end = owner.serve(Packed::new(1000));
        let accepted: usize = asking
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum();
        assert_eq!((accepted, end.balance(), end.updates()), (2, 200, 2));
    });
}

#[cfg(feature = "shuttle")]
#[test]
fn threads_without_a_remedy_lose_an_update_where_they_take_turns() {
    crate::threads::tests::is_broken_by_turns(|| withdraw(Bare::new(Packed::new(1000))));
}

#[test]
fn no_remedy_overdraws() {
    for remedy in remedies() {
        let race = run(&plan(1000, 300, 8, 250), remedy, &[-1, 0]);
        assert_eq!(race.actual, Balance::new(-300), "{remedy}");
        assert_eq!(race.refused, 8 * 250 - 1300, "{remedy}");
        assert_eq!((race.lost_updates, race.operations), (0, 4000), "{remedy}");
    }
}

#[test]
fn one_thread_needs_no_remedy() {
    for remedy in SyncMethod::ALL {
        let race = run(&plan(5, 0, 1, 100), remedy, &[-7, 3, 0, 1]);
        let balance = (race.actual, race.expected);
        assert_eq!(balance, (Balance::new(6), Balance::new(6)), "{remedy}");
        assert_eq!((race.refused, race.lost_updates), (43, 0), "{remedy}");
        assert_eq!((race.operations, race.threads), (400, 1), "{remedy}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn debits_in_any_order_stop_at_the_limit(
        start in 0i64..5000, overdraft in 0i64..500,
        debits in prop::collection::vec(-100i64..0, 1..20),
    ) {
        for remedy in remedies() {
            let race = run(&plan(start, overdraft, 4, 10), remedy, &debits);
            prop_assert!(race.actual >= Balance::new(-overdraft), "{}", remedy);
            prop_assert_eq!(race.actual, race.expected, "{}", remedy);
            prop_assert_eq!(race.lost_updates, 0, "{}", remedy);
        }
    }

    #[test]
    fn without_a_remedy_no_money_appears_that_was_never_there(
        start in 0i64..5000, debits in prop::collection::vec(-100i64..0, 1..20),
    ) {
        let race = run(&plan(start, 0, 4, 10), SyncMethod::None, &debits);
        prop_assert!(race.actual >= Balance::new(0));
        // Each debit that was lost is still on the account, and nothing else is.
        prop_assert!(race.actual >= race.expected);
        let missing = race.actual.minor() - race.expected.minor();
        let lost = i64::try_from(race.lost_updates).expect("a count");
        prop_assert!(lost <= missing && missing <= 100 * lost);
    }
}

#[test]
fn what_is_missing_is_counted() {
    let plan = plan(1000, 0, 2, 1);
    let mut tally = ThreadTally::default();
    tally.note(-300, true);
    tally.note(500, true);
    // One of -300 and +500 was overwritten: the threads made two updates, the word has one.
    let race = conclude(
        &plan,
        SyncMethod::None,
        &tally,
        Packed::new(1000).after(500),
    );
    assert_eq!(race.lost_updates, 1);
    assert_eq!(race.expected, Balance::new(1200));
    assert_eq!(race.actual, Balance::new(1500));
}

#[test]
fn the_count_of_what_was_lost_is_exact() {
    for _ in 0..20 {
        let race = run(&plan(0, 0, 4, 2000), SyncMethod::None, &[3, 0, 3]);
        let missing = race.expected.minor() - race.actual.minor();
        assert_eq!(race.expected, Balance::new(4 * 2000 * 2 * 3));
        assert_eq!(u64::try_from(missing), Ok(3 * race.lost_updates));
    }
}

#[test]
fn a_race_that_is_stopped_tells_what_it_did() {
    for remedy in SyncMethod::ALL {
        let stopped = AtomicBool::new(true);
        let race = race(&plan(7, 0, 3, 1000), remedy, &[1], &stopped).expect("limits");
        assert_eq!((race.operations, race.lost_updates), (0, 0), "{remedy}");
        assert_eq!(
            (race.expected, race.actual),
            (Balance::new(7), Balance::new(7))
        );
    }
}

#[test]
fn nothing_to_run_is_no_error() {
    let race = run(&plan(7, 0, 2, 3), SyncMethod::Channel, &[]);
    assert_eq!((race.operations, race.actual), (0, Balance::new(7)));
}

fn refused(plan: &RacePlan, deltas: &[i64]) -> String {
    plan.check(deltas).expect_err("beyond a limit").to_string()
}

#[test]
fn limits_are_checked_before_anything_runs() {
    assert!(plan(0, 0, 5, 3).check(&[1; 1_118_481]).is_ok());
    assert!(plan(MAX_BALANCE, 0, 1024, 16_383).check(&[0]).is_ok());
    assert!(plan(-MAX_BALANCE + 6, i64::MAX, 2, 3).check(&[-1]).is_ok());
    assert_eq!(
        refused(&plan(0, 0, 4, 4_194_304), &[0]),
        "`4` threads with `4194304` rounds of `1` operations are more than the 16777215 that \
         one word can count; ask for fewer threads, rounds or operations"
    );
    for (start, delta) in [
        (MAX_BALANCE - 5, 1),
        (-MAX_BALANCE, -1),
        (i64::MIN, 0),
        (0, i64::MIN),
    ] {
        assert_eq!(
            refused(&plan(start, 0, 2, 3), &[delta]),
            "the balance of `main` could leave ±5497558138.87, all that fits beside the count of \
             updates; start with less, or ask for fewer rounds or smaller amounts"
        );
    }
    let threads = "`0` threads cannot race; ask for 1 to 1024";
    assert_eq!(refused(&plan(0, 0, 0, 1), &[1]), threads);
    assert!(refused(&plan(0, 0, 1025, 1), &[1]).starts_with("`1025` threads"));
    assert!(refused(&plan(0, 0, u32::MAX, u32::MAX), &[1]).contains("1 to 1024"));
    let rounds = "`0` rounds run nothing; ask for at least 1";
    assert_eq!(refused(&plan(0, 0, 1, 0), &[1]), rounds);
}

fn delta(kind: Kind, account: &str, to: Option<&str>) -> Result<i64, String> {
    let account = Name::user(account).expect("a name");
    let to = to.map(|to| Name::other_side(to).expect("a name"));
    let amount = Amount::new(500).filter(|_| kind != Kind::Balance);
    let operation = Operation::new(kind, None, account, to, amount).expect("an operation");
    plan(0, 0, 1, 1).delta(&operation)
}

#[test]
fn each_operation_has_one_side_here() {
    assert_eq!(delta(Kind::Withdraw, "main", None), Ok(-500));
    assert_eq!(delta(Kind::Deposit, "main", None), Ok(500));
    assert_eq!(delta(Kind::Transfer, "main", None), Ok(-500));
    assert_eq!(delta(Kind::Transfer, "main", Some("ops")), Ok(-500));
    assert_eq!(delta(Kind::Transfer, "ops", Some("main")), Ok(500));
    assert_eq!(delta(Kind::Loan, "main", None), Ok(500));
    assert_eq!(delta(Kind::Balance, "main", None), Ok(0));
    let other = Err("`sync` has one balance, `main`; `ops` is another account".to_owned());
    for kind in Kind::ALL {
        assert_eq!(delta(kind, "ops", None), other, "{kind}");
    }
    assert_eq!(delta(Kind::Transfer, "ops", Some("elsewhere")), other);
    let same = Err("both sides are the same account".to_owned());
    assert_eq!(delta(Kind::Transfer, "main", Some("main")), same);
}
