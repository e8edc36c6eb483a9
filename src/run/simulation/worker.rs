//! A simulated worker: it speaks as the real one does, dies, hangs, and asks what it may not.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::scenario::{DECLINED, Evil};
use crate::bank::WorkEnd;
use crate::command::NextAction;
use crate::event::Micros;
use crate::exit::Exit;
use crate::link::Arrived;
use crate::protocol::{
    Ask, Assignment, Reply, ReplyBody, Report, ShareReply, Timing, WorkerRequest,
};
use crate::sharing::SharingMethod;
use crate::status::Status;
use crate::work::{AttemptEnd, CommandEvent, Termination, Work};
use crate::worker::operation::{OperationInWork, UnexpectedAnswer, WorkerStep};

/// What is on its way to a worker.
#[derive(Clone, Debug)]
pub(super) enum SimMessage {
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
    /// Its work takes until its timer.
    Working,
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
    inbox: VecDeque<(Duration, SimMessage)>,
    assignments: VecDeque<Assignment>,
    /// The operation that it is at, as the real worker does it.
    operation: Option<OperationInWork>,
    /// The number of the last one.
    pub(super) number: u64,
    /// How many attempts of its command have failed.
    failed: u32,
    /// How its operation's work really ended, once it has.
    pub(super) worked: Option<WorkEnd>,
    /// What it asks although its work does not say so.
    pub(super) untrue: Option<String>,
    due: usize,
    link_closed: bool,
    shares: Option<SharingMethod>,
    now: Duration,
    /// The requests whose answers are due and when each was sent by the host's clock, where it tells that.
    times: Option<VecDeque<(u64, u64)>>,
    /// What the host's clock showed when the run began.
    clock: Micros,
    /// How long its host has stood still since.
    pub(super) stood: Duration,
    /// It starts no further command.
    pub(super) no_more_commands: bool,
    /// It ends its command.
    pub(super) ends_command: bool,
    pub(super) exit: Option<Exit>,
}

impl SimWorker {
    pub(super) fn new(
        shares: Option<SharingMethod>,
        clock: Option<Micros>,
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
            operation: None,
            number: 0,
            failed: 0,
            worked: None,
            untrue: None,
            due: 0,
            link_closed: false,
            shares,
            now,
            times: clock.map(|_| VecDeque::new()),
            clock: clock.unwrap_or_default(),
            stood: Duration::ZERO,
            no_more_commands: false,
            ends_command: false,
            exit: None,
        }
    }

    pub(super) fn post(&mut self, message: SimMessage, now: Duration, chance: &mut Chance) {
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
                self.receive(message, &mut sent, chance);
            }
        }
        let ends = self.ends_command && matches!(self.at, At::Running | At::Pausing);
        if self.exit.is_none() && (ends || self.timer.is_some_and(|timer| timer <= now)) {
            self.timer = None;
            self.timer_is_over(now, &mut sent, chance);
        }
        if self.exit.is_none() && self.at == At::Idle {
            self.go_on(&mut sent, chance);
        }
        if chance.happens(evil.rogue) && self.exit.is_none() {
            self.ask_nonsense(&mut sent, chance);
        }
        sent.all()
    }

    fn receive(&mut self, message: SimMessage, sent: &mut Sent, chance: &mut Chance) {
        match message {
            SimMessage::Assignments(assignments) => self.assignments.extend(assignments),
            SimMessage::Closed => {
                self.link_closed = true;
                if self.due > 0 {
                    self.exit = Some(died());
                }
            }
            SimMessage::Replies(replies) => {
                for Reply { number, body } in replies {
                    if body != ReplyBody::Shared(ShareReply::Waiting) {
                        self.returned(number, sent);
                    }
                    self.due = self.due.saturating_sub(1);
                    if let Some(operation) = &mut self.operation
                        && self.at == At::Asking
                        && self.number == number
                    {
                        operation.answered(body);
                        self.at = At::Idle;
                        self.go_on(sent, chance);
                    }
                }
            }
        }
    }

    fn timer_is_over(&mut self, now: Duration, sent: &mut Sent, chance: &mut Chance) {
        match std::mem::replace(&mut self.at, At::Idle) {
            At::Starting => sent.arrived.push(Arrived::Ready),
            At::Working => {
                self.worked = Some(WorkEnd::Post { amount: None });
                if let Some(operation) = &mut self.operation {
                    operation.worked();
                }
            }
            At::Running => self.command_ended(sent, chance),
            At::Pausing => {}
            at @ (At::Idle | At::Asking | At::Hanging) => self.at = at,
        }
        self.now = now;
    }

    /// Does what the operation says until it waits, and the next operations, until the end.
    fn go_on(&mut self, sent: &mut Sent, chance: &mut Chance) {
        while self.at == At::Idle && self.exit.is_none() {
            let Some(operation) = &mut self.operation else {
                if !self.take_next() {
                    return;
                }
                continue;
            };
            match operation.next() {
                Ok(WorkerStep::AskAhead(ask)) => self.ask(ask, sent),
                Ok(WorkerStep::Ask(ask)) => {
                    self.ask(ask, sent);
                    self.at = At::Asking;
                }
                Ok(WorkerStep::Await) => {
                    self.due += 1;
                    self.at = At::Asking;
                }
                Ok(WorkerStep::Work(work)) => self.wait(At::Working, work),
                Ok(WorkerStep::Attempt { attempt, failed }) => {
                    self.run_command(attempt, failed, sent, chance);
                }
                Ok(WorkerStep::Pause(pause)) => self.wait(At::Pausing, pause),
                Ok(WorkerStep::Done) => self.operation = None,
                Err(UnexpectedAnswer) => self.exit = Some(died()),
            }
        }
    }

    fn wait(&mut self, at: At, time: Duration) {
        self.at = at;
        self.timer = Some(self.now + time);
    }

    /// Takes the next operation; false if there is none, or it ends before.
    fn take_next(&mut self) -> bool {
        let Some(assignment) = self.assignments.pop_front() else {
            if self.link_closed {
                let is_well = self.due == 0;
                self.exit = Some(if is_well { Exit::Status(0) } else { died() });
            }
            return false;
        };
        self.number = assignment.number;
        self.worked = None;
        let is_command = matches!(assignment.work, Work::Command { .. });
        if is_command && (self.no_more_commands || self.ends_command) {
            self.exit = Some(Exit::Status(0));
            return false;
        }
        self.operation = Some(OperationInWork::new(assignment, self.shares));
        true
    }

    fn ask(&mut self, ask: Ask, sent: &mut Sent) {
        let number = self.number;
        let operation = self.operation.as_ref();
        let work = operation.map_or(Work::None, |operation| operation.assignment().work);
        let is_true = match &ask {
            Ask::End(end) => self.worked.as_ref() == Some(end),
            Ask::Execute => work == Work::None,
            Ask::Begin | Ask::Share(_) => true,
        };
        if !is_true {
            let worked = &self.worked;
            self.untrue = Some(format!(
                "{number} asks {ask:?}, and its work came to {worked:?}"
            ));
        }
        self.due += 1;
        self.sends(number);
        sent.requests.push(WorkerRequest { number, ask });
    }

    fn sends(&mut self, number: u64) {
        let now = self.host_clock();
        if let Some(times) = &mut self.times {
            times.push_back((number, now));
        }
    }

    /// What the host's clock shows, in microseconds.
    fn host_clock(&self) -> u64 {
        self.clock.0 + Micros::from(self.now + self.stood).0
    }

    /// Tells when it sent the first request about this operation and had its answer.
    fn returned(&mut self, number: u64, sent: &mut Sent) {
        let returned_us = self.host_clock();
        let first = self.times.as_mut().and_then(|times| {
            let place = times.iter().position(|(of, _)| *of == number)?;
            times.remove(place)
        });
        if let Some((number, sent_us)) = first {
            let timing = Timing {
                number,
                sent_us,
                returned_us,
            };
            sent.arrived.push(Arrived::Timings(vec![timing]));
        }
    }

    /// Asks what no worker may ask now.
    fn ask_nonsense(&mut self, sent: &mut Sent, chance: &mut Chance) {
        let number = self.number;
        let (number, ask) = match (chance.below(4), number) {
            (0, 1..) => (number, Ask::Execute),
            (1, 1..) => (number, Ask::Begin),
            (2, _) => (number + 1, Ask::End(WorkEnd::Post { amount: None })),
            _ => (number, Ask::End(WorkEnd::Void)),
        };
        self.sends(number);
        sent.requests.push(WorkerRequest { number, ask });
    }
}

fn died() -> Exit {
    Exit::Status(Status::Died.code().into())
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
