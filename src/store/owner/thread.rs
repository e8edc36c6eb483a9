//! The other end: the thread itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::overdrafts::Overdrafts;
use super::{ClientAnswers, ClientRequests, Job, LedgerQuery, MAX_BATCH, OwnedFor, OwnerEvent};
use crate::store::{Certainty, Ledger, LedgerAnswer, LedgerError, LedgerRequest, until_done};
use crate::threads::sync::atomic::{AtomicBool, Ordering};
use crate::threads::sync::mpsc::{Receiver, Sender};
use crate::threads::thread::sleep;
use crate::wake::{StopGate, Waker};

/// Why the thread ends.
type EndReason = Arc<LedgerError>;

pub(super) struct Thread<Q: LedgerQuery> {
    ledger: Box<dyn Ledger>,
    owned_for: OwnedFor,
    jobs: Receiver<Job<Q>>,
    /// Requests that were gathered and are not decided yet.
    gathered: VecDeque<ClientRequests>,
    /// The next job that is not a request.
    next: Option<Job<Q>>,
    /// The clients of which something was not decided, and why.
    halted: HashMap<u32, Arc<LedgerError>>,
    overdrafts: Overdrafts,
    events: Sender<OwnerEvent<Q>>,
    waker: Waker,
    /// Closed while the process is stopped.
    gate: StopGate,
    stop_retrying: Arc<AtomicBool>,
}

/// A batch: all requests in their order, and how many of them are whose.
#[derive(Default)]
struct Batch {
    requests: Vec<LedgerRequest>,
    clients: VecDeque<(u32, usize)>,
}

impl<Q: LedgerQuery> Thread<Q> {
    pub(super) fn new(
        ledger: Box<dyn Ledger>,
        owned_for: OwnedFor,
        jobs: Receiver<Job<Q>>,
        events: Sender<OwnerEvent<Q>>,
        waker: Waker,
        gate: StopGate,
        stop_retrying: Arc<AtomicBool>,
    ) -> Self {
        Thread {
            ledger,
            owned_for,
            jobs,
            gathered: VecDeque::new(),
            next: None,
            halted: HashMap::new(),
            overdrafts: Overdrafts::default(),
            events,
            waker,
            gate,
            stop_retrying,
        }
    }

    /// Works until the loop wants nothing more, or nothing more can be asked.
    pub(super) fn work(mut self) {
        let ended = self.work_all().err();
        self.end(ended);
    }

    /// Does what it was given by now; nothing is left of it once nothing more can be asked.
    #[cfg(test)]
    pub(super) fn work_off(mut self) -> Option<Self> {
        loop {
            self.next = self.next.take().or_else(|| self.jobs.try_recv().ok());
            match self.work_once() {
                Ok(true) => {}
                Ok(false) => return Some(self),
                Err(why) => {
                    self.end(Some(why));
                    return None;
                }
            }
        }
    }

    fn end(self, ended: Option<EndReason>) {
        let Thread {
            ledger,
            events,
            waker,
            ..
        } = self;
        // The loop may open the ledger anew as soon as it reads the end.
        drop(ledger);
        let _ = events.send(OwnerEvent::Ended(ended));
        drop(events);
        waker.wake();
    }

    fn work_all(&mut self) -> Result<(), EndReason> {
        loop {
            self.gather();
            if !self.work_once()? {
                return Ok(());
            }
        }
    }

    /// Does the next of what it has, if there is anything.
    fn work_once(&mut self) -> Result<bool, EndReason> {
        if !self.gathered.is_empty() {
            let batch = self.next_batch();
            self.decide(batch)?;
            return Ok(true);
        }
        match self.next.take() {
            Some(Job::Ask(query)) => self.ask(query)?,
            Some(Job::Resume(client)) => drop(self.halted.remove(&client)),
            Some(Job::Decide(requests)) => self.gathered.extend(requests),
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the requests that have arrived, up to a batch or to something else; waits if nothing is there.
    /// Nothing is there afterwards only if nothing more will come.
    fn gather(&mut self) {
        let mut count: usize = self.gathered.iter().map(|of| of.requests.len()).sum();
        while self.next.is_none() && count < MAX_BATCH {
            let job = match self.gathered.is_empty() {
                true => self.jobs.recv().ok(),
                false => self.jobs.try_recv().ok(),
            };
            match job {
                Some(Job::Decide(requests)) => {
                    count += requests.iter().map(|of| of.requests.len()).sum::<usize>();
                    self.gathered.extend(requests);
                }
                Some(other) => self.next = Some(other),
                None => return,
            }
        }
    }

    /// What is decided next: whole units as far as they fit, and at least one.
    fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        while let Some(next) = self.gathered.front()
            && (batch.clients.is_empty() || batch.requests.len() + next.requests.len() <= MAX_BATCH)
            && let Some(next) = self.gathered.pop_front()
        {
            match self.halted.get(&next.client) {
                Some(error) => {
                    let error = Arc::clone(error);
                    self.tell_failed([(next.client, next.requests.len())], &error);
                }
                None => batch.add(next),
            }
        }
        batch
    }

    fn decide(&mut self, mut batch: Batch) -> Result<(), EndReason> {
        while !batch.requests.is_empty() {
            match self.persist(|ledger| ledger.submit(&batch.requests)) {
                Ok(answers) => {
                    let ledger = &mut *self.ledger;
                    let overdraft_limits = match self.owned_for {
                        OwnedFor::Run(_) => {
                            self.overdrafts
                                .of_refused(&batch.requests, &answers, ledger)
                        }
                        OwnedFor::Clients => Vec::new(),
                    };
                    let answers = batch.answered(answers);
                    self.tell(OwnerEvent::Decided {
                        answers,
                        overdraft_limits,
                    });
                }
                // None of it counts, and one client's damaged account is not the others' affair.
                Err(error)
                    if error.certainty() == Certainty::Damaged && batch.clients.len() > 1 =>
                {
                    for single in batch.split() {
                        self.decide(single)?;
                    }
                    return Ok(());
                }
                Err(error) => {
                    let error = Arc::new(error);
                    let waiting = self.waiting_behind(&error);
                    for (client, _) in &batch.clients {
                        self.halted.insert(*client, Arc::clone(&error));
                    }
                    self.tell_failed(batch.clients, &error);
                    return self.follow(error, waiting);
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, mut query: Q) -> Result<(), EndReason> {
        let found = self.persist(|ledger| query.ask(ledger)).map_err(Arc::new);
        let Some(error) = found.as_ref().err().cloned() else {
            self.tell(OwnerEvent::Answered(query, found));
            return Ok(());
        };
        let waiting = self.waiting_behind(&error);
        self.tell(OwnerEvent::Answered(query, found));
        self.follow(error, waiting)
    }

    /// What waits behind something that was not done would wait as long: it is told the same at once. Taken
    /// before the first is told, since a client may ask anew as soon as it is.
    fn waiting_behind(&mut self, error: &LedgerError) -> Vec<Job<Q>> {
        if !error.may_pass() {
            return Vec::new();
        }
        let gathered = std::mem::take(&mut self.gathered);
        let waiting = [Job::Decide(gathered.into())].into_iter();
        waiting
            .chain(self.next.take())
            .chain(self.jobs.try_iter())
            .collect()
    }

    /// What follows from an error for all that is asked behind it.
    fn follow(&mut self, error: Arc<LedgerError>, waiting: Vec<Job<Q>>) -> Result<(), EndReason> {
        waiting
            .into_iter()
            .for_each(|job| self.put_off(job, &error));
        match error.is_final() {
            true => Err(error),
            false => Ok(()),
        }
    }

    fn put_off(&mut self, job: Job<Q>, error: &Arc<LedgerError>) {
        match job {
            Job::Decide(all) => {
                for of in &all {
                    self.halted.insert(of.client, Arc::clone(error));
                }
                let counts = all.into_iter().map(|of| (of.client, of.requests.len()));
                self.tell_failed(counts, error);
            }
            Job::Ask(query) => self.tell(OwnerEvent::Answered(query, Err(Arc::clone(error)))),
            Job::Resume(client) => drop(self.halted.remove(&client)),
        }
    }

    fn tell_failed(
        &self,
        clients: impl IntoIterator<Item = (u32, usize)>,
        error: &Arc<LedgerError>,
    ) {
        let failed = |(client, count)| ClientAnswers {
            client,
            count,
            answers: Err(Arc::clone(error)),
        };
        let answers: Vec<ClientAnswers> = clients.into_iter().map(failed).collect();
        if !answers.is_empty() {
            let overdraft_limits = Vec::new();
            self.tell(OwnerEvent::Decided {
                answers,
                overdraft_limits,
            });
        }
    }

    fn tell(&self, event: OwnerEvent<Q>) {
        let _ = self.events.send(event);
        self.waker.wake();
    }

    /// Asks the ledger, for a run until it has done it: others may have it locked for a while, or its disk
    /// may be full until a person frees room on it.
    fn persist<T>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let Thread {
            ledger,
            events,
            waker,
            gate,
            stop_retrying,
            ..
        } = self;
        let mut ask = || {
            let _inside = gate.enter();
            ask(ledger.as_mut())
        };
        let OwnedFor::Run(at_stake) = self.owned_for else {
            return ask();
        };
        until_done(at_stake, ask, |pause, words| {
            if let Some(words) = words {
                let _ = events.send(OwnerEvent::Waits(words));
                waker.wake();
            }
            sleep(pause);
            !stop_retrying.load(Ordering::Relaxed)
        })
    }
}

impl Batch {
    fn add(&mut self, ClientRequests { client, requests }: ClientRequests) {
        self.clients.push_back((client, requests.len()));
        match self.requests.is_empty() {
            true => self.requests = requests,
            false => self.requests.extend(requests),
        }
    }

    /// Takes out the first requests, which these answer.
    fn answered(&mut self, answers: Vec<LedgerAnswer>) -> Vec<ClientAnswers> {
        self.requests
            .drain(..answers.len().min(self.requests.len()));
        let mut answers = answers.into_iter();
        let mut all = Vec::with_capacity(self.clients.len());
        while let Some((client, count)) = self.clients.pop_front() {
            let own: Vec<LedgerAnswer> = answers.by_ref().take(count).collect();
            let answered = own.len();
            if answered > 0 {
                all.push(ClientAnswers {
                    client,
                    count: answered,
                    answers: Ok(own),
                });
            }
            if answered < count {
                self.clients.push_front((client, count - answered));
                break;
            }
        }
        all
    }

    /// The unit of each client by itself.
    fn split(self) -> impl Iterator<Item = Batch> {
        let mut requests = self.requests.into_iter();
        self.clients.into_iter().map(move |(client, count)| Batch {
            requests: requests.by_ref().take(count).collect(),
            clients: VecDeque::from([(client, count)]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_answered_in_part_is_owed_the_rest() {
        let end = |_| LedgerRequest::EndRun {
            run: 1,
            if_idle: false,
        };
        let mut batch = Batch::default();
        for (client, count) in [(1, 2), (2, 3)] {
            let requests = (0..count).map(end).collect();
            batch.add(ClientRequests { client, requests });
        }
        let answers = |count| (0..count).map(|_| LedgerAnswer::RunEnded(1)).collect();
        let told = |all: Vec<ClientAnswers>| -> Vec<(u32, usize)> {
            all.iter().map(|of| (of.client, of.count)).collect()
        };
        assert_eq!(told(batch.answered(answers(2))), [(1, 2)]);
        assert_eq!(told(batch.answered(answers(1))), [(2, 1)]);
        assert_eq!(
            (batch.clients.front(), batch.requests.len()),
            (Some(&(2, 2)), 2)
        );
    }
}
