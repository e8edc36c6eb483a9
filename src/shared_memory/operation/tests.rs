//! Operations of several threads on ordinary memory, with turns that a test gives.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;
use crate::bank::{Balance, Kind, LockWait, MAX_BALANCE};
use crate::shared_memory::surroundings::GaveUp;
use crate::shared_memory::table::tests::{Ordinary, table};

/// Acts before every access.
struct Turns<F>(F);

impl<F: FnMut(SharePoint) -> Result<(), GaveUp>> Surroundings for Turns<F> {
    type Error = GaveUp;

    fn saw(&mut self, _: [i64; 2]) -> Result<(), GaveUp> {
        Ok(())
    }

    fn turn(&mut self, point: SharePoint) -> Result<(), GaveUp> {
        (self.0)(point)
    }

    fn work(&mut self, _: u32) -> Result<(), GaveUp> {
        Ok(())
    }

    fn accessed(&mut self, _: MemoryAccess, _: &Name, _: Packed) -> Result<(), GaveUp> {
        Ok(())
    }

    fn waits(&mut self, _: LockWait) -> Result<(), GaveUp> {
        Ok(())
    }

    fn has_lock(&mut self) -> Result<(), GaveUp> {
        Ok(())
    }
}

fn operation(kind: Kind, minor: i64) -> Operation {
    let amount = Amount::new(minor);
    Operation::new(kind, None, Name::default(), None, amount).expect("an operation")
}

const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_secs(60);

/// The operation of one slot, with what comes before every access.
fn run(
    table: &MemoryTable<Ordinary>,
    (worker_slot, primitive, limit): (usize, Primitive, Duration),
    operation: &Operation,
    turn: impl FnMut(SharePoint) -> Result<(), GaveUp>,
) -> Result<Outcome, GaveUp> {
    let words = table.worker_slot(worker_slot).expect("a slot");
    words.take(worker_slot as u32 + 1, std::process::id());
    words.begin(worker_slot as u64 + 1);
    let sharing = MemorySharing {
        primitive,
        lock_order: false,
        limit: Some(limit),
        takes_turns: true,
    };
    let mapped = MappedOperation::new(table, worker_slot, sharing, operation, Turns(turn));
    mapped.expect("a slot").run().map(|answer| answer.outcome)
}

fn prepared(primitive: Primitive) -> MemoryTable<Ordinary> {
    let table = table(1_000);
    table.prepare(primitive);
    table
}

/// What `main` holds, and how many updates that includes.
fn main_of(table: &MemoryTable<Ordinary>) -> (i64, u64) {
    let main = table.find(&Name::default()).expect("main").load();
    (main.balance(), main.updates())
}

/// Two operations, both of which have read before either writes, if nothing keeps them from it.
fn race(primitive: Primitive, first: i64, second: i64) -> (MemoryTable<Ordinary>, [Outcome; 2]) {
    let table = prepared(primitive);
    let both_have_read = Barrier::new(2);
    let is_held = primitive.is_held();
    let outcomes = thread::scope(|scope| {
        let (table, barrier) = (&table, &both_have_read);
        let threads = [first, second]
            .into_iter()
            .enumerate()
            .map(|(worker_slot, minor)| {
                scope.spawn(move || {
                    let mut met = is_held;
                    let withdraw = operation(Kind::Withdraw, minor);
                    let turn = |point| {
                        if point == SharePoint::Write && !std::mem::replace(&mut met, true) {
                            barrier.wait();
                        }
                        Ok(())
                    };
                    run(table, (worker_slot, primitive, LATER), &withdraw, turn).expect("in time")
                })
            });
        let threads: Vec<_> = threads.collect();
        let mut outcomes = threads.into_iter().map(|one| one.join().expect("no panic"));
        [(); 2].map(|()| outcomes.next().expect("two threads"))
    });
    (table, outcomes)
}

/// The ways that ordinary memory has: Miri runs these too.
const ALL: [Primitive; 7] = [
    Primitive::None,
    Primitive::Atomic,
    Primitive::Cas,
    Primitive::Spin,
    Primitive::Mutex,
    Primitive::MutexPerAccount,
    Primitive::Semaphore,
];

#[test]
fn two_that_read_the_same_lose_one_update_only_without_a_primitive() {
    for primitive in ALL {
        let (table, outcomes) = race(primitive, 300, 300);
        let posted = |outcome: &Outcome| matches!(outcome, Outcome::Posted { .. });
        assert!(outcomes.iter().all(posted), "{primitive:?}: {outcomes:?}");
        let expected = match primitive {
            Primitive::None => (700, 1),
            _ => (400, 2),
        };
        assert_eq!(main_of(&table), expected, "{primitive:?}");
    }
}

#[test]
fn only_an_addition_takes_more_than_there_is() {
    for primitive in ALL.into_iter().filter(|one| *one != Primitive::None) {
        let (table, outcomes) = race(primitive, 700, 700);
        let refused = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Refused { .. }));
        let expected = match primitive {
            Primitive::Atomic => (0, (-400, 2)),
            _ => (1, (300, 1)),
        };
        let seen = (refused.count(), main_of(&table));
        assert_eq!(seen, expected, "{primitive:?}");
    }
}

#[test]
fn a_lock_is_waited_for_in_vain_only_as_long_as_the_limit() {
    for primitive in ALL.into_iter().filter(|one| one.is_held()) {
        let table = prepared(primitive);
        let deposit = operation(Kind::Deposit, 5);
        let mut waited = None;
        let outcome = run(&table, (0, primitive, LATER), &deposit, |point| {
            if point == SharePoint::Write {
                waited = Some(run(&table, (1, primitive, SOON), &deposit, |_| Ok(())));
            }
            Ok(())
        });
        let Some(Err(GaveUp(why))) = waited else {
            panic!("{primitive:?}: {waited:?}");
        };
        assert!(why.starts_with("waited 20ms for the lock"), "{why}");
        assert!(why.ends_with("which worker 1 holds"), "{why}");
        assert!(matches!(outcome, Ok(Outcome::Posted { seq: 1, .. })));
        assert_eq!(main_of(&table), (1_005, 1), "{primitive:?}");
        // What was given up holds nothing.
        let again = run(&table, (1, primitive, SOON), &deposit, |_| Ok(()));
        assert!(
            matches!(again, Ok(Outcome::Posted { seq: 2, .. })),
            "{again:?}"
        );
    }
}

#[test]
fn what_stops_half_way_is_half_written_and_holds_its_lock_no_more() {
    let table = prepared(Primitive::Mutex);
    let deposit = operation(Kind::Deposit, 5);
    let stopped = run(
        &table,
        (0, Primitive::Mutex, LATER),
        &deposit,
        |point| match point {
            SharePoint::HalfWritten => Err(GaveUp("stopped".to_string())),
            _ => Ok(()),
        },
    );
    assert!(stopped.is_err());
    let world = table.find(&crate::bank::WORLD).expect("@world").load();
    assert_eq!((main_of(&table), world.balance()), ((1_000, 0), -1_005));
    let next = run(&table, (1, Primitive::Mutex, LATER), &deposit, |_| Ok(()));
    assert!(next.is_ok(), "{next:?}");
}

#[test]
fn a_view_and_a_refusal_write_nothing() {
    for primitive in ALL {
        let table = prepared(primitive);
        let see = operation(Kind::Balance, 0);
        let outcome = run(&table, (0, primitive, LATER), &see, |_| Ok(()));
        let posted = Balance::new(1_000);
        let seen = matches!(outcome, Ok(Outcome::Viewed { view, .. }) if view.posted == posted);
        assert!(seen, "{primitive:?}: {outcome:?}");
        let unknown = Name::user("nobody").expect("a name");
        let amount = Amount::new(1);
        let out = Operation::new(Kind::Withdraw, None, unknown, None, amount).expect("one");
        let outcome = run(&table, (0, primitive, LATER), &out, |_| Ok(()));
        let (rejection, view) = (Rejection::TooManyAccounts, None);
        let expected = Outcome::Refused { rejection, view };
        assert_eq!(outcome.ok(), Some(expected), "the parent has added none");
        assert_eq!(main_of(&table), (1_000, 0));
    }
}

/// What both accounts hold: `main` and `@world`.
fn both(table: &MemoryTable<Ordinary>) -> [(i64, u64); 2] {
    let world = table.find(&crate::bank::WORLD).expect("@world").load();
    [main_of(table), (world.balance(), world.updates())]
}

#[test]
fn a_balance_that_does_not_fit_is_refused_with_any_primitive() {
    // Beyond the limit by one, by what comes around to a balance that would fit, and by all there is.
    let beyond = [MAX_BALANCE - 999, 1 << 40, (1 << 40) + 7, 1 << 41, i64::MAX];
    for primitive in ALL {
        for minor in beyond {
            let table = prepared(primitive);
            let deposit = operation(Kind::Deposit, minor);
            let outcome = run(&table, (0, primitive, LATER), &deposit, |_| Ok(()));
            let rejection = Rejection::BalanceOverflow;
            let is_refused =
                matches!(outcome, Ok(Outcome::Refused { rejection: why, .. }) if why == rejection);
            assert!(is_refused, "{primitive:?} {minor}: {outcome:?}");
            assert_eq!(both(&table), [(1_000, 0), (-1_000, 0)], "{primitive:?}");
        }
        let table = prepared(primitive);
        for (worker_slot, minor) in [(0, MAX_BALANCE - 1_001), (1, 1)] {
            let deposit = operation(Kind::Deposit, minor);
            let outcome = run(
                &table,
                (worker_slot, primitive, LATER),
                &deposit,
                |_| Ok(()),
            );
            assert!(matches!(outcome, Ok(Outcome::Posted { .. })), "{outcome:?}");
        }
        let full = [(MAX_BALANCE, 2), (-MAX_BALANCE, 2)];
        assert_eq!(both(&table), full, "{primitive:?}");
        let outcome = run(
            &table,
            (2, primitive, LATER),
            &operation(Kind::Deposit, 1),
            |_| Ok(()),
        );
        assert!(
            matches!(outcome, Ok(Outcome::Refused { .. })),
            "{outcome:?}"
        );
        assert_eq!(both(&table), full, "{primitive:?}");
    }
}

#[test]
fn what_has_become_too_much_since_it_was_read_is_taken_back() {
    let other = operation(Kind::Deposit, MAX_BALANCE - 1_000);
    let deposit = operation(Kind::Deposit, 1);
    for primitive in [Primitive::Atomic, Primitive::Cas] {
        for point in [SharePoint::Write, SharePoint::HalfWritten] {
            let table = prepared(primitive);
            let mut comes = Some(point);
            let outcome = run(&table, (0, primitive, LATER), &deposit, |now| {
                if comes == Some(now) {
                    comes = None;
                    // `@world` has room for the first of them only where that one has not yet written.
                    drop(run(&table, (1, primitive, LATER), &other, |_| Ok(())));
                }
                Ok(())
            });
            let [main, world] = both(&table).map(|(balance, _)| balance);
            let expected = match point {
                SharePoint::Write => (false, MAX_BALANCE),
                _ => (true, 1_001),
            };
            let is_posted = matches!(outcome, Ok(Outcome::Posted { .. }));
            assert_eq!((is_posted, main), expected, "{primitive:?} {point:?}");
            assert_eq!(world, -main, "{primitive:?} {point:?}");
        }
    }
}
