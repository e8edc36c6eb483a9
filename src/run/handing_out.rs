//! Operations go out to workers, and workers are started for them and let go.

use super::crew::{Member, Task};
use super::{IN_HANDS, Run, SPAWNS_A_TURN, WINDOW, WINDOW_BYTES};
use std::io;

use crate::bank::{Line, Operation};
use crate::event::Fact;
use crate::protocol::{Assignment, weight};
use crate::report::{BACKLOG_LIMIT, talk};
use crate::status::Status;
use crate::supervisor::this_program;
use crate::work::Work;
use crate::worker::Orders;
use crate::workload::{Item, Next};

impl Run {
    pub(super) fn hand_out(&mut self) -> io::Result<()> {
        self.eager = false;
        if self.stopped.is_some() || self.reporter.backlog() >= BACKLOG_LIMIT {
            return Ok(());
        }
        let takers: Vec<u32> = self
            .members
            .values()
            .filter(|m| m.takes())
            .map(|m| m.worker)
            .collect();
        for worker in takers {
            self.fill(worker);
        }
        for _ in 0..SPAWNS_A_TURN {
            if self.crowded || self.supervisor.live() >= self.plan.jobs {
                break;
            }
            // A line that is no operation has no process.
            self.skim();
            if !self.feed.has_more_than(self.starting() * self.share()) {
                break;
            }
            self.spawn_or_make_do()?;
        }
        Ok(())
    }

    /// How many workers are on their way.
    fn starting(&self) -> usize {
        self.members
            .values()
            .filter(|member| !member.ready && member.exit.is_none())
            .count()
    }

    /// Reports the invalid lines at the feed's front, and sees its end, without a worker to ask for more.
    pub(super) fn skim(&mut self) {
        if let Some((line, operation)) = self.next() {
            self.feed.put_back([Item::Operation { line, operation }]);
        }
    }

    /// How many operations a worker may have in its hands: one that works, one; of those without work
    /// more where it takes longer until they are answered.
    fn window(&self) -> usize {
        if self.office.is_some() || !self.plan.pace.is_none() {
            1
        } else if self.ledger.is_some() {
            (IN_HANDS / self.plan.jobs.max(1)).max(WINDOW)
        } else {
            WINDOW
        }
    }

    /// How many operations a new worker will take at first.
    pub(super) fn share(&self) -> usize {
        let quota = self.plan.ops_per_worker.unwrap_or(u64::MAX);
        self.window()
            .min(usize::try_from(quota).unwrap_or(usize::MAX))
            .max(1)
    }

    /// Gives a worker as many operations as it may have in its hands.
    pub(super) fn fill(&mut self, worker: u32) {
        let (window, quota) = (self.window(), self.plan.ops_per_worker.unwrap_or(u64::MAX));
        // A new block goes out when half of the window is free, so that blocks stay large.
        let Some(held) = self
            .members
            .get(&worker)
            .map(|m| m.tasks.len())
            .filter(|held| held * 2 <= window)
        else {
            return;
        };
        let mut bytes = 0;
        for _ in held..window {
            if bytes >= WINDOW_BYTES
                || self
                    .members
                    .get(&worker)
                    .is_none_or(|member| member.given >= quota)
            {
                return;
            }
            let Some((line, operation)) = self.next() else {
                return;
            };
            bytes += weight(&operation);
            self.give(worker, line, operation);
        }
    }

    /// The next operation of the feed, if it has one now. Lines before it that are invalid, or were done
    /// before, are reported.
    pub(super) fn next(&mut self) -> Option<(Option<Line>, Operation)> {
        loop {
            // An input of nothing but such lines must not keep anyone waiting, nor fill memory.
            if self.events.len() >= BACKLOG_LIMIT {
                self.eager = true;
                return None;
            }
            match self.feed.next() {
                Next::Item(Item::Operation {
                    line,
                    mut operation,
                }) => {
                    self.name(line.map(|line| line.number), &mut operation);
                    return Some((line, operation));
                }
                Next::Item(Item::Invalid { line, reason }) => {
                    self.tally.invalid();
                    self.note(Fact::Invalid { line, reason });
                }
                Next::Item(Item::Done {
                    line,
                    operation,
                    outcome,
                }) => self.done_before(line, operation, outcome),
                Next::NotYet => return None,
                Next::End => {
                    self.exhausted = true;
                    return None;
                }
                Next::Failed(error) => {
                    self.exhausted = true;
                    self.tally.met(Status::Usage);
                    talk(format_args!("error: {error}"));
                    return None;
                }
            }
        }
    }

    pub(super) fn give(&mut self, worker: u32, line: Option<Line>, operation: Operation) {
        let work = self.work_of(&operation, line);
        let (Some(member), Some(outbox)) =
            (self.members.get_mut(&worker), self.links.outbox(worker))
        else {
            return self.feed.put_back([Item::Operation { line, operation }]);
        };
        self.last_number = self.last_number.wrapping_add(1);
        let number = u64::from(worker) << 32 | u64::from(self.last_number);
        let assignment = Assignment {
            number,
            operation,
            work,
        };
        let encoded = outbox.assignment(&assignment);
        let operation = assignment.operation;
        let task = Task {
            number,
            operation,
            line,
            work,
            ran: None,
            is_held: false,
            given_at: self.now,
        };
        let subject = (work != Work::None).then(|| member.subject(&task));
        member.give(task, self.now);
        if let Some(subject) = subject {
            self.note(Fact::Started(subject));
        }
        if let Err(error) = encoded {
            self.blame(worker, &error.to_string());
        }
    }

    /// Starts a worker. Where the system allows no more processes, those that are there go on alone.
    fn spawn_or_make_do(&mut self) -> io::Result<()> {
        match self.spawn() {
            Err(error) if !self.members.is_empty() => {
                self.crowded = true;
                let workers = self.members.len();
                let warning =
                    format!("no further worker can be started ({error}); {workers} go on");
                self.note(Fact::Warned(warning));
                Ok(())
            }
            done => done,
        }
    }

    fn spawn(&mut self) -> io::Result<()> {
        self.last_worker += 1;
        let worker = self.last_worker;
        let mut command = this_program();
        let orders = Orders {
            transport: self.plan.transport,
            address: self.links.prepare(worker, &mut command)?,
            worker,
            parent: std::process::id(),
            conduct: self.plan.conduct,
            chore: self.office.as_ref().map(|office| office.chore.clone()),
        };
        let spawned = self.supervisor.spawn(&mut command, &orders);
        let mut child = spawned.inspect_err(|_| self.links.exited(worker, &mut Vec::new()))?;
        self.processes += 1;
        self.links.spawned(worker, &mut child)?;
        self.members
            .insert(worker, Member::new(worker, child.id(), self.now));
        self.eager = true;
        Ok(())
    }

    /// Lets the workers go that have nothing more to do.
    pub(super) fn retire(&mut self) {
        let no_more = self.no_more();
        let quota = self.plan.ops_per_worker.unwrap_or(u64::MAX);
        for member in self.members.values_mut() {
            if member.tasks.is_empty() && member.takes() && (no_more || member.given >= quota) {
                member.closing = true;
                member.got_on(self.now);
                self.links.close(member.worker);
            }
        }
    }

    /// Whether nothing more is to be handed out.
    pub(super) fn no_more(&mut self) -> bool {
        self.stopped.is_some() || self.exhausted && self.feed.ready() == 0
    }
}
