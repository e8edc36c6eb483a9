//! What becomes of the operations of workers that are gone, and of all of them where the ledger failed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::deadlines::Deadline;
use super::dispatch::NextOperation;
use super::workers::{Assigned, WorkerState};
use super::{CommandSettings, Effect, Run};
use crate::bank::{Operation, RequestContext, WorkEnd};
use crate::event::{Cause, Event, Fault, OperationEvent};
use crate::status::Status;
use crate::store::Certainty;
use crate::work::CommandReport;

/// The operations of workers that are gone, by their numbers, until the ledger has given back what they
/// had set aside.
pub(super) type LostOperations = BTreeMap<u64, LostOperation>;

/// An operation whose worker is gone.
#[derive(Debug)]
pub(super) struct LostOperation {
    pub(super) operation: Operation,
    pub(super) event: OperationEvent,
    pub(super) fault: Fault,
    /// What becomes of what was set aside.
    end: WorkEnd,
    /// Its money was set aside for a command.
    pub(super) is_held: bool,
    pub(super) given_at: Duration,
}

impl LostOperation {
    pub(super) fn of(
        state: &WorkerState,
        assigned: Assigned,
        fault: Fault,
        command: Option<&CommandSettings>,
    ) -> Self {
        let (end, given_at) = (assigned.end_unheard(command), assigned.given_at);
        let is_held = assigned.is_held;
        LostOperation {
            event: state.event_of(&assigned),
            operation: assigned.operation,
            fault,
            end,
            is_held,
            given_at,
        }
    }

    /// The ledger failed: marks a held operation in doubt unless its last request may have been committed.
    fn doubt_if_unwritten(mut self, in_flight: Option<Certainty>) -> Self {
        if self.is_held && in_flight != Some(Certainty::Unknown) {
            self.end = WorkEnd::Doubt;
        }
        self
    }

    /// The ledger failed before it was known that what becomes of it is written.
    fn left_by_ledger(mut self, certainty: Certainty) -> Self {
        let written = match certainty {
            Certainty::Unknown => "it is unknown whether that was written",
            _ => "that could not be written",
        };
        let detail = format!("{}, and {written} into the ledger", self.fault.detail);
        let cause = Cause::Ledger;
        self.fault = Fault { cause, detail };
        self.doubt_if_unwritten(Some(certainty))
    }
}

impl Run {
    /// Settles every worker that has exited, whose link was read to its end, and all of whose requests
    /// were answered: what it had sent counts, and only what is left then has failed.
    pub(super) fn settle_dead(&mut self) {
        let requests = &self.requests;
        for state in self.workers.take_gone(|state| requests.settled_for(state)) {
            self.settle(state);
        }
    }

    /// The operation that a worker was at has failed; those it had not begun go to others.
    fn settle(&mut self, mut state: WorkerState) {
        self.steps_left(&mut state);
        let failed = self.requests.ledger_failed();
        if self.requests.have_given_order() && !state.ended_well() {
            let fault = state.why_it_ended();
            self.leave_order(&fault.detail, fault.cause);
        }
        // A worker that was asked to end leaves what it has not begun.
        let gives_back = state.ended_well() && state.queue.none_asked();
        let mut left = state.queue.take_all();
        let first = match failed || gives_back {
            true => None,
            false => left.pop_front(),
        };
        let ledger_ended_it = failed
            && state
                .fault
                .as_ref()
                .is_some_and(|fault| fault.cause == Cause::Ledger);
        match first {
            Some(first) => {
                let number = first.number;
                let pending = LostOperation::of(
                    &state,
                    first,
                    state.why_it_ended(),
                    self.settings.command.as_ref(),
                );
                self.end_lost_operation(number, pending);
            }
            None if ledger_ended_it || state.ended_well() => {}
            None if !state.ready => self.fail_next(&state),
            None => self.warn_of(&state.why_it_ended()),
        }
        self.dispatch.put_back(left.into_iter());
    }

    /// Has the ledger give back what an operation had set aside, or leave it in doubt. The operation has
    /// failed as soon as that counts.
    pub(super) fn end_lost_operation(&mut self, number: u64, pending: LostOperation) {
        let caller = RequestContext {
            number,
            ..self.settings.caller
        };
        let end = pending.end.clone();
        self.requests.submit();
        self.out.push(Effect::Abandon { caller, end });
        self.lost_operations.insert(number, pending);
    }

    /// What becomes of the money that an operation had set aside is durable.
    pub(super) fn lost_operation_ended(&mut self, number: u64) {
        if let Some(pending) = self.lost_operations.remove(&number) {
            self.has_failed(pending);
        }
    }

    fn has_failed(&mut self, pending: LostOperation) {
        let LostOperation {
            operation,
            event,
            fault,
            end,
            given_at,
            ..
        } = pending;
        let in_doubt = end == WorkEnd::Doubt;
        let elapsed = self.out.told_now().saturating_sub(given_at);
        self.failed(&operation, event.after(elapsed), fault, in_doubt);
    }

    /// An operation has failed, or is in doubt.
    pub(super) fn failed(
        &mut self,
        operation: &Operation,
        event: OperationEvent,
        fault: Fault,
        in_doubt: bool,
    ) {
        if in_doubt {
            self.tally.doubted(operation, &fault);
            self.out.event(Event::InDoubt(event.faulted(fault)));
        } else {
            self.tally.failed(&fault);
            self.out.event(Event::Failed(event.faulted(fault)));
        }
        self.halt_if_enough_ended();
    }

    /// The ledger failed. All that is being decided has failed, and the workers that were at it end. If the
    /// batch was not written, ends of commands were not recorded either: those operations are in doubt.
    pub(super) fn fail_all(&mut self, error: &str, certainty: Certainty) {
        self.tally.met(Status::Ledger);
        self.shutdown.stop("the ledger failed");
        self.out.push(Effect::Say(format!("error: {error}")));
        for pending in std::mem::take(&mut self.lost_operations).into_values() {
            self.has_failed(pending.left_by_ledger(certainty));
        }
        let command = self.settings.command.as_ref();
        let mut failed = Vec::new();
        for state in self.workers.all_mut() {
            let in_flight = (!self.requests.settled_for(state)).then_some(certainty);
            state.unsubmitted = 0;
            if state.queue.is_empty() {
                continue;
            }
            for assigned in state.queue.take_asked() {
                let fault = ledger_fault(in_flight, assigned.ran.as_deref());
                failed.push(
                    LostOperation::of(state, assigned, fault, command)
                        .doubt_if_unwritten(in_flight),
                );
            }
            state.fault.get_or_insert(ledger_fault(in_flight, None));
            self.out.push(Effect::Kill(state.worker));
        }
        for pending in failed {
            self.has_failed(pending);
        }
        self.requests.fail();
        self.out.push(Effect::GiveUp);
    }

    /// A worker that ended before it could be given anything fails the operation it was started for, so
    /// that workers that cannot start are not started for ever.
    fn fail_next(&mut self, state: &WorkerState) {
        let fault = state.why_it_ended();
        let next = match self.shutdown.is_stopped() {
            true => None,
            false => self.next_operation(),
        };
        match next {
            Some(NextOperation {
                ordinal,
                line,
                operation,
            }) => {
                let event = state.event(ordinal, operation.clone(), line);
                self.failed(&operation, event.after(Duration::ZERO), fault, false);
            }
            None => self.warn_of(&fault),
        }
    }

    /// A worker ended badly, and no operation suffered from it.
    fn warn_of(&mut self, fault: &Fault) {
        self.tally.met(fault.cause.status());
        let warning = format!("{}; no operation was affected", fault.detail);
        self.out.event(Event::Warned(warning));
    }

    /// The next moment at which a worker is ended if it makes no progress.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let all = self.workers.all();
        let deadlines = all.filter_map(|state| self.deadline(state));
        let deadlines = deadlines.map(|deadline| deadline.at);
        deadlines.chain(self.requests.awaited_until()).min()
    }

    /// A worker whose requests are being decided has none: the ledger has a limit of its own.
    fn deadline(&self, state: &WorkerState) -> Option<Deadline> {
        let is_settled = self.requests.settled_for(state);
        let limits = self.settings.limits;
        is_settled.then(|| Deadline::of(state, limits)).flatten()
    }

    /// Ends the workers whose time is over.
    pub(super) fn enforce_deadlines(&mut self) {
        let now = self.out.now;
        if let Some(why) = self.requests.overdue(now) {
            self.leave_order(&why, Cause::Deadline);
        }
        let is_over = |state: &WorkerState| {
            let deadline = self.deadline(state);
            deadline.is_some_and(|deadline| deadline.at <= now)
        };
        // Those that wait for each other end together: none of them gets what the first one leaves.
        let all_who_wait = self
            .workers
            .all()
            .any(|state| state.waits_for_lease && is_over(state));
        let overdue = |state: &WorkerState| {
            let is_over = is_over(state) || all_who_wait && state.waits_for_lease;
            let deadline = self.deadline(state).filter(|_| is_over)?;
            Some((state.worker, deadline.fault(state)))
        };
        let overdue: Vec<(u32, Fault)> = self.workers.all().filter_map(overdue).collect();
        for (worker, fault) in overdue {
            self.out.push(Effect::Kill(worker));
            if let Some(state) = self.workers.get_mut(worker) {
                state.fault.get_or_insert(fault);
                // Nothing more is expected on the link of one that is dead already.
                if state.exit.is_some() {
                    self.workers.link_ended(worker, now);
                }
            }
        }
    }
}

/// What is said of an operation when the ledger fails: what is known of a request of it that was in
/// flight, and of its command.
fn ledger_fault(in_flight: Option<Certainty>, ran: Option<&CommandReport>) -> Fault {
    let is_doubtful = ran.is_some_and(|ran| ran.end_unheard(None) == WorkEnd::Doubt);
    let is_started = ran.is_some_and(CommandReport::was_started);
    let has_ended = ran.is_some_and(|ran| ran.ended.is_some());
    let detail = match in_flight {
        Some(Certainty::Unknown) => {
            "the ledger failed while it was being decided: it is unknown whether it counts"
        }
        Some(_) if is_doubtful && has_ended => {
            "its command succeeded, and that could not be written into the ledger"
        }
        Some(_) if is_started && has_ended => {
            "its command failed, and that could not be written into the ledger"
        }
        _ if is_started => "its command was started, and the ledger failed before its end",
        _ => "the ledger failed before it was posted: it does not count",
    };
    Fault {
        cause: Cause::Ledger,
        detail: detail.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::work::{AttemptEnd, CommandEvent};

    #[test]
    fn what_is_said_of_an_operation_when_the_ledger_fails_is_what_is_known() {
        let ran = |status: Option<i32>| {
            let mut ran = CommandReport::default();
            assert!(ran.record(CommandEvent::Starting { attempt: 1 }));
            if let Some(status) = status {
                let ended = AttemptEnd {
                    exit: Some(Exit::Status(status)),
                    ..AttemptEnd::default()
                };
                assert!(ran.record(CommandEvent::Ended(ended)));
            }
            ran
        };
        let (not_done, unknown) = (Some(Certainty::NotDone), Some(Certainty::Unknown));
        let before_its_end = "the ledger failed before its end";
        for (in_flight, ran, expected) in [
            (
                unknown,
                Some(ran(Some(0))),
                "it is unknown whether it counts",
            ),
            (
                not_done,
                Some(ran(Some(0))),
                "succeeded, and that could not",
            ),
            (not_done, Some(ran(Some(1))), "failed, and that could not"),
            (not_done, Some(ran(None)), before_its_end),
            (None, Some(ran(None)), before_its_end),
            (None, Some(CommandReport::default()), "it does not count"),
            (not_done, None, "it does not count"),
        ] {
            let said = ledger_fault(in_flight, ran.as_ref()).detail;
            assert!(said.contains(expected), "{said}, and not {expected}");
        }
    }
}
