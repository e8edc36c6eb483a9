//! What the run wants done, and what of that must never be.

use std::mem::{Discriminant, discriminant};

use super::*;
use crate::bank::{Answer, Outcome, Request};
use crate::event::Event;
use crate::protocol::{Ask, ReplyBody, ShareReply, ShareRequest};
use crate::server::{Incoming, Outgoing, RunRequest};

/// Which request it is, whatever it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AskKind {
    Execute,
    Begin,
    End,
    Share(Discriminant<ShareRequest>),
}

/// Which request a worker sent.
pub(super) fn kind(ask: &Ask) -> AskKind {
    match ask {
        Ask::Execute => AskKind::Execute,
        Ask::Begin => AskKind::Begin,
        Ask::End(_) => AskKind::End,
        Ask::Share(request) => AskKind::Share(discriminant(request)),
    }
}

/// Which request of a worker the run submits.
fn submitted(request: &RunRequest) -> AskKind {
    match request {
        RunRequest::Bank(Request::Execute(_)) => AskKind::Execute,
        RunRequest::Bank(Request::Begin(_)) => AskKind::Begin,
        RunRequest::Bank(_) => AskKind::End,
        RunRequest::Share(_, request) => AskKind::Share(discriminant(request)),
    }
}

impl World {
    pub(super) fn perform(&mut self, effect: Effect) -> Result<(), Broken> {
        match effect {
            Effect::Spawn(worker) => self.spawn(worker)?,
            Effect::Assign(worker, assignments) => self.assign(worker, assignments)?,
            Effect::Reply(worker, replies) => {
                let is_its = replies
                    .iter()
                    .all(|reply| (reply.number >> 32) as u32 == worker);
                hold!(is_its, "worker {worker} gets the replies of another");
                self.post(worker, SimMessage::Replies(replies));
            }
            Effect::CloseLink(worker) => {
                if let Some(process) = self.processes.get_mut(&worker) {
                    hold!(
                        process.hand.is_empty(),
                        "worker {worker} is let go with work in its hands"
                    );
                    process.closing = true;
                    process.contact = self.now;
                }
                self.post(worker, SimMessage::Closed);
            }
            Effect::Kill(worker) => {
                self.may_kill(worker)?;
                if let Some(process) = self.processes.get_mut(&worker) {
                    process.killed = true;
                }
                self.die(worker);
            }
            Effect::KillAll => {
                let workers: Vec<u32> = self.processes.keys().copied().collect();
                workers.into_iter().for_each(|worker| self.die(worker));
            }
            Effect::StartNoMoreCommands(workers) => {
                for worker in workers {
                    if let Some(process) = self.processes.get_mut(&worker) {
                        process.worker.no_more_commands = true;
                    }
                }
            }
            Effect::EndCommands => {
                for process in self.processes.values_mut() {
                    process.worker.ends_command = true;
                }
            }
            Effect::EndNow(_) => self.killed = true,
            Effect::Submit(batch) => {
                for Incoming {
                    caller, request, ..
                } in &batch
                {
                    let is_late = self.late.contains(&(caller.number, submitted(request)));
                    hold!(
                        !is_late,
                        "{} is asked after its worker was given up",
                        caller.number
                    );
                }
                self.ledger.submit(batch, self.now, &mut self.chance);
            }
            Effect::Abandon { caller, end } => {
                self.may_abandon(caller.number)?;
                let abandoned = vec![Incoming::abandoned(caller, end)];
                self.ledger.submit(abandoned, self.now, &mut self.chance);
            }
            Effect::GiveUp => hold!(self.ledger.failed, "it gave up on a good ledger"),
            Effect::StopLedgerRetries => {}
            Effect::ExtendWaits(waiting) => {
                self.extended_at = self.now;
                self.all_who_wait_are(&waiting)?;
                let (outgoing, settled) = (self.ledger.extend_lease_waits(), 0);
                self.tell(Input::Decided { outgoing, settled });
            }
            Effect::Take(most) => {
                let (items, rest) = self.take(most);
                self.tell(Input::Took { items, rest });
            }
            Effect::Tell(events) => {
                for event in &events {
                    self.promises.told(event, &self.ledger)?;
                    self.recorded.told(event);
                    if let Event::Completed(operation) = event {
                        self.posted.push(operation.clone());
                    }
                }
            }
            Effect::Say(_) => {}
            Effect::CloseLedger(names) => {
                self.closing = true;
                self.ledger.begin_to_close(names);
            }
            Effect::Finish(conclusion) => self.conclusion = Some(conclusion),
        }
        Ok(())
    }

    fn spawn(&mut self, worker: u32) -> Result<(), Broken> {
        hold!(
            !self.promises.stopped,
            "worker {worker} was started after the stop"
        );
        let unreaped = self
            .processes
            .values()
            .filter(|process| !process.exit_told)
            .count();
        let jobs = self.scenario.settings.jobs;
        hold!(
            unreaped < jobs,
            "{unreaped} workers and one more, where {jobs} may be"
        );
        if self.chance.happens(self.scenario.evil.no_process) {
            // Without any worker, the run cannot go on.
            let is_alone = self
                .processes
                .values()
                .all(|process| process.exit_told && process.link_end_told);
            let why = "no more processes".to_string();
            self.tell(Input::SpawnFailed { worker, why });
            self.promises.aborted |= is_alone;
            self.promises.stopped |= self.run.shutdown.is_stopped();
            return Ok(());
        }
        self.started += 1;
        let (evil, shares) = (self.scenario.evil, self.scenario.shares);
        let settings = &self.scenario.settings;
        let clock = settings.steps.then_some(settings.clock_us);
        let process = SimProcess {
            worker: SimWorker::new(shares, clock, self.now, evil, &mut self.chance),
            to_parent: VecDeque::new(),
            ended: false,
            exit_told: false,
            link_end_told: false,
            contact: self.now,
            ready: false,
            closing: false,
            given: 0,
            hand: VecDeque::new(),
            asked: 0,
            killed: false,
        };
        self.processes.insert(worker, process);
        self.tell(Input::Spawned {
            worker,
            pid: worker,
        });
        Ok(())
    }

    fn assign(&mut self, worker: u32, assignments: Vec<Assignment>) -> Result<(), Broken> {
        let lines = self.run.lines_of(worker);
        let Some(process) = self.processes.get_mut(&worker) else {
            return Err(format!("worker {worker} does not exist"));
        };
        let takes =
            process.ready && !process.closing && !process.exit_told && !process.link_end_told;
        hold!(takes, "worker {worker} takes nothing");
        for assignment in &assignments {
            let number = assignment.number;
            let line = lines.get(&number).copied().unwrap_or_default();
            self.promises.assign(worker, assignment, line, self.now)?;
            if process.hand.is_empty() {
                process.contact = self.now;
            }
            process.hand.push_back((number, assignment.work));
            process.given += 1;
        }
        let most = self.scenario.settings.ops_per_worker.unwrap_or(u64::MAX);
        hold!(
            process.given <= most,
            "worker {worker} was given more than {most}"
        );
        self.post(worker, SimMessage::Assignments(assignments));
        Ok(())
    }

    fn post(&mut self, worker: u32, message: SimMessage) {
        if let Some(process) = self.processes.get_mut(&worker) {
            process.worker.post(message, self.now, &mut self.chance);
        }
    }

    /// What a worker had sent counts: only then is its operation given back.
    fn may_abandon(&self, number: u64) -> Result<(), Broken> {
        let worker = (number >> 32) as u32;
        let Some(process) = self.processes.get(&worker) else {
            return Err(format!("worker {worker} does not exist"));
        };
        hold!(process.exit_told, "worker {worker} is given up and lives");
        let read = process.to_parent.is_empty() || process.killed;
        hold!(
            read,
            "worker {worker} is given up, and its link was not read to the end"
        );
        // One that waits for a lease has an answer due.
        let is_due = process.asked > 0 && self.scenario.shares.is_none();
        let counts = !is_due || process.killed;
        hold!(
            counts,
            "worker {worker} is given up, and what it asked does not count"
        );
        let is_asked = self.ledger.is_asked(number);
        hold!(!is_asked, "{number} is given up while it is being decided");
        Ok(())
    }

    fn take(&mut self, most: usize) -> (Vec<Item>, InputState) {
        let here = self.chance.below(self.input.len() + 2);
        let items: Vec<Item> = self
            .input
            .drain(..here.min(most).min(self.input.len()))
            .collect();
        let rest = match (
            items.len() == most,
            self.input.is_empty() && here > items.len(),
        ) {
            (true, _) => InputState::More,
            (_, false) => InputState::NotYet,
            (_, true) if self.scenario.input_fails && !self.input_ended => {
                self.input_ended = true;
                InputState::Failed("it cannot be read".to_string())
            }
            _ => InputState::Ended,
        };
        (items, rest)
    }

    /// Keeps count of what workers wait for.
    pub(super) fn answered(&mut self, outgoing: &Outgoing) {
        let (number, progress) = match outgoing {
            Outgoing::Reply(number, ReplyBody::Shared(ShareReply::Waiting)) => (*number, false),
            Outgoing::Reply(number, _) => (*number, true),
            Outgoing::Waits(_) | Outgoing::Abandoned(..) => return,
            Outgoing::Impossible(number, _) => (*number, false),
        };
        let Some(process) = self.processes.get_mut(&((number >> 32) as u32)) else {
            return;
        };
        process.asked -= 1;
        if progress {
            process.contact = self.now;
        }
        let is_held = matches!(
            outgoing,
            Outgoing::Reply(
                _,
                ReplyBody::Decided(Answer {
                    outcome: Outcome::Held { .. },
                    ..
                })
            )
        );
        let decided = matches!(outgoing, Outgoing::Reply(_, ReplyBody::Decided(_))) && !is_held;
        if decided
            && process
                .hand
                .front()
                .is_some_and(|(first, _)| *first == number)
        {
            process.hand.pop_front();
        }
    }
}
