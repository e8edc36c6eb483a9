//! A run: one execution of a workload, as a state machine without input and output.
//!
//! [`Run::handle`] takes what happened and tells what to do. The [driver](crate::driver) does it, with
//! real processes, links and a real ledger; a simulation does it with simulated ones.

mod closing;
mod commands;
mod deadlines;
mod dispatch;
mod escalation;
mod given_order;
mod ids;
mod lock_waits;
mod messages;
mod pacing;
mod requests;
mod resume;
mod settings;
mod settle;
mod shared_memory;
mod shutdown;
#[cfg(test)]
mod simulation;
mod steps;
mod tally;
#[cfg(test)]
mod tests;
mod workers;

use std::time::Duration;

use crate::bank::{Answer, Name, Operation, RequestContext, SharePoint, WorkEnd};
use crate::event::{BudgetEvent, Event};
use crate::exit::Exit;
use crate::link::Arrival;
use crate::protocol::{Assignment, Reply};
use crate::server::{Incoming, Outgoing};
use crate::store::{Certainty, Standing};
use crate::wake::TICK;
use crate::workload::Item;

pub use closing::Conclusion;
use closing::Phase;
use dispatch::Dispatch;
pub use dispatch::InputState;
pub use given_order::{GivenOrder, RequestTurn, TurnRequest, TurnTaken, TurnWatch};
pub use ids::{Ids, LineIds};
use pacing::InputOrder;
pub use pacing::{HaltCount, HaltLimit, HaltRule, Pacing};
use requests::Requests;
pub use requests::{AsArrived, Pending, RequestOrder};
pub use resume::Named;
pub use settings::{CommandSettings, Settings, WorkLimits};
use settle::LostOperations;
use shutdown::Shutdown;
use steps::StepEvents;
use tally::Tally;
use workers::Workers;

/// How often the waits of workers for a lease or for the ledger are extended: what they wait for has a
/// deadline of its own.
const EXTEND_INTERVAL: Duration = Duration::from_secs(10);

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A turn begins: time has passed.
    Turn {
        /// The outputs have too much to write already.
        outputs_are_full: bool,
    },
    /// A worker's process exists.
    Spawned {
        /// Which worker.
        worker: u32,
        /// Its process.
        pid: u32,
    },
    /// A worker could not be started, and why.
    SpawnFailed {
        /// Which worker.
        worker: u32,
        /// Why.
        why: String,
    },
    /// What arrived on the links.
    Arrived(Vec<Arrival>),
    /// A message for a worker could not be encoded, and why.
    SendFailed {
        /// Which worker.
        worker: u32,
        /// Why.
        why: String,
    },
    /// A worker's process has exited.
    Exited {
        /// Which worker.
        worker: u32,
        /// How.
        exit: Exit,
    },
    /// What the ledger decided.
    Decided {
        /// What follows from each request.
        outgoing: Vec<Outgoing>,
        /// How many of all requests submitted, from the first on, are settled now.
        settled: u64,
    },
    /// The ledger decides nothing more.
    LedgerFailed {
        /// Why.
        why: String,
        /// What is known of all that it was asked and has not answered.
        certainty: Certainty,
    },
    /// What came from the input.
    Took {
        /// The next items.
        items: Vec<Item>,
        /// What comes after them.
        rest: InputState,
    },
    /// What was decided so far is sent now; told only where every step is.
    Sending,
    /// A signal that ends programs came.
    Signal(i32),
    /// An output takes nothing more, and why.
    OutputBroken(String),
    /// The run cannot go on, and why.
    Aborted(String),
    /// The ledger is closed.
    LedgerClosed {
        /// How its accounts stand.
        standings: Vec<Standing>,
        /// How long the run took.
        elapsed: Duration,
    },
}

/// What to do.
#[derive(Debug)]
pub enum Effect {
    /// Start this worker. `Spawned` or `SpawnFailed` follows.
    Spawn(u32),
    /// Send operations to a worker.
    Assign(u32, Vec<Assignment>),
    /// Send replies to a worker.
    Reply(u32, Vec<Reply>),
    /// Tell a worker that nothing more will come.
    CloseLink(u32),
    /// Kill a worker.
    Kill(u32),
    /// Kill every worker.
    KillAll,
    /// Tell these workers to start no further command.
    StartNoMoreCommands(Vec<u32>),
    /// Ask every worker to end its command.
    EndCommands,
    /// End every worker, and this process by a signal, at once.
    EndNow(i32),
    /// Have the ledger decide a batch. `Decided` follows.
    Submit(Vec<Incoming>),
    /// Have the ledger end an operation whose worker is gone. `Decided` follows.
    Abandon {
        /// Who asks, about which operation.
        caller: RequestContext,
        /// How it ends.
        end: WorkEnd,
    },
    /// Wait for no answer of the ledger any more.
    GiveUp,
    /// Wait no longer for a ledger that cannot do at once what it is asked.
    StopLedgerRetries,
    /// Tell all workers that wait for a lease, and these that wait for the ledger, to go on waiting.
    /// `Decided` follows.
    ExtendWaits(Vec<u32>),
    /// Take at most so many items from the input. `Took` follows.
    Take(usize),
    /// Report what happened.
    Tell(Vec<Event>),
    /// Say something on stderr.
    Say(String),
    /// Close the ledger, which tells how these accounts stand. `LedgerClosed` follows.
    CloseLedger(Vec<Name>),
    /// The run is over.
    Finish(Conclusion),
}

/// What follows from an input, while it is being gathered.
#[derive(Debug, Default)]
struct Out {
    now: Duration,
    /// How long the clock has stood still.
    stood: Duration,
    effects: Vec<Effect>,
    events: Vec<Event>,
    /// Where results are told in the order of the input.
    input_order: Option<InputOrder>,
    conclusion: Option<Conclusion>,
}

impl Out {
    /// The time as it is told: by the clock of the host, so that what several runs tell fits together.
    fn told_now(&self) -> Duration {
        self.now + self.stood
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn event(&mut self, mut event: Event) {
        if let Some(at) = event.at_mut() {
            *at = self.told_now().into();
        }
        match &mut self.input_order {
            Some(order) => order.take(event, &mut self.events),
            None => self.events.push(event),
        }
    }

    /// What was gathered, the events last; only the end of the run comes after them.
    fn take(&mut self) -> Vec<Effect> {
        if !self.events.is_empty() {
            let room = Vec::with_capacity(self.events.len());
            let events = std::mem::replace(&mut self.events, room);
            self.effects.push(Effect::Tell(events));
        }
        let conclusion = self.conclusion.take().map(Effect::Finish);
        self.effects.extend(conclusion);
        std::mem::take(&mut self.effects)
    }
}

/// The warning that an answer about this operation comes with, if it does.
fn low_budget(operation: &Operation, answer: &Answer) -> Option<Event> {
    let part = usize::from(answer.part().saturating_sub(1));
    let account = &operation.parts().get(part)?.account;
    BudgetEvent::warned(account, answer).map(Event::LowBudget)
}

/// A run.
pub struct Run {
    settings: Settings,
    workers: Workers,
    dispatch: Dispatch,
    ids: Ids,
    requests: Requests,
    lost_operations: LostOperations,
    shutdown: Shutdown,
    phase: Phase,
    tally: Tally,
    waits_extended_at: Duration,
    /// One worker is to be killed before it takes this access.
    kill_before: Option<SharePoint>,
    /// That workers wait for each other's locks was told.
    told_deadlock: bool,
    steps: StepEvents,
    out: Out,
}

impl Run {
    /// A run that has not begun.
    pub fn new(settings: Settings, order: Box<dyn RequestOrder>) -> Self {
        let tally = match settings.ledger {
            None => Tally::new(&settings.starts),
            Some(_) => Tally::default(),
        };
        let out = Out {
            input_order: settings.pacing.keep_order.then(InputOrder::default),
            ..Out::default()
        };
        Run {
            ids: Ids::of(&settings),
            kill_before: settings.kill_before,
            settings,
            workers: Workers::default(),
            dispatch: Dispatch::default(),
            requests: Requests::new(order),
            lost_operations: LostOperations::default(),
            shutdown: Shutdown::default(),
            phase: Phase::default(),
            tally,
            waits_extended_at: Duration::ZERO,
            told_deadlock: false,
            steps: StepEvents::default(),
            out,
        }
    }

    /// Takes what happened, at this time since the run began, and tells what to do, in this order.
    pub fn handle(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        self.out.now = now;
        match input {
            Input::Turn { outputs_are_full } => self.turn(outputs_are_full),
            Input::Spawned { worker, pid } => {
                self.spawned(worker, pid);
                self.tell_process(worker, Event::Spawned);
                self.start_worker();
            }
            Input::SpawnFailed { worker, why } => self.spawn_failed(worker, &why),
            Input::Arrived(arrivals) => self.arrived(arrivals),
            Input::SendFailed { worker, why } => self.blame(worker, &why),
            Input::Exited { worker, exit } => {
                self.workers.exited(worker, exit, now);
                self.tell_process(worker, Event::Exited);
            }
            Input::Decided { outgoing, settled } => {
                self.requests.settle(settled);
                self.decided(outgoing);
            }
            Input::LedgerFailed { why, certainty } => self.fail_all(&why, certainty),
            Input::Took { items, rest } => self.took(items, rest),
            Input::Sending => self.steps_sent(),
            Input::Signal(signal) => self.signal(signal),
            Input::OutputBroken(why) => self.shutdown.stop(&why),
            Input::Aborted(why) => self.abort(&why),
            Input::LedgerClosed { standings, elapsed } => self.closed(standings, elapsed),
        }
        if self.phase.goes_on() {
            self.settle_dead();
            self.close_if_over();
        }
        self.out.take()
    }

    /// Until when nothing needs to be done if nothing happens.
    pub fn wake_at(&self, now: Duration) -> Duration {
        if self.dispatch.goes_on() {
            return now;
        }
        let latest = now + TICK;
        let handout = self.next_handout().filter(|at| *at > now);
        let next = self.next_deadline().into_iter().chain(handout).min();
        next.map_or(latest, |next| next.clamp(now, latest))
    }

    /// The signal that the run ends by, if one asked for its end.
    pub fn ends_by(&self) -> Option<i32> {
        self.shutdown.ends_by()
    }

    fn turn(&mut self, outputs_are_full: bool) {
        let now = self.out.now;
        self.submit();
        self.enforce_deadlines();
        if now.saturating_sub(self.waits_extended_at) >= EXTEND_INTERVAL {
            self.waits_extended_at = now;
            let waiting = self.workers.all();
            let waiting = waiting.filter(|state| !self.requests.settled_for(state));
            let waiting = waiting.map(|state| state.worker).collect();
            self.out.push(Effect::ExtendWaits(waiting));
        }
        self.dispatch.begin_turn(outputs_are_full);
        self.dispatch();
    }

    fn took(&mut self, items: Vec<Item>, rest: InputState) {
        self.dispatch.took(items, rest);
        self.input_answered();
        if matches!(self.phase, Phase::Running) {
            self.dispatch();
        }
    }
}
