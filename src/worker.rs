//! A worker: the child process that does one operation (or several, one after another).
//!
//! It holds no money and decides nothing by itself, except in `server-share`, where it applies the
//! bank's rules to the data it read. It ends when its parent does: the kernel kills it, or its link
//! ends.

mod args;
mod command;
mod error;
pub(crate) mod operation;
mod shared_memory;
mod times;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;

use crate::bank::WorkEnd;
use crate::command::Executor;
use crate::latencies::Stopwatch;
use crate::link::{LinkError, Received, WorkerEnd};
use crate::parent::die_with;
use crate::protocol::{
    Ask, Assignment, Outbox, ProtocolError, REPLY_LIMIT, Reply, ReplyBody, ToWorker, WorkerRequest,
};
use crate::wake::{RunningClock, TICK};
use crate::work::Work;
use operation::{OperationInWork, UnexpectedAnswer, WorkerStep};
use shared_memory::WorkerMemory;

use times::SentTimes;

pub use args::{WorkerArgs, WorkerMode};
pub use error::WorkerError;

/// The first argument of a worker's process.
pub const ENTRY: &str = "__worker";

/// Runs a worker with the arguments after [`ENTRY`] until its parent has nothing more for it.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), WorkerError> {
    let mut args = WorkerArgs::received(arguments).ok_or(WorkerError::NotAWorker)?;
    let (worker, parent) = (args.worker, args.parent);
    // Nothing else was settled in this process.
    let _ = args.unit.clone().settle();
    let executor = args
        .command_spec
        .take()
        .map(|command_spec| Executor::new(command_spec, parent));
    let executor = executor.transpose();
    // One that keeps a command must see to that command's end before its own, also if it is stopped.
    let by = match &executor {
        Ok(None) => Signal::KILL,
        _ => Signal::CONT,
    };
    if !die_with(parent, by) {
        return Ok(());
    }
    let executor = executor.map_err(|source| WorkerError::Commands { worker, source })?;
    let mut worker = Worker::connect(args, executor)?;
    worker.serve()?;
    worker.leave_measured()
}

struct Worker {
    args: WorkerArgs,
    link: Box<dyn WorkerEnd>,
    executor: Option<Executor>,
    /// What it shares with the others, where that is memory. An operation borrows it beside the worker.
    memory: Option<Rc<WorkerMemory>>,
    outbox: Outbox,
    /// Given and not begun.
    assignments: VecDeque<Assignment>,
    /// It takes no further operation.
    leaving: bool,
    /// How many replies are due.
    due: usize,
    /// How long each may take.
    limit: Duration,
    /// What was asked last, for the message when no answer comes.
    asked: &'static str,
    /// When it sent the requests whose answers are due, where it tells that.
    times: Option<SentTimes>,
    /// How long its operations take, where that is measured.
    stopwatch: Option<Stopwatch>,
}

impl Worker {
    fn connect(mut args: WorkerArgs, executor: Option<Executor>) -> Result<Self, WorkerError> {
        let WorkerArgs { worker, parent, .. } = args;
        let link = args.transport.worker(worker, &args.address);
        let link = link.map_err(|source| WorkerError::Link {
            worker,
            parent,
            source,
        })?;
        let inherited = |place| WorkerMemory::inherited(place, worker);
        let memory = args.memory.map(inherited).transpose();
        let memory = memory.map_err(|source| WorkerError::Memory { worker, source })?;
        let times = args.tells_times.then(SentTimes::default);
        let stopwatch = args.measure.take().map(Stopwatch::start).transpose();
        let stopwatch = stopwatch.map_err(|source| WorkerError::Measure { worker, source })?;
        Ok(Worker {
            args,
            link,
            executor,
            memory: memory.map(Rc::new),
            outbox: Outbox::new(worker),
            assignments: VecDeque::new(),
            leaving: false,
            due: 0,
            limit: REPLY_LIMIT,
            asked: "request",
            times,
            stopwatch,
        })
    }

    fn serve(&mut self) -> Result<(), WorkerError> {
        loop {
            while let Some(assignment) = self.assignments.pop_front() {
                self.process(assignment)?;
                if self.leaving {
                    return self.flush();
                }
            }
            self.flush()?;
            match self.receive()? {
                Some(ToWorker::Assignments(assignments)) => self.assignments.extend(assignments),
                Some(ToWorker::Replies(replies)) => {
                    self.due = self.due.saturating_sub(replies.len())
                }
                Some(ToWorker::Probes(_)) => return Err(self.unexpected()),
                None => return Ok(()),
            }
        }
    }

    /// Leaves what was measured, for the parent to find once this process has ended.
    fn leave_measured(self) -> Result<(), WorkerError> {
        let worker = self.args.worker;
        let left = self.stopwatch.map_or(Ok(()), Stopwatch::finish);
        left.map_err(|source| WorkerError::Measure { worker, source })
    }

    /// An operation begins, where that is measured.
    fn begin_lap(&mut self) {
        if let Some(stopwatch) = &mut self.stopwatch {
            stopwatch.begin();
        }
    }

    /// So many of those that began first have ended.
    fn end_laps(&mut self, count: usize) {
        if let Some(stopwatch) = &mut self.stopwatch {
            stopwatch.end(count);
        }
    }

    fn process(&mut self, assignment: Assignment) -> Result<(), WorkerError> {
        let method = match self.args.conduct {
            WorkerMode::ShareMemory(sharing) => return self.share_memory(&assignment, sharing),
            WorkerMode::ShareData(method) => Some(method),
            WorkerMode::AskTheBank => None,
        };
        if matches!(assignment.work, Work::Command { .. }) && !self.may_start_command() {
            // It was asked to end: other workers do its operations.
            self.leaving = true;
            return Ok(());
        }
        self.begin_lap();
        self.work_through(OperationInWork::new(assignment, method))?;
        if method.is_some() {
            // Where the bank is asked, it ends with the answer.
            self.end_laps(1);
        }
        Ok(())
    }

    /// Does what the operation says, one thing after another.
    fn work_through(&mut self, mut operation: OperationInWork) -> Result<(), WorkerError> {
        let number = operation.assignment().number;
        loop {
            let step = operation.next();
            match step.map_err(|UnexpectedAnswer| self.unexpected())? {
                WorkerStep::AskAhead(ask) => self.put(number, ask)?,
                WorkerStep::Ask(ask) => {
                    let body = self.ask(number, ask)?;
                    operation.answered(body);
                }
                // Every word that the wait goes on starts its limit anew.
                WorkerStep::Await => {
                    self.due += 1;
                    let body = self.reply(number)?;
                    operation.answered(body);
                }
                WorkerStep::Work(work) => {
                    std::thread::sleep(work);
                    operation.worked();
                }
                WorkerStep::Attempt { attempt, failed } => {
                    let follows = self.attempt(operation.assignment(), attempt, failed)?;
                    operation.attempted(follows);
                }
                WorkerStep::Pause(pause) => self.pause(pause)?,
                WorkerStep::Done => return Ok(()),
            }
        }
    }

    /// Waits until every answer that is due has come.
    fn await_replies(&mut self) -> Result<(), WorkerError> {
        self.flush()?;
        while self.due > 0 {
            match self.receive()? {
                Some(ToWorker::Assignments(assignments)) => self.assignments.extend(assignments),
                Some(ToWorker::Replies(replies)) => {
                    self.due = self.due.saturating_sub(replies.len());
                }
                Some(ToWorker::Probes(_)) => return Err(self.unexpected()),
                None => return Err(self.parent_gone()),
            }
        }
        Ok(())
    }

    fn put(&mut self, number: u64, ask: Ask) -> Result<(), WorkerError> {
        self.asked = what_asks(&ask);
        self.due += 1;
        if let Some(times) = &mut self.times {
            times.sent(number);
        }
        let put = self.outbox.request(&WorkerRequest { number, ask });
        put.map_err(|error| self.broken(error.into()))
    }

    /// Asks and waits for the answer.
    fn ask(&mut self, number: u64, ask: Ask) -> Result<ReplyBody, WorkerError> {
        self.put(number, ask)?;
        self.flush()?;
        self.reply(number)
    }

    /// Waits for the next answer about this operation.
    fn reply(&mut self, number: u64) -> Result<ReplyBody, WorkerError> {
        loop {
            match self.receive()? {
                Some(ToWorker::Assignments(assignments)) => self.assignments.extend(assignments),
                Some(ToWorker::Replies(replies)) => {
                    self.due = self.due.saturating_sub(replies.len());
                    if let Some(reply) = replies
                        .into_iter()
                        .find(|reply: &Reply| reply.number == number)
                    {
                        return Ok(reply.body);
                    }
                }
                Some(ToWorker::Probes(_)) => return Err(self.unexpected()),
                None => return Err(self.parent_gone()),
            }
        }
    }

    fn flush(&mut self) -> Result<(), WorkerError> {
        let sent = self.link.send(&mut self.outbox);
        sent.map_err(|error| self.broken(error))
    }

    /// The next message. With an answer due the wait has a limit, and the end of the link is an error;
    /// with none due, the next operation may take as long as the input does.
    fn receive(&mut self) -> Result<Option<ToWorker>, WorkerError> {
        if self.due == 0 {
            return match self.link.receive(None) {
                Ok(Received::Message(message)) => self.came(message).map(Some),
                Ok(Received::Closed | Received::Nothing) => Ok(None),
                Err(error) => Err(self.broken(error)),
            };
        }
        let mut clock = RunningClock::start();
        while clock.now() < self.limit {
            match self.link.receive(Some(TICK)) {
                Ok(Received::Message(message)) => return self.came(message).map(Some),
                Ok(Received::Closed) => return Err(self.parent_gone()),
                Ok(Received::Nothing) => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
        Err(WorkerError::NoReply {
            worker: self.args.worker,
            parent: self.args.parent,
            limit: self.limit,
            asked: self.asked,
        })
    }

    /// A message that came, after the times of the requests that it answers were noted.
    fn came(&mut self, message: ToWorker) -> Result<ToWorker, WorkerError> {
        if let (WorkerMode::AskTheBank, ToWorker::Replies(replies)) = (self.args.conduct, &message)
        {
            self.end_laps(replies.len());
        }
        if let (Some(times), ToWorker::Replies(replies)) = (&mut self.times, &message) {
            let put = times.returned(replies, &mut self.outbox);
            put.map_err(|error| self.broken(error.into()))?;
        }
        Ok(message)
    }

    fn broken(&self, source: LinkError) -> WorkerError {
        WorkerError::Link {
            worker: self.args.worker,
            parent: self.args.parent,
            source,
        }
    }

    fn parent_gone(&self) -> WorkerError {
        WorkerError::ParentGone {
            worker: self.args.worker,
            parent: self.args.parent,
        }
    }

    /// An answer that this question cannot have.
    fn unexpected(&self) -> WorkerError {
        self.broken(ProtocolError::Content("answer").into())
    }
}

fn what_asks(ask: &Ask) -> &'static str {
    match ask {
        Ask::Execute => "operation",
        Ask::Begin => "begin",
        Ask::End(WorkEnd::Post { .. }) => "post",
        Ask::End(WorkEnd::Void | WorkEnd::Unspent | WorkEnd::Decline) => "void",
        Ask::End(WorkEnd::Doubt) => "doubt",
        Ask::End(WorkEnd::Keep { .. }) => "request",
        Ask::Share(_) => "request for shared data",
    }
}

#[cfg(test)]
mod tests;
