//! A recording that was read to its end becomes a picture.

use std::collections::HashSet;

use super::balances::DecidedAt;
use super::{MAX_OPERATIONS, RecordedRun, Recording};
use crate::event::{Mode, RequestName};
use crate::show::cell_history::mark_lost;
use crate::show::clock::{RunExtent, lay_out};
use crate::show::picture::{
    CellAccess, CellStep, Lane, OperationEnd, Picture, PicturedOperation, PicturedWait,
    RequestTimes,
};

impl Recording {
    /// Everything on one time axis.
    pub fn picture(mut self) -> Picture {
        let (starts, notes) = self.starts();
        self.lay_on_axis(&starts);
        let decided = self.decided_at();
        self.work_between();
        self.started_late();
        let waits = std::mem::take(&mut self.waits).into_iter();
        let waits = waits.map(|wait| self.pictured_wait(wait)).collect();
        let (accounts, is_reordered) = self.histories(&starts, &decided);
        let mut picture = Picture {
            accounts,
            notes: self.notes(notes, is_reordered),
            runs: self.runs.into_iter().map(|run| run.picture).collect(),
            lanes: self.lanes,
            operations: self.operations,
            accesses: self.accesses,
            waits,
            requests: self.requests,
            end: 0,
            left_out: self.left_out,
        };
        // What was told of one moment keeps its order.
        picture.accesses.sort_by_key(|access| access.at);
        mark_lost(&mut picture.accesses);
        picture.waits.sort_by_key(|wait| wait.at);
        picture.requests.sort_by_key(|request| request.sent);
        picture.sort_operations();
        picture.sort_lanes();
        picture.sort_accounts();
        let at_once = |one: &CellAccess, next: &CellAccess| {
            (one.at, one.operation) == (next.at, next.operation)
        };
        for sides in picture.accesses.chunk_by_mut(at_once) {
            sides.sort_by_key(|access| access.account);
        }
        picture.end = picture.runs.iter().map(|run| run.until).max().unwrap_or(0);
        picture
    }

    fn starts(&self) -> (Vec<u64>, Vec<String>) {
        let mut before: Option<&str> = None;
        let extent = |run: &RecordedRun| RunExtent {
            clock: run.clock,
            length: run.picture.until,
            begins_file: false,
        };
        let mut extents = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let source = Some(run.picture.source.as_str());
            extents.push(RunExtent {
                begins_file: before != source,
                ..extent(run)
            });
            before = source;
        }
        lay_out(&extents)
    }

    /// Counts all times from the begin of the picture.
    fn lay_on_axis(&mut self, starts: &[u64]) {
        for (run, start) in self.runs.iter_mut().zip(starts) {
            run.picture.from = *start;
            run.picture.until += start;
        }
        let span = |(from, until): (u64, u64), start: u64| (from + start, until + start);
        for operation in &mut self.operations {
            let start = starts[operation.run];
            operation.begun += start;
            if let Some(repaired) = &mut operation.repaired {
                repaired.at += start;
            }
            operation.ended = match operation.end {
                OperationEnd::Unfinished => self.runs[operation.run].picture.until,
                _ => operation.ended + start,
            };
            operation.waited = operation.waited.map(|(from, until)| {
                let until = until.saturating_add(start).min(operation.ended);
                (from + start, until)
            });
            operation.worked = operation.worked.map(|(from, until)| match operation.end {
                OperationEnd::Unfinished => (from + start, operation.ended),
                _ => span((from, until), start),
            });
        }
        for lane in &mut self.lanes {
            let start = starts[lane.run];
            for at in [&mut lane.spawned, &mut lane.connected, &mut lane.exited] {
                *at = at.map(|at| at + start);
            }
        }
        for access in &mut self.accesses {
            access.at += starts[self.operations[access.operation].run];
        }
        for wait in &mut self.waits {
            wait.at += starts[self.operations[wait.operation].run];
        }
        for request in &mut self.requests {
            let start = starts[self.operations[request.operation].run];
            for at in [
                &mut request.sent,
                &mut request.received,
                &mut request.decided,
                &mut request.answered,
                &mut request.returned,
            ] {
                *at += start;
            }
        }
    }

    /// When holds and ends were decided, by the requests; and until when the work in between lasted.
    fn decided_at(&mut self) -> Vec<DecidedAt> {
        let mut decided = Vec::new();
        if !self.requests.is_empty() {
            decided.resize(self.operations.len(), DecidedAt::default());
        }
        for request in &self.requests {
            let (operation, at) = (request.operation, request.decided);
            match request.request {
                RequestName::Begin => {
                    decided[operation].hold = Some(at);
                    if let Some((from, _)) = &mut self.operations[operation].worked {
                        *from = request.returned;
                    }
                }
                RequestName::Execute
                | RequestName::Post
                | RequestName::Void
                | RequestName::Unspent
                | RequestName::Decline
                | RequestName::Doubt
                | RequestName::Write
                | RequestName::CompareAndSet => {
                    decided[operation].end = Some(at);
                    if let Some((_, until)) = &mut self.operations[operation].worked {
                        *until = request.sent;
                    }
                }
                RequestName::Claim
                | RequestName::Read
                | RequestName::Lock
                | RequestName::Settle
                | RequestName::Turn => {}
            }
        }
        decided
    }

    /// Where data is shared, the work is what lies between the first read and the last write, or the end of
    /// a worker that had read and did not come to write.
    fn work_between(&mut self) {
        let mut reading = HashSet::new();
        for access in &self.accesses {
            match access.step {
                CellStep::Read | CellStep::Conflict => reading.insert(access.operation),
                CellStep::Write { .. } => reading.remove(&access.operation),
            };
            let operation = &mut self.operations[access.operation];
            operation.worked = match (access.step, operation.worked) {
                (CellStep::Read, None) => Some((access.at, access.at)),
                (CellStep::Read, worked) => worked,
                (_, Some((from, _))) => Some((from, access.at.max(from))),
                (_, None) if access.is_addition => Some((operation.begun, access.at)),
                (_, None) => None,
            };
        }
        for place in reading {
            let operation = &mut self.operations[place];
            let broke_off = !matches!(
                operation.end,
                OperationEnd::Completed | OperationEnd::Refused
            );
            if let Some((_, until)) = operation.worked.as_mut().filter(|_| broke_off) {
                *until = operation.ended;
            }
        }
        self.work_in_memory();
    }

    /// In shared memory no server is asked: what is no wait and no access that was told, is work.
    fn work_in_memory(&mut self) {
        for operation in &mut self.operations {
            let mode = &self.runs[operation.run].picture.mode;
            if *mode == Mode::SharedMemory && operation.worked.is_none() {
                let from = operation.waited.map_or(operation.begun, |(_, until)| until);
                operation.worked = Some((from, operation.ended));
            }
        }
    }

    /// An operation that was given to a process that had yet to start begins with that; and what lasted
    /// ended after it began, whatever a file says.
    fn started_late(&mut self) {
        for operation in &mut self.operations {
            operation.ended = operation.ended.max(operation.begun);
            for span in [&mut operation.waited, &mut operation.worked] {
                *span = span.map(|(from, until)| (from, until.max(from)));
            }
        }
        for lane in &self.lanes {
            for place in &lane.operations {
                let operation = &mut self.operations[*place];
                operation.process_ready = lane.connected.filter(|ready| *ready > operation.begun);
            }
        }
    }

    fn notes(&self, mut notes: Vec<String>, is_reordered: bool) -> Vec<String> {
        if self.cut > 0 {
            let lines = self.cut;
            let are = if lines == 1 { "line is" } else { "lines are" };
            notes.push(format!(
                "{lines} {are} no whole event, as a run that was killed leaves it, and not drawn"
            ));
        }
        if let Some(first) = &self.first_damaged {
            let others = match self.damaged - 1 {
                0 => String::new(),
                1 => ", and 1 other line is damaged".to_string(),
                others => format!(", and {others} other lines are damaged"),
            };
            notes.push(format!("{first}: the line is not drawn{others}"));
        }
        if self.left_out > 0 && self.most == MAX_OPERATIONS {
            let later = self.left_out;
            notes.push(format!(
                "a picture has at most {MAX_OPERATIONS} operations: {later} later ones are left out"
            ));
        }
        if !self.has_steps && !self.operations.is_empty() {
            notes.push(
                "recorded without `--detail steps`: starts and ends of processes, requests and shared reads and writes are not drawn; a run with `--events FILE --detail steps` records them".into(),
            );
        }
        if is_reordered {
            notes.push("answers came in another order than the writes that they tell of: a balance ends with what its run found there".into());
        }
        let unfinished = self.runs.iter().filter(|run| {
            let picture = &run.picture;
            picture.totals.is_none() && picture.races.is_empty()
        });
        match unfinished.count() {
            0 => {}
            1 => notes.push("one run has no summary: it was killed, or goes on".into()),
            runs => notes.push(format!(
                "{runs} runs have no summary: they were killed, or go on"
            )),
        }
        notes
    }
}

impl Picture {
    /// Brings the operations into the order in which they began.
    fn sort_operations(&mut self) {
        let mut order: Vec<usize> = (0..self.operations.len()).collect();
        order.sort_by_key(|place| {
            let operation = &self.operations[*place];
            (operation.begun, operation.run, operation.number)
        });
        let places = inverse(&order);
        self.operations = permuted(std::mem::take(&mut self.operations), &order);
        for Lane { operations, .. } in &mut self.lanes {
            operations
                .iter_mut()
                .for_each(|place| *place = places[*place]);
            operations.sort_unstable();
        }
        for CellAccess {
            operation, step, ..
        } in &mut self.accesses
        {
            *operation = places[*operation];
            if let CellStep::Write {
                lost_to: Some(over),
                ..
            } = step
            {
                *over = places[*over];
            }
        }
        for PicturedWait {
            operation, holder, ..
        } in &mut self.waits
        {
            *operation = places[*operation];
            *holder = holder.map(|place| places[place]);
        }
        for RequestTimes { operation, .. } in &mut self.requests {
            *operation = places[*operation];
        }
        for change in self
            .accounts
            .iter_mut()
            .flat_map(|account| &mut account.changes)
        {
            change.operation = change.operation.map(|place| places[place]);
        }
    }

    /// Brings the lanes of each run into the order of their first operations' numbers.
    fn sort_lanes(&mut self) {
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.sort_by_key(|place| {
            let lane = &self.lanes[*place];
            let numbers = lane
                .operations
                .iter()
                .map(|place| self.operations[*place].number);
            (lane.run, numbers.min().unwrap_or(u64::MAX), lane.worker)
        });
        let places = inverse(&order);
        self.lanes = permuted(std::mem::take(&mut self.lanes), &order);
        for PicturedOperation { lane, .. } in &mut self.operations {
            *lane = places[*lane];
        }
    }

    /// Brings the accounts that changed most, and the users' before the bank's own, to the front.
    fn sort_accounts(&mut self) {
        let mut order: Vec<usize> = (0..self.accounts.len()).collect();
        order.sort_by_key(|place| {
            let account = &self.accounts[*place];
            let changes = std::cmp::Reverse(account.changes.len());
            (account.name.starts_with('@'), changes)
        });
        let places = inverse(&order);
        self.accounts = permuted(std::mem::take(&mut self.accounts), &order);
        for PicturedOperation { account, to, .. } in &mut self.operations {
            *account = places[*account];
            *to = to.map(|place| places[place]);
        }
        for CellAccess { account, .. } in &mut self.accesses {
            *account = places[*account];
        }
    }
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, from) in order.iter().enumerate() {
        places[*from] = place;
    }
    places
}

fn permuted<T>(items: Vec<T>, order: &[usize]) -> Vec<T> {
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order
        .iter()
        .filter_map(|place| items[*place].take())
        .collect()
}
