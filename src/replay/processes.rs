//! The steps of an order, taken by worker processes: the run of a mode decides their requests in that
//! order.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::gate::STEP_LIMIT;
use super::seen::OrderSeen;
use super::turns::{WorkerTurn, accesses, turns};
use super::{OrderEnd, ReplayError, StepPace, StepTakers};
use crate::driver::{Driver, RunPlan};
use crate::event::{AccountSummary, Event, Mode, Summary};
use crate::explore::{Played, Scenario, StepResult, StepTaken};
use crate::report::Detail;
use crate::report::Reporter;
use crate::run::{GivenOrder, Pacing, RequestTurn, TurnTaken, TurnWatch};
use crate::shared_memory::{MemorySharing, Primitive};
use crate::sharing::{NextStep, Sharing, SharingMethod};
use crate::supervisor::Signals;
use crate::wake::{Alarm, Waker};
use crate::work::Pace;
use crate::worker::WorkerMode;
use crate::workload::Feed;

/// How long a process may wait for a lock. Those that wait for each other are not left to it for long; any
/// other wait ends, and its limit is there for processes that stand still.
fn wait_limit(played: &Played) -> Duration {
    match played.verdict.deadlock {
        true => Duration::from_millis(500),
        false => STEP_LIMIT,
    }
}

/// Takes the order once, with a worker process for each operation.
pub(super) fn once(
    (scenario, played): (&Scenario, &Played),
    plan: RunPlan,
    pace: StepPace,
    (alarm, waker): (Alarm, Waker),
    signals: &mut Signals,
) -> Result<OrderEnd, ReplayError> {
    let turns = match plan.conduct {
        WorkerMode::ShareMemory(_) => accesses(played),
        _ => turns(played),
    };
    let requests: Vec<RequestTurn> = turns.iter().map(RequestTurn::from).collect();
    let watch = Rc::new(RefCell::new(OrderWatch::new(scenario, played, turns, pace)));
    let order = GivenOrder::new(requests, Box::new(Rc::clone(&watch)));
    let (reporter, events) = Reporter::collecting(waker.clone());
    let feed = Feed::list(scenario.operations().to_vec());
    let order = Box::new(order);
    let woken = (alarm, waker);
    let ending = Driver::new(plan, None, order, feed, reporter, woken, signals)?.run()?;
    if let Some(signal) = ending.signal {
        return Err(ReplayError::Signal(signal));
    }
    let summary = events.try_iter().flatten().find_map(summary);
    // The run, with the order in it, is gone.
    let watch = Rc::into_inner(watch).map(RefCell::into_inner);
    let (Some(summary), Some(mut watch)) = (summary, watch) else {
        return Err(ended_early(
            "the run has no summary".to_string(),
            ending.status,
        ));
    };
    watch.pace.show(&watch.seen.steps());
    if let Some(error) = watch.left {
        return Err(error);
    }
    let is_deadlock = played.verdict.deadlock && watch.all_taken;
    match summary.ended_early {
        Some(why) if !is_deadlock => Err(ended_early(why, summary.status)),
        _ => Ok(watch.seen.end(balances(scenario, &summary.balances))),
    }
}

fn summary(event: Event) -> Option<Summary> {
    match event {
        Event::Summary(summary) => Some(*summary),
        _ => None,
    }
}

fn ended_early(why: String, status: crate::status::Status) -> ReplayError {
    ReplayError::EndedEarly { why, status }
}

/// What each place of the scenario holds; one that was never opened holds nothing.
fn balances(scenario: &Scenario, accounts: &[AccountSummary]) -> Vec<i64> {
    let places = scenario.places().iter();
    let held = places.map(|place| {
        let account = accounts
            .iter()
            .find(|account| account.account == place.name);
        account.map_or(0, |account| account.balance.minor())
    });
    held.collect()
}

/// Refuses orders that are none of shared memory.
pub(super) fn check_shared_memory(scenario: &Scenario, played: &Played) -> Result<(), ReplayError> {
    let why = match scenario.method().sharing {
        Sharing::Owner | Sharing::OwnerWithWork => "no process there owns the balance and decides",
        Sharing::CompareAndSet if !notices_conflicts(scenario, played) => {
            "a compare-and-set in memory is of the account that gives, and an operation of this order \
             decides again because of the other account alone"
        }
        _ => return Ok(()),
    };
    Err(ReplayError::NotInMemory(why))
}

/// Whether each operation that decides again does so since the account that gives was written.
fn notices_conflicts(scenario: &Scenario, played: &Played) -> bool {
    let steps = &played.steps;
    let is_noticed = |(place, step): (usize, &StepTaken)| {
        if !matches!(
            step.result,
            StepResult::Changed | StepResult::ChangedAndRefused
        ) {
            return true;
        }
        let debit = scenario.sides(step.process)[0];
        let own = |before: &StepTaken| before.process == step.process;
        let read = steps[..place].iter().rposition(own).unwrap_or(0);
        steps[read..place].iter().any(|write| {
            let is_write =
                write.step == NextStep::CompareAndSet && write.result == StepResult::Done;
            is_write && scenario.sides(write.process).contains(&debit)
        })
    };
    steps.iter().enumerate().all(is_noticed)
}

/// How workers share memory by this method.
fn memory_sharing(method: SharingMethod, limit: Duration) -> MemorySharing {
    MemorySharing {
        primitive: match method.sharing {
            Sharing::CompareAndSet => Primitive::Cas,
            Sharing::Lock => Primitive::Mutex,
            Sharing::LockPerAccount => Primitive::MutexPerAccount,
            _ => Primitive::None,
        },
        lock_order: method.lock_order,
        limit: Some(limit),
        takes_turns: true,
    }
}

/// The run of the mode that shares by this method.
pub(super) fn plan((scenario, played): (&Scenario, &Played), by: StepTakers) -> RunPlan {
    let limit = wait_limit(played);
    let method = scenario.method();
    let conduct = match method.sharing {
        _ if by == StepTakers::SharedMemory => {
            WorkerMode::ShareMemory(memory_sharing(method, limit))
        }
        Sharing::Unguarded | Sharing::CompareAndSet | Sharing::Lock | Sharing::LockPerAccount => {
            WorkerMode::ShareData(method)
        }
        Sharing::Owner | Sharing::OwnerWithWork => WorkerMode::AskTheBank,
    };
    // The shortest work there is: its two requests are what counts.
    let work = match method.sharing {
        Sharing::OwnerWithWork => Pace::new(1e-6),
        _ => None,
    };
    let mut starts = scenario.starts().iter().cloned();
    let (account, balance) = starts.next().unwrap_or_default();
    RunPlan {
        mode: Mode::Replay,
        transport: method.transport,
        conduct,
        jobs: scenario.operations().len(),
        ops_per_worker: Some(1),
        account,
        balance,
        opened: starts.collect(),
        overdraft: scenario.overdraft(),
        strict: false,
        timeout: None,
        lease_limit: Some(limit),
        pace: work.unwrap_or(Pace::NONE),
        pacing: Pacing::default(),
        commands: None,
        named: None,
        kill_before: None,
        operations: Some(scenario.operations().len() as u64),
        detail: Detail::Results,
        measured: None,
    }
}

/// Follows the order for a replay.
struct OrderWatch {
    seen: OrderSeen,
    pace: StepPace,
    /// How many turns there are.
    turns: usize,
    all_taken: bool,
    /// Why the order was left by a person.
    left: Option<ReplayError>,
}

impl OrderWatch {
    fn new(scenario: &Scenario, played: &Played, turns: Vec<WorkerTurn>, pace: StepPace) -> Self {
        OrderWatch {
            turns: turns.len(),
            seen: OrderSeen::new(scenario, played, turns),
            pace,
            all_taken: false,
            left: None,
        }
    }
}

impl TurnWatch for Rc<RefCell<OrderWatch>> {
    fn may_take(&mut self, turn: usize) -> Result<bool, String> {
        let mut watch = self.borrow_mut();
        let Some(step) = watch.seen.first_step(turn) else {
            return Ok(true);
        };
        let may = watch.pace.may_take(step);
        let steps = watch.seen.steps();
        watch.pace.show(&steps);
        may.map_err(|error| {
            let why = error.to_string();
            watch.left = Some(error);
            why
        })
    }

    fn taken(&mut self, taken: TurnTaken) {
        let mut watch = self.borrow_mut();
        watch.all_taken |= taken.turn + 1 == watch.turns;
        watch.seen.take(&taken);
        let steps = watch.seen.steps();
        watch.pace.show(&steps);
    }
}
