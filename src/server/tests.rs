//! A ledger that lasts and takes its time, or fails.

mod in_memory;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::bank::{Amount, Balance, Kind, Outcome, Unit, WorkEnd};
use crate::store::{
    BegunLine, ChainEnd, DoneLine, Entries, EntryQuery, LeaseShare, Ledger, LedgerAnswer,
    LedgerRequest, MAX_BATCH, OpenHold, RunName, RunTotals, SkippedLine, Verified,
};
use crate::wake::Alarm;

const RUN: u32 = 7;

/// A ledger that tells of each batch and decides it only when it may.
struct Slow {
    memory: Memory,
    began: Sender<Vec<u64>>,
    may: Receiver<bool>,
    closed: Sender<u32>,
}

impl Ledger for Slow {
    fn name(&self) -> String {
        "slow".to_string()
    }

    fn unit(&mut self) -> Result<Unit, LedgerError> {
        unreachable!("a run knows it")
    }

    fn submit(&mut self, batch: &[LedgerRequest]) -> Result<Vec<LedgerAnswer>, LedgerError> {
        let asked = batch.iter().filter_map(|request| match request {
            LedgerRequest::Decide(asked) => Some(asked.caller.number),
            _ => None,
        });
        let _ = self.began.send(asked.collect());
        if self.may.recv() != Ok(true) {
            let ledger = "slow".to_string();
            return Err(LedgerError::Failed { ledger });
        }
        assert!(batch.iter().all(|request| request.run() == RUN));
        let answer = |request: &LedgerRequest| match request {
            LedgerRequest::Decide(asked) => LedgerAnswer::Decided(self.memory.decide(asked)),
            LedgerRequest::BeginRun(_) => unreachable!("the run has begun"),
            LedgerRequest::EndRun { run, .. } => {
                let _ = self.closed.send(*run);
                LedgerAnswer::RunEnded(*run)
            }
        };
        Ok(batch.iter().map(answer).collect())
    }

    fn look_up(&mut self, names: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError> {
        let standings = self.memory.standings();
        let of = |name: &Name| standings.iter().find(|of| of.name == *name).cloned();
        Ok(names.iter().map(of).collect())
    }

    fn accounts(&mut self, _: Option<&Name>) -> Result<Vec<Standing>, LedgerError> {
        unreachable!("a run asks for its own accounts")
    }

    fn holds(&mut self, _: u64) -> Result<Vec<OpenHold>, LedgerError> {
        unreachable!("a run lists nothing")
    }

    fn entries(&mut self, _: &EntryQuery) -> Result<Entries, LedgerError> {
        unreachable!("a run lists nothing")
    }

    fn share_of_run(&self, _: u32) -> Option<LeaseShare> {
        None
    }

    fn done_lines(&mut self, _: u32, _: u64) -> Result<Vec<DoneLine>, LedgerError> {
        unreachable!("the run has no name")
    }

    fn begun_lines(&mut self, _: u32, _: u64) -> Result<Vec<BegunLine>, LedgerError> {
        unreachable!("the run has no name")
    }

    fn runs(&mut self, _: u32) -> Result<Vec<RunTotals>, LedgerError> {
        unreachable!("a run lists nothing")
    }

    fn skip(&mut self, _: &RunName, _: u64, _: &str) -> Result<SkippedLine, LedgerError> {
        unreachable!("a run gives no line up")
    }

    fn verify(&mut self, _: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        unreachable!("a run checks nothing")
    }
    fn backup(&mut self, _: &Path) -> Result<Verified, LedgerError> {
        unreachable!("a run copies nothing")
    }
}

/// A server on such a ledger, and its strings.
struct Bench {
    store: RunStore,
    alarm: Alarm,
    began: Receiver<Vec<u64>>,
    may: Sender<bool>,
    closed: Receiver<u32>,
}

impl Bench {
    fn new() -> Self {
        let (tell_began, began) = channel();
        let (may, let_it) = channel();
        let (tell_closed, closed) = channel();
        let ledger = Slow {
            memory: Memory::new(&Name::default(), Balance::new(100_000), Balance::default()),
            began: tell_began,
            may: let_it,
            closed: tell_closed,
        };
        let opened = RunLedger {
            ledger: Box::new(ledger),
            run: RUN,
            name: "slow".to_string(),
        };
        let (alarm, waker) = Alarm::new().expect("an alarm");
        Bench {
            store: RunStore::durable(opened, AtStake::Work, waker).expect("a thread"),
            alarm,
            began,
            may,
            closed,
        }
    }

    fn submit(&mut self, numbers: impl IntoIterator<Item = u64>, request: &Request) {
        let incoming = |number| Incoming {
            caller: caller(number),
            request: RunRequest::Bank(request.clone()),
            abandoned: false,
        };
        self.store
            .submit(numbers.into_iter().map(incoming).collect());
    }

    /// Waits as the loop does: on the alarm alone.
    fn wait_until(&mut self, mut reached: impl FnMut(&mut RunStore) -> bool) {
        while !reached(&mut self.store) {
            let patience = Timespec {
                tv_sec: 30,
                tv_nsec: 0,
            };
            let mut fds = [PollFd::new(&self.alarm, PollFlags::IN)];
            assert_eq!(poll(&mut fds, Some(&patience)), Ok(1), "no wake-up came");
            self.alarm.reset();
        }
    }

    /// The next so many answers.
    fn collect(&mut self, count: usize) -> Vec<Outgoing> {
        let mut all = Vec::new();
        self.wait_until(|store| {
            all.extend(store.collect());
            all.len() >= count
        });
        assert_eq!(all.len(), count, "{all:?}");
        all
    }
}

fn caller(number: u64) -> RequestContext {
    RequestContext {
        run: RUN,
        number,
        ..RequestContext::default()
    }
}

fn withdrawal() -> Operation {
    let amount = Amount::new(1);
    Operation::new(Kind::Withdraw, None, Name::default(), None, amount).expect("an operation")
}

fn execute() -> Request {
    Request::Execute(withdrawal())
}

/// The operations that these answer, all of which were posted in this order.
fn posted(outgoing: &[Outgoing]) -> Vec<u64> {
    let mut last = 0;
    let number = |outgoing: &Outgoing| match outgoing {
        Outgoing::Reply(number, ReplyBody::Decided(answer)) => {
            let Outcome::Posted { seq, .. } = answer.outcome else {
                panic!("not posted: {answer:?}");
            };
            assert!(seq > last, "{seq} after {last}");
            last = seq;
            *number
        }
        other => panic!("no answer: {other:?}"),
    };
    outgoing.iter().map(number).collect()
}

#[test]
fn what_arrives_meanwhile_is_the_next_batch() {
    let mut bench = Bench::new();
    bench.submit([1], &execute());
    assert_eq!(bench.began.recv(), Ok(vec![1]));
    bench.submit([2, 3], &execute());
    bench.submit([4], &execute());
    assert!(bench.store.collect().is_empty(), "before it is durable");
    assert_eq!(bench.store.settled(), 0);
    bench.may.send(true).expect("a ledger");
    assert_eq!(posted(&bench.collect(1)), [1]);
    assert_eq!(bench.store.settled(), 1);
    assert_eq!(bench.began.recv(), Ok(vec![2, 3, 4]));
    bench.may.send(true).expect("a ledger");
    assert_eq!(posted(&bench.collect(3)), [2, 3, 4]);
    assert_eq!(bench.store.settled(), 4);
}

#[test]
fn a_batch_has_an_end_so_that_others_get_their_turn() {
    let mut bench = Bench::new();
    let all = 2 * MAX_BATCH as u64 + 5;
    bench.submit(1..=all, &execute());
    for size in [MAX_BATCH, MAX_BATCH, 5] {
        assert_eq!(bench.began.recv().map(|batch| batch.len()), Ok(size));
        bench.may.send(true).expect("a ledger");
    }
    assert_eq!(
        posted(&bench.collect(all as usize)),
        (1..=all).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_given_back_counts_before_it_is_told() {
    let mut bench = Bench::new();
    bench.submit([1], &Request::Begin(withdrawal()));
    assert_eq!(bench.began.recv(), Ok(vec![1]));
    let abandoned = Incoming::abandoned(caller(1), WorkEnd::Void);
    bench.store.submit(vec![abandoned]);
    bench.submit([2], &Request::End(WorkEnd::Post { amount: None }));
    bench.may.send(true).expect("a ledger");
    bench.collect(1);
    assert_eq!(bench.began.recv(), Ok(vec![1, 2]));
    assert!(bench.store.collect().is_empty(), "before it is durable");
    bench.may.send(true).expect("a ledger");
    let told = bench.collect(2);
    assert!(
        matches!(
            told[..],
            [
                Outgoing::Abandoned(1, Abandoned::NotDone),
                Outgoing::Impossible(2, _)
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn a_failure_ends_everything_and_is_told_once() {
    let mut bench = Bench::new();
    bench.submit([1], &execute());
    assert_eq!(bench.began.recv(), Ok(vec![1]));
    bench.submit([2, 3], &execute());
    bench.may.send(true).expect("a ledger");
    assert_eq!(bench.began.recv(), Ok(vec![2, 3]));
    bench.submit([4], &execute());
    bench.may.send(false).expect("a ledger");
    // What was durable before is answered all the same.
    assert_eq!(posted(&bench.collect(1)), [1]);
    let mut failure = None;
    bench.wait_until(|store| {
        assert!(store.collect().is_empty());
        failure = store.failure();
        failure.is_some()
    });
    let failure = failure.map(|failure| failure.to_string());
    assert!(failure.is_some_and(|why| why.starts_with("the ledger `slow` failed")));
    assert_eq!(bench.store.settled(), 1);
    bench.store.give_up();
    bench.submit([5], &execute());
    assert!(bench.store.collect().is_empty());
    assert!(bench.store.failure().is_none());
    assert_eq!(bench.store.settled(), 5);
    bench.store.close(Vec::new);
    assert!(bench.store.is_closed());
    assert!(bench.closed.try_recv().is_err(), "the next opening decides");
}

#[test]
fn the_end_comes_after_all_that_was_asked() {
    let mut bench = Bench::new();
    bench.submit([1], &execute());
    assert_eq!(bench.began.recv(), Ok(vec![1]));
    bench.submit([2], &execute());
    let unknown = Name::user("nobody").expect("a name");
    bench.store.close(|| vec![Name::default(), unknown]);
    assert!(!bench.store.is_closed());
    bench.may.send(true).expect("a ledger");
    bench.may.send(true).expect("a ledger");
    assert_eq!(posted(&bench.collect(2)), [1, 2]);
    bench.wait_until(|store| {
        store.collect();
        store.is_closed()
    });
    assert_eq!(bench.closed.recv(), Ok(RUN));
    let standings = bench.store.standings();
    let held: Vec<_> = standings
        .iter()
        .map(|standing| (standing.name.as_str(), standing.view.posted.minor()))
        .collect();
    assert_eq!(held, [("main", 99_998)]);
}

#[test]
fn nothing_is_waited_for_once_it_is_given_up() {
    let mut bench = Bench::new();
    bench.submit(0..3, &execute());
    assert_eq!(bench.store.settled(), 0);
    bench.store.give_up();
    assert_eq!(bench.store.settled(), 3);
    // The ledger may decide nevertheless, and no answer is made of that.
    let _ = bench.may.send(true);
    assert!(bench.store.collect().is_empty());
}

#[test]
fn an_end_without_its_worker_is_no_reply() {
    let refused: Answer = Outcome::Refused {
        rejection: crate::bank::Rejection::Declined,
        view: None,
    }
    .into();
    let declined = |outgoing| matches!(outgoing, Outgoing::Abandoned(7, Abandoned::Declined(_)));
    assert!(declined(outgoing(7, true, Some(refused.clone()))));
    assert!(!declined(outgoing(7, false, Some(refused))));
    let nothing = outgoing(7, true, None);
    assert!(matches!(
        nothing,
        Outgoing::Abandoned(7, Abandoned::NotDone)
    ));
}
