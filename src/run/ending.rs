//! Workers end: reaped, ended at their deadlines, and judged by what they leave behind.

use std::time::Duration;

use super::Run;
use super::crew::{Member, Task};
use crate::event::{Fact, Fault};
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

    /// Judges a worker that has exited and whose link was read to its end.
    pub(super) fn judge(&mut self, worker: u32) {
        let Some(member) = self.members.remove(&worker) else {
            return;
        };
        if member.exit.is_none() || !member.link_ended {
            self.members.insert(worker, member);
            return;
        }
        self.bury(member);
    }

    /// What a worker leaves behind: the operation it was at has failed, those it had not begun go back.
    pub(super) fn bury(&mut self, mut member: Member) {
        let mut left = std::mem::take(&mut member.tasks);
        match left.pop_front() {
            Some(task) => self.fail(&member, task),
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

    pub(super) fn fail(&mut self, member: &Member, task: Task) {
        let outgoing = self.server.abandon(task.number);
        self.answer(outgoing);
        let fault = member.verdict();
        self.tally.failed(&fault);
        let elapsed = self.now.saturating_sub(task.given_at);
        let subject = member.subject_of(task.operation, task.line);
        self.note(Fact::Failed {
            subject,
            fault,
            elapsed,
        });
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
                let subject = member.subject_of(operation, line);
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

    pub(super) fn enforce_deadlines(&mut self) {
        let overdue = |member: &Member| {
            let (due, fault) = member.due(self.plan.timeout)?;
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
