//! The thread that owns a ledger: while one batch is made durable, what arrives is gathered for the
//! next. A run has one, and a server has one for each of its openings of the ledger.
//!
//! It is also the one place that says what follows from an error:
//! - *Not done*: for a run it is asked again, for a time that fits what is at stake. Clients of a server
//!   do that themselves; what waits behind is told the same at once, since it would wait as long.
//! - *Damaged*: only the client is told whose request met the damage.
//! - *Unknown*, or another file in the ledger's place: the thread ends, and says why.
//!
//! After an error the later requests of the same client are not decided either, so that none overtakes
//! another, until the thread is told to [go on](OwnerThread::resume) with that client.

mod overdrafts;
mod thread;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{AtStake, Ledger, LedgerAnswer, LedgerError, LedgerRequest, Standing};
use crate::threads::sync::atomic::{AtomicBool, Ordering};
use crate::threads::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use crate::threads::thread::Builder;
use crate::wake::{StopGate, Waker};
use thread::Thread;

/// The most requests of one batch. Other writers get their turn between two.
pub const MAX_BATCH: usize = 8_192;

/// On whose behalf a ledger is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnedFor {
    /// A run. What was not done is asked again, and the limits of accounts are looked up whose money was
    /// not enough.
    Run(AtStake),
    /// The clients of a server.
    Clients,
}

/// Requests of one client, which are decided as one unit.
#[derive(Clone, Debug)]
pub struct ClientRequests {
    /// Which client.
    pub client: u32,
    /// What it asks, in this order.
    pub requests: Vec<LedgerRequest>,
}

/// Anything else that a ledger is asked.
pub trait LedgerQuery: Send + 'static {
    /// What the ledger answers.
    type Output: Send;

    /// Asks it; once more where it was not done.
    fn ask(&mut self, ledger: &mut dyn Ledger) -> Result<Self::Output, LedgerError>;
}

/// The answers to the next requests of one client.
#[derive(Debug)]
pub struct ClientAnswers {
    /// Which client.
    pub client: u32,
    /// How many of its requests these are.
    pub count: usize,
    /// The answers, in the order of the requests; or why nothing of it was done, as far as that is known.
    pub answers: Result<Vec<LedgerAnswer>, Arc<LedgerError>>,
}

/// What the thread has done.
pub enum OwnerEvent<Q: LedgerQuery> {
    /// Requests were decided.
    Decided {
        /// In the order of the requests.
        answers: Vec<ClientAnswers>,
        /// Some of the accounts whose money was not enough.
        overdraft_limits: Vec<Standing>,
    },
    /// A query was answered.
    Answered(Q, Result<Q::Output, Arc<LedgerError>>),
    /// Nothing yet, and this is why.
    Waits(String),
    /// The thread has ended and the ledger is closed, since that was asked for or for this reason.
    Ended(Option<Arc<LedgerError>>),
}

/// What the thread is given.
enum Job<Q> {
    Decide(Vec<ClientRequests>),
    Ask(Q),
    Resume(u32),
}

/// The loop's end of the thread.
pub struct OwnerThread<Q: LedgerQuery> {
    /// Nothing once the end was asked for.
    jobs: Option<Sender<Job<Q>>>,
    events: Receiver<OwnerEvent<Q>>,
    /// How many requests and queries have no answer yet.
    due: usize,
    gate: StopGate,
    stop_retrying: Arc<AtomicBool>,
    /// The other end, where that does its work in the loop's own thread.
    #[cfg(test)]
    in_place: Option<Thread<Q>>,
}

impl<Q: LedgerQuery> OwnerThread<Q> {
    /// Gives the ledger a thread of this name. `waker` is woken whenever there is something to
    /// [take](Self::take).
    pub fn start(
        name: &str,
        ledger: Box<dyn Ledger>,
        owned_for: OwnedFor,
        waker: Waker,
    ) -> io::Result<Self> {
        let (loop_end, owner) = Self::ends(ledger, owned_for, waker);
        Builder::new()
            .name(name.to_string())
            .spawn(move || owner.work())?;
        Ok(loop_end)
    }

    /// The same without a thread: all that is handed on is done before that returns.
    #[cfg(test)]
    pub(crate) fn in_place(ledger: Box<dyn Ledger>, owned_for: OwnedFor, waker: Waker) -> Self {
        let (loop_end, owner) = Self::ends(ledger, owned_for, waker);
        OwnerThread {
            in_place: Some(owner),
            ..loop_end
        }
    }

    /// The loop's end, and the other.
    fn ends(ledger: Box<dyn Ledger>, owned_for: OwnedFor, waker: Waker) -> (Self, Thread<Q>) {
        let (jobs, given) = channel();
        let (tell, events) = channel();
        let gate = StopGate::default();
        let stop_retrying = Arc::new(AtomicBool::new(false));
        let owner = Thread::new(
            ledger,
            owned_for,
            given,
            tell,
            waker,
            gate.clone(),
            Arc::clone(&stop_retrying),
        );
        let loop_end = OwnerThread {
            jobs: Some(jobs),
            events,
            due: 0,
            gate,
            stop_retrying,
            #[cfg(test)]
            in_place: None,
        };
        (loop_end, owner)
    }

    /// Hands on requests to decide in their order.
    pub fn decide(&mut self, requests: Vec<ClientRequests>) {
        let count: usize = requests.iter().map(|of| of.requests.len()).sum();
        if count > 0 {
            self.due += count;
            self.give(Job::Decide(requests));
        }
    }

    /// Hands on a query, which is answered after all that was asked before.
    pub fn ask(&mut self, query: Q) {
        self.due += 1;
        self.give(Job::Ask(query));
    }

    /// Decides again what this client asks from now on, of which something was not decided.
    pub fn resume(&mut self, client: u32) {
        self.give(Job::Resume(client));
    }

    /// That the thread is gone is noticed where its answers are taken.
    fn give(&mut self, job: Job<Q>) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
        #[cfg(test)]
        if let Some(owner) = self.in_place.take() {
            self.in_place = owner.work_off();
        }
    }

    /// Asks for the end: nothing more will be handed on. [`OwnerEvent::Ended`] follows.
    pub fn close(&mut self) {
        self.jobs = None;
    }

    /// What the thread has done next. Once it has ended it has always ended.
    pub fn take(&mut self) -> Option<OwnerEvent<Q>> {
        let event = match self.events.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => OwnerEvent::Ended(None),
        };
        self.due -= match &event {
            OwnerEvent::Decided { answers, .. } => answers.iter().map(|of| of.count).sum(),
            OwnerEvent::Answered(..) => 1,
            OwnerEvent::Waits(_) => 0,
            OwnerEvent::Ended(_) => self.due,
        };
        Some(event)
    }

    /// Whether all that was handed on is answered.
    pub fn is_idle(&self) -> bool {
        self.due == 0
    }

    /// Waits no longer where the ledger cannot do at once what it is asked.
    pub fn stop_retrying(&self) {
        self.stop_retrying.store(true, Ordering::Relaxed);
    }

    /// Acts while the ledger is left alone, so that no process finds it locked meanwhile.
    pub fn between_batches(&self, act: impl FnOnce()) {
        self.gate.while_closed(act);
    }

    /// Lets the thread close the ledger, and waits for that for so long at most.
    pub fn end(mut self, patience: Duration) {
        self.close();
        let since = Instant::now();
        let left = || patience.saturating_sub(since.elapsed());
        // It tells nothing more once the ledger is closed.
        while self.events.recv_timeout(left()).is_ok() {}
    }
}

#[cfg(test)]
mod tests;
