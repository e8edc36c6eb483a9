//! The faults that a run meets, one at a time and in microseconds.

mod commands;
mod in_order;
mod input;
mod ledger_failed;
mod signals;
mod steps;
mod waits;

use super::*;
use crate::bank::{Amount, Balance, Kind, Line, Operation, Outcome, Rejection, View, WorkEnd};
use crate::event::{Micros, Mode};
use crate::link::Arrived;
use crate::protocol::{Ask, ReplyBody, Report, WorkerRequest};
use crate::store::Abandoned;
use crate::work::{AttemptEnd, CommandEvent, Pace};

const MINUTE: Duration = Duration::from_secs(60);
const DIED: Exit = Exit::Signal(9);

/// A run of so many deposits, and what came of it so far.
struct Bench {
    run: Run,
    now: Duration,
    settled: u64,
    told: Vec<String>,
}

fn deposit() -> Operation {
    let amount = Amount::new(1);
    Operation::new(Kind::Deposit, None, Name::default(), None, amount).expect("fits")
}

fn item(number: u64) -> Item {
    Item::Operation {
        line: Some(Line { number, digest: 0 }),
        operation: deposit(),
    }
}

fn view() -> View {
    let (posted, available) = (Balance::new(1), Balance::new(1));
    View { posted, available }
}

impl Bench {
    /// A run in which each worker takes one operation, with its first worker connected.
    fn new(operations: u64, jobs: usize) -> Self {
        Bench::in_order(operations, jobs, Box::new(AsArrived))
    }

    /// The same, with the requests decided in this order.
    fn in_order(operations: u64, jobs: usize, order: Box<dyn RequestOrder>) -> Self {
        let mut bench = Bench::begun(jobs, order);
        let items = (1..=operations).map(item).collect();
        let rest = InputState::Ended;
        assert_eq!(bench.handle(Input::Took { items, rest }), ["spawn 1"]);
        bench.handle(Input::Spawned { worker: 1, pid: 1 });
        bench
    }

    /// The same, before anything was read.
    fn begun(jobs: usize, order: Box<dyn RequestOrder>) -> Self {
        let settings = Settings {
            mode: Mode::Parallel,
            jobs,
            ops_per_worker: None,
            in_hand: None,
            pace: Pace::CLASSIC,
            limits: WorkLimits::default(),
            command: None,
            named: None,
            caller: RequestContext::default(),
            ledger: Some("test.db".to_string()),
            kill_before: None,
            steps: false,
            clock_us: Default::default(),
            pacing: Pacing::default(),
            starts: Vec::new(),
        };
        let run = Run::new(settings, order);
        let (now, told) = (Duration::ZERO, Vec::new());
        let mut bench = Bench {
            run,
            now,
            settled: 0,
            told,
        };
        assert_eq!(bench.turn(), ["take"]);
        bench
    }

    /// What is to be done, in words; what is to be told is kept.
    fn handle(&mut self, input: Input) -> Vec<String> {
        let mut words = Vec::new();
        for effect in self.run.handle(input, self.now) {
            words.push(match effect {
                Effect::Spawn(worker) => format!("spawn {worker}"),
                Effect::Assign(worker, all) => format!("assign {worker}: {}", all.len()),
                Effect::Reply(worker, all) => format!("reply {worker}: {}", all.len()),
                Effect::CloseLink(worker) => format!("close {worker}"),
                Effect::Kill(worker) => format!("kill {worker}"),
                Effect::Submit(batch) => format!("submit {}", batch.len()),
                Effect::Abandon { end, .. } => format!("abandon: {end:?}"),
                Effect::Take(_) => "take".to_string(),
                Effect::Tell(events) => {
                    self.told.extend(events.into_iter().map(told));
                    continue;
                }
                other => format!("{other:?}"),
            });
        }
        words
    }

    fn turn(&mut self) -> Vec<String> {
        self.handle(Input::Turn {
            outputs_are_full: false,
        })
    }

    fn arrived(&mut self, worker: u32, what: Arrived) -> Vec<String> {
        self.handle(Input::Arrived(vec![Arrival { worker, what }]))
    }

    /// The first worker asks about its first operation.
    fn ask(&mut self, ask: Ask) -> Vec<String> {
        let number = 1 << 32 | 1;
        self.arrived(1, Arrived::Requests(vec![WorkerRequest { number, ask }]))
    }

    fn answered(&mut self, outgoing: Outgoing) -> Vec<String> {
        self.settled += 1;
        let (outgoing, settled) = (vec![outgoing], self.settled);
        self.handle(Input::Decided { outgoing, settled })
    }

    fn decided(&mut self, outcome: Outcome) -> Vec<String> {
        self.answered(Outgoing::Reply(
            1 << 32 | 1,
            ReplyBody::Decided(outcome.into()),
        ))
    }

    fn dies(&mut self) -> Vec<String> {
        let mut words = self.handle(Input::Exited {
            worker: 1,
            exit: DIED,
        });
        words.extend(self.arrived(1, Arrived::Closed));
        words
    }
}

fn told(event: Event) -> String {
    match event {
        Event::Started(_) => "started".to_string(),
        Event::Held(_) => "held".to_string(),
        Event::Completed(_) => "completed".to_string(),
        Event::Failed(operation) => format!("failed: {:?}", operation.reason.expect("a reason")),
        Event::InDoubt(_) => "in doubt".to_string(),
        Event::Warned(words) => words,
        Event::Summary(summary) => format!("ended with {:?}", summary.status),
        other => format!("{other:?}"),
    }
}

/// A run whose first worker was given its first operation.
fn given(operations: u64) -> Bench {
    let mut bench = Bench::new(operations, 1);
    bench.arrived(1, Arrived::Ready);
    assert_eq!(bench.turn(), ["assign 1: 1"]);
    bench
}

const POSTED: fn() -> Outcome = || Outcome::Posted {
    seq: 1,
    amount: Amount::new(1).expect("not zero"),
    view: view(),
};

#[test]
fn an_operation_goes_its_way() {
    let mut bench = given(1);
    assert_eq!(bench.ask(Ask::Begin), ["submit 1"]);
    assert_eq!(
        bench.decided(Outcome::Held { view: view() }),
        ["reply 1: 1"]
    );
    assert_eq!(
        bench.ask(Ask::End(WorkEnd::Post { amount: None })),
        ["submit 1"]
    );
    assert_eq!(bench.decided(POSTED()), ["reply 1: 1"]);
    assert_eq!(bench.turn(), ["close 1"]);
    bench.handle(Input::Exited {
        worker: 1,
        exit: Exit::Status(0),
    });
    let closes = bench.arrived(1, Arrived::Closed);
    assert_eq!(closes, [r#"CloseLedger([Name("main")])"#]);
    let (standings, elapsed) = (Vec::new(), MINUTE);
    bench.handle(Input::LedgerClosed { standings, elapsed });
    let all = ["started", "held", "completed", "ended with Posted"];
    assert_eq!(bench.told, all);
}

#[test]
fn what_a_dead_worker_had_asked_counts() {
    let mut bench = given(1);
    bench.ask(Ask::Begin);
    bench.decided(Outcome::Held { view: view() });
    bench.ask(Ask::End(WorkEnd::Post { amount: None }));
    assert_eq!(bench.dies(), [""; 0], "its post is being decided");
    bench.decided(POSTED());
    assert_eq!(bench.told[2], "completed");
}

#[test]
fn a_dead_workers_operation_has_failed_when_that_is_durable() {
    let mut bench = given(1);
    bench.ask(Ask::Begin);
    bench.decided(Outcome::Held { view: view() });
    assert_eq!(bench.dies(), ["abandon: Void"]);
    assert_eq!(bench.told, ["started", "held"]);
    bench.answered(Outgoing::Abandoned(1 << 32 | 1, Abandoned::NotDone));
    assert_eq!(bench.told[2], "failed: Faulty(Died)");
}

#[test]
fn with_one_worker_at_a_time_what_a_dead_one_left_comes_first() {
    let mut bench = Bench::new(4, 1);
    (bench.run.settings.pace, bench.run.settings.ops_per_worker) = (Pace::NONE, Some(3));
    bench.arrived(1, Arrived::Ready);
    assert_eq!(bench.turn(), ["assign 1: 3"]);
    assert_eq!(bench.ask(Ask::Execute), ["submit 1"]);
    assert_eq!(
        bench.dies(),
        [""; 0],
        "its first operation is being decided"
    );
    assert_eq!(bench.turn(), ["spawn 2"]);
    bench.handle(Input::Spawned { worker: 2, pid: 2 });
    bench.arrived(2, Arrived::Ready);
    assert_eq!(
        bench.turn(),
        [""; 0],
        "the third would come after the fourth"
    );
    assert_eq!(bench.decided(POSTED()), ["reply 1: 1", "abandon: Void"]);
    assert_eq!(bench.turn(), ["assign 2: 2"]);
}

/// A run with a command, whose worker has begun its operation.
fn begun_with_command() -> Bench {
    let mut bench = Bench::new(1, 1);
    bench.run.settings.command = Some(CommandSettings {
        timeout: None,
        declined: 75,
        retry_in_doubt: false,
        id_prefix: "pay".to_string(),
    });
    bench.run.ids = Ids::of(&bench.run.settings);
    bench.arrived(1, Arrived::Ready);
    bench.turn();
    bench.ask(Ask::Begin);
    bench
}

/// The same, for which the money is set aside.
fn held_for_command() -> Bench {
    let mut bench = begun_with_command();
    bench.decided(Outcome::Held { view: view() });
    bench
}

#[test]
fn what_a_worker_has_not_begun_goes_to_another_if_it_was_asked_to_end() {
    let mut bench = given(1);
    bench.handle(Input::Exited {
        worker: 1,
        exit: Exit::Status(0),
    });
    assert_eq!(bench.arrived(1, Arrived::Closed), [""; 0]);
    assert_eq!(bench.turn(), ["spawn 2"]);
}

#[test]
fn a_worker_is_killed_at_its_deadline_and_not_before() {
    let mut bench = Bench::new(1, 1);
    bench.now = MINUTE - Duration::from_millis(1);
    assert_eq!(bench.turn(), ["ExtendWaits([])"]);
    assert_eq!(bench.run.wake_at(bench.now), MINUTE);
    bench.now = MINUTE;
    assert_eq!(bench.turn(), ["kill 1"]);
    bench.dies();
    let words = bench.told.join(" ");
    assert!(words.starts_with("failed: Faulty(Deadline)"), "{words}");
}

#[test]
fn while_the_machine_stands_still_no_deadline_passes_and_what_is_told_counts_it() {
    let mut bench = given(1);
    bench.now = Duration::from_secs(1);
    bench.run.stood_still(2 * MINUTE);
    assert_eq!(bench.turn(), [""; 0]);
    bench.ask(Ask::Execute);
    let answer = Outgoing::Reply(1 << 32 | 1, ReplyBody::Decided(POSTED().into()));
    let (outgoing, settled) = (vec![answer], 1);
    let decided = Input::Decided { outgoing, settled };
    let effects = bench.run.handle(decided, bench.now);
    let told = effects.into_iter().find_map(|effect| match effect {
        Effect::Tell(events) => events.into_iter().find_map(|event| match event {
            Event::Completed(operation) => Some((operation.at_us, operation.elapsed_us)),
            _ => None,
        }),
        _ => None,
    });
    // It was given at 0 by every clock.
    let since = Some(Micros::from(2 * MINUTE + bench.now));
    assert_eq!(told, Some((since, since)));
}

#[test]
fn no_deadline_passes_while_the_ledger_decides() {
    let mut bench = given(1);
    bench.ask(Ask::Begin);
    bench.now = 10 * MINUTE;
    assert_eq!(bench.turn(), ["ExtendWaits([1])"]);
}

#[test]
fn a_worker_that_asks_what_it_may_not_is_not_heard_again() {
    let mut bench = given(1);
    assert_eq!(bench.ask(Ask::End(WorkEnd::Void)), ["kill 1"]);
    assert_eq!(bench.ask(Ask::Begin), [""; 0]);
    assert_eq!(bench.dies(), ["abandon: Void"]);
}

#[test]
fn the_last_worker_gone_there_may_be_room_for_another() {
    let mut bench = given(2);
    bench.handle(Input::Exited {
        worker: 1,
        exit: DIED,
    });
    assert_eq!(bench.turn(), ["spawn 2"]);
    let (worker, why) = (2, "no room".to_string());
    bench.handle(Input::SpawnFailed { worker, why });
    assert_eq!(bench.turn(), [""; 0]);
    assert_eq!(bench.arrived(1, Arrived::Closed), ["abandon: Void"]);
    assert_eq!(bench.turn(), ["spawn 3"]);
}
