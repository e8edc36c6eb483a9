//! A hold lasts as long as it was asked to, whatever happens to the clocks.

use std::sync::{Arc, Mutex};

use super::*;
use crate::bank::{BootTime, Moment};
use crate::store::clock::{Clock, ClockTime};
use crate::store::engine::MAX_EXPIRED;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Clocks that a test moves, shared by all who open a ledger.
struct Clocks(Arc<Mutex<ClockTime>>);

impl Clocks {
    fn new() -> Self {
        Clocks(Arc::new(Mutex::new(ClockTime {
            wall: Moment::new(1_000 * DAY),
            boot_time: Some(BootTime {
                boot: -7,
                micros: 5 * SECOND,
            }),
        })))
    }

    fn change(&self, change: impl FnOnce(&mut ClockTime)) {
        change(&mut self.0.lock().expect("a clock"));
    }

    /// The wall clock is set.
    fn set_wall(&self, by: i64) {
        self.change(|time| time.wall = Moment::new(time.wall.micros() + by));
    }

    /// Time goes by, also while the machine sleeps.
    fn pass(&self, micros: i64) {
        self.set_wall(micros);
        self.change(|time| {
            if let Some(boot_time) = &mut time.boot_time {
                boot_time.micros += micros;
            }
        });
    }

    /// The machine is started anew after so long.
    fn reboot(&self, boot: i64, after: i64) {
        self.set_wall(after);
        self.change(|time| time.boot_time = Some(BootTime { boot, micros: 1 }));
    }

    fn open(&self, path: &Path) -> FileLedger {
        let mut ledger = open(path);
        ledger.clock = Clock::Set(self.0.clone());
        // What is asked below is asked by the first run.
        ledger.begin_run(None).expect("a run");
        ledger
    }
}

/// The last moment that was written down.
fn head_at(ledger: &FileLedger) -> Moment {
    let at = ledger
        .backend
        .connection
        .query_row("SELECT at FROM head", [], |row| row.get(0));
    Moment::new(at.expect("a head"))
}

fn available(ledger: &mut FileLedger) -> i64 {
    let seen = ledger.look_up(&[Name::user("a").expect("a name")]);
    let seen = seen.expect("an answer").remove(0).expect("an account");
    seen.view.available.minor()
}

/// Holds 30 of 100 for ten seconds, lets `happen`, and tells whether the money is free again. What is
/// written down stays right.
#[track_caller]
fn check(happen: impl Fn(&Clocks), is_free: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let clocks = Clocks::new();
    let mut ledger = clocks.open(&path);
    execute(&mut ledger, Kind::Deposit, None, 100);
    ask(&mut ledger, 0, hold("h", Some(Duration::from_secs(10))));
    assert_eq!(available(&mut ledger), 70);
    happen(&clocks);
    for mut ledger in [ledger, clocks.open(&path)] {
        assert_eq!(available(&mut ledger), if is_free { 100 } else { 70 });
        execute(&mut ledger, Kind::Balance, Some("look"), 0);
        assert_eq!(ledger.verify(None).expect("checked").violation, None);
    }
}

#[test]
fn a_hold_ends_when_its_time_is_over() {
    check(|clocks| clocks.pass(10 * SECOND - 1), false);
    check(|clocks| clocks.pass(10 * SECOND), true);
}

#[test]
fn a_clock_that_is_set_neither_ends_a_hold_nor_keeps_it() {
    for by in [DAY, -DAY, -2_000 * DAY, 40_000 * DAY] {
        check(|clocks| clocks.set_wall(by), false);
        let later = |clocks: &Clocks| {
            clocks.set_wall(by);
            clocks.pass(10 * SECOND);
        };
        check(later, true);
        let and_back = |clocks: &Clocks| {
            clocks.set_wall(by);
            clocks.pass(5 * SECOND);
            clocks.set_wall(-by);
            clocks.pass(5 * SECOND - 1);
        };
        check(and_back, false);
    }
}

#[test]
fn after_a_start_of_the_machine_the_wall_clock_counts() {
    check(|clocks| clocks.reboot(1, 9 * SECOND), false);
    check(|clocks| clocks.reboot(1, 10 * SECOND), true);
    // The new boot's clock has come further than the old one's ever had.
    let long = |clocks: &Clocks| {
        clocks.reboot(1, 0);
        clocks.change(|time| {
            time.boot_time = Some(BootTime {
                boot: 1,
                micros: DAY,
            })
        });
    };
    check(long, false);
    check(|clocks| clocks.change(|time| time.boot_time = None), false);
    let unknown = |clocks: &Clocks| {
        clocks.change(|time| time.boot_time = None);
        clocks.set_wall(10 * SECOND);
    };
    check(unknown, true);
}

#[test]
fn one_command_with_a_wrong_clock_harms_no_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let clocks = Clocks::new();
    let mut ledger = clocks.open(&path);
    clocks.set_wall(DAY);
    execute(&mut ledger, Kind::Deposit, None, 100);
    clocks.set_wall(-DAY);
    // The moments that are written down stand still until the clock has caught up; time does not.
    ask(&mut ledger, 0, hold("h", Some(Duration::from_secs(2))));
    clocks.pass(2 * SECOND - 1);
    assert_eq!(available(&mut ledger), 70);
    clocks.pass(1);
    assert_eq!(available(&mut ledger), 100);
    let page = ledger.entries(&EntryQuery {
        limit: 10,
        ..EntryQuery::default()
    });
    let at = page.expect("a page").entries[0].at;
    assert_eq!(at, Moment::new(1_001 * DAY));
    assert_eq!(head_at(&ledger), at);
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}

#[test]
fn very_many_holds_are_given_back_in_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let clocks = Clocks::new();
    let mut ledger = clocks.open(&path);
    let count = 2 * MAX_EXPIRED as i64 + 1;
    execute(&mut ledger, Kind::Deposit, None, 30 * count);
    let batch = (0..count).map(|number| {
        let id = format!("h{number}");
        let lasts = Some(Duration::from_secs(10));
        asked(0, hold(&id, lasts))
    });
    ledger.transact(&batch.collect::<Vec<_>>()).expect("held");
    clocks.pass(10 * SECOND);
    // The next caller finds all of it free.
    let all = execute(&mut ledger, Kind::Withdraw, None, 30 * count);
    assert!(matches!(all.outcome, Outcome::Posted { .. }), "{all:?}");
    let given_back: i64 = ledger
        .backend
        .connection
        .query_row("SELECT count(*) FROM records WHERE kind = 2", [], |row| {
            row.get(0)
        })
        .expect("a count");
    assert_eq!(given_back, count);
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}

/// What happens to a ledger and its clocks.
#[derive(Clone, Debug)]
enum Step {
    Hold(u8, i64),
    Post(u8),
    Pass(i64),
    SetWall(i64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6, 1i64..30).prop_map(|(id, seconds)| Step::Hold(id, seconds)),
        2 => (0u8..6).prop_map(Step::Post),
        4 => (1i64..20).prop_map(Step::Pass),
        1 => (-900i64..900).prop_map(|days| Step::SetWall(days * DAY)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn holds_last_as_long_as_a_clock_that_is_never_set_says(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bank.db");
        let clocks = Clocks::new();
        let mut ledger = clocks.open(&path);
        execute(&mut ledger, Kind::Deposit, None, 1_000);
        // The seconds that have really gone by, and when each open hold ends.
        let (mut now, mut posted) = (0, 0);
        let mut ends: std::collections::HashMap<u8, i64> = Default::default();
        let mut settled = std::collections::HashSet::new();
        for step in steps {
            ends.retain(|_, end| *end > now);
            match step {
                Step::Hold(id, seconds) => {
                    let lasts = Some(Duration::from_secs(seconds.unsigned_abs()));
                    ask(&mut ledger, 0, hold(&format!("h{id}"), lasts));
                    if !settled.contains(&id) {
                        ends.entry(id).or_insert(now + seconds);
                    }
                }
                Step::Post(id) => {
                    let name = Id::new(&format!("h{id}")).expect("an id");
                    let request = Request::PostHold { id: name, amount: None };
                    ask(&mut ledger, 0, request);
                    if ends.remove(&id).is_some() {
                        posted += 30;
                        settled.insert(id);
                    }
                }
                Step::Pass(seconds) => {
                    clocks.pass(seconds * SECOND);
                    now += seconds;
                }
                Step::SetWall(by) => clocks.set_wall(by),
                Step::Reopen => {
                    drop(ledger);
                    ledger = clocks.open(&path);
                }
            }
            ends.retain(|_, end| *end > now);
            let held = 30 * ends.len() as i64;
            prop_assert_eq!(available(&mut ledger), 1_000 - posted - held);
        }
        prop_assert_eq!(ledger.verify(None).expect("checked").violation, None);
    }
}
