//! A simulated worker: it speaks as the real one does, dies, hangs, and asks what it may not.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::scenario::HOST_CLOCK;
use super::scenario::{Evil, Sharing};
use crate::bank::{Action, Cell, Outcome, WorkEnd, touched};
use crate::event::Micros;
use crate::exit::Exit;
use crate::link::Arrived;
use crate::protocol::{
    Ask, Assignment, Reply, Report, Said, ShareReply, ShareRequest, Timing, WorkerRequest,
};
use crate::status::Status;
use crate::work::{AttemptEnd, CommandEvent, Termination, Work};

/// What is on its way to a worker.
#[derive(Clone, Debug)]
pub(super) enum ToWorker {
    Assignments(Vec<Assignment>),
    Replies(Vec<Reply>),
    Closed,
}

/// What a worker is at.
#[derive(Clone, Debug, PartialEq)]
enum At {
    /// It connects.
    Starting,
    /// It waits for operations.
    Idle,
    /// It waits for an answer.
    Asking,
    /// Its work takes until its timer, then it posts.
    Working,
    /// Its work on shared data takes until its timer, then it writes.
    Sharing(Vec<Cell>),
    /// Its command runs until its timer.
    Running,
    /// It waits until its timer before another attempt.
    Pausing,
    /// It does nothing any more.
    Hanging,
}

#[derive(Debug)]
pub(super) struct SimWorker {
    at: At,
    pub(super) timer: Option<Duration>,
    inbox: VecDeque<(Duration, ToWorker)>,
    assignments: VecDeque<Assignment>,
    current: Option<Assignment>,
    attempt: u32,
    due: usize,
    link_closed: bool,
    shares: Option<Sharing>,
    worked: bool,
    now: Duration,
    /// The requests whose answers are due and when each was sent, where it tells that.
    times: Option<VecDeque<(u64, Duration)>>,
    /// It starts no further command.
    pub(super) no_more_commands: bool,
    /// It ends its command.
    pub(super) ends_command: bool,
    pub(super) exit: Option<Exit>,
}

impl SimWorker {
    pub(super) fn new(
        shares: Option<Sharing>,
        tells_times: bool,
        now: Duration,
        evil: Evil,
        chance: &mut Chance,
    ) -> Self {
        let hangs = chance.happens(evil.hang);
        SimWorker {
            at: if hangs { At::Hanging } else { At::Starting },
            timer: (!hangs).then(|| now + chance.millis(20)),
            inbox: VecDeque::new(),
            assignments: VecDeque::new(),
            current: None,
            attempt: 0,
            due: 0,
            link_closed: false,
            shares,
            worked: false,
            now,
            times: tells_times.then(VecDeque::new),
            no_more_commands: false,
            ends_command: false,
            exit: None,
        }
    }

    pub(super) fn post(&mut self, message: ToWorker, now: Duration, chance: &mut Chance) {
        let last = self.inbox.back().map_or(Duration::ZERO, |(at, _)| *at);
        let at = last.max(now + chance.millis(3));
        self.inbox.push_back((at, message));
    }

    /// When it can do something next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        if self.exit.is_some() || self.at == At::Hanging {
            return None;
        }
        let message = self.inbox.front().map(|(at, _)| *at);
        let command = self.ends_command && matches!(self.at, At::Running | At::Pausing);
        [message, self.timer, command.then_some(Duration::ZERO)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what it can do now, and tells what it sent.
    pub(super) fn step(&mut self, now: Duration, evil: Evil, chance: &mut Chance) -> Vec<Arrived> {
        let mut sent = Sent::default();
        self.now = now;
        if chance.happens(evil.hang) {
            self.at = At::Hanging;
            self.timer = None;
            return Vec::new();
        }
        while self.exit.is_none()
            && let Some((at, _)) = self.inbox.front()
            && *at <= now
        {
            if let Some((_, message)) = self.inbox.pop_front() {
                self.receive(message, now, &mut sent, chance);
            }
        }
        let ends = self.ends_command && matches!(self.at, At::Running | At::Pausing);
        if self.exit.is_none() && (ends || self.timer.is_some_and(|timer| timer <= now)) {
            self.timer = None;
            self.timer_is_over(now, &mut sent, chance);
        }
        if self.exit.is_none() && self.at == At::Idle {
            self.go_on(&mut sent);
        }
        if chance.happens(evil.rogue) && self.exit.is_none() {
            self.ask_nonsense(&mut sent, chance);
        }
        sent.all()
    }

    fn receive(&mut self, message: ToWorker, now: Duration, sent: &mut Sent, chance: &mut Chance) {
        match message {
            ToWorker::Assignments(assignments) => self.assignments.extend(assignments),
            ToWorker::Closed => {
                self.link_closed = true;
                if self.due > 0 {
                    self.exit = Some(Exit::Status(Status::Died.code().into()));
                }
            }
            ToWorker::Replies(replies) => {
                for Reply { number, said } in replies {
                    if said != Said::Shared(ShareReply::Waiting) {
                        self.returned(number, sent);
                    }
                    let current = self.current.as_ref().map(|current| current.number);
                    self.due = self.due.saturating_sub(1);
                    if self.at == At::Asking && current == Some(number) {
                        self.answered(said, now, sent, chance);
                    }
                }
            }
        }
    }

    fn answered(&mut self, said: Said, now: Duration, sent: &mut Sent, chance: &mut Chance) {
        let Some(current) = self.current.clone() else {
            return;
        };
        match (said, current.work) {
            (Said::Decided(answer), Work::Simulated(work))
                if matches!(answer.outcome, Outcome::Held { .. }) =>
            {
                self.at = At::Working;
                self.timer = Some(now + work);
            }
            (Said::Decided(answer), Work::Command { .. })
                if matches!(answer.outcome, Outcome::Held { .. }) =>
            {
                self.attempt = 0;
                self.run_command(now, sent, chance);
            }
            (Said::Decided(_), _) => self.at = At::Idle,
            (Said::Shared(ShareReply::Waiting), _) => self.due += 1,
            // Simulated workers share no memory.
            (Said::Shared(ShareReply::Turn), _) => {}
            (Said::Shared(ShareReply::Claimed), _) => self.read(&current, sent),
            (Said::Shared(ShareReply::Cells(cells) | ShareReply::Conflict(cells)), work) => {
                let takes = !std::mem::replace(&mut self.worked, true);
                self.at = At::Sharing(cells);
                self.timer = Some(
                    now + if takes {
                        work.duration()
                    } else {
                        Duration::ZERO
                    },
                );
            }
        }
    }

    fn timer_is_over(&mut self, now: Duration, sent: &mut Sent, chance: &mut Chance) {
        match std::mem::replace(&mut self.at, At::Idle) {
            At::Starting => sent.arrived.push(Arrived::Ready),
            At::Working => self.ask(Ask::End(WorkEnd::Post { amount: None }), sent),
            At::Sharing(cells) => self.write(&cells, sent),
            At::Running => self.command_ended(now, sent, chance),
            At::Pausing => self.run_command(now, sent, chance),
            at @ (At::Idle | At::Asking | At::Hanging) => self.at = at,
        }
    }

    /// The next operations, or the end.
    fn go_on(&mut self, sent: &mut Sent) {
        while let Some(assignment) = self.assignments.pop_front() {
            let operation = assignment.operation.clone();
            let (number, work) = (assignment.number, assignment.work);
            self.worked = false;
            self.current = Some(assignment.clone());
            match work {
                _ if self.shares.is_some() && operation.id.is_some() => {
                    return self.ask(Ask::Share(ShareRequest::Claim(operation)), sent);
                }
                _ if self.shares.is_some() => return self.read(&assignment, sent),
                Work::None => {
                    self.due += 1;
                    self.sends(number);
                    let ask = Ask::Execute;
                    sent.requests.push(WorkerRequest { number, ask });
                }
                Work::Command { .. } if self.no_more_commands || self.ends_command => {
                    self.exit = Some(Exit::Status(0));
                    return;
                }
                Work::Simulated(_) | Work::Command { .. } => {
                    return self.ask(Ask::Begin, sent);
                }
            }
        }
        if self.link_closed {
            let code = if self.due == 0 {
                0
            } else {
                Status::Died.code().into()
            };
            self.exit = Some(Exit::Status(code));
        }
    }

    fn ask(&mut self, ask: Ask, sent: &mut Sent) {
        if let Some(current) = &self.current {
            let number = current.number;
            self.due += 1;
            self.at = At::Asking;
            self.sends(number);
            sent.requests.push(WorkerRequest { number, ask });
        }
    }

    fn sends(&mut self, number: u64) {
        let now = self.now;
        if let Some(times) = &mut self.times {
            times.push_back((number, now));
        }
    }

    /// Tells when it sent the first request about this operation and had its answer.
    fn returned(&mut self, number: u64, sent: &mut Sent) {
        let times = self.times.iter_mut();
        let first = times.flat_map(|times| {
            let place = times.iter().position(|(of, _)| *of == number)?;
            times.remove(place)
        });
        let micros = |time: Duration| HOST_CLOCK.0 + Micros::from(time).0;
        let returned_us = micros(self.now);
        let timings: Vec<Timing> = first
            .map(|(number, sent)| Timing {
                number,
                sent_us: micros(sent),
                returned_us,
            })
            .collect();
        if !timings.is_empty() {
            sent.arrived.push(Arrived::Timings(timings));
        }
    }

    fn read(&mut self, assignment: &Assignment, sent: &mut Sent) {
        let names = touched(&assignment.operation);
        let locks = self.shares == Some(Sharing::Lock);
        let request = match locks && assignment.operation.action != Action::Balance {
            true => ShareRequest::Lock(names),
            false => ShareRequest::Read(names),
        };
        self.ask(Ask::Share(request), sent);
    }

    fn write(&mut self, cells: &[Cell], sent: &mut Sent) {
        let Some(current) = self.current.clone() else {
            return;
        };
        let operation = &current.operation;
        let own = cells
            .iter()
            .find(|cell| cell.name == operation.account && cell.open);
        let view = own.map(|cell| cell.account.view());
        let request = match Cell::decide(operation, cells) {
            Ok(after) if self.shares == Some(Sharing::Lock) => ShareRequest::Write(after),
            Ok(after) => ShareRequest::CompareAndSet(after),
            Err(rejection) => ShareRequest::Settle(match (&operation.action, view) {
                (Action::Balance, Some(view)) => Outcome::Viewed { seq: 0, view },
                _ => Outcome::Refused { rejection, view },
            }),
        };
        self.ask(Ask::Share(request), sent);
    }

    /// Asks what no worker may ask now.
    fn ask_nonsense(&mut self, sent: &mut Sent, chance: &mut Chance) {
        let number = self.current.as_ref().map_or(0, |current| current.number);
        let (number, ask) = match (chance.below(4), &self.current) {
            (0, Some(_)) => (number, Ask::Execute),
            (1, Some(_)) => (number, Ask::Begin),
            (2, _) => (number + 1, Ask::End(WorkEnd::Post { amount: None })),
            _ => (number, Ask::End(WorkEnd::Void)),
        };
        sent.requests.push(WorkerRequest { number, ask });
    }
}

/// What a worker sends in one step: reports before the requests that follow from them.
#[derive(Default)]
struct Sent {
    arrived: Vec<Arrived>,
    requests: Vec<WorkerRequest>,
}

impl Sent {
    fn all(mut self) -> Vec<Arrived> {
        if !self.requests.is_empty() {
            self.arrived.push(Arrived::Requests(self.requests));
        }
        self.arrived
    }
}

mod command;
