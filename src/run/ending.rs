//! Workers end: reaped, ended at their deadlines, and judged by what they leave behind.

use std::time::Duration;

use super::Run;
use super::crew::{Leaving, Member, Patience, Task};
use crate::bank::Caller;
use crate::event::{Cause, Fact, Fault};
use crate::report::talk;
use crate::status::Status;
use crate::store::{Certainty, LedgerError};
use crate::work::Ran;
use crate::workload::Item;

impl Run {
    pub(super) fn reap(&mut self) {
        self.reaped_at = self.now;
        for (worker, exit) in self.supervisor.reap() {
            self.crowded = false;
            if let Some(member) = self.members.get_mut(&worker) {
                member.exit = Some(exit);
                member.got_on(self.now);
            }
            let mut arrivals = Vec::new();
            self.links.exited(worker, &mut arrivals);
            self.take(arrivals);
            self.judge(worker);
        }
    }

    /// Judges a worker that has exited, whose link was read to its end, and whom no answer is due.
    pub(super) fn judge(&mut self, worker: u32) {
        let Some(member) = self.members.remove(&worker) else {
            return;
        };
        let ended = member.exit.is_some() && member.link_ended;
        if ended && self.server.has_settled(member.waits_until) {
            return self.bury(member);
        }
        if ended {
            self.put_off.push(worker);
        }
        self.members.insert(worker, member);
    }

    /// What a worker leaves behind: the operation it was at has failed, those it had not begun go back.
    pub(super) fn bury(&mut self, mut member: Member) {
        let mut left = std::mem::take(&mut member.tasks);
        // Who was asked to end gives back what it has not begun.
        let gives_back = member.ended_well() && member.has_begun_none();
        let front = if self.forsaken || gives_back {
            None
        } else {
            left.pop_front()
        };
        match front {
            Some(task) => self.fail(&member, task),
            None if self.is_forsaken(&member) => {}
            None if member.ended_well() => {}
            None if !member.ready => self.fail_next(&member),
            None => self.warn_of(&member.verdict()),
        }
        let items = left.into_iter().map(
            |Task {
                 line, operation, ..
             }| Item::Operation { line, operation },
        );
        self.feed.put_back(items);
    }

    /// Gives an operation back whose worker is gone, or leaves it in doubt if its command was started. It
    /// has failed as soon as that counts.
    fn fail(&mut self, member: &Member, task: Task) {
        let number = task.number;
        let caller = Caller {
            number,
            ..self.caller
        };
        self.server.abandon(caller, task.is_doubtful());
        let leaving = Leaving::of(member, task, member.verdict());
        self.leaving.insert(number, leaving);
    }

    /// What becomes of the money that an operation had set aside is durable.
    pub(super) fn given_back(&mut self, number: u64) {
        if let Some(leaving) = self.leaving.remove(&number) {
            self.has_failed(leaving);
        }
    }

    fn has_failed(&mut self, leaving: Leaving) {
        let Leaving {
            subject,
            fault,
            in_doubt,
            given_at,
            ..
        } = leaving;
        let elapsed = self.now.saturating_sub(given_at);
        if in_doubt {
            self.tally.doubted(&subject.operation, &fault);
            return self.note(Fact::Doubted {
                subject,
                fault,
                elapsed,
            });
        }
        self.tally.failed(&fault);
        self.note(Fact::Failed {
            subject,
            fault,
            elapsed,
        });
    }

    /// The ledger failed. All that is in flight has failed, and those who were at it end. Where nothing
    /// of it was done, the ledger does not know of any end either: commands that were started are in
    /// doubt.
    pub(super) fn forsake(&mut self, error: &LedgerError) {
        self.forsaken = true;
        self.tally.met(Status::Ledger);
        self.stop("the ledger failed");
        talk(format_args!("error: {error}"));
        for leaving in std::mem::take(&mut self.leaving).into_values() {
            self.has_failed(leaving.untold(Some(error.certainty())));
        }
        let mut failed = Vec::new();
        for member in self.members.values_mut() {
            if member.tasks.is_empty() {
                continue;
            }
            let in_flight = !self.server.has_settled(member.waits_until);
            let in_flight = in_flight.then_some(error.certainty());
            for task in member.take_asked() {
                let fault = ledger_fault(in_flight, task.ran.as_deref());
                failed.push(Leaving::of(member, task, fault).untold(in_flight));
            }
            member.fault.get_or_insert(ledger_fault(in_flight, None));
            self.supervisor.kill(member.worker);
        }
        for leaving in failed {
            self.has_failed(leaving);
        }
        self.server.give_up();
    }

    /// Whether a worker ended because the ledger failed, which was said already.
    fn is_forsaken(&self, member: &Member) -> bool {
        let fault = member.fault.as_ref();
        self.forsaken && fault.is_some_and(|fault| fault.cause == Cause::Ledger)
    }

    /// A worker that ended before it could be given anything fails the operation it was started for, so
    /// that workers that cannot start are not started for ever.
    pub(super) fn fail_next(&mut self, member: &Member) {
        let next = if self.stopped.is_some() {
            None
        } else {
            self.next()
        };
        let fault = member.verdict();
        match next {
            Some((line, operation)) => {
                self.tally.failed(&fault);
                let elapsed = Duration::ZERO;
                let subject = member.subject_with(operation, line, None);
                self.note(Fact::Failed {
                    subject,
                    fault,
                    elapsed,
                });
            }
            None => self.warn_of(&fault),
        }
    }

    /// A worker ended badly, and no operation suffered from it.
    fn warn_of(&mut self, fault: &Fault) {
        self.tally.met(fault.cause.status());
        let warning = format!("{}, with nothing left to do", fault.detail);
        self.note(Fact::Warned(warning));
    }

    /// When a worker's patience ends, and what is said of it then. One that waits for the ledger is not
    /// to blame; the ledger has a limit of its own.
    pub(super) fn due(&self, member: &Member) -> Option<(Duration, Fault)> {
        let settled = self.server.has_settled(member.waits_until);
        settled
            .then(|| member.due(Patience::of(&self.plan)))
            .flatten()
    }

    pub(super) fn enforce_deadlines(&mut self) {
        let overdue = |member: &Member| {
            let (due, fault) = self.due(member)?;
            (due <= self.now).then_some((member.worker, fault))
        };
        let all: Vec<(u32, Fault)> = self.members.values().filter_map(overdue).collect();
        for (worker, fault) in all {
            if let Some(member) = self.members.get_mut(&worker) {
                member.fault.get_or_insert(fault);
                // Nothing more is expected on the link of one that is dead already.
                member.link_ended |= member.exit.is_some();
            }
            self.supervisor.kill(worker);
            self.judge(worker);
        }
    }
}

/// What is said of an operation when the ledger fails: what is known of a request of it that was in
/// flight, and of its command.
fn ledger_fault(in_flight: Option<Certainty>, ran: Option<&Ran>) -> Fault {
    let is_doubtful = ran.is_some_and(Ran::is_doubtful);
    let is_started = ran.is_some_and(Ran::was_started);
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
