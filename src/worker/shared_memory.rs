//! `shared-memory`: the worker reaches the balances in the memory that it inherited, applies the bank's
//! rules itself, and tells the parent what was decided.

use std::thread;
use std::time::{Duration, Instant};

use super::{Worker, WorkerError};
use crate::bank::{Balance, LockWait, MemoryAccess, Name, Packed, SharePoint, WaitInVain};
use crate::protocol::{Ask, Assignment, ReplyBody, ShareReply, ShareRequest};
use crate::shared_memory::{
    GaveUp, MappedOperation, Mapping, MemoryPlace, MemorySharing, MemoryTable, Surroundings,
};
use crate::wake::host_clock;

/// The longest that the parent hears nothing of a worker that waits for a lock.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// The memory that a worker shares, and its slot in it.
pub(super) struct WorkerMemory {
    table: MemoryTable<Mapping>,
    worker_slot: usize,
}

impl WorkerMemory {
    /// Takes the slot in the memory that this process inherited.
    pub(super) fn inherited(place: MemoryPlace, worker: u32) -> std::io::Result<Self> {
        let MemoryPlace {
            descriptor,
            worker_slot,
        } = place;
        let table = MemoryTable::inherited(descriptor)?;
        if let Some(words) = table.worker_slot(worker_slot) {
            words.take(worker, std::process::id());
        }
        Ok(WorkerMemory { table, worker_slot })
    }
}

/// Why an operation on shared memory ended without an answer.
enum NoAnswer {
    Failed(WorkerError),
    GaveUp(String),
}

impl From<GaveUp> for NoAnswer {
    fn from(GaveUp(why): GaveUp) -> Self {
        NoAnswer::GaveUp(why)
    }
}

impl From<WorkerError> for NoAnswer {
    fn from(error: WorkerError) -> Self {
        NoAnswer::Failed(error)
    }
}

impl Worker {
    /// One operation on memory that all share.
    pub(super) fn share_memory(
        &mut self,
        assignment: &Assignment,
        sharing: MemorySharing,
    ) -> Result<(), WorkerError> {
        let memory = self.memory.clone().ok_or(WorkerError::NotAWorker)?;
        let (number, operation) = (assignment.number, &assignment.operation);
        let has_id = operation.id.is_some();
        if has_id {
            // A claim is for the operation that comes next, so what was told before must be settled.
            self.await_replies()?;
            let claim = ShareRequest::Claim(operation.clone());
            if let ReplyBody::Decided(_) = self.ask(number, Ask::Share(claim))? {
                return Ok(());
            }
        }
        self.begin_lap();
        if let Some(worker_slot) = memory.table.worker_slot(memory.worker_slot) {
            worker_slot.begin(number);
        }
        let surroundings = AtWork {
            worker: self,
            assignment,
            sharing,
            heard_at: Instant::now(),
            worked: Duration::ZERO,
            wait: None,
        };
        let mapped = MappedOperation::new(
            &memory.table,
            memory.worker_slot,
            sharing,
            operation,
            surroundings,
        );
        let decided = match mapped.ok_or(WorkerError::NotAWorker)?.run() {
            Ok(answer) => Ask::Share(ShareRequest::Decided(answer)),
            Err(NoAnswer::GaveUp(why)) => {
                return self.tell_parent(number, ShareRequest::GaveUp(why));
            }
            Err(NoAnswer::Failed(error)) => return Err(error),
        };
        // What the parent is told of it is no part of the operation itself.
        self.end_laps(1);
        if has_id || sharing.takes_turns {
            return self.ask(number, decided).map(drop);
        }
        // It must be on its way before the next one is begun, which takes its place in the slot.
        self.put(number, decided)?;
        self.flush()
    }

    /// Sends a request that has no answer.
    fn tell_parent(&mut self, number: u64, what: ShareRequest) -> Result<(), WorkerError> {
        self.put(number, Ask::Share(what))?;
        self.due = self.due.saturating_sub(1);
        if let Some(times) = &mut self.times {
            times.forget_last();
        }
        self.flush()
    }
}

/// A worker at an operation.
struct AtWork<'a> {
    worker: &'a mut Worker,
    assignment: &'a Assignment,
    sharing: MemorySharing,
    /// When the parent last heard of this worker.
    heard_at: Instant,
    worked: Duration,
    /// The lock that it waits for, if it does.
    wait: Option<WaitSeen>,
}

/// What a worker has seen of its wait for a lock, and told of it.
struct WaitSeen {
    since_us: u64,
    /// Why it was in vain at the last look.
    last_look: Option<WaitInVain>,
    /// That it is in vain was told.
    is_told_in_vain: bool,
}

fn now_us() -> u64 {
    u64::try_from(host_clock().as_micros()).unwrap_or(u64::MAX)
}

impl Surroundings for AtWork<'_> {
    type Error = NoAnswer;

    fn turn(&mut self, point: SharePoint) -> Result<(), NoAnswer> {
        if !self.sharing.takes_turns {
            return Ok(());
        }
        let turn = Ask::Share(ShareRequest::Turn(point));
        let body = self.worker.ask(self.assignment.number, turn)?;
        self.heard_at = Instant::now();
        match body {
            ReplyBody::Shared(ShareReply::Turn) => Ok(()),
            _ => Err(self.worker.unexpected().into()),
        }
    }

    fn saw(&mut self, balances: [i64; 2]) -> Result<(), NoAnswer> {
        if self.sharing.takes_turns {
            let number = self.assignment.number;
            self.worker
                .tell_parent(number, ShareRequest::Saw(balances))?;
        }
        Ok(())
    }

    fn work(&mut self, halves: u32) -> Result<(), NoAnswer> {
        let work = self.assignment.work.duration() / 2 * halves;
        let left = self
            .sharing
            .limit
            .map(|limit| limit.saturating_sub(self.worked));
        let pause = left.unwrap_or(work).min(work);
        thread::sleep(pause);
        self.worked += pause;
        match self.sharing.limit {
            Some(limit) if pause < work => {
                let why = format!("did not finish its operation within {limit:?}");
                Err(NoAnswer::GaveUp(why))
            }
            _ => Ok(()),
        }
    }

    fn accessed(
        &mut self,
        access: MemoryAccess,
        name: &Name,
        money: Packed,
    ) -> Result<(), NoAnswer> {
        if !self.worker.args.tells_times {
            return Ok(());
        }
        let accessed = ShareRequest::Accessed {
            access,
            account: name.clone(),
            balance: Balance::new(money.balance()),
            version: money.updates(),
            at_us: now_us(),
        };
        self.worker.tell_parent(self.assignment.number, accessed)?;
        Ok(())
    }

    /// The beginning of a wait is told where steps are, and everywhere that it is in vain, as soon as two
    /// looks one after the other have found that.
    fn waits(&mut self, mut wait: LockWait) -> Result<(), NoAnswer> {
        let sharing = self.sharing;
        let is_told = self.worker.args.tells_times || sharing.takes_turns;
        let is_first = self.wait.is_none();
        let seen = self.wait.get_or_insert_with(|| WaitSeen {
            since_us: now_us(),
            last_look: None,
            is_told_in_vain: false,
        });
        let last_look = std::mem::replace(&mut seen.last_look, wait.in_vain);
        wait.in_vain = wait.in_vain.filter(|_| last_look == wait.in_vain);
        let is_news = (is_first && is_told) || (wait.in_vain.is_some() && !seen.is_told_in_vain);
        seen.is_told_in_vain |= wait.in_vain.is_some();
        let since_us = seen.since_us;
        let often = sharing.limit.map_or(SIGN_OF_LIFE, |limit| limit / 16);
        if is_news || self.heard_at.elapsed() >= often.min(SIGN_OF_LIFE) {
            self.heard_at = Instant::now();
            let number = self.assignment.number;
            let waits = ShareRequest::Waits { wait, since_us };
            self.worker.tell_parent(number, waits)?;
        }
        Ok(())
    }

    fn has_lock(&mut self) -> Result<(), NoAnswer> {
        let has_waited = self.wait.take().is_some();
        if has_waited && self.worker.args.tells_times {
            let at_us = now_us();
            let number = self.assignment.number;
            self.worker
                .tell_parent(number, ShareRequest::HasLock { at_us })?;
        }
        Ok(())
    }
}
