//! What workers ask, and what they are answered.

use super::dispatch::worker_of;
use super::requests::Pending;
use super::steps::AskedStep;
use super::workers::Assigned;
use super::{Effect, Run, low_budget};
use crate::bank::{Answer, Outcome, Request};
use crate::event::{AllowanceEvent, Cause, Event, Fault, OperationEvent};
use crate::link::{Arrival, Arrived};
use crate::protocol::{Ask, Reply, ReplyBody, ShareReply};
use crate::server::{Incoming, Outgoing, RunRequest};
use crate::store::Abandoned;

impl Run {
    /// Takes what arrived on the links. Requests are decided before the end of a link counts.
    pub(super) fn arrived(&mut self, arrivals: Vec<Arrival>) {
        let mut ended = Vec::new();
        for Arrival { worker, what } in arrivals {
            match what {
                Arrived::Requests(block) => {
                    if let Some(state) = self.workers.get_mut(worker) {
                        state.unsubmitted += block.len();
                        self.requests.arrived(worker, block);
                    }
                }
                // What it reports comes before what it asks about that.
                Arrived::Reports(reports) => self.reported(worker, reports),
                Arrived::Timings(timings) => self.steps_returned(worker, timings),
                Arrived::Ready => {
                    if let Some(state) = self.workers.get_mut(worker) {
                        state.ready = true;
                        state.made_progress(self.out.now);
                    }
                    self.tell_process(worker, Event::Connected);
                }
                Arrived::Probes(_) => self.blame(worker, "sent a probe, which no run answers"),
                Arrived::Closed => ended.push((worker, None)),
                Arrived::Broken(why) => ended.push((worker, Some(why))),
            }
        }
        self.submit();
        for (worker, why) in ended {
            if let Some(why) = why {
                self.blame(worker, &format!("sent what no worker sends: {why}"));
            }
            self.workers.link_ended(worker, self.out.now);
        }
    }

    /// Submits the pending requests, in the order of the run, as one batch.
    pub(super) fn submit(&mut self) {
        let mut batch = Vec::with_capacity(self.requests.pending());
        loop {
            match self.requests.next(self.out.now) {
                Ok(Some(pending)) => batch.extend(self.admit(pending)),
                Ok(None) => break,
                Err(why) => {
                    self.leave_order(&why, Cause::Protocol);
                    break;
                }
            }
        }
        if !batch.is_empty() {
            self.out.push(Effect::Submit(batch));
        }
    }

    /// The order that was given cannot be followed: nothing more is decided, and all workers end.
    pub(super) fn leave_order(&mut self, why: &str, cause: Cause) {
        let detail = format!("the order cannot be followed: {why}");
        self.shutdown.stop(&detail);
        self.requests.leave_order();
        for state in self.workers.all_mut() {
            state.unsubmitted = 0;
            state.fault.get_or_insert_with(|| Fault {
                cause,
                detail: detail.clone(),
            });
        }
        self.out.push(Effect::KillAll);
    }

    /// A request as the ledger is asked it, if its worker may ask that now.
    fn admit(&mut self, Pending { worker, request }: Pending) -> Option<Incoming> {
        let state = self.workers.get_mut(worker)?;
        state.unsubmitted = state.unsubmitted.saturating_sub(1);
        if state.fault.is_some() {
            return None;
        }
        if self.handle_one_way(worker, &request) {
            return None;
        }
        let received = self.out.told_now();
        let state = self.workers.get_mut(worker)?;
        let Some(assigned) = state.queue.asks(&request) else {
            self.blame(worker, "asked about what it was not given");
            return None;
        };
        let step = self
            .settings
            .steps
            .then(|| AskedStep::of(&request, assigned.ordinal));
        let incoming = Incoming {
            caller: self
                .settings
                .caller_for(request.number, assigned.work, assigned.line),
            request: match request.ask {
                Ask::Execute => RunRequest::Bank(Request::Execute(assigned.operation.clone())),
                Ask::Begin => RunRequest::Bank(Request::Begin(assigned.operation.clone())),
                Ask::End(end) => RunRequest::Bank(Request::End(end)),
                Ask::Share(request) => {
                    RunRequest::Share(assigned.operation.clone(), Box::new(request))
                }
            },
            abandoned: false,
        };
        state.last_submitted = self.requests.submit();
        state
            .asked_steps
            .extend(step.map(|step| step.received(received)));
        Some(incoming)
    }

    /// Passes on what was decided, and takes note of what it means.
    pub(super) fn decided(&mut self, outgoing: Vec<Outgoing>) {
        let mut replies = Vec::with_capacity(outgoing.len());
        let mut last = None;
        for outgoing in outgoing {
            let number = match &outgoing {
                Outgoing::Reply(number, _)
                | Outgoing::Waits(number)
                | Outgoing::Impossible(number, _)
                | Outgoing::Abandoned(number, _) => *number,
            };
            let worker = worker_of(number);
            if last.is_some_and(|last| last != worker) {
                self.send(last, &mut replies);
            }
            last = Some(worker);
            if self.requests.have_given_order() {
                let pid = self.workers.get(worker).map_or(0, |state| state.pid);
                self.requests.answered(pid, &outgoing);
            }
            match outgoing {
                Outgoing::Reply(number, body) => {
                    let reply = Reply { number, body };
                    self.step_answered(worker, &reply);
                    self.note_reply(worker, &reply);
                    replies.push(reply);
                }
                Outgoing::Waits(_) => {
                    if let Some(state) = self.workers.get_mut(worker) {
                        state.waits_for_lease = true;
                    }
                    self.step_waits(worker, number);
                }
                Outgoing::Impossible(_, why) => {
                    self.blame(
                        worker,
                        &format!("sent a request that is not valid now: {why}"),
                    );
                }
                Outgoing::Abandoned(number, end) => match end {
                    Abandoned::NotDone => self.lost_operation_ended(number),
                    Abandoned::Unfinished(note) => self.was_unfinished(number, &note),
                    Abandoned::Finished(answer, None) => {
                        let why = "its operation counts, since all of it is in the memory";
                        self.was_finished(number, answer, why);
                    }
                    Abandoned::Finished(answer, Some(by)) => {
                        self.was_repaired(number, by);
                        let why =
                            "its operation counts, since what it had half-written was completed";
                        self.was_finished(number, answer, why);
                    }
                    Abandoned::Declined(answer) => {
                        let why = "its operation is refused, since its command had declined";
                        self.was_finished(number, answer, why);
                    }
                },
            }
        }
        self.send(last, &mut replies);
    }

    fn send(&mut self, worker: Option<u32>, replies: &mut Vec<Reply>) {
        let replies = std::mem::take(replies);
        if let Some(worker) = worker.filter(|_| !replies.is_empty()) {
            self.out.push(Effect::Reply(worker, replies));
        }
    }

    fn note_reply(&mut self, worker: u32, reply: &Reply) {
        let Some(state) = self.workers.get_mut(worker) else {
            return;
        };
        match &reply.body {
            ReplyBody::Decided(answer) if matches!(answer.outcome, Outcome::Held { .. }) => {
                state.made_progress(self.out.now);
                state.queue.held();
                if let Some(first) = state.queue.front() {
                    // It is news to this run, also where another one had begun it.
                    let held = Answer {
                        duplicate: false,
                        ..answer.clone()
                    };
                    self.out.event(state.event_of(first).answered(&held));
                    if let Some(warning) = low_budget(&first.operation, answer) {
                        self.out.event(warning);
                    }
                }
                if self.settings.command.is_some() && self.shutdown.ends_by().is_some() {
                    self.out.push(Effect::StartNoMoreCommands(vec![worker]));
                }
            }
            ReplyBody::Decided(answer) => self.finish(worker, reply.number, answer),
            // Another worker got the lease; this one still waits.
            ReplyBody::Shared(ShareReply::Waiting) => {}
            ReplyBody::Shared(_) => state.made_progress(self.out.now),
        }
    }

    /// An operation is decided.
    fn finish(&mut self, worker: u32, number: u64, answer: &Answer) {
        let Some(state) = self.workers.get_mut(worker) else {
            return;
        };
        let Some(assigned) = state.queue.decided(number) else {
            return;
        };
        state.made_progress(self.out.now);
        if !matches!(answer.outcome, Outcome::Refused { .. }) && !answer.duplicate {
            self.tally.worked += assigned.worked();
        }
        let elapsed = self.out.told_now().saturating_sub(assigned.given_at);
        let in_doubt = matches!(answer.outcome, Outcome::Doubted { .. });
        if in_doubt || matches!(answer.outcome, Outcome::Voided { .. }) {
            let event = OperationEvent {
                decided: answer.decided,
                allowances: AllowanceEvent::all(answer),
                ..state.event_of(&assigned).after(elapsed)
            };
            let fault = self.command_fault(assigned.ran.as_deref());
            return self.failed(&assigned.operation, event, fault, in_doubt);
        }
        let Assigned {
            ordinal,
            operation,
            line,
            ran,
            ..
        } = assigned;
        self.tally.decided(&operation, answer);
        let excess = operation.excess(&answer.outcome);
        let warning = low_budget(&operation, answer);
        let mut event = state.event(ordinal, operation, line);
        if let Some(excess) = excess {
            self.tell_overspent(excess, event.clone());
        }
        ran.iter().for_each(|report| event.add_command(report));
        event.elapsed_us = Some(elapsed.into());
        self.out.event(event.answered(answer));
        if let Some(warning) = warning {
            self.out.event(warning);
        }
        self.halt_if_enough_ended();
    }

    /// Ends a worker that does what no worker does.
    pub(super) fn blame(&mut self, worker: u32, what: &str) {
        if let Some(state) = self.workers.get_mut(worker)
            && state.fault.is_none()
        {
            let detail = format!("{state} {what}");
            let cause = Cause::Protocol;
            state.fault = Some(Fault { cause, detail });
            self.out.push(Effect::Kill(worker));
        }
    }
}
