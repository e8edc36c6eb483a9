//! What workers tell of memory that they share without the server, and the killing of one that holds a lock.

use super::settle::LostOperation;
use super::{Effect, Run};
use crate::bank::{Answer, MemoryAccess, RepairedBy, SharePoint};
use crate::event::{Cause, CellEvent, Event, Fault, Micros, OperationEvent, Repair};
use crate::protocol::{Ask, ShareRequest, WorkerRequest};

impl Run {
    /// Handles a request that has no answer; true if this is one.
    pub(super) fn handle_one_way(&mut self, worker: u32, request: &WorkerRequest) -> bool {
        match &request.ask {
            Ask::Share(ShareRequest::Waits { wait, since_us }) => {
                self.waits_for_lock(worker, request.number, wait, *since_us);
                true
            }
            Ask::Share(ShareRequest::HasLock { at_us }) => {
                self.has_lock(worker, request.number, *at_us);
                true
            }
            // It is for the order of the requests.
            Ask::Share(ShareRequest::Saw(_)) => true,
            Ask::Share(ShareRequest::Accessed {
                access,
                account,
                balance,
                version,
                at_us,
            }) => {
                let since = at_us.saturating_sub(self.settings.clock_us.0);
                let cell = CellEvent {
                    operation: 0,
                    worker,
                    pid: 0,
                    account: account.clone(),
                    balance: *balance,
                    added: None,
                    version: Some(*version),
                    at_us: Micros(since),
                };
                self.accessed(request.number, *access, cell);
                true
            }
            Ask::Share(ShareRequest::GaveUp(why)) => {
                self.gave_up(worker, request.number, why);
                true
            }
            Ask::Share(request) => self.kills_holder(worker, request),
            Ask::Execute | Ask::Begin | Ask::End(_) => false,
        }
    }

    /// A worker has read or written a balance in memory.
    fn accessed(&mut self, number: u64, access: MemoryAccess, cell: CellEvent) {
        let state = self.workers.get(cell.worker);
        let found = state.and_then(|state| Some((state.pid, state.queue.find(number)?.ordinal)));
        let Some((pid, operation)) = found.filter(|_| self.settings.steps) else {
            return self.blame(cell.worker, "told of memory that it does not share");
        };
        let cell = CellEvent {
            operation,
            pid,
            ..cell
        };
        self.out.events.push(match access {
            MemoryAccess::Read => Event::Read(cell),
            MemoryAccess::Wrote => Event::Wrote(cell),
            MemoryAccess::Added(added) => Event::Wrote(CellEvent {
                added: Some(added),
                ..cell
            }),
            MemoryAccess::Conflict => Event::Conflict(cell),
        });
    }

    /// A worker has given an operation up. Nothing of it was written, and its id is free again.
    fn gave_up(&mut self, worker: u32, number: u64, why: &str) {
        let Some(state) = self.workers.get_mut(worker) else {
            return;
        };
        state.made_progress(self.out.now);
        let Some(assigned) = state.queue.take(number) else {
            return self.blame(worker, "gave up what it was not given");
        };
        let detail = why.to_string();
        let cause = Cause::Deadline;
        let pending = LostOperation::of(state, assigned, Fault { cause, detail }, None);
        self.end_lost_operation(number, pending);
    }

    /// Kills a worker that is about to take the access before which one is to be killed; true if it does.
    fn kills_holder(&mut self, worker: u32, request: &ShareRequest) -> bool {
        let point = match request {
            ShareRequest::Turn(point) => Some(*point),
            // Where the server process keeps the data, this message is the access.
            ShareRequest::Write(_) | ShareRequest::CompareAndSet(_) => Some(SharePoint::Write),
            _ => None,
        };
        if point.is_none() || self.kill_before != point {
            return false;
        }
        self.kill_before = None;
        if let Some(state) = self.workers.get_mut(worker) {
            let between = match point {
                Some(SharePoint::HalfWritten) => "between its two writes",
                _ => "before its first write",
            };
            let detail = format!("{state} was killed on purpose {between}");
            let cause = Cause::Died;
            state.fault.get_or_insert(Fault { cause, detail });
            self.out.push(Effect::Kill(worker));
        }
        true
    }

    /// What the operation's worker had half-written when it died was completed.
    pub(super) fn was_repaired(&mut self, number: u64, by: RepairedBy) {
        if let Some(pending) = self.lost_operations.get(&number) {
            let OperationEvent {
                operation,
                worker,
                pid,
                ..
            } = pending.event;
            let repaired_by = match by {
                RepairedBy::Worker(worker) => Some(worker),
                RepairedBy::Parent => None,
            };
            let at_us = Micros::default();
            self.out.event(Event::Repaired(Repair {
                operation,
                worker,
                pid,
                repaired_by,
                at_us,
            }));
        }
    }

    /// How the operation ends was certain before its worker died.
    pub(super) fn was_finished(&mut self, number: u64, answer: Answer, why: &str) {
        let Some(pending) = self.lost_operations.remove(&number) else {
            return;
        };
        self.tally.met(pending.fault.cause.status());
        let died = &pending.fault.detail;
        let warning = format!("{died}; {why}");
        self.out.event(Event::Warned(warning));
        let elapsed = self.out.told_now().saturating_sub(pending.given_at);
        self.tally.decided(&pending.operation, &answer);
        self.out
            .event(pending.event.after(elapsed).answered(&answer));
    }

    /// The operation of a worker that is gone was not done, or not all of it.
    pub(super) fn was_unfinished(&mut self, number: u64, note: &str) {
        if let Some(pending) = self.lost_operations.get_mut(&number) {
            pending.fault.detail = format!("{}; {note}", pending.fault.detail);
        }
        self.lost_operation_ended(number);
    }
}
