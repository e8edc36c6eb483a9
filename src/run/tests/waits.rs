//! Waits: for locks in shared memory, for leases, for commands, and for workers that are late.

use super::*;
use crate::bank::{BudgetView, LockWait, MemoryAccess, Moment, WaitInVain};
use crate::event::Micros;
use crate::protocol::ShareRequest;

const SECOND: Duration = Duration::from_secs(1);

/// A run that tells every step, whose worker was given its operation, with the run's clock begun at 1,000.
fn with_steps() -> Bench {
    let mut bench = Bench::new(1, 1);
    (bench.run.settings.steps, bench.run.settings.clock_us) = (true, Micros(1_000));
    bench.arrived(1, Arrived::Ready);
    assert_eq!(bench.turn(), ["assign 1: 1"]);
    bench.told.clear();
    bench
}

impl Bench {
    /// The worker tells that it waits for a lock since this time of the machine's clock.
    fn waits(&mut self, in_vain: Option<WaitInVain>, since_us: u64) -> Vec<String> {
        let wait = LockWait {
            account: None,
            holder: Some(2),
            in_vain,
        };
        self.ask(Ask::Share(ShareRequest::Waits { wait, since_us }))
    }

    fn has_lock(&mut self, at_us: u64) -> Vec<String> {
        self.ask(Ask::Share(ShareRequest::HasLock { at_us }))
    }

    /// What was told since the last time.
    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

/// The times in what was told of a wait.
fn times(told: &str) -> (bool, Option<&str>, &str) {
    let after = |name: &str, end| {
        let rest = told.split_once(name)?.1;
        rest.split_once(end).map(|(value, _)| value)
    };
    let at = after(", at_us: Micros(", ')').expect("a time");
    (
        told.starts_with("LeaseGranted"),
        after("waited_us: Some(Micros(", ')'),
        at,
    )
}

#[test]
fn a_wait_for_a_lock_is_told_when_it_begins_when_it_is_in_vain_and_when_it_ends() {
    let mut bench = with_steps();
    assert_eq!(bench.waits(None, 1_500), [""; 0]);
    assert_eq!(bench.waits(None, 1_500), [""; 0]);
    let news = bench.news();
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(times(&news[0]), (false, None, "500"));
    bench.now = Duration::from_micros(900);
    assert_eq!(bench.waits(Some(WaitInVain::Deadlock), 1_500), [""; 0]);
    assert_eq!(bench.waits(Some(WaitInVain::Deadlock), 1_500), [""; 0]);
    let news = bench.news();
    assert_eq!(news.len(), 2, "{news:?}");
    assert_eq!(times(&news[0]), (false, Some("400"), "900"));
    assert!(news[1].starts_with("a deadlock"), "{news:?}");
    assert_eq!(bench.has_lock(2_500), [""; 0]);
    let news = bench.news();
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(times(&news[0]), (true, Some("1000"), "1500"));
    // A deadlock is told once in a run.
    bench.waits(Some(WaitInVain::Deadlock), 3_000);
    assert_eq!(bench.news().len(), 1);

    let mut quiet = given(1);
    quiet.told.clear();
    quiet.waits(None, 0);
    quiet.has_lock(1);
    assert_eq!(quiet.news(), [""; 0]);
}

#[test]
fn an_access_to_memory_is_told_at_its_time() {
    let mut bench = with_steps();
    bench.ask(Ask::Share(ShareRequest::Accessed {
        access: MemoryAccess::Read,
        account: Name::default(),
        balance: Balance::new(5),
        version: 3,
        at_us: 1_700,
    }));
    let news = bench.news();
    assert!(
        news[0].starts_with("Read(") && news[0].contains("at_us: Micros(700)"),
        "{news:?}"
    );
}

#[test]
fn a_signal_ends_waits_that_are_in_vain_now_or_later() {
    let kill = "kill 1".to_string();
    for in_vain in [WaitInVain::Deadlock, WaitInVain::HolderDied] {
        let mut bench = with_steps();
        bench.waits(Some(in_vain), 1_500);
        assert!(bench.handle(Input::Signal(2)).contains(&kill));

        let mut bench = with_steps();
        bench.handle(Input::Signal(2));
        assert_eq!(bench.waits(None, 1_500), [""; 0]);
        assert_eq!(bench.waits(Some(in_vain), 1_500), ["kill 1"]);

        // It has gone on since.
        let mut bench = with_steps();
        bench.waits(Some(in_vain), 1_500);
        bench.ask(Ask::Begin);
        bench.decided(Outcome::Held { view: view() });
        assert!(!bench.handle(Input::Signal(2)).contains(&kill));
    }
}

#[test]
fn what_a_worker_tells_begins_its_deadline_anew() {
    let mut bench = with_steps();
    let first = bench.run.next_deadline().expect("a deadline");
    bench.now = SECOND;
    bench.waits(None, 1_500);
    assert_eq!(bench.run.next_deadline(), Some(first + SECOND));
    bench.now = 2 * SECOND;
    bench.has_lock(2_500);
    assert_eq!(bench.run.next_deadline(), Some(first + 2 * SECOND));

    let mut bench = held_for_command();
    bench.run.settings.limits.command = Some(MINUTE);
    assert_eq!(bench.run.next_deadline(), Some(MINUTE));
    bench.now = SECOND;
    let report = Report {
        number: 1 << 32 | 1,
        event: CommandEvent::Starting { attempt: 1 },
    };
    bench.arrived(1, Arrived::Reports(vec![report]));
    assert_eq!(bench.run.next_deadline(), Some(MINUTE + SECOND));
}

/// Two workers, of which the first works and the second waits for a lease.
fn two() -> Bench {
    let mut bench = Bench::new(2, 2);
    let limits = &mut bench.run.settings.limits;
    (limits.simulated, limits.lease) = (Some(10 * SECOND), Some(MINUTE));
    bench.handle(Input::Spawned { worker: 2, pid: 2 });
    for worker in [1, 2] {
        bench.arrived(worker, Arrived::Ready);
    }
    assert_eq!(bench.turn(), ["assign 1: 1", "assign 2: 1"]);
    let number = 2 << 32 | 2;
    let ask = Ask::Share(ShareRequest::Lock(Vec::new()));
    let asks = bench.arrived(2, Arrived::Requests(vec![WorkerRequest { number, ask }]));
    assert_eq!(asks, ["submit 1"]);
    bench.answered(Outgoing::Waits(number));
    bench
}

#[test]
fn each_worker_has_its_own_deadline_and_those_that_wait_for_each_other_end_together() {
    let mut bench = two();
    assert_eq!(bench.run.next_deadline(), Some(10 * SECOND));
    bench.now = 10 * SECOND;
    assert_eq!(bench.turn(), ["kill 1", "ExtendWaits([])"]);
    bench.now = MINUTE;
    assert_eq!(bench.turn(), ["kill 2", "ExtendWaits([])"]);
}

#[test]
fn nothing_more_is_expected_of_a_dead_worker_whose_link_stays_open_too_long() {
    let mut bench = given(1);
    bench.handle(Input::Exited {
        worker: 1,
        exit: DIED,
    });
    bench.now = MINUTE;
    let words = bench.turn();
    assert_eq!(words, ["kill 1", "ExtendWaits([])", "abandon: Void"]);
}

#[test]
fn a_link_that_carries_what_no_worker_sends_ends_its_worker() {
    let mut bench = given(1);
    let broken = Arrived::Broken("too long".to_string());
    assert_eq!(bench.arrived(1, broken), ["kill 1"]);
    let exit = DIED;
    assert_eq!(
        bench.handle(Input::Exited { worker: 1, exit }),
        ["abandon: Void"]
    );
    bench.answered(Outgoing::Abandoned(1 << 32 | 1, Abandoned::NotDone));
    assert_eq!(bench.told[1], "failed: Faulty(Protocol)");
}

#[test]
fn a_command_whose_money_was_set_aside_is_in_doubt_where_the_ledger_fails() {
    let mut bench = held_for_command();
    let (why, certainty) = ("no space".to_string(), Certainty::NotDone);
    bench.handle(Input::LedgerFailed { why, certainty });
    assert_eq!(bench.told.last().map(String::as_str), Some("in doubt"));
}

#[test]
fn a_warning_that_an_allowance_is_nearly_spent_is_told_where_money_is_set_aside() {
    let mut bench = begun_with_command();
    let budget = BudgetView {
        limit: Amount::new(100).expect("positive"),
        spent: Balance::new(90),
        left: Balance::new(10),
        next: Moment::default(),
    };
    let answer = Answer {
        budget: Some(Box::new(budget)),
        ..Outcome::Held { view: view() }.into()
    };
    bench.answered(Outgoing::Reply(1 << 32 | 1, ReplyBody::Decided(answer)));
    let last = bench.told.last().expect("a warning");
    assert!(last.starts_with("LowBudget"), "{last}");
}
