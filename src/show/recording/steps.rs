//! What a recording says of processes, requests and shared cells, where it has steps.

use super::{Recording, moment};
use crate::bank::{Name, WaitInVain};
use crate::event::{CellEvent, Event, LeaseEvent, RequestEvent, WorkerEvent};
use crate::show::{CellAccess, CellStep, LaneEnd, PicturedWait, RequestTimes};

/// The most steps that are kept of operations which a recording has yet to name.
const MAX_EARLY_STEPS: usize = 100_000;

/// A wait for what another process had.
pub(super) struct RecordedWait {
    pub(super) at: u64,
    pub(super) operation: usize,
    pub(super) accounts: Vec<Name>,
    /// The lane of the process that had it.
    pub(super) holder: Option<usize>,
    pub(super) in_vain: Option<WaitInVain>,
}

impl Recording {
    /// The lane of a process; `None` if none of its operations is kept.
    pub(super) fn worker_event(&mut self, worker: &WorkerEvent) -> Option<(usize, u64)> {
        let (run, at) = (self.run_of_step(), moment(worker.at_us));
        self.has_steps = true;
        self.heard(run, at);
        let is_full = self.operations.len() >= self.most;
        if is_full && !self.runs[run].lanes.contains_key(&worker.worker) {
            return None;
        }
        Some((self.lane(run, worker.worker, worker.pid), at))
    }

    pub(super) fn exited(&mut self, worker: &WorkerEvent) {
        let Some((lane, at)) = self.worker_event(worker) else {
            return;
        };
        let lane = &mut self.lanes[lane];
        lane.exited = Some(at);
        lane.end = match (worker.exit, worker.signal) {
            (_, Some(signal)) => Some(LaneEnd::Signal(signal.into())),
            (Some(0) | None, None) => None,
            (Some(status), None) => Some(LaneEnd::Status(status.into())),
        };
    }

    /// Takes a step of the operation of this number. An operation without work is named only when it has
    /// ended; its steps are kept until then.
    pub(super) fn step(&mut self, number: u64, event: &Event) {
        let run = self.run_of_step();
        self.has_steps = true;
        if let Some(place) = self.runs[run].numbered.get(&number) {
            self.place_step(*place, event);
        } else if self.operations.len() < self.most && self.early_steps < MAX_EARLY_STEPS {
            self.early_steps += 1;
            let early = self.runs[run].early.entry(number).or_default();
            early.push(event.clone());
        }
    }

    /// Takes the steps that were told of an operation before it was named.
    pub(super) fn place_early_steps(&mut self, place: usize) {
        let operation = &self.operations[place];
        let early = self.runs[operation.run].early.remove(&operation.number);
        for event in early.unwrap_or_default() {
            self.early_steps -= 1;
            self.place_step(place, &event);
        }
    }

    fn place_step(&mut self, place: usize, event: &Event) {
        match event {
            Event::Request(request) => self.request(place, request),
            Event::Read(cell) => self.access(place, cell, CellStep::Read),
            Event::Conflict(cell) => self.access(place, cell, CellStep::Conflict),
            Event::Wrote(cell) => {
                let (overwrote, lost_to) = (0, None);
                self.access(place, cell, CellStep::Write { overwrote, lost_to });
            }
            Event::LeaseWait(lease) => self.lease(place, lease, false),
            Event::LeaseGranted(lease) => self.lease(place, lease, true),
            _ => {}
        }
    }

    fn request(&mut self, place: usize, event: &RequestEvent) {
        let sent = moment(event.sent_us.unwrap_or(event.received_us));
        let received = moment(event.received_us).max(sent);
        let decided = moment(event.decided_us).max(received);
        let returned = moment(event.returned_us.unwrap_or(event.answered_us)).max(decided);
        // The parent notes that an answer left only when it has done so, and the worker may be faster.
        let answered = moment(event.answered_us).clamp(decided, returned);
        self.requests.push(RequestTimes {
            operation: place,
            request: event.request,
            sent,
            received,
            decided,
            answered,
            returned,
        });
        let run = self.operations[place].run;
        self.heard(run, returned);
    }

    fn access(&mut self, place: usize, event: &CellEvent, step: CellStep) {
        let run = self.operations[place].run;
        let account = self.account(run, event.account.as_str());
        let at = moment(event.at_us);
        self.heard(run, at);
        self.accesses.push(CellAccess {
            at,
            operation: place,
            account,
            step,
            balance: event.balance.minor(),
            is_addition: event.added.is_some(),
            version: event.version.unwrap_or_default(),
        });
    }

    fn lease(&mut self, place: usize, event: &LeaseEvent, granted: bool) {
        let at = moment(event.at_us);
        let from = at.saturating_sub(moment(event.waited_us));
        let operation = &mut self.operations[place];
        let run = operation.run;
        // A wait without an end is cut where its operation ends.
        operation.waited = Some((from, if granted { at } else { u64::MAX }));
        if granted {
            return;
        }
        let lane_of = |holder| self.runs[run].lanes.get(&holder).copied();
        self.waits.push(RecordedWait {
            at,
            operation: place,
            accounts: event.accounts.clone(),
            holder: event.holder.and_then(lane_of),
            in_vain: event.in_vain,
        });
    }

    /// A wait, and which operation the process that had the lock was doing then.
    pub(super) fn pictured_wait(&self, wait: RecordedWait) -> PicturedWait {
        let doing = |lane: usize| {
            let operations = &self.lanes[lane].operations;
            let has_begun = |place: &&usize| self.operations[**place].begun <= wait.at;
            let latest = operations.iter().rev().find(has_begun);
            latest.or(operations.first()).copied()
        };
        PicturedWait {
            at: wait.at,
            operation: wait.operation,
            holder: wait.holder.and_then(doing),
            in_vain: wait.in_vain,
            accounts: wait.accounts,
        }
    }
}
