//! What follows from each kind of error, with a ledger that fails as it is told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;
use crate::bank::{Asked, Name, Request, RequestContext, Unit, WorkEnd};
use crate::store::{
    BegunLine, ChainEnd, DoneLine, Entries, EntryQuery, OpenHold, RunName, RunTotals, SkippedLine,
    Verified,
};
use crate::threads::tests::{take_turns, wait_for};
use crate::wake::Alarm;

/// What a ledger was asked, and how it fails.
#[derive(Default)]
struct Record {
    /// The numbers of each batch that was asked.
    asked: Vec<Vec<u64>>,
    /// How the next ones fail, if they do.
    fails: VecDeque<Option<LedgerError>>,
}

#[derive(Clone, Default)]
struct Script(Arc<Mutex<Record>>);

impl Script {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, numbers: Vec<u64>) -> Result<(), LedgerError> {
        let mut record = self.lock();
        record.asked.push(numbers);
        record.fails.pop_front().flatten().map_or(Ok(()), Err)
    }
}

/// A ledger whose answer to every request is that it ends nothing.
struct Failing(Script);

impl Ledger for Failing {
    fn name(&self) -> String {
        "bank.db".to_string()
    }

    fn unit(&mut self) -> Result<Unit, LedgerError> {
        unreachable!()
    }

    fn submit(&mut self, batch: &[LedgerRequest]) -> Result<Vec<LedgerAnswer>, LedgerError> {
        let number = |request: &LedgerRequest| match request {
            LedgerRequest::Decide(asked) => asked.caller.number,
            _ => 0,
        };
        self.0.next(batch.iter().map(number).collect())?;
        Ok(vec![LedgerAnswer::Decided(None); batch.len()])
    }

    fn look_up(&mut self, _: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError> {
        self.0.next(Vec::new())?;
        Ok(Vec::new())
    }

    fn accounts(&mut self, _: Option<&Name>) -> Result<Vec<Standing>, LedgerError> {
        unreachable!()
    }

    fn holds(&mut self, _: u64) -> Result<Vec<OpenHold>, LedgerError> {
        unreachable!()
    }

    fn entries(&mut self, _: &EntryQuery) -> Result<Entries, LedgerError> {
        unreachable!()
    }

    fn share_of_run(&self, _: u32) -> Option<crate::store::LeaseShare> {
        None
    }

    fn done_lines(&mut self, _: u32, _: u64) -> Result<Vec<DoneLine>, LedgerError> {
        unreachable!()
    }

    fn begun_lines(&mut self, _: u32, _: u64) -> Result<Vec<BegunLine>, LedgerError> {
        unreachable!()
    }

    fn runs(&mut self, _: u32) -> Result<Vec<RunTotals>, LedgerError> {
        unreachable!()
    }

    fn skip(&mut self, _: &RunName, _: u64, _: &str) -> Result<SkippedLine, LedgerError> {
        unreachable!()
    }

    fn verify(&mut self, _: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        unreachable!()
    }

    fn backup(&mut self, _: &std::path::Path) -> Result<Verified, LedgerError> {
        unreachable!()
    }
}

struct LookUp;

impl LedgerQuery for LookUp {
    type Output = ();

    fn ask(&mut self, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
        ledger.look_up(&[]).map(drop)
    }
}

fn damaged() -> LedgerError {
    LedgerError::Damaged {
        ledger: "bank.db".to_string(),
        what: "a row".to_string(),
    }
}

fn locked() -> LedgerError {
    LedgerError::Locked {
        ledger: "bank.db".to_string(),
        holder: "another".to_string(),
        waited: Duration::ZERO,
    }
}

fn unknown() -> LedgerError {
    LedgerError::Unknown {
        ledger: "bank.db".to_string(),
        cause: "no disk".to_string(),
    }
}

/// Requests of a client, which their numbers tell apart.
fn of(client: u32, numbers: impl IntoIterator<Item = u64>) -> ClientRequests {
    let asked = |number| {
        let caller = RequestContext {
            number,
            ..RequestContext::default()
        };
        let request = Request::End(WorkEnd::Void);
        LedgerRequest::Decide(Asked { caller, request })
    };
    ClientRequests {
        client,
        requests: numbers.into_iter().map(asked).collect(),
    }
}

struct Rig {
    owner: OwnerThread<LookUp>,
    alarm: Alarm,
    script: Script,
}

impl Rig {
    fn new(owned_for: OwnedFor, fails: impl IntoIterator<Item = Option<LedgerError>>) -> Self {
        let script = Script::default();
        script.lock().fails.extend(fails);
        let (alarm, waker) = Alarm::new().expect("an alarm");
        let ledger = Box::new(Failing(script.clone()));
        let owner = OwnerThread::start("ledger", ledger, owned_for, waker).expect("a thread");
        Rig {
            owner,
            alarm,
            script,
        }
    }

    /// What was answered once all is: of each client how many requests, and whether they were decided;
    /// 0 stands for a query. True at the end where the thread has ended with a reason.
    fn answers(&mut self) -> (Vec<(u32, usize, bool)>, bool) {
        let mut all = Vec::new();
        loop {
            match self.owner.take() {
                Some(OwnerEvent::Decided { answers, .. }) => {
                    let told = |of: ClientAnswers| (of.client, of.count, of.answers.is_ok());
                    all.extend(answers.into_iter().map(told));
                }
                Some(OwnerEvent::Answered(_, found)) => all.push((0, 1, found.is_ok())),
                Some(OwnerEvent::Waits(_)) => {}
                Some(OwnerEvent::Ended(error)) => return (all, error.is_some()),
                None if self.owner.is_idle() => return (all, false),
                None => self.wait(),
            }
        }
    }

    fn wait(&mut self) {
        wait_for(&mut self.alarm);
    }

    /// The batches that the ledger was asked.
    fn asked(&self) -> Vec<Vec<u64>> {
        self.script.lock().asked.clone()
    }
}

#[test]
fn damage_concerns_only_the_client_that_met_it() {
    let mut rig = Rig::new(OwnedFor::Clients, [Some(damaged()), None, Some(damaged())]);
    rig.owner
        .decide(vec![of(1, [1]), of(2, [2, 3]), of(3, [4])]);
    let (answers, ended) = rig.answers();
    assert_eq!(answers, [(1, 1, true), (2, 2, false), (3, 1, true)]);
    assert!(!ended);
    assert_eq!(
        rig.asked(),
        [vec![1, 2, 3, 4], vec![1], vec![2, 3], vec![4]]
    );
}

#[test]
fn what_follows_a_request_that_was_not_done_does_not_overtake_it() {
    let mut rig = Rig::new(OwnedFor::Clients, [Some(locked())]);
    rig.owner.decide(vec![of(1, [1])]);
    assert_eq!(rig.answers(), (vec![(1, 1, false)], false));
    // Another client is decided, and this one until it goes on.
    rig.owner.decide(vec![of(1, [2]), of(2, [3])]);
    let (mut answers, _) = rig.answers();
    answers.sort();
    assert_eq!(answers, [(1, 1, false), (2, 1, true)]);
    rig.owner.resume(1);
    rig.owner.decide(vec![of(1, [4])]);
    assert_eq!(rig.answers(), (vec![(1, 1, true)], false));
    assert_eq!(rig.asked(), [vec![1], vec![3], vec![4]]);
}

#[test]
fn a_run_is_asked_again_for_and_a_query_alike() {
    let owned_for = OwnedFor::Run(AtStake::Work);
    let mut rig = Rig::new(owned_for, [Some(locked()), None, Some(locked()), None]);
    rig.owner.decide(vec![of(0, [1])]);
    assert_eq!(rig.answers(), (vec![(0, 1, true)], false));
    rig.owner.ask(LookUp);
    assert_eq!(rig.answers(), (vec![(0, 1, true)], false));
    assert_eq!(rig.asked(), [vec![1], vec![1], vec![], vec![]]);
    // Once it is in a hurry, it is told at once.
    rig.script.lock().fails.push_back(Some(locked()));
    rig.owner.stop_retrying();
    rig.owner.decide(vec![of(0, [2])]);
    assert_eq!(rig.answers(), (vec![(0, 1, false)], false));
}

#[test]
fn nothing_is_asked_after_what_is_unknown() {
    let mut rig = Rig::new(OwnedFor::Clients, [None, Some(unknown())]);
    rig.owner.decide(vec![of(1, [1])]);
    assert_eq!(rig.answers(), (vec![(1, 1, true)], false));
    rig.owner.decide(vec![of(1, [2])]);
    let (answers, mut has_ended) = rig.answers();
    assert_eq!(answers, [(1, 1, false)]);
    while !has_ended {
        rig.wait();
        has_ended = rig.answers().1;
    }
    rig.owner.decide(vec![of(2, [3])]);
    assert!(rig.answers().0.is_empty());
    assert_eq!(rig.asked(), [vec![1], vec![2]]);
}

/// Two clients ask, one of which meets a locked ledger; then the thread ends.
fn ask_and_end() {
    let mut rig = Rig::new(OwnedFor::Clients, [None, Some(locked())]);
    rig.owner.decide(vec![of(1, [1]), of(2, [2])]);
    rig.owner.ask(LookUp);
    rig.owner.decide(vec![of(1, [3, 4])]);
    let (mut answers, _) = rig.answers();
    answers.sort();
    let told: usize = answers.iter().map(|(_, count, _)| count).sum();
    assert_eq!(told, 5, "{answers:?}");
    let failed = answers.iter().filter(|(.., is_done)| !is_done).count();
    assert!(failed > 0, "{answers:?}");
    // A client that met an error is decided again once it goes on, whatever it had met.
    rig.owner.resume(1);
    rig.owner.resume(2);
    rig.owner.decide(vec![of(2, [5]), of(1, [6])]);
    rig.owner.close();
    let mut answers = Vec::new();
    loop {
        rig.wait();
        let (more, _) = rig.answers();
        answers.extend(more);
        if rig
            .owner
            .take()
            .is_some_and(|event| matches!(event, OwnerEvent::Ended(None)))
        {
            break;
        }
    }
    answers.sort();
    assert_eq!(answers, [(1, 1, true), (2, 1, true)]);
    rig.owner.end(Duration::from_secs(30));
}

#[test]
fn each_request_is_answered_once_however_threads_take_turns() {
    take_turns(ask_and_end);
}
