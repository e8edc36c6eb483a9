//! Each step on the way, told only where every step is asked for: processes, requests with their times,
//! reads and writes of shared balances, waits for a lease.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::workers::WorkerState;
use super::{Out, Run};
use crate::bank::{Answer, Balance, Cell, Name, Outcome, WorkEnd};
use crate::event::{CellEvent, Event, LeaseEvent, Micros, RequestEvent, RequestName, WorkerEvent};
use crate::exit::Exit;
use crate::protocol::{Ask, Reply, ReplyBody, ShareReply, ShareRequest, Timing, WorkerRequest};

/// What is remembered of steps.
#[derive(Debug, Default)]
pub(super) struct StepEvents {
    /// How often each shared balance was written, which is its version.
    versions: HashMap<Name, u64>,
}

/// A request of a worker that it has not told the return of.
#[derive(Debug)]
pub(super) struct AskedStep {
    number: u64,
    ordinal: u64,
    request: RequestName,
    /// What it wants to write.
    cells: Vec<(Name, Balance)>,
    /// What it wants a lease on, and since when it waits for that.
    leases: Vec<Name>,
    waits_since: Option<Duration>,
    received: Duration,
    decided: Option<(Duration, Option<u64>)>,
    answered: Option<Duration>,
}

impl AskedStep {
    /// A request about the operation of this number.
    pub(super) fn of(request: &WorkerRequest, ordinal: u64) -> Self {
        let cells = match &request.ask {
            Ask::Share(ShareRequest::Write(cells) | ShareRequest::CompareAndSet(cells)) => cells,
            _ => &Vec::new(),
        };
        AskedStep {
            number: request.number,
            ordinal,
            request: name_of(&request.ask),
            cells: cells.iter().map(balance_of).collect(),
            leases: match &request.ask {
                Ask::Share(ShareRequest::Lock(names)) => names.clone(),
                _ => Vec::new(),
            },
            waits_since: None,
            received: Duration::ZERO,
            decided: None,
            answered: None,
        }
    }

    /// The same, received at this time.
    pub(super) fn received(self, received: Duration) -> Self {
        AskedStep { received, ..self }
    }

    /// Everything that is known of it, with what its worker tells, if it does.
    fn event(&self, state: &WorkerState, told: Option<(Micros, Micros)>) -> Option<Event> {
        let (decided_at, decided) = self.decided?;
        let (sent_us, returned_us) = told.unzip();
        Some(Event::Request(RequestEvent {
            operation: self.ordinal,
            worker: state.worker,
            pid: state.pid,
            request: self.request,
            sent_us,
            received_us: self.received.into(),
            decided_us: decided_at.into(),
            answered_us: self.answered.unwrap_or(decided_at).into(),
            returned_us,
            decided,
        }))
    }
}

fn balance_of(cell: &Cell) -> (Name, Balance) {
    (cell.name.clone(), cell.account.view().posted)
}

fn name_of(ask: &Ask) -> RequestName {
    match ask {
        Ask::Execute => RequestName::Execute,
        Ask::Begin => RequestName::Begin,
        Ask::End(WorkEnd::Post { .. } | WorkEnd::Keep { .. }) => RequestName::Post,
        Ask::End(WorkEnd::Void) => RequestName::Void,
        Ask::End(WorkEnd::Unspent) => RequestName::Unspent,
        Ask::End(WorkEnd::Decline) => RequestName::Decline,
        Ask::End(WorkEnd::Doubt) => RequestName::Doubt,
        Ask::Share(ShareRequest::Claim(_)) => RequestName::Claim,
        Ask::Share(ShareRequest::Read(_)) => RequestName::Read,
        Ask::Share(ShareRequest::Lock(_)) => RequestName::Lock,
        Ask::Share(ShareRequest::Write(_)) => RequestName::Write,
        Ask::Share(ShareRequest::CompareAndSet(_)) => RequestName::CompareAndSet,
        Ask::Share(ShareRequest::Turn(_)) => RequestName::Turn,
        Ask::Share(_) => RequestName::Settle,
    }
}

/// What every step of one operation says of it.
#[derive(Clone, Copy)]
struct StepOf {
    operation: u64,
    worker: u32,
    pid: u32,
}

impl StepOf {
    fn cell(self, account: Name, balance: Balance, version: u64) -> CellEvent {
        let StepOf {
            operation,
            worker,
            pid,
        } = self;
        CellEvent {
            operation,
            worker,
            pid,
            account,
            balance,
            added: None,
            version: Some(version),
            at_us: Micros::default(),
        }
    }

    fn lease(self, accounts: Vec<Name>, waited: Option<Duration>) -> LeaseEvent {
        let StepOf {
            operation,
            worker,
            pid,
        } = self;
        LeaseEvent {
            operation,
            worker,
            pid,
            accounts,
            holder: None,
            in_vain: None,
            waited_us: waited.map(Micros::from),
            at_us: Micros::default(),
        }
    }
}

impl Run {
    /// So long has the clock stood still, by which the run is told the time.
    pub fn stood_still(&mut self, stood: Duration) {
        self.out.stood = stood;
    }

    /// Tells what happened to a worker's process.
    pub(super) fn tell_process(&mut self, worker: u32, event: fn(WorkerEvent) -> Event) {
        if let Some(state) = self.workers.get(worker).filter(|_| self.settings.steps) {
            let (exit, signal) = match state.exit {
                None => (None, None),
                Some(Exit::Status(status)) => (Some(status), None),
                Some(Exit::Signal(signal)) => (None, Some(signal)),
            };
            self.out.event(event(WorkerEvent {
                worker,
                pid: state.pid,
                exit,
                signal,
                at_us: Micros::default(),
            }));
        }
    }

    /// A request waits for a lease.
    pub(super) fn step_waits(&mut self, worker: u32, number: u64) {
        let now = self.out.told_now();
        let Run { workers, out, .. } = self;
        if let Some(state) = workers.get_mut(worker)
            && let Some(step) = unanswered(&mut state.asked_steps, number)
        {
            step.waits_since = Some(now);
            let of = StepOf {
                operation: step.ordinal,
                worker,
                pid: state.pid,
            };
            let waits = of.lease(step.leases.clone(), None);
            out.event(Event::LeaseWait(waits));
        }
    }

    /// A request is answered: what its worker read or wrote by that.
    pub(super) fn step_answered(&mut self, worker: u32, reply: &Reply) {
        if !self.settings.steps || matches!(reply.body, ReplyBody::Shared(ShareReply::Waiting)) {
            return;
        }
        let now = self.out.told_now();
        let Run {
            workers,
            steps,
            out,
            ..
        } = self;
        let Some(state) = workers.get_mut(worker) else {
            return;
        };
        let pid = state.pid;
        let Some(step) = unanswered(&mut state.asked_steps, reply.number) else {
            return;
        };
        let of = StepOf {
            operation: step.ordinal,
            worker,
            pid,
        };
        if let Some(since) = step.waits_since {
            let waited = Some(now.saturating_sub(since));
            let granted = of.lease(step.leases.clone(), waited);
            out.event(Event::LeaseGranted(granted));
        }
        match &reply.body {
            ReplyBody::Shared(ShareReply::Cells(cells)) => tell_cells(of, cells, Event::Read, out),
            ReplyBody::Shared(ShareReply::Conflict(cells)) => {
                tell_cells(of, cells, Event::Conflict, out);
            }
            ReplyBody::Shared(_) => {}
            ReplyBody::Decided(answer) => steps.tell_written(of, step, answer, out),
        }
        let decided = match &reply.body {
            ReplyBody::Decided(answer) => Some(answer.decided),
            ReplyBody::Shared(_) => None,
        };
        step.decided = Some((now, decided));
    }

    /// What was decided so far is sent to its workers now.
    pub(super) fn steps_sent(&mut self) {
        let now = self.out.told_now();
        let steps = self
            .workers
            .all_mut()
            .flat_map(|state| &mut state.asked_steps);
        for step in steps.filter(|step| step.decided.is_some()) {
            step.answered.get_or_insert(now);
        }
    }

    /// A worker tells when it sent requests and had their answers.
    pub(super) fn steps_returned(&mut self, worker: u32, timings: Vec<Timing>) {
        let Run {
            workers,
            settings,
            out,
            ..
        } = self;
        let Some(state) = workers.get_mut(worker) else {
            return;
        };
        let since = |micros: u64| Micros(micros.saturating_sub(settings.clock_us.0));
        for timing in timings {
            let is_it = |step: &AskedStep| step.number == timing.number && step.decided.is_some();
            // What a worker tells of no request is passed over.
            let Some(place) = state.asked_steps.iter().position(is_it) else {
                continue;
            };
            let step = state.asked_steps.remove(place);
            let told = Some((since(timing.sent_us), since(timing.returned_us)));
            let event = step.and_then(|step| step.event(state, told));
            out.events.extend(event);
        }
    }

    /// A worker is gone: what it was answered and has not told the return of.
    pub(super) fn steps_left(&mut self, state: &mut WorkerState) {
        for step in std::mem::take(&mut state.asked_steps) {
            self.out.events.extend(step.event(state, None));
        }
    }
}

/// The first request about this operation that is not answered.
fn unanswered(steps: &mut VecDeque<AskedStep>, number: u64) -> Option<&mut AskedStep> {
    let is_it = |step: &&mut AskedStep| step.number == number && step.decided.is_none();
    steps.iter_mut().find(is_it)
}

fn tell_cells(of: StepOf, cells: &[Cell], event: fn(CellEvent) -> Event, out: &mut Out) {
    for cell in cells {
        let (name, balance) = balance_of(cell);
        out.event(event(of.cell(name, balance, cell.version)));
    }
}

impl StepEvents {
    fn tell_written(&mut self, of: StepOf, step: &AskedStep, answer: &Answer, out: &mut Out) {
        if !matches!(answer.outcome, Outcome::Posted { .. }) {
            return;
        }
        for (name, balance) in &step.cells {
            let version = self.versions.entry(name.clone()).or_default();
            *version += 1;
            let wrote = of.cell(name.clone(), *balance, *version);
            out.event(Event::Wrote(wrote));
        }
    }
}
