//! What a recording says of processes, requests and shared cells, where it has steps.

use super::{Recording, moment};
use crate::event::{CellEvent, LeaseEvent, RequestEvent, WorkerEvent};
use crate::show::{CellAccess, CellStep, LaneEnd, PicturedWait, RequestTimes};

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

    /// The operation of this number, of the run that is being read.
    fn numbered(&mut self, number: u64) -> Option<usize> {
        let run = self.run_of_step();
        self.has_steps = true;
        self.runs[run].numbered.get(&number).copied()
    }

    pub(super) fn request(&mut self, event: &RequestEvent) {
        let Some(place) = self.numbered(event.operation) else {
            return;
        };
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

    pub(super) fn access(&mut self, event: &CellEvent, step: CellStep) {
        let Some(place) = self.numbered(event.operation) else {
            return;
        };
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

    pub(super) fn lease(&mut self, event: &LeaseEvent, granted: bool) {
        let Some(place) = self.numbered(event.operation) else {
            return;
        };
        let at = moment(event.at_us);
        let from = at.saturating_sub(moment(event.waited_us));
        let operation = &mut self.operations[place];
        let run = operation.run;
        // A wait without an end is cut where its operation ends.
        operation.waited = Some((from, if granted { at } else { u64::MAX }));
        if granted {
            return;
        }
        let lane = event
            .holder
            .and_then(|holder| self.runs[run].lanes.get(&holder));
        self.waits.push(PicturedWait {
            at,
            operation: place,
            accounts: event.accounts.clone(),
            holder: lane.and_then(|lane| self.lanes[*lane].operations.last().copied()),
            in_vain: event.in_vain,
        });
    }
}
