//! What makes a run real: it waits for what happens, tells the [run](crate::run), and does what that
//! says. It decides nothing.

mod dry_run;
mod forecast;
pub mod named;
mod plan;
mod wait;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::bank::Unit;
use crate::child::this_program;
use crate::event::Event;
use crate::link::Links;
use crate::poll::PollKey;
use crate::protocol::{Outbox, ProtocolError};
use crate::report::{BACKLOG_LIMIT, Broken, Reporter, end_the_lines, stderr_line};
use crate::run::{Conclusion, Effect, Input, InputState, RequestOrder, Run};
use crate::server::{Incoming, RunLedger, RunStore};
use crate::status::{Ending, Status};
use crate::supervisor::{Signals, Supervisor, end_by};
use crate::wake::{Alarm, RunningClock, TICK, Waker};
use crate::worker::WorkerArgs;
use crate::workload::{Feed, Item, Next};
pub use dry_run::dry_run;
pub use forecast::Forecast;
use plan::WorkerCommand;
pub use plan::{Commands, Measured, RunPlan};

const ALARM: PollKey = PollKey::Own(0);
const SIGNALS: PollKey = PollKey::Own(1);

/// Runs a workload and reports it; in memory, or in a ledger that lasts.
pub struct Driver<'a> {
    plan: RunPlan,
    run: Run,
    /// What the run wants done and was not done yet.
    effects: VecDeque<Effect>,
    /// What happened and was not told to the reporter yet.
    events: Vec<Event>,
    conclusion: Option<Conclusion>,
    feed: Feed,
    reporter: Reporter,
    alarm: Alarm,
    signals: &'a mut Signals,
    links: Box<dyn Links>,
    supervisor: Supervisor,
    store: RunStore,
    command: Option<WorkerCommand>,
    began: Instant,
    clock: RunningClock,
    now: Duration,
    reaped_at: Duration,
    /// The ledger is being closed.
    closing: bool,
}

impl<'a> Driver<'a> {
    /// What runs this plan, with the requests of the workers decided in this order; `waker` wakes
    /// `alarm`, as the feed and the reporter do. A signal that came before is heard by this run.
    ///
    /// # Errors
    ///
    /// The operating system said no: no threads, no sockets.
    pub fn new(
        plan: RunPlan,
        ledger: Option<RunLedger>,
        order: Box<dyn RequestOrder>,
        feed: Feed,
        reporter: Reporter,
        (alarm, waker): (Alarm, Waker),
        signals: &'a mut Signals,
    ) -> io::Result<Self> {
        let clock = RunningClock::start();
        let settings = plan.settings(ledger.as_ref(), clock.started_at())?;
        let started = plan.run_started(ledger.as_ref(), clock.started_at());
        let command = plan.worker_command(ledger.as_ref())?;
        Ok(Driver {
            run: Run::new(settings, order),
            store: plan.store(ledger, waker.clone())?,
            signals,
            links: plan.transport.parent(waker)?,
            supervisor: Supervisor::new(command.is_some()),
            effects: VecDeque::new(),
            events: vec![Event::RunStarted(Box::new(started))],
            conclusion: None,
            began: Instant::now(),
            clock,
            now: Duration::ZERO,
            reaped_at: Duration::ZERO,
            closing: false,
            command,
            plan,
            feed,
            reporter,
            alarm,
        })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// What is waited for cannot be waited for.
    pub fn run(mut self) -> io::Result<Ending> {
        let conclusion = loop {
            if let Some(conclusion) = self.turn() {
                break conclusion;
            }
        };
        self.end(conclusion)
    }

    /// One turn: what the run wants is done, what happens next is waited for and told to it.
    fn turn(&mut self) -> Option<Conclusion> {
        // A link that is closed is flushed at once.
        self.sending();
        let outputs_are_full = self.reporter.backlog() >= BACKLOG_LIMIT;
        self.handle(Input::Turn { outputs_are_full });
        self.act();
        self.sending();
        self.links.flush();
        self.tell();
        if let Some(conclusion) = self.conclusion.take() {
            return Some(conclusion);
        }
        let timeout = self.timeout();
        match self.wait(timeout) {
            Ok(ready) => self.handle_ready(&ready),
            Err(error) => self.handle(Input::Aborted(error.to_string())),
        }
        self.act();
        None
    }

    /// Tells the run, before the answers leave that are to be sent.
    fn sending(&mut self) {
        if self.plan.tells_steps() {
            self.handle(Input::Sending);
        }
    }

    /// Tells the run what happened.
    fn handle(&mut self, input: Input) {
        if self.plan.tells_steps() {
            self.now = self.clock.now();
        }
        let effects = self.run.handle(input, self.now);
        self.effects.extend(effects);
    }

    /// Does what the run wants until it wants nothing more.
    fn act(&mut self) {
        loop {
            while let Some(effect) = self.effects.pop_front() {
                self.perform(effect);
            }
            self.collect();
            if self.effects.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Spawn(worker) => {
                let input = match self.spawn(worker) {
                    Ok(pid) => Input::Spawned { worker, pid },
                    Err(error) => {
                        let why = error.to_string();
                        Input::SpawnFailed { worker, why }
                    }
                };
                self.handle(input);
            }
            Effect::Assign(worker, assignments) => {
                let operations = assignments.iter().map(|one| &one.operation);
                self.store.make_room_for(operations);
                self.send(worker, |outbox| {
                    assignments
                        .iter()
                        .try_for_each(|one| outbox.assignment(one))
                });
            }
            Effect::Reply(worker, replies) => self.send(worker, |outbox| {
                replies.iter().try_for_each(|reply| outbox.reply(reply))
            }),
            Effect::CloseLink(worker) => self.links.close(worker),
            Effect::Kill(worker) => self.supervisor.kill(worker),
            Effect::KillAll => self.supervisor.kill_all(),
            Effect::StartNoMoreCommands(workers) => {
                self.supervisor
                    .start_no_more(|worker| workers.contains(&worker));
            }
            Effect::EndCommands => self.supervisor.end_commands(),
            Effect::EndNow(signal) => {
                self.supervisor.end_all();
                end_the_lines();
                end_by(signal);
            }
            Effect::Submit(batch) => self.store.submit(batch),
            Effect::Abandon { caller, end } => {
                self.store.submit(vec![Incoming::abandoned(caller, end)])
            }
            Effect::GiveUp => self.store.give_up(),
            Effect::StopLedgerRetries => self.store.stop_retrying(),
            Effect::ExtendWaits(workers) => self.extend_waits(&workers),
            Effect::Take(most) => {
                let (items, rest) = take(&mut self.feed, most);
                self.handle(Input::Took { items, rest });
            }
            Effect::Tell(events) => self.note(events),
            Effect::Say(text) => stderr_line(text),
            Effect::CloseLedger(names) => {
                self.store.close(|| names);
                self.closing = true;
            }
            Effect::Finish(conclusion) => self.conclusion = Some(conclusion),
        }
    }

    fn extend_waits(&mut self, workers: &[u32]) {
        for worker in workers {
            if let Some(outbox) = self.links.outbox(*worker) {
                outbox.still_due();
            }
        }
        let (outgoing, settled) = (self.store.extend_lease_waits(), self.store.settled());
        self.handle(Input::Decided { outgoing, settled });
    }

    /// Notes what happened, until the reporter is told.
    fn note(&mut self, mut events: Vec<Event>) {
        for event in &mut events {
            event.add_overdraft(|name| self.store.overdraft_of(name));
        }
        match self.events.is_empty() {
            true => self.events = events,
            false => self.events.append(&mut events),
        }
    }

    /// Starts a worker, and tells its process.
    fn spawn(&mut self, worker: u32) -> io::Result<u32> {
        let mut command = this_program(&format!("bank-par: worker {worker}"));
        let args = WorkerArgs {
            transport: self.plan.transport,
            address: self.links.prepare(worker, &mut command)?,
            worker,
            parent: std::process::id(),
            conduct: self.plan.conduct,
            unit: Unit::current().clone(),
            memory: self.store.worker_slot(worker)?,
            measure: self.plan.measured.as_ref().map(|one| one.worker(worker)),
            tells_times: self.plan.tells_steps(),
            command_spec: self
                .command
                .as_ref()
                .map(|command| command.command_spec.clone()),
        };
        let passed = args.pass_to(&mut command);
        let spawned = passed.and_then(|()| self.supervisor.spawn(&mut command, worker));
        let mut child = spawned.inspect_err(|_| self.links.exited(worker, &mut Vec::new()))?;
        self.links.spawned(worker, &mut child)?;
        Ok(child.id())
    }

    fn send(&mut self, worker: u32, put: impl FnOnce(&mut Outbox) -> Result<(), ProtocolError>) {
        // Where the link has ended, the run knows that or is about to.
        let Some(outbox) = self.links.outbox(worker) else {
            return;
        };
        if let Err(error) = put(outbox) {
            let why = error.to_string();
            self.handle(Input::SendFailed { worker, why });
        }
    }

    /// Passes on what the ledger has decided, and its end.
    fn collect(&mut self) {
        let before = self.store.settled();
        let outgoing = self.store.collect();
        let settled = self.store.settled();
        if !outgoing.is_empty() || settled != before {
            // They were decided by now, and perhaps not yet when this turn began: an answer that is told as of
            // earlier would seem to be there before what others had asked and were decided first.
            self.now = self.clock.now();
            self.handle(Input::Decided { outgoing, settled });
        }
        self.store.messages().into_iter().for_each(stderr_line);
        if let Some(error) = self.store.failure() {
            let (why, certainty) = (error.to_string(), error.certainty());
            self.handle(Input::LedgerFailed { why, certainty });
        }
        if self.closing && self.store.is_closed() {
            self.closing = false;
            let (standings, elapsed) = (self.store.standings(), self.began.elapsed());
            self.handle(Input::LedgerClosed { standings, elapsed });
        }
    }

    fn tell(&mut self) {
        if !self.events.is_empty() {
            self.reporter.tell(std::mem::take(&mut self.events));
        }
    }

    /// Waits until everything is written.
    fn end(mut self, conclusion: Conclusion) -> io::Result<Ending> {
        let Conclusion { mut status, advice } = conclusion;
        let broken = self.reporter.close().wait(|| {
            self.wait(TICK)?;
            self.handle_signals();
            self.act();
            Ok(())
        })?;
        if let Some(Broken::Failed(_)) = broken {
            status = status.worse(Status::EndedEarly);
        }
        if let Some(advice) = advice {
            stderr_line(advice);
        }
        Ok(Ending {
            status,
            signal: self.run.ends_by(),
            passed_on: None,
        })
    }
}

/// At most so many items of the input, and what comes after them.
fn take(feed: &mut Feed, most: usize) -> (Vec<Item>, InputState) {
    let mut items = Vec::with_capacity(most);
    while items.len() < most {
        match feed.next() {
            Next::Item(item) => items.push(item),
            Next::Warned(warning) => stderr_line(warning),
            Next::NotYet => return (items, InputState::NotYet),
            Next::End => return (items, InputState::Ended),
            Next::Failed(error) => return (items, InputState::Failed(error.to_string())),
        }
    }
    (items, InputState::More)
}
