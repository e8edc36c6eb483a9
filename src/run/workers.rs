//! The workers of a run: which there are, how far each one is, and what each of them was given.

mod assigned;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::bank::{Line, Operation};
use crate::event::{Cause, Fault, OperationEvent};
use crate::exit::Exit;

use super::lock_waits::ToldWait;
use super::steps::AskedStep;
pub(super) use assigned::{Assigned, AssignedQueue};

/// The workers that are there and not settled yet, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Workers {
    states: BTreeMap<u32, WorkerState>,
    last: u32,
    /// Those that have exited and whose link has ended.
    gone: Vec<u32>,
    /// How many were started in all.
    pub(super) started: u64,
    /// The system gave no further process; it may when another has ended.
    pub(super) spawn_limit_reached: bool,
}

/// One worker.
#[derive(Debug)]
pub(super) struct WorkerState {
    pub(super) worker: u32,
    /// Its process; 0 until it was started.
    pub(super) pid: u32,
    /// Its link is up.
    pub(super) ready: bool,
    /// It was told that nothing more will come.
    pub(super) closing: bool,
    /// How many operations it was given in all.
    pub(super) given: u64,
    /// Those of them that are not decided.
    pub(super) queue: AssignedQueue,
    /// It waits for a lease that another worker holds.
    pub(super) waits_for_lease: bool,
    /// The lock in shared memory that it waits for, if it has told of that.
    pub(super) lock_wait: Option<ToldWait>,
    /// How many of its requests have arrived and were not submitted.
    pub(super) unsubmitted: usize,
    /// The sequence number of its last request.
    pub(super) last_submitted: u64,
    pub(super) link_ended: bool,
    pub(super) exit: Option<Exit>,
    pub(super) fault: Option<Fault>,
    /// Requests whose reply time is not reported yet, where every step is reported.
    pub(super) asked_steps: VecDeque<AskedStep>,
    /// When it last made progress.
    pub(super) progress_at: Duration,
}

impl Workers {
    /// Adds a worker that is about to be started.
    pub(super) fn add(&mut self, now: Duration) -> u32 {
        self.last += 1;
        self.states
            .insert(self.last, WorkerState::new(self.last, now));
        self.last
    }

    pub(super) fn get(&self, worker: u32) -> Option<&WorkerState> {
        self.states.get(&worker)
    }

    pub(super) fn get_mut(&mut self, worker: u32) -> Option<&mut WorkerState> {
        self.states.get_mut(&worker)
    }

    pub(super) fn remove(&mut self, worker: u32) -> Option<WorkerState> {
        self.states.remove(&worker)
    }

    /// A worker's process has exited.
    pub(super) fn exited(&mut self, worker: u32, exit: Exit, now: Duration) {
        self.spawn_limit_reached = false;
        if let Some(state) = self.states.get_mut(&worker) {
            state.exit = Some(exit);
            state.made_progress(now);
            if state.link_ended {
                self.gone.push(worker);
            }
        }
    }

    /// A worker's link has ended: its exit must follow, also where it was idle or waited for a lease.
    pub(super) fn link_ended(&mut self, worker: u32, now: Duration) {
        if let Some(state) = self.states.get_mut(&worker) {
            state.made_progress(now);
            if state.exit.is_some() && !state.link_ended {
                self.gone.push(worker);
            }
            state.link_ended = true;
        }
    }

    /// Takes those away that have exited, whose link has ended, and all of whose requests are settled.
    pub(super) fn take_gone(
        &mut self,
        is_settled: impl Fn(&WorkerState) -> bool,
    ) -> Vec<WorkerState> {
        let mut taken = Vec::new();
        let states = &mut self.states;
        let gone = self.gone.len();
        self.gone.retain(|worker| {
            let due = states.get(worker).is_none_or(&is_settled);
            taken.extend(due.then(|| states.remove(worker)).flatten());
            !due
        });
        // Where the last one is gone, no further exit would tell that there may be room again.
        self.spawn_limit_reached &= self.gone.len() == gone;
        taken
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &WorkerState> {
        self.states.values()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut WorkerState> {
        self.states.values_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// How many have not exited.
    pub(super) fn live(&self) -> usize {
        self.all().filter(|state| state.exit.is_none()).count()
    }

    /// How many are on their way.
    pub(super) fn starting(&self) -> usize {
        let on_their_way = |state: &&WorkerState| !state.ready && state.exit.is_none();
        self.all().filter(on_their_way).count()
    }

    /// Whether one is being started just now.
    pub(super) fn is_spawning(&self) -> bool {
        self.states
            .last_key_value()
            .is_some_and(|(_, last)| last.pid == 0)
    }
}

impl WorkerState {
    fn new(worker: u32, now: Duration) -> Self {
        WorkerState {
            worker,
            pid: 0,
            ready: false,
            closing: false,
            given: 0,
            queue: AssignedQueue::default(),
            waits_for_lease: false,
            lock_wait: None,
            unsubmitted: 0,
            last_submitted: 0,
            link_ended: false,
            exit: None,
            fault: None,
            asked_steps: VecDeque::new(),
            progress_at: now,
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

    pub(super) fn give(&mut self, assigned: Assigned, now: Duration) {
        if self.queue.is_empty() {
            self.progress_at = now;
        }
        self.given += 1;
        self.queue.push(assigned);
    }

    /// It made progress: its deadline starts anew.
    pub(super) fn made_progress(&mut self, now: Duration) {
        self.progress_at = now;
        self.waits_for_lease = false;
        self.lock_wait = None;
    }

    /// Why its operation could not be done, now that it has ended.
    pub(super) fn why_it_ended(&self) -> Fault {
        self.fault.clone().unwrap_or_else(|| Fault {
            cause: Cause::Died,
            detail: format!("{self} {}", self.exit.unwrap_or(Exit::Status(0))),
        })
    }

    /// Whether it ended as a worker should.
    pub(super) fn ended_well(&self) -> bool {
        self.fault.is_none() && self.exit == Some(Exit::Status(0))
    }

    /// What an event says of an operation in its hands.
    pub(super) fn event_of(&self, assigned: &Assigned) -> OperationEvent {
        let Assigned {
            ordinal,
            operation,
            line,
            ran,
            ..
        } = assigned;
        let mut event = self.event(*ordinal, operation.clone(), *line);
        ran.iter().for_each(|report| event.add_command(report));
        event
    }

    /// What an event says of an operation that this worker was started for or given.
    pub(super) fn event(
        &self,
        ordinal: u64,
        operation: Operation,
        line: Option<Line>,
    ) -> OperationEvent {
        let mut event = OperationEvent::from(operation);
        event.operation = ordinal;
        event.worker = self.worker;
        event.pid = self.pid;
        event.line = line.map(|line| line.number);
        event
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (pid {})", self.worker, self.pid)
    }
}
