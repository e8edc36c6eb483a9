//! A run: one execution of a workload. The parent's loop, which brings together where operations come
//! from, the processes that do them, the server that answers, and the reporter.

mod crew;
mod tally;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::bank::{Answer, Balance, Name, Operation, Outcome, ShareReply};
use crate::event::{Cause, Event, Fact, Fault, Summary};
use crate::link::{Arrival, Arrived, Key, Links, Ready, Transport, Watch};
use crate::protocol::{Assignment, Reply, Request, Said};
use crate::report::{BACKLOG_LIMIT, Broken, Reporter};
use crate::server::{Incoming, Outgoing, Server};
use crate::status::Status;
use crate::store::{Cells, Memory};
use crate::supervisor::{Escalation, Signals, Step, Supervisor, end_by, stop_self, this_program};
use crate::wake::{Alarm, RunningClock, TICK, Waker};
use crate::work::Pace;
use crate::worker::{Conduct, Orders};
use crate::workload::{Feed, Item, Next};
use crew::{Member, Task};
use tally::Tally;

/// How many operations without work a worker may have in its hands: while it does one half, the next
/// is on its way. With their answers they fit into what the kernel buffers for one link.
const WINDOW: usize = 1_024;
/// The most bytes that the operations in one worker's hands may take on the wire.
const WINDOW_BYTES: usize = 32 * 1_024;
/// How many workers are started before the others are looked after again.
const SPAWNS_A_TURN: usize = 4;
/// How often those who wait for a lease are told that it went on.
const NEWS_INTERVAL: Duration = Duration::from_secs(10);

const ALARM: Key = Key::Own(0);
const SIGNALS: Key = Key::Own(1);

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The mode's name.
    pub mode: &'static str,
    /// How requests travel.
    pub transport: Transport,
    /// Who decides.
    pub conduct: Conduct,
    /// The most workers at a time.
    pub jobs: usize,
    /// How many operations a worker takes before it is replaced; nothing is no limit.
    pub ops_per_worker: Option<u64>,
    /// The account that is open from the start.
    pub account: Name,
    /// What it starts with.
    pub balance: Balance,
    /// The overdraft limit of every account.
    pub overdraft: Balance,
    /// When an operation's work is ended; nothing is its own duration and a minute.
    pub timeout: Option<Duration>,
    /// How long simulated work takes.
    pub pace: Pace,
}

impl Plan {
    /// How many operations a worker may have in its hands.
    fn window(&self) -> usize {
        if self.pace.is_none() { WINDOW } else { 1 }
    }

    fn server(&self) -> Server {
        match self.conduct {
            Conduct::AskTheBank => Server::Bank(Memory::new(&self.account, self.balance, self.overdraft)),
            Conduct::ShareData(_) => Server::Cells(Cells::new(&self.account, self.balance, self.overdraft)),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// Its status.
    pub status: Status,
    /// The signal that it must end by, if one asked for its end.
    pub signal: Option<i32>,
}

/// Runs a workload and reports it.
pub fn run(
    plan: Plan,
    feed: Feed,
    reporter: Reporter,
    alarm: Alarm,
    waker: Waker,
) -> io::Result<Ending> {
    let mut run = Run::new(plan, feed, reporter, alarm, waker)?;
    while !run.is_over() {
        run.turn()?;
    }
    run.end()
}

struct Run {
    plan: Plan,
    feed: Feed,
    reporter: Reporter,
    alarm: Alarm,
    signals: Signals,
    links: Box<dyn Links>,
    supervisor: Supervisor,
    server: Server,
    members: BTreeMap<u32, Member>,
    tally: Tally,
    escalation: Escalation,
    began: Instant,
    clock: RunningClock,
    now: Duration,
    events: Vec<Event>,
    /// The feed has nothing more.
    exhausted: bool,
    /// Why no more operations are handed out although there may be some.
    stopped: Option<String>,
    last_worker: u32,
    last_number: u32,
    busy: Duration,
    news_at: Duration,
    spawned: bool,
}

impl Run {
    fn new(plan: Plan, feed: Feed, reporter: Reporter, alarm: Alarm, waker: Waker) -> io::Result<Self> {
        Ok(Run {
            signals: Signals::listen()?,
            links: plan.transport.parent(waker)?,
            supervisor: Supervisor::default(),
            server: plan.server(),
            members: BTreeMap::new(),
            tally: Tally::new(&plan.account, plan.balance),
            escalation: Escalation::default(),
            began: Instant::now(),
            clock: RunningClock::start(),
            now: Duration::ZERO,
            events: Vec::new(),
            exhausted: false,
            stopped: None,
            last_worker: 0,
            last_number: 0,
            busy: Duration::ZERO,
            news_at: Duration::ZERO,
            spawned: false,
            plan,
            feed,
            reporter,
            alarm,
        })
    }

    /// One turn of the loop: what arrived is decided and answered, who ended is judged, what is there
    /// to do is handed out.
    fn turn(&mut self) -> io::Result<()> {
        self.hand_out()?;
        self.retire();
        self.links.flush();
        self.tell();
        if self.is_over() {
            return Ok(());
        }
        let ready = self.wait()?;
        self.now = self.clock.now();
        self.heed_signals();
        self.receive(&ready);
        self.reap();
        self.enforce_deadlines();
        self.bring_news();
        Ok(())
    }

    fn is_over(&mut self) -> bool {
        self.members.is_empty() && self.no_more()
    }

    /// Whether nothing more is to be handed out.
    fn no_more(&mut self) -> bool {
        self.stopped.is_some() || self.exhausted && self.feed.ready() == 0
    }

    fn wait(&mut self) -> io::Result<Vec<Ready>> {
        let patience = if self.spawned { Duration::ZERO } else { self.patience() };
        let mut watch = Watch::default();
        watch.read(ALARM, self.alarm.as_fd());
        watch.read(SIGNALS, self.signals.as_fd());
        self.links.watch(&mut watch);
        let ready = watch.wait(patience)?;
        if ready.iter().any(|ready| ready.key == ALARM) {
            self.alarm.reset();
        }
        Ok(ready)
    }

    /// Until the next deadline, and never longer than the clock's tick.
    fn patience(&mut self) -> Duration {
        let now = self.clock.now();
        let due = self.members.values().filter_map(|member| member.due(self.plan.timeout));
        let next = due.map(|(due, _)| due.saturating_sub(now)).min();
        // One millisecond more, since `poll` rounds down and would come back too early.
        next.map_or(TICK, |next| TICK.min(next + Duration::from_millis(1)))
    }

    fn heed_signals(&mut self) {
        use signal_hook::consts::{SIGCHLD, SIGTSTP};
        for signal in self.signals.pending() {
            match signal {
                SIGCHLD => {}
                SIGTSTP => {
                    self.supervisor.stop_all();
                    stop_self();
                    self.supervisor.continue_all();
                }
                _ => self.escalate(signal),
            }
        }
        match self.reporter.broken() {
            None => {}
            Some(Broken::Closed) => self.stop("stdout was closed"),
            Some(Broken::Failed(why)) => self.stop(&why),
        }
    }

    fn escalate(&mut self, signal: i32) {
        let (escalation, step) = self.escalation.signal(signal);
        self.escalation = escalation;
        match step {
            Step::Finish => self.stop("a signal asked for the end"),
            Step::Kill => self.supervisor.kill_all(),
            Step::End(first) => {
                self.supervisor.kill_all();
                end_by(first);
            }
        }
    }

    fn stop(&mut self, why: &str) {
        self.stopped.get_or_insert_with(|| why.to_string());
    }

    fn receive(&mut self, ready: &[Ready]) {
        let mut arrivals = Vec::new();
        self.links.receive(ready, &mut arrivals);
        self.take(arrivals);
    }

    /// Decides everything that arrived as one batch, then looks at the links that ended.
    fn take(&mut self, arrivals: Vec<Arrival>) {
        let mut requests: Vec<(u32, Request)> = Vec::new();
        let mut ended = Vec::new();
        for Arrival { worker, what } in arrivals {
            match what {
                Arrived::Requests(block) => requests.extend(block.into_iter().map(|request| (worker, request))),
                Arrived::Ready => self.greet(worker),
                Arrived::Closed => ended.push((worker, None)),
                Arrived::Broken(why) => ended.push((worker, Some(why))),
            }
        }
        self.decide(&requests);
        for (worker, why) in ended {
            self.link_ended(worker, why);
        }
    }

    fn greet(&mut self, worker: u32) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.ready = true;
            member.got_on(self.now);
        }
    }

    fn decide(&mut self, requests: &[(u32, Request)]) {
        let mut batch = Vec::with_capacity(requests.len());
        let mut accounts = Vec::with_capacity(requests.len());
        for (worker, request) in requests {
            let Some(member) = self.members.get_mut(worker).filter(|member| member.fault.is_none()) else {
                continue;
            };
            match member.asks(request) {
                Some(task) => accounts.push((request, task.operation.account.clone())),
                None => self.blame(*worker, "asked about what it was not given"),
            }
        }
        for (request, account) in &accounts {
            batch.push(Incoming {
                number: request.number,
                account,
                ask: &request.ask,
            });
        }
        let outgoing = self.server.decide(&batch);
        self.answer(outgoing);
    }

    /// Sends every answer on its way, and takes note of what it means.
    fn answer(&mut self, outgoing: Vec<Outgoing>) {
        let mut last = None;
        for outgoing in outgoing {
            let number = match &outgoing {
                Outgoing::Reply(number, _) | Outgoing::Waits(number) | Outgoing::Impossible(number, _) => *number,
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
                        self.busy += member.wait(self.now);
                    }
                }
                Outgoing::Impossible(_, why) => self.blame(worker, &format!("asked for the impossible: {why}")),
            }
        }
        self.send_replies(last);
    }

    fn send_replies(&mut self, worker: Option<u32>) {
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

    fn reply(&mut self, worker: u32, number: u64, said: Said) {
        let Some(member) = self.members.get_mut(&worker) else {
            return;
        };
        member.replies.push(Reply { number, said: said.clone() });
        match said {
            Said::Decided(Answer { outcome: Outcome::Held { view }, .. }) => {
                member.got_on(self.now);
                let subject = member.tasks.front().map(|task| member.subject(task));
                if let Some(subject) = subject {
                    self.note(Fact::Held { subject, view });
                }
            }
            Said::Decided(answer) => self.finish(worker, number, answer),
            // Others got on; this one still waits.
            Said::Shared(ShareReply::Waiting) => {}
            Said::Shared(_) => member.got_on(self.now),
        }
    }

    /// An operation is decided.
    fn finish(&mut self, worker: u32, number: u64, answer: Answer) {
        let Some(member) = self.members.get_mut(&worker) else {
            return;
        };
        let Some(task) = member.done(number) else {
            return;
        };
        member.got_on(self.now);
        if member.tasks.is_empty() {
            self.busy += member.rest(self.now);
        }
        self.tally.decided(&task.operation, &answer);
        let elapsed = self.now.saturating_sub(task.given_at);
        let subject = member.subject_of(task.operation, task.line);
        let duplicate = answer.duplicate;
        self.note(match answer.outcome {
            Outcome::Posted { seq, view } | Outcome::Viewed { seq, view } => {
                Fact::Completed { subject, seq, view, elapsed, duplicate }
            }
            Outcome::Refused { rejection, view } => {
                Fact::Refused { subject, rejection, view, elapsed, duplicate }
            }
            // Neither ends an operation that its worker asked about.
            Outcome::Held { .. } | Outcome::Voided => return,
        });
    }

    fn link_ended(&mut self, worker: u32, why: Option<String>) {
        if let Some(why) = why {
            self.blame(worker, &format!("sent what no worker sends: {why}"));
        }
        if let Some(member) = self.members.get_mut(&worker) {
            member.link_ended = true;
        }
        self.judge(worker);
    }

    /// Ends a worker that does what no worker does.
    fn blame(&mut self, worker: u32, what: &str) {
        if let Some(member) = self.members.get_mut(&worker)
            && member.fault.is_none()
        {
            let detail = format!("{member} {what}");
            let cause = Cause::Protocol;
            member.fault = Some(Fault { cause, detail });
            self.supervisor.kill(worker);
        }
    }

    fn reap(&mut self) {
        for (worker, exit) in self.supervisor.reap() {
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
    fn judge(&mut self, worker: u32) {
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
    fn bury(&mut self, mut member: Member) {
        self.busy += member.rest(self.now);
        let mut left = std::mem::take(&mut member.tasks);
        match left.pop_front() {
            Some(task) => self.fail(&member, task),
            None if member.ended_well() => {}
            None if !member.ready => self.fail_next(&member),
            None => {
                let fault = member.verdict();
                self.tally.met(fault.cause.status());
                let warning = format!("{}, with nothing left to do", fault.detail);
                self.note(Fact::Warned(warning));
            }
        }
        let items = left.into_iter().map(|Task { line, operation, .. }| Item::Operation { line, operation });
        self.feed.put_back(items);
    }

    fn fail(&mut self, member: &Member, task: Task) {
        let outgoing = self.server.abandon(task.number);
        self.answer(outgoing);
        let fault = member.verdict();
        self.tally.failed(&fault);
        let elapsed = self.now.saturating_sub(task.given_at);
        let subject = member.subject_of(task.operation, task.line);
        self.note(Fact::Failed { subject, fault, elapsed });
    }

    /// A worker that ended before it could be given anything fails the operation it was started for, so
    /// that workers that cannot start are not started for ever.
    fn fail_next(&mut self, member: &Member) {
        while self.stopped.is_none() {
            match self.next() {
                None => return,
                Some((line, operation)) => {
                    let fault = member.verdict();
                    self.tally.failed(&fault);
                    let elapsed = Duration::ZERO;
                    let subject = member.subject_of(operation, line);
                    self.note(Fact::Failed { subject, fault, elapsed });
                    return;
                }
            }
        }
    }

    fn enforce_deadlines(&mut self) {
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

    /// Tells those who wait for a lease, now and then, that it is worth it: whoever holds it has a
    /// deadline of its own.
    fn bring_news(&mut self) {
        if self.now.saturating_sub(self.news_at) >= NEWS_INTERVAL {
            self.news_at = self.now;
            let news = self.server.comfort();
            self.answer(news);
        }
    }

    fn hand_out(&mut self) -> io::Result<()> {
        self.spawned = false;
        if self.stopped.is_some() || self.reporter.backlog() >= BACKLOG_LIMIT {
            return Ok(());
        }
        let takers: Vec<u32> = self.members.values().filter(|m| m.takes()).map(|m| m.worker).collect();
        for worker in takers {
            self.fill(worker);
        }
        let mut starting = self.members.values().filter(|member| !member.ready && member.exit.is_none()).count();
        for _ in 0..SPAWNS_A_TURN {
            let waiting = self.feed.ready();
            if self.supervisor.live() >= self.plan.jobs || starting * self.share() >= waiting {
                break;
            }
            self.spawn()?;
            starting += 1;
        }
        if self.members.is_empty() && !self.exhausted && !self.spawned {
            self.skim();
        }
        Ok(())
    }

    /// Looks at the feed when no worker does: it may have nothing but invalid lines, or have ended.
    fn skim(&mut self) {
        if let Some((line, operation)) = self.next() {
            self.feed.put_back([Item::Operation { line, operation }]);
        }
    }

    /// How many operations a new worker will take at first.
    fn share(&self) -> usize {
        let quota = self.plan.ops_per_worker.unwrap_or(u64::MAX);
        self.plan.window().min(usize::try_from(quota).unwrap_or(usize::MAX)).max(1)
    }

    /// Gives a worker as many operations as it may have in its hands.
    fn fill(&mut self, worker: u32) {
        let (window, quota) = (self.plan.window(), self.plan.ops_per_worker.unwrap_or(u64::MAX));
        // A new block goes out when half of the window is free, so that blocks stay large.
        let Some(held) = self.members.get(&worker).map(|m| m.tasks.len()).filter(|held| held * 2 <= window) else {
            return;
        };
        let mut bytes = 0;
        for _ in held..window {
            if bytes >= WINDOW_BYTES || self.members.get(&worker).is_none_or(|member| member.given >= quota) {
                return;
            }
            let Some((line, operation)) = self.next() else {
                return;
            };
            bytes += crate::protocol::weight(&operation);
            self.give(worker, line, operation);
        }
    }

    /// The next operation of the feed, if it has one now. Invalid lines before it are reported.
    fn next(&mut self) -> Option<(Option<u64>, Operation)> {
        loop {
            match self.feed.next() {
                Next::Item(Item::Operation { line, operation }) => return Some((line, operation)),
                Next::Item(Item::Invalid { line, reason }) => {
                    self.tally.invalid();
                    self.note(Fact::Invalid { line, reason });
                }
                Next::NotYet => return None,
                Next::End => {
                    self.exhausted = true;
                    return None;
                }
                Next::Failed(error) => {
                    self.exhausted = true;
                    self.tally.met(Status::Usage);
                    self.note(Fact::Warned(error.to_string()));
                    return None;
                }
            }
        }
    }

    fn give(&mut self, worker: u32, line: Option<u64>, operation: Operation) {
        let (Some(member), Some(outbox)) = (self.members.get_mut(&worker), self.links.outbox(worker)) else {
            return self.feed.put_back([Item::Operation { line, operation }]);
        };
        self.last_number = self.last_number.wrapping_add(1);
        let number = u64::from(worker) << 32 | u64::from(self.last_number);
        let work = self.plan.pace.of(operation.kind());
        let assignment = Assignment { number, operation, work };
        let encoded = outbox.assignment(&assignment);
        let operation = assignment.operation;
        let task = Task { number, operation, line, work, given_at: self.now };
        let subject = (!work.is_zero()).then(|| member.subject(&task));
        member.give(task, self.now);
        if let Some(subject) = subject {
            self.note(Fact::Started(subject));
        }
        if let Err(error) = encoded {
            self.blame(worker, &error.to_string());
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
        };
        let mut child = self.supervisor.spawn(&mut command, &orders)?;
        self.links.spawned(worker, &mut child)?;
        self.members.insert(worker, Member::new(worker, child.id(), self.now));
        self.spawned = true;
        Ok(())
    }

    /// Lets the workers go that have nothing more to do.
    fn retire(&mut self) {
        let no_more = self.no_more();
        let quota = self.plan.ops_per_worker.unwrap_or(u64::MAX);
        for member in self.members.values_mut() {
            if member.tasks.is_empty() && member.takes() && (no_more || member.given >= quota) {
                member.closing = true;
                member.got_on(self.now);
                self.busy += member.rest(self.now);
                self.links.close(member.worker);
            }
        }
    }

    fn note(&mut self, fact: Fact) {
        let at = self.now;
        self.events.push(Event { at, fact });
    }

    fn tell(&mut self) {
        if !self.events.is_empty() {
            self.reporter.tell(std::mem::take(&mut self.events));
        }
    }

    /// Checks the balances, reports the summary, and waits until everything is written.
    fn end(mut self) -> io::Result<Ending> {
        self.now = self.clock.now();
        let ended_early = self.work_left();
        if ended_early.is_some() {
            self.tally.met(Status::EndedEarly);
        }
        let summary = self.summary(ended_early);
        let mut status = summary.status;
        self.note(Fact::Ended(Box::new(summary)));
        self.tell();
        self.reporter.close();
        while !self.reporter.done() {
            self.wait()?;
            self.heed_signals();
        }
        if let Some(Broken::Failed(why)) = self.reporter.broken() {
            crate::report::talk(&why);
            status = status.worse(Status::EndedEarly);
        }
        let signal = self.escalation.ends_by();
        Ok(Ending { status, signal })
    }

    /// Why the run ended before its work did, if it did.
    fn work_left(&mut self) -> Option<String> {
        let stopped = self.stopped.take()?;
        let left = !self.exhausted && !matches!(self.feed.next(), Next::End);
        (left || self.feed.ready() > 0).then_some(stopped)
    }

    fn summary(&mut self, ended_early: Option<String>) -> Summary {
        let tally = std::mem::replace(&mut self.tally, Tally::new(&self.plan.account, self.plan.balance));
        Summary {
            elapsed: self.began.elapsed(),
            sequential: self.busy,
            processes: u64::from(self.last_worker),
            ended_early,
            ..tally.close(self.plan.mode, self.server.standings())
        }
    }
}
