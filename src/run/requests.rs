//! What workers ask: from its arrival until it is settled.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::workers::WorkerState;
use crate::protocol::WorkerRequest;
use crate::server::Outgoing;

/// How long an order waits for the next request before it is left.
const TURN_LIMIT: Duration = Duration::from_secs(30);

/// A request that has arrived and is not being decided yet.
#[derive(Debug)]
pub struct Pending {
    /// The worker that asks.
    pub worker: u32,
    /// What it asks.
    pub request: WorkerRequest,
}

/// Chooses which of the pending requests is decided next.
pub trait RequestOrder {
    /// The place of the chosen one among the pending requests, or that none of them is decided for now.
    /// Of one worker's requests the first is taken, whichever of them is chosen.
    ///
    /// # Errors
    ///
    /// Why the order cannot be followed any further.
    fn choose(&mut self, pending: &VecDeque<Pending>) -> Result<Option<usize>, String>;

    /// What must come next and has not, where only that is decided.
    fn awaited(&self) -> Option<String> {
        None
    }

    /// What was decided of one request, whose worker has this process.
    fn answered(&mut self, _pid: u32, _outgoing: &Outgoing) {}

    /// Whether every operation has its turns in it, so that it cannot be followed without one of them.
    fn is_given(&self) -> bool {
        false
    }
}

/// The usual order: as the requests arrived.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsArrived;

impl RequestOrder for AsArrived {
    fn choose(&mut self, _: &VecDeque<Pending>) -> Result<Option<usize>, String> {
        Ok(Some(0))
    }
}

/// The requests of a run.
pub(super) struct Requests {
    order: Box<dyn RequestOrder>,
    /// Every operation has its turns in the order.
    is_given: bool,
    pending: VecDeque<Pending>,
    /// Since when the order has waited for a request that has not arrived.
    awaited_since: Option<Duration>,
    /// How many were submitted to the ledger so far.
    submitted: u64,
    /// How many of them, from the first on, need no more waiting for.
    settled: u64,
    /// The ledger decides nothing more.
    ledger_failed: bool,
}

impl Requests {
    pub(super) fn new(order: Box<dyn RequestOrder>) -> Self {
        Requests {
            is_given: order.is_given(),
            order,
            pending: VecDeque::new(),
            awaited_since: None,
            submitted: 0,
            settled: 0,
            ledger_failed: false,
        }
    }

    pub(super) fn arrived(&mut self, worker: u32, requests: Vec<WorkerRequest>) {
        let pending = |request| Pending { worker, request };
        self.pending.extend(requests.into_iter().map(pending));
    }

    /// How many have arrived and are not being decided.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The request that is decided next, if one is; or why the order cannot be followed.
    pub(super) fn next(&mut self, now: Duration) -> Result<Option<Pending>, String> {
        let chosen = match self.pending.is_empty() {
            true => None,
            false => self.order.choose(&self.pending)?,
        };
        self.awaited_since = match chosen {
            None if self.order.awaited().is_some() => self.awaited_since.or(Some(now)),
            _ => None,
        };
        Ok(chosen.and_then(|chosen| self.take(chosen)))
    }

    fn take(&mut self, chosen: usize) -> Option<Pending> {
        let worker = self.pending.get(chosen)?.worker;
        let first = self.pending.iter().position(|first| first.worker == worker);
        self.pending.remove(first?)
    }

    /// Whether every operation has its turns in the order.
    pub(super) fn have_given_order(&self) -> bool {
        self.is_given
    }

    /// What was decided of one request, whose worker has this process.
    pub(super) fn answered(&mut self, pid: u32, outgoing: &Outgoing) {
        self.order.answered(pid, outgoing);
    }

    /// Until when the order waits for a request.
    pub(super) fn awaited_until(&self) -> Option<Duration> {
        self.awaited_since.map(|since| since + TURN_LIMIT)
    }

    /// What the order has waited for too long, if it has.
    pub(super) fn overdue(&self, now: Duration) -> Option<String> {
        self.awaited_until().filter(|until| *until <= now)?;
        let awaited = self.order.awaited()?;
        Some(format!("{awaited}, and did not within {TURN_LIMIT:?}"))
    }

    /// Nothing more is decided in this order: what is pending is dropped.
    pub(super) fn leave_order(&mut self) {
        self.order = Box::new(AsArrived);
        self.is_given = false;
        self.awaited_since = None;
        self.pending.clear();
    }

    /// Counts a request that is submitted to the ledger, and tells how many that makes.
    pub(super) fn submit(&mut self) -> u64 {
        self.submitted += 1;
        self.submitted
    }

    /// So many of those submitted, from the first on, are settled.
    pub(super) fn settle(&mut self, settled: u64) {
        self.settled = self.settled.max(settled);
    }

    /// The ledger failed: nothing more is waited for.
    pub(super) fn fail(&mut self) {
        self.ledger_failed = true;
        self.settled = self.submitted;
        self.pending.clear();
    }

    pub(super) fn ledger_failed(&self) -> bool {
        self.ledger_failed
    }

    /// Whether so many of those submitted, from the first on, are settled.
    fn has_settled(&self, submitted: u64) -> bool {
        self.settled >= submitted
    }

    /// Whether all that a worker has asked is settled.
    pub(super) fn settled_for(&self, state: &WorkerState) -> bool {
        state.unsubmitted == 0 && self.has_settled(state.last_submitted)
    }

    /// Whether nothing waits for the ledger.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.has_settled(self.submitted)
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Requests {
            pending,
            submitted,
            settled,
            ..
        } = self;
        write!(
            f,
            "{} pending, {settled} of {submitted} settled",
            pending.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::WorkEnd;
    use crate::protocol::Ask;

    fn request(number: u64) -> WorkerRequest {
        let ask = Ask::End(WorkEnd::Void);
        WorkerRequest { number, ask }
    }

    /// Chooses this place, whatever is pending.
    struct Always(fn(usize) -> Option<usize>);

    impl RequestOrder for Always {
        fn choose(&mut self, pending: &VecDeque<Pending>) -> Result<Option<usize>, String> {
            Ok((self.0)(pending.len()))
        }
    }

    /// The order in which the requests of two workers are decided.
    fn check(order: impl RequestOrder + 'static, expected: &[u64]) {
        let mut requests = Requests::new(Box::new(order));
        requests.arrived(1, vec![request(10), request(11)]);
        requests.arrived(2, vec![request(20)]);
        let next = std::iter::from_fn(|| requests.next(Duration::ZERO).expect("an order"));
        let numbers: Vec<u64> = next.map(|pending| pending.request.number).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn an_order_chooses_among_workers_and_never_within_one() {
        check(AsArrived, &[10, 11, 20]);
        check(Always(|pending| Some(pending - 1)), &[20, 10, 11]);
        check(Always(|_| Some(1)), &[10, 20]);
        check(Always(|_| None), &[]);
    }

    #[test]
    fn a_failed_ledger_is_not_waited_for() {
        let mut requests = Requests::new(Box::new(AsArrived));
        assert!(requests.is_idle());
        assert_eq!((requests.submit(), requests.submit()), (1, 2));
        requests.settle(1);
        assert!(requests.has_settled(1) && !requests.has_settled(2) && !requests.is_idle());
        requests.fail();
        assert!(requests.is_idle());
    }
}
