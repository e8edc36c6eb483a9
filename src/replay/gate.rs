//! Lets threads take their steps in an order.

use std::time::Duration;

use crate::threads::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How long a step is waited for before the order is given up.
pub(super) const STEP_LIMIT: Duration = Duration::from_secs(10);

/// How far the order is.
#[derive(Clone, Copy, Debug, Default)]
struct GateProgress {
    /// How many steps were taken.
    taken: usize,
    /// How many may be taken.
    allowed: usize,
    /// No further step is taken.
    closed: bool,
}

/// Lets threads take their steps in an order, as far as it is allowed.
pub(super) struct StepGate<'a> {
    order: &'a [usize],
    progress: Mutex<GateProgress>,
    moved: Condvar,
}

/// A step that a thread may take now; the next one's turn comes when it is dropped.
pub(super) struct StepTurn<'a>(&'a StepGate<'a>);

impl<'a> StepGate<'a> {
    pub(super) fn new(order: &'a [usize]) -> Self {
        StepGate {
            order,
            progress: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, GateProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is this operation's turn; `None` if the order ends before. The thread that allows
    /// the steps ends this wait.
    pub(super) fn enter(&'a self, process: usize) -> Option<StepTurn<'a>> {
        let not_yet = |progress: &mut GateProgress| {
            let next = self.order.get(progress.taken);
            !progress.closed
                && next.is_some_and(|next| *next != process || progress.taken >= progress.allowed)
        };
        let waited = self.moved.wait_while(self.lock(), not_yet);
        let progress = waited.unwrap_or_else(PoisonError::into_inner);
        let is_over = progress.closed || progress.taken >= self.order.len();
        // A turn that is made is given back, and would wait here for the progress that is held.
        match is_over {
            true => None,
            false => Some(StepTurn(self)),
        }
    }

    /// Allows so many steps, from the first one on, and waits until they were taken; which one was not,
    /// if one was not in time.
    pub(super) fn allow(&self, steps: usize) -> Result<(), usize> {
        self.lock().allowed = steps;
        self.moved.notify_all();
        loop {
            let before = self.lock().taken;
            let stands = |progress: &mut GateProgress| {
                !progress.closed && progress.taken < steps && progress.taken == before
            };
            let waited = self
                .moved
                .wait_timeout_while(self.lock(), STEP_LIMIT, stands);
            let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if progress.closed || progress.taken >= steps {
                return Ok(());
            }
            if progress.taken == before {
                return Err(before);
            }
        }
    }

    /// Ends the order, so that no thread waits for its turn any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }
}

impl Drop for StepTurn<'_> {
    fn drop(&mut self) {
        self.0.lock().taken += 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::tests::take_turns;
    use crate::threads::thread;

    #[test]
    fn steps_are_taken_in_their_order_however_threads_take_turns() {
        take_turns(steps_in_their_order);
    }

    fn steps_in_their_order() {
        let gate = StepGate::new(&[1, 0, 1]);
        let taken = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for process in 0..2 {
                let (gate, taken) = (&gate, &taken);
                scope.spawn(move || {
                    while let Some(turn) = gate.enter(process) {
                        taken.lock().expect("no panic").push(process);
                        drop(turn);
                    }
                });
            }
            assert_eq!(gate.allow(1), Ok(()));
            assert_eq!(*taken.lock().expect("no panic"), [1]);
            assert_eq!(gate.allow(3), Ok(()));
            gate.close();
        });
        assert_eq!(*taken.lock().expect("no panic"), [1, 0, 1]);
    }

    #[test]
    fn no_thread_waits_for_a_gate_that_is_closed() {
        let gate = StepGate::new(&[0]);
        gate.close();
        assert!(gate.enter(1).is_none());
        assert_eq!(gate.allow(1), Ok(()));
    }
}
