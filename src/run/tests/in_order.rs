//! Runs whose requests are decided in an order that was given, and what ends them.

use std::cell::Cell;
use std::rc::Rc;

use super::*;

/// Allows everything, and counts the turns that were taken.
#[derive(Default)]
struct Allowed(Rc<Cell<usize>>);

impl TurnWatch for Allowed {
    fn may_take(&mut self, _: usize) -> Result<bool, String> {
        Ok(true)
    }

    fn taken(&mut self, _: TurnTaken) {
        self.0.set(self.0.get() + 1);
    }
}

/// A run whose only operation must ask this, and whose worker was given it.
fn given_in_order(request: TurnRequest) -> Bench {
    watched(request, Allowed::default())
}

fn watched(request: TurnRequest, watch: Allowed) -> Bench {
    let operation = 1;
    let turns = vec![RequestTurn { operation, request }];
    let order = GivenOrder::new(turns, Box::new(watch));
    let mut bench = Bench::in_order(1, 1, Box::new(order));
    bench.arrived(1, Arrived::Ready);
    assert_eq!(bench.turn(), ["assign 1: 1"]);
    bench
}

#[test]
fn a_request_is_decided_in_its_turn() {
    let taken = Rc::default();
    let mut bench = watched(TurnRequest::Execute, Allowed(Rc::clone(&taken)));
    let execute = Ask::Execute;
    assert_eq!(bench.ask(execute), ["submit 1"]);
    bench.decided(POSTED());
    assert_eq!(taken.get(), 1);
    assert_eq!(bench.told, ["started", "completed"]);
}

#[test]
fn a_worker_that_asks_for_something_else_ends_the_run() {
    let mut bench = given_in_order(TurnRequest::Post);
    let begin = Ask::Begin;
    assert_eq!(bench.ask(begin.clone()), ["KillAll"]);
    assert_eq!(bench.ask(begin), [""; 0], "it was left once and for all");
    assert_eq!(bench.dies(), ["abandon: Void"]);
    bench.answered(Outgoing::Abandoned(1 << 32 | 1, Abandoned::NotDone));
    assert_eq!(bench.told, ["started", "failed: Faulty(Protocol)"]);
}

#[test]
fn a_worker_that_does_not_ask_ends_the_run() {
    let mut bench = given_in_order(TurnRequest::Execute);
    assert_eq!(bench.turn(), [""; 0]);
    bench.now += MINUTE / 2;
    assert_eq!(bench.turn()[0], "KillAll");
    bench.dies();
    bench.answered(Outgoing::Abandoned(1 << 32 | 1, Abandoned::NotDone));
    assert_eq!(bench.told, ["started", "failed: Faulty(Deadline)"]);
}

#[test]
fn a_worker_that_dies_ends_the_run() {
    let mut bench = given_in_order(TurnRequest::Execute);
    assert_eq!(bench.dies(), ["KillAll", "abandon: Void"]);
    bench.answered(Outgoing::Abandoned(1 << 32 | 1, Abandoned::NotDone));
    assert_eq!(bench.told, ["started", "failed: Faulty(Died)"]);
}
