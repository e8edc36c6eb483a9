//! The workers of a run and what each of them was given.

use std::collections::VecDeque;
use std::time::Duration;

use super::Plan;
use crate::bank::{Line, Operation, Request as BankRequest, ShareRequest};
use crate::errand::GRACE;
use crate::event::{Cause, Fault, Subject};
use crate::exit::Exit;
use crate::protocol::{Ask, Reply, Request};
use crate::store::Certainty;
use crate::work::{Ran, Work};
use crate::worker::REPLY_LIMIT;

/// How long a worker may take to start, to end, or to get its last words through.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a worker may take for an operation's work.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// If that is simulated; nothing is its own duration and a minute.
    simulated: Option<Duration>,
    /// For each attempt, if that is a command; nothing is for ever.
    command: Option<Duration>,
}

impl Patience {
    pub(super) fn of(plan: &Plan) -> Self {
        let terms = plan.commands.as_ref().map(|commands| commands.terms);
        let command = terms.and_then(|terms| {
            // The worker itself ends it in time; this is for a worker that does not.
            Some(terms.timeout? + GRACE + terms.longest_pause() + REPLY_LIMIT)
        });
        Patience {
            simulated: plan.timeout,
            command,
        }
    }
}

/// One operation in a worker's hands.
pub(super) struct Task {
    /// Names it towards the worker and the store; the worker's own number is the upper half.
    pub(super) number: u64,
    pub(super) operation: Operation,
    pub(super) line: Option<Line>,
    pub(super) work: Work,
    /// What is known of its command.
    pub(super) ran: Option<Box<Ran>>,
    /// Its money is set aside for a command.
    pub(super) is_held: bool,
    pub(super) given_at: Duration,
}

impl Task {
    /// Its command was started, and nobody knows what it did.
    pub(super) fn is_doubtful(&self) -> bool {
        self.ran.as_ref().is_some_and(|ran| ran.is_doubtful())
    }

    /// The work that was done for it.
    pub(super) fn worked(&self) -> Duration {
        let ended = self.ran.as_ref().and_then(|ran| ran.ended.as_ref());
        ended.map_or(self.work.duration(), |ended| ended.took)
    }
}

/// An operation whose worker is gone, until what becomes of its money is durable.
pub(super) struct Leaving {
    pub(super) subject: Subject,
    pub(super) fault: Fault,
    /// Nobody knows what its command did, so nothing is given back.
    pub(super) in_doubt: bool,
    /// Its money was set aside for a command.
    is_held: bool,
    pub(super) given_at: Duration,
}

impl Leaving {
    pub(super) fn of(member: &Member, task: Task, fault: Fault) -> Self {
        let (in_doubt, given_at) = (task.is_doubtful(), task.given_at);
        let is_held = task.is_held;
        Leaving {
            subject: member.subject_of(task),
            fault,
            in_doubt,
            is_held,
            given_at,
        }
    }

    /// The ledger failed. What is set aside there for a command, and whose end was not in flight or was
    /// certainly not written, is in doubt there from now on, however the command ended.
    pub(super) fn untold(mut self, in_flight: Option<Certainty>) -> Self {
        self.in_doubt |= self.is_held && in_flight != Some(Certainty::Unknown);
        self
    }
}

/// One worker.
pub(super) struct Member {
    pub(super) worker: u32,
    pub(super) pid: u32,
    /// Its link is up.
    pub(super) ready: bool,
    /// It was told that nothing more will come.
    pub(super) closing: bool,
    /// How many operations it was given in all.
    pub(super) given: u64,
    /// Those in its hands, in the order in which it does them.
    pub(super) tasks: VecDeque<Task>,
    /// How many of them it has asked about.
    asked: usize,
    /// The first of them has begun and is not decided.
    begun: bool,
    /// Answers on their way to it.
    pub(super) replies: Vec<Reply>,
    /// It waits for a lease that another holds.
    waits: bool,
    /// How many requests must have settled before none of its own is in flight.
    pub(super) waits_until: u64,
    pub(super) link_ended: bool,
    pub(super) exit: Option<Exit>,
    pub(super) fault: Option<Fault>,
    /// When it last got on.
    since: Duration,
}

impl Member {
    pub(super) fn new(worker: u32, pid: u32, now: Duration) -> Self {
        Member {
            worker,
            pid,
            ready: false,
            closing: false,
            given: 0,
            tasks: VecDeque::new(),
            asked: 0,
            begun: false,
            replies: Vec::new(),
            waits: false,
            waits_until: 0,
            link_ended: false,
            exit: None,
            fault: None,
            since: now,
        }
    }

    /// Whether it can be given operations.
    pub(super) fn takes(&self) -> bool {
        self.ready
            && !self.closing
            && !self.link_ended
            && self.exit.is_none()
            && self.fault.is_none()
    }

    pub(super) fn give(&mut self, task: Task, now: Duration) {
        if self.tasks.is_empty() {
            self.since = now;
        }
        self.given += 1;
        self.tasks.push_back(task);
    }

    /// It got on: its patience starts anew.
    pub(super) fn got_on(&mut self, now: Duration) {
        self.since = now;
        self.waits = false;
    }

    /// It waits for a lease.
    pub(super) fn wait(&mut self) {
        self.waits = true;
    }

    /// Takes its first task off it, if that is the one of this number.
    pub(super) fn done(&mut self, number: u64) -> Option<Task> {
        self.tasks.front().filter(|task| task.number == number)?;
        self.asked = self.asked.saturating_sub(1);
        self.begun = false;
        self.tasks.pop_front()
    }

    /// Takes those tasks off it that it has asked about.
    pub(super) fn take_asked(&mut self) -> Vec<Task> {
        let asked = std::mem::take(&mut self.asked).min(self.tasks.len());
        self.tasks.drain(..asked).collect()
    }

    /// The task that a request is about, if it is one that this worker may ask now.
    pub(super) fn asks(&mut self, request: &Request) -> Option<&Task> {
        let (index, operation) = match &request.ask {
            // No worker deals in holds and accounts.
            Ask::Bank(
                BankRequest::Hold { .. }
                | BankRequest::Keep { .. }
                | BankRequest::PostHold { .. }
                | BankRequest::VoidHold { .. }
                | BankRequest::Open { .. },
            ) => return None,
            // Only work that may fail is given back, and only such work tells what it spent.
            Ask::Bank(
                BankRequest::Void
                | BankRequest::Unspent
                | BankRequest::Decline
                | BankRequest::Doubt
                | BankRequest::Post { amount: Some(_) },
            ) if !self.may_fail() => return None,
            // None begins what it has begun.
            Ask::Bank(BankRequest::Begin(_)) | Ask::Share(ShareRequest::Claim(_))
                if self.asked > 0 =>
            {
                return None;
            }
            // None goes on to the next one before the first is decided, or comes back to it.
            Ask::Bank(BankRequest::Execute(_)) if self.begun => return None,
            Ask::Bank(BankRequest::Execute(operation)) => {
                self.asked += 1;
                (self.asked - 1, Some(operation))
            }
            Ask::Bank(_) | Ask::Share(_) if self.asked > 1 => return None,
            Ask::Bank(BankRequest::Begin(operation))
            | Ask::Share(ShareRequest::Claim(operation)) => {
                self.asked = 1;
                self.begun = true;
                (0, Some(operation))
            }
            Ask::Bank(_) | Ask::Share(_) => {
                self.asked = 1;
                (0, None)
            }
        };
        let task = self
            .tasks
            .get(index)
            .filter(|task| task.number == request.number)?;
        operation
            .is_none_or(|operation| *operation == task.operation)
            .then_some(task)
    }

    /// Whether it has begun an operation whose work is a command.
    pub(super) fn may_fail(&self) -> bool {
        let front = self.tasks.front().map(|task| task.work);
        self.begun && matches!(front, Some(Work::Command { .. }))
    }

    /// The task that it tells of, if it is one whose command it may run now.
    pub(super) fn hears(&mut self, number: u64) -> Option<&mut Task> {
        let may = self.may_fail();
        let front = self.tasks.front_mut();
        front.filter(|task| may && task.number == number)
    }

    /// When its patience ends, and what is said of it then.
    pub(super) fn due(&self, patience: Patience) -> Option<(Duration, Fault)> {
        let front = self.tasks.front();
        let (limit, did_not) = match front {
            _ if self.fault.is_some() && self.exit.is_none() => return None,
            _ if self.exit.is_some() => (START_LIMIT, "get its last messages through"),
            _ if !self.ready => (START_LIMIT, "connect to the server"),
            _ if self.waits => return None,
            Some(Task {
                work: Work::Command { .. },
                ..
            }) => (patience.command?, "finish its command"),
            Some(task) => (
                patience
                    .simulated
                    .unwrap_or(task.work.duration() + REPLY_LIMIT),
                "finish its operation",
            ),
            None if self.closing || self.link_ended => {
                (START_LIMIT, "end when it had nothing more to do")
            }
            None => return None,
        };
        let Member { worker, pid, .. } = self;
        let detail = format!("worker {worker} (pid {pid}) did not {did_not} within {limit:?}");
        let cause = Cause::Deadline;
        Some((self.since + limit, Fault { cause, detail }))
    }

    /// Why its operation could not be done, now that it has ended.
    pub(super) fn verdict(&self) -> Fault {
        self.fault.clone().unwrap_or_else(|| Fault {
            cause: Cause::Died,
            detail: format!("{self} {}", self.exit.unwrap_or(Exit::Status(0))),
        })
    }

    /// Whether it ended as a worker should.
    pub(super) fn ended_well(&self) -> bool {
        self.fault.is_none() && self.exit == Some(Exit::Status(0))
    }

    /// Whether it has asked about none of its operations.
    pub(super) fn has_begun_none(&self) -> bool {
        self.asked == 0
    }

    pub(super) fn subject(&self, task: &Task) -> Subject {
        let ran = task.ran.clone();
        self.subject_with(task.operation.clone(), task.line, ran)
    }

    pub(super) fn subject_of(&self, task: Task) -> Subject {
        self.subject_with(task.operation, task.line, task.ran)
    }

    pub(super) fn subject_with(
        &self,
        operation: Operation,
        line: Option<Line>,
        ran: Option<Box<Ran>>,
    ) -> Subject {
        Subject {
            worker: self.worker,
            pid: self.pid,
            ran,
            ..Subject::of(operation, line.map(|line| line.number))
        }
    }
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worker {} (pid {})", self.worker, self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Kind, Name};

    fn operation() -> Operation {
        Operation::new(Kind::Deposit, None, Name::default(), None, Amount::new(1)).expect("fits")
    }

    /// Whether a worker with three tasks may ask these one after another.
    fn check(work: Work, asks: &[(u64, BankRequest)], expected: &[bool]) {
        let mut member = Member::new(1, 2, Duration::ZERO);
        for number in 0..3 {
            let task = Task {
                number,
                operation: operation(),
                line: None,
                work,
                ran: None,
                is_held: false,
                given_at: Duration::ZERO,
            };
            member.give(task, Duration::ZERO);
        }
        let may = |(number, request): &(u64, BankRequest)| {
            let (number, ask) = (*number, Ask::Bank(request.clone()));
            member.asks(&Request { number, ask }).is_some()
        };
        assert_eq!(
            asks.iter().map(may).collect::<Vec<_>>(),
            expected,
            "{asks:?}"
        );
    }

    #[test]
    fn a_worker_asks_in_order_and_never_twice() {
        let execute = |number| (number, BankRequest::Execute(operation()));
        let begin = |number| (number, BankRequest::Begin(operation()));
        let post = |number| (number, BankRequest::Post { amount: None });
        let none = |asks: &[_], expected: &[bool]| check(Work::None, asks, expected);
        none(&[execute(0), execute(1), execute(2)], &[true; 3]);
        none(&[begin(0), post(0)], &[true; 2]);
        none(&[begin(0), begin(0)], &[true, false]);
        none(&[begin(0), execute(1)], &[true, false]);
        none(&[execute(0), execute(1), post(0)], &[true, true, false]);
        none(&[execute(1)], &[false]);
        none(&[begin(0), (0, BankRequest::Void)], &[true, false]);
    }

    #[test]
    fn only_a_command_that_was_begun_may_fail_or_spend_less() {
        let command = Work::Command { line: None };
        let begin = || (0, BankRequest::Begin(operation()));
        let less = Amount::new(1);
        for end in [
            BankRequest::Void,
            BankRequest::Unspent,
            BankRequest::Decline,
            BankRequest::Doubt,
            BankRequest::Post { amount: less },
        ] {
            check(command, &[begin(), (0, end.clone())], &[true, true]);
            check(command, &[(0, end.clone())], &[false]);
            check(command, &[begin(), (1, end.clone())], &[true, false]);
            check(Work::None, &[begin(), (0, end)], &[true, false]);
        }
    }
}
