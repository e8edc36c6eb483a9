//! Waits for locks in memory that the workers share: told, and ended at once where they are in vain and a
//! signal asks for the end.

use super::workers::Assigned;
use super::{Effect, Run};
use crate::bank::{LockWait, WaitInVain, touched};
use crate::event::{Cause, Event, Fault, LeaseEvent, Micros};

/// What a worker has told of the wait that it is at.
#[derive(Debug)]
pub(super) struct ToldWait {
    wait: LockWait,
    /// Since when, counted from the run's begin.
    since: Micros,
}

impl Run {
    /// A worker waits for a lock, or still does.
    pub(super) fn waits_for_lock(
        &mut self,
        worker: u32,
        number: u64,
        wait: &LockWait,
        since_us: u64,
    ) {
        let since = Micros(since_us.saturating_sub(self.settings.clock_us.0));
        let now = Micros::from(self.out.told_now());
        let Some(state) = self.workers.get_mut(worker) else {
            return;
        };
        let before = state.lock_wait.take();
        state.made_progress(self.out.now);
        let lease = state.queue.find(number).map(|assigned| LeaseEvent {
            holder: wait.holder,
            in_vain: wait.in_vain,
            ..lease_event(assigned, worker, state.pid, wait)
        });
        let wait = wait.clone();
        let is_first = before.is_none();
        let is_now_in_vain =
            wait.in_vain.is_some() && before.is_none_or(|before| before.wait.in_vain.is_none());
        let is_deadlock = wait.in_vain == Some(WaitInVain::Deadlock);
        state.lock_wait = Some(ToldWait { wait, since });
        if let Some(lease) = lease.filter(|_| self.settings.steps && (is_first || is_now_in_vain)) {
            let waited = now.0.saturating_sub(since.0);
            self.out.events.push(Event::LeaseWait(LeaseEvent {
                waited_us: (!is_first).then_some(Micros(waited)),
                at_us: if is_first { since } else { now },
                ..lease
            }));
        }
        if is_deadlock && is_now_in_vain {
            self.warn_of_deadlock();
        }
        if self.shutdown.ends_by().is_some() {
            self.end_waits_in_vain();
        }
    }

    /// A worker has the lock that it waited for.
    pub(super) fn has_lock(&mut self, worker: u32, number: u64, at_us: u64) {
        let at = Micros(at_us.saturating_sub(self.settings.clock_us.0));
        let Some(state) = self.workers.get_mut(worker) else {
            return;
        };
        let told = state.lock_wait.take();
        state.made_progress(self.out.now);
        let assigned = state.queue.find(number);
        if let (Some(ToldWait { wait, since }), Some(assigned)) = (told, assigned) {
            let granted = LeaseEvent {
                waited_us: Some(Micros(at.0.saturating_sub(since.0))),
                at_us: at,
                ..lease_event(assigned, worker, state.pid, &wait)
            };
            if self.settings.steps {
                self.out.events.push(Event::LeaseGranted(granted));
            }
        }
    }

    /// Says once in a run what a deadlock is waiting for. An order that was given may lead to one.
    fn warn_of_deadlock(&mut self) {
        if self.requests.have_given_order() || std::mem::replace(&mut self.told_deadlock, true) {
            return;
        }
        let warning = "a deadlock: workers wait for each other's locks, until one of them has waited too \
                       long; Ctrl-C ends them at once";
        self.out.event(Event::Warned(warning.to_string()));
    }

    /// Kills the workers whose wait for a lock is in vain: nothing of their operations is written.
    pub(super) fn end_waits_in_vain(&mut self) {
        for state in self.workers.all_mut() {
            let told = state.lock_wait.as_ref();
            let Some(why) = told.and_then(|told| told.wait.in_vain) else {
                continue;
            };
            let detail = match why {
                WaitInVain::Deadlock => "was ended in a deadlock".to_string(),
                WaitInVain::HolderDied => "was ended in a wait for a lock of the dead".to_string(),
            };
            let cause = Cause::Died;
            state.fault.get_or_insert(Fault { cause, detail });
            self.out.push(Effect::Kill(state.worker));
        }
    }
}

/// A wait for this lock: for that of one account, or for the one over all that the operation touches.
fn lease_event(assigned: &Assigned, worker: u32, pid: u32, wait: &LockWait) -> LeaseEvent {
    let accounts = match &wait.account {
        Some(account) => vec![account.clone()],
        None => touched(&assigned.operation),
    };
    LeaseEvent {
        operation: assigned.ordinal,
        worker,
        pid,
        accounts,
        holder: None,
        in_vain: None,
        waited_us: None,
        at_us: Micros::default(),
    }
}
