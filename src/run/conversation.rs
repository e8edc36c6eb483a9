//! What workers ask and what they are answered.

use super::{NEWS_INTERVAL, Run};
use crate::bank::{Answer, Caller, Outcome, ShareReply};
use crate::event::{Cause, Fact, Fault};
use crate::link::{Arrival, Arrived, Ready};
use crate::protocol::{Ask, Reply, Request, Said};
use crate::server::{Incoming, Outgoing};
use crate::work::Work;

impl Run {
    pub(super) fn receive(&mut self, ready: &[Ready]) {
        let mut arrivals = Vec::new();
        self.links.receive(ready, &mut arrivals);
        self.take(arrivals);
    }

    /// Decides everything that arrived as one batch, then looks at the links that ended.
    pub(super) fn take(&mut self, arrivals: Vec<Arrival>) {
        let mut requests: Vec<(u32, Request)> = Vec::new();
        let mut ended = Vec::new();
        for Arrival { worker, what } in arrivals {
            match what {
                Arrived::Requests(block) => {
                    requests.extend(block.into_iter().map(|request| (worker, request)))
                }
                // What it tells of comes before what it asks about that.
                Arrived::Reports(reports) => self.hear(worker, reports),
                Arrived::Ready => self.greet(worker),
                Arrived::Closed => ended.push((worker, None)),
                Arrived::Broken(why) => ended.push((worker, Some(why))),
            }
        }
        if !requests.is_empty() {
            self.decide(requests);
        }
        for (worker, why) in ended {
            self.link_ended(worker, why);
        }
    }

    pub(super) fn greet(&mut self, worker: u32) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.ready = true;
            member.got_on(self.now);
        }
    }

    pub(super) fn decide(&mut self, requests: Vec<(u32, Request)>) {
        let mut batch = Vec::with_capacity(requests.len());
        let before = self.server.submitted();
        for (worker, request) in requests {
            let member = self.members.get_mut(&worker);
            let Some(member) = member.filter(|member| member.fault.is_none()) else {
                continue;
            };
            match member.asks(&request) {
                Some(task) => {
                    let caller = match (&self.office, task.work) {
                        (Some(office), Work::Command { .. }) => office.caller(self.caller),
                        _ => self.caller,
                    };
                    let caller = Caller {
                        number: request.number,
                        line: task.line.filter(|_| self.plan.named.is_some()),
                        ..caller
                    };
                    let shared = matches!(request.ask, Ask::Share(_));
                    batch.push(Incoming {
                        caller,
                        operation: shared.then(|| task.operation.clone()),
                        ask: request.ask,
                        abandoned: false,
                    });
                    member.waits_until = before + batch.len() as u64;
                }
                None => self.blame(worker, "asked about what it was not given"),
            }
        }
        self.server.submit(batch);
        self.collect();
    }

    /// Passes on what was decided, and judges those who waited for it.
    pub(super) fn collect(&mut self) {
        let outgoing = self.server.collect();
        self.answer(outgoing);
        for words in self.server.words() {
            crate::report::talk(words);
        }
        if let Some(error) = self.server.failure() {
            self.forsake(&error);
        }
        for worker in std::mem::take(&mut self.put_off) {
            self.judge(worker);
        }
    }

    /// Sends every answer on its way, and takes note of what it means.
    pub(super) fn answer(&mut self, outgoing: Vec<Outgoing>) {
        let mut last = None;
        for outgoing in outgoing {
            let number = match &outgoing {
                Outgoing::Reply(number, _)
                | Outgoing::Waits(number)
                | Outgoing::Impossible(number, _)
                | Outgoing::Abandoned(number) => *number,
            };
            let worker = (number >> 32) as u32;
            if last.is_some_and(|last| last != worker) {
                self.send_replies(last);
            }
            last = Some(worker);
            match outgoing {
                Outgoing::Reply(number, said) => self.reply(worker, number, said),
                Outgoing::Waits(_) => {
                    if let Some(member) = self.members.get_mut(&worker) {
                        member.wait();
                    }
                }
                Outgoing::Impossible(_, why) => {
                    self.blame(worker, &format!("asked for the impossible: {why}"))
                }
                Outgoing::Abandoned(number) => self.given_back(number),
            }
        }
        self.send_replies(last);
    }

    pub(super) fn send_replies(&mut self, worker: Option<u32>) {
        let Some(member) = worker.and_then(|worker| self.members.get_mut(&worker)) else {
            return;
        };
        let replies = std::mem::take(&mut member.replies);
        let worker = member.worker;
        let Some(outbox) = self.links.outbox(worker) else {
            return;
        };
        let all = replies.iter().try_for_each(|reply| outbox.reply(reply));
        if let Err(error) = all {
            self.blame(worker, &error.to_string());
        }
    }

    pub(super) fn reply(&mut self, worker: u32, number: u64, said: Said) {
        let Some(member) = self.members.get_mut(&worker) else {
            return;
        };
        member.replies.push(Reply {
            number,
            said: said.clone(),
        });
        match said {
            Said::Decided(Answer {
                outcome: Outcome::Held { view },
                ..
            }) => {
                member.got_on(self.now);
                let may_fail = member.may_fail();
                if let Some(task) = member.tasks.front_mut() {
                    task.is_held = may_fail;
                }
                let subject = member.tasks.front().map(|task| member.subject(task));
                if let Some(subject) = subject {
                    self.note(Fact::Held { subject, view });
                }
                if self.office.is_some() && self.escalation.ends_by().is_some() {
                    self.supervisor.say_enough(|asked| asked == worker);
                }
            }
            Said::Decided(answer) => self.finish(worker, number, answer),
            // Others got on; this one still waits.
            Said::Shared(ShareReply::Waiting) => {}
            Said::Shared(_) => member.got_on(self.now),
        }
    }

    /// An operation is decided.
    pub(super) fn finish(&mut self, worker: u32, number: u64, answer: Answer) {
        let Some(member) = self.members.get_mut(&worker) else {
            return;
        };
        let Some(task) = member.done(number) else {
            return;
        };
        member.got_on(self.now);
        if !matches!(answer.outcome, Outcome::Refused { .. }) && !answer.duplicate {
            self.worked += task.worked();
        }
        let Some(task) = self.command_ended(worker, task, &answer) else {
            return;
        };
        self.tell_overspent(worker, &task);
        self.tally.decided(&task.operation, &answer);
        let elapsed = self.now.saturating_sub(task.given_at);
        let Some(member) = self.members.get(&worker) else {
            return;
        };
        // No other answer ends an operation that its worker asked about.
        if let Some(fact) = Fact::decided(member.subject_of(task), answer, elapsed) {
            self.note(fact);
        }
    }

    pub(super) fn link_ended(&mut self, worker: u32, why: Option<String>) {
        if let Some(why) = why {
            self.blame(worker, &format!("sent what no worker sends: {why}"));
        }
        if let Some(member) = self.members.get_mut(&worker) {
            member.link_ended = true;
            // Its end must follow, also where it was idle or waited for a lease.
            member.got_on(self.now);
        }
        self.judge(worker);
    }

    /// Ends a worker that does what no worker does.
    pub(super) fn blame(&mut self, worker: u32, what: &str) {
        if let Some(member) = self.members.get_mut(&worker)
            && member.fault.is_none()
        {
            let detail = format!("{member} {what}");
            let cause = Cause::Protocol;
            member.fault = Some(Fault { cause, detail });
            self.supervisor.kill(worker);
        }
    }

    /// Tells those who wait for a lease or for the ledger, now and then, that it is worth it: whoever
    /// holds the lease has a deadline of its own, and so has the ledger.
    pub(super) fn bring_news(&mut self) {
        if self.now.saturating_sub(self.news_at) >= NEWS_INTERVAL {
            self.news_at = self.now;
            let news = self.server.comfort();
            self.answer(news);
            for member in self.members.values() {
                let waits = !self.server.has_settled(member.waits_until);
                if let Some(outbox) = self.links.outbox(member.worker).filter(|_| waits) {
                    outbox.still_due();
                }
            }
        }
    }
}
