//! The lines as they stand at some moments.

use super::*;
use crate::event::{RunStarted, WorkerEvent};

fn started(operations: Option<u64>, jobs: u32) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        operations,
        jobs,
        ..RunStarted::default()
    }))
}

fn about(worker: u32, kind: Kind, minor: i64) -> OperationEvent {
    OperationEvent {
        op: Some(kind),
        amount: Some(Balance::new(minor)),
        account: Some(crate::bank::Name::default()),
        worker,
        pid: 4_710 + worker,
        seq: Some(1),
        ..OperationEvent::default()
    }
}

#[test]
fn a_handful_of_processes_has_a_line_each_and_leaves_none() {
    let began = Instant::now();
    let mut so_far = RunSoFar::new(began);
    so_far.take(&started(Some(5), 64), began);
    so_far.take(
        &Event::Spawned(WorkerEvent {
            worker: 3,
            pid: 4_713,
            ..WorkerEvent::default()
        }),
        began,
    );
    so_far.take(&Event::Started(about(1, Kind::Withdraw, 50_000)), began);
    so_far.take(&Event::Held(about(1, Kind::Withdraw, 50_000)), began);
    so_far.take(&Event::Held(about(2, Kind::Transfer, 123_456)), began);
    let later = began + Duration::from_millis(1_250);
    so_far.take(&Event::Completed(about(2, Kind::Transfer, 123_456)), later);
    assert_eq!(
        so_far.lines(later, 79),
        [
            "process 1 (pid 4711)  withdraw    $500.00 working   1.2 s",
            "process 3 (pid 4713)                      starting  1.2 s",
            "1 of 5 done  $1234.56 moved  1.2 s",
        ]
    );
    assert_eq!(
        so_far.lines(later, 39),
        [
            "1 withdraw    $500.00 working   1.2 s",
            "3                     starting  1.2 s",
            "1 of 5 done  $1234.56 moved  1.2 s",
        ]
    );
    assert_eq!(
        so_far.lines(later, 199)[0],
        "process 1 (pid 4711)  withdraw    $500.00 main                 working   1.2 s"
    );
}

#[test]
fn a_long_workload_has_one_line_that_tells_most_where_there_is_room() {
    let began = Instant::now();
    let mut so_far = RunSoFar::new(began);
    so_far.take(&started(None, 64), began);
    so_far.expect(Some(100_000));
    for worker in 1..=20_000 {
        so_far.take(&Event::Started(about(worker, Kind::Deposit, 100)), began);
        let one = about(worker, Kind::Deposit, 100);
        so_far.take(
            &match worker % 1_000 {
                0 => Event::Refused(one),
                1 => Event::Failed(one),
                2 => Event::InDoubt(one),
                _ => Event::Completed(one),
            },
            began,
        );
    }
    let later = began + Duration::from_secs(2);
    for (width, expected) in [
        (
            200,
            "20,000 of 100,000 done  10,000 a second  $19940.00 moved  20 failed  20 in doubt  20 refused  2.0 s  8.0 s left",
        ),
        (
            80,
            "20,000 of 100,000 done  20 failed  20 in doubt  20 refused  8.0 s left",
        ),
        (40, "20,000 of 100,000 done  20 failed"),
        (30, "20,000 of 100,000 done"),
        (10, "20,000 of…"),
    ] {
        so_far.past.clear();
        assert_eq!(so_far.lines(later, width), [expected], "{width}");
    }
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let began = Instant::now();
    let mut so_far = RunSoFar::new(began);
    for tenth in 1..=100 {
        so_far.done += if tenth <= 50 { 1_000 } else { 10 };
        let now = began + Duration::from_millis(100 * tenth);
        let rate = so_far.rate(now);
        match tenth {
            50 => assert_eq!(rate, 10_000),
            100 => assert_eq!(rate, 100),
            _ => {}
        }
    }
    assert!(so_far.past.len() < 40);
}
