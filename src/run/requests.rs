//! What workers ask: from its arrival until it is settled.

use std::collections::VecDeque;
use std::fmt;

use super::workers::WorkerState;
use crate::protocol::Request;

/// A request that has arrived and is not being decided yet.
#[derive(Debug)]
pub struct Pending {
    /// The worker that asks.
    pub worker: u32,
    /// What it asks.
    pub request: Request,
}

/// Chooses which of the pending requests is decided next, or that none is for now. Of one worker's
/// requests the first is taken, whichever of them is chosen.
pub type Order = Box<dyn FnMut(&VecDeque<Pending>) -> Option<usize>>;

/// The usual order: as the requests arrived.
pub fn as_arrived() -> Order {
    Box::new(|_| Some(0))
}

/// The requests of a run.
pub(super) struct Requests {
    order: Order,
    pending: VecDeque<Pending>,
    /// How many were submitted to the ledger so far.
    submitted: u64,
    /// How many of them, from the first on, need no more waiting for.
    settled: u64,
    /// The ledger decides nothing more.
    ledger_failed: bool,
}

impl Requests {
    pub(super) fn new(order: Order) -> Self {
        Requests {
            order,
            pending: VecDeque::new(),
            submitted: 0,
            settled: 0,
            ledger_failed: false,
        }
    }

    pub(super) fn arrived(&mut self, worker: u32, requests: Vec<Request>) {
        let pending = |request| Pending { worker, request };
        self.pending.extend(requests.into_iter().map(pending));
    }

    /// How many have arrived and are not being decided.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The request that is decided next, if one is.
    pub(super) fn next(&mut self) -> Option<Pending> {
        if self.pending.is_empty() {
            return None;
        }
        let chosen = (self.order)(&self.pending)?;
        let worker = self.pending.get(chosen)?.worker;
        let first = self.pending.iter().position(|first| first.worker == worker);
        self.pending.remove(first?)
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
        state.unsubmitted == 0 && self.has_settled(state.settles_at)
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
    use crate::bank::Request as BankRequest;
    use crate::protocol::Ask;

    fn request(number: u64) -> Request {
        let ask = Ask::Bank(BankRequest::Void);
        Request { number, ask }
    }

    /// The order in which the requests of two workers are decided.
    fn check(order: Order, expected: &[u64]) {
        let mut requests = Requests::new(order);
        requests.arrived(1, vec![request(10), request(11)]);
        requests.arrived(2, vec![request(20)]);
        let next = std::iter::from_fn(|| requests.next());
        let numbers: Vec<u64> = next.map(|pending| pending.request.number).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn an_order_chooses_among_workers_and_never_within_one() {
        check(as_arrived(), &[10, 11, 20]);
        check(Box::new(|pending| Some(pending.len() - 1)), &[20, 10, 11]);
        check(Box::new(|_| Some(1)), &[10, 20]);
        check(Box::new(|_| None), &[]);
    }

    #[test]
    fn a_failed_ledger_is_not_waited_for() {
        let mut requests = Requests::new(as_arrived());
        assert!(requests.is_idle());
        assert_eq!((requests.submit(), requests.submit()), (1, 2));
        requests.settle(1);
        assert!(requests.has_settled(1) && !requests.has_settled(2) && !requests.is_idle());
        requests.fail();
        assert!(requests.is_idle());
    }
}
